#include "shim/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"

#define SPLICE_BYTES ((size_t)1 << 20)
#define BUFFER_BYTES ((size_t)8192)

enum step { STEP_MORE, STEP_WAIT_IN, STEP_WAIT_OUT, STEP_END };

static void relay_event(struct watch *w, uint32_t events);

void relay_stop(struct relay *r)
{
    if (!r->active)
        return;
    r->active = false;
    watch_del(r->loop, &r->watch);
    (void)close(r->in);
    (void)close(r->out);
    if (r->hold >= 0)
        (void)close(r->hold);
    free(TAKE(r->buf));
    if (r->ended)
        r->ended(r->arg);
}

static int buffer_need(struct relay *r)
{
    r->buf = malloc(BUFFER_BYTES);
    r->len = 0;
    r->off = 0;
    return r->buf ? 0 : -ENOMEM;
}

static enum step splice_step(struct relay *r)
{
    ssize_t n = splice(r->in, NULL, r->out, NULL, SPLICE_BYTES, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (n > 0)
        return STEP_MORE;
    if (n == 0)
        return STEP_END;
    if (errno == EINVAL) /* a file for appending, a device */
        return buffer_need(r) == 0 ? STEP_MORE : STEP_END;
    if (errno != EAGAIN)
        return errno == EINTR ? STEP_MORE : STEP_END;
    int there = 0;
    return ioctl(r->in, FIONREAD, &there) == 0 && there > 0 ? STEP_WAIT_OUT : STEP_WAIT_IN;
}

static enum step copy_step(struct relay *r)
{
    bool reading = r->len == r->off;
    ssize_t n = reading ? read(r->in, r->buf, BUFFER_BYTES)
                        : write(r->out, r->buf + r->off, r->len - r->off);
    if (n < 0 && errno == EAGAIN)
        return reading ? STEP_WAIT_IN : STEP_WAIT_OUT;
    if (n < 0 && errno == EINTR)
        return STEP_MORE;
    if (n < 0 || (reading && n == 0)) /* EIO: the other side of a terminal is closed */
        return STEP_END;
    if (reading) {
        r->len = (size_t)n;
        r->off = 0;
    } else {
        r->off += (size_t)n;
    }
    return STEP_MORE;
}

/* I1. False: nothing can be watched. */
static bool relay_watch(struct relay *r, bool out)
{
    if (r->watch.armed && r->waits_out == out)
        return true;
    watch_del(r->loop, &r->watch);
    r->waits_out = out;
    return watch_add(r->loop, &r->watch, out ? r->out : r->in, out ? EPOLLOUT : EPOLLIN,
                     relay_event) == 0;
}

/* Some steps a turn, so that one busy stream leaves room for others. */
static void relay_pump(struct relay *r)
{
    for (int i = 0; i < 16 || r->finishing; i++) {
        enum step s = r->buf ? copy_step(r) : splice_step(r);
        if (s == STEP_MORE)
            continue;
        if (s == STEP_END || (s == STEP_WAIT_IN && r->finishing) ||
            !relay_watch(r, s == STEP_WAIT_OUT))
            relay_stop(r);
        return;
    }
    if (!relay_watch(r, r->buf && r->len > r->off))
        relay_stop(r);
}

static void relay_event(struct watch *w, uint32_t events)
{
    struct relay *r = container_of(w, struct relay, watch);
    /* Nobody reads any more; writing would say the same. */
    if (r->waits_out && (events & EPOLLERR))
        relay_stop(r);
    else
        relay_pump(r);
}

int relay_start(struct relay *r, struct loop *l, int in, int out, int hold, bool terminal,
                void (*ended)(void *arg), void *arg)
{
    *r = (struct relay){.loop = l,
                        .in = in,
                        .out = out,
                        .hold = hold,
                        .active = true,
                        .ended = NULL,
                        .watch.fd = -1};
    int e = fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK) < 0 ||
                    fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK) < 0
                ? -errno
                : 0;
    if (e == 0 && terminal)
        e = buffer_need(r);
    if (e == 0)
        e = watch_add(l, &r->watch, in, EPOLLIN, relay_event);
    if (e < 0)
        relay_stop(r);
    r->ended = ended;
    r->arg = arg;
    return e;
}

void relay_finish(struct relay *r)
{
    if (!r->active)
        return;
    r->finishing = true;
    relay_pump(r);
}
