/* Numbers of processes, threads, groups and sessions. */
#include "base/err.h"
#include "sentry/kernel.h"
#include "sentry/mm/usermem.h"
#include "sentry/task/task_priv.h"

int64_t sys_getpid(struct task *t, const struct sys_args *a) { return t->tg->vpid; }

int64_t sys_gettid(struct task *t, const struct sys_args *a) { return t->vtid; }

int64_t sys_getppid(struct task *t, const struct sys_args *a)
{
    return t->tg->parent ? pid_seen(t, t->tg->parent->pid) : 0;
}

int64_t sys_getpgrp(struct task *t, const struct sys_args *a)
{
    return pid_seen(t, t->tg->pgrp->id);
}

static struct tgroup *group_of(struct task *t, int32_t pid)
{
    if (pid == 0)
        return t->tg;
    struct task *o = task_named(t, pid);
    return o ? o->tg : NULL;
}

int64_t sys_getpgid(struct task *t, const struct sys_args *a)
{
    struct tgroup *tg = group_of(t, arg_int(a, 0));
    return tg && tg->pgrp ? pid_seen(t, tg->pgrp->id) : -ESRCH;
}

int64_t sys_getsid(struct task *t, const struct sys_args *a)
{
    struct tgroup *tg = group_of(t, arg_int(a, 0));
    return tg && tg->pgrp ? pid_seen(t, tg->pgrp->session->id) : -ESRCH;
}

static void move_group(struct tgroup *tg, struct pgrp *to)
{
    struct pgrp *from = tg->pgrp;
    if (from == to)
        return;
    /* Hold the old one open: it may become an orphan by this. */
    bool stays = from->members.next != &tg->pgrp_node || from->members.prev != &tg->pgrp_node;
    pgrp_leave(tg);
    pgrp_join(to, tg);
    if (stays)
        pgrp_check_orphan(from, NULL);
}

int64_t sys_setpgid(struct task *t, const struct sys_args *a)
{
    int32_t pid = arg_int(a, 0), pgid = arg_int(a, 1);
    if (!pid)
        pid = t->tg->vpid;
    if (!pgid)
        pgid = pid;
    if (pgid < 0)
        return -EINVAL;
    struct tgroup *tg = tgroup_named(t, pid);
    if (!tg)
        return task_named(t, pid) ? -EINVAL : -ESRCH;
    if (tg->parent == t->tg) {
        if (tg->pgrp->session != t->tg->pgrp->session)
            return -EPERM;
        if (tg->execed)
            return -EACCES;
    } else if (tg != t->tg) {
        return -ESRCH;
    }
    struct session *s = tg->pgrp->session;
    if (s->id == tg->pid)
        return -EPERM;
    struct pgrp *pg = pgrp_named(t, pgid);
    if (pgid != pid && (!pg || pg->session != s))
        return -EPERM;
    if (!pg) {
        pg = pgrp_new(tg->pid, s);
        if (!pg)
            return -ENOMEM;
    } else if (pg->session != s) {
        return -EPERM;
    }
    move_group(tg, pg);
    return 0;
}

int64_t sys_setsid(struct task *t, const struct sys_args *a)
{
    struct tgroup *tg = t->tg;
    if (tg->pgrp->session->id == tg->pid || pgrp_find(tg->pid))
        return -EPERM;
    struct session *s = session_new(tg->pid);
    if (!s)
        return -ENOMEM;
    struct pgrp *pg = pgrp_new(tg->pid, s);
    if (!pg) {
        session_drop(s);
        return -ENOMEM;
    }
    move_group(tg, pg);
    return pid_seen(t, s->id);
}
