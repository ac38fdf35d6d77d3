/* fork, vfork, clone, clone3, exit, wait4, waitid, process groups and sessions, pidfds.
   tests: pidfd_send_signal exit_group gettid pidfd_open */
#include "guest.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/uio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static long raw(long nr, long a, long b, long c, long d, long e)
{
    return syscall(nr, a, b, c, d, e);
}

TEST(fork_has_own_memory)
{
    volatile int x = 1;
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        x = 2;
        _exit(x == 2 && getppid() != getpid() ? 5 : 1);
    }
    check_child(pid, 5);
    CHECK_EQ(x, 1);
}

TEST(unshare_what_is_shared)
{
    CHECK_OK(unshare(0));
    CHECK_OK(unshare(CLONE_FILES | CLONE_FS));
    CHECK_ERR(unshare(CLONE_PARENT), EINVAL);
}

TEST(ids)
{
    pid_t parent = getpid(), pid = CHECK_OK(fork());
    if (pid == 0) {
        CHECK_EQ(getppid(), parent);
        CHECK_EQ(syscall(SYS_gettid), getpid());
        CHECK_EQ(getpgrp(), getpgid(0));
        _exit(0);
    }
    CHECK(pid != parent);
    check_child(pid, 0);
    CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
}

TEST(many_children)
{
    enum { N = 40 };
    pid_t pids[N];
    for (int i = 0; i < N; i++) {
        pids[i] = CHECK_OK(fork());
        if (pids[i] == 0)
            _exit(i);
    }
    for (int i = N - 1; i >= 0; i--)
        check_child(pids[i], i);
}

TEST(killed_by_signal)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        for (;;)
            pause();
    }
    int status;
    struct rusage ru;
    CHECK_EQ(wait4(pid, &status, WNOHANG, &ru), 0);
    CHECK_OK(kill(pid, SIGTERM));
    CHECK_EQ(wait4(pid, &status, 0, &ru), pid);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGTERM);
}

TEST(killed_while_computing)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0)
        for (volatile unsigned i = 0;; i++) {
        }
    CHECK_OK(kill(pid, SIGKILL));
    check_child(pid, 128 + SIGKILL);
}

TEST(wait_errors)
{
    siginfo_t si;
    CHECK_ERR(wait4(-1, NULL, 0, NULL), ECHILD);
    CHECK_ERR(raw(SYS_wait4, -1, 0, 0x100, 0, 0), EINVAL);
    CHECK_ERR(raw(SYS_wait4, INT32_MIN, 0, 0, 0, 0), ESRCH);
    CHECK_ERR(raw(SYS_waitid, P_PID, 0, (long)&si, WEXITED, 0), EINVAL);
    CHECK_ERR(raw(SYS_waitid, P_ALL, 0, (long)&si, 0, 0), EINVAL);
    CHECK_ERR(raw(SYS_waitid, P_ALL, 0, (long)&si, WEXITED | 0x100, 0), EINVAL);
    CHECK_ERR(raw(SYS_waitid, 99, 0, (long)&si, WEXITED, 0), EINVAL);
    CHECK_ERR(raw(SYS_waitid, P_PIDFD, 0, (long)&si, WEXITED, 0), EBADF);
    CHECK_ERR(waitid(P_ALL, 0, &si, WEXITED), ECHILD);
}

TEST(waitid_leaves_it_there)
{
    siginfo_t si;
    pid_t pid = CHECK_OK(fork());
    if (pid == 0)
        _exit(300 & 0xff);
    CHECK_OK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
    CHECK_EQ(si.si_pid, pid);
    CHECK_EQ(si.si_code, CLD_EXITED);
    CHECK_EQ(si.si_status, 300 & 0xff);
    CHECK_EQ(si.si_signo, SIGCHLD);
    CHECK_OK(waitid(P_ALL, 0, &si, WEXITED));
    CHECK_EQ(si.si_pid, pid);
    CHECK_ERR(waitid(P_ALL, 0, &si, WEXITED), ECHILD);
}

TEST(stop_and_continue)
{
    int status;
    siginfo_t si = {0};
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        raise(SIGSTOP);
        for (;;)
            pause();
    }
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status));
    CHECK_EQ(WSTOPSIG(status), SIGSTOP);
    CHECK_OK(kill(pid, SIGCONT));
    CHECK_OK(waitid(P_PID, (id_t)pid, &si, WCONTINUED));
    CHECK_EQ(si.si_code, CLD_CONTINUED);
    CHECK_OK(kill(pid, SIGSTOP));
    CHECK_OK(waitid(P_PID, (id_t)pid, &si, WSTOPPED));
    CHECK_EQ(si.si_code, CLD_STOPPED);
    CHECK_EQ(si.si_status, SIGSTOP);
    CHECK_OK(kill(pid, SIGKILL));
    check_child(pid, 128 + SIGKILL);
}

static void *sleeps(void *p)
{
    for (;;)
        pause();
    return p;
}

TEST(stop_of_running_threads)
{
    volatile unsigned *n =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        pthread_t th;
        pthread_create(&th, NULL, sleeps, NULL);
        for (;;)
            n[0]++;
    }
    while (!n[0])
        usleep(1000);
    CHECK_OK(kill(pid, SIGSTOP));
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    usleep(20000);
    unsigned at = n[0];
    usleep(30000);
    CHECK_EQ(n[0], at);
    CHECK_OK(kill(pid, SIGCONT));
    while (n[0] == at)
        usleep(1000);
    CHECK_OK(kill(pid, SIGTERM));
    check_child(pid, 128 + SIGTERM);
}

TEST(terminal_stop_of_a_group)
{
    int status;
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        for (;;)
            pause();
    }
    CHECK_OK(setpgid(pid, pid));
    CHECK_OK(kill(-pid, SIGTSTP)); /* its parent is in another group of the session: not orphaned */
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status));
    CHECK_EQ(WSTOPSIG(status), SIGTSTP);
    CHECK_OK(kill(pid, SIGKILL));
    check_child(pid, 128 + SIGKILL);
}

TEST(vfork_child_runs_first)
{
    static volatile int stage;
    pid_t pid = vfork();
    if (pid == 0) {
        stage = 1;
        _exit(6);
    }
    CHECK_EQ(stage, 1);
    check_child(pid, 6);
}

TEST(vfork_then_exec)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/bin/true", "true", (char *)0);
        _exit(9);
    }
    check_child(pid, 0);
}

TEST(spawn)
{
    pid_t pid;
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)"exit 17", NULL};
    CHECK_EQ(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, NULL), 0);
    check_child(pid, 17);
    CHECK_EQ(posix_spawn(&pid, "/does/not/exist", NULL, NULL, argv, NULL), ENOENT);
}

TEST(clone_flag_errors)
{
    CHECK_ERR(raw(SYS_clone, CLONE_THREAD, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(raw(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(raw(SYS_clone, CLONE_NEWNS | CLONE_FS, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(raw(SYS_clone, 0x1000 /* PIDFD */ | CLONE_PARENT_SETTID, 0, (long)&errno, 0, 0),
              EINVAL);
}

struct clone_args3 {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
        set_tid_size, cgroup;
};

TEST(clone3_with_pidfd)
{
    int pidfd = -1;
    pid_t ptid = 0;
    struct clone_args3 a = {.flags = 0x1000 | CLONE_PARENT_SETTID,
                            .pidfd = (uintptr_t)&pidfd,
                            .parent_tid = (uintptr_t)&ptid,
                            .exit_signal = SIGCHLD};
    pid_t pid = (pid_t)CHECK_OK(raw(SYS_clone3, (long)&a, sizeof(a), 0, 0, 0));
    if (pid == 0)
        _exit(3);
    CHECK_EQ(ptid, pid);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    CHECK_EQ(poll(&p, 1, 5000), 1);
    CHECK_EQ(p.revents & POLLIN, POLLIN);
    siginfo_t si;
    CHECK_OK(waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED));
    CHECK_EQ(si.si_pid, pid);
    CHECK_EQ(si.si_status, 3);
    CHECK_EQ(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
}

TEST(clone3_errors)
{
    struct clone_args3 a = {.exit_signal = SIGCHLD};
    CHECK_ERR(raw(SYS_clone3, (long)&a, 32, 0, 0, 0), EINVAL);
    CHECK_ERR(raw(SYS_clone3, (long)&a, 8192, 0, 0, 0), E2BIG);
    a.exit_signal = 100;
    CHECK_ERR(raw(SYS_clone3, (long)&a, sizeof(a), 0, 0, 0), EINVAL);
    a.exit_signal = SIGCHLD;
    a.stack_size = 4096;
    CHECK_ERR(raw(SYS_clone3, (long)&a, sizeof(a), 0, 0, 0), EINVAL);
    a.stack_size = 0;
    a.flags = CLONE_SIGHAND | CLONE_VM | 0x100000000ULL;
    CHECK_ERR(raw(SYS_clone3, (long)&a, sizeof(a), 0, 0, 0), EINVAL);
}

static int shares_memory(void *p)
{
    *(volatile int *)p = 77;
    return 4;
}

TEST(clone_vm_is_a_process)
{
    static char stack[65536];
    static volatile int x;
    pid_t pid =
        CHECK_OK(clone(shares_memory, stack + sizeof(stack), CLONE_VM | SIGCHLD, (void *)&x));
    check_child(pid, 4);
    CHECK_EQ(x, 77);
}

TEST(child_settid)
{
    static volatile pid_t ctid;
    pid_t pid = (pid_t)CHECK_OK(raw(SYS_clone, CLONE_CHILD_SETTID | SIGCHLD, 0, 0, (long)&ctid, 0));
    if (pid == 0)
        _exit(ctid == getpid() ? 0 : 1);
    CHECK_EQ(ctid, 0);
    check_child(pid, 0);
}

TEST(wait_for_clone_children)
{
    int status;
    pid_t pid = (pid_t)CHECK_OK(raw(SYS_clone, 0, 0, 0, 0, 0));
    if (pid == 0)
        _exit(1);
    CHECK_ERR(waitpid(pid, &status, 0), ECHILD);
    CHECK_EQ(waitpid(pid, &status, __WCLONE), pid);
    pid = (pid_t)CHECK_OK(raw(SYS_clone, 0, 0, 0, 0, 0));
    if (pid == 0)
        _exit(1);
    CHECK_EQ(waitpid(pid, &status, __WALL), pid);
}

static void *count(void *p)
{
    __atomic_fetch_add((int *)p, 1, __ATOMIC_SEQ_CST);
    return p;
}

TEST(threads)
{
    enum { N = 20 };
    pthread_t th[N];
    int n = 0;
    for (int i = 0; i < N; i++)
        CHECK_EQ(pthread_create(&th[i], NULL, count, &n), 0);
    for (int i = 0; i < N; i++) {
        void *r;
        CHECK_EQ(pthread_join(th[i], &r), 0);
        CHECK(r == &n);
    }
    CHECK_EQ(n, N);
}

static void *exits_group(void *p)
{
    (void)p;
    exit(11);
}

TEST(exit_group_from_thread)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        pthread_t th;
        for (int i = 0; i < 5; i++)
            pthread_create(&th, NULL, sleeps, NULL);
        pthread_create(&th, NULL, exits_group, NULL);
        pause();
        _exit(1);
    }
    check_child(pid, 11);
}

static void *finishes_late(void *p)
{
    usleep(20000);
    _exit(12);
    return p;
}

TEST(leader_exits_first)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        pthread_t th;
        pthread_create(&th, NULL, finishes_late, NULL);
        syscall(SYS_exit, 1);
    }
    check_child(pid, 12);
}

static void *execs(void *p)
{
    execl("/bin/sh", "sh", "-c", p, (char *)0);
    _exit(9);
}

TEST(exec_from_thread)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        pthread_t th;
        static char cmd[100];
        snprintf(cmd, sizeof(cmd), "test $$ = %d", getpid());
        pthread_create(&th, NULL, sleeps, NULL);
        pthread_create(&th, NULL, execs, cmd);
        pause();
    }
    check_child(pid, 0);
}

static void *makes_child(void *p)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGUSR1);
        for (;;)
            pause();
    }
    *(volatile pid_t *)p = pid;
    usleep(50000);
    return NULL;
}

TEST(children_of_threads)
{
    pthread_t th;
    volatile pid_t pid = 0;
    CHECK_EQ(pthread_create(&th, NULL, makes_child, (void *)&pid), 0);
    while (!pid)
        usleep(1000);
    CHECK_ERR(waitpid(pid, NULL, WNOHANG | __WNOTHREAD), ECHILD);
    CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
    pthread_join(th, NULL);
    check_child(pid, 128 + SIGUSR1); /* its maker is gone */
}

static pthread_mutex_t *robust;

static void *dies_with_lock(void *p)
{
    pthread_mutex_lock(robust);
    usleep(30000); /* the other waits by now */
    return p;
}

TEST(robust_mutex_of_a_dead_owner)
{
    pthread_mutexattr_t attr;
    pthread_t th;
    robust = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(robust, &attr);
    CHECK_EQ(pthread_create(&th, NULL, dies_with_lock, NULL), 0);
    usleep(10000);
    CHECK_EQ(pthread_mutex_lock(robust), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_consistent(robust), 0);
    CHECK_EQ(pthread_mutex_unlock(robust), 0);
    CHECK_EQ(pthread_join(th, NULL), 0);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        dies_with_lock(NULL);
        kill(getpid(), SIGKILL);
    }
    usleep(10000);
    CHECK_EQ(pthread_mutex_lock(robust), EOWNERDEAD);
    check_child(pid, 128 + SIGKILL);
}

TEST(orphans_go_to_the_subreaper)
{
    int p[2];
    CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
    CHECK_OK(pipe(p));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        pid_t g = fork();
        if (g == 0) {
            char c;
            close(p[1]);
            (void)!read(p[0], &c, 1);
            _exit(21);
        }
        _exit(0);
    }
    check_child(pid, 0);
    close(p[0]);
    close(p[1]);
    int status;
    CHECK(waitpid(-1, &status, 0) > 0);
    CHECK_EQ(WEXITSTATUS(status), 21);
}

TEST(ignored_sigchld_reaps)
{
    signal(SIGCHLD, SIG_IGN);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0)
        _exit(1);
    CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
}

TEST(parent_death_signal)
{
    int p[2];
    char c = 0;
    CHECK_OK(pipe(p));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        pid_t g = fork();
        if (g == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            (void)!write(p[1], "x", 1);
            for (;;)
                pause();
        }
        (void)!read(p[0], &c, 1);
        _exit(0);
    }
    check_child(pid, 0);
    close(p[1]);
    CHECK_EQ(read(p[0], &c, 1), 0); /* the grandchild is gone */
}

TEST(groups_and_sessions)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        CHECK_OK(setpgid(0, 0));
        CHECK_EQ(getpgrp(), getpid());
        CHECK_ERR(setsid(), EPERM);
        CHECK_ERR(setpgid(0, -1), EINVAL);
        CHECK_ERR(setpgid(getppid(), 0), ESRCH);
        CHECK_ERR(setpgid(0, 32767), EPERM);
        CHECK_ERR(getpgid(32767), ESRCH);
        CHECK_ERR(getsid(32767), ESRCH);
        pid_t c = fork();
        if (c == 0) {
            CHECK_EQ(setsid(), getpid());
            CHECK_EQ(getsid(0), getpid());
            CHECK_EQ(getpgrp(), getpid());
            CHECK_ERR(setpgid(0, 0), EPERM);
            _exit(0);
        }
        check_child(c, 0);
        _exit(0);
    }
    check_child(pid, 0);
}

TEST(setpgid_of_child)
{
    int p[2], q[2];
    char c;
    CHECK_OK(pipe(p));
    CHECK_OK(pipe2(q, O_CLOEXEC));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        close(p[1]);
        close(q[0]);
        (void)!read(p[0], &c, 1);
        dup2(p[0], 0);
        execl("/bin/cat", "cat", (char *)0);
        _exit(0);
    }
    CHECK_OK(setpgid(pid, pid));
    CHECK_EQ(getpgid(pid), pid);
    CHECK_EQ(write(p[1], "x", 1), 1);
    close(q[1]);
    CHECK_EQ(read(q[0], &c, 1), 0); /* it has execed */
    CHECK_ERR(setpgid(pid, getpgrp()), EACCES);
    CHECK_OK(kill(-pid, SIGKILL));
    check_child(pid, 128 + SIGKILL);
}

TEST(orphaned_stopped_group_gets_hup)
{
    int p[2];
    char c;
    CHECK_OK(pipe(p));
    CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        setsid();
        pid_t g = fork();
        if (g == 0) {
            setpgid(0, 0);
            raise(SIGSTOP);
            pause();
        }
        setpgid(g, g);
        int st;
        waitpid(g, &st, WUNTRACED);
        (void)!write(p[1], "x", 1);
        _exit(0);
    }
    check_child(pid, 0);
    CHECK_EQ(read(p[0], &c, 1), 1);
    int status;
    CHECK(waitpid(-1, &status, 0) > 0);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGHUP);
}

TEST(pidfd)
{
    CHECK_ERR(syscall(SYS_pidfd_open, 0, 0), EINVAL);
    CHECK_ERR(syscall(SYS_pidfd_open, getpid(), 1), EINVAL);
    CHECK_ERR(syscall(SYS_pidfd_open, 32767, 0), ESRCH);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        for (;;)
            pause();
    }
    int fd = (int)CHECK_OK(syscall(SYS_pidfd_open, pid, 0));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    CHECK_EQ(poll(&p, 1, 0), 0);
    CHECK_OK(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    CHECK_OK(syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0));
    CHECK_EQ(poll(&p, 1, 5000), 1);
    check_child(pid, 128 + SIGKILL);
    CHECK_ERR(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), ESRCH);
    CHECK_ERR(syscall(SYS_pidfd_send_signal, 0, 0, NULL, 0), EBADF);
}

TEST(pidfd_getfd)
{
    int p[2], go[2];
    char c = 0;
    CHECK_OK(pipe(go));
    CHECK_OK(pipe(p));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        close(go[1]);
        (void)!read(go[0], &c, 1);
        _exit(0);
    }
    close(p[1]);
    int fd = (int)CHECK_OK(syscall(SYS_pidfd_open, pid, 0));
    int w = (int)CHECK_OK(syscall(SYS_pidfd_getfd, fd, p[1], 0));
    CHECK_EQ(write(w, "y", 1), 1);
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(c, 'y');
    CHECK_ERR(syscall(SYS_pidfd_getfd, fd, 1000, 0), EBADF);
    CHECK_ERR(syscall(SYS_pidfd_getfd, fd, 0, 1), EINVAL);
    close(go[1]);
    check_child(pid, 0);
}

TEST(usage_of_the_ignored_is_not_added)
{
    struct rusage ru;
    signal(SIGCHLD, SIG_IGN);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0)
        _exit(0);
    CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
    CHECK_OK(getrusage(RUSAGE_CHILDREN, &ru));
    CHECK_EQ(ru.ru_maxrss, 0);
}

TEST(child_usage_is_added)
{
    struct rusage before, after;
    CHECK_OK(getrusage(RUSAGE_CHILDREN, &before));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        for (volatile unsigned i = 0; i < 100000000; i++) {
        }
        _exit(0);
    }
    check_child(pid, 0);
    CHECK_OK(getrusage(RUSAGE_CHILDREN, &after));
    CHECK(after.ru_utime.tv_sec * 1000000 + after.ru_utime.tv_usec >
          before.ru_utime.tv_sec * 1000000 + before.ru_utime.tv_usec);
}

/* A child that has hardly begun: its memory is there all the same. */
TEST(memory_of_a_new_child)
{
    static char text[] = "as it was";
    for (int i = 0; i < 100; i++) {
        pid_t pid = CHECK_OK(fork());
        if (pid == 0) {
            pause();
            _exit(1);
        }
        char got[16] = {0}, path[64], line[256];
        struct iovec local = {got, sizeof(text)}, remote = {text, sizeof(text)};
        if (i % 2 == 0) {
            CHECK_EQ(process_vm_readv(pid, &local, 1, &remote, 1, 0), (ssize_t)sizeof(text));
            CHECK_EQ(strcmp(got, text), 0);
        } else {
            snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
            int fd = CHECK_OK(open(path, O_RDONLY));
            CHECK(read(fd, line, sizeof(line)) > 1);
            close(fd);
        }
        CHECK_OK(kill(pid, SIGKILL));
        CHECK_EQ(waitpid(pid, NULL, 0), pid);
    }
}
