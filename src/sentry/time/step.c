#include "sentry/time/step.h"

#include "abi/poll.h"
#include "base/log.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/io/hostfile.h"
#include "sentry/kernel.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>

struct step_root {
    struct list_node members;
    struct hostfile *file;
    struct hostwatch watch;
};

static void arm(struct step_root *r)
{
    const struct itimerspec never = {.it_value = {.tv_sec = (time_t)1 << 40}};
    (void)!host_timerfd_settime(hostfile_fd(r->file), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
                                &never, NULL);
}

void clock_was_set(void)
{
    struct step_root *r = kern()->steps;
    struct clock_step *s, *next;
    if (!r)
        return;
    LIST_FOREACH_SAFE (s, next, &r->members, node)
        s->fn(s);
}

static void on_host(struct hostwatch *w, uint32_t events)
{
    struct step_root *r = container_of(w, struct step_root, watch);
    uint64_t ticks;
    if (host_read(hostfile_fd(r->file), &ticks, sizeof(ticks)) != -ECANCELED)
        return;
    LOGD("time: the host's clock was set");
    arm(r);
    clock_was_set();
}

static void watch_host(struct step_root *r)
{
    int fd = host_timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0 || hostfile_adopt(fd, &r->file))
        return;
    arm(r);
    if (hostwatch_add(&r->watch, r->file, LINUX_POLLIN, false, on_host))
        r->file = hostfile_unref(r->file);
}

void clock_step_join(struct clock_step *s)
{
    if (list_is_linked(&s->node))
        return;
    if (!kern()->steps) {
        struct step_root *r = arena_alloc(sizeof(*r));
        if (!r)
            return;
        list_init(&r->members);
        kern()->steps = r;
        watch_host(r);
    }
    list_add_tail(&s->node, &kern()->steps->members);
}

void clock_step_leave(struct clock_step *s)
{
    if (list_is_linked(&s->node))
        list_del_init(&s->node);
}
