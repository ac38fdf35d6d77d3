#include "abi/syscall_nr.h"
#include "base/err.h"
#include "sentry/mm/mm.h"
#include "sentry/signal/core.h"
#include "sentry/signal/signal_priv.h"
#include "sentry/task/task_priv.h"

bool signal_pending(const struct task *t)
{
    return ((t->pending.mask | t->tg->pending.mask) & ~(t->sigmask & ~UNBLOCKABLE)) != 0;
}

static uint64_t deliverable(const struct task *t) { return ~(t->sigmask & ~UNBLOCKABLE); }

int signal_dequeue(struct task *t, uint64_t set, struct linux_siginfo *ret)
{
    struct sigpending *p = &t->pending;
    int sig = pending_next(p, set);
    if (!sig) {
        p = &t->tg->pending;
        sig = pending_next(p, set);
    }
    if (sig)
        pending_take(p, sig, ret);
    return sig;
}

/* The signal that signal_dequeue() would take, left where it is. */
static int peek(const struct task *t)
{
    int sig = pending_next(&t->pending, deliverable(t));
    return sig ? sig : pending_next(&t->tg->pending, deliverable(t));
}

static void default_action(struct task *t, const struct linux_siginfo *info)
{
    int sig = info->si_signo;
    if ((SIGBIT(sig) & IGNORED_BY_DEFAULT) || (t->tg->unkillable && !(SIGBIT(sig) & UNBLOCKABLE)))
        return;
    if (SIGBIT(sig) & STOP_SIGNALS) {
        if (sig == LINUX_SIGSTOP || !t->tg->pgrp || !pgrp_is_orphaned(t->tg->pgrp, NULL))
            tgroup_stop(t->tg, sig);
        return;
    }
    core_die(t, info);
}

enum signal_due signal_settle(struct task *t)
{
    for (;;) {
        if (t->exiting)
            return SIGNAL_DEAD;
        if (tgroup_held(t->tg)) {
            t->state = TASK_STOPPED;
            return SIGNAL_STOPPED;
        }
        int sig = peek(t);
        if (!sig)
            return SIGNAL_NONE;
        const struct linux_sigaction *act = &t->tg->sighand->action[sig - 1];
        if (act->handler != LINUX_SIG_DFL && act->handler != LINUX_SIG_IGN)
            return SIGNAL_HANDLER;
        bool core = act->handler == LINUX_SIG_DFL && core_wanted(t->tg, sig);
        if (core && t->thread && platform_stop(t->thread) == STOP_CALL)
            return SIGNAL_HANDLER; /* registers first */
        struct linux_siginfo info;
        if (signal_dequeue(t, SIGBIT(sig), &info) && act->handler == LINUX_SIG_DFL)
            default_action(t, &info);
    }
}

/* The frame goes below the stack's lowest page: grow it first, once. */
static bool frame_needs_growth(struct task *t, const struct frame_place *pl)
{
    return t->mm && !mm_find(t->mm, pl->frame) && mm_stack_fault(t, pl->frame);
}

static void restart_call(struct task *t, uint64_t nr)
{
    struct regs *r = platform_regs(t->thread);
    r->rax = nr;
    r->rip -= 2;
}

/* Before the first handler of an interrupted call: does the call end with -EINTR, or is it made again after the handler? */
static void decide_restart(struct task *t, const struct linux_sigaction *act, uint64_t nr,
                           int64_t result)
{
    if (result == -ERESTARTNOINTR || (result == -ERESTARTSYS && (act->flags & LINUX_SA_RESTART)))
        restart_call(t, nr);
    else if (result == -ERESTARTSYS || result == -ERESTARTNOHAND ||
             result == -ERESTART_RESTARTBLOCK)
        platform_regs(t->thread)->rax = (uint64_t)-EINTR;
}

static void frame_failed(struct task *t, int sig)
{
    struct linux_siginfo info = {.si_signo = LINUX_SIGSEGV, .si_code = LINUX_SI_KERNEL};
    if (sig == LINUX_SIGSEGV)
        t->tg->sighand->action[LINUX_SIGSEGV - 1].handler = LINUX_SIG_DFL;
    signal_force(t, &info);
}

bool signal_deliver(struct task *t, bool in_call, uint64_t nr, int64_t result)
{
    for (;;) {
        switch (signal_settle(t)) {
        case SIGNAL_DEAD:
        case SIGNAL_STOPPED: return false;
        case SIGNAL_NONE:
            if (t->restore_sigmask) {
                t->restore_sigmask = false;
                t->sigmask = t->saved_sigmask;
                continue;
            }
            if (in_call && result == -ERESTART_RESTARTBLOCK)
                restart_call(t, LINUX_SYS_restart_syscall);
            else if (in_call && (result == -ERESTARTSYS || result == -ERESTARTNOINTR ||
                                 result == -ERESTARTNOHAND))
                restart_call(t, nr);
            return true;
        case SIGNAL_HANDLER: break;
        }
        int sig = peek(t);
        struct linux_sigaction act = t->tg->sighand->action[sig - 1];
        struct frame_place pl;
        bool fits = frame_place(t, &act, &pl);
        if (fits && frame_needs_growth(t, &pl)) {
            (void)!task_sync(t);
            t->next = TASK_NEXT_USER;
            return false;
        }
        struct linux_siginfo info;
        (void)signal_dequeue(t, SIGBIT(sig), &info);
        if (in_call)
            decide_restart(t, &act, nr, result);
        in_call = false;
        t->exit_in_call = false;
        uint64_t old = t->restore_sigmask ? t->saved_sigmask : t->sigmask;
        t->restore_sigmask = false;
        if (act.flags & LINUX_SA_RESETHAND)
            t->tg->sighand->action[sig - 1].handler = LINUX_SIG_DFL;
        if (!fits || frame_build(t, &act, &info, old, &pl)) {
            t->sigmask = old;
            frame_failed(t, sig);
            continue;
        }
        t->sigmask |= act.mask;
        if (!(act.flags & LINUX_SA_NODEFER))
            t->sigmask |= SIGBIT(sig);
        t->sigmask &= ~UNBLOCKABLE;
        if (t->altstack_autodisarm) {
            t->altstack_sp = t->altstack_size = 0;
            t->altstack_autodisarm = false;
        }
    }
}

void signal_set_mask(struct task *t, uint64_t mask)
{
    uint64_t newly = ~t->sigmask & mask & t->tg->pending.mask;
    t->sigmask = mask & ~UNBLOCKABLE;
    /* A group signal that was to be taken by t goes to another thread that can. */
    if (!newly)
        return;
    struct task *o;
    LIST_FOREACH (o, &t->tg->tasks, tg_node)
        if (o != t && signal_pending(o))
            task_kick(o);
}

void signal_set_temp_mask(struct task *t, uint64_t mask)
{
    if (!t->restore_sigmask) {
        t->saved_sigmask = t->sigmask;
        t->restore_sigmask = true;
    }
    signal_set_mask(t, mask);
}
