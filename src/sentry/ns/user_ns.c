#include "sentry/ns/user_ns.h"

#include "abi/capability.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/kernel.h"
#include "sentry/ns/mount_ns.h"
#include "sentry/vfs/dentry.h"

void user_ns_free(struct user_ns *u)
{
    for (int k = 0; k < 2; k++)
        if (u->map[k].v)
            arena_free(u->map[k].v, u->map[k].n * sizeof(struct id_range));
    SLAB_FREE(USER_NS, u);
}

struct user_ns *user_ns_first(void)
{
    struct user_ns *u = SLAB_NEW(USER_NS, struct user_ns);
    if (u)
        ns_setup(&u->ns, NS_USER, NULL);
    return u;
}

/* ---- ids ---- */

uint32_t user_ns_seen(const struct user_ns *u, enum id_kind kind, uint32_t id)
{
    if (!u->ns.owner || id == ID_NONE)
        return id;
    for (uint32_t i = 0; i < u->map[kind].n; i++) {
        const struct id_range *r = &u->map[kind].v[i];
        if (id >= r->lower && id - r->lower < r->count)
            return r->first + (id - r->lower);
    }
    return ID_NONE;
}

uint32_t user_ns_named(const struct user_ns *u, enum id_kind kind, uint32_t id)
{
    if (!u->ns.owner || id == ID_NONE)
        return id;
    for (uint32_t i = 0; i < u->map[kind].n; i++) {
        const struct id_range *r = &u->map[kind].v[i];
        if (id >= r->first && id - r->first < r->count)
            return r->lower + (id - r->first);
    }
    return ID_NONE;
}

/* ---- new ones ---- */

static bool is_chrooted(const struct task *t)
{
    struct path top = mount_ns_top(task_mount_ns(t));
    bool same = top.mnt == t->fs->root->mnt && top.dentry == t->fs->root->dentry;
    path_unref(&top);
    return !same;
}

int user_ns_create(const struct task *t, struct cred **ret)
{
    const struct cred *c = t->cred;
    struct user_ns *parent = cred_user_ns(c);
    if (parent->level >= USER_NS_LEVELS)
        return -ENOSPC;
    if (is_chrooted(t) || user_ns_seen(parent, ID_USER, c->euid) == ID_NONE ||
        user_ns_seen(parent, ID_GROUP, c->egid) == ID_NONE)
        return -EPERM;
    struct user_ns *u = SLAB_NEW(USER_NS, struct user_ns);
    struct cred *n = u ? cred_dup(c) : NULL;
    if (!n) {
        SLAB_FREE(USER_NS, u);
        return -ENOMEM;
    }
    ns_setup(&u->ns, NS_USER, parent);
    u->level = parent->level + 1;
    u->owner_uid = c->euid;
    u->owner_gid = c->egid;
    u->setgroups_denied = parent->setgroups_denied;
    u->parent_could_setfcap = (c->cap_eff & LINUX_CAP_BIT(LINUX_CAP_SETFCAP)) != 0;
    user_ns_enter(n, u);
    user_ns_unref(u); /* the credentials have it */
    *ret = n;
    return 0;
}

void user_ns_enter(struct cred *cr, struct user_ns *u)
{
    struct user_ns *old = cr->user;
    cr->user = u == kern()->ns->user ? NULL : user_ns_ref(u);
    user_ns_unref(old);
    cr->securebits = 0;
    cr->cap_inh = cr->cap_amb = 0;
    cr->cap_perm = cr->cap_eff = cr->cap_bset = LINUX_CAP_FULL;
}

/* ---- rights ---- */

struct user_ns *cred_user_ns(const struct cred *cr)
{
    return cr->user ? cr->user : kern()->ns->user;
}

bool cred_ns_capable(const struct cred *cr, const struct user_ns *target, int cap)
{
    const struct user_ns *mine = cred_user_ns(cr);
    for (const struct user_ns *u = target;; u = u->ns.owner) {
        if (u == mine)
            return (cr->cap_eff & LINUX_CAP_BIT(cap)) != 0;
        if (u->level <= mine->level)
            return false;
        if (u->ns.owner == mine && u->owner_uid == cr->euid)
            return true; /* its maker may all */
    }
}

bool task_ns_capable(const struct task *t, const struct ns *ns, int cap)
{
    return cred_ns_capable(t->cred, ns->owner ? ns->owner : kern()->ns->user, cap);
}

bool user_ns_may_setgroups(const struct cred *cr)
{
    const struct user_ns *u = cred_user_ns(cr);
    return (!u->ns.owner || (u->map[ID_GROUP].n && !u->setgroups_denied)) &&
           (cr->cap_eff & LINUX_CAP_BIT(LINUX_CAP_SETGID)) != 0;
}
