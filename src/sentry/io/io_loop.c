/* sentry/io/io_loop.c - the I/O thread: host descriptors and timers become wake-ups. */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/log.h"
#include "host/host.h"
#include "sentry/io/io_priv.h"
#include "sentry/io/timer_fd.h"
#include "sentry/io/worker.h"
#include "sentry/task/run.h"
#include "sentry/time/timer.h"

int timer_fd_init(struct host_root *h)
{
    h->timer_fd = host_timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (h->timer_fd < 0)
        return h->timer_fd;
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u64 = TIMER_EVENT};
    return host_epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, h->timer_fd, &ev);
}

void io_timer_arm(int64_t deadline_ns)
{
    struct host_root *h = kern()->host;
    if (deadline_ns == h->armed_ns)
        return;
    h->armed_ns = deadline_ns;
    struct itimerspec its = {0};
    if (deadline_ns != TIME_NONE) {
        int64_t at = deadline_ns > 0 ? deadline_ns : 1;
        its.it_value.tv_sec = at / NSEC_PER_SEC;
        its.it_value.tv_nsec = at % NSEC_PER_SEC;
    }
    int r = host_timerfd_settime(h->timer_fd, TFD_TIMER_ABSTIME, &its, NULL);
    if (r < 0)
        LOGE("io: timer cannot be set err=%d", r);
}

static void deliver(struct host_root *h, const struct epoll_event *e)
{
    if (e->data.u64 == TIMER_EVENT) {
        h->armed_ns = TIME_NONE;
        io_timer_arm(timers_run(clock_monotonic_ns()));
        return;
    }
    struct hostwatch *w = watch_find(h, e->data.u64);
    if (w)
        w->fn(w, e->events);
}

void io_poll_now(void)
{
    struct host_root *h = kern()->host;
    struct epoll_event got[EVENT_BATCH];
    int n = host_epoll_pwait(h->epoll_fd, got, EVENT_BATCH, 0, NULL, 0);
    if (n < 0 && n != -EINTR)
        LOGE("io: epoll failed err=%d", n);
    for (int i = 0; i < n; i++)
        deliver(h, &got[i]);
}

/* Events are fetched under the kernel lock only: whoever else calls io_poll_now sees all that there is. */
int io_loop(void)
{
    struct host_root *h = kern()->host;
    struct pollfd p = {.fd = h->epoll_fd, .events = POLLIN};
    for (;;) {
        kernel_lock();
        bool finished = h->finished;
        int status = h->wait_status;
        kernel_unlock();
        if (finished)
            return status;
        if (host_ppoll(&p, 1, NULL, NULL, sizeof(uint64_t)) <= 0)
            continue;
        kernel_lock();
        io_poll_now();
        run_queue();
        kernel_unlock();
    }
}

void sandbox_finish(int wait_status)
{
    struct host_root *h = kern()->host;
    if (h->finished)
        return;
    h->finished = true;
    h->wait_status = wait_status;
    h->armed_ns = 0;
    io_timer_arm(1); /* the loop looks again */
}
