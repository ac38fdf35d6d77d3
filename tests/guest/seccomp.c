/* Tests of seccomp(2): modes, answers, what is inherited, and calls that an emulator might do elsewhere (futex, clocks, yield). */
#include "guest.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

#define LOAD(field)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(k)    BPF_STMT(BPF_RET | BPF_K, (k))
#define ERRNO_RET(e) (SECCOMP_RET_ERRNO | (e))

static long load(unsigned flags, struct sock_filter *f, unsigned short n)
{
    struct sock_fprog p = {n, f};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &p);
}

/* Call nr gets the answer, others pass. */
static long deny(unsigned nr, unsigned answer, unsigned flags)
{
    struct sock_filter f[] = {LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
                              RETURN(answer), RETURN(SECCOMP_RET_ALLOW)};
    return load(flags, f, 4);
}

static void nnp(void) { CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }

/* Runs fn in a child; its wait status. */
static int status_of(void (*fn)(void))
{
    int st;
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        nnp();
        fn();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    return st & ~0x80; /* a core or none */
}

static void status_line(const char *name, char *out, size_t size)
{
    char line[256];
    FILE *f = fopen("/proc/self/status", "r");
    CHECK(f);
    out[0] = 0;
    while (fgets(line, sizeof(line), f))
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            snprintf(out, size, "%s", line + strlen(name) + 2);
    fclose(f);
    out[strcspn(out, "\n")] = 0;
}

static void errno_body(void)
{
    char v[32];
    CHECK_OK(deny(SYS_getppid, ERRNO_RET(77), 0));
    CHECK_ERR(syscall(SYS_getppid), 77);
    CHECK_OK(syscall(SYS_getpid));
    CHECK_EQ(prctl(PR_GET_SECCOMP), 2);
    CHECK_OK(deny(SYS_getppid, ERRNO_RET(78), 0)); /* the newest of equals */
    CHECK_ERR(syscall(SYS_getppid), 78);
    CHECK_OK(deny(SYS_getpgrp, ERRNO_RET(0), 0));
    CHECK_EQ(syscall(SYS_getpgrp), 0);
    status_line("Seccomp", v, sizeof(v));
    CHECK_STR(v, "2");
    status_line("Seccomp_filters", v, sizeof(v));
    CHECK(atoi(v) >= 3);
}

TEST(errno_answer) { CHECK_EQ(status_of(errno_body), 0); }

static void natives_body(void)
{
    struct timespec ts;
    int word = 0;
    CHECK_OK(deny(SYS_sched_yield, ERRNO_RET(71), 0));
    CHECK_OK(deny(SYS_clock_gettime, ERRNO_RET(72), 0));
    CHECK_OK(deny(SYS_futex, ERRNO_RET(73), 0));
    CHECK_ERR(syscall(SYS_sched_yield), 71);
    CHECK_ERR(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts), 72);
    CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAKE, 1), 73);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        CHECK_ERR(syscall(SYS_sched_yield), 71);
        _exit(0);
    }
    check_child(pid, 0);
}

TEST(calls_without_the_kernel) { CHECK_EQ(status_of(natives_body), 0); }

static void arguments_body(void)
{
    struct timespec ts;
    int word = 0;
    /* Only CLOCK_MONOTONIC, and no FUTEX_WAKE of 5. */
    struct sock_filter f[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 0, 3),
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CLOCK_MONOTONIC, 0, 4),
        RETURN(SECCOMP_RET_ALLOW),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 3),
        LOAD(args[2]),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 1),
        RETURN(ERRNO_RET(75)),
        RETURN(SECCOMP_RET_ALLOW),
    };
    CHECK_OK(load(0, f, sizeof(f) / sizeof(f[0])));
    CHECK_OK(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts));
    CHECK_ERR(syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts), 75);
    CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE, 1), 0);
    CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAKE, 5), 75);
    CHECK_OK(syscall(SYS_sched_yield));
}

TEST(arguments_decide) { CHECK_EQ(status_of(arguments_body), 0); }

static void kill_process_body(void)
{
    CHECK_OK(deny(SYS_getppid, SECCOMP_RET_KILL_PROCESS, 0));
    syscall(SYS_getppid);
}

static void kill_thread_body(void)
{
    CHECK_OK(deny(SYS_getppid, SECCOMP_RET_KILL_THREAD, 0));
    syscall(SYS_getppid);
}

TEST(kill)
{
    CHECK_EQ(status_of(kill_process_body), SIGSYS);
    CHECK_EQ(status_of(kill_thread_body), SIGSYS);
}

static void *ask_parent(void *arg)
{
    syscall(SYS_getppid);
    *(int *)arg = 1;
    return NULL;
}

static void kill_one_body(void)
{
    int done = 0;
    pthread_t th;
    CHECK_OK(deny(SYS_getppid, SECCOMP_RET_KILL_THREAD, 0));
    CHECK_EQ(pthread_create(&th, NULL, ask_parent, &done), 0);
    CHECK_EQ(pthread_join(th, NULL), 0);
    CHECK_EQ(done, 0);
}

TEST(kill_one_thread) { CHECK_EQ(status_of(kill_one_body), 0); }

static volatile int trap_nr, trap_errno, trap_code;
static void *volatile trap_addr;

static void on_sys(int sig, siginfo_t *info, void *uc)
{
    ucontext_t *c = uc;
    trap_nr = info->si_syscall;
    trap_errno = info->si_errno;
    trap_code = info->si_code;
    trap_addr = info->si_call_addr;
    if ((void *)c->uc_mcontext.gregs[REG_RIP] != info->si_call_addr)
        trap_nr = -1;
    if (c->uc_mcontext.gregs[REG_RAX] != info->si_syscall)
        trap_nr = -2;
    c->uc_mcontext.gregs[REG_RAX] = 4321;
}

static void trap_body(void)
{
    struct sigaction sa = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
    CHECK_OK(sigaction(SIGSYS, &sa, NULL));
    CHECK_OK(deny(SYS_getppid, SECCOMP_RET_TRAP | 9, 0));
    CHECK_OK(deny(SYS_sched_yield, SECCOMP_RET_TRAP | 8, 0));
    CHECK_OK(deny(SYS_madvise, SECCOMP_RET_TRAP | 7, 0));
    CHECK_EQ(syscall(SYS_getppid), 4321);
    CHECK_EQ(trap_nr, SYS_getppid);
    CHECK_EQ(trap_errno, 9);
    CHECK_EQ(trap_code, 1 /* SYS_SECCOMP */);
    CHECK_EQ(syscall(SYS_sched_yield), 4321);
    CHECK_EQ(trap_nr, SYS_sched_yield);
    CHECK_EQ(trap_errno, 8);
    CHECK_EQ(syscall(SYS_madvise, 0, 0, 0), 4321);
    CHECK_EQ(trap_nr, SYS_madvise);
}

static void trap_default_body(void)
{
    CHECK_OK(deny(SYS_getppid, SECCOMP_RET_TRAP, 0));
    syscall(SYS_getppid);
}

TEST(trap)
{
    CHECK_EQ(status_of(trap_body), 0);
    CHECK_EQ(status_of(trap_default_body), SIGSYS);
}

static void trace_body(void)
{
    CHECK_OK(deny(SYS_getppid, SECCOMP_RET_TRACE, 0));
    CHECK_ERR(syscall(SYS_getppid), ENOSYS);
    CHECK_OK(deny(SYS_getpgrp, SECCOMP_RET_LOG, 0));
    CHECK_OK(syscall(SYS_getpgrp));
}

TEST(trace_and_log) { CHECK_EQ(status_of(trace_body), 0); }

static void strict_body(void)
{
    CHECK_OK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
    (void)!write(-1, "", 0);
    syscall(SYS_exit, 5);
}

static void strict_kill_body(void)
{
    CHECK_OK(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL));
    syscall(SYS_getpid);
}

static void strict_native_body(void)
{
    CHECK_OK(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL));
    syscall(SYS_sched_yield);
}

TEST(strict)
{
    CHECK_EQ(status_of(strict_body), 5 << 8);
    CHECK_EQ(status_of(strict_kill_body), SIGKILL);
    CHECK_EQ(status_of(strict_native_body), SIGKILL);
}

static void refusals_body(void)
{
    struct sock_filter ok[] = {RETURN(SECCOMP_RET_ALLOW)};
    struct sock_filter no_ret[] = {LOAD(nr)};
    struct sock_filter odd[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RETURN(0)};
    struct sock_filter beyond[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RETURN(0)};
    struct sock_filter jump[] = {BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), RETURN(0)};
    struct sock_filter div[] = {BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RETURN(0)};
    struct sock_filter mem[] = {BPF_STMT(BPF_LD | BPF_MEM, 3), RETURN(0)};
    struct sock_filter bytes[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), RETURN(0)};
    struct sock_filter mod[] = {BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), RETURN(0)};
    CHECK_ERR(load(0, ok, 0), EINVAL);
    CHECK_ERR(load(0, no_ret, 1), EINVAL);
    CHECK_ERR(load(0, odd, 2), EINVAL);
    CHECK_ERR(load(0, beyond, 2), EINVAL);
    CHECK_ERR(load(0, jump, 2), EINVAL);
    CHECK_ERR(load(0, div, 2), EINVAL);
    CHECK_ERR(load(0, mem, 2), EINVAL);
    CHECK_ERR(load(0, bytes, 2), EINVAL);
    CHECK_ERR(load(0, mod, 2), EINVAL);
    CHECK_ERR(load(0x1000, ok, 1), EINVAL);
    CHECK_ERR(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL), EFAULT);
    CHECK_ERR(syscall(SYS_seccomp, 99, 0, NULL), EINVAL);
    CHECK_ERR(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL), EINVAL);
    CHECK_ERR(prctl(PR_SET_SECCOMP, 9, 0), EINVAL);
    CHECK_OK(load(0, ok, 1));
    CHECK_ERR(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL), EINVAL);
}

TEST(refusals) { CHECK_EQ(status_of(refusals_body), 0); }

TEST(needs_no_new_privs)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        if (geteuid() == 0)
            CHECK_OK(setresuid(12345, 12345, 12345));
        if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0) {
            CHECK_ERR(deny(SYS_getppid, ERRNO_RET(1), 0), EACCES);
        }
        nnp();
        CHECK_OK(deny(SYS_getppid, ERRNO_RET(1), 0));
        _exit(0);
    }
    check_child(pid, 0);
}

/* The capability counts in the caller's own user namespace. */
TEST(root_of_a_user_namespace)
{
    int st;
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        if (unshare(CLONE_NEWUSER) == -1)
            _exit(9);
        CHECK_OK(deny(SYS_getppid, ERRNO_RET(77), 0));
        CHECK_ERR(syscall(SYS_getppid), 77);
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    if (st == 9 << 8)
        SKIP("no user namespaces here");
    CHECK_EQ(st, 0);
}

TEST(action_avail)
{
    unsigned known[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP,
                        SECCOMP_RET_ERRNO,        SECCOMP_RET_TRACE,       SECCOMP_RET_LOG,
                        SECCOMP_RET_ALLOW};
    unsigned odd = 0x12340000;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        CHECK_OK(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &known[i]));
    CHECK_ERR(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &odd), EOPNOTSUPP);
    CHECK_ERR(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 1, &odd), EINVAL);
    CHECK_ERR(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, 1), EFAULT);
}

/* Threads that are there already: one sleeps in a futex, one in a pipe, one runs. */
static int ready[2], go_on[2];
static volatile int spin_stop;
static long spin_saw, pipe_saw, pipe_yield;

static void *reader(void *arg)
{
    char c;
    (void)!write(ready[1], "r", 1);
    while (read(go_on[0], &c, 1) < 0) {
    }
    pipe_saw = syscall(SYS_getppid) < 0 ? errno : 0;
    pipe_yield = syscall(SYS_sched_yield) < 0 ? errno : 0;
    return NULL;
}

static void *spinner(void *arg)
{
    (void)!write(ready[1], "s", 1);
    while (!spin_stop)
        __builtin_ia32_pause();
    spin_saw = syscall(SYS_sched_yield) < 0 ? errno : 0;
    return NULL;
}

static void tsync_body(void)
{
    pthread_t a, b;
    char c;
    CHECK_OK(pipe(ready));
    CHECK_OK(pipe(go_on));
    CHECK_EQ(pthread_create(&a, NULL, reader, NULL), 0);
    CHECK_EQ(pthread_create(&b, NULL, spinner, NULL), 0);
    CHECK_EQ(read(ready[0], &c, 1), 1);
    CHECK_EQ(read(ready[0], &c, 1), 1);
    CHECK_OK(deny(SYS_getppid, ERRNO_RET(61), SECCOMP_FILTER_FLAG_TSYNC));
    CHECK_OK(deny(SYS_sched_yield, ERRNO_RET(62), SECCOMP_FILTER_FLAG_TSYNC));
    CHECK_EQ(write(go_on[1], "x", 1), 1);
    spin_stop = 1;
    CHECK_EQ(pthread_join(a, NULL), 0);
    CHECK_EQ(pthread_join(b, NULL), 0);
    CHECK_EQ(pipe_saw, 61);
    CHECK_EQ(pipe_yield, 62);
    CHECK_EQ(spin_saw, 62);
}

TEST(tsync) { CHECK_EQ(status_of(tsync_body), 0); }

static void *own_filter(void *arg)
{
    char c;
    *(int *)arg = (int)syscall(SYS_gettid);
    CHECK_OK(deny(SYS_getppid, ERRNO_RET(5), 0));
    (void)!write(ready[1], "r", 1);
    (void)!read(go_on[0], &c, 1);
    return NULL;
}

static void tsync_fails_body(void)
{
    pthread_t a;
    char c;
    int tid = 0;
    CHECK_OK(pipe(ready));
    CHECK_OK(pipe(go_on));
    CHECK_EQ(pthread_create(&a, NULL, own_filter, &tid), 0);
    CHECK_EQ(read(ready[0], &c, 1), 1);
    CHECK_EQ(deny(SYS_getppid, ERRNO_RET(61), SECCOMP_FILTER_FLAG_TSYNC), tid);
    CHECK_ERR(deny(SYS_getppid, ERRNO_RET(61),
                   SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH),
              ESRCH);
    CHECK_OK(syscall(SYS_getppid));
    CHECK_EQ(write(go_on[1], "x", 1), 1);
    CHECK_EQ(pthread_join(a, NULL), 0);
}

TEST(tsync_obstacle) { CHECK_EQ(status_of(tsync_fails_body), 0); }

static void exec_body(void)
{
    char *argv[] = {(char *)"/proc/self/exe", (char *)"after-exec", NULL};
    char *envp[] = {(char *)"SECCOMP_AFTER_EXEC=1", NULL};
    CHECK_OK(deny(SYS_sched_yield, ERRNO_RET(71), 0));
    CHECK_OK(deny(SYS_getppid, ERRNO_RET(72), 0));
    execve("/proc/self/exe", argv, envp);
    _exit(99);
}

static void vfork_body(void)
{
    int st;
    CHECK_OK(deny(SYS_sched_yield, ERRNO_RET(71), 0));
    CHECK_OK(deny(SYS_getppid, ERRNO_RET(72), 0));
    pid_t pid = vfork();
    if (pid == 0) {
        char *argv[] = {(char *)"/proc/self/exe", (char *)"after-exec", NULL};
        char *envp[] = {(char *)"SECCOMP_AFTER_EXEC=1", NULL};
        execve("/proc/self/exe", argv, envp);
        _exit(99);
    }
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    CHECK_EQ(st, 0);
}

/* Runs in the program that exec has started, before anything else. */
__attribute__((constructor)) static void after_exec(void)
{
    if (!getenv("SECCOMP_AFTER_EXEC"))
        return;
    bool ok = syscall(SYS_sched_yield) < 0 && errno == 71;
    ok = ok && syscall(SYS_getppid) < 0 && errno == 72 && prctl(PR_GET_SECCOMP) == 2;
    _exit(ok ? 0 : 1);
}

TEST(kept_over_exec)
{
    CHECK_EQ(status_of(exec_body), 0);
    CHECK_EQ(status_of(vfork_body), 0);
}

static void arithmetic_body(void)
{
    /* getppid is denied with 3 * 7 + (1 << 4) = 37, made by each kind of instruction. */
    struct sock_filter f[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 1, 0),
        RETURN(SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_LD | BPF_IMM, 3),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 7),
        BPF_STMT(BPF_ST, 2),
        BPF_STMT(BPF_LD | BPF_IMM, 1),
        BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 4),
        BPF_STMT(BPF_LDX | BPF_MEM, 2),
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
        BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    CHECK_OK(load(0, f, sizeof(f) / sizeof(f[0])));
    CHECK_ERR(syscall(SYS_getppid), 37);
    CHECK_OK(syscall(SYS_getpid));
}

TEST(arithmetic) { CHECK_EQ(status_of(arithmetic_body), 0); }
