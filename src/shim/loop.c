#include "shim/loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/types.h"

static int64_t clock_ns(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t clock_mono_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
int64_t clock_real_ns(void) { return clock_ns(CLOCK_REALTIME); }

int watch_add(struct loop *l, struct watch *w, int fd, uint32_t events,
              void (*fn)(struct watch *w, uint32_t events))
{
    struct epoll_event ev = {.events = events, .data.ptr = w};
    *w = (struct watch){.fd = fd, .fn = fn};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
        return -errno;
    w->armed = true;
    return 0;
}

void watch_del(struct loop *l, struct watch *w)
{
    if (!w->armed)
        return;
    w->armed = false;
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
}

void timer_set(struct loop *l, struct timer *t, int64_t delay_ns, void (*fn)(struct timer *t))
{
    timer_cancel(t);
    t->fn = fn;
    if (__builtin_add_overflow(clock_mono_ns(), delay_ns, &t->at_ns))
        t->at_ns = INT64_MAX;
    struct timer *i;
    LIST_FOREACH (i, &l->timers, node)
        if (i->at_ns > t->at_ns)
            break;
    list_add_before(&t->node, &i->node);
}

void timer_cancel(struct timer *t)
{
    if (list_is_linked(&t->node))
        list_del_init(&t->node);
}

static int timers_wait_ms(struct loop *l)
{
    const struct timer *t = list_first_entry_or_null(&l->timers, struct timer, node);
    if (!t)
        return -1;
    int64_t left = t->at_ns - clock_mono_ns();
    if (left <= 0)
        return 0;
    return (int)MIN(DIV_ROUND_UP(left, NSEC_PER_MSEC), (int64_t)3600 * 1000);
}

/* One at a time: its callback may cancel the next. */
static void timers_run(struct loop *l)
{
    int64_t now = clock_mono_ns();
    for (;;) {
        struct timer *t = list_first_entry_or_null(&l->timers, struct timer, node);
        if (!t || t->at_ns > now)
            return;
        list_del_init(&t->node);
        t->fn(t);
    }
}

static struct exit_info exit_info_of(int status)
{
    return (struct exit_info){
        .status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
        .at_ns = clock_real_ns(),
    };
}

static void child_exited(struct loop *l, pid_t pid, int status)
{
    struct exit_info e = exit_info_of(status);
    struct child *c;
    LIST_FOREACH (c, &l->children, node)
        if (c->pid == pid) {
            list_del_init(&c->node);
            c->fn(c, &e);
            return;
        }
    if (l->expecting > 0) {
        l->orphans[l->orphan_count++ % LOOP_ORPHANS] = (struct orphan){.pid = pid, .e = e};
        LOGD("child: exit of a process not known yet pid=%d status=%d", pid, e.status);
    }
}

static void children_reap(struct loop *l)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0)
            return;
        child_exited(l, pid, status);
    }
}

static void signals_event(struct watch *w, uint32_t events)
{
    struct loop *l = container_of(w, struct loop, signals);
    struct signalfd_siginfo si;
    while (read(w->fd, &si, sizeof si) == (ssize_t)sizeof si)
        if (si.ssi_signo != SIGCHLD)
            LOGI("signal ignored signo=%u", si.ssi_signo);
    children_reap(l);
}

void child_is_new(struct loop *l, pid_t pid)
{
    for (size_t i = 0; i < MIN(l->orphan_count, (uint32_t)LOOP_ORPHANS); i++)
        if (l->orphans[i].pid == pid)
            l->orphans[i].pid = 0;
}

void child_watch(struct loop *l, struct child *c, pid_t pid,
                 void (*fn)(struct child *c, const struct exit_info *e))
{
    c->pid = pid;
    c->fn = fn;
    list_add_tail(&c->node, &l->children);
}

void child_forget(struct child *c)
{
    if (list_is_linked(&c->node))
        list_del_init(&c->node);
}

/* Children that were known too late are told here, and all others forgotten once nobody expects any. */
void children_expect_end(struct loop *l)
{
    uint32_t n = MIN(l->orphan_count, (uint32_t)LOOP_ORPHANS);
    for (uint32_t i = 0; i < n; i++) {
        struct orphan *o = &l->orphans[i];
        struct child *c, *tmp;
        LIST_FOREACH_SAFE (c, tmp, &l->children, node)
            if (c->pid == o->pid) {
                o->pid = 0;
                list_del_init(&c->node);
                c->fn(c, &o->e);
                break;
            }
    }
    if (--l->expecting == 0)
        l->orphan_count = 0;
}

int loop_init(struct loop *l)
{
    *l = (struct loop){.epoll_fd = -1, .signals.fd = -1};
    list_init(&l->timers);
    list_init(&l->children);
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return -errno;
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    int r = watch_add(l, &l->signals, fd, EPOLLIN, signals_event);
    if (r < 0)
        (void)close(fd);
    return r;
}

void loop_done(struct loop *l)
{
    watch_del(l, &l->signals);
    if (l->signals.fd >= 0)
        (void)close(l->signals.fd);
    if (l->epoll_fd >= 0)
        (void)close(l->epoll_fd);
}

int loop_turn(struct loop *l, int wait_ms)
{
    struct epoll_event ev;
    int timers_ms = timers_wait_ms(l);
    int ms = wait_ms < 0 || (timers_ms >= 0 && timers_ms < wait_ms) ? timers_ms : wait_ms;
    int n = epoll_wait(l->epoll_fd, &ev, 1, ms);
    if (n < 0 && errno != EINTR)
        return -errno;
    if (n == 1) {
        struct watch *w = ev.data.ptr;
        w->fn(w, ev.events);
    }
    timers_run(l);
    return 0;
}

int loop_run(struct loop *l)
{
    int r = 0;
    while (!l->quit && r == 0)
        r = loop_turn(l, -1);
    return r;
}
