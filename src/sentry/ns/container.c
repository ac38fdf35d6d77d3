#include "sentry/ns/container.h"

#include <string.h>

#include "abi/sched.h"
#include "base/err.h"
#include "sentry/kernel.h"
#include "sentry/ns/mount_ns.h"
#include "sentry/ns/ns_priv.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/signal/signal.h"
#include "sentry/task/task.h"

static void name_set(char to[65], const char *name)
{
    if (!name)
        return;
    memset(to, 0, 65);
    (void)strncpy(to, name, 64);
}

static int add_root(const struct container_spaces *c, struct nsset *set, struct user_ns *owner)
{
    struct mount_ns *mn = mount_ns_make(owner);
    if (!mn)
        return -ENOMEM;
    nsset_put(set, &mn->ns);
    return mount_ns_set_root(mn, c->root, c->root_flags, c->source);
}

int container_spaces_new(const struct container_spaces *c, struct nsset **ret)
{
    const struct nsset *base = c->base ? c->base : kern()->ns->init;
    struct user_ns *owner = kern()->ns->user;
    struct nsset *set = nsset_dup(base);
    int err = set ? add_root(c, set, owner) : -ENOMEM;
    for (int k = 0; !err && k < NS_KINDS; k++) {
        struct ns *ns;
        if (k == NS_MNT || k == NS_USER || !(c->flags & ns_kinds[k].flag))
            continue;
        err = ns_new_of(base, (enum ns_kind)k, owner, &ns);
        if (!err)
            nsset_put(set, ns);
    }
    if (err) {
        nsset_unref(set);
        return err;
    }
    if (c->flags & LINUX_CLONE_NEWUTS) {
        struct uts_ns *u = (struct uts_ns *)set->of[NS_UTS];
        name_set(u->hostname, c->hostname);
        name_set(u->domainname, c->domainname);
    }
    *ret = set;
    return 0;
}

static bool is_in(const struct tgroup *tg, const struct nsset *set)
{
    uint32_t origin = ((const struct mount_ns *)set->of[NS_MNT])->origin;
    const struct task *t;
    LIST_FOREACH (t, &tg->tasks, tg_node)
        if (t->ns && ((const struct mount_ns *)t->ns->of[NS_MNT])->origin == origin)
            return true;
    return false;
}

struct tgroup *container_next(const struct nsset *set, int32_t after)
{
    struct tgroup *tg = tgroup_next(after);
    while (tg && !is_in(tg, set))
        tg = tgroup_next(tg->pid);
    return tg;
}

void container_kill(const struct nsset *set, int sig)
{
    for (struct tgroup *tg = container_next(set, 0), *next; tg; tg = next) {
        next = container_next(set, tg->pid);
        (void)!signal_send_outside(tg, sig);
    }
}
