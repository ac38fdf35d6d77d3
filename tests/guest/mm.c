/* Memory maps: mmap, munmap, mprotect, mremap, brk, madvise, msync, mincore, mlock, mlock2, pkey_mprotect and kernel copies to and from them. */
#include "guest.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define P    4096UL
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static sigjmp_buf fault_jump;
static volatile int fault_signo, fault_code;

static void on_fault(int signo, siginfo_t *info, void *ctx)
{
    fault_signo = signo;
    fault_code = info->si_code;
    siglongjmp(fault_jump, 1);
}

static void catch_faults(void)
{
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    CHECK_OK(sigaction(SIGSEGV, &sa, NULL));
    CHECK_OK(sigaction(SIGBUS, &sa, NULL));
}

/* The signal that touching p gives, or 0. */
static int touch(volatile char *p, bool write)
{
    fault_signo = 0;
    if (sigsetjmp(fault_jump, 1) == 0) {
        if (write)
            *p = 1;
        else
            (void)*p;
    }
    return fault_signo;
}

static char *map(size_t pages) { return CHECK_OK(mmap(NULL, pages * P, RW, ANON, -1, 0)); }

TEST(anonymous_is_zero_and_private)
{
    char *p = map(4);
    for (size_t i = 0; i < 4 * P; i++)
        CHECK_EQ(p[i], 0);
    p[0] = 1;
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        CHECK_EQ(p[0], 1);
        p[0] = 2;
        _exit(0);
    }
    check_child(pid, 0);
    CHECK_EQ(p[0], 1);
}

TEST(shared_anonymous_is_shared_over_fork)
{
    int *p = CHECK_OK(mmap(NULL, 2 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        p[0] = 7;
        p[1024] = 8;
        _exit(0);
    }
    check_child(pid, 0);
    CHECK_EQ(p[0], 7);
    CHECK_EQ(p[1024], 8);
}

TEST(bad_arguments)
{
    CHECK_ERR((long)mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
    CHECK_ERR((long)mmap(NULL, P, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERR((long)mmap(NULL, P, RW, MAP_PRIVATE, -1, 0), EBADF);
    CHECK_ERR((long)mmap((void *)(P + 1), P, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
    CHECK_ERR(syscall(SYS_mmap, 0, P, RW, MAP_PRIVATE, 0, 1), EINVAL);
    CHECK_ERR((long)mmap(NULL, ~0UL, RW, ANON, -1, 0), ENOMEM);
    CHECK_ERR((long)mmap(NULL, 1UL << 47, RW, ANON, -1, 0), ENOMEM);
    char *p = map(3);
    CHECK_ERR(munmap(p + 1, P), EINVAL);
    CHECK_ERR(munmap(p, 0), EINVAL);
    CHECK_OK(munmap(p + P, P));
    CHECK_OK(munmap(p + P, P)); /* nothing there is fine */
    CHECK_ERR(mprotect(p, 3 * P, PROT_READ), ENOMEM);
    CHECK_ERR(mprotect(p + 1, P, PROT_READ), EINVAL);
    CHECK_OK(mprotect(p + P, 0, PROT_READ));
    CHECK_ERR(madvise(p, P, 77), EINVAL);
    CHECK_ERR(madvise(p, 3 * P, MADV_NORMAL), ENOMEM);
    CHECK_ERR(msync(p, P, MS_SYNC | MS_ASYNC), EINVAL);
    CHECK_ERR(msync(p, 3 * P, MS_SYNC), ENOMEM);
    CHECK_ERR((long)mremap(p + P, P, P, 0), EFAULT);
    CHECK_ERR((long)mremap(p, P, 0, 0), EINVAL);
}

TEST(fixed_replaces_noreplace_refuses)
{
    char *p = map(4);
    memset(p, 1, 4 * P);
    CHECK(mmap(p + P, P, RW, ANON | MAP_FIXED, -1, 0) == p + P);
    CHECK_EQ(p[P - 1], 1);
    CHECK_EQ(p[P], 0);
    CHECK_EQ(p[2 * P], 1);
    CHECK_ERR((long)mmap(p, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    CHECK_OK(munmap(p, P));
    CHECK(mmap(p, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p);
    CHECK(mmap(p, P, RW, ANON, -1, 0) != p); /* a hint that is taken */
    CHECK_OK(munmap(p, 4 * P));
    CHECK(mmap(p, P, RW, ANON, -1, 0) == p); /* and one that is free */
}

TEST(protection)
{
    catch_faults();
    char *p = map(3);
    memset(p, 5, 3 * P);
    CHECK_OK(mprotect(p + P, P, PROT_READ));
    CHECK_EQ(touch(p + P, false), 0);
    CHECK_EQ(touch(p + P, true), SIGSEGV);
    CHECK_EQ(fault_code, SEGV_ACCERR);
    CHECK_EQ(touch(p + 2 * P, true), 0);
    CHECK_OK(mprotect(p, 3 * P, PROT_NONE));
    CHECK_EQ(touch(p, false), SIGSEGV);
    CHECK_OK(mprotect(p, 3 * P, RW));
    CHECK_EQ(p[P], 5);
    CHECK_OK(munmap(p + P, P));
    CHECK_EQ(touch(p + P, false), SIGSEGV);
    CHECK_EQ(fault_code, SEGV_MAPERR);
}

TEST(kernel_copies_respect_protection)
{
    int fd[2];
    CHECK_OK(pipe(fd));
    char *p = map(2);
    CHECK_OK(write(fd[1], "abcdefgh", 8));
    CHECK_OK(mprotect(p, P, PROT_READ));
    CHECK_ERR(read(fd[0], p, 4), EFAULT);
    CHECK_OK(mprotect(p, P, PROT_NONE));
    CHECK_ERR(write(fd[1], p, 4), EFAULT);
    CHECK_ERR(read(fd[0], (void *)(1UL << 62), 4), EFAULT);
    CHECK_OK(munmap(p, 2 * P));
    CHECK_ERR(write(fd[1], p, 4), EFAULT);
    CHECK_ERR(open(p, O_RDONLY), EFAULT);
}

TEST(file_mappings)
{
    char path[100], buf[16];
    snprintf(path, sizeof(path), "%s/f", guest_dir());
    int fd = CHECK_OK(open(path, O_RDWR | O_CREAT, 0600));
    CHECK_OK(ftruncate(fd, 2 * P + 10));
    CHECK_EQ(pwrite(fd, "hello", 5, P), 5);
    char *priv = CHECK_OK(mmap(NULL, 3 * P, RW, MAP_PRIVATE, fd, 0));
    char *shared = CHECK_OK(mmap(NULL, 3 * P, RW, MAP_SHARED, fd, 0));
    CHECK_EQ(memcmp(priv + P, "hello", 5), 0);
    priv[P] = 'X';
    shared[P + 1] = 'Y';
    CHECK_EQ(pread(fd, buf, 5, P), 5);
    CHECK_EQ(memcmp(buf, "hYllo", 5), 0);
    CHECK_EQ(pwrite(fd, "Z", 1, 5), 1);
    CHECK_EQ(shared[5], 'Z');
    CHECK_EQ(shared[2 * P + 10], 0); /* beyond the end, within the page */
    CHECK_OK(msync(shared, 3 * P, MS_SYNC));
    catch_faults();
    CHECK_OK(ftruncate(fd, P));
    CHECK_EQ(touch(shared + P, false), SIGBUS);
    int ro = CHECK_OK(open(path, O_RDONLY));
    CHECK_ERR((long)mmap(NULL, P, RW, MAP_SHARED, ro, 0), EACCES);
    char *r = CHECK_OK(mmap(NULL, P, PROT_READ, MAP_SHARED, ro, 0));
    CHECK_ERR(mprotect(r, P, RW), EACCES);
    CHECK_OK(mmap(NULL, P, RW, MAP_PRIVATE, ro, 0));
    int wo = CHECK_OK(open(path, O_WRONLY));
    CHECK_ERR((long)mmap(NULL, P, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
    int pipes[2];
    CHECK_OK(pipe(pipes));
    CHECK_ERR((long)mmap(NULL, P, PROT_READ, MAP_PRIVATE, pipes[0], 0), ENODEV);
    CHECK_OK(close(fd));
    CHECK_EQ(shared[5], 'Z'); /* the mapping keeps the file */
}

TEST(file_offset)
{
    char path[100];
    snprintf(path, sizeof(path), "%s/f", guest_dir());
    int fd = CHECK_OK(open(path, O_RDWR | O_CREAT, 0600));
    for (int i = 0; i < 8; i++) {
        char page[P];
        memset(page, 'a' + i, P);
        CHECK_EQ(write(fd, page, P), P);
    }
    char *p = CHECK_OK(mmap(NULL, 4 * P, PROT_READ, MAP_PRIVATE, fd, 3 * P));
    CHECK_EQ(p[0], 'd');
    CHECK_EQ(p[3 * P], 'g');
    CHECK_OK(munmap(p + P, P));
    CHECK_EQ(p[2 * P], 'f');
    char *q = CHECK_OK(mremap(p + 2 * P, 2 * P, 3 * P, MREMAP_MAYMOVE));
    CHECK_EQ(q[0], 'f');
    CHECK_EQ(q[2 * P], 'h');
}

TEST(remap)
{
    char *p = map(16);
    CHECK_OK(munmap(p + 4 * P, 12 * P));
    memset(p, 3, 4 * P);
    CHECK(mremap(p, 4 * P, 8 * P, 0) == p); /* there is room */
    CHECK_EQ(p[4 * P - 1], 3);
    CHECK_EQ(p[4 * P], 0);
    CHECK(mremap(p, 8 * P, 2 * P, 0) == p);
    CHECK(mmap(p + 2 * P, P, RW, ANON | MAP_FIXED, -1, 0) == p + 2 * P);
    CHECK_OK(mprotect(p + 2 * P, P, PROT_READ));
    CHECK_ERR((long)mremap(p, 2 * P, 8 * P, 0), ENOMEM);
    char *q = CHECK_OK(mremap(p, 2 * P, 8 * P, MREMAP_MAYMOVE));
    CHECK(q != p);
    CHECK_EQ(q[2 * P - 1], 3);
    catch_faults();
    CHECK_EQ(touch(p, false), SIGSEGV);
    char *to = map(4);
    CHECK(mremap(q, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
    CHECK_EQ(to[0], 3);
    CHECK_EQ(touch(q, false), SIGSEGV);
    CHECK_EQ(touch(q + 2 * P, false), 0);
    CHECK_ERR((long)mremap(to, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, to + P), EINVAL);
    char *s = CHECK_OK(mmap(NULL, P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    char *copy = CHECK_OK(mremap(s, 0, P, MREMAP_MAYMOVE));
    s[0] = 9;
    CHECK_EQ(copy[0], 9);
}

TEST(remap_of_several_regions)
{
    char *p = map(4), *to = map(4);
    memset(p, 3, 4 * P);
    CHECK_OK(mprotect(p + 2 * P, 2 * P, PROT_READ)); /* two regions */
    /* What is beyond the new length goes first, whatever it belongs to. */
    CHECK(mremap(p, 4 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
    CHECK_EQ(to[2 * P - 1], 3);
    catch_faults();
    CHECK_EQ(touch(p, false), SIGSEGV);
    CHECK_EQ(touch(p + 2 * P, false), SIGSEGV);
    CHECK_EQ(touch(p + 3 * P, false), SIGSEGV);
    p = map(4);
    CHECK_OK(mprotect(p + 2 * P, 2 * P, PROT_READ));
    CHECK_ERR((long)mremap(p, 4 * P, 8 * P, MREMAP_MAYMOVE), EFAULT);
    CHECK(mremap(p, 4 * P, P, 0) == p);
    CHECK_EQ(touch(p + P, false), SIGSEGV);
}

TEST(growing_by_remap_many_times)
{
    size_t n = 1;
    char *p = map(n);
    p[0] = 42;
    for (; n < 4096; n *= 2) {
        p = CHECK_OK(mremap(p, n * P, 2 * n * P, MREMAP_MAYMOVE));
        CHECK_EQ(p[0], 42);
        p[2 * n * P - 1] = 1;
    }
}

TEST(brk_moves)
{
    char *start = CHECK_OK(sbrk(0));
    CHECK_OK(brk(start + 3 * P + 5));
    start[3 * P + 4] = 1;
    CHECK_EQ(start[100], 0);
    CHECK(sbrk(0) == start + 3 * P + 5);
    CHECK_OK(brk(start));
    CHECK_OK(brk(start + 2 * P));
    CHECK_EQ(start[P + P / 2], 0);
    CHECK_EQ(syscall(SYS_brk, 0), (long)start + 2 * (long)P);
    CHECK_EQ(syscall(SYS_brk, 1UL << 62), (long)start + 2 * (long)P);
}

TEST(madvise_dontneed)
{
    char *p = map(4);
    memset(p, 1, 4 * P);
    CHECK_OK(madvise(p + P, P, MADV_DONTNEED));
    CHECK_EQ(p[P], 0);
    CHECK_EQ(p[0], 1);
    CHECK_EQ(p[2 * P], 1);
    CHECK_OK(madvise(p, 4 * P, MADV_FREE));
    CHECK_OK(madvise(p, 4 * P, MADV_WILLNEED));
    CHECK_OK(madvise(p, 4 * P, MADV_HUGEPAGE));
    char *s = CHECK_OK(mmap(NULL, P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    s[0] = 5;
    CHECK_OK(madvise(s, P, MADV_DONTNEED));
    CHECK_EQ(s[0], 5);
    CHECK_ERR(madvise(s, P, MADV_FREE), EINVAL);
    CHECK_OK(madvise(s, P, MADV_REMOVE));
    CHECK_EQ(s[0], 0);
    CHECK_ERR(madvise(p, P, MADV_REMOVE), EINVAL);
}

TEST(madvise_fork_flags)
{
    char *p = map(3);
    memset(p, 1, 3 * P);
    CHECK_OK(madvise(p + P, P, MADV_DONTFORK));
    CHECK_OK(madvise(p + 2 * P, P, MADV_WIPEONFORK));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        catch_faults();
        CHECK_EQ(p[0], 1);
        CHECK_EQ(touch(p + P, false), SIGSEGV);
        CHECK_EQ(p[2 * P], 0);
        CHECK(mmap(p + P, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + P);
        _exit(0);
    }
    check_child(pid, 0);
}

TEST(mincore_says_resident)
{
    unsigned char vec[4];
    char *p = map(4);
    p[P] = 1;
    CHECK_OK(mincore(p, 4 * P, vec));
    CHECK_EQ(vec[1] & 1, 1);
    CHECK_EQ(vec[2] & 1, 0);
    CHECK_ERR(mincore(p + 1, P, vec), EINVAL);
    CHECK_ERR(mincore(p, P, (void *)8), EFAULT);
    CHECK_OK(munmap(p + P, P));
    CHECK_ERR(mincore(p, 4 * P, vec), ENOMEM);
}

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

static int resident(char *p, size_t pages)
{
    unsigned char vec[64];
    int n = 0;
    CHECK_OK(mincore(p, pages * P, vec));
    for (size_t i = 0; i < pages; i++)
        n += vec[i] & 1;
    return n;
}

TEST(populate)
{
    char *p = map(4);
    CHECK_EQ(resident(p, 4), 0);
    CHECK_OK(madvise(p, 2 * P, MADV_POPULATE_WRITE));
    CHECK_EQ(resident(p, 4), 2);
    CHECK_OK(madvise(p, 4 * P, MADV_POPULATE_READ));
    CHECK_EQ(resident(p, 4), 4);
    CHECK_OK(mprotect(p, 4 * P, PROT_NONE));
    CHECK_ERR(madvise(p, P, MADV_POPULATE_READ), EINVAL);
    CHECK_OK(mprotect(p, 4 * P, PROT_READ));
    CHECK_ERR(madvise(p, P, MADV_POPULATE_WRITE), EINVAL);
    CHECK_OK(munmap(p + P, P));
    CHECK_ERR(madvise(p, 4 * P, MADV_POPULATE_READ), ENOMEM);
    p = CHECK_OK(mmap(NULL, 4 * P, RW, ANON | MAP_POPULATE, -1, 0));
    CHECK_EQ(resident(p, 4), 4);
    CHECK_OK(madvise(p, 4 * P, MADV_COLD));
    CHECK_OK(madvise(p, 4 * P, MADV_PAGEOUT));
    if (geteuid())
        CHECK_ERR(madvise(p, 4 * P, 100 /* MADV_HWPOISON */), EPERM);
}

TEST(locked_memory_is_there)
{
    char *p = map(4), *q = map(4);
    CHECK_OK(mlock(p + P + 5, 1));
    CHECK_EQ(resident(p, 4), 1);
    CHECK_OK((int)syscall(SYS_mlock2, q, 4 * P, 1 /* MLOCK_ONFAULT */));
    CHECK_EQ(resident(q, 4), 0);
    CHECK_ERR(madvise(p + P, P, MADV_DONTNEED), EINVAL);
    CHECK_ERR(madvise(p + P, P, MADV_COLD), EINVAL);
    CHECK_ERR(msync(p + P, P, MS_INVALIDATE), EBUSY);
    CHECK_OK(munlock(p, 4 * P));
    CHECK_OK(madvise(p + P, P, MADV_DONTNEED));
    CHECK_OK(mprotect(p, P, PROT_NONE));
    CHECK_ERR(mlock(p, 2 * P), ENOMEM);
    CHECK_OK(munlockall());
    CHECK_OK(mlockall(MCL_FUTURE));
    p = map(4);
    CHECK_EQ(resident(p, 4), 4);
    CHECK_OK(munlockall());
}

TEST(validated_flags)
{
    int fd = CHECK_OK(memfd_create("v", 0));
    CHECK_OK(ftruncate(fd, (off_t)P));
    CHECK_OK(mmap(NULL, P, RW, MAP_SHARED_VALIDATE, fd, 0));
    CHECK_ERR((long)mmap(NULL, P, RW, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0), EOPNOTSUPP);
    CHECK_ERR((long)mmap(NULL, P, RW, MAP_SHARED_VALIDATE | 1 << 25, fd, 0), EOPNOTSUPP);
    CHECK_OK(mmap(NULL, P, RW, MAP_SHARED | 1 << 25, fd, 0)); /* unknown, and not looked at */
    CHECK_OK(mmap(NULL, P, RW, MAP_SHARED | MAP_SYNC, fd, 0));
}

TEST(pages_in_another_order)
{
    int fd = CHECK_OK(memfd_create("r", 0));
    CHECK_OK(ftruncate(fd, (off_t)(4 * P)));
    volatile char *p = CHECK_OK(mmap(NULL, 4 * P, RW, MAP_SHARED, fd, 0));
    for (size_t i = 0; i < 4; i++)
        p[i * P] = (char)i;
    CHECK_OK((int)syscall(SYS_remap_file_pages, p, P, 0, 3, 0));
    CHECK_EQ(p[0], 3);
    CHECK_EQ(p[P], 1);
    p[0] = 9;
    CHECK_EQ(p[3 * P], 9);
    CHECK_ERR(syscall(SYS_remap_file_pages, p, P, PROT_READ, 0, 0), EINVAL);
    CHECK_ERR(syscall(SYS_remap_file_pages, p, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(syscall(SYS_remap_file_pages, p, 8 * P, 0, 0, 0), EINVAL);
    CHECK_ERR(syscall(SYS_remap_file_pages, map(1), P, 0, 0, 0), EINVAL); /* private */
    volatile char *s = CHECK_OK(mmap(NULL, 2 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    s[P] = 5;
    CHECK_OK((int)syscall(SYS_remap_file_pages, s, P, 0, 1, 0));
    CHECK_EQ(s[0], 5);
}

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

TEST(sealed_memory)
{
    char *p = map(5);
    if (syscall(SYS_mseal, p, 0, 0) < 0 && errno == ENOSYS)
        SKIP("no mseal in this kernel");
    CHECK_ERR(syscall(SYS_mseal, p + 1, P, 0), EINVAL);
    CHECK_ERR(syscall(SYS_mseal, p, P, 1), EINVAL);
    CHECK_OK(syscall(SYS_mseal, p + P, 2 * P, 0));
    CHECK_ERR(mprotect(p, 2 * P, PROT_READ), EPERM);
    CHECK_ERR(munmap(p + 2 * P, P), EPERM);
    CHECK_ERR((long)mmap(p + P, P, RW, ANON | MAP_FIXED, -1, 0), EPERM);
    CHECK_ERR((long)mremap(p + P, P, P, MREMAP_MAYMOVE | MREMAP_FIXED, map(1)), EPERM);
    CHECK_ERR((long)mremap(map(1), P, P, MREMAP_MAYMOVE | MREMAP_FIXED, p + P), EPERM);
    CHECK_OK(madvise(p + P, P, MADV_DONTNEED)); /* it could be written anyway */
    p[P] = 1;
    CHECK_OK(munmap(p + 4 * P, P));
    CHECK_ERR(syscall(SYS_mseal, p, 5 * P, 0), ENOMEM);
    char *r = map(1);
    CHECK_OK(mprotect(r, P, PROT_READ));
    CHECK_OK(syscall(SYS_mseal, r, P, 0));
    CHECK_ERR(madvise(r, P, MADV_DONTNEED), EPERM);
    CHECK_OK(syscall(SYS_mseal, r, P, 0));
}

TEST(locks)
{
    struct rlimit zero = {0, 0};
    char *p = map(4);
    CHECK_OK(mlock(p, P));
    CHECK_OK(munlock(p, 2 * P));
    CHECK_ERR(mlockall(0), EINVAL);
    CHECK_ERR(mlockall(MCL_ONFAULT), EINVAL);
    CHECK_OK(munmap(p + P, P));
    CHECK_ERR(mlock(p, 4 * P), ENOMEM);
    CHECK_OK(munlockall());
    CHECK_OK((int)syscall(SYS_mlock2, p, P, 0));
    CHECK_OK((int)syscall(SYS_mlock2, p, P, 1 /* MLOCK_ONFAULT */));
    CHECK_ERR((int)syscall(SYS_mlock2, p, P, 2), EINVAL);
    if (geteuid() == 0)
        return; /* has CAP_IPC_LOCK */
    CHECK_OK(setrlimit(RLIMIT_MEMLOCK, &zero));
    CHECK_ERR(mlock(p, P), EPERM);
}

/* Without protection keys in the CPU only the default key exists. */
TEST(protection_key_default)
{
    char *p = map(1);
    CHECK_OK((int)syscall(SYS_pkey_mprotect, p, P, PROT_READ, -1));
    CHECK_ERR((int)syscall(SYS_pkey_mprotect, p, P, PROT_READ, 99), EINVAL);
}

TEST(limit_of_address_space)
{
    struct rlimit rl = {1 << 30, RLIM_INFINITY};
    CHECK_OK(setrlimit(RLIMIT_AS, &rl));
    CHECK_ERR((long)mmap(NULL, 1UL << 31, RW, ANON, -1, 0), ENOMEM);
    CHECK_OK(mmap(NULL, 1UL << 20, RW, ANON, -1, 0));
}

static int deep(int n)
{
    volatile char buf[16384];
    buf[0] = (char)n;
    return n ? deep(n - 1) + buf[0] : 0;
}

TEST(stack_grows) { CHECK(deep(400) != -1); /* 6.5 MiB */ }

TEST(kernel_writes_into_untouched_stack)
{
    char buf[2 << 20];
    int fd[2];
    CHECK_OK(pipe(fd));
    CHECK_OK(write(fd[1], "x", 1));
    CHECK_EQ(read(fd[0], buf, sizeof(buf)), 1);
    CHECK_EQ(buf[0], 'x');
}

TEST(stack_overflow_is_a_fault)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        deep(100000);
        _exit(0);
    }
    check_child(pid, 128 + SIGSEGV);
}

TEST(low_addresses)
{
    char *p = CHECK_OK(mmap(NULL, P, RW, ANON | MAP_32BIT, -1, 0));
    CHECK((unsigned long)p < 1UL << 31);
}

TEST(many_mappings)
{
    enum { N = 3000 };
    static char *p[N];
    for (int i = 0; i < N; i++) {
        p[i] = CHECK_OK(mmap(NULL, P, i % 2 ? RW : PROT_READ, ANON, -1, 0));
        if (i % 2)
            p[i][0] = (char)i;
    }
    for (int i = 1; i < N; i += 2)
        CHECK_EQ(p[i][0], (char)i);
    for (int i = 0; i < N; i++)
        CHECK_OK(munmap(p[i], P));
}

TEST(vectors)
{
    int fd[2];
    CHECK_OK(pipe(fd));
    char a[4] = "abc", b[8] = "defghij", out[16] = "";
    struct iovec v[3] = {{a, 3}, {NULL, 0}, {b, 7}};
    CHECK_EQ(writev(fd[1], v, 3), 10);
    CHECK_EQ(read(fd[0], out, 16), 10);
    CHECK_STR(out, "abcdefghij");
    CHECK_ERR(syscall(SYS_writev, fd[1], v, 2000), EINVAL);
    v[1].iov_len = (size_t)-1;
    CHECK_ERR(writev(fd[1], v, 3), EINVAL);
    CHECK_ERR(syscall(SYS_writev, fd[1], 8, 1), EFAULT);
}

TEST(memory_of_another_process)
{
    static char word[32] = "before";
    int to[2], from[2];
    char c;
    CHECK_OK(pipe(to));
    CHECK_OK(pipe(from));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        strcpy(word, "child");
        CHECK_OK(write(from[1], "x", 1));
        CHECK_OK(read(to[0], &c, 1)); /* until the parent has written */
        _exit(strcmp(word, "parent") == 0 ? 0 : 1);
    }
    char buf[32] = "";
    struct iovec local = {buf, sizeof(buf)}, remote = {word, sizeof(word)};
    CHECK_EQ(read(from[0], &c, 1), 1);
    CHECK_EQ(process_vm_readv(pid, &local, 1, &remote, 1, 0), sizeof(word));
    CHECK_STR(buf, "child");
    strcpy(buf, "parent");
    CHECK_EQ(process_vm_writev(pid, &local, 1, &remote, 1, 0), sizeof(word));
    struct iovec bad = {(void *)P, 8};
    CHECK_ERR(process_vm_readv(pid, &local, 1, &bad, 1, 0), EFAULT);
    CHECK_ERR(process_vm_readv(pid, &local, 1, &remote, 1, 1), EINVAL);
    CHECK_ERR(process_vm_readv(1 << 21, &local, 1, &remote, 1, 0), ESRCH);
    CHECK_OK(write(to[1], "x", 1));
    check_child(pid, 0);
}

static volatile int alarms;
static void on_alarm(int signo) { alarms++; }

/* A file is mapped in several steps; a signal may come at each. */
TEST(file_mappings_under_signals)
{
    int fd = memfd_create("m", 0);
    struct itimerval often = {{0, 500}, {0, 500}}, never = {0};
    struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    CHECK_EQ(write(fd, "mapped", 6), 6);
    CHECK_OK(sigaction(SIGALRM, &sa, NULL));
    CHECK_OK(setitimer(ITIMER_REAL, &often, NULL));
    for (int i = 0; i < 3000 && alarms < 200; i++) {
        char *p = mmap(NULL, P, PROT_READ, i & 1 ? MAP_SHARED : MAP_PRIVATE, fd, 0);
        CHECK(p != MAP_FAILED && memcmp(p, "mapped", 6) == 0);
        CHECK_OK(munmap(p, P));
    }
    CHECK_OK(setitimer(ITIMER_REAL, &never, NULL));
    CHECK(alarms > 0);
}

/* kB of a line of a file of /proc/self, from the first line that begins with `from` on. */
static long proc_kb(const char *file, const char *from, const char *key)
{
    char path[64], line[512];
    bool on = !from;
    long kb = -1;
    snprintf(path, sizeof(path), "/proc/self/%s", file);
    FILE *f = fopen(path, "r");
    CHECK(f != NULL);
    while (kb < 0 && fgets(line, sizeof(line), f)) {
        on = on || !strncmp(line, from, strlen(from));
        if (on && !strncmp(line, key, strlen(key)))
            kb = atol(line + strlen(key));
    }
    fclose(f);
    return kb;
}

TEST(resident_set)
{
    const long mb = 1024;
    char *p = map(2048), range[64]; /* 8 MiB */
    struct rusage a, b;
    CHECK_OK(madvise(p, 2048 * P, MADV_NOHUGEPAGE));
    snprintf(range, sizeof(range), "%lx-", (unsigned long)p);
    long before = proc_kb("status", NULL, "VmRSS:");
    CHECK_OK(getrusage(RUSAGE_SELF, &a));
    memset(p, 1, 1024 * P);
    CHECK_OK(getrusage(RUSAGE_SELF, &b));
    CHECK(b.ru_minflt - a.ru_minflt >= 1024 && b.ru_minflt - a.ru_minflt < 3000);
    CHECK(b.ru_maxrss >= before + 4 * mb - 256);
    long after = proc_kb("status", NULL, "VmRSS:");
    CHECK(after - before > 4 * mb - 256 && after - before < 5 * mb);
    CHECK(proc_kb("status", NULL, "RssAnon:") >= 4 * mb);
    CHECK_EQ(proc_kb("smaps", range, "Rss:"), 4 * mb);
    CHECK_EQ(proc_kb("smaps", range, "Private_Dirty:"), 4 * mb);
    CHECK_OK(madvise(p, 512 * P, MADV_DONTNEED));
    CHECK_EQ(proc_kb("smaps", range, "Rss:"), 2 * mb);
    CHECK(after - proc_kb("status", NULL, "VmRSS:") > 2 * mb - 256);
    CHECK(proc_kb("status", NULL, "VmHWM:") >= after - 512);
}

TEST(resident_set_of_a_child)
{
    struct rusage u;
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        memset(map(4096), 1, 4096 * P); /* 16 MiB */
        usleep(20000);
        _exit(0);
    }
    CHECK_OK(wait4(pid, NULL, 0, &u));
    CHECK(u.ru_maxrss >= 16 * 1024 && u.ru_maxrss < 64 * 1024);
    CHECK(u.ru_minflt >= 1);
}

TEST(region_that_grows_down)
{
    catch_faults();
    char *room = map(1024);
    CHECK_OK(munmap(room, 1024 * P));
    char *top = room + 1000 * P;
    char *p = CHECK_OK(mmap(top, 4 * P, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0));
    CHECK(p == top);
    CHECK_EQ(touch(p - 1, true), 0);
    CHECK_EQ(touch(p - 20 * P, true), 0);
    CHECK_EQ(touch(p + 4 * P, false), SIGSEGV); /* not upwards */
    /* From the start of the region on, however far it has grown. */
    CHECK_OK(mprotect(p + P, P, PROT_READ | PROT_GROWSDOWN));
    CHECK_EQ(touch(p - 20 * P, true), SIGSEGV);
    CHECK_EQ(touch(p - 20 * P, false), 0);
    CHECK_EQ(touch(p + 2 * P, true), 0);
    CHECK_ERR(mprotect(map(1), P, PROT_READ | PROT_GROWSDOWN), EINVAL);
    CHECK_ERR(mprotect(p, P, PROT_READ | PROT_GROWSUP), EINVAL);
    CHECK_ERR(mprotect(p, P, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP), EINVAL);
    CHECK_ERR((long)mmap(NULL, P, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0), EINVAL);
}

TEST(limit_of_data)
{
    struct rlimit old, rl;
    CHECK_OK(getrlimit(RLIMIT_DATA, &old));
    rl = (struct rlimit){8 << 20, old.rlim_max};
    CHECK_OK(setrlimit(RLIMIT_DATA, &rl));
    CHECK_ERR((long)mmap(NULL, 16 << 20, RW, ANON, -1, 0), ENOMEM);
    char *p = CHECK_OK(
        mmap(NULL, 16 << 20, PROT_READ, ANON, -1, 0)); /* what cannot be written is not data */
    CHECK_ERR(mprotect(p, 16 << 20, RW), ENOMEM);
    CHECK_OK(mmap(NULL, 16 << 20, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    char *brk0 = CHECK_OK(sbrk(0));
    CHECK_ERR(brk(brk0 + (16 << 20)), ENOMEM);
    CHECK(sbrk(0) == brk0);
    CHECK_OK(brk(brk0 + P));
}

TEST(limit_of_locked_memory)
{
    if (geteuid() != 0)
        SKIP("drops CAP_IPC_LOCK");
    struct rlimit rl = {2 * P, 2 * P};
    CHECK_OK(setrlimit(RLIMIT_MEMLOCK, &rl));
    CHECK_OK(setresuid(65534, 65534, 65534));
    char *p = map(4);
    CHECK_OK(mlock(p, 2 * P));
    CHECK_OK(mlock(p, 2 * P)); /* counts once */
    CHECK_ERR(mlock(p + 2 * P, P), ENOMEM);
    CHECK_ERR((long)mmap(NULL, P, RW, ANON | MAP_LOCKED, -1, 0), EAGAIN);
    CHECK_ERR(mlockall(MCL_CURRENT), ENOMEM);
    CHECK_OK(munlock(p, P));
    CHECK_OK(mmap(NULL, P, RW, ANON | MAP_LOCKED, -1, 0));
    CHECK_OK(munlockall());
    CHECK_OK(mlockall(MCL_FUTURE));
    CHECK_ERR((long)mmap(NULL, 3 * P, RW, ANON, -1, 0), EAGAIN);
    rl.rlim_cur = 0;
    CHECK_OK(munlockall());
    CHECK_OK(setrlimit(RLIMIT_MEMLOCK, &rl));
    CHECK_ERR(mlock(p, P), EPERM);
}

TEST(huge_pages_that_nobody_reserved)
{
    CHECK_ERR((long)mmap(NULL, 2 << 20, RW, ANON | MAP_HUGETLB, -1, 0), ENOMEM);
    CHECK_ERR((long)mmap(NULL, 2 << 20, RW, ANON | MAP_HUGETLB | 5 << 26, -1, 0), EINVAL);
}
