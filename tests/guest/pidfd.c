/* Tests of what names processes and compares them: pidfds of processes and threads, kcmp, clone3 with chosen numbers, unshare. */
#include "guest.h"

#include <linux/kcmp.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#define PIDFD_OF_THREAD O_EXCL

static pid_t tid(void) { return (pid_t)syscall(SYS_gettid); }
static int pidfd_open_call(pid_t pid, unsigned flags)
{
    return (int)syscall(SYS_pidfd_open, pid, flags);
}
static long send_signal(int fd, int sig, siginfo_t *info, unsigned flags)
{
    return syscall(SYS_pidfd_send_signal, fd, sig, info, flags);
}
static long kcmp(pid_t a, pid_t b, int type, unsigned long x, unsigned long y)
{
    return syscall(SYS_kcmp, a, b, type, x, y);
}

static short events_of(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    CHECK_OK(poll(&p, 1, 0));
    return p.revents;
}

static _Atomic pid_t other;
static _Atomic int stop, hits;
static void on_signal(int signo) { hits += tid() == other ? 1 : 1000; }

static void *thread(void *arg)
{
    other = tid();
    while (!stop)
        usleep(1000);
    return arg;
}

TEST(of_a_thread)
{
    pthread_t t;
    struct sigaction sa = {.sa_handler = on_signal};
    CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
    CHECK_EQ(pthread_create(&t, NULL, thread, NULL), 0);
    while (!other)
        sched_yield();
    int fd = pidfd_open_call(other, PIDFD_OF_THREAD);
    if (fd == -1 && errno == EINVAL)
        SKIP("no PIDFD_THREAD");
    CHECK(fd >= 0);
    CHECK_EQ(pidfd_open_call(other, 0), -1);
    CHECK_EQ(events_of(fd), 0);
    CHECK_OK(send_signal(fd, SIGUSR1, NULL, 0)); /* that thread gets it */
    while (!hits)
        sched_yield();
    CHECK_EQ(hits, 1);
    stop = 1;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    CHECK_EQ(poll(&p, 1, -1), 1); /* the thread has ended, the process has not */
    CHECK(p.revents & POLLIN);
    CHECK_EQ(pthread_join(t, NULL), 0);
    CHECK_ERR(send_signal(fd, 0, NULL, 0), ESRCH);
}

TEST(signal_scopes)
{
    int fd = CHECK_OK(pidfd_open_call(getpid(), 0));
    CHECK_ERR(send_signal(fd, 0, NULL, 16), EINVAL);
    CHECK_ERR(send_signal(fd, 0, NULL, 3), EINVAL);
    if (send_signal(fd, 0, NULL, 1) == -1 && errno == EINVAL)
        SKIP("no PIDFD_SIGNAL_THREAD");
    CHECK_OK(send_signal(fd, 0, NULL, 2));
    CHECK_OK(setpgid(0, 0));
    CHECK_OK(send_signal(fd, 0, NULL, 4));
    CHECK_ERR(send_signal(fd, 99, NULL, 0), EINVAL);
    CHECK_ERR(send_signal(0, 0, NULL, 0), EBADF);
}

TEST(nonblocking_wait)
{
    int p[2];
    char c;
    siginfo_t info;
    CHECK_OK(pipe(p));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        close(p[1]);
        CHECK_EQ(read(p[0], &c, 1), 0);
        _exit(5);
    }
    int fd = CHECK_OK(pidfd_open_call(pid, O_NONBLOCK));
    CHECK_ERR(waitid(P_PIDFD, (id_t)fd, &info, WEXITED), EAGAIN);
    close(p[1]);
    struct pollfd pf = {.fd = fd, .events = POLLIN};
    CHECK_EQ(poll(&pf, 1, -1), 1);
    CHECK_OK(waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
    CHECK_EQ(info.si_status, 5);
    CHECK_ERR(waitid(P_PIDFD, (id_t)fd, &info, WEXITED), ECHILD);
    CHECK_ERR(send_signal(fd, 0, NULL, 0), ESRCH);
}

TEST(mrelease)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0)
        for (;;)
            pause();
    int fd = CHECK_OK(pidfd_open_call(pid, 0));
    long r = syscall(SYS_process_mrelease, fd, 0);
    if (r == -1 && errno == ENOSYS)
        SKIP("no process_mrelease");
    CHECK_ERR(syscall(SYS_process_mrelease, fd, 0), EINVAL); /* it lives */
    CHECK_ERR(syscall(SYS_process_mrelease, fd, 1), EINVAL);
    CHECK_ERR(syscall(SYS_process_mrelease, 0, 0), EBADF);
    CHECK_OK(kill(pid, SIGKILL));
    siginfo_t info;
    CHECK_OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    CHECK_ERR(syscall(SYS_process_mrelease, fd, 0), ESRCH);
    check_child(pid, 128 + SIGKILL);
}

/* ---- kcmp ---- */

static int sleeper(void *arg)
{
    for (;;)
        pause();
    return 0;
}

TEST(compare_tasks)
{
    static char stack[16384] __attribute__((aligned(16)));
    pid_t me = getpid();
    if (kcmp(me, me, KCMP_VM, 0, 0) == -1 && errno == ENOSYS)
        SKIP("no kcmp");
    pid_t shares =
        CHECK_OK(clone(sleeper, stack + sizeof(stack), CLONE_VM | CLONE_FILES | SIGCHLD, NULL));
    pid_t copied = CHECK_OK(fork());
    if (copied == 0)
        sleeper(NULL);
    CHECK_EQ(kcmp(me, shares, KCMP_VM, 0, 0), 0);
    CHECK_EQ(kcmp(me, shares, KCMP_FILES, 0, 0), 0);
    CHECK(kcmp(me, shares, KCMP_FS, 0, 0) > 0);
    CHECK(kcmp(me, shares, KCMP_SIGHAND, 0, 0) > 0);
    long forth = kcmp(me, copied, KCMP_VM, 0, 0), back = kcmp(copied, me, KCMP_VM, 0, 0);
    CHECK_EQ(forth + back, 3); /* an order */
    CHECK(kcmp(me, copied, KCMP_FILES, 0, 0) > 0);
    CHECK_OK(kill(shares, SIGKILL));
    CHECK_OK(kill(copied, SIGKILL));
    check_child(shares, 128 + SIGKILL);
    check_child(copied, 128 + SIGKILL);
}

TEST(compare_files)
{
    pid_t me = getpid();
    int a = CHECK_OK(open("/dev/null", O_RDONLY)), b = CHECK_OK(dup(a));
    int c = CHECK_OK(open("/dev/null", O_RDONLY));
    if (kcmp(me, me, KCMP_FILE, (unsigned long)a, (unsigned long)b) == -1 && errno == ENOSYS)
        SKIP("no kcmp");
    CHECK_EQ(kcmp(me, me, KCMP_FILE, (unsigned long)a, (unsigned long)b), 0);
    CHECK(kcmp(me, me, KCMP_FILE, (unsigned long)a, (unsigned long)c) > 0);
    CHECK_ERR(kcmp(me, me, KCMP_FILE, (unsigned long)a, 999), EBADF);
    CHECK_ERR(kcmp(me, me, 99, 0, 0), EINVAL);
    CHECK_ERR(kcmp(me, 1 << 22, KCMP_VM, 0, 0), ESRCH);
    if (geteuid() == 0) {
        CHECK_OK(setresuid(65534, 65534, 65534));
        CHECK_ERR(kcmp(me, getppid(), KCMP_VM, 0, 0), EPERM);
    }
}

TEST(compare_epoll_targets)
{
    pid_t me = getpid();
    int ep = CHECK_OK(epoll_create1(0)), p[2];
    CHECK_OK(pipe(p));
    struct epoll_event ev = {.events = EPOLLIN};
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
    struct kcmp_epoll_slot s = {(unsigned)ep, (unsigned)p[0], 0};
    long r = kcmp(me, me, KCMP_EPOLL_TFD, (unsigned long)p[0], (unsigned long)&s);
    if (r == -1 && (errno == ENOSYS || errno == EOPNOTSUPP))
        SKIP("no KCMP_EPOLL_TFD");
    CHECK_EQ(r, 0);
    CHECK(kcmp(me, me, KCMP_EPOLL_TFD, (unsigned long)p[1], (unsigned long)&s) > 0);
    s.toff = 1;
    CHECK_ERR(kcmp(me, me, KCMP_EPOLL_TFD, (unsigned long)p[0], (unsigned long)&s), ENOENT);
    s = (struct kcmp_epoll_slot){(unsigned)p[1], (unsigned)p[0], 0};
    CHECK_ERR(kcmp(me, me, KCMP_EPOLL_TFD, (unsigned long)p[0], (unsigned long)&s), EINVAL);
    s.efd = 999;
    CHECK_ERR(kcmp(me, me, KCMP_EPOLL_TFD, (unsigned long)p[0], (unsigned long)&s), EBADF);
    CHECK_ERR(kcmp(me, me, KCMP_EPOLL_TFD, (unsigned long)p[0], 1), EFAULT);
}

/* ---- clone3, unshare ---- */

static pid_t clone3_call(struct clone_args *a) { return (pid_t)syscall(SYS_clone3, a, sizeof(*a)); }

TEST(chosen_number)
{
    pid_t want = 20000;
    struct clone_args a = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&want, .set_tid_size = 1};
    while (kill(want, 0) == 0)
        want++;
    pid_t pid = clone3_call(&a);
    if (pid == -1 && errno == EPERM)
        SKIP("no CAP_CHECKPOINT_RESTORE");
    if (pid == 0)
        _exit(getpid() == want ? 0 : 1);
    CHECK_EQ(pid, want);
    pid_t again = clone3_call(&a); /* not waited for yet: in use */
    if (again == 0)
        _exit(1);
    CHECK_EQ(again, -1);
    CHECK_EQ(errno, EEXIST);
    check_child(pid, 0);
    want = 0;
    CHECK_ERR(clone3_call(&a), EINVAL);
    a.set_tid_size = 33;
    CHECK_ERR(clone3_call(&a), EINVAL);
    a.set_tid_size = 0;
    CHECK_ERR(clone3_call(&a), EINVAL);
    a.set_tid_size = 1;
    a.set_tid = 1;
    CHECK_ERR(clone3_call(&a), EFAULT);
    want = 30001;
    a.set_tid = (uintptr_t)&want;
    CHECK_OK(setresuid(65534, 65534, 65534));
    CHECK_ERR(clone3_call(&a), EPERM);
}

TEST(cleared_handlers)
{
    signal(SIGUSR1, on_signal);
    signal(SIGUSR2, SIG_IGN);
    struct clone_args a = {.exit_signal = SIGCHLD, .flags = 0x100000000ULL /* CLEAR_SIGHAND */};
    pid_t pid = clone3_call(&a);
    if (pid == -1 && errno == EINVAL)
        SKIP("no CLONE_CLEAR_SIGHAND");
    if (pid == 0) {
        struct sigaction sa;
        CHECK_OK(sigaction(SIGUSR1, NULL, &sa));
        CHECK(sa.sa_handler == SIG_DFL);
        CHECK_OK(sigaction(SIGUSR2, NULL, &sa));
        CHECK(sa.sa_handler == SIG_IGN);
        _exit(0);
    }
    check_child(pid, 0);
    a.flags |= CLONE_SIGHAND | CLONE_VM;
    CHECK_ERR(clone3_call(&a), EINVAL);
}

static void *unshares(void *arg)
{
    CHECK_ERR(unshare(CLONE_THREAD), EINVAL);
    CHECK_ERR(unshare(CLONE_SIGHAND), EINVAL);
    CHECK_ERR(unshare(CLONE_VM), EINVAL);
    CHECK_OK(unshare(CLONE_FS));
    CHECK_OK(unshare(CLONE_FILES));
    CHECK_OK(unshare(CLONE_SYSVSEM));
    CHECK_OK(chdir("/"));
    CHECK_OK(close(0));
    return arg;
}

TEST(unshare_in_threads)
{
    pthread_t t;
    char before[4096], after[4096];
    CHECK_OK(chdir(guest_dir()));
    CHECK(getcwd(before, sizeof(before)));
    CHECK_OK(dup2(1, 0));
    CHECK_EQ(pthread_create(&t, NULL, unshares, NULL), 0);
    CHECK_EQ(pthread_join(t, NULL), 0);
    CHECK(getcwd(after, sizeof(after)));
    CHECK_STR(before, after);
    CHECK_OK(fcntl(0, F_GETFD));
}

TEST(unshare_alone)
{
    CHECK_OK(unshare(CLONE_THREAD));
    CHECK_OK(unshare(CLONE_SIGHAND));
    CHECK_OK(unshare(CLONE_VM));
    CHECK_ERR(unshare(CLONE_PARENT), EINVAL);
}

TEST(into_a_cgroup)
{
    struct clone_args a = {.exit_signal = SIGCHLD, .flags = CLONE_INTO_CGROUP, .cgroup = 1u << 31};
    CHECK_ERR(clone3_call(&a), EINVAL);
    a.cgroup = 999;
    CHECK_ERR(clone3_call(&a), EBADF);
    a.cgroup = (unsigned)CHECK_OK(open("/", O_RDONLY));
    CHECK_ERR(clone3_call(&a), EBADF);
    a.cgroup = 999;
    CHECK_ERR(syscall(SYS_clone3, &a, 80), EINVAL); /* too short for it */
}
