#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/kernel.h"
#include "sentry/task/task_priv.h"

struct pid_slot *pid_slot(int32_t nr)
{
    if (nr <= 0 || nr >= PID_MAX)
        return NULL;
    struct pid_slot *c = kern()->tasks->chunk[nr / PID_CHUNK];
    return c ? &c[nr % PID_CHUNK] : NULL;
}

static bool in_use(const struct pid_slot *s)
{
    return s && (s->task || s->tgroup || s->pgrp || s->session);
}

static int chunk_make(int32_t nr)
{
    struct pid_slot **c = &kern()->tasks->chunk[nr / PID_CHUNK];
    if (!*c)
        *c = arena_alloc(PID_CHUNK * sizeof(struct pid_slot));
    return *c ? 0 : -ENOMEM;
}

int pid_alloc(int32_t *ret)
{
    struct task_root *r = kern()->tasks;
    int32_t nr = r->last_pid;
    for (int32_t i = 0; i < PID_MAX; i++) {
        if (++nr >= PID_MAX)
            nr = PID_RESERVED;
        if (in_use(pid_slot(nr)))
            continue;
        int err = chunk_make(nr);
        if (err)
            return err;
        r->last_pid = nr;
        *ret = nr;
        return 0;
    }
    return -EAGAIN;
}

int pid_claim(int32_t nr, int32_t *ret)
{
    if (nr < 1 || nr >= PID_MAX)
        return -EINVAL;
    if (in_use(pid_slot(nr)))
        return -EEXIST;
    int err = chunk_make(nr);
    if (!err)
        *ret = nr;
    return err;
}

int pid_alloc_in(struct pid_ns *ns, const int32_t *set, uint32_t nset, int32_t *ret)
{
    if (nset > ns->level + 1)
        return -EINVAL;
    int err = nset == ns->level + 1 ? pid_claim(set[ns->level], ret) : pid_alloc(ret);
    if (err || !ns->parent)
        return err;
    err = pid_ns_give(ns, *ret, set, nset);
    if (!err)
        pid_slot(*ret)->ns = (struct pid_ns *)ns_ref(&ns->ns);
    return err;
}

void pid_settle(int32_t nr)
{
    struct pid_slot *s = pid_slot(nr);
    if (!s || !s->ns || in_use(s))
        return;
    struct pid_ns *ns = TAKE(s->ns);
    pid_ns_take_back(ns, nr);
    for (struct pid_ns *n = ns; n->parent; n = n->parent)
        if (n->init && n->init->draining && pid_ns_drained(n))
            tgroup_drained(n->init);
    ns_unref(&ns->ns);
}

struct task *task_find(int32_t tid)
{
    struct pid_slot *s = pid_slot(tid);
    return s ? s->task : NULL;
}

struct tgroup *tgroup_find(int32_t pid)
{
    struct pid_slot *s = pid_slot(pid);
    return s ? s->tgroup : NULL;
}

struct pgrp *pgrp_find(int32_t id)
{
    struct pid_slot *s = pid_slot(id);
    return s ? s->pgrp : NULL;
}

struct session *session_find(int32_t id)
{
    struct pid_slot *s = pid_slot(id);
    return s ? s->session : NULL;
}

struct tgroup *tgroup_next(int32_t after)
{
    for (int32_t nr = after < 0 ? 1 : after + 1; nr < PID_MAX; nr++) {
        struct pid_slot *s = pid_slot(nr);
        if (!s) /* on to the next chunk */
            nr |= PID_CHUNK - 1;
        else if (s->tgroup)
            return s->tgroup;
    }
    return NULL;
}

uint32_t task_count(void) { return kern()->tasks->ntasks; }
