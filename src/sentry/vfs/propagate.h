/* sentry/vfs/propagate.h - shared subtrees: what is mounted below one mount appears below its peers and their slaves.
 *
 * What     A mount with peer != 0 is shared; those of one number are a peer group. master != 0: it receives from that group.
 * Locks    the kernel lock.
 * Spec     mount_namespaces(7) "SHARED SUBTREES", mount(2). Behaviour of Linux 6.12.
 *
 * I1  all members of a peer group have the same master; a group that is somebody's master has members.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct dentry;
struct mount;
struct path;

/* The tree m hangs in the mount tree now: if its parent is shared it becomes shared, and copies appear where they have to. -ENOMEM,
 * -ENOSPC: nothing has appeared; m is the caller's to take away. */
NODISCARD int propagate_attach(struct mount *m);
/* A copy was made of src: it is in the same group, or receives from the same. */
void propagate_copy(struct mount *copy, const struct mount *src);
/* m leaves the tree, or its group: who received from it receives from its master. */
void propagate_leave(struct mount *m);
/* Calls fn for the copies of m below the peers and slaves of its parent; stops when it does not return 0. */
int propagate_each(const struct mount *m, int (*fn)(struct mount *copy));
/* type: LINUX_MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, for m or, rec, all below it too. */
void propagate_set(struct mount *m, uint32_t type, bool rec);
bool mount_tree_unbindable(const struct mount *top);
bool mount_is_below(const struct mount *m, const struct mount *ancestor);
