#include "abi/capability.h"
#include "abi/wait.h"
#include "base/err.h"
#include "base/log.h"
#include "sentry/arena/slab.h"
#include "sentry/ns/user_ns.h"
#include "sentry/signal/core.h"
#include "sentry/signal/signal_priv.h"
#include "sentry/task/task_priv.h"

#include <string.h>

struct sighand *sighand_new(void)
{
    struct sighand *sh = SLAB_NEW(SIGHAND, struct sighand);
    if (sh)
        ref_init(&sh->ref);
    return sh;
}

struct sighand *sighand_dup(const struct sighand *old)
{
    struct sighand *sh = sighand_new();
    if (sh)
        memcpy(sh->action, old->action, sizeof(sh->action));
    return sh;
}

struct sighand *sighand_ref(struct sighand *sh)
{
    ref_get(&sh->ref);
    return sh;
}

struct sighand *sighand_unref(struct sighand *sh)
{
    if (sh && ref_put(&sh->ref))
        SLAB_FREE(SIGHAND, sh);
    return NULL;
}

void sighand_reset(struct sighand *sh)
{
    for (unsigned i = 0; i < LINUX_NSIG; i++) {
        bool ign = sh->action[i].handler == LINUX_SIG_IGN;
        sh->action[i] = (struct linux_sigaction){.handler = ign ? LINUX_SIG_IGN : LINUX_SIG_DFL};
    }
}

bool signal_ignored(const struct tgroup *tg, int sig)
{
    uint64_t h = tg->sighand->action[sig - 1].handler;
    return h == LINUX_SIG_IGN || (h == LINUX_SIG_DFL && (SIGBIT(sig) & IGNORED_BY_DEFAULT));
}

struct linux_siginfo signal_info_user(const struct task *from, int sig, int code)
{
    struct linux_siginfo info = {.si_signo = sig, .si_code = code};
    info.kill.pid = from->tg->vpid;
    info.kill.uid = uid_seen(from, from->cred->uid);
    return info;
}

static uint64_t blocked_by(const struct task *t) { return t->sigmask & ~UNBLOCKABLE; }

/* A thread of the group that can take sig at once: the preferred one, the leader if possible. */
static struct task *choose(struct tgroup *tg, struct task *preferred, int sig)
{
    struct task *t = preferred;
    if (t && t->thread && !t->exiting && !(blocked_by(t) & SIGBIT(sig)))
        return t;
    t = tg->leader;
    if (t && t->thread && !t->exiting && !(blocked_by(t) & SIGBIT(sig)))
        return t;
    LIST_FOREACH (t, &tg->tasks, tg_node)
        if (!t->exiting && !(blocked_by(t) & SIGBIT(sig)))
            return t;
    return NULL;
}

void signal_discard(struct tgroup *tg, uint64_t set)
{
    pending_discard(&tg->pending, set);
    struct task *t;
    LIST_FOREACH (t, &tg->tasks, tg_node)
        pending_discard(&t->pending, set);
}

/* The first process of a pid namespace does not feel what it has no handler for; SIGKILL and SIGSTOP come from outside. */
static bool spared(const struct tgroup *tg, int sig)
{
    return tg->unkillable && !(SIGBIT(sig) & UNBLOCKABLE) &&
           tg->sighand->action[sig - 1].handler == LINUX_SIG_DFL;
}

static bool deadly_by_default(const struct tgroup *tg, int sig)
{
    return tg->sighand->action[sig - 1].handler == LINUX_SIG_DFL &&
           !(SIGBIT(sig) & (IGNORED_BY_DEFAULT | STOP_SIGNALS));
}

struct linux_siginfo signal_info_for(const struct task *from, const struct tgroup *to,
                                     const struct linux_siginfo *info)
{
    struct linux_siginfo r = *info;
    const struct pid_ns *there = pid_ns_of(to->pid), *here = task_pid_ns(from);
    if (to->leader && to->leader->cred->user != from->cred->user &&
        (info->si_code == LINUX_SI_USER || info->si_code == LINUX_SI_TKILL))
        r.kill.uid = uid_seen(to->leader, from->cred->uid);
    if (there == here)
        return r;
    int32_t nr = pid_ns_seen(there, from->tg->pid);
    if (info->si_code == LINUX_SI_USER || info->si_code == LINUX_SI_TKILL || !nr)
        r.kill.pid = nr;
    return r;
}

bool signal_reaches(const struct task *from, const struct tgroup *to, int sig)
{
    return !to->unkillable || !(SIGBIT(sig) & UNBLOCKABLE) ||
           !pid_ns_is_below(task_pid_ns(from), pid_ns_of(to->pid));
}

/* to NULL: the group.
 * DEVIATION: on Linux the first process of a pid namespace is not harmed by signals from inside that it has no handler for. That of
 * the initial one is the program that runsc was asked to run, and ends as it would without a sandbox. */
static int send(struct tgroup *tg, struct task *to, struct task *preferred,
                const struct linux_siginfo *info, uint32_t flags)
{
    int sig = info->si_signo;
    if (tg->zombie || (to && (to->exiting || to->state >= TASK_ZOMBIE)))
        return 0;
    if (SIGBIT(sig) & STOP_SIGNALS) {
        signal_discard(tg, SIGBIT(LINUX_SIGCONT));
    } else if (sig == LINUX_SIGCONT) {
        signal_discard(tg, STOP_SIGNALS);
        tgroup_continue(tg);
    }
    struct task *target = to ? to : choose(tg, preferred, sig);
    bool blocked = to ? (blocked_by(to) & SIGBIT(sig)) != 0 : !target;
    if (sig == LINUX_SIGKILL) {
        tgroup_exit(tg, LINUX_SIGKILL);
        return 0;
    }
    if (!blocked && (signal_ignored(tg, sig) || spared(tg, sig)))
        return 0;
    /* A death that nothing can prevent happens now, whatever the threads are doing. */
    if (!blocked && deadly_by_default(tg, sig) && !core_wanted(tg, sig)) {
        tgroup_exit(tg, linux_wstatus_signaled((uint32_t)sig, 0));
        return 0;
    }
    int err = pending_add(tg, to ? &to->pending : &tg->pending, info, flags);
    if (err)
        return err;
    waitq_wake(&tg->signal_wait, WAKE_ALL);
    if (!blocked)
        task_kick(target);
    return 0;
}

static const struct linux_siginfo *or_kernel(const struct linux_siginfo *info, int sig,
                                             struct linux_siginfo *buf)
{
    if (info)
        return info;
    *buf = (struct linux_siginfo){.si_signo = sig, .si_code = LINUX_SI_KERNEL};
    return buf;
}

static uint32_t flags_of(const struct linux_siginfo *info)
{
    return info->si_code < 0 && info->si_code != LINUX_SI_TKILL ? PENDING_MUST_QUEUE : 0;
}

int signal_send_task(struct task *t, int sig, const struct linux_siginfo *info)
{
    struct linux_siginfo buf;
    info = or_kernel(info, sig, &buf);
    return send(t->tg, t, NULL, info, flags_of(info));
}

int signal_send_group(struct tgroup *tg, int sig, const struct linux_siginfo *info)
{
    struct linux_siginfo buf;
    info = or_kernel(info, sig, &buf);
    return send(tg, NULL, NULL, info, flags_of(info));
}

void signal_send_here(struct task *t, int sig)
{
    const struct linux_siginfo info = {.si_signo = sig, .si_code = LINUX_SI_KERNEL};
    (void)!send(t->tg, NULL, t, &info, 0);
}

int signal_send_outside(struct tgroup *tg, int sig) { return signal_send_group(tg, sig, NULL); }

int signal_send_contained(struct tgroup *tg, int sig)
{
    const struct linux_sigaction *act = &tg->sighand->action[sig - 1];
    if (tg == kern()->tasks->init && act->handler == LINUX_SIG_DFL && sig != LINUX_SIGKILL &&
        sig != LINUX_SIGSTOP && sig != LINUX_SIGCONT)
        return 0;
    return signal_send_outside(tg, sig);
}

int signal_send_pgrp(struct pgrp *pg, int sig, const struct linux_siginfo *info)
{
    int sent = 0;
    struct tgroup *tg, *next;
    LIST_FOREACH_SAFE (tg, next, &pg->members, pgrp_node) {
        if (tg->zombie)
            continue;
        (void)signal_send_group(tg, sig, info);
        sent++;
    }
    return sent ? 0 : -ESRCH;
}

void signal_force(struct task *t, const struct linux_siginfo *info)
{
    int sig = info->si_signo;
    assert(sig >= 1 && sig <= LINUX_NSIG);
    struct linux_sigaction *act = &t->tg->sighand->action[sig - 1];
    if ((t->sigmask & SIGBIT(sig)) || act->handler == LINUX_SIG_IGN) {
        act->handler = LINUX_SIG_DFL;
        t->sigmask &= ~SIGBIT(sig);
    }
    if (act->handler == LINUX_SIG_DFL) {
        LOGD("signal: deadly fault pid=%d tid=%d comm=%s signo=%d", t->tg->pid, t->tid, t->comm,
             sig);
        core_die(t, info);
        return;
    }
    pending_discard(&t->pending, SIGBIT(sig));
    (void)!pending_add(t->tg, &t->pending, info, 0);
}

int signal_permitted(const struct task *from, const struct task *to, int sig)
{
    const struct cred *f = from->cred, *c = to->cred;
    if (from->tg == to->tg || f->euid == c->suid || f->euid == c->uid || f->uid == c->suid ||
        f->uid == c->uid)
        return 0;
    if (cred_ns_capable(f, cred_user_ns(c), LINUX_CAP_KILL))
        return 0;
    if (sig == LINUX_SIGCONT && from->tg->pgrp && to->tg->pgrp &&
        from->tg->pgrp->session == to->tg->pgrp->session)
        return 0;
    return -EPERM;
}
