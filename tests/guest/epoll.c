/* epoll (epoll_pwait, epoll_pwait2), eventfd2, timerfd. */
#include "guest.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

static int add(int ep, int fd, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.fd = fd};
    return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

static int wait_one(int ep, struct epoll_event *ev) { return epoll_wait(ep, ev, 1, 0); }

TEST(epoll_level_and_edge)
{
    struct epoll_event ev;
    int ep = CHECK_OK(epoll_create1(EPOLL_CLOEXEC)), lt = CHECK_OK(eventfd(0, 0)),
        et = CHECK_OK(eventfd(0, 0));
    CHECK_OK(add(ep, lt, EPOLLIN));
    CHECK_EQ(wait_one(ep, &ev), 0);
    CHECK_OK(eventfd_write(lt, 1));
    CHECK_EQ(wait_one(ep, &ev), 1);
    CHECK_EQ(ev.data.fd, lt);
    CHECK_EQ(wait_one(ep, &ev), 1);
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_DEL, lt, NULL));
    CHECK_EQ(wait_one(ep, &ev), 0);
    CHECK_OK(add(ep, et, EPOLLIN | EPOLLET));
    CHECK_OK(eventfd_write(et, 1));
    CHECK_EQ(wait_one(ep, &ev), 1);
    CHECK_EQ(wait_one(ep, &ev), 0);
    CHECK_OK(eventfd_write(et, 1));
    CHECK_EQ(wait_one(ep, &ev), 1);
}

TEST(epoll_oneshot)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLONESHOT};
    int ep = CHECK_OK(epoll_create1(0)), fd = CHECK_OK(eventfd(1, 0));
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
    CHECK_EQ(wait_one(ep, &ev), 1);
    CHECK_EQ(wait_one(ep, &ev), 0);
    CHECK_OK(eventfd_write(fd, 1));
    CHECK_EQ(wait_one(ep, &ev), 0);
    ev.events = EPOLLIN | EPOLLONESHOT;
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev));
    CHECK_EQ(wait_one(ep, &ev), 1);
}

TEST(epoll_errors)
{
    struct epoll_event ev = {.events = EPOLLIN};
    int ep = CHECK_OK(epoll_create(1)), fd = CHECK_OK(eventfd(0, 0));
    CHECK_ERR(epoll_create(0), EINVAL);
    CHECK_ERR(epoll_create1(1), EINVAL);
    CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, 999, &ev), EBADF);
    CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev), EINVAL);
    CHECK_ERR(epoll_ctl(fd, EPOLL_CTL_ADD, ep, &ev), EINVAL);
    CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev), ENOENT);
    CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_DEL, fd, &ev), ENOENT);
    CHECK_OK(add(ep, fd, EPOLLIN));
    CHECK_ERR(add(ep, fd, EPOLLIN), EEXIST);
    int reg = CHECK_OK(open("/proc/self/exe", O_RDONLY));
    CHECK_ERR(add(ep, reg, EPOLLIN), EPERM);
    CHECK_ERR(epoll_wait(ep, &ev, 0, 0), EINVAL);
    CHECK_ERR(epoll_wait(fd, &ev, 1, 0), EINVAL);
    CHECK_OK(eventfd_write(fd, 1));
    CHECK_ERR(syscall(SYS_epoll_wait, ep, 8, 1, 0), EFAULT);
    CHECK_EQ(wait_one(ep, &ev), 1);
}

TEST(epoll_nests)
{
    struct epoll_event ev;
    int e[7];
    for (int i = 0; i < 7; i++)
        e[i] = CHECK_OK(epoll_create1(0));
    CHECK_OK(add(e[0], e[1], EPOLLIN));
    CHECK_ERR(add(e[1], e[0], EPOLLIN), ELOOP);
    for (int i = 1; i < 4; i++)
        CHECK_OK(add(e[i], e[i + 1], EPOLLIN));
    CHECK_ERR(add(e[4], e[5], EPOLLIN), ELOOP);
    int fd = CHECK_OK(eventfd(0, 0));
    CHECK_OK(add(e[4], fd, EPOLLIN));
    CHECK_EQ(wait_one(e[0], &ev), 0);
    CHECK_OK(eventfd_write(fd, 1));
    CHECK_EQ(wait_one(e[0], &ev), 1);
}

TEST(epoll_forgets_closed_files)
{
    struct epoll_event ev;
    int ep = CHECK_OK(epoll_create1(0)), fd = CHECK_OK(eventfd(1, 0)), copy = CHECK_OK(dup(fd));
    CHECK_OK(add(ep, fd, EPOLLIN));
    close(fd);
    CHECK_EQ(wait_one(ep, &ev), 1); /* the description is still open */
    close(copy);
    CHECK_EQ(wait_one(ep, &ev), 0);
}

TEST(epoll_wait_is_woken)
{
    struct epoll_event ev;
    int ep = CHECK_OK(epoll_create1(0)), fd = CHECK_OK(eventfd(0, 0));
    CHECK_OK(add(ep, fd, EPOLLIN));
    pid_t pid = fork();
    if (pid == 0) {
        usleep(30000);
        _exit(eventfd_write(fd, 3) == 0 ? 0 : 1);
    }
    CHECK_EQ(epoll_wait(ep, &ev, 1, 10000), 1);
    check_child(pid, 0);
    eventfd_t v;
    CHECK_OK(eventfd_read(fd, &v));
    CHECK_EQ(v, 3);
    CHECK_EQ(epoll_wait(ep, &ev, 1, 20), 0);
}

TEST(epoll_sees_hang_up)
{
    struct epoll_event ev;
    int s[2], ep = CHECK_OK(epoll_create1(0));
    CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    CHECK_OK(add(ep, s[0], EPOLLIN | EPOLLRDHUP | EPOLLET));
    CHECK_OK(shutdown(s[1], SHUT_WR));
    CHECK_EQ(wait_one(ep, &ev), 1);
    CHECK_EQ(ev.events, EPOLLIN | EPOLLRDHUP);
    close(s[1]);
    CHECK_EQ(wait_one(ep, &ev), 1);
    CHECK_EQ(ev.events, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
}

TEST(eventfd_counts)
{
    eventfd_t v;
    int fd = CHECK_OK(eventfd(5, EFD_NONBLOCK));
    CHECK_OK(eventfd_write(fd, 2));
    CHECK_OK(eventfd_read(fd, &v));
    CHECK_EQ(v, 7);
    CHECK_ERR(eventfd_read(fd, &v), EAGAIN);
    CHECK_OK(eventfd_write(fd, UINT64_MAX - 1));
    CHECK_ERR(eventfd_write(fd, 1), EAGAIN);
    CHECK_ERR(eventfd_write(fd, UINT64_MAX), EINVAL);
    CHECK_ERR(read(fd, &v, 4), EINVAL);
    fd = CHECK_OK(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
    CHECK_OK(eventfd_read(fd, &v));
    CHECK_EQ(v, 1);
    CHECK_OK(eventfd_read(fd, &v));
    CHECK_ERR(eventfd_read(fd, &v), EAGAIN);
    CHECK_ERR(eventfd(0, 0x100), EINVAL);
}

TEST(timerfd_expires)
{
    uint64_t n = 0;
    int fd = CHECK_OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
    struct itimerspec its = {.it_value.tv_nsec = 20000000, .it_interval.tv_nsec = 10000000}, old;
    CHECK_ERR(read(fd, &n, 8), EAGAIN);
    CHECK_OK(timerfd_settime(fd, 0, &its, NULL));
    CHECK_OK(timerfd_gettime(fd, &old));
    CHECK(old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 20000000);
    CHECK_OK(fcntl(fd, F_SETFL, 0));
    usleep(60000);
    CHECK_EQ(read(fd, &n, 8), 8);
    CHECK(n >= 4);
    CHECK_EQ(read(fd, &n, 8), 8);
    CHECK(n >= 1);
    its = (struct itimerspec){0};
    CHECK_OK(timerfd_settime(fd, 0, &its, &old));
    CHECK_EQ(old.it_interval.tv_nsec, 10000000);
    its.it_value.tv_nsec = 1000000000;
    CHECK_ERR(timerfd_settime(fd, 0, &its, NULL), EINVAL);
    CHECK_ERR(timerfd_settime(0, 0, &old, NULL), EINVAL);
    CHECK_ERR(timerfd_create(77, 0), EINVAL);
}

TEST(timerfd_absolute)
{
    uint64_t n;
    struct timespec ts;
    int fd = CHECK_OK(timerfd_create(CLOCK_REALTIME, 0));
    CHECK_OK(clock_gettime(CLOCK_REALTIME, &ts));
    struct itimerspec its = {.it_value = {ts.tv_sec - 1, ts.tv_nsec}};
    CHECK_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL));
    CHECK_EQ(read(fd, &n, 8), 8);
    CHECK_EQ(n, 1);
}

static volatile sig_atomic_t usr1;
static void on_usr1(int signo) { usr1 = signo; }

/* The mask of epoll_pwait holds while it waits: a blocked signal that is pending is delivered then. */
TEST(epoll_pwait_mask)
{
    struct epoll_event ev;
    sigset_t block, none;
    int ep = CHECK_OK(epoll_create1(0));
    signal(SIGUSR1, on_usr1);
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    CHECK_OK(sigprocmask(SIG_BLOCK, &block, NULL));
    CHECK_OK(kill(getpid(), SIGUSR1));
    CHECK(usr1 == 0);
    CHECK_ERR(epoll_pwait(ep, &ev, 1, -1, &none), EINTR);
    CHECK(usr1 == SIGUSR1);
    CHECK_ERR(epoll_pwait(ep, &ev, 0, 0, NULL), EINVAL);
}

TEST(epoll_pwait2_timeout)
{
    struct epoll_event ev;
    struct timespec soon = {0, 1000000}, bad = {0, 1000000000};
    int ep = CHECK_OK(epoll_create1(0)), fd = CHECK_OK(eventfd(1, EFD_SEMAPHORE | EFD_NONBLOCK));
    CHECK_EQ(syscall(SYS_epoll_pwait2, ep, &ev, 1, &soon, NULL, 0), 0);
    CHECK_ERR((int)syscall(SYS_epoll_pwait2, ep, &ev, 1, &bad, NULL, 0), EINVAL);
    ev = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
    CHECK_EQ(syscall(SYS_epoll_pwait2, ep, &ev, 1, NULL, NULL, 0), 1);
    CHECK_EQ(ev.data.fd, fd);
}

TEST(eventfd2_flags)
{
    eventfd_t v;
    CHECK_ERR(eventfd(0, ~0), EINVAL);
    int fd = CHECK_OK(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_OK(eventfd_read(fd, &v));
    CHECK_EQ(v, 1);
    CHECK_OK(eventfd_read(fd, &v));
    CHECK_ERR(eventfd_read(fd, &v), EAGAIN);
}
