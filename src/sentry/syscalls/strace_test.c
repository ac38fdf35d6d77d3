#include "sentry/syscalls/strace.h"

#include "abi/epoll.h"
#include "abi/fcntl.h"
#include "abi/futex.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "abi/socket.h"
#include "abi/stat.h"
#include "abi/uio.h"
#include "base/err.h"
#include "base/str.h"
#include "sentry/syscalls/syscall_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The application's memory: one page; everything else faults. */
#define BASE 0x10000ULL
static uint8_t memory[4096];

static ssize_t fake_peek(void *ctx, struct uaddr src, void *dst, size_t n)
{
    if (src.v < BASE || src.v >= BASE + sizeof(memory))
        return -EFAULT;
    n = MIN(n, (size_t)(BASE + sizeof(memory) - src.v));
    memcpy(dst, memory + (src.v - BASE), n);
    return (ssize_t)n;
}

static bool fake_fd_name(void *ctx, int32_t fd, char *dst, size_t n)
{
    const char *name = fd == LINUX_AT_FDCWD ? "/home" : fd == 3 ? "/etc/passwd" : NULL;

    if (!name)
        return false;
    strncpy(dst, name, n - 1);
    dst[n - 1] = 0;
    return true;
}

static const struct strace_env env = {.peek = fake_peek, .fd_name = fake_fd_name};
static char line[STRACE_LINE_MAX];

static void put(size_t off, const void *data, size_t n)
{
    assert_true(off + n <= sizeof(memory));
    memcpy(memory + off, data, n);
}

#define ROW(n, count, ...)                                                                         \
    {                                                                                              \
        .name = n, .nargs = count, .status = SYSCALL_FULL, .args = { __VA_ARGS__ }                 \
    }
#define ARGS(...)                                                                                  \
    &(struct sys_args)                                                                             \
    {                                                                                              \
        .arg = { __VA_ARGS__ }                                                                     \
    }

static const char *entered(const struct syscall_row *row, const struct sys_args *args)
{
    struct strbuf sb;
    const struct strace_call call = {1, 7, "cat", 999, row, args};

    strbuf_init(&sb, line, sizeof(line));
    strace_enter(&sb, &call, &env);
    assert_memory_equal(line, "[   1:   7] cat E ", 18);
    return line + 18;
}

static const char *left(const struct syscall_row *row, const struct sys_args *args, int64_t ret)
{
    struct strbuf sb;
    const struct strace_call call = {1, 7, "cat", 999, row, args};

    strbuf_init(&sb, line, sizeof(line));
    strace_exit(&sb, &call, &env, ret, 12345);
    assert_memory_equal(line, "[   1:   7] cat X ", 18);
    return line + 18;
}

static void test_open(void **state)
{
    static const struct syscall_row row =
        ROW("openat", 4, SYSARG_DIRFD, SYSARG_PATH, SYSARG_FLAGS_OPEN, SYSARG_MODE);
    const struct sys_args *a =
        ARGS((uint64_t)LINUX_AT_FDCWD, BASE, LINUX_O_CLOEXEC | LINUX_O_CREAT, 0644);

    put(0, "/etc/pass\nwd", 13);
    assert_string_equal(entered(&row, a), "openat(AT_FDCWD /home, 0x10000 \"/etc/pass\\nwd\", "
                                          "O_RDONLY|O_CREAT|O_CLOEXEC, 0o644)");
    assert_string_equal(left(&row, a, 3), "openat(AT_FDCWD /home, 0x10000 \"/etc/pass\\nwd\", "
                                          "O_RDONLY|O_CREAT|O_CLOEXEC, 0o644) = 3 (0x3) (12.3us)");
    assert_string_equal(left(&row, ARGS(5, 8, LINUX_O_PATH | 3, 0), -ENOENT),
                        "openat(5, 0x8 {unreadable}, 0x3|O_PATH, 0o0) = -ENOENT (12.3us)");
}

static void test_buffers(void **state)
{
    static const struct syscall_row wr = ROW("write", 3, SYSARG_FD, SYSARG_BUF_IN, SYSARG_SIZE);
    static const struct syscall_row rd = ROW("read", 3, SYSARG_FD, SYSARG_BUF_OUT, SYSARG_SIZE);
    static const struct syscall_row rv = ROW("readv", 3, SYSARG_FD, SYSARG_IOVEC_OUT, SYSARG_INT);
    const struct linux_iovec v[2] = {{BASE, 3}, {BASE + 3, 10}};

    put(0, "hello world", 11);
    put(64, v, sizeof(v));
    assert_string_equal(entered(&wr, ARGS(1, BASE, 5)), "write(1, 0x10000 \"hello\", 5)");
    assert_string_equal(entered(&rd, ARGS(3, BASE, 512)), "read(3 /etc/passwd, 0x10000, 512)");
    assert_string_equal(left(&rd, ARGS(3, BASE, 512), 4),
                        "read(3 /etc/passwd, 0x10000 \"hell\", 512) = 4 (0x4) (12.3us)");
    /* A result beyond the length and a length beyond memory are cut. */
    assert_non_null(strstr(left(&rd, ARGS(0, BASE + 4090, 6), INT64_MAX), "\\x00\\x00\", 6)"));
    assert_non_null(strstr(left(&wr, ARGS(1, BASE + 4090, UINT64_MAX), -EFAULT), "\"..., 18446"));
    assert_string_equal(
        left(&rv, ARGS(0, BASE + 64, 2), 5),
        "readv(0, 0x10040 [{0x10000, 3 \"hel\"}, {0x10003, 10 \"lo\"}], 2) = 5 (0x5) "
        "(12.3us)");
    assert_non_null(strstr(entered(&rv, ARGS(0, BASE + 2048, 1 << 30)), ", ...]"));
}

static void test_execve(void **state)
{
    static const struct syscall_row row = ROW("execve", 3, SYSARG_PATH, SYSARG_ARGV, SYSARG_ENVP);
    const uint64_t argv[] = {BASE, BASE + 16, 0};
    const uint64_t envp[] = {BASE, 0};

    memset(memory, 0, sizeof(memory));
    put(0, "/bin/sh", 8);
    put(16, "-c", 3);
    put(64, argv, sizeof(argv));
    put(96, envp, sizeof(envp));
    const struct sys_args *a = ARGS(BASE, BASE + 64, BASE + 96);
    assert_string_equal(entered(&row, a),
                        "execve(0x10000 \"/bin/sh\", 0x10040 [\"/bin/sh\", \"-c\"], "
                        "0x10060 {1 variables})");
    assert_string_equal(left(&row, a, 0), "execve(0x10000, 0x10040, 0x10060) = 0 (0x0) (12.3us)");
    /* An array that never ends. */
    memset(memory, 0x01, sizeof(memory));
    assert_non_null(strstr(entered(&row, ARGS(0, BASE, BASE)), "{unreadable}"));
}

static void test_sockets(void **state)
{
    static const struct syscall_row conn =
        ROW("connect", 3, SYSARG_FD, SYSARG_SOCKADDR, SYSARG_UINT);
    static const struct syscall_row acc =
        ROW("accept", 3, SYSARG_FD, SYSARG_SOCKADDR_OUT, SYSARG_INTPTR_OUT);
    static const struct syscall_row opt = ROW("setsockopt", 5, SYSARG_FD, SYSARG_SOCKLEVEL,
                                              SYSARG_SOCKOPT, SYSARG_BUF_IN, SYSARG_SIZE);
    const struct linux_sockaddr_in in = {LINUX_AF_INET, 0x5000, 0x0100007f, {0}};
    const struct linux_sockaddr_un un = {LINUX_AF_UNIX, "/run/s"};
    const int32_t len = 16, one = 1;

    memset(memory, 0, sizeof(memory));
    put(0, &in, sizeof(in));
    put(128, &un, sizeof(un));
    put(256, &len, 4);
    put(260, &one, 4);
    assert_string_equal(entered(&conn, ARGS(4, BASE, 16)),
                        "connect(4, 0x10000 {AF_INET 127.0.0.1:80}, 16)");
    assert_string_equal(entered(&conn, ARGS(4, BASE + 128, 110)),
                        "connect(4, 0x10080 {AF_UNIX \"/run/s\"}, 110)");
    assert_string_equal(entered(&conn, ARGS(4, BASE, 1)), "connect(4, 0x10000 {}, 1)");
    assert_string_equal(
        left(&acc, ARGS(4, BASE, BASE + 256), 5),
        "accept(4, 0x10000 {AF_INET 127.0.0.1:80}, 0x10100 [16]) = 5 (0x5) (12.3us)");
    assert_string_equal(entered(&opt, ARGS(4, LINUX_SOL_TCP, LINUX_TCP_NODELAY, BASE + 260, 4)),
                        "setsockopt(4, SOL_TCP, TCP_NODELAY, 0x10104 \"\\x01\\x00\\x00\\x00\", 4)");
}

static void test_numbers(void **state)
{
    static const struct syscall_row clone = ROW("clone", 1, SYSARG_CLONE_FLAGS);
    static const struct syscall_row mmap =
        ROW("mmap", 4, SYSARG_PTR, SYSARG_SIZE, SYSARG_PROT, SYSARG_MMAP_FLAGS);
    static const struct syscall_row futex =
        ROW("futex", 4, SYSARG_PTR, SYSARG_FUTEX_OP, SYSARG_INT, SYSARG_TIMESPEC);
    static const struct syscall_row fcntl =
        ROW("fcntl", 3, SYSARG_FD, SYSARG_FCNTL_CMD, SYSARG_HEX);
    static const struct syscall_row ids =
        ROW("ids", 4, SYSARG_UID, SYSARG_PID, SYSARG_SIGNO, SYSARG_IOCTL_CMD);

    assert_string_equal(entered(&clone, ARGS(0x01200011)),
                        "clone(SIGCHLD|CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID)");
    assert_string_equal(entered(&mmap, ARGS(0, 4096, 3, 0x22)),
                        "mmap(0x0, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS)");
    assert_string_equal(entered(&mmap, ARGS(0, 4096, 0, 0)), "mmap(0x0, 4096, PROT_NONE, 0)");
    assert_string_equal(
        entered(&futex, ARGS(0x10, LINUX_FUTEX_WAKE | LINUX_FUTEX_PRIVATE_FLAG, 1, 0x7777)),
        "futex(0x10, FUTEX_WAKE|FUTEX_PRIVATE_FLAG, 1, 0x7777)");
    assert_string_equal(entered(&futex, ARGS(0x10, LINUX_FUTEX_WAIT, 1, 0x7777)),
                        "futex(0x10, FUTEX_WAIT, 1, 0x7777 {unreadable})");
    assert_string_equal(entered(&fcntl, ARGS(0, LINUX_F_SETFL, 04002)),
                        "fcntl(0, F_SETFL, O_RDWR|O_NONBLOCK)");
    assert_string_equal(entered(&fcntl, ARGS(0, LINUX_F_GETLK, 0x40)), "fcntl(0, F_GETLK, 0x40)");
    assert_string_equal(entered(&ids, ARGS(UINT32_MAX, (uint64_t)-1, 34, LINUX_TIOCGWINSZ)),
                        "ids(-1, -1, SIGRT_2, TIOCGWINSZ)");
    assert_string_equal(entered(NULL, ARGS(1, 2)), "sys_999(0x1, 0x2, 0x0, 0x0, 0x0, 0x0)");
}

static void test_objects(void **state)
{
    static const struct syscall_row wait = ROW("wait4", 2, SYSARG_PID, SYSARG_WSTATUS);
    static const struct syscall_row mask = ROW("rt_sigprocmask", 2, SYSARG_SIGHOW, SYSARG_SIGSET);
    static const struct syscall_row poll = ROW("poll", 3, SYSARG_POLLFDS, SYSARG_UINT, SYSARG_INT);
    static const struct syscall_row stat = ROW("fstat", 2, SYSARG_FD, SYSARG_STATBUF);
    static const struct syscall_row epoll =
        ROW("epoll_wait", 2, SYSARG_FD, SYSARG_EPOLL_EVENTS_OUT);
    const int32_t status = 0x8b;
    const uint64_t set = LINUX_SIGMASK(LINUX_SIGINT) | LINUX_SIGMASK(LINUX_SIGCHLD), all = ~set;
    const struct linux_pollfd p = {3, LINUX_POLLIN, LINUX_POLLHUP};
    const struct linux_stat s = {
        .st_dev = 0x105, .st_ino = 9, .st_mode = 0100644, .st_nlink = 1, .st_size = -5};
    const struct linux_epoll_event e = {LINUX_EPOLLIN | LINUX_EPOLLET, 77};

    put(0, &status, 4);
    put(8, &set, 8);
    put(16, &all, 8);
    put(24, &p, 8);
    put(32, &e, sizeof(e));
    put(64, &s, sizeof(s));
    assert_string_equal(left(&wait, ARGS(9, BASE), 9),
                        "wait4(9, 0x10000 {killed SIGSEGV, core}) = 9 (0x9) (12.3us)");
    assert_string_equal(left(&wait, ARGS(9, BASE), -ERESTARTSYS),
                        "wait4(9, 0x10000) = -ERESTARTSYS (12.3us)");
    assert_string_equal(entered(&mask, ARGS(0, BASE + 8)),
                        "rt_sigprocmask(SIG_BLOCK, 0x10008 [INT CHLD])");
    assert_string_equal(entered(&mask, ARGS(2, BASE + 16)),
                        "rt_sigprocmask(SIG_SETMASK, 0x10010 ~[INT CHLD])");
    assert_string_equal(entered(&poll, ARGS(BASE + 24, 1, -1ULL)),
                        "poll(0x10018 [{3 POLLIN}], 1, -1)");
    assert_string_equal(left(&poll, ARGS(BASE + 24, 1, 5), 1),
                        "poll(0x10018 [{3 POLLIN -> POLLHUP}], 1, 5) = 1 (0x1) (12.3us)");
    assert_string_equal(
        left(&stat, ARGS(5, BASE + 64), 0),
        "fstat(5, 0x10040 {dev=1:5, ino=9, mode=S_IFREG|0o644, nlink=1, uid=0, gid=0, "
        "size=-5}) = 0 (0x0) (12.3us)");
    assert_string_equal(left(&epoll, ARGS(5, BASE + 32), 1),
                        "epoll_wait(5, 0x10020 [{EPOLLIN|EPOLLET, 0x4d}]) = 1 (0x1) (12.3us)");
}

/* Every kind with arguments of every sort stays inside the line and keeps its result. */
static void test_any_kind(void **state)
{
    static const uint64_t values[] = {
        0, 1, BASE, BASE + 4093, 0xffffffffULL, UINT64_MAX - 3, UINT64_MAX};
    static const uint8_t fills[] = {0, 1, 0x41, 0xff};

    for (size_t f = 0; f < ARRAY_SIZE(fills); f++) {
        memset(memory, fills[f], sizeof(memory));
        for (unsigned int k = 0; k < SYSARG_KINDS; k++) {
            const struct syscall_row row = {.name = "any", .nargs = 6, .args = {k, k, k, k, k, k}};
            for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
                uint64_t x = values[v];
                const struct sys_args *a = ARGS(x, x, x, x, x, x);
                assert_true(strlen(entered(&row, a)) < STRACE_LINE_MAX);
                const char *text = left(&row, a, 7);
                const char *end = strstr(text, " = 7 (0x7) (12.3us)");
                assert_true(end && end[19] == 0);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),     cmocka_unit_test(test_buffers),
        cmocka_unit_test(test_execve),   cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_numbers),  cmocka_unit_test(test_objects),
        cmocka_unit_test(test_any_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
