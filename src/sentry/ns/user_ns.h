/* sentry/ns/user_ns.h - user namespaces: which ids a process has inside, and over what its capabilities reach.
 *
 * What     Credentials and inodes hold ids of the initial namespace.
 * Owner    counted by credentials, by namespaces that it owns and by its children.
 * Locks    the kernel lock.
 * Spec     user_namespaces(7), capabilities(7).
 */
#pragma once
#include "sentry/ns/ns.h"

struct user_ns {
    struct ns ns; /* its owner: the parent */
    uint32_t level;
    uint32_t owner_uid, owner_gid; /* the maker's effective ids */
};

static inline struct ns *user_ns_common(struct user_ns *u) { return &u->ns; }
static inline struct user_ns *user_ns_ref(struct user_ns *u)
{
    ns_ref(&u->ns);
    return u;
}
static inline struct user_ns *user_ns_unref(struct user_ns *u)
{
    if (u)
        ns_unref(&u->ns);
    return NULL;
}
/* A namespace below t's, and t's credentials in it; the maps are empty. -EPERM, -ENOSPC too deep, -ENOMEM, -EINVAL */
NODISCARD int user_ns_create(const struct task *t, struct cred **ret);
void user_ns_enter(struct cred *cr,
                   struct user_ns *u); /* cr, not in use yet, gets all capabilities in u */
uint32_t user_ns_seen_uid(const struct task *t, uint32_t uid); /* as t sees it */
void user_ns_free(struct user_ns *u);
NODISCARD struct user_ns *user_ns_first(void); /* NULL: no memory */
