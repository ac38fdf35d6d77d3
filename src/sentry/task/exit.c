#include "base/err.h"
#include "base/log.h"
#include "abi/wait.h"
#include "sentry/arena/slab.h"
#include "sentry/io/worker.h"
#include "sentry/ipc/shm.h"
#include "sentry/kernel.h"
#include "sentry/mm/mm.h"
#include "sentry/ns/ns.h"
#include "sentry/ns/user_ns.h"
#include "sentry/signal/signal.h"
#include "sentry/task/pi.h"
#include "sentry/task/task_priv.h"
#include "sentry/task/trace.h"
#include "sentry/time/posix_timers.h"
#include "sentry/vfs/file.h"

void vfork_release(struct task *child)
{
    if (!child->vfork_child)
        return;
    child->vfork_child = false;
    waitq_wake(&child->tg->exit_wait, VFORK_DONE);
}

/* Orphaned: no member has a parent in another group of the same session. ignore: a member that is leaving. */
bool pgrp_is_orphaned(const struct pgrp *pg, const struct tgroup *ignore)
{
    struct tgroup *tg;
    LIST_FOREACH (tg, &pg->members, pgrp_node) {
        const struct tgroup *p = tg->parent;
        if (tg == ignore || tg->zombie || !p)
            continue;
        if (p->pgrp && p->pgrp != pg && p->pgrp->session == pg->session)
            return false;
    }
    return true;
}

void pgrp_check_orphan(struct pgrp *pg, const struct tgroup *ignore)
{
    struct tgroup *tg;
    bool stopped = false;
    if (!pgrp_is_orphaned(pg, ignore))
        return;
    LIST_FOREACH (tg, &pg->members, pgrp_node)
        stopped |= tg->stopped && tg != ignore;
    if (!stopped)
        return;
    (void)!signal_send_pgrp(pg, LINUX_SIGHUP, NULL);
    (void)!signal_send_pgrp(pg, LINUX_SIGCONT, NULL);
}

static struct linux_siginfo child_info(struct tgroup *tg, int code, int status, int sig)
{
    struct linux_siginfo info = {.si_signo = sig, .si_code = code};
    int64_t user, sys;
    tgroup_cpu_ns(tg, &user, &sys);
    info.chld.pid = pid_ns_seen(pid_ns_of(tg->parent->pid), tg->pid);
    if (tg->leader && tg->parent->leader)
        info.chld.uid = uid_seen(tg->parent->leader, tg->leader->cred->uid);
    info.chld.status = status;
    info.chld.utime = user / (NSEC_PER_SEC / LINUX_USER_HZ);
    info.chld.stime = sys / (NSEC_PER_SEC / LINUX_USER_HZ);
    return info;
}

void tgroup_notify_parent(struct tgroup *tg, int code, int status)
{
    struct tgroup *p = tg->parent;
    if (!p)
        return;
    bool ended = code == LINUX_CLD_EXITED || code == LINUX_CLD_KILLED || code == LINUX_CLD_DUMPED;
    int sig = ended ? tg->exit_signal : LINUX_SIGCHLD;
    const struct linux_sigaction *act = &p->sighand->action[LINUX_SIGCHLD - 1];
    bool wanted = ended || (act->handler != LINUX_SIG_IGN && !(act->flags & LINUX_SA_NOCLDSTOP));
    if (sig && wanted) {
        struct linux_siginfo info = child_info(tg, code, status, sig);
        (void)!signal_send_group(p, sig, &info);
    }
    waitq_wake(&p->child_wait, WAKE_ALL);
}

static void notify_end(struct tgroup *tg)
{
    int32_t st = tg->wait_status;
    if (LINUX_WIFEXITED(st))
        tgroup_notify_parent(tg, LINUX_CLD_EXITED, LINUX_WEXITSTATUS(st));
    else
        tgroup_notify_parent(tg, LINUX_WCOREDUMP(st) ? LINUX_CLD_DUMPED : LINUX_CLD_KILLED,
                             LINUX_WTERMSIG(st));
}

static bool parent_does_not_wait(const struct tgroup *tg)
{
    if (!tg->parent)
        return true;
    const struct linux_sigaction *act = &tg->parent->sighand->action[LINUX_SIGCHLD - 1];
    return tg->exit_signal == LINUX_SIGCHLD &&
           (act->handler == LINUX_SIG_IGN || (act->flags & LINUX_SA_NOCLDWAIT));
}

void tgroup_reap(struct tgroup *tg)
{
    struct tgroup *p = tg->parent;
    if (p) {
        int64_t user, sys;
        tgroup_cpu_ns(tg, &user, &sys);
        p->child_utime_ns += user + tg->child_utime_ns;
        p->child_stime_ns += sys + tg->child_stime_ns;
        p->child_maxrss_kb = MAX(p->child_maxrss_kb, MAX(tg->maxrss_kb, tg->child_maxrss_kb));
    }
    tgroup_drop(tg);
}

void tgroup_drop(struct tgroup *tg)
{
    if (tg->parent) {
        list_del_init(&tg->sibling);
        tg->parent = NULL;
    }
    struct pgrp *pg = tg->pgrp;
    kern()->tasks->gone_cpu_ns += tg->dead_utime_ns + tg->dead_stime_ns;
    if (pg)
        pgrp_leave(tg);
    struct task *leader = TAKE(tg->leader);
    struct pid_ns *ns = pid_ns_of(tg->pid);
    if (ns->init == tg)
        ns->init = NULL;
    struct pid_slot *s = pid_slot(tg->pid);
    s->tgroup = NULL;
    if (leader) {
        s->task = NULL;
        leader->state = TASK_DEAD;
        task_unref(leader);
    }
    pid_settle(tg->pid);
    tgroup_put(tg);
}

/* The nearest ancestor in its pid namespace that takes orphans in, else the first process there; NULL: it is gone. */
static struct tgroup *find_reaper(struct tgroup *tg)
{
    const struct pid_ns *ns = pid_ns_of(tg->pid);
    struct tgroup *first = ns->parent ? ns->init : kern()->tasks->init;
    for (struct tgroup *p = tg->parent; p && tg != first; p = p->parent)
        if (p->child_subreaper && !p->zombie && !p->group_exit && pid_ns_of(p->pid) == ns)
            return p;
    return ns->dead ? NULL : first;
}

/* prctl(PR_SET_PDEATHSIG): the thread that made c is gone. */
static void parent_died(struct tgroup *c)
{
    struct task *t, *next;
    LIST_FOREACH_SAFE (t, next, &c->tasks, tg_node)
        if (t->pdeath_signal && !t->exiting)
            (void)!signal_send_task(t, t->pdeath_signal, NULL);
}

/* t ends, its process does not: another thread takes over its children. */
static void hand_over_children(const struct task *t)
{
    const struct task *heir = list_first_entry_or_null(&t->tg->tasks, struct task, tg_node);
    struct tgroup *c;
    LIST_FOREACH (c, &t->tg->children, sibling) {
        if (c->parent_tid != t->tid || !heir)
            continue;
        c->parent_tid = heir->tid;
        parent_died(c);
    }
}

static void reparent_children(struct tgroup *tg)
{
    struct tgroup *to = find_reaper(tg), *c, *next;
    LIST_FOREACH_SAFE (c, next, &tg->children, sibling) {
        list_del_init(&c->sibling);
        c->parent = to == tg ? NULL : to; /* to: NULL, too */
        parent_died(c);
        if (!c->parent) {
            if (c->zombie && !c->draining)
                tgroup_drop(c); /* a namespace ends: nobody waits */
            continue;
        }
        c->parent_tid = to->leader ? to->leader->tid : to->pid;
        list_add_tail(&c->sibling, &to->children);
        c->exit_signal = LINUX_SIGCHLD;
        if (c->zombie && !c->draining) {
            notify_end(c);
            if (parent_does_not_wait(c)) {
                tgroup_drop(c);
                continue;
            }
        }
        /* c's group may have had its last parent in another group. */
        if (c->pgrp && c->pgrp != tg->pgrp && tg->pgrp && c->pgrp->session == tg->pgrp->session)
            pgrp_check_orphan(c->pgrp, NULL);
    }
}

/* pid 1 is gone: everything goes. */
static void init_ended(struct tgroup *init)
{
    struct task_root *r = kern()->tasks;
    if (r->finished)
        return;
    r->finished = true;
    LOGD("task: the first process has ended status=%#x", (unsigned)init->wait_status);
    for (struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid))
        if (tg != init && !tg->zombie)
            tgroup_exit(tg, LINUX_SIGKILL);
    trace_missing_all();
    sandbox_finish(init->wait_status);
}

void tgroup_is_first(struct tgroup *tg)
{
    struct pid_ns *ns = pid_ns_of(tg->pid);
    if (!ns->parent || tg->vpid != 1)
        return;
    ns->init = tg;
    tg->unkillable = true;
}

static void tgroup_ended(struct tgroup *tg)
{
    tg->draining = false;
    bool silent = parent_does_not_wait(tg);
    notify_end(tg);
    if (silent)
        tgroup_drop(tg);
}

void tgroup_drained(struct tgroup *tg)
{
    waitq_wake(&tg->exit_wait, WAKE_ALL);
    tgroup_ended(tg);
}

static void tgroup_end(struct tgroup *tg)
{
    tg->zombie = true;
    tg->stopped = false;
    timer_cancel(&tg->itimer_real);
    posix_timers_free(tg);
    sigpending_flush(tg, &tg->pending);
    reparent_children(tg);
    struct pgrp *pg = tg->pgrp;
    if (pg && pg->session->id == tg->pid)
        session_release_tty(pg->session);
    if (pg && tg->parent && tg->parent->pgrp != pg)
        pgrp_check_orphan(pg, tg);
    waitq_wake(&tg->exit_wait, WAKE_ALL);
    if (tg == kern()->tasks->init) {
        init_ended(tg);
        return;
    }
    struct pid_ns *ns = pid_ns_of(tg->pid);
    if (ns->parent && ns->init == tg) {
        pid_ns_init_ended(ns);
        tg->draining = true;
        if (!pid_ns_drained(ns))
            return;
    }
    tgroup_ended(tg);
}

#define USAGE_FROM_NS 5000000 /* the host is asked about processes that have lived so long */

/* What wait4() and the parent's getrusage() will say of the memory that goes. */
static void usage_keep(struct task *t)
{
    struct tgroup *tg = t->tg;
    struct mm_usage u;
    if (clock_boottime_ns() - tg->start_ns < USAGE_FROM_NS)
        t->mm->space = NULL; /* what the map lets expect will do */
    mm_usage(t->mm, &u);
    tg->maxrss_kb = MAX(tg->maxrss_kb, u.rss_max * (GUEST_PAGE_SIZE / 1024));
    tg->min_flt += u.min_flt;
    tg->maj_flt += u.maj_flt;
}

static void drop_resources(struct task *t)
{
    /* A platform may know the sum of a space's threads only, and let any one stand for it: it is taken when the last goes. */
    bool single = t->thread && platform_space_is_single(t->thread);
    if (single)
        task_cpu_keep(t);
    if (t->mm) {
        if (single)
            usage_keep(t);
        if (single)
            t->mm->space = NULL;
    }
    if (t->thread)
        platform_thread_exit(TAKE(t->thread));
    fdtable_unref(TAKE(t->files));
    fsctx_unref(TAKE(t->fs));
    if (t->tg->ntasks == 1)
        shm_exit(t);
    nsset_unref(TAKE(t->ns));
    mm_unref(TAKE(t->mm));
}

void task_exit(struct task *t)
{
    if (t->state == TASK_ZOMBIE || t->state == TASK_DEAD)
        return;
    AUTO(task) struct task *held = task_ref(t);
    struct tgroup *tg = t->tg;
    t->exiting = true;
    task_unpark(t);
    call_restart_cleanup(t);
    t->in_syscall = false;
    t->syncing = false;
    t->state = TASK_ZOMBIE;
    robust_list_exit(t);
    pi_exit(t);
    vfork_release(t);
    /* Closing files may let go of the kernel lock: until that is done t counts as a member, so that the group does not end twice. */
    drop_resources(held);
    sigpending_flush(tg, &t->pending);
    list_del_init(&t->tg_node);
    kern()->tasks->ntasks--;
    bool last = --tg->ntasks == 0;
    if (t != tg->leader) {
        struct pid_slot *s = pid_slot(t->tid);
        s->task = NULL;
        t->state = TASK_DEAD;
        pid_settle(t->tid);
        task_unref(t);
    }
    if (last) {
        tgroup_end(tg);
        return;
    }
    hand_over_children(held);
    waitq_wake(&tg->exit_wait, WAKE_ALL);
    /* Group signals that t alone could have taken. */
    struct task *o;
    LIST_FOREACH (o, &tg->tasks, tg_node)
        if (!o->exiting && signal_pending(o))
            task_kick(o);
}

void task_discard(struct task *t)
{
    if (t->state == TASK_ZOMBIE || t->state == TASK_DEAD)
        return;
    struct tgroup *tg = t->tg;
    if (t == tg->leader && tg->parent) { /* nobody waits for it, so it is gone at once */
        list_del_init(&tg->sibling);
        tg->parent = NULL;
    }
    task_exit(t);
}

void tgroup_exit(struct tgroup *tg, int32_t wait_status)
{
    if (tg->group_exit || tg->zombie)
        return;
    tg->group_exit = true;
    tg->wait_status = wait_status;
    tg->stopped = false;
    struct task *t;
    LIST_FOREACH (t, &tg->tasks, tg_node) {
        t->exiting = true;
        task_kick(t);
    }
}
