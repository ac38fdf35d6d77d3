#include "sentry/ns/pid_ns.h"

#include "abi/signal.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/ns/user_ns.h"
#include "sentry/task/task_priv.h"

struct ns *pid_ns_new(struct pid_ns *parent, struct user_ns *owner)
{
    struct pid_ns *p = SLAB_NEW(PID_NS, struct pid_ns);
    if (!p)
        return NULL;
    ns_setup(&p->ns, NS_PID, owner);
    if (parent) {
        (void)ns_ref(&parent->ns);
        p->parent = parent;
        p->level = parent->level + 1;
        kern()->ns->pid_spaces++;
    }
    return &p->ns;
}

void pid_ns_free(struct pid_ns *p)
{
    for (size_t i = 0; i < ARRAY_SIZE(p->to_local); i++) {
        if (p->to_local[i])
            arena_free(p->to_local[i], PID_CHUNK * sizeof(uint16_t));
        if (p->to_global[i])
            arena_free(p->to_global[i], PID_CHUNK * sizeof(uint16_t));
    }
    struct pid_ns *parent = TAKE(p->parent);
    if (parent)
        kern()->ns->pid_spaces--;
    SLAB_FREE(PID_NS, p);
    if (parent)
        ns_unref(&parent->ns);
}

struct pid_ns *pid_ns_initial(void) { return (struct pid_ns *)kern()->ns->init->of[NS_PID]; }

struct pid_ns *pid_ns_of(int32_t nr)
{
    const struct pid_slot *s = pid_slot(nr);
    return s && s->ns ? s->ns : pid_ns_initial();
}

struct pid_ns *task_pid_ns(const struct task *t)
{
    return t ? pid_ns_of(t->tid) : pid_ns_initial();
}

bool pid_ns_is_below(const struct pid_ns *ns, const struct pid_ns *above)
{
    while (ns && ns != above)
        ns = ns->parent;
    return ns != NULL;
}

/* ---- the tables ---- */

static uint16_t *entry(uint16_t *const table[], int32_t nr)
{
    if (nr <= 0 || nr >= PID_MAX || !table[nr / PID_CHUNK])
        return NULL;
    return &table[nr / PID_CHUNK][nr % PID_CHUNK];
}

static uint16_t *entry_make(uint16_t *table[], int32_t nr)
{
    uint16_t **c = &table[nr / PID_CHUNK];
    if (!*c)
        *c = arena_alloc(PID_CHUNK * sizeof(uint16_t));
    return *c ? &(*c)[nr % PID_CHUNK] : NULL;
}

static int32_t lookup(uint16_t *const table[], int32_t nr)
{
    const uint16_t *e = entry(table, nr);
    return e ? *e : 0;
}

int32_t pid_ns_seen(const struct pid_ns *ns, int32_t nr)
{
    return !ns->parent || nr <= 0 ? nr : lookup(ns->to_local, nr);
}

int32_t pid_ns_named(const struct pid_ns *ns, int32_t nr)
{
    return !ns->parent || nr <= 0 ? nr : lookup(ns->to_global, nr);
}

static int enter(struct pid_ns *ns, int32_t nr, int32_t local)
{
    uint16_t *l = entry_make(ns->to_local, nr), *g = entry_make(ns->to_global, local);
    if (!l || !g)
        return -ENOMEM;
    *l = (uint16_t)local;
    *g = (uint16_t)nr;
    ns->used++;
    return 0;
}

static int give_one(struct pid_ns *ns, int32_t nr, int32_t want)
{
    if (want < 0 || want >= PID_MAX || (want > 1 && !ns->init && !ns->used))
        return -EINVAL;
    if (want)
        return lookup(ns->to_global, want) ? -EEXIST : enter(ns, nr, want);
    int32_t local = ns->last;
    for (int32_t i = 0; i < PID_MAX; i++) {
        if (++local >= PID_MAX)
            local = PID_RESERVED;
        if (lookup(ns->to_global, local))
            continue;
        int err = enter(ns, nr, local);
        if (!err)
            ns->last = local;
        return err;
    }
    return -EAGAIN;
}

int pid_ns_give(struct pid_ns *ns, int32_t nr, const int32_t *set, uint32_t nset)
{
    uint32_t i = 0;
    for (struct pid_ns *n = ns; n->parent; n = n->parent, i++) {
        int err = n->dead ? -ENOMEM : give_one(n, nr, i < nset ? set[i] : 0);
        if (err) {
            pid_ns_take_back(ns, nr);
            return err;
        }
    }
    return 0;
}

void pid_ns_take_back(struct pid_ns *ns, int32_t nr)
{
    for (struct pid_ns *n = ns; n->parent; n = n->parent) {
        uint16_t *l = entry(n->to_local, nr), *g = l ? entry(n->to_global, *l) : NULL;
        if (!g || !*l)
            continue;
        *g = *l = 0;
        n->used--;
    }
}

/* ---- finding ---- */

struct task *task_named(const struct task *by, int32_t nr)
{
    return nr > 0 ? task_find(pid_named(by, nr)) : NULL;
}

struct tgroup *tgroup_named(const struct task *by, int32_t nr)
{
    return nr > 0 ? tgroup_find(pid_named(by, nr)) : NULL;
}

struct pgrp *pgrp_named(const struct task *by, int32_t nr)
{
    return nr > 0 ? pgrp_find(pid_named(by, nr)) : NULL;
}

struct tgroup *pid_ns_next(const struct pid_ns *ns, int32_t after)
{
    if (!ns->parent)
        return tgroup_next(after);
    for (int32_t nr = after < 0 ? 1 : after + 1; nr < PID_MAX; nr++) {
        if (!ns->to_global[nr / PID_CHUNK]) { /* on to the next chunk */
            nr |= PID_CHUNK - 1;
            continue;
        }
        struct tgroup *tg = tgroup_find(lookup(ns->to_global, nr));
        if (tg)
            return tg;
    }
    return NULL;
}

/* ---- the end ---- */

void pid_ns_init_ended(struct pid_ns *ns)
{
    ns->dead = true;
    for (struct tgroup *tg = pid_ns_next(ns, 0), *next; tg; tg = next) {
        next = pid_ns_next(ns, pid_ns_seen(ns, tg->pid));
        if (tg != ns->init && !tg->zombie)
            tgroup_exit(tg, LINUX_SIGKILL);
    }
}

bool pid_ns_drained(const struct pid_ns *ns) { return ns->used <= 1; }
