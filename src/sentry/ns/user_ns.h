/* sentry/ns/user_ns.h - user namespaces: which ids a process has inside, and over what its capabilities reach.
 *
 * What     Credentials and inodes hold ids of the initial namespace; what programs pass and are told is translated by their own.
 * Owner    counted by credentials, by namespaces that it owns and by its children.
 * Locks    the kernel lock.
 * Spec     user_namespaces(7), capabilities(7). Behaviour of Linux 6.12.
 *
 * I1  a map is written once; ranges do not overlap, inside and outside.
 */
#pragma once
#include "sentry/ns/ns.h"
#include "sentry/task/task.h"

#define USER_NS_LEVELS 32
#define ID_RANGES_MAX  340
#define ID_NONE        UINT32_MAX
#define ID_OVERFLOW    65534u /* what has no id here is shown as this */

enum id_kind { ID_USER, ID_GROUP };
struct id_range {
    uint32_t first, lower, count; /* lower: of the initial namespace */
};
struct id_map {
    uint32_t n; /* 0: not written yet */
    struct id_range *v;
};

struct user_ns {
    struct ns ns; /* its owner: the parent */
    uint32_t level;
    uint32_t owner_uid, owner_gid; /* the maker's effective ids */
    struct id_map map[2];          /* the initial one has none: ids are themselves */
    bool setgroups_denied, parent_could_setfcap;
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
/* A namespace below t's, and t's credentials in it; the maps are empty. -EPERM, -ENOSPC too deep, -ENOMEM */
NODISCARD int user_ns_create(const struct task *t, struct cred **ret);
/* cr, not in use yet, gets all capabilities in u */
void user_ns_enter(struct cred *cr, struct user_ns *u);
void user_ns_free(struct user_ns *u);
NODISCARD struct user_ns *user_ns_first(void); /* NULL: no memory */

/* The initial namespace's id as u has it, and back. ID_NONE: none */
uint32_t user_ns_seen(const struct user_ns *u, enum id_kind kind, uint32_t id);
uint32_t user_ns_named(const struct user_ns *u, enum id_kind kind, uint32_t id);

/* For what cr's holder is told (ID_OVERFLOW: it has none here), and what it passes. */
static inline uint32_t id_seen(const struct cred *cr, enum id_kind kind, uint32_t id)
{
    if (!cr->user)
        return id;
    id = user_ns_seen(cr->user, kind, id);
    return id == ID_NONE ? ID_OVERFLOW : id;
}
static inline uint32_t uid_seen(const struct task *t, uint32_t id)
{
    return id_seen(t->cred, ID_USER, id);
}
static inline uint32_t gid_seen(const struct task *t, uint32_t id)
{
    return id_seen(t->cred, ID_GROUP, id);
}
static inline uint32_t uid_named(const struct task *t, uint32_t id)
{
    return t->cred->user ? user_ns_named(t->cred->user, ID_USER, id) : id;
}
static inline uint32_t gid_named(const struct task *t, uint32_t id)
{
    return t->cred->user ? user_ns_named(t->cred->user, ID_GROUP, id) : id;
}
/* Who is root for cr. ID_NONE: nobody */
static inline uint32_t cred_root_uid(const struct cred *cr)
{
    return cr->user ? user_ns_named(cr->user, ID_USER, 0) : 0;
}
/* Has t the capability in its own user namespace? */
static inline bool task_own_capable(const struct task *t, int cap)
{
    return (t->cred->cap_eff & 1ULL << cap) != 0;
}
bool user_ns_may_setgroups(const struct cred *cr);

/* user_map.c: the texts of uid_map, gid_map and setgroups. reader: whose view the outer ids are in, or who writes. */
struct proc_text;
void user_map_show(struct proc_text *x, struct user_ns *u, enum id_kind kind,
                   const struct cred *reader);
/* opener: who opened the file that is written to; rights over the parent need both. -EPERM, -EINVAL, -ENOMEM */
NODISCARD int user_map_store(struct user_ns *u, enum id_kind kind, const struct cred *opener,
                             const struct cred *writer, const char *text);
NODISCARD int user_setgroups_store(struct user_ns *u, const struct cred *writer, char *text);
