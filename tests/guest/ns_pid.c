/* Pid namespaces: numbers, the first process, signals, orphans, proc, credentials of messages. Root's business. */
#include "guest.h"

#include <dirent.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef CLONE_NEWPID
#define CLONE_NEWPID 0x20000000
#endif

/* A child that is the first of a new pid namespace. */
static pid_t fork_first(uint64_t more)
{
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | more | SIGCHLD, 0, 0, 0, 0);
    if (pid == -1 && errno == EPERM)
        SKIP("needs CAP_SYS_ADMIN");
    CHECK(pid >= 0);
    return pid;
}

static void sync_wait(int fd)
{
    char c;
    CHECK_EQ(read(fd, &c, 1), 1);
}

static void sync_go(int fd) { CHECK_EQ(write(fd, "x", 1), 1); }

TEST(the_first_is_one)
{
    pid_t pid = fork_first(0);
    if (!pid) {
        CHECK_EQ(getpid(), 1);
        CHECK_EQ(syscall(SYS_gettid), 1);
        CHECK_EQ(getppid(), 0);
        CHECK_EQ(getpgrp(), 0);
        CHECK_EQ(getsid(0), 0);
        CHECK_EQ(setsid(), 1);
        CHECK_EQ(getpgrp(), 1);
        pid_t c = CHECK_OK(fork());
        if (!c) {
            CHECK_EQ(getpid(), 2);
            CHECK_EQ(getppid(), 1);
            CHECK_EQ(getpgid(1), 1);
            CHECK_OK(setpgid(0, 0));
            CHECK_EQ(getpgrp(), 2);
            _exit(3);
        }
        CHECK_EQ(c, 2);
        int st;
        CHECK_EQ(waitpid(2, &st, 0), 2);
        CHECK_EQ(WEXITSTATUS(st), 3);
        CHECK_ERR(waitpid(77, &st, 0), ECHILD);
        CHECK_ERR(kill(12345, 0), ESRCH);
        _exit(0);
    }
    CHECK(pid > 1);
    check_child(pid, 0);
}

TEST(unshare_is_for_children)
{
    pid_t me = getpid();
    if (unshare(CLONE_NEWPID) == -1 && errno == EPERM)
        SKIP("needs CAP_SYS_ADMIN");
    CHECK_EQ(getpid(), me);
    char link[64];
    CHECK_ERR(readlink("/proc/self/ns/pid_for_children", link, sizeof(link)), ENOENT);
    pid_t pid = CHECK_OK(fork());
    if (!pid)
        _exit(getpid() == 1 ? 0 : 1);
    check_child(pid, 0);
    /* Its first process is gone: there are no more. */
    CHECK_ERR(fork(), ENOMEM);
    CHECK_ERR(unshare(CLONE_NEWPID), EINVAL);
}

static void *thread_nothing(void *a) { return a; }

TEST(no_threads_into_another)
{
    if (unshare(CLONE_NEWPID) == -1 && errno == EPERM)
        SKIP("needs CAP_SYS_ADMIN");
    pthread_t th;
    CHECK_EQ(pthread_create(&th, NULL, thread_nothing, NULL), EINVAL);
}

static volatile sig_atomic_t got, got_pid;
static void on_signal(int sig, siginfo_t *si, void *u)
{
    (void)u;
    got = sig;
    got_pid = si->si_pid;
}

static void handle(int sig)
{
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    CHECK_OK(sigaction(sig, &sa, NULL));
}

TEST(signals_from_inside_do_not_end_the_first)
{
    pid_t pid = fork_first(0);
    if (!pid) {
        CHECK_OK(kill(1, SIGTERM));
        CHECK_OK(kill(1, SIGKILL));
        CHECK_OK(raise(SIGSTOP));
        pid_t c = CHECK_OK(fork());
        if (!c) {
            CHECK_OK(kill(1, SIGKILL));
            CHECK_OK(kill(1, SIGHUP));
            _exit(0);
        }
        check_child(c, 0);
        handle(SIGUSR1);
        c = CHECK_OK(fork());
        if (!c) {
            CHECK_OK(kill(1, SIGUSR1));
            _exit(0);
        }
        while (waitpid(c, NULL, 0) != c)
            ;
        CHECK_EQ(got, SIGUSR1);
        CHECK_EQ(got_pid, 3);
        _exit(7);
    }
    check_child(pid, 7);
}

TEST(signals_from_outside)
{
    int p[2];
    CHECK_OK(pipe(p));
    pid_t pid = fork_first(0);
    if (!pid) {
        handle(SIGUSR1);
        sync_go(p[1]);
        while (!got)
            pause();
        CHECK_EQ(got_pid, 0); /* nobody that it can name */
        sync_go(p[1]);
        for (;;)
            pause();
    }
    sync_wait(p[0]);
    CHECK_OK(kill(pid, SIGTERM)); /* no handler */
    CHECK_OK(kill(pid, SIGUSR1));
    sync_wait(p[0]);
    CHECK_OK(kill(pid, SIGKILL));
    check_child(pid, 128 + SIGKILL);
}

TEST(the_end_of_the_first_ends_all)
{
    int p[2], q[2];
    CHECK_OK(pipe(p));
    CHECK_OK(pipe(q));
    pid_t pid = fork_first(0);
    if (!pid) {
        close(q[0]);
        for (int i = 0; i < 3; i++)
            if (!CHECK_OK(fork())) {
                if (!CHECK_OK(fork())) {
                    sync_go(p[1]);
                    pause();
                }
                pause();
            }
        for (int i = 0; i < 3; i++)
            sync_wait(p[0]);
        _exit(5);
    }
    close(q[1]);
    check_child(pid, 5);
    char c;
    fcntl(q[0], F_SETFL, O_NONBLOCK);
    CHECK_EQ(read(q[0], &c, 1), 0); /* whoever had the other end is gone already */
}

TEST(orphans_go_to_the_first)
{
    pid_t pid = fork_first(0);
    if (!pid) {
        int p[2];
        CHECK_OK(pipe(p));
        pid_t c = CHECK_OK(fork());
        if (!c) {
            if (!CHECK_OK(fork())) {
                sync_wait(p[0]);
                _exit(getppid() == 1 ? 0 : 1);
            }
            _exit(0);
        }
        check_child(c, 0);
        sync_go(p[1]);
        int st;
        CHECK_EQ(wait(&st), 3);
        CHECK_EQ(st, 0);
        _exit(0);
    }
    check_child(pid, 0);
}

TEST(kill_all_is_of_ones_own)
{
    int p[2];
    CHECK_OK(pipe(p));
    pid_t other = CHECK_OK(fork());
    if (!other) {
        sync_wait(p[0]);
        _exit(9);
    }
    pid_t pid = fork_first(0);
    if (!pid) {
        CHECK_ERR(kill(-1, SIGKILL), ESRCH);
        pid_t c = CHECK_OK(fork());
        if (!c)
            for (;;)
                pause();
        CHECK_OK(kill(-1, SIGKILL));
        check_child(c, 128 + SIGKILL);
        _exit(0);
    }
    check_child(pid, 0);
    sync_go(p[1]);
    check_child(other, 9);
}

TEST(wait_and_siginfo_have_the_parents_numbers)
{
    handle(SIGCHLD);
    pid_t pid = fork_first(0);
    if (!pid)
        _exit(4);
    siginfo_t si = {0};
    while (waitid(P_PID, (id_t)pid, &si, WEXITED) == -1)
        CHECK_EQ(errno, EINTR);
    CHECK_EQ(si.si_pid, pid);
    CHECK_EQ(si.si_status, 4);
    CHECK_EQ(got, SIGCHLD);
    CHECK_EQ(got_pid, pid);
}

static int count_pids(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    CHECK(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] >= '0' && e->d_name[0] <= '9';
    closedir(d);
    return n;
}

static void check_status(const char *dir, const char *who, const char *want)
{
    char path[256], line[256];
    bool found = false;
    snprintf(path, sizeof(path), "%s/%s/status", dir, who);
    FILE *f = fopen(path, "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = 0;
        found |= strcmp(line, want) == 0;
    }
    fclose(f);
    if (!found)
        FAIL("%s has no line \"%s\"", path, want);
}

TEST(proc_shows_the_namespace_of_its_mount)
{
    char dir[128];
    snprintf(dir, sizeof(dir), "%s/proc", guest_dir());
    CHECK_OK(mkdir(dir, 0755));
    pid_t pid = fork_first(CLONE_NEWNS);
    if (!pid) {
        char text[64] = "", want[64], path[256];
        CHECK_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
        CHECK_OK(mount("proc", dir, "proc", 0, NULL));
        snprintf(path, sizeof(path), "%s/self", dir);
        CHECK_OK(readlink(path, text, sizeof(text) - 1));
        CHECK_STR(text, "1");
        CHECK_EQ(count_pids(dir), 1);
        check_status(dir, "self", "Pid:\t1");
        check_status(dir, "1", "PPid:\t0");
        check_status(dir, "1", "NSpid:\t1");
        pid_t c = CHECK_OK(fork());
        if (!c)
            for (;;)
                pause();
        CHECK_EQ(count_pids(dir), 2);
        check_status(dir, "2", "PPid:\t1");
        snprintf(path, sizeof(path), "%s/1/task/1/children", dir);
        FILE *f = fopen(path, "r");
        if (f) {
            CHECK(fgets(text, sizeof(text), f));
            CHECK_STR(text, "2 ");
            fclose(f);
        }
        /* The old one has numbers of the outside. */
        memset(text, 0, sizeof(text));
        CHECK_OK(readlink("/proc/self", text, sizeof(text) - 1));
        CHECK(strcmp(text, "1"));
        snprintf(want, sizeof(want), "NSpid:\t%s\t1", text);
        check_status("/proc", "self", want);
        CHECK_OK(kill(c, SIGKILL));
        check_child(c, 128 + SIGKILL);
        _exit(0);
    }
    check_child(pid, 0);
}

TEST(nested)
{
    pid_t pid = fork_first(0);
    if (!pid) {
        pid_t c = fork_first(0);
        if (!c) {
            CHECK_EQ(getpid(), 1);
            CHECK_EQ(getppid(), 0);
            pid_t g = CHECK_OK(fork());
            if (!g)
                _exit(getpid() == 2 ? 0 : 1);
            CHECK_EQ(g, 2);
            check_child(2, 0);
            _exit(0);
        }
        CHECK_EQ(c, 2);
        check_child(c, 0);
        c = CHECK_OK(fork());
        if (!c)
            _exit(getpid() == 4 ? 0 : 1); /* the grandchild had 3 here */
        CHECK_EQ(c, 4);
        check_child(c, 0);
        _exit(0);
    }
    check_child(pid, 0);
}

TEST(setns_and_pidfd)
{
    int p[2], q[2];
    CHECK_OK(pipe(p));
    CHECK_OK(pipe(q));
    int own = CHECK_OK(open("/proc/self/ns/pid", O_RDONLY));
    pid_t pid = fork_first(0);
    if (!pid) {
        sync_go(p[1]);
        sync_wait(q[0]);
        CHECK_EQ(kill(2, 0), 0);                     /* who came in from outside */
        CHECK_ERR(setns(own, CLONE_NEWPID), EINVAL); /* not up */
        sync_go(p[1]);
        sync_wait(q[0]);
        _exit(0);
    }
    sync_wait(p[0]);
    int fd = (int)CHECK_OK(syscall(SYS_pidfd_open, pid, 0));
    char line[256], path[64], want[64];
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    snprintf(want, sizeof(want), "NSpid:\t%d\t1\n", pid);
    FILE *f = fopen(path, "r");
    bool found = false;
    while (f && fgets(line, sizeof(line), f))
        found |= strcmp(line, want) == 0;
    CHECK(found);
    CHECK_OK(setns(fd, CLONE_NEWPID));
    CHECK_OK(getpid());
    pid_t c = CHECK_OK(fork());
    if (!c) {
        CHECK_EQ(getpid(), 2);
        CHECK_EQ(getppid(), 0);
        for (;;)
            pause();
    }
    CHECK(c != 2);
    sync_go(q[1]);
    sync_wait(p[0]);
    sync_go(q[1]);
    /* Linux ends the first only when c is waited for. */
    check_child(c, 128 + SIGKILL);
    check_child(pid, 0);
    CHECK_OK(setns(own, CLONE_NEWPID));
    c = CHECK_OK(fork());
    if (!c)
        _exit(0);
    check_child(c, 0);
}

static void send_cred(int fd)
{
    struct iovec iov = {(void *)"x", 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    CHECK_EQ(sendmsg(fd, &m, 0), 1);
}

static pid_t recv_cred(int fd)
{
    char c, buf[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec iov = {&c, 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf)};
    CHECK_EQ(recvmsg(fd, &m, 0), 1);
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    CHECK(h && h->cmsg_type == SCM_CREDENTIALS);
    struct ucred u;
    memcpy(&u, CMSG_DATA(h), sizeof(u));
    return u.pid;
}

TEST(credentials_of_messages)
{
    int s[2], one = 1;
    CHECK_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
    CHECK_OK(setsockopt(s[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
    CHECK_OK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
    pid_t pid = fork_first(0);
    if (!pid) {
        send_cred(s[1]);
        CHECK_EQ(recv_cred(s[1]), 0); /* from somebody that it cannot name */
        pid_t c = CHECK_OK(fork());
        if (!c) {
            send_cred(s[0]);
            _exit(0);
        }
        CHECK_EQ(recv_cred(s[1]), c);
        check_child(c, 0);
        _exit(0);
    }
    CHECK_EQ(recv_cred(s[0]), pid);
    send_cred(s[0]);
    check_child(pid, 0);
}

TEST(owner_of_a_file)
{
    pid_t pid = fork_first(0);
    if (!pid) {
        int p[2];
        CHECK_OK(pipe(p));
        CHECK_OK(fcntl(p[0], F_SETOWN, 1));
        CHECK_EQ(fcntl(p[0], F_GETOWN), 1);
        CHECK_ERR(fcntl(p[0], F_SETOWN, 4321), ESRCH);
        _exit(0);
    }
    check_child(pid, 0);
}

TEST(clone3_set_tid)
{
    pid_t pid = fork_first(0);
    if (!pid) {
        pid_t want[1] = {77};
        struct clone_args a = {
            .exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)want, .set_tid_size = 1};
        pid_t c = (pid_t)CHECK_OK(syscall(SYS_clone3, &a, sizeof(a)));
        if (!c)
            _exit(getpid() == 77 ? 0 : 1);
        CHECK_EQ(c, 77);
        a.exit_signal = SIGCHLD;
        CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EEXIST);
        check_child(c, 0);
        a.set_tid_size = 20;
        static pid_t many[32];
        a.set_tid = (uint64_t)(uintptr_t)many;
        CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EINVAL);
        _exit(0);
    }
    check_child(pid, 0);
}

static pid_t thread_tid;
static void *thread_main(void *a)
{
    thread_tid = (pid_t)syscall(SYS_gettid);
    CHECK_EQ(getpid(), 1);
    return a;
}

TEST(threads_mutexes_and_exec)
{
    pid_t pid = fork_first(0);
    if (!pid) {
        pthread_t th;
        CHECK_EQ(pthread_create(&th, NULL, thread_main, NULL), 0);
        CHECK_EQ(pthread_join(th, NULL), 0);
        CHECK_EQ(thread_tid, 2);
        pthread_mutexattr_t at;
        pthread_mutex_t m;
        pthread_mutexattr_init(&at);
        pthread_mutexattr_setprotocol(&at, PTHREAD_PRIO_INHERIT);
        pthread_mutex_init(&m, &at);
        CHECK_EQ(pthread_mutex_lock(&m), 0);
        CHECK_EQ(pthread_mutex_unlock(&m), 0);
        execl("/bin/sh", "sh", "-c", "[ $$ = 1 ] && (exit 0) && exit 6", (char *)0);
        _exit(1);
    }
    check_child(pid, 6);
}

TEST(vfork_too)
{
    pid_t pid = fork_first(0);
    if (!pid) {
        pid_t c = vfork();
        if (!c)
            _exit(8);
        CHECK_EQ(c, 2);
        check_child(c, 8);
        _exit(0);
    }
    check_child(pid, 0);
}
