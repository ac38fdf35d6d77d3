/* poll, ppoll, select, pselect6. */
#include "guest.h"

#include <poll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>

static int fds[2];
static volatile sig_atomic_t got;
static void note(int sig) { got = sig; }

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

TEST(poll_reports)
{
    struct pollfd p[3] = {{.events = POLLIN}, {.events = POLLOUT}, {.fd = 999, .events = POLLIN}};
    CHECK_OK(pipe(fds));
    p[0].fd = fds[0];
    p[1].fd = fds[1];
    CHECK_EQ(poll(p, 3, 0), 2);
    CHECK_EQ(p[0].revents, 0);
    CHECK_EQ(p[1].revents, POLLOUT);
    CHECK_EQ(p[2].revents, POLLNVAL);
    p[2].fd = -1;
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(poll(p, 3, -1), 2);
    CHECK_EQ(p[0].revents, POLLIN);
    CHECK_EQ(p[2].revents, 0);
    CHECK_ERR(syscall(SYS_poll, 8, 1, 0), EFAULT);
    CHECK_ERR(syscall(SYS_poll, p, 0x7fffffff, 0), EINVAL);
}

TEST(poll_times_out)
{
    struct pollfd p = {.events = POLLIN};
    CHECK_OK(pipe(fds));
    p.fd = fds[0];
    int64_t t = now_ms();
    CHECK_EQ(poll(&p, 1, 50), 0);
    CHECK(now_ms() - t >= 49);
    t = now_ms();
    CHECK_EQ(poll(NULL, 0, 30), 0);
    CHECK(now_ms() - t >= 29);
}

TEST(poll_is_woken)
{
    struct pollfd p = {.events = POLLIN};
    CHECK_OK(pipe(fds));
    p.fd = fds[0];
    pid_t pid = fork();
    if (pid == 0) {
        usleep(30000);
        _exit(write(fds[1], "x", 1) == 1 ? 0 : 1);
    }
    CHECK_EQ(poll(&p, 1, 10000), 1);
    CHECK_EQ(p.revents, POLLIN);
    check_child(pid, 0);
}

TEST(poll_and_signals)
{
    struct sigaction sa = {.sa_handler = note, .sa_flags = SA_RESTART};
    CHECK_OK(sigaction(SIGALRM, &sa, NULL));
    alarm(1);
    CHECK_ERR(poll(NULL, 0, 10000), EINTR); /* never restarted, whatever SA_RESTART says */
    CHECK_EQ(got, SIGALRM);
}

TEST(ppoll_mask_is_atomic)
{
    sigset_t block, empty;
    struct sigaction sa = {.sa_handler = note};
    sigemptyset(&empty);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
    CHECK_OK(sigprocmask(SIG_BLOCK, &block, NULL));
    raise(SIGUSR1);
    CHECK_EQ(got, 0);
    struct timespec ts = {.tv_sec = 5};
    CHECK_ERR(ppoll(NULL, 0, &ts, &empty), EINTR);
    CHECK_EQ(got, SIGUSR1);
    sigset_t is;
    CHECK_OK(sigprocmask(SIG_BLOCK, NULL, &is));
    CHECK(sigismember(&is, SIGUSR1));
    ts = (struct timespec){.tv_nsec = -1};
    CHECK_ERR(ppoll(NULL, 0, &ts, NULL), EINVAL);
    CHECK_ERR(syscall(SYS_ppoll, NULL, 0, NULL, &empty, 4), EINVAL);
}

TEST(select_sets)
{
    fd_set r, w;
    struct timeval tv = {.tv_usec = 20000};
    CHECK_OK(pipe(fds));
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_SET(fds[0], &r);
    FD_SET(fds[1], &w);
    CHECK_EQ(select(fds[1] + 1, &r, &w, NULL, NULL), 1);
    CHECK(!FD_ISSET(fds[0], &r));
    CHECK(FD_ISSET(fds[1], &w));
    FD_ZERO(&r);
    FD_SET(fds[0], &r);
    CHECK_EQ(syscall(SYS_select, fds[0] + 1, &r, NULL, NULL, &tv), 0);
    CHECK_EQ(tv.tv_usec, 0);
    CHECK(!FD_ISSET(fds[0], &r));
    FD_SET(60, &r);
    CHECK_ERR(select(61, &r, NULL, NULL, &tv), EBADF);
    CHECK_ERR(select(-1, NULL, NULL, NULL, &tv), EINVAL);
    tv.tv_sec = -1;
    CHECK_ERR(select(0, NULL, NULL, NULL, &tv), EINVAL);
}

TEST(select_writes_the_time_left)
{
    struct timeval tv = {.tv_sec = 5};
    fd_set r;
    CHECK_OK(pipe(fds));
    FD_ZERO(&r);
    FD_SET(fds[0], &r);
    pid_t pid = fork();
    if (pid == 0) {
        usleep(50000);
        _exit(write(fds[1], "x", 1) == 1 ? 0 : 1);
    }
    CHECK_EQ(select(fds[0] + 1, &r, NULL, NULL, &tv), 1);
    CHECK_EQ(tv.tv_sec, 4);
    check_child(pid, 0);
}

TEST(select_hang_up_is_readable)
{
    fd_set r;
    CHECK_OK(pipe(fds));
    close(fds[1]);
    FD_ZERO(&r);
    FD_SET(fds[0], &r);
    CHECK_EQ(select(fds[0] + 1, &r, NULL, NULL, NULL), 1);
    CHECK(FD_ISSET(fds[0], &r));
}
