/* sentry/platform/stubs/stops.c - stops of stub threads: finding out what one means, answering. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/atomic.h"
#include "base/log.h"
#include "host/host.h"
#include "host/thread.h"
#include "sentry/platform/event.h"
#include "sentry/platform/stubs/stubs_priv.h"

static_assert(sizeof(struct seccomp_notif) <= sizeof(struct platform_event),
              "an event holds a notification");

int platform_wait(struct platform_event *ret) { return plat()->transport->wait(ret); }

int platform_worker_start(void (*run)(void *arg))
{
    const struct transport *tp = plat()->transport;
    return tp->lead ? tp->lead(run) : host_thread_start("worker", run, NULL);
}

bool platform_lead_is_fixed(void) { return plat() && plat()->transport->lead; }

void platform_lead_take(void) { plat()->transport->lead_take(); }

int platform_lead_give(void) { return plat()->transport->lead_give(); }

/* Before th goes on: where will its next stop be noticed? */
static void hand_set(struct thread *th)
{
    const struct transport *tp = plat()->transport;
    bool watch = tp->watch && tp->watch(th);
    if (!watch && !th->watched && !th->posted)
        return;
    th->watched = watch;
    th->posted = false;
    atomic_store_release((uint32_t *)(uintptr_t)&thread_ctl(th)->hand,
                         watch ? STUB_HAND_WATCHED : STUB_HAND_NONE);
}

void stop_answer(struct thread *th, int64_t value)
{
    if (th->has_notif || th->posted)
        hand_set(th);
    if (!th->has_notif)
        return;
    th->has_notif = false;
    th->start_notif = false;
    plat()->transport->answer(th->notif_id, value);
}

void stop_proceed(struct thread *th)
{
    if (!th->has_notif)
        return;
    th->has_notif = false;
    th->start_notif = false;
    plat()->transport->proceed(th->notif_id);
}

uint64_t platform_call_ip(const struct thread *th)
{
    return th->stop == STOP_CALL ? th->call_ip : th->regs ? th->regs->rip : 0;
}

static bool from_stub(const struct seccomp_notif *n)
{
    uint64_t ip = n->data.instruction_pointer;
    return ip >= STUB_TEXT && ip < STUB_TEXT + STUB_TEXT_SIZE;
}

/* A host thread that we do not know: it must be mapping the area of a thread that was to start. */
static void on_stranger(const struct seccomp_notif *n)
{
    int32_t tid = (int32_t)n->pid;
    struct thread *th = NULL;
    if (from_stub(n) && n->data.nr == SYS_mmap && n->data.args[5] % STUB_AREA_SIZE == 0)
        th = thread_by_slot(n->data.args[5] / STUB_AREA_SIZE);
    const uint64_t want[6] = {
        th ? thread_area_addr(th) : 0, STUB_AREA_SIZE, 3, 0x11, STUB_FD_AREAS, n->data.args[5]};
    if (!th || th->tid || memcmp(n->data.args, want, sizeof(want)) != 0) {
        LOGW("stubs: unexpected host thread killed tid=%d nr=%d", tid, n->data.nr);
        (void)!host_kill(tid, SIGKILL);
        return;
    }
    struct space *s = th->space;
    thread_bind_tid(th, tid);
    th->has_notif = true;
    th->start_notif = true;
    th->notif_id = n->id;
    if (!s->pid) {
        if (s->nthreads == 0 || s->dead) { /* given up before it was there */
            (void)!host_kill(tid, SIGKILL);
            thread_free(th);
            return;
        }
        space_started(s, tid);
    }
    if (th->life == THREAD_DYING)
        thread_exit_now(th);
    else if (th->go)
        thread_handover(th);
}

/* The stub broke the contract: only the application can have made it do so. */
static void broken(struct thread *th, const char *what)
{
    LOGW("stubs: stub killed pid=%d tid=%d: %s", th->space->pid, th->tid, what);
    space_kill(th->space);
}

static void on_stop(struct thread *th)
{
    const struct platform_events *ev = plat()->ev;
    int err = context_load(th);
    if (err) {
        broken(th, err == -ENOMEM ? "no memory for its registers" : "no frame in its area");
        return;
    }
    th->stop = STOP_CONTEXT;
    uint32_t timers =
        __atomic_exchange_n((uint32_t *)(uintptr_t)&thread_ctl(th)->timers, 0, __ATOMIC_RELAXED);
    if (timers & 1)
        ev->cpu_timer(th->task, SIGVTALRM);
    if (timers & 2)
        ev->cpu_timer(th->task, SIGPROF);
    if (thread_ctl(th)->signo == SIGSYS) {
        const struct regs *r = th->regs;
        const uint64_t args[6] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
        th->pristine = true;
        near_load(th);
        ev->syscall(th->task, r->rax, args);
        return;
    }
    uint32_t signo;
    struct fault f;
    if (context_fault(th, &signo, &f)) {
        broken(th, "no siginfo in its area");
        return;
    }
    if (signo == STUB_SIG_INTERRUPT || f.code <= 0) {
        ev->interrupted(th->task);
    } else {
        ev->fault(th->task, &f);
    }
}

static void on_report(struct thread *th)
{
    const struct platform_events *ev = plat()->ev;
    volatile struct stub_ctl *ctl = thread_ctl(th);
    struct queue *q = th->q;
    uint32_t failed = ctl->failed;
    int64_t result = ctl->result;
    if (!th->regs) { /* I3 */
        broken(th, "a report that was not asked for");
        return;
    }
    th->stop = STOP_CONTEXT;
    if (!failed || !q || failed > q->n) {
        queue_done(th);
        ev->interrupted(th->task);
        return;
    }
    int err = result < 0 && result >= -4095 ? (int)result : -ENOMEM;
    struct task *child = q->child[failed - 1];
    bool clone = q->cmd[failed - 1].nr == STUB_CMD_CLONE;
    LOGD("stubs: command failed tid=%d nr=%llu err=%d", th->tid,
         (unsigned long long)q->cmd[failed - 1].nr, err);
    queue_done(th);
    if (clone)
        ev->clone_failed(th->task, child, err);
    else
        ev->map_failed(th->task, err);
}

static void stopped(struct thread *th)
{
    if (plat()->transport->stopped)
        plat()->transport->stopped(th);
}

static uint32_t *hand_at(uint64_t slot)
{
    return (uint32_t *)(uintptr_t)(AREAS_BASE + slot * STUB_AREA_SIZE +
                                   offsetof(struct stub_ctl, hand));
}

static uint32_t *hand_of(const struct thread *th) { return hand_at(th->slot); }

/* A stop in the area of a running thread: true if there was one. From here on it is stopped. */
static bool post_take(struct thread *th)
{
    uint32_t old = STUB_HAND_POSTED;
    if (th->stop != STOP_RUNNING || th->life == THREAD_NEW ||
        !atomic_cmpxchg_acq_rel(hand_of(th), &old, STUB_HAND_TAKEN))
        return false;
    th->posted = true;
    return true;
}

static void post_handle(struct thread *th)
{
    uint32_t slot = th->slot;
    if (th->life != THREAD_DYING) {
        stopped(th);
        queue_done(th);
        on_stop(th);
    } else if (th->has_notif) {
        thread_exit_now(th);
    }
    /* Not answered at once: let it sleep. It may be gone, too. */
    if (thread_by_slot(slot) == th && th->posted && !th->has_notif)
        atomic_store_release(hand_of(th), STUB_HAND_SLEEP);
}

static void on_post(uint64_t slot)
{
    struct thread *th = thread_by_slot(slot);
    if (th && !th->space->dead && post_take(th)) {
        post_handle(th);
        return;
    }
    /* Forged, or of a thread that is gone: whoever looks at it shall not find it again. */
    uint32_t old = STUB_HAND_POSTED;
    if (slot < STUB_SLOTS)
        (void)!atomic_cmpxchg_acq_rel(hand_at(slot), &old, STUB_HAND_NONE);
}

/* It waits for the answer to its post: which may not have been seen, or be there already. */
static void on_sleep(struct thread *th, const struct seccomp_notif *n)
{
    if (th->stop == STOP_RUNNING && !th->posted) {
        if (!post_take(th)) {
            plat()->transport->answer(n->id, 0);
            return;
        }
        th->has_notif = true;
        th->notif_id = n->id;
        post_handle(th);
        return;
    }
    if (!th->posted || th->has_notif) {
        broken(th, "it sleeps without having posted");
        return;
    }
    th->has_notif = true;
    th->notif_id = n->id;
    if (th->life == THREAD_DYING)
        thread_exit_now(th);
}

static void on_stub_call(struct thread *th, const struct seccomp_notif *n)
{
    if (n->data.nr == STUB_NR_SLEEP) {
        on_sleep(th, n);
        return;
    }
    if (th->posted) {
        broken(th, "a call while it is stopped");
        return;
    }
    if (n->data.nr != STUB_NR_STOP && n->data.nr != STUB_NR_REPORT) {
        if (!queue_continue(th, n))
            broken(th, "a call that was not asked for");
        return;
    }
    th->has_notif = true;
    th->notif_id = n->id;
    if (th->life == THREAD_DYING) {
        thread_exit_now(th);
    } else if (n->data.nr == STUB_NR_REPORT) {
        on_report(th);
    } else {
        stopped(th);
        queue_done(th);
        on_stop(th);
    }
}

void platform_handle(const struct platform_event *e)
{
    struct seccomp_notif n;
    memcpy(&n, e, sizeof(n));
    struct platform_root *p = plat();
    if (n.pid == 0) {
        on_post(n.data.args[0]);
        return;
    }
    if ((int32_t)n.pid == p->zygote.tid) {
        if (!zygote_notified(&n))
            LOGE("stubs: the zygote made an unexpected call nr=%d", n.data.nr);
        return;
    }
    struct thread *th = thread_by_tid((int32_t)n.pid);
    if (!th && from_stub(&n) && zygote_notified(&n))
        return;
    if (!th ||
        (th->tid && from_stub(&n) && n.data.nr == SYS_mmap && n.data.args[4] == STUB_FD_AREAS)) {
        on_stranger(&n);
        return;
    }
    if (th->space->dead)
        return; /* its SIGKILL is on the way */
    if (from_stub(&n)) {
        on_stub_call(th, &n);
        return;
    }
    if (th->posted) {
        broken(th, "a call while it is stopped");
        return;
    }
    th->has_notif = true;
    th->notif_id = n.id;
    if (th->life == THREAD_DYING) { /* its interrupt is pending: let it come */
        stop_answer(th, -EINTR);
        return;
    }
    stopped(th);
    if (th->inflight)
        queue_done(th);
    context_drop(th);
    th->stop = STOP_CALL;
    th->call_ip = n.data.instruction_pointer;
    uint64_t args[6];
    for (int i = 0; i < 6; i++)
        args[i] = n.data.args[i];
    p->ev->syscall(th->task, (uint64_t)(uint32_t)n.data.nr, args);
}
