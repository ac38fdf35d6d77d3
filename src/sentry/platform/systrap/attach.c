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
#define QUICK_DONE  18000  /* .. after it has made host calls for us */
#define QUICK_OTHER 20000  /* .. by another thread of the process: it has to wake us, across CPUs */
#define LINGER      15000  /* how long to spin after an answer */
#define FIRST       80000  /* .. if the thread has to be woken, or to move to another CPU */
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
#define PAYS       10u /* in a session, to have been worth its start */
#define POLL_TURNS 16u
#define NOTIFIED   8u /* in a row that were not posted: the session is of no use */

/* Host-side: of this run of the sandbox, not of its state. Only the leading worker uses it, and the lead is handed on by a mutex; but
 * for the last stop, which is under the kernel lock. */
static struct {
    uint32_t cpus; /* that there are; 1: nothing of this is possible */
    bool apart;    /* see attach_apart */
    bool attached; /* to the threads of `slot`, which are of process pid */
    bool leave;    /* another process has stopped */
    bool woken;    /* the last answer had to wake its thread */
    bool probing;  /* its next stop */
    bool found;    /* the last of PROBES: its answer is the stop that comes now */
    uint32_t probes;
    int32_t pid;
    uint32_t session;         /* number of it */
    uint32_t n, next;         /* where to look first */
    uint32_t slot[ASIDE_MAX]; /* not attached: their last posts are still to be taken */
    uint32_t calls;           /* in this session */
    uint32_t turns;           /* times that we looked for a post */
    uint32_t notified;        /* .. in a row that came by notifications */
    uint32_t need;            /* quick calls before one begins */
    int64_t switches; /* of this worker, before the answer that began a session or a probe */
    int64_t not_before_ns, backoff_ns;
    int32_t last_pid; /* process of the last stop of all */
    uint32_t last;    /* its slot + 1 */
    bool open;        /* it has not been answered */
} at = {.need = NEED_MIN, .backoff_ns = BACKOFF_MIN};

static void back_off(int64_t now)
{
    at.not_before_ns = now + at.backoff_ns;
    at.backoff_ns = at.backoff_ns * 2 < BACKOFF_MAX ? at.backoff_ns * 2 : BACKOFF_MAX;
}

/* All CPUs have work of others: another one would only take its turn behind that, for milliseconds. The thread that waits for our
 * answer may be counted still: the host takes sleepers off its queues late. */
static bool host_is_busy(const struct space *s)
{
    int enough = MAX((int)at.cpus, host_cpus());
    /* While the threads of s are counted, those on other CPUs come to their next stops: the second count is near the truth. */
    for (int tries = s->nthreads > 1 ? 3 : 1; tries > 0; tries--) {
        int running = host_running();
        if (running > enough && s->nthreads > 1)
            running -= MAX(space_running(s) - 1, 0);
        if (running <= enough)
            return false;
    }
    back_off(clock_monotonic_ns());
    return true;
}

static uint32_t *hand(uint32_t i)
{
    return (uint32_t *)(uintptr_t)(AREAS_BASE + (uint64_t)at.slot[i] * STUB_AREA_SIZE +
                                   offsetof(struct stub_ctl, hand));
}

void attach_init(void) { at.cpus = aside_init(); }

/* How often this worker has lost its CPU. */
static int64_t switches(void)
{
    struct rusage u;
    return host_getrusage(RUSAGE_THREAD, &u) < 0 ? -1 : u.ru_nivcsw + u.ru_nvcsw;
}

/* Threads that take turns need each other, not a worker: those of two processes, and those that wait in their calls. */
static void count_turns(struct thread *th)
{
    struct thread *open = at.open ? thread_by_slot(at.last - 1) : NULL;
    if (open && open != th)
        open->space->quick /= 4;
    if (at.last_pid != th->space->pid)
        th->space->quick /= 4;
}

void attach_stopped(struct thread *th)
{
    if (at.cpus < 2)
        return;
    struct space *s = th->space;
    count_turns(th);
    bool other = at.last != th->slot + 1;
    at.last_pid = s->pid;
    at.last = th->slot + 1;
    at.open = true;
    int64_t quick = other ? QUICK_OTHER : th->inflight ? QUICK_DONE : QUICK;
    if (clock_monotonic_ns() - s->answer_ns > quick)
        s->quick /= 2;
    else if (s->quick < UINT16_MAX)
        s->quick++;
    if (!worker_leads())
        return;
    at.leave |= at.attached && s->pid != at.pid;
    if (at.found) {
        at.found = false;
        th->widen = s->pid == at.pid && !s->wide;
    }
}

/* th stops by posts from now on, if it can. */
static bool join(struct thread *th)
{
    if (th->session == at.session)
        return true;
    if (at.n == ASIDE_MAX || !aside_take(th))
        return false;
    th->session = at.session;
    at.slot[at.n++] = th->slot;
    at.notified = 0;
    return true;
}

static void part(struct thread *th)
{
    uint32_t i = 0;
    while (i < at.n && at.slot[i] != th->slot)
        i++;
    if (i < at.n)
        at.slot[i] = at.slot[--at.n];
    th->session = 0;
    aside_give(th);
}

bool attach_watch(struct thread *th)
{
    if (at.cpus < 2)
        return false;
    struct space *s = th->space;
    s->answer_ns = clock_monotonic_ns();
    if (at.last == th->slot + 1)
        at.open = false;
    bool leads = worker_leads(), clones = queue_clones(th);
    if (clones) /* the child inherits the thread's CPUs */
        leads &&at.attached ? part(th) : aside_give(th);
    if (!leads || clones)
        return false;
    if (at.attached) {
        if (s->pid != at.pid || at.leave)
            return false;
        at.woken |= th->has_notif;
        return join(th);
    }
    if (s->quick < (s->wide ? at.need : WIDEN) || s->answer_ns < at.not_before_ns || th->widen ||
        at.n || host_is_busy(s) || !aside_begin())
        return false;
    if (++at.session == 0)
        at.session = 1;
    if (!join(th))
        return false;
    at.attached = s->wide;
    at.probing = !s->wide;
    at.leave = false;
    at.apart = true;
    at.switches = switches();
    at.pid = s->pid;
    at.calls = at.notified = 0;
    if (at.probing)
        at.n = 0;
    return s->wide;
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
    LOGD("attach: over pid=%d threads=%u calls=%u pushed=%d need=%u", at.pid, at.n, at.calls,
         pushed, at.need);
    at.attached = false;
    uint32_t posted = 0;
    for (uint32_t i = 0; i < at.n; i++) {
        uint32_t old = STUB_HAND_WATCHED;
        if (!atomic_cmpxchg_acq_rel(hand(i), &old, STUB_HAND_NONE) && old == STUB_HAND_POSTED)
            at.slot[posted++] = at.slot[i];
    }
    at.n = posted;
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

static bool posted(struct platform_event *ret, uint32_t slot)
{
    struct seccomp_notif n = {0};
    n.data.args[0] = slot;
    memcpy(ret, &n, sizeof(n));
    at.calls++;
    at.notified = 0;
    at.woken = false;
    return true;
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
    LOGD("attach: probe pid=%d free=%d", at.pid, free);
    if (!free)
        back_off(now);
    else if (!at.found)
        at.not_before_ns = now + APART;
}

enum look { LOOK_NOTHING, LOOK_POSTED, LOOK_NOBODY };

/* LOOK_NOBODY: they all wait for something else, or are gone. */
static enum look look(uint32_t *ret_slot)
{
    enum look r = LOOK_NOBODY;
    for (uint32_t k = 0; k < at.n; k++) {
        uint32_t i = at.next < at.n ? at.next : 0, h = atomic_load_acquire(hand(i));
        at.next = i + 1;
        if (h == STUB_HAND_POSTED) {
            *ret_slot = at.slot[i];
            return LOOK_POSTED;
        }
        if (h == STUB_HAND_WATCHED)
            r = LOOK_NOTHING;
    }
    return r;
}

/* A notification is there, which does not end the session by itself. */
static bool notified(void)
{
    at.woken = true; /* its thread sleeps */
    return ++at.notified < NOTIFIED;
}

bool attach_spin(struct platform_event *ret, int listener)
{
    if (at.probing)
        probe(listener);
    if (!at.attached)
        return at.n && posted(ret, at.slot[--at.n]);
    int64_t begin = clock_monotonic_ns(), last = begin, polled = begin;
    int64_t linger = at.calls && !at.woken ? LINGER : FIRST;
    uint32_t spins = 1 + 16 / MAX(at.n, 1u), slot;
    bool pushed = false, over = at.leave || !aside_here();
    if (!at.calls && switches() != at.switches)
        over = true; /* it ran here, in our place */
    if (!over && ++at.turns % POLL_TURNS == 0 && other_waits(listener)) {
        if (notified())
            return false;
        over = true;
    }
    while (!over) {
        for (uint32_t i = 0; i < spins; i++) {
            enum look l = look(&slot);
            if (l == LOOK_POSTED)
                return posted(ret, slot);
            over |= l == LOOK_NOBODY;
            cpu_relax();
        }
        int64_t now = clock_monotonic_ns();
        pushed = now - last > PREEMPTED;
        last = now;
        over |= pushed || now - begin > linger;
        if (!over && now - polled > POLL) {
            polled = now;
            if (other_waits(listener)) {
                if (notified())
                    return false;
                over = true;
            }
        }
    }
    detach(pushed, last);
    return at.n && posted(ret, at.slot[--at.n]);
}
