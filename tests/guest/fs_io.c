/* Opening, reading and writing files: open, openat2, creat, close_range, dup, read, write and their vector and positioned forms,
 * pread64, pwrite64, lseek, truncate, fallocate, fadvise64, fsync, sendfile, splice, copy_file_range, fcntl, ioctl. */
#include "guest.h"

#include <linux/openat2.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>

static void *volatile bad = (void *)8; /* no address of ours */

static int new_file(const char *text)
{
    int fd = CHECK_OK(open("f", O_RDWR | O_CREAT | O_TRUNC, 0644));
    CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void in_dir(void) { CHECK_OK(chdir(guest_dir())); }

TEST(open_flags)
{
    in_dir();
    int fd = new_file("hello");
    CHECK_OK(close(fd));
    CHECK_ERR(close(fd), EBADF);
    CHECK_ERR(open("f", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
    CHECK_ERR(open("f", O_DIRECTORY), ENOTDIR);
    CHECK_ERR(open("none", O_RDONLY), ENOENT);
    CHECK_ERR(open("f/x", O_RDONLY), ENOTDIR);
    CHECK_ERR(open("none/", O_CREAT | O_RDWR, 0600), EISDIR);
    CHECK_ERR(open(".", O_WRONLY), EISDIR);
    CHECK_ERR(open("", O_RDONLY), ENOENT);
    CHECK_ERR(syscall(SYS_open, bad, O_RDONLY, 0), EFAULT);
    CHECK_OK(symlink("f", "l"));
    CHECK_ERR(open("l", O_NOFOLLOW), ELOOP);
    CHECK_ERR(openat(999, "f", O_RDONLY), EBADF);
    fd = CHECK_OK(open("f", O_WRONLY | O_APPEND));
    CHECK_ERR(read(fd, &fd, 1), EBADF);
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND), O_WRONLY | O_APPEND);
    CHECK_EQ(write(fd, " world", 6), 6);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
    struct stat st;
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 11);
    CHECK_OK(close(fd));
    fd = CHECK_OK((int)syscall(SYS_creat, "f", 0600));
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 0);
    CHECK_OK(close(fd));
    fd = CHECK_OK(open("f", O_PATH));
    CHECK_ERR(read(fd, &st, 1), EBADF);
    CHECK_ERR(fchmod(fd, 0600), EBADF);
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
    char name[64];
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    int again = CHECK_OK(open(name, O_RDWR));
    CHECK_EQ(write(again, "x", 1), 1);
}

TEST(open_umask_and_mode)
{
    in_dir();
    umask(027);
    struct stat st;
    int fd = CHECK_OK(open("m", O_CREAT | O_RDONLY, 0777));
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_mode & 07777, 0750);
    CHECK_EQ(umask(0), 027);
    fd = CHECK_OK(open("ro", O_CREAT | O_RDWR, 0400)); /* its own mode does not bind the creator */
    CHECK_EQ(write(fd, "x", 1), 1);
}

TEST(open_tmpfile)
{
    in_dir();
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    if (fd < 0 && errno == EOPNOTSUPP)
        SKIP("no O_TMPFILE on this file system");
    CHECK_OK(fd);
    CHECK_EQ(write(fd, "abc", 3), 3);
    struct stat st;
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_nlink, 0);
    char name[64];
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    CHECK_OK(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    CHECK_OK(stat("named", &st));
    CHECK_EQ(st.st_size, 3);
    CHECK_ERR(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
}

static int openat2_(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

TEST(openat2_resolve)
{
    in_dir();
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(close(CHECK_OK(creat("d/f", 0644))));
    CHECK_OK(symlink("../out", "d/up"));
    CHECK_OK(symlink("/f", "d/abs"));
    int dir = CHECK_OK(open("d", O_DIRECTORY | O_RDONLY));
    CHECK_OK(close(CHECK_OK(openat2_(dir, "f", O_RDONLY, 0, RESOLVE_BENEATH))));
    CHECK_ERR(openat2_(dir, "../d/f", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
    CHECK_ERR(openat2_(dir, "up", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
    CHECK_ERR(openat2_(dir, "abs", O_RDONLY, 0, RESOLVE_NO_SYMLINKS), ELOOP);
    CHECK_OK(close(CHECK_OK(openat2_(dir, "abs", O_RDONLY, 0, RESOLVE_IN_ROOT))));
    CHECK_OK(close(CHECK_OK(openat2_(dir, "../../f", O_RDONLY, 0, RESOLVE_IN_ROOT))));
    CHECK_ERR(openat2_(dir, "f", O_RDONLY, 0644, 0), EINVAL);
    CHECK_ERR(openat2_(dir, "f", O_RDONLY, 0, 1 << 20), EINVAL);
    CHECK_ERR(openat2_(dir, "f", 1ull << 40, 0, 0), EINVAL);
    struct open_how how = {.flags = O_RDONLY};
    CHECK_ERR(syscall(SYS_openat2, dir, "f", &how, 8), EINVAL);
    CHECK_ERR(openat2_(AT_FDCWD, "/proc/self/exe", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS), ELOOP);
}

TEST(read_write_positions)
{
    in_dir();
    int fd = new_file("0123456789");
    char b[32] = "";
    CHECK_EQ(read(fd, b, 4), 4);
    CHECK_EQ(memcmp(b, "0123", 4), 0);
    CHECK_EQ(pread(fd, b, 4, 8), 2);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
    CHECK_EQ(pwrite(fd, "AB", 2, 0), 2);
    CHECK_EQ(lseek(fd, -1, SEEK_END), 9);
    CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_ERR(lseek(fd, 0, 99), EINVAL);
    CHECK_EQ(read(fd, b, 10), 1);
    CHECK_EQ(read(fd, b, 10), 0);
    CHECK_ERR(pread(fd, b, 1, -1), EINVAL);
    CHECK_EQ(read(fd, bad, 1), 0); /* at the end nothing is copied */
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_ERR(read(fd, bad, 1), EFAULT);
    CHECK_ERR(write(fd, bad, 1), EFAULT);
    CHECK_EQ(lseek(fd, 20, SEEK_SET), 20); /* a hole */
    CHECK_EQ(write(fd, "z", 1), 1);
    CHECK_EQ(pread(fd, b, 32, 9), 12);
    CHECK_EQ(b[1], 0);
    CHECK_ERR(read(999, b, 1), EBADF);
    int d = CHECK_OK(open(".", O_RDONLY));
    CHECK_ERR(read(d, b, 1), EISDIR);
    int p[2];
    CHECK_OK(pipe(p));
    CHECK_ERR(lseek(p[0], 0, SEEK_CUR), ESPIPE);
    CHECK_ERR(pread(p[0], b, 1, 0), ESPIPE);
    CHECK_ERR(pwrite(p[1], b, 1, 0), ESPIPE);
}

TEST(vectors)
{
    in_dir();
    int fd = new_file("");
    char a[3], b[5];
    struct iovec w[3] = {{(void *)"ab", 2}, {(void *)"", 0}, {(void *)"cdef", 4}},
                 r[2] = {{a, 3}, {b, 5}};
    CHECK_EQ(writev(fd, w, 3), 6);
    CHECK_EQ(preadv(fd, r, 2, 0), 6);
    CHECK_EQ(memcmp(a, "abc", 3), 0);
    CHECK_EQ(memcmp(b, "def", 3), 0);
    CHECK_EQ(pwritev(fd, w, 1, 4), 2);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
    CHECK_EQ(lseek(fd, 1, SEEK_SET), 1);
    CHECK_EQ(readv(fd, r, 1), 3);
    CHECK_EQ(preadv2(fd, r, 2, -1, 0), 2);
    CHECK_EQ(pwritev2(fd, w, 1, 0, RWF_APPEND), 2);
    struct stat st;
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 8);
    CHECK_ERR(preadv2(fd, r, 1, 0, 0x40000000), EOPNOTSUPP);
    CHECK_ERR(syscall(SYS_readv, fd, r, -1), EINVAL);
    CHECK_ERR(syscall(SYS_readv, fd, r, 1025), EINVAL);
    CHECK_EQ(readv(fd, r, 0), 0);
    struct iovec big = {a, (size_t)-1};
    CHECK_ERR(readv(fd, &big, 1), EINVAL);
    CHECK_ERR(readv(fd, bad, 1), EFAULT);
    struct iovec half[2] = {{a, 2}, {bad, 2}};
    CHECK_EQ(preadv(fd, half, 2, 0), 2); /* as far as it went */
}

TEST(duplicates)
{
    in_dir();
    int fd = new_file("0123456789");
    int d = CHECK_OK(dup(fd));
    CHECK_EQ(lseek(d, 3, SEEK_SET), 3);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 3); /* one open file */
    CHECK_EQ(dup2(fd, 50), 50);
    CHECK_EQ(dup2(fd, fd), fd);
    CHECK_ERR(dup2(999, 999), EBADF);
    CHECK_ERR(dup2(fd, -1), EBADF);
    CHECK_ERR(dup3(fd, fd, 0), EINVAL);
    CHECK_ERR(dup3(fd, 51, 1), EINVAL);
    CHECK_EQ(dup3(fd, 51, O_CLOEXEC), 51);
    CHECK_EQ(fcntl(51, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(50, F_GETFD), 0);
    CHECK_EQ(fcntl(fd, F_DUPFD, 60), 60);
    CHECK_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 60), 61);
    CHECK_OK(fcntl(50, F_SETFD, FD_CLOEXEC));
    CHECK_EQ(fcntl(50, F_GETFD), FD_CLOEXEC);
    CHECK_OK(syscall(SYS_close_range, 60, 70, 4)); /* CLOEXEC */
    CHECK_EQ(fcntl(60, F_GETFD), FD_CLOEXEC);
    CHECK_OK(syscall(SYS_close_range, 50, ~0u, 0));
    CHECK_ERR(fcntl(51, F_GETFD), EBADF);
    CHECK_ERR(syscall(SYS_close_range, 5, 4, 0), EINVAL);
    struct rlimit rl = {20, 20};
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &rl));
    CHECK_ERR(fcntl(fd, F_DUPFD, 20), EINVAL);
    CHECK_ERR(dup2(fd, 20), EBADF);
    while (dup(fd) >= 0)
        ;
    CHECK_EQ(errno, EMFILE);
    CHECK_ERR(open("never", O_CREAT | O_RDWR, 0600), EMFILE);
    CHECK_ERR(access("never", F_OK), ENOENT);
}

TEST(sizes)
{
    in_dir();
    int fd = new_file("0123456789");
    struct stat st;
    CHECK_OK(ftruncate(fd, 4));
    CHECK_OK(truncate("f", 6));
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 6);
    char b[8];
    CHECK_EQ(pread(fd, b, 8, 0), 6);
    CHECK_EQ(memcmp(b, "0123\0\0", 6), 0);
    CHECK_ERR(ftruncate(fd, -1), EINVAL);
    CHECK_ERR(truncate(".", 0), EISDIR);
    CHECK_ERR(truncate("none", 0), ENOENT);
    int ro = CHECK_OK(open("f", O_RDONLY));
    CHECK_ERR(ftruncate(ro, 0), EINVAL);
    int r = fallocate(fd, 0, 0, 100);
    if (r < 0) {
        CHECK_EQ(errno, EOPNOTSUPP);
    } else {
        CHECK_OK(fstat(fd, &st));
        CHECK_EQ(st.st_size, 100);
    }
    CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
    CHECK_ERR(fallocate(ro, 0, 0, 1), EBADF);
    CHECK_OK(fsync(fd));
    CHECK_OK(fdatasync(fd));
    CHECK_OK(syncfs(fd));
    sync();
    CHECK_OK(sync_file_range(fd, 0, 10, SYNC_FILE_RANGE_WRITE));
    CHECK_ERR(sync_file_range(fd, -1, 10, 0), EINVAL);
    CHECK_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED), 0);
    CHECK_EQ(syscall(SYS_fadvise64, fd, 0, 0, 99) == -1 ? errno : 0, EINVAL);
    CHECK_OK(readahead(fd, 0, 4096));
    int p[2];
    CHECK_OK(pipe(p));
    CHECK_ERR(fsync(p[0]), EINVAL);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit rl = {50, 50};
    CHECK_OK(ftruncate(fd, 0));
    CHECK_OK(setrlimit(RLIMIT_FSIZE, &rl));
    char big[80] = "";
    CHECK_EQ(write(fd, big, 1), 1);
    CHECK_EQ(pwrite(fd, big, 80, 0), 50);
    CHECK_ERR(pwrite(fd, big, 1, 50), EFBIG);
    CHECK_ERR(ftruncate(fd, 51), EFBIG);
}

TEST(fcntl_flags)
{
    in_dir();
    int fd = new_file("0123456789");
    CHECK_OK(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_CREAT));
    CHECK_EQ(fcntl(fd, F_GETFL) & ~O_LARGEFILE & ~0100000, O_RDWR | O_APPEND | O_NONBLOCK);
    int on = 0, n = -1;
    CHECK_OK(ioctl(fd, FIONBIO, &on));
    CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    CHECK_EQ(lseek(fd, 4, SEEK_SET), 4);
    CHECK_OK(ioctl(fd, FIONREAD, &n));
    CHECK_EQ(n, 6);
    CHECK_OK(ioctl(fd, FIOCLEX));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_OK(ioctl(fd, FIONCLEX));
    CHECK_EQ(fcntl(fd, F_GETFD), 0);
    CHECK_ERR(ioctl(fd, TCGETS, &n), ENOTTY);
    CHECK_ERR(ioctl(999, FIONREAD, &n), EBADF);
    CHECK_ERR(fcntl(fd, 9999), EINVAL);
    CHECK_OK(fcntl(fd, F_SETOWN, getpid()));
    CHECK_EQ(fcntl(fd, F_GETOWN), getpid());
    CHECK_OK(fcntl(fd, F_SETSIG, SIGUSR1));
    CHECK_EQ(fcntl(fd, F_GETSIG), SIGUSR1);
    CHECK_ERR(fcntl(fd, F_GETPIPE_SZ), EBADF);
}

TEST(copies)
{
    in_dir();
    int fd = new_file("0123456789"), out = CHECK_OK(open("out", O_CREAT | O_RDWR, 0644)), p[2];
    char b[16];
    off_t off = 2;
    CHECK_EQ(sendfile(out, fd, &off, 5), 5);
    CHECK_EQ(off, 7);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
    CHECK_EQ(sendfile(out, fd, NULL, 100), 10);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
    CHECK_EQ(pread(out, b, 16, 0), 15);
    CHECK_EQ(memcmp(b, "234560123456789", 15), 0);
    CHECK_OK(pipe(p));
    loff_t at = 1;
    CHECK_EQ(splice(fd, &at, p[1], NULL, 4, 0), 4);
    CHECK_EQ(at, 5);
    int q[2];
    CHECK_OK(pipe(q));
    CHECK_EQ(tee(p[0], q[1], 100, 0), 4);
    CHECK_EQ(read(q[0], b, 16), 4);
    CHECK_EQ(memcmp(b, "1234", 4), 0);
    at = 0;
    CHECK_EQ(splice(p[0], NULL, out, &at, 100, 0), 4);
    CHECK_EQ(pread(out, b, 6, 0), 6);
    CHECK_EQ(memcmp(b, "123460", 6), 0);
    CHECK_ERR(splice(fd, NULL, out, NULL, 1, 0), EINVAL);
    CHECK_ERR(splice(p[0], &at, out, NULL, 1, 0), ESPIPE);
    CHECK_ERR(splice(p[0], NULL, out, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
    struct iovec iov = {(void *)"spliced", 7};
    CHECK_EQ(vmsplice(p[1], &iov, 1, 0), 7);
    CHECK_EQ(read(p[0], b, 16), 7);
    CHECK_ERR(vmsplice(fd, &iov, 1, 0), EBADF);
    loff_t from = 3, to = 20;
    CHECK_EQ(copy_file_range(fd, &from, out, &to, 4, 0), 4);
    CHECK_EQ(pread(out, b, 16, 20), 4);
    CHECK_EQ(memcmp(b, "3456", 4), 0);
    CHECK_ERR(copy_file_range(fd, NULL, out, NULL, 1, 1), EINVAL);
    from = 0;
    to = 2;
    CHECK_ERR(copy_file_range(fd, &from, fd, &to, 4, 0), EINVAL);
}

TEST(large_pipe_write_waits)
{
    int p[2];
    CHECK_OK(pipe(p));
    pid_t pid = CHECK_OK(fork());
    enum { N = 300000 };
    char *buf = calloc(1, N);
    CHECK(buf);
    if (pid == 0) {
        close(p[0]);
        _exit(write(p[1], buf, N) == N ? 0 : 1); /* whole, over many waits */
    }
    close(p[1]);
    long total = 0, n;
    while ((n = CHECK_OK(read(p[0], buf, 7000))) > 0)
        total += n;
    CHECK_EQ(total, N);
    check_child(pid, 0);
}

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif

TEST(rwf_noappend)
{
    char buf[8];
    struct iovec v = {(void *)"xy", 2};
    CHECK_OK(chdir(guest_dir()));
    int fd = CHECK_OK(open("f", O_CREAT | O_RDWR | O_APPEND, 0666));
    CHECK_EQ(write(fd, "abcd", 4), 4);
    if (pwritev2(fd, &v, 1, 1, RWF_NOAPPEND) < 0 && errno == EOPNOTSUPP)
        SKIP("an older kernel");
    CHECK_EQ(pread(fd, buf, 8, 0), 4);
    CHECK_EQ(memcmp(buf, "axyd", 4), 0);
    CHECK_EQ(pwritev2(fd, &v, 1, 0, 0), 2);
    CHECK_EQ(pread(fd, buf, 8, 0), 6);
    CHECK_EQ(memcmp(buf, "axydxy", 6), 0);
    CHECK_ERR(pwritev2(fd, &v, 1, 0, RWF_APPEND | RWF_NOAPPEND), EINVAL);
}

enum { LARGE = 1 << 20, LARGE_PAGE = 4096 };

static unsigned char *fresh(size_t size)
{
    return CHECK_OK(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

/* Byte i of the file that the next cases read. */
static unsigned char large_byte(size_t i) { return (unsigned char)(i * 7 + i / 4096); }

static int large_file(void)
{
    in_dir();
    unsigned char *text = fresh(LARGE);
    for (size_t i = 0; i < LARGE; i++)
        text[i] = large_byte(i);
    int fd = CHECK_OK(open("large", O_RDWR | O_CREAT | O_TRUNC, 0644));
    CHECK_EQ(write(fd, text, LARGE), LARGE);
    CHECK_OK(munmap(text, LARGE));
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void check_large(const unsigned char *p, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != large_byte(from + i))
            FAIL("byte %zu is %u", from + i, p[i]);
}

TEST(large_read_into_fresh_memory)
{
    int fd = large_file();
    unsigned char *p = fresh(4 * LARGE), there[4 * LARGE / LARGE_PAGE];
    CHECK_EQ(read(fd, p, 4 * LARGE), LARGE);
    check_large(p, 0, LARGE);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), LARGE);
    CHECK_OK(mincore(p, 4 * LARGE, there));
    CHECK(!(there[2 * LARGE / LARGE_PAGE] & 1) && !(there[4 * LARGE / LARGE_PAGE - 1] & 1));
    CHECK_EQ(read(fd, p, LARGE), 0);
    CHECK_OK(madvise(p, LARGE, MADV_DONTNEED));
    CHECK_EQ(pread(fd, p + 100, LARGE, 1000), LARGE - 1000);
    check_large(p + 100, 1000, LARGE - 1000);
    unsigned char *q = fresh(2 * LARGE);
    struct iovec v[2] = {{q, LARGE / 2}, {q + LARGE, LARGE}};
    CHECK_EQ(preadv(fd, v, 2, 0), LARGE);
    check_large(q, 0, LARGE / 2);
    check_large(q + LARGE, LARGE / 2, LARGE / 2);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        CHECK_EQ(pread(fd, q, LARGE, 0), LARGE);
        check_large(q, 0, LARGE);
        _exit(0);
    }
    CHECK_EQ(pread(fd, q, LARGE / 2, LARGE / 2), LARGE / 2);
    check_large(q, LARGE / 2, LARGE / 2);
    check_child(pid, 0);
}

TEST(large_read_into_what_cannot_be_written)
{
    int fd = large_file();
    unsigned char *p = fresh(LARGE);
    CHECK_OK(mprotect(p + LARGE / 2, LARGE / 2, PROT_READ));
    CHECK_EQ(pread(fd, p, LARGE, 0), LARGE / 2);
    check_large(p, 0, LARGE / 2);
    CHECK_ERR(pread(fd, p + LARGE / 2, LARGE / 2, 0), EFAULT);
    CHECK_OK(munmap(p + LARGE / 4, LARGE / 4));
    CHECK_EQ(pread(fd, p, LARGE, 0), LARGE / 4);
    CHECK_ERR(pread(fd, p + LARGE / 4, LARGE, 0), EFAULT);
    int ro = CHECK_OK(open("large", O_RDONLY));
    unsigned char *m = CHECK_OK(mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0));
    CHECK_EQ(pread(fd, m, LARGE - 4096, 4096), LARGE - 4096);
    check_large(m, 4096, LARGE - 4096);
    check_large(m + LARGE - 4096, LARGE - 4096, 4096);
}

static volatile sig_atomic_t large_ticks;
static void large_tick(int sig)
{
    (void)sig;
    large_ticks++;
}

static void *large_reader(void *arg)
{
    int fd = *(int *)arg;
    for (int i = 0; i < 100; i++) {
        unsigned char *p = fresh(LARGE);
        size_t from = (size_t)i * 4096;
        CHECK_EQ(pread(fd, p, LARGE, (off_t)from), LARGE - (ssize_t)from);
        check_large(p, from, LARGE - from);
        CHECK_OK(munmap(p, LARGE));
    }
    return NULL;
}

/* A regular file is read whole whatever signals come, and whatever other threads do to the memory map. */
TEST(large_reads_under_signals)
{
    int fd = large_file();
    struct sigaction sa = {.sa_handler = large_tick};
    CHECK_OK(sigaction(SIGALRM, &sa, NULL));
    struct itimerval every = {{0, 300}, {0, 300}};
    CHECK_OK(setitimer(ITIMER_REAL, &every, NULL));
    pthread_t other;
    CHECK_EQ(pthread_create(&other, NULL, large_reader, &fd), 0);
    (void)large_reader(&fd);
    CHECK_EQ(pthread_join(other, NULL), 0);
    CHECK(large_ticks > 0);
}
