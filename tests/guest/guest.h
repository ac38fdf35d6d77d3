/* tests/guest/guest.h - the frame of a guest test: a plain Linux program of named cases that assert.
 *
 * A file includes this once and writes cases:
 *     TEST(write_to_closed_pipe) { ... CHECK_ERR(write(fd, "x", 1), EPIPE); }
 * The program runs each case in a child of its own (a hang ends after CASE_SECONDS) and prints `ok NAME`, `not ok NAME` or
 * `skip NAME: why` for each; it exits 1 if one failed. Arguments: names of cases to run (default all); --no-fork runs them
 * in the program's own process. The expectation is Linux's: every case passes on the host first.
 */
#ifndef CVISOR_TESTS_GUEST_H
#define CVISOR_TESTS_GUEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CASE_SECONDS
#define CASE_SECONDS 20
#endif
#define GUEST_SKIPPED 77

struct guest_case {
    const char *name;
    void (*run)(void);
    struct guest_case *next;
};
static struct guest_case *guest_cases, **guest_last = &guest_cases;

#define TEST(name)                                                                                 \
    static void test_##name(void);                                                                 \
    static struct guest_case case_##name = {#name, test_##name, 0};                                \
    __attribute__((constructor)) static void register_##name(void)                                 \
    {                                                                                              \
        *guest_last = &case_##name;                                                                \
        guest_last = &case_##name.next;                                                            \
    }                                                                                              \
    static void test_##name(void)

__attribute__((noreturn, format(printf, 3, 4))) static inline void guest_fail(const char *file,
                                                                              int line,
                                                                              const char *fmt, ...)
{
    va_list ap;
    char text[600];
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    dprintf(1, "# %s:%d: %s\n", file, line, text);
    _exit(1);
}

#define FAIL(...) guest_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(why)                                                                                  \
    do {                                                                                           \
        dprintf(1, "# skip: %s\n", why);                                                           \
        _exit(GUEST_SKIPPED);                                                                      \
    } while (0)

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            FAIL("%s is false (errno %d %s)", #cond, errno, strerror(errno));                      \
    } while (0)

/* Integers of any type; shown as signed numbers. */
#define CHECK_EQ(a, b)                                                                             \
    do {                                                                                           \
        long long a_ = (long long)(a), b_ = (long long)(b);                                        \
        if (a_ != b_)                                                                              \
            FAIL("%s is %lld, not %s = %lld (errno %d %s)", #a, a_, #b, b_, errno,                 \
                 strerror(errno));                                                                 \
    } while (0)

#define CHECK_STR(a, b)                                                                            \
    do {                                                                                           \
        const char *a_ = (a), *b_ = (b);                                                           \
        if (strcmp(a_, b_) != 0)                                                                   \
            FAIL("%s is \"%s\", not \"%s\"", #a, a_, b_);                                          \
    } while (0)

/* The call succeeds: anything but -1. Value: what it returned. Calls nest, so the name of the result is a new one each time. */
#define CHECK_OK(call)            CHECK_OK_1(call, #call, __COUNTER__)
#define CHECK_OK_1(call, text, n) CHECK_OK_2(call, text, n)
#define CHECK_OK_2(call, text, n)                                                                  \
    __extension__({                                                                                \
        __typeof__(call) ret_##n = (call);                                                         \
        if ((long long)ret_##n == -1)                                                              \
            FAIL("%s: %s", text, strerror(errno));                                                 \
        ret_##n;                                                                                   \
    })

/* The call returns -1 with exactly this errno. */
#define CHECK_ERR(call, want)                                                                      \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long long ret_ = (long long)(call);                                                        \
        int err_ = errno;                                                                          \
        if (ret_ != -1)                                                                            \
            FAIL("%s succeeded with %lld, wanted %s", #call, ret_, #want);                         \
        if (err_ != (want))                                                                        \
            FAIL("%s: errno %d (%s), wanted %s", #call, err_, strerror(err_), #want);              \
    } while (0)

/* Waits for a child and wants this exit status; 128 + signal if it was killed. */
static inline void check_child(pid_t pid, int want)
{
    int status;
    pid_t got;
    do {
        got = waitpid(pid, &status, 0);
    } while (got == -1 && errno == EINTR);
    CHECK_EQ(got, pid);
    CHECK_EQ(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), want);
}

/* A fresh directory for the case; the program removes it afterwards. */
static inline const char *guest_dir(void)
{
    static char dir[64];
    if (!dir[0]) {
        const char *tmp = getenv("GUEST_DIR");
        snprintf(dir, sizeof(dir), "%s", tmp ? tmp : "/tmp");
    }
    return dir;
}

static inline int guest_run_case(const struct guest_case *c)
{
    char dir[64] = "/tmp/guest-XXXXXX";
    if (!mkdtemp(dir)) {
        printf("not ok %s: mkdtemp: %s\n", c->name, strerror(errno));
        return 1;
    }
    setenv("GUEST_DIR", dir, 1);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        /* Whatever the caller ignores (nohup) or blocks is not the case's. */
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        for (int n = 1; n <= SIGRTMAX; n++)
            signal(n, SIG_DFL);
        alarm(CASE_SECONDS);
        c->run();
        _exit(0);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        printf("not ok %s: %s\n", c->name, strerror(errno));
        return 1;
    }
    pid_t rm = fork();
    if (rm == 0) {
        execlp("rm", "rm", "-rf", dir, (char *)0);
        _exit(127);
    }
    if (rm > 0)
        waitpid(rm, NULL, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        printf("ok %s\n", c->name);
        return 0;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == GUEST_SKIPPED) {
        printf("skip %s\n", c->name);
        return 0;
    }
    if (WIFSIGNALED(status))
        printf("not ok %s: signal %d%s\n", c->name, WTERMSIG(status),
               WTERMSIG(status) == SIGALRM ? " (too slow)" : "");
    else
        printf("not ok %s\n", c->name);
    return 1;
}

int main(int argc, char **argv)
{
    bool no_fork = false;
    int failed = 0, ran = 0, first = 1;

    if (argc > 1 && strcmp(argv[1], "--no-fork") == 0) {
        no_fork = true;
        first = 2;
    }
    for (const struct guest_case *c = guest_cases; c; c = c->next) {
        bool wanted = argc <= first;
        for (int i = first; i < argc; i++)
            wanted |= strcmp(argv[i], c->name) == 0;
        if (!wanted)
            continue;
        ran++;
        if (no_fork) {
            c->run();
            printf("ok %s\n", c->name);
        } else {
            failed += guest_run_case(c);
        }
        fflush(stdout);
    }
    if (!ran) {
        printf("not ok %s: no such case\n", argv[0]);
        return 1;
    }
    return failed != 0;
}

#endif
