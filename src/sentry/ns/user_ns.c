#include "sentry/ns/user_ns.h"

#include "abi/capability.h"
#include "base/err.h"
#include "sentry/arena/slab.h"
#include "sentry/kernel.h"
#include "sentry/task/task.h"

void user_ns_free(struct user_ns *u) { SLAB_FREE(USER_NS, u); }

struct user_ns *user_ns_first(void)
{
    struct user_ns *u = SLAB_NEW(USER_NS, struct user_ns);
    if (u)
        ns_setup(&u->ns, NS_USER, NULL);
    return u;
}

int user_ns_create(const struct task *t, struct cred **ret)
{
    (void)t, (void)ret;
    return -EINVAL;
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

uint32_t user_ns_seen_uid(const struct task *t, uint32_t uid)
{
    (void)t;
    return uid;
}

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
