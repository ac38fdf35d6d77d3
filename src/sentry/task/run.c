#include "sentry/task/run.h"

#include "abi/futex.h"
#include "abi/syscall_nr.h"
#include "base/err.h"
#include "base/log.h"
#include "sentry/kernel.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/usermem.h"
#include "sentry/seccomp/seccomp.h"
#include "sentry/signal/signal.h"
#include "sentry/syscalls/syscall.h"
#include "sentry/task/rseq.h"
#include "sentry/task/cputime.h"
#include "sentry/task/task_priv.h"
#include "sentry/task/trace.h"
#include "sentry/time/posix_timers.h"

#include <string.h>

static bool is_restart(int64_t r)
{
    return r == -ERESTARTSYS || r == -ERESTARTNOINTR || r == -ERESTARTNOHAND ||
           r == -ERESTART_RESTARTBLOCK;
}

bool task_interrupted(const struct task *t)
{
    return t->exiting || tgroup_held(t->tg) || signal_pending(t);
}

void task_kick(struct task *t)
{
    if (t->in_handler || t->state == TASK_ZOMBIE || t->state == TASK_DEAD)
        return; /* I2 */
    if (t->exiting) {
        task_queue(t, t->next);
        return;
    }
    switch (t->state) {
    case TASK_PARKED:
        if (!t->killable_only)
            task_wake(t);
        break;
    case TASK_STOPPED:
        if (!tgroup_held(t->tg))
            task_queue(t, t->next);
        break;
    case TASK_RUNNING:
        if (t->thread && platform_stop(t->thread) == STOP_RUNNING)
            platform_interrupt(t->thread);
        break;
    default: break;
    }
}

/* STOP_CONTEXT: signals, then the application. */
static void go_user(struct task *t)
{
    bool in_call = t->exit_in_call;
    task_unpark(t); /* a deadly fault has queued it */
    task_cpu_read_end(t);
    t->next = TASK_NEXT_USER;
    if (!signal_deliver(t, in_call, t->exit_nr, t->exit_result)) {
        if (t->exiting)
            task_exit(t);
        return; /* stopped, or waiting for task_sync */
    }
    t->exit_in_call = false;
    memset(&t->last_fault, 0, sizeof(t->last_fault));
    if (unlikely(t->seccomp != t->seccomp_host) && !seccomp_host_add(t)) {
        platform_sync(t->thread);
        return;
    }
    platform_resume(t->thread);
}

/* The host's thread must stop once more before the application goes on: t has a filter that the host does not know of yet. */
static void leave_and_stop(struct task *t, int64_t r)
{
    if (platform_stop(t->thread) == STOP_CALL) {
        platform_return_and_stop(t->thread, r);
        return;
    }
    if (!t->keep_regs)
        platform_regs(t->thread)->rax = (uint64_t)r;
    t->keep_regs = false;
    platform_sync(t->thread);
}

void call_restart_cleanup(struct task *t)
{
    if (t->restart.cleanup) {
        void (*fn)(struct task *) = t->restart.cleanup;
        t->restart.cleanup = NULL;
        fn(t);
    }
}

/* The call is over as far as its handler goes: r is what the application will see, or a restart code that signals decide on. */
static void call_finish(struct task *t, int64_t r)
{
    trace_exit(t, r);
    if (unlikely(t->again))
        task_again_drop(t);
    if (r == -ERESTART_RESTARTBLOCK && (t->again = arena_alloc(sizeof(*t->again))))
        *t->again = (struct task_again){.nr = t->sysno,
                                        .args = t->args,
                                        .deadline_ns = t->restart.deadline_ns,
                                        .has_deadline = t->restart.has_deadline};
    call_restart_cleanup(t);
    t->in_syscall = false;
    t->last_was_eintr = r == -EINTR || is_restart(r);
}

/* The handler has returned r: find out what is to happen before the application goes on. */
static void call_leave(struct task *t, int64_t r)
{
    bool interrupted = is_restart(r) || r == -EINTR;
    t->exit_result = r;
    if (t->restore_sigmask && !interrupted) {
        t->restore_sigmask = false;
        t->sigmask = t->saved_sigmask;
    }
    t->next = TASK_NEXT_LEAVE;
    switch (signal_settle(t)) {
    case SIGNAL_DEAD: task_exit(t); return;
    case SIGNAL_STOPPED: return; /* comes back here when continued */
    case SIGNAL_NONE:
        if (t->restore_sigmask) {
            t->restore_sigmask = false;
            t->sigmask = t->saved_sigmask;
        }
        /* The old mask may let something through: look again. A call that nothing interrupted any more goes on in place. */
        if (signal_pending(t) || tgroup_held(t->tg)) {
            call_leave(t, r);
            return;
        }
        if (is_restart(r)) {
            task_queue(t, TASK_NEXT_CALL);
            return;
        }
        break;
    case SIGNAL_HANDLER: {
        uint64_t nr = t->sysno;
        call_finish(t, r);
        t->exit_nr = nr;
        t->exit_in_call = !t->keep_regs;
        if (platform_stop(t->thread) == STOP_CALL) {
            t->state = TASK_RUNNING;
            platform_return_and_stop(t->thread, is_restart(r) ? -EINTR : r);
            return;
        }
        if (!t->keep_regs)
            platform_regs(t->thread)->rax = (uint64_t)(is_restart(r) ? -EINTR : r);
        t->keep_regs = false;
        go_user(t);
        return;
    }
    }
    call_finish(t, r);
    t->state = TASK_RUNNING;
    if (unlikely(t->seccomp != t->seccomp_host) && seccomp_host_behind(t)) {
        leave_and_stop(t, r);
    } else if (t->keep_regs) {
        t->keep_regs = false;
        platform_resume(t->thread);
    } else {
        platform_return(t->thread, r);
    }
}

static void call_run(struct task *t)
{
    const struct syscall_row *row = t->sysno < SYSCALL_TABLE_SIZE ? &syscall_table[t->sysno] : NULL;
    int64_t r = -ENOSYS;
    t->state = TASK_RUNNING;
    t->next = TASK_NEXT_CALL;
    if (row && row->handler) {
        t->in_handler = true;
        r = row->handler(t, &t->args);
        t->in_handler = false;
    } else {
        trace_missing(t);
    }
    if (t->exiting && t->state != TASK_QUEUED) {
        task_exit(t);
        return;
    }
    if (r == -EBLOCKED) {
        copy_out_flush(t);
        /* What came while the handler held itself busy and the lock was dropped (I2). */
        if (t->state == TASK_PARKED && !t->killable_only && task_interrupted(t))
            task_wake(t);
        return;
    }
    if (t->state == TASK_QUEUED ||
        t->state == TASK_PARKED) /* it parked, then found that it need not wait */
        task_unpark(t);
    call_leave(t, r);
}

static void on_syscall(struct task *t, uint64_t nr, const uint64_t args[6])
{
    if (t->syncing) /* it was to report first: the application has taken its stub over */
        tgroup_exit(t->tg, LINUX_SIGKILL);
    if (t->exiting) {
        task_exit(t);
        return;
    }
    AUTO(task) struct task *held = task_ref(t);
    t->sysno = nr;
    memcpy(t->args.arg, args, sizeof(t->args.arg));
    t->restart = (struct restart){.deadline_ns = TIME_NONE};
    t->in_syscall = true;
    t->exit_in_call = false;
    trace_enter(held);
    int64_t r = 0;
    if (seccomp_enter(t, &r))
        call_run(t);
    else if (t->exiting)
        task_exit(t);
    else
        call_leave(t, r);
}

int task_native_call(struct task *t, uint64_t nr, const uint64_t args[6])
{
    t->mm_undo = (struct mm_undo){.op = MM_OP_ADVISE};
    int err = platform_native_call(t->thread, nr, args);
    if (err ==
        -ENOMEM) /* no such error on Linux, where these need no memory: programs give up in odd ways */
        tgroup_exit(t->tg, LINUX_SIGKILL);
    return err;
}

int64_t task_call_again(struct task *t)
{
    const struct task_again *a = t->again;
    if (!t->restart.again) {
        if (!a || a->nr >= SYSCALL_TABLE_SIZE || !syscall_table[a->nr].handler)
            return -EINTR;
        t->sysno = a->nr;
        t->args = a->args;
        t->restart.deadline_ns = a->deadline_ns;
        t->restart.has_deadline = a->has_deadline;
    }
    return syscall_table[t->sysno].handler(t, &t->args);
}

/* A wait in the host's futex (no handler here knows of it) that an interrupt has ended: as what is it to be treated? The stub's
 * handler restarts calls, so a wait without timeout shows as the call not yet made: registers before `syscall`. A wait with
 * timeout shows as left with -EINTR; the kernel's own last answer may look the same. True: rax and rip are behind the call. */
static bool left_native_futex(struct task *t, uint64_t *ret_nr, int64_t *ret_result)
{
    struct regs *r = platform_regs(t->thread);
    uint8_t code[2];
    uint32_t op = (uint32_t)r->rsi & (uint32_t)LINUX_FUTEX_CMD_MASK;
    bool newer = r->rax == LINUX_SYS_futex_waitv || r->rax == LINUX_SYS_futex_wait;
    if (!newer && op != LINUX_FUTEX_WAIT && op != LINUX_FUTEX_WAIT_BITSET)
        return false;
    *ret_nr = newer ? r->rax : LINUX_SYS_futex;
    bool before = r->rax == *ret_nr;
    bool behind = r->rax == (uint64_t)-EINTR && r->rcx == r->rip && r->rip >= 2;
    if (!before && !behind)
        return false;
    if (behind && t->last_was_eintr && t->args.arg[0] == r->rdi && t->args.arg[1] == r->rsi &&
        t->args.arg[2] == r->rdx)
        return false;
    if (copy_in(t, code, UADDR(behind ? r->rip - 2 : r->rip), 2) || code[0] != 0x0f ||
        code[1] != 0x05)
        return false;
    if (before) {
        r->rax = (uint64_t)-EINTR;
        r->rip += 2;
        *ret_result = -ERESTARTSYS;
    } else { /* a relative timeout cannot be continued; an absolute one only without a handler */
        *ret_result = op == LINUX_FUTEX_WAIT ? -EINTR : -ERESTARTNOHAND;
    }
    return true;
}

static void on_interrupted(struct task *t)
{
    AUTO(task) struct task *held = task_ref(t);
    if (t->exiting) {
        task_exit(held);
        return;
    }
    if (t->syncing) {
        t->syncing = false;
        task_queue(t, t->next);
        return;
    }
    uint64_t nr;
    int64_t result;
    if (!t->exit_in_call && left_native_futex(t, &nr, &result)) {
        t->exit_in_call = true;
        t->exit_nr = nr;
        t->exit_result = result;
    }
    if (!task_cpu_read_begin(t))
        go_user(t);
}

/* As on Linux the thread that was running gets the signal, if it takes it. */
static void on_cpu_timer(struct task *t, int signo)
{
    if (t->exiting)
        return;
    cpu_itimer_fired(t->tg, signo);
    signal_send_here(t, signo);
}

static void on_fault(struct task *t, const struct fault *f)
{
    AUTO(task) struct task *held = task_ref(t);
    if (t->exiting) {
        task_exit(held);
        return;
    }
    t->exit_in_call = false;
    if (f->signo == LINUX_SIGSEGV && mm_stack_fault(t, f->addr)) {
        go_user(t);
        return;
    }
    /* The number comes from memory that the application can write. */
    const uint64_t faults = SIGBIT(LINUX_SIGSEGV) | SIGBIT(LINUX_SIGBUS) | SIGBIT(LINUX_SIGFPE) |
                            SIGBIT(LINUX_SIGILL) | SIGBIT(LINUX_SIGTRAP) | SIGBIT(LINUX_SIGSYS);
    if (f->signo < 1 || f->signo > LINUX_NSIG || !(SIGBIT(f->signo) & faults)) {
        tgroup_exit(t->tg, LINUX_SIGKILL);
        go_user(t);
        return;
    }
    t->last_fault.cr2 = f->cr2;
    t->last_fault.err = (uint32_t)f->err;
    t->last_fault.trapno = (uint32_t)f->trapno;
    struct linux_siginfo info = {.si_signo = f->signo, .si_code = f->code};
    info.fault.addr = f->addr;
    LOGD("task: fault tid=%d signo=%d code=%d addr=%#llx rip=%#llx", t->tid, f->signo, f->code,
         (unsigned long long)f->addr, (unsigned long long)platform_regs(t->thread)->rip);
    signal_force(t, &info);
    go_user(t);
}

static void on_map_failed(struct task *t, int err)
{
    AUTO(task) struct task *held = task_ref(t);
    if (t->exiting) {
        task_exit(held);
        return;
    }
    int64_t r = mm_map_failed(t, err);
    if (t->syncing) {
        t->syncing = false;
        t->sync_error = err < 0 ? err : -err;
        task_queue(t, t->next);
        return;
    }
    if (t->sysno == LINUX_SYS_rseq)
        rseq_refused(t);
    if (!t->exiting) {
        platform_regs(t->thread)->rax = (uint64_t)r;
        t->last_was_eintr = r == -EINTR;
    }
    go_user(t);
}

static void on_clone_failed(struct task *parent, struct task *child, int err)
{
    AUTO(task) struct task *held = task_ref(parent);
    if (child)
        task_discard(child);
    if (parent->exiting) {
        task_exit(held);
        return;
    }
    if (parent->syncing) {
        parent->syncing = false;
        parent->sync_error = err < 0 ? err : -err;
        task_queue(parent, parent->next);
        return;
    }
    parent->last_was_eintr = false;
    platform_regs(parent->thread)->rax = (uint64_t)(int64_t)(err < 0 ? err : -err);
    go_user(parent);
}

static void on_space_died(struct space *s)
{
    LOGD("task: a host process ended; its tasks are killed");
    for (struct tgroup *tg = tgroup_next(0), *next; tg; tg = next) {
        next = tgroup_next(tg->pid);
        struct task *t;
        LIST_FOREACH (t, &tg->tasks, tg_node) {
            if (t->thread && platform_space(t->thread) == s) {
                tgroup_exit(tg, platform_space_death(s));
                break;
            }
        }
    }
}

const struct platform_events task_platform_events = {
    .syscall = on_syscall,
    .fault = on_fault,
    .interrupted = on_interrupted,
    .cpu_timer = on_cpu_timer,
    .map_failed = on_map_failed,
    .clone_failed = on_clone_failed,
    .space_died = on_space_died,
};

void task_start(struct task *t)
{
    t->exit_in_call = false;
    go_user(t);
}

static void run_one(struct task *t)
{
    if (t->exiting) {
        task_exit(t);
        return;
    }
    switch (t->next) {
    case TASK_NEXT_CALL: call_run(t); break;
    case TASK_NEXT_LEAVE: call_leave(t, t->exit_result); break;
    case TASK_NEXT_USER: go_user(t); break;
    }
}

void run_queue(void)
{
    struct list_node *q = &kern()->tasks->run_queue;
    while (!list_empty(q)) {
        struct task *t = list_first_entry(q, struct task, run_node);
        list_del_init(&t->run_node);
        t->state = TASK_RUNNING;
        AUTO(task) struct task *held = task_ref(t);
        run_one(held);
    }
}
