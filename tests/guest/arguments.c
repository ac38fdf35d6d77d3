/* Memory that system calls' arguments name: at the end of a mapping, half there, read-only, changed by another thread meanwhile;
 * and the registers of a thread across calls. */
#include "guest.h"

#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#define PAGE 4096

/* Two pages, of which the second is not there. */
static char *edge_new(void)
{
    char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    CHECK_OK(munmap(p + PAGE, PAGE));
    return p + PAGE;
}

TEST(path_at_the_end)
{
    char *end = edge_new();
    struct stat st;
    strcpy(end - 5, "/tmp");
    CHECK_OK(stat(end - 5, &st));
    memcpy(end - 4, "/tmp", 4);
    CHECK_ERR(stat(end - 4, &st), EFAULT);
    CHECK_ERR(stat(end, &st), EFAULT);
    CHECK_ERR(stat((char *)1, &st), EFAULT);
    CHECK_ERR(stat((char *)-1, &st), EFAULT);
    CHECK_ERR(stat((char *)0x800000000000, &st), EFAULT);
    CHECK_ERR(open(end - 4, O_RDONLY), EFAULT);
    CHECK_ERR(rename("/tmp/none", end - 4), EFAULT);
}

TEST(long_paths)
{
    char *p = malloc(PAGE + 100);
    struct stat st;
    for (int n = 500; n < PAGE + 10; n += n < 4000 ? 499 : 1) {
        memset(p, '/', (size_t)n);
        p[n] = 0;
        int r = stat(p, &st);
        if (n < PAGE)
            CHECK_EQ(r, 0);
        else
            CHECK_EQ(r < 0 ? errno : 0, ENAMETOOLONG);
    }
}

TEST(structure_half_there)
{
    char *end = edge_new();
    CHECK_ERR(syscall(SYS_stat, "/tmp", end - 8), EFAULT);
    CHECK_ERR(syscall(SYS_stat, "/tmp", end), EFAULT);
    CHECK_OK(syscall(SYS_stat, "/tmp", end - sizeof(struct stat)));
    CHECK_OK(syscall(SYS_stat, "/tmp", end - sizeof(struct stat) - 3)); /* not aligned */
    struct stat st, un;
    CHECK_OK(stat("/tmp", &st));
    memcpy(&un, end - sizeof(struct stat) - 3, sizeof(un));
    CHECK_EQ(un.st_ino, st.st_ino);
    CHECK_ERR(uname((struct utsname *)(end - 100)), EFAULT);
    struct timespec *ts = (struct timespec *)(end - 8);
    CHECK_ERR(syscall(SYS_ppoll, NULL, 0, ts, NULL, 8), EFAULT);
    CHECK_ERR(pipe((int *)(end - 4)), EFAULT);
    int fds[2];
    CHECK_OK(pipe(fds));
    CHECK_EQ(fds[0] + 1, fds[1]); /* the one that failed left none open */
}

TEST(structure_read_only)
{
    char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    CHECK_ERR(syscall(SYS_stat, "/tmp", p), EFAULT);
    CHECK_ERR(syscall(SYS_getcwd, p, PAGE), EFAULT);
    int fds[2];
    CHECK_OK(pipe(fds));
    CHECK_EQ(write(fds[1], "abc", 3), 3);
    CHECK_ERR(read(fds[0], p, 3), EFAULT);
    char b[4];
    CHECK_EQ(read(fds[0], b, 4), 3); /* still there */
    CHECK(memcmp(b, "abc", 3) == 0);
    CHECK_OK(mprotect(p, PAGE, PROT_NONE));
    CHECK_ERR(write(fds[1], p, 3), EFAULT);
}

TEST(data_half_there)
{
    char *end = edge_new(), b[64];
    int fd = CHECK_OK(memfd_create("x", 0));
    memset(end - 10, 'y', 10);
    ssize_t n = write(fd, end - 10, 20); /* as much as can be read, or nothing */
    CHECK(n == 10 || (n < 0 && errno == EFAULT));
    CHECK_EQ(pwrite(fd, "0123456789abcdefghij", 20, 0), 20);
    n = pread(fd, end - 10, 20, 0);
    CHECK(n == 10 || (n < 0 && errno == EFAULT));
    if (n == 10)
        CHECK(memcmp(end - 10, "0123456789", 10) == 0);
    struct iovec v[3] = {{b, 4}, {end - 8, 8}, {b + 4, 8}};
    CHECK_EQ(preadv(fd, v, 3, 0), 20);
    CHECK(memcmp(b, "0123cdefghij", 12) == 0 && memcmp(end - 8, "456789ab", 8) == 0);
    CHECK_EQ(pwritev(fd, v, 3, 100), 20);
    CHECK_EQ(pread(fd, b, 20, 100), 20);
    CHECK(memcmp(b, "0123456789abcdefghij", 20) == 0);
    CHECK_ERR(readv(fd, (struct iovec *)(end - 8), 1), EFAULT);
}

TEST(one_buffer_twice)
{
    /* What a call has written is what it reads afterwards, and the last write stands. */
    char b[16] = "................";
    int fd = CHECK_OK(memfd_create("x", 0));
    CHECK_EQ(write(fd, "abcdefgh", 8), 8);
    struct iovec v[2] = {{b, 4}, {b + 2, 4}};
    CHECK_EQ(preadv(fd, v, 2, 0), 8);
    CHECK(memcmp(b, "abefgh", 6) == 0);
    struct pollfd p = {.fd = fd, .events = POLLIN, .revents = 0x7f};
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(p.fd, fd);
    CHECK_EQ(p.events, POLLIN);
    CHECK_EQ(p.revents, POLLIN);
}

TEST(many_sizes)
{
    int fd = CHECK_OK(memfd_create("x", 0));
    char *a = malloc(1 << 17), *b = malloc(1 << 17);
    for (int i = 0; i < 1 << 17; i++)
        a[i] = (char)(i * 7 + i / 251);
    static const int sizes[] = {0,    1,    7,    100,   4095,  4096,  4097,
                                8191, 8192, 8193, 16384, 20000, 65536, 1 << 17};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int n = sizes[i], skew = (int)i * 3 % 8;
        if (n + skew > 1 << 17)
            skew = 0;
        CHECK_EQ(pwrite(fd, a + skew, (size_t)n, 0), n);
        memset(b, 0, 1 << 17);
        CHECK_EQ(pread(fd, b + skew, (size_t)n, 0), n);
        CHECK(memcmp(a + skew, b + skew, (size_t)n) == 0);
        CHECK(skew == 0 || b[skew - 1] == 0);
        CHECK(n + skew == 1 << 17 || b[n + skew] == 0);
    }
}

static volatile int stop_now;

static void *pull_away(void *arg)
{
    while (!stop_now) {
        munmap(arg, PAGE);
        mmap(arg, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
    return NULL;
}

TEST(pulled_away_meanwhile)
{
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    pthread_t t;
    CHECK_EQ(pthread_create(&t, NULL, pull_away, p), 0);
    int fd = CHECK_OK(memfd_create("x", 0));
    CHECK_EQ(write(fd, "some bytes", 10), 10);
    for (int i = 0; i < 3000; i++) {
        long r[4] = {syscall(SYS_stat, "/tmp", p), syscall(SYS_pread64, fd, p, 10, 0),
                     syscall(SYS_pwrite64, fd, p, 10, 0), syscall(SYS_access, p, F_OK)};
        for (int k = 0; k < 4; k++)
            if (r[k] < 0)
                CHECK(errno == EFAULT || errno == ENOENT);
    }
    stop_now = 1;
    pthread_join(t, NULL);
}

static volatile int ticks;
static void tick(int signo) { ticks++; }

/* Signals at every place of a call: before it, in it, on the way back. */
TEST(signals_between_calls)
{
    struct sigaction sa = {.sa_handler = tick, .sa_flags = SA_RESTART};
    CHECK_OK(sigaction(SIGALRM, &sa, NULL));
    struct itimerval tv = {{0, 300}, {0, 300}};
    CHECK_OK(setitimer(ITIMER_REAL, &tv, NULL));
    int fds[2], fd = CHECK_OK(memfd_create("x", 0));
    CHECK_OK(pipe(fds));
    struct stat st, first;
    CHECK_OK(fstat(fd, &first));
    for (int i = 0; i < 20000; i++) {
        char out[8], in[8] = {0};
        memset(out, 'a' + i % 26, sizeof(out));
        CHECK_EQ(write(fds[1], out, 8), 8);
        CHECK_EQ(read(fds[0], in, 8), 8);
        CHECK(memcmp(in, out, 8) == 0);
        CHECK_OK(fstat(fd, &st));
        CHECK_EQ(st.st_ino, first.st_ino);
        CHECK_EQ(syscall(SYS_getppid), getppid());
    }
    CHECK_OK(setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL));
    CHECK(ticks > 3);
}

#ifdef __x86_64__
struct state {
    uint64_t gpr[6]; /* rbx rbp r12-r15 */
    uint8_t vector[16][32];
    uint32_t mxcsr;
    uint16_t x87;
};

/* One call with known contents of everything that it must keep; what is there afterwards. */
static long call_with(long nr, long a, long b, long c, const struct state *in, struct state *out)
{
    long ret;
    const struct state *from = in;
    __asm__ volatile(
        "push %%rbp\n\t"
        "push %[out]\n\t"
        "mov %[in], %%r11\n\t"
        "fldcw 564(%%r11)\n\tldmxcsr 560(%%r11)\n\t"
        "movups 48(%%r11), %%xmm0\n\tmovups 80(%%r11), %%xmm1\n\tmovups 496(%%r11), %%xmm14\n\t"
        "movups 528(%%r11), %%xmm15\n\t"
        "mov 0(%%r11), %%rbx\n\tmov 8(%%r11), %%rbp\n\tmov 16(%%r11), %%r12\n\t"
        "mov 24(%%r11), %%r13\n\tmov 32(%%r11), %%r14\n\tmov 40(%%r11), %%r15\n\t"
        "mov %[nr], %%rax\n\tstd\n\t"
        "syscall\n\t"
        "cld\n\t"
        "pop %%r11\n\t"
        "mov %%rbx, 0(%%r11)\n\tmov %%rbp, 8(%%r11)\n\tmov %%r12, 16(%%r11)\n\t"
        "mov %%r13, 24(%%r11)\n\tmov %%r14, 32(%%r11)\n\tmov %%r15, 40(%%r11)\n\t"
        "movups %%xmm0, 48(%%r11)\n\tmovups %%xmm1, 80(%%r11)\n\tmovups %%xmm14, 496(%%r11)\n\t"
        "movups %%xmm15, 528(%%r11)\n\t"
        "stmxcsr 560(%%r11)\n\tfnstcw 564(%%r11)\n\t"
        "pop %%rbp\n\t"
        : "=a"(ret)
        : [in] "r"(from), [out] "r"(out), [nr] "0"(nr), "D"(a), "S"(b), "d"(c)
        : "rcx", "r11", "rbx", "r12", "r13", "r14", "r15", "memory", "cc", "xmm0", "xmm1", "xmm14",
          "xmm15");
    return ret;
}

TEST(registers_are_kept)
{
    struct state in = {.mxcsr = 0x1fa0, .x87 = 0x27f}, out;
    for (int i = 0; i < 6; i++)
        in.gpr[i] = 0x1111111111111111ULL * (uint64_t)(i + 1);
    for (int i = 0; i < 16; i++)
        memset(in.vector[i], i + 65, 32);
    int fd = CHECK_OK(memfd_create("x", 0));
    struct stat st;
    struct timespec none = {0, 1};
    const long calls[][4] = {{SYS_getppid, 0, 0, 0},
                             {SYS_fstat, fd, (long)&st, 0},
                             {SYS_stat, (long)"/tmp", (long)&st, 0},
                             {SYS_write, fd, (long)"x", 1},
                             {SYS_mprotect, 0, 0, 0},
                             {SYS_nanosleep, (long)&none, 0, 0}};
    for (size_t i = 0; i < 1000 * sizeof(calls) / sizeof(calls[0]); i++) {
        const long *c = calls[i / 1000];
        memset(&out, 0, sizeof(out));
        long r = call_with(c[0], c[1], c[2], c[3], &in, &out);
        CHECK(r >= 0);
        CHECK(memcmp(in.gpr, out.gpr, sizeof(in.gpr)) == 0);
        for (int v = 0; v < 16; v++)
            CHECK((v > 1 && v < 14) || memcmp(in.vector[v], out.vector[v], 16) == 0);
        CHECK_EQ(in.mxcsr, out.mxcsr);
        CHECK_EQ(in.x87, out.x87);
        if (c[0] == SYS_nanosleep && i % 1000 > 30)
            i += 900;
    }
}
#endif
