/* sentry/platform/stubs/thread.c - spaces, threads and slots; how a stopped thread goes on. */
#include "sentry/platform/stubs/stubs_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "abi/poll.h"
#include "abi/sched.h"
#include "base/atomic.h"
#include "base/log.h"
#include "host/host.h"
#include "sentry/io/worker.h"

const char *platform_name(void) { return plat()->transport->name; }

struct thread *thread_by_slot(uint64_t slot)
{
    return slot < STUB_SLOTS ? plat()->by_slot[slot] : NULL;
}

/* ---- host thread ids ---- */

static struct thread **tid_bucket(int32_t tid)
{
    return &plat()->tids[(uint32_t)tid % TID_BUCKETS];
}

struct thread *thread_by_tid(int32_t tid)
{
    struct thread *th = *tid_bucket(tid);
    while (th && th->tid != tid)
        th = th->tid_next;
    return th;
}

static void tid_unbind(struct thread *th)
{
    if (!th->tid)
        return;
    struct thread **at = tid_bucket(th->tid);
    while (*at && *at != th)
        at = &(*at)->tid_next;
    if (*at)
        *at = th->tid_next;
    th->tid = 0;
}

static void cpus_free(struct thread *th)
{
    if (th->cpus)
        arena_free(th->cpus, PLATFORM_CPUS_MAX / 8);
    th->cpus = NULL;
}

void platform_cpus(uint64_t ret[PLATFORM_CPUS_MAX / 64])
{
    memset(ret, 0, PLATFORM_CPUS_MAX / 8);
    (void)!host_sched_getaffinity(0, PLATFORM_CPUS_MAX / 8, ret);
}

void platform_set_affinity(struct thread *th, const uint64_t cpus[PLATFORM_CPUS_MAX / 64])
{
    uint64_t all[PLATFORM_CPUS_MAX / 64];
    platform_cpus(all);
    th->bound = memcmp(cpus, all, sizeof(all)) != 0;
    if (th->tid) {
        (void)!host_sched_setaffinity(th->tid, PLATFORM_CPUS_MAX / 8, cpus);
        return;
    }
    cpus_free(th);
    th->cpus = arena_memdup(cpus, PLATFORM_CPUS_MAX / 8); /* no memory: any CPU */
}

void thread_bind_tid(struct thread *th, int32_t tid)
{
    struct thread *old = thread_by_tid(tid);
    if (old) { /* its host thread ended behind our back: the stub's exit was called by the application */
        space_kill(old->space);
        tid_unbind(old);
    }
    th->tid = tid;
    th->tid_next = *tid_bucket(tid);
    *tid_bucket(tid) = th;
    if (th->cpus) {
        (void)!host_sched_setaffinity(tid, PLATFORM_CPUS_MAX / 8, th->cpus);
        cpus_free(th);
    }
}

/* ---- spaces ---- */

struct space *space_new(void)
{
    struct space *s = SLAB_NEW(SPACE, struct space);
    if (!s)
        return NULL;
    list_init(&s->threads);
    waitq_init(&s->map_wait);
    return s;
}

static void space_unwatch(struct space *s)
{
    if (s->watch.added)
        hostwatch_remove(&s->watch);
    s->pidfd = hostfile_unref(s->pidfd);
}

/* Linux 6.15, newer than the headers that we build with. */
#define PIDFD_GET_INFO  0xc040ff0bu
#define PIDFD_INFO_EXIT 8u
struct pidfd_info {
    uint64_t mask, cgroup;
    uint32_t ids[11];
    int32_t exit_code;
};

/* What a process that has ended died of; 0: not by a signal, or the host does not say. It waits for its parent (the tracer), or
 * has been reaped, or is just about to be. */
static uint8_t signal_of_death(const struct space *s)
{
    for (int tries = 0; tries < 100; tries++) {
        siginfo_t si = {0};
        struct pidfd_info info = {.mask = PIDFD_INFO_EXIT};
        if (host_waitid(P_PID, s->pid, &si, WEXITED | WNOWAIT | WNOHANG | __WALL, NULL) == 0 &&
            si.si_pid == s->pid)
            return si.si_code == CLD_EXITED ? 0 : (uint8_t)si.si_status;
        if (host_ioctl(hostfile_fd(s->pidfd), PIDFD_GET_INFO, &info) < 0)
            return 0;
        if (info.mask & PIDFD_INFO_EXIT)
            return info.exit_code & 0x7f;
        (void)!host_sched_yield();
    }
    return 0;
}

static void space_on_exit(struct hostwatch *w, uint32_t events)
{
    struct space *s = container_of(w, struct space, watch);
    bool here = s->dead; /* space_kill() */
    LOGD("stubs: stub process ended pid=%d", s->pid);
    s->dead = true;
    s->died_of = signal_of_death(s);
    if (!here && s->died_of == SIGKILL) { /* nobody else on the host kills a stub */
        kern()->oom_kills++;
        LOGI("stubs: the host has killed a process, out of memory pid=%d", s->pid);
    }
    space_unwatch(s);
    plat()->ev->space_died(s);
}

void space_started(struct space *s, int32_t pid)
{
    s->pid = pid;
    atomic_fetch_add_acq_rel(&plat()->starts, 1u);
    if (plat()->start_waiters)
        (void)!host_futex(&plat()->starts, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
    int fd = host_pidfd_open(pid, 0);
    if (fd < 0 || hostfile_adopt(fd, &s->pidfd) ||
        hostwatch_add(&s->watch, s->pidfd, LINUX_POLLIN, false, space_on_exit)) {
        LOGW("stubs: stub process cannot be watched pid=%d err=%d", pid, fd);
        s->pidfd = hostfile_unref(s->pidfd);
    }
}

bool platform_space_is_there(const struct space *s) { return s->pid || s->dead; }

void platform_space_wait(void)
{
    struct platform_root *p = plat();
    const struct timespec ts = {.tv_nsec = 10000000};
    uint32_t seen = atomic_load_acquire(&p->starts);
    p->start_waiters++;
    worker_block_begin();
    (void)!host_futex(&p->starts, FUTEX_WAIT, seen, &ts, NULL, 0);
    worker_block_end();
    p->start_waiters--;
}

void space_kill(struct space *s)
{
    if (s->dead)
        return;
    s->dead = true;
    if (s->pidfd)
        (void)!host_pidfd_send_signal(hostfile_fd(s->pidfd), SIGKILL, NULL, 0);
    else if (s->pid)
        (void)!host_kill(s->pid, SIGKILL);
}

static void space_free_if_empty(struct space *s)
{
    if (!list_empty(&s->threads))
        return;
    space_unwatch(s);
    SLAB_FREE(SPACE, s);
}

/* ---- threads ---- */

struct thread *thread_new(struct space *s, struct task *t)
{
    int64_t slot = slot_take();
    if (slot < 0)
        return NULL;
    struct thread *th = SLAB_NEW(THREAD, struct thread);
    if (!th || !(th->regs = SLAB_NEW(REGS, struct regs))) {
        SLAB_FREE(THREAD, th);
        slot_give((uint32_t)slot, 0, 0);
        return NULL;
    }
    th->space = s;
    th->task = t;
    th->slot = (uint32_t)slot;
    th->life = THREAD_NEW;
    th->stop = STOP_CONTEXT;
    list_add_tail(&th->node, &s->threads);
    s->nthreads++;
    plat()->by_slot[slot] = th;
    volatile struct stub_ctl *ctl = thread_ctl(th);
    ctl->ncmds = ctl->nout = 0;
    ctl->nin = ctl->nwindow = 0;
    ctl->flags = ctl->interrupted = 0;
    ctl->hand = STUB_HAND_NONE;
    th->seq = ctl->done = 0;
    return th;
}

void thread_free(struct thread *th)
{
    struct space *s = th->space;
    queue_done(th);
    cpus_free(th);
    context_drop(th);
    plat()->by_slot[th->slot] = NULL;
    slot_give(th->slot, s->pid, th->tid);
    tid_unbind(th);
    list_del_init(&th->node);
    SLAB_FREE(THREAD, th);
    space_free_if_empty(s);
}

int platform_space_new(struct task *t, struct thread **ret)
{
    struct space *s = space_new();
    if (!s)
        return -ENOMEM;
    struct thread *th = thread_new(s, t);
    if (!th) {
        SLAB_FREE(SPACE, s);
        return -EAGAIN;
    }
    context_fresh(th);
    zygote_ask(th);
    *ret = th;
    return 0;
}

/* Queues the clone on `by`, whose child is th. */
static int clone_queue(struct thread *by, struct thread *th, uint64_t flags, uint64_t ctid,
                       uint64_t tls)
{
    const uint64_t args[6] = {flags, th->slot, ctid, tls};
    int err = queue_add(by, STUB_CMD_CLONE, args, (struct urange){0, 0}, NULL);
    if (err) {
        th->space->nthreads--;
        thread_free(th);
        return err;
    }
    by->q->child[by->q->n - 1] = th->task;
    th->bound = by->bound;
    context_copy(by, th);
    th->regs->rax = 0;
    return 0;
}

int platform_fork(struct thread *by, struct task *child, struct thread **ret)
{
    struct space *s = space_new();
    if (!s)
        return -ENOMEM;
    struct thread *th = thread_new(s, child);
    if (!th) {
        SLAB_FREE(SPACE, s);
        return -EAGAIN;
    }
    /* Once the clone is queued the child comes: what the kernel queues for it then must not fail. */
    if (!queue_get(th)) {
        thread_free(th);
        return -ENOMEM;
    }
    s->wide = by->space->wide;
    int err = clone_queue(by, th, LINUX_CLONE_PARENT, 0, 0);
    if (!err)
        *ret = th;
    return err;
}

int platform_thread_new(struct thread *by, const struct thread_start *st, struct task *child,
                        struct thread **ret)
{
    struct thread *th = thread_new(by->space, child);
    if (!th)
        return -EAGAIN;
    uint64_t flags = LINUX_CLONE_VM | LINUX_CLONE_FS | LINUX_CLONE_FILES | LINUX_CLONE_SIGHAND |
                     LINUX_CLONE_THREAD | LINUX_CLONE_SYSVSEM;
    if (st->set_tls)
        flags |= LINUX_CLONE_SETTLS;
    if (st->clear_tid)
        flags |= LINUX_CLONE_CHILD_CLEARTID;
    int err = clone_queue(by, th, flags, st->clear_tid, st->set_tls ? st->tls : 0);
    if (err)
        return err;
    if (st->stack)
        th->regs->rsp = st->stack;
    *ret = th;
    return 0;
}

static void host_interrupt(const struct thread *th)
{
    if (th->tid)
        (void)!host_tgkill(th->space->pid, th->tid, STUB_SIG_INTERRUPT);
}

/* Its area and commands are complete: a stub call returns, or the mapping of the area is made. */
static void thread_go(struct thread *th)
{
    if (th->start_notif)
        stop_proceed(th);
    else
        stop_answer(th, 0);
}

/* Stopped in the stub with a notification: exit is the next thing it does. */
void thread_exit_now(struct thread *th)
{
    volatile struct stub_ctl *ctl = thread_ctl(th);
    ctl->cmd[0] = (struct stub_cmd){.nr = SYS_exit};
    ctl->ncmds = 1;
    ctl->nout = 0;
    thread_go(th);
    thread_free(th);
}

void platform_thread_exit(struct thread *th)
{
    struct space *s = th->space;
    enum stop_kind was = th->stop;
    enum thread_life life = th->life;
    th->task = NULL;
    th->life = THREAD_DYING;
    s->nthreads--;
    if (s->nthreads == 0) {
        /* A process that does not exist yet is killed when its first notification comes; one that does is on its way out, and
         * nothing of it will be answered. */
        if (!s->pid && !s->dead)
            return;
        space_kill(s);
        bool last;
        do { /* the last one takes the space with it */
            struct thread *o = list_first_entry(&s->threads, struct thread, node);
            last = o->node.next == &s->threads;
            thread_free(o);
        } while (!last);
        return;
    }
    if (life == THREAD_NEW && !th->has_notif)
        return; /* ends when it appears */
    if (was == STOP_CONTEXT && th->has_notif) {
        thread_exit_now(th);
    } else if (th->posted) {
        atomic_store_release((uint32_t *)(uintptr_t)&thread_ctl(th)->hand, STUB_HAND_SLEEP);
    } else if (was == STOP_CALL) {
        host_interrupt(th);
        stop_answer(th, -EINTR);
    } else {
        host_interrupt(th);
    }
}

bool platform_space_is_single(const struct thread *th)
{
    return th->space->nthreads == 1 && th->node.next == th->node.prev;
}

struct space *platform_space(const struct thread *th) { return th->space; }

int platform_space_death(const struct space *s)
{
    switch (s->died_of) { /* its own faults; everything else came from outside */
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP: return s->died_of;
    default: return SIGKILL;
    }
}

enum stop_kind platform_stop(const struct thread *th) { return th->stop; }

struct regs *platform_regs(struct thread *th)
{
    th->pristine = false;
    return th->regs;
}

/* Frame and commands are complete: the stub may go on. */
void thread_handover(struct thread *th)
{
    volatile struct stub_ctl *ctl = thread_ctl(th);
    if (th->pristine) {
        ctl->ret = (int64_t)th->regs->rax;
        th->flags |= STUB_FLAG_RETURN;
    } else {
        context_store(th);
    }
    if (th->widen) {
        static const uint64_t none[6];
        th->widen = false;
        th->space->wide = queue_add(th, STUB_CMD_WIDEN, none, (struct urange){0, 0}, NULL) == 0;
    }
    queue_give(th);
    struct queue *q = th->q;
    uint32_t n = q ? q->n : 0;
    for (uint32_t i = 0; i < n; i++)
        ctl->cmd[i] = q->cmd[i];
    ctl->ncmds = n;
    ctl->flags = th->flags;
    ctl->failed = 0;
    ctl->nout = th->near ? th->nout : 0;
    th->near = th->pristine = false;
    ctl->uc = thread_area_addr(th) + th->uc_off;
    ctl->seq = ++th->seq;
    th->inflight = n > 0;
    if (!n && !(th->flags & STUB_FLAG_REPORT))
        context_drop(th);
    th->flags = 0;
    th->stop = STOP_RUNNING;
    thread_go(th);
    th->life = THREAD_ALIVE;
}

void platform_resume(struct thread *th)
{
    assert(th->stop == STOP_CONTEXT);
    if (th->life == THREAD_NEW && !th->has_notif) {
        th->go = true;
        return;
    }
    thread_handover(th);
}

void platform_sync(struct thread *th)
{
    th->flags = STUB_FLAG_REPORT;
    platform_resume(th);
}

void platform_return(struct thread *th, int64_t value)
{
    if (th->stop == STOP_CONTEXT) {
        th->regs->rax = (uint64_t)value;
        platform_resume(th);
        return;
    }
    if (th->widen)
        host_interrupt(th); /* with its whole context it can be told to */
    th->stop = STOP_RUNNING;
    stop_answer(th, value);
}

void platform_return_and_stop(struct thread *th, int64_t value)
{
    assert(th->stop == STOP_CALL);
    host_interrupt(th);
    th->stop = STOP_RUNNING;
    stop_answer(th, value);
}

void platform_interrupt(struct thread *th)
{
    if (th->stop == STOP_RUNNING)
        host_interrupt(th);
}

/* Kinds of CPU clocks as the host numbers them. */
enum { CLOCK_PROF, CLOCK_VIRT, CLOCK_SCHED, CLOCK_OF_THREAD = 4 };

/* The host lets us read the clocks of a process, not of one of its threads: the first thread stands for all. */
static int64_t process_clock_ns(const struct thread *th, uint32_t kind)
{
    struct timespec ts;
    if (!th->space->pid || th->node.prev != &th->space->threads)
        return 0;
    if (host_clock_gettime((clockid_t)((~(uint32_t)th->space->pid << 3) | kind), &ts) < 0)
        return 0;
    return (int64_t)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t platform_thread_cpu_ns(struct thread *th) { return process_clock_ns(th, CLOCK_SCHED); }

void platform_thread_cpu_split(struct thread *th, int64_t *ret_user_ns, int64_t *ret_sys_ns)
{
    int64_t user = process_clock_ns(th, CLOCK_VIRT);
    *ret_user_ns = user;
    *ret_sys_ns = MAX(process_clock_ns(th, CLOCK_PROF) - user, (int64_t)0);
}

uint64_t platform_thread_cpu_clock(const struct thread *th)
{
    return th->tid ? (uint32_t)((~(uint32_t)th->tid << 3) | CLOCK_OF_THREAD | CLOCK_SCHED) : 0;
}

/* ---- start ---- */

static int areas_new(void)
{
    struct platform_root *p = plat();
    int err = hostfile_new_memfd("areas", &p->areas);
    if (err)
        return err;
    int fd = hostfile_fd(p->areas);
    uint64_t size = (uint64_t)STUB_SLOTS * STUB_AREA_SIZE;
    int r = host_ftruncate(fd, (off_t)size);
    if (r < 0)
        return r;
    intptr_t at = host_mmap((void *)(uintptr_t)AREAS_BASE, size, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE, fd, 0);
    return at < 0 ? (int)at : 0;
}

int platform_init(const struct platform_events *ev, const char *name)
{
    struct platform_root *p = arena_alloc(sizeof(*p));
    if (!p)
        return -ENOMEM;
    kern()->plat = p;
    p->ev = ev;
    p->slot_top = ZYGOTE_SLOT + 1;
    list_init(&p->zygote.queue);
    list_init(&p->zygotes);
    p->free_slots = arena_alloc(STUB_SLOTS * sizeof(p->free_slots[0]));
    p->clean_slots = arena_alloc(STUB_SLOTS * sizeof(p->clean_slots[0]));
    p->by_slot = arena_alloc(STUB_SLOTS * sizeof(struct thread *));
    p->tids = arena_alloc(TID_BUCKETS * sizeof(struct thread *));
    if (!p->free_slots || !p->clean_slots || !p->by_slot || !p->tids)
        return -ENOMEM;
    int err = areas_new();
    return err ? err : zygote_choose(name);
}
