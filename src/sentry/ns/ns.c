#include "sentry/ns/ns.h"

#include "abi/sched.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/ipc/shm.h"
#include "sentry/kernel.h"
#include "sentry/ns/mount_ns.h"
#include "sentry/ns/ns_priv.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/ns/user_ns.h"
#include "sentry/task/task.h"

#include <string.h>

#define INUM_FIRST 4026532100u /* of those that are made */

const struct ns_kind_info ns_kinds[NS_KINDS] = {
    [NS_CGROUP] = {"cgroup", LINUX_CLONE_NEWCGROUP}, [NS_IPC] = {"ipc", LINUX_CLONE_NEWIPC},
    [NS_MNT] = {"mnt", LINUX_CLONE_NEWNS},           [NS_NET] = {"net", LINUX_CLONE_NEWNET},
    [NS_PID] = {"pid", LINUX_CLONE_NEWPID},          [NS_TIME] = {"time", LINUX_CLONE_NEWTIME},
    [NS_USER] = {"user", LINUX_CLONE_NEWUSER},       [NS_UTS] = {"uts", LINUX_CLONE_NEWUTS},
};

/* The initial ones have the numbers that they have on Linux. */
static const uint32_t first_inums[NS_KINDS] = {
    [NS_CGROUP] = 4026531835u, [NS_IPC] = 4026531839u, [NS_MNT] = 4026531841u,
    [NS_NET] = 4026531840u,    [NS_PID] = 4026531836u, [NS_TIME] = 4026531834u,
    [NS_USER] = 4026531837u,   [NS_UTS] = 4026531838u,
};

void ns_setup(struct ns *ns, enum ns_kind kind, struct user_ns *owner)
{
    ref_init(&ns->ref);
    ns->kind = kind;
    ns->inum = ++kern()->ns->last_inum;
    ns->owner = owner ? user_ns_ref(owner) : NULL;
}

struct ns *ns_new_plain(enum ns_kind kind, struct user_ns *owner)
{
    struct ns *ns = SLAB_NEW(NS, struct ns);
    if (ns)
        ns_setup(ns, kind, owner);
    return ns;
}

static struct ns *uts_new(const struct uts_ns *old, struct user_ns *owner)
{
    struct uts_ns *u = SLAB_NEW(UTS_NS, struct uts_ns);
    if (!u)
        return NULL;
    if (old)
        *u = *old;
    ns_setup(&u->ns, NS_UTS, owner);
    return &u->ns;
}

static struct ns *ipc_new(struct user_ns *owner)
{
    struct ipc_ns *i = SLAB_NEW(IPC_NS, struct ipc_ns);
    if (!i)
        return NULL;
    ns_setup(&i->ns, NS_IPC, owner);
    ns_limits_init(&i->limits);
    return &i->ns;
}

static struct ns *net_new(struct user_ns *owner)
{
    struct net_ns *n = SLAB_NEW(NET_NS, struct net_ns);
    if (!n)
        return NULL;
    ns_setup(&n->ns, NS_NET, owner);
    ns_limits_init(&n->limits);
    return &n->ns;
}

static void ipc_free(struct ipc_ns *i)
{
    shm_end(TAKE(i->shm));
    SLAB_FREE(IPC_NS, i);
}

struct ns *ns_ref(struct ns *ns)
{
    ref_get(&ns->ref);
    return ns;
}

struct ns *ns_unref(struct ns *ns)
{
    if (!ns || !ref_put(&ns->ref))
        return NULL;
    struct user_ns *owner = TAKE(ns->owner);
    switch (ns->kind) {
    case NS_UTS: SLAB_FREE(UTS_NS, ns); break;
    case NS_IPC: ipc_free((struct ipc_ns *)ns); break;
    case NS_NET: SLAB_FREE(NET_NS, ns); break;
    case NS_MNT: mount_ns_free((struct mount_ns *)ns); break;
    case NS_PID: pid_ns_free((struct pid_ns *)ns); break;
    case NS_USER: user_ns_free((struct user_ns *)ns); break;
    default: SLAB_FREE(NS, ns); break;
    }
    user_ns_unref(owner);
    return NULL;
}

static struct nsset *nsset_new(void)
{
    struct nsset *s = SLAB_NEW(NSSET, struct nsset);
    if (s)
        ref_init(&s->ref);
    return s;
}

struct nsset *nsset_ref(struct nsset *s)
{
    ref_get(&s->ref);
    return s;
}

struct nsset *nsset_unref(struct nsset *s)
{
    if (!s || !ref_put(&s->ref))
        return NULL;
    for (int k = 0; k < NS_KINDS; k++)
        ns_unref(s->of[k]);
    SLAB_FREE(NSSET, s);
    return NULL;
}

struct nsset *nsset_dup(const struct nsset *old)
{
    struct nsset *s = nsset_new();
    for (int k = 0; s && k < NS_KINDS; k++)
        s->of[k] = old->of[k] ? ns_ref(old->of[k]) : NULL;
    return s;
}

void nsset_put(struct nsset *s, struct ns *ns)
{
    struct ns *old = s->of[ns->kind];
    s->of[ns->kind] = ns;
    ns_unref(old);
}

static struct ns *first_new(enum ns_kind kind)
{
    switch (kind) {
    case NS_IPC: return ipc_new(kern()->ns->user);
    case NS_NET: return net_new(kern()->ns->user);
    case NS_UTS: return uts_new(NULL, kern()->ns->user);
    case NS_MNT: return mount_ns_new(kern()->ns->user);
    case NS_PID: return pid_ns_new(NULL, kern()->ns->user);
    default: return ns_new_plain(kind, kern()->ns->user);
    }
}

int ns_init(void)
{
    if (kern()->ns)
        return 0;
    struct ns_root *r = arena_alloc(sizeof(*r));
    if (!r)
        return -ENOMEM;
    kern()->ns = r;
    r->last_inum = INUM_FIRST;
    r->user = user_ns_first();
    r->init = nsset_new();
    if (!r->user || !r->init)
        return -ENOMEM; /* the kernel does not start */
    user_ns_common(r->user)->inum = first_inums[NS_USER];
    for (int k = 0; k < NS_KINDS; k++) {
        if (k == NS_USER)
            continue;
        r->init->of[k] = first_new(k);
        if (!r->init->of[k])
            return -ENOMEM;
        r->init->of[k]->inum = first_inums[k];
    }
    return 0;
}

struct ns *task_ns(const struct task *t, enum ns_kind kind)
{
    if (kind == NS_USER)
        return user_ns_common(t ? cred_user_ns(t->cred) : kern()->ns->user);
    if (kind == NS_PID)
        return &task_pid_ns(t)->ns;
    return t && t->ns ? t->ns->of[kind] : kern()->ns->init->of[kind];
}

struct ns *ns_parent(struct ns *ns)
{
    if (ns->kind == NS_PID) {
        struct pid_ns *up = ((struct pid_ns *)ns)->parent;
        return up ? &up->ns : NULL;
    }
    return ns->kind == NS_USER && ns->owner ? user_ns_common(ns->owner) : NULL;
}

bool ns_pid_visible(const struct task *t, struct ns *ns)
{
    return pid_ns_is_below((struct pid_ns *)ns, task_pid_ns(t));
}

bool task_has_host_network(const struct task *t)
{
    return kern()->network_host && task_ns(t, NS_NET) == kern()->ns->init->of[NS_NET];
}

/* ---- new ones ---- */

int ns_new_of(const struct nsset *old, enum ns_kind kind, struct user_ns *owner, struct ns **ret)
{
    *ret = NULL;
    switch (kind) {
    case NS_IPC: *ret = ipc_new(owner); break;
    case NS_UTS: *ret = uts_new((const struct uts_ns *)old->of[NS_UTS], owner); break;
    case NS_NET: *ret = net_new(owner); break; /* loopback, and abstract names of its own */
    case NS_CGROUP:
        *ret = ns_new_plain(kind, owner);
        break; /* all are in the root of the one hierarchy */
    case NS_PID: {
        struct pid_ns *parent = (struct pid_ns *)old->of[NS_PID];
        if (parent->level >= PID_LEVELS)
            return -ENOSPC;
        *ret = pid_ns_new(parent, owner);
        break;
    }
    default: return -EINVAL; /* as a kernel without it */
    }
    return *ret ? 0 : -ENOMEM;
}

static int new_of(struct task *t, const struct nsset *old, enum ns_kind kind, struct user_ns *owner,
                  struct fsctx *fs, struct ns **ret)
{
    if (kind == NS_MNT)
        return mount_ns_copy((struct mount_ns *)old->of[NS_MNT], owner, fs, ret);
    if (kind == NS_PID && old->of[NS_PID] != task_ns(t, NS_PID))
        return -EINVAL; /* one step at a time */
    return ns_new_of(old, kind, owner, ret);
}

int nsset_unshare(struct task *t, const struct cred *cr, struct fsctx *fs, uint64_t flags,
                  struct nsset **ret)
{
    struct user_ns *owner = cred_user_ns(cr);
    if (!cred_ns_capable(cr, owner, LINUX_CAP_SYS_ADMIN))
        return -EPERM;
    const struct nsset *old = t->ns ? t->ns : kern()->ns->init;
    struct nsset *s = nsset_dup(old);
    int err = s ? 0 : -ENOMEM;
    for (int k = 0; !err && k < NS_KINDS; k++) {
        struct ns *ns;
        if (k == NS_USER || !(flags & ns_kinds[k].flag))
            continue;
        err = new_of(t, old, k, owner, fs, &ns);
        if (!err)
            nsset_put(s, ns);
    }
    if (err) {
        nsset_unref(s);
        return err;
    }
    *ret = s;
    return 0;
}
