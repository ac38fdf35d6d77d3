#include "sentry/task/task.h"

#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/io/hostfile.h"
#include "sentry/kernel.h"
#include "sentry/ns/ns.h"
#include "sentry/mm/mm.h"
#include "sentry/seccomp/seccomp.h"
#include "sentry/signal/signal.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/posix_timers.h"
#include "sentry/vfs/file.h"

int tasks_init(void)
{
    struct task_root *r = arena_alloc(sizeof(*r));
    if (!r)
        return -ENOMEM;
    list_init(&r->run_queue);
    kern()->tasks = r;
    int err = ns_init();
    return err ? err : host_random(&r->kcmp_secret, sizeof(r->kcmp_secret));
}

struct task *task_alloc(void)
{
    struct task *t = SLAB_NEW(TASK, struct task);
    if (!t)
        return NULL;
    ref_init(&t->ref);
    list_init(&t->tg_node);
    list_init(&t->run_node);
    list_init(&t->wait.node);
    timer_init(&t->wait_timer, NULL);
    sigpending_init(t);
    t->state = TASK_RUNNING;
    t->next = TASK_NEXT_USER;
    t->sysno = TASK_NO_CALL;
    t->timer_slack_ns = t->timer_slack_default_ns = 50000;
    t->start_ns = clock_boottime_ns();
    return t;
}

struct tgroup *tgroup_alloc(void)
{
    struct tgroup *tg = SLAB_NEW(TGROUP, struct tgroup);
    if (!tg)
        return NULL;
    ref_init(&tg->ref);
    list_init(&tg->tasks);
    list_init(&tg->children);
    list_init(&tg->sibling);
    list_init(&tg->pgrp_node);
    waitq_init(&tg->child_wait);
    waitq_init(&tg->signal_wait);
    waitq_init(&tg->exit_wait);
    sigpending_init_group(tg);
    timer_init(&tg->itimer_real, NULL);
    tg->start_ns = clock_boottime_ns();
    return tg;
}

void tgroup_get(struct tgroup *tg) { ref_get(&tg->ref); }

struct tgroup *tgroup_put(struct tgroup *tg)
{
    if (tg && ref_put(&tg->ref)) {
        timer_cancel(&tg->itimer_real);
        posix_timers_free(tg);
        sigpending_flush(tg, &tg->pending);
        sighand_unref(tg->sighand);
        SLAB_FREE(TGROUP, tg);
    }
    return NULL;
}

struct task *task_ref(struct task *t)
{
    ref_get(&t->ref);
    return t;
}

void task_again_drop(struct task *t) { arena_free(TAKE(t->again), sizeof(*t->again)); }

struct task *task_unref(struct task *t)
{
    if (!t || !ref_put(&t->ref))
        return NULL;
    waiter_remove(&t->wait);
    timer_cancel(&t->wait_timer);
    task_again_drop(t);
    affinity_drop(t);
    if (t->tg)
        sigpending_flush(t->tg, &t->pending);
    nsset_unref(t->ns);
    mm_unref(t->mm);
    fdtable_unref(t->files);
    fsctx_unref(t->fs);
    cred_unref(t->cred);
    seccomp_drop(t);
    tgroup_put(t->tg);
    SLAB_FREE(TASK, t);
    return NULL;
}

void task_attach(struct task *t, struct tgroup *tg)
{
    tgroup_get(tg);
    t->tg = tg;
    list_add_tail(&t->tg_node, &tg->tasks);
    tg->ntasks++;
    kern()->tasks->ntasks++;
    pid_slot(t->tid)->task = t;
    t->vtid = pid_ns_seen(pid_ns_of(t->tid), t->tid);
    if (t->tid == tg->pid)
        tg->vpid = t->vtid;
}

struct session *session_new(int32_t id)
{
    struct session *s = SLAB_NEW(SESSION, struct session);
    if (!s)
        return NULL;
    ref_init(&s->ref);
    s->id = id;
    list_init(&s->pgrps);
    pid_slot(id)->session = s;
    return s;
}

struct pgrp *pgrp_new(int32_t id, struct session *s)
{
    struct pgrp *pg = SLAB_NEW(PGRP, struct pgrp);
    if (!pg)
        return NULL;
    ref_init(&pg->ref);
    pg->id = id;
    pg->session = s;
    list_init(&pg->members);
    list_add_tail(&pg->node, &s->pgrps);
    pid_slot(id)->pgrp = pg;
    return pg;
}

void pgrp_join(struct pgrp *pg, struct tgroup *tg)
{
    tg->pgrp = pg;
    list_add_tail(&tg->pgrp_node, &pg->members);
}

void session_release_tty(struct session *s)
{
    if (s->ctty)
        tty_session_end(s);
}

void session_drop(struct session *s)
{
    pid_slot(s->id)->session = NULL;
    pid_settle(s->id);
    session_release_tty(s);
    SLAB_FREE(SESSION, s);
}

/* Terminals keep numbers of groups and sessions, not pointers: these are freed with their last member. */
void pgrp_leave(struct tgroup *tg)
{
    struct pgrp *pg = tg->pgrp;
    if (!pg)
        return;
    tg->pgrp = NULL;
    list_del_init(&tg->pgrp_node);
    if (!list_empty(&pg->members))
        return;
    struct session *s = pg->session;
    list_del_init(&pg->node);
    pid_slot(pg->id)->pgrp = NULL;
    pid_settle(pg->id);
    SLAB_FREE(PGRP, pg);
    if (list_empty(&s->pgrps))
        session_drop(s);
}

uint64_t tgroup_rlimit(const struct tgroup *tg, unsigned which)
{
    return which < LINUX_RLIM_NLIMITS ? tg->rlim[which].rlim_cur : LINUX_RLIM_INFINITY;
}
