/* sentry/ns/mount_ns.h - mount namespaces: each has a tree of mounts of its own.
 *
 * What     All mounts are in one list (vfs_root.mounts), so that propagation reaches all trees; mount.ns says whose tree a mount
 *          is in, NULL: none (detached, or of no tree).
 * Owner    mounts do not count their namespace; its end takes them out of the tree.
 * Locks    the kernel lock.
 * Spec     mount_namespaces(7).
 */
#pragma once
#include "sentry/ns/ns.h"

struct mount;
struct super;

struct mount_ns {
    struct ns ns;
    struct mount *root; /* in the list; NULL: empty */
    uint32_t origin;    /* number of the one that it is a copy of, in the end: whose container */
};

NODISCARD struct mount_ns *mount_ns_make(struct user_ns *owner); /* empty. NULL: no memory */
static inline struct ns *mount_ns_new(struct user_ns *owner)
{
    return (struct ns *)mount_ns_make(owner);
}
void mount_ns_free(struct mount_ns *mn);
/* A copy of the tree; fs's root and cwd move to it if they are in the old one. -ENOMEM, -ENOSPC */
NODISCARD int mount_ns_copy(struct mount_ns *old, struct user_ns *owner, struct fsctx *fs,
                            struct ns **ret);
/* The tree's root gets its first mount. -EBUSY it has one, -ENOMEM, -ENOSPC */
NODISCARD int mount_ns_set_root(struct mount_ns *mn, struct super *sb, uint32_t flags,
                                const char *source);
struct path mount_ns_top(const struct mount_ns *mn); /* what is on top of its root; counted */
/* fs's root and cwd become the tree's. -ENOENT: it is empty */
NODISCARD int mount_ns_enter(const struct mount_ns *mn, struct fsctx *fs);
struct mount_ns *mount_ns_initial(void);
struct mount_ns *task_mount_ns(const struct task *t);
bool mount_is_root(const struct mount *m); /* of a tree that a namespace has */
