#include "sentry/platform/systrap/attach.h"

#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <string.h>

#include "base/atomic.h"
#include "base/log.h"
#include "host/host.h"
#include "host/load.h"
#include "sentry/io/worker.h"
#include "sentry/platform/stubs/stubs_priv.h"
#include "sentry/platform/systrap/aside.h"
#include "sentry/time/timer.h"

/* ns. A notification costs about as much as QUICK: whoever calls more slowly would only warm the CPU. */
#define QUICK       12000  /* from an answer to the next stop, for a call to count as quick */
#define LINGER      15000  /* how long to spin after an answer */
#define FIRST       80000  /* .. after the first one: the thread has to move to another CPU */
#define PREEMPTED   100000 /* a gap in our own time: somebody else needs this CPU */
#define APART       500000 /* between probes */
#define POLL        4000
#define BACKOFF_MIN 1000000
#define BACKOFF_MAX 100000000
/* Calls. */
#define WIDEN                                                                                      \
    48u /* quick ones before the filter is changed, which costs what 20 notifications do */
#define PROBES     6u /* in a row that found a CPU: then each that does will do */
#define NEED_MIN   8u
#define NEED_MAX   256u
#define PAYS       24u /* in a session, to have been worth its start */
#define POLL_CALLS 16u

/* Host-side: of this run of the sandbox, not of its state. Only the leading worker uses it, and the lead is handed on by a mutex; but
 * for `last`, which is under the kernel lock. */
static struct {
    uint32_t cpus; /* that there are; 1: nothing of this is possible */
    bool apart;    /* see attach_apart */
    bool attached; /* to the thread of slot */
    bool probing;  /* its next stop */
    bool found;    /* the last of PROBES: its answer is the stop that comes now */
    uint32_t probes;
    uint32_t slot;
    uint32_t last;    /* slot of the last stop of all */
    uint32_t calls;   /* in this session */
    uint32_t need;    /* quick calls before one begins */
    int64_t switches; /* of this worker, before the answer that began a session or a probe */
    int64_t not_before_ns, backoff_ns;
} at = {.need = NEED_MIN, .backoff_ns = BACKOFF_MIN};

static void back_off(int64_t now)
{
    at.not_before_ns = now + at.backoff_ns;
    at.backoff_ns = at.backoff_ns * 2 < BACKOFF_MAX ? at.backoff_ns * 2 : BACKOFF_MAX;
}

/* All CPUs have work: another one would only take its turn behind that, for milliseconds. The thread that waits for our answer may
 * be counted still: the host takes sleepers off its queues late. */
static bool host_is_busy(void)
{
    if (host_running() <= MAX((int)at.cpus, host_cpus()))
        return false;
    back_off(clock_monotonic_ns());
    return true;
}

static uint32_t *hand(void)
{
    return (uint32_t *)(uintptr_t)(AREAS_BASE + (uint64_t)at.slot * STUB_AREA_SIZE +
                                   offsetof(struct stub_ctl, hand));
}

void attach_init(void) { at.cpus = aside_init(); }

/* How often this worker has lost its CPU. */
static int64_t switches(void)
{
    struct rusage u;
    return host_getrusage(RUSAGE_THREAD, &u) < 0 ? -1 : u.ru_nivcsw + u.ru_nvcsw;
}

void attach_stopped(struct thread *th)
{
    if (at.cpus < 2)
        return;
    if (at.last != th->slot)
        th->quick /= 4; /* two that take turns need each other, not a worker */
    at.last = th->slot;
    if (clock_monotonic_ns() - th->answer_ns > QUICK)
        th->quick /= 2;
    else if (th->quick < UINT16_MAX)
        th->quick++;
    if (at.found && worker_leads()) {
        at.found = false;
        th->widen = th->slot == at.slot;
    }
}

bool attach_watch(struct thread *th)
{
    if (at.cpus < 2)
        return false;
    th->answer_ns = clock_monotonic_ns();
    if (!worker_leads())
        return false;
    if (at.attached) {
        if (th->slot == at.slot && queue_clones(th))
            aside_end(); /* the child inherits the thread's CPUs */
        return th->posted && th->slot == at.slot;
    }
    bool wide = th->space->wide;
    if (th->quick < (wide ? at.need : WIDEN) || th->answer_ns < at.not_before_ns || th->widen ||
        queue_clones(th) || host_is_busy() || !aside_take(th))
        return false;
    at.attached = wide;
    at.probing = !wide;
    at.apart = true;
    at.switches = switches();
    at.slot = th->slot;
    at.calls = 0;
    return wide;
}

bool attach_apart(void)
{
    bool apart = at.apart;
    at.apart = false;
    return apart;
}

static void aside_over(void)
{
    kernel_lock();
    aside_end();
    kernel_unlock();
}

/* The session is over: was it worth it? One that has no second CPU ends with a call or none. */
static void detach(bool pushed, int64_t now)
{
    LOGD("attach: over slot=%u calls=%u pushed=%d need=%u", at.slot, at.calls, pushed, at.need);
    at.attached = false;
    aside_over();
    if (at.calls >= PAYS && !pushed) {
        at.need = at.need / 2 > NEED_MIN ? at.need / 2 : NEED_MIN;
        at.backoff_ns = BACKOFF_MIN;
        return;
    }
    at.need = at.need * 2 < NEED_MAX ? at.need * 2 : NEED_MAX;
    back_off(now);
}

static bool other_waits(int listener)
{
    struct pollfd p = {.fd = listener, .events = POLLIN};
    const struct timespec none = {0};
    return host_ppoll(&p, 1, &none, NULL, 8) != 0;
}

static bool posted(struct platform_event *ret)
{
    struct seccomp_notif n = {0};
    n.data.args[0] = at.slot;
    memcpy(ret, &n, sizeof(n));
    at.calls++;
    return true;
}

/* False: a post came first. */
static bool unwatch(void)
{
    uint32_t old = STUB_HAND_WATCHED;
    return atomic_cmpxchg_acq_rel(hand(), &old, STUB_HAND_NONE) || old != STUB_HAND_POSTED;
}

/* Does the thread's next notification come while this CPU is ours all the time? */
static void probe(int listener)
{
    int64_t begin = clock_monotonic_ns(), now = begin;
    bool came = false;
    at.probing = false;
    while (!came && now - begin < FIRST) {
        came = other_waits(listener);
        now = clock_monotonic_ns();
    }
    aside_over();
    bool free = came && switches() == at.switches;
    at.probes = free ? at.probes + 1 : 0;
    at.found = at.probes >= PROBES;
    LOGD("attach: probe slot=%u free=%d", at.slot, free);
    if (!free)
        back_off(now);
    else if (!at.found)
        at.not_before_ns = now + APART;
}

bool attach_spin(struct platform_event *ret, int listener)
{
    if (at.probing)
        probe(listener);
    if (!at.attached)
        return false;
    int64_t begin = clock_monotonic_ns(), last = begin, polled = begin;
    int64_t linger = at.calls ? LINGER : FIRST;
    bool pushed = false, over = at.calls % POLL_CALLS == POLL_CALLS - 1 && other_waits(listener);
    if (!at.calls && switches() != at.switches)
        over = true; /* it ran here, in our place */
    while (!over) {
        for (int i = 0; i < 16; i++) {
            uint32_t h = atomic_load_acquire(hand());
            if (h == STUB_HAND_POSTED)
                return posted(ret);
            over |= h != STUB_HAND_WATCHED; /* it waits for something else, or is gone */
            cpu_relax();
        }
        int64_t now = clock_monotonic_ns();
        pushed = now - last > PREEMPTED;
        last = now;
        over |= pushed || now - begin > linger;
        if (now - polled > POLL) {
            polled = now;
            over |= other_waits(listener);
        }
    }
    bool gone = unwatch();
    detach(pushed, last);
    return gone ? false : posted(ret);
}
