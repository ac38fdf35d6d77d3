/* sentry/vfs/dentry.h - the name cache, mounts and paths.
 *
 * Owner    a dentry holds its parent and its inode; children are found through a hash, not held. Unused ones stay on an LRU of
 *          bounded length. A mount holds its superblock, root and mountpoint. struct path holds both of its parts.
 * Locks    the kernel lock.
 * Context  a hit costs no host call.
 * Limits   of names that nobody uses DENTRY_LRU_MAX are kept, those not used for some seconds go too (arena/trim.h).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/ref.h"

struct inode;
struct mount;
struct mount_ns;
struct super;
struct task;

/* One cache line. */
struct dentry {
    struct ref ref;
    bool hashed : 1, mountpoint : 1, in_lru : 1;
    bool name_apart : 1;
    uint8_t used_at; /* in_lru: vfs_root.trim_tick of the last use */
    uint16_t name_len;
    union {
        struct dentry *hash_next; /* hashed: of the bucket of (parent, name) */
        uint64_t missed_at; /* else: vfs_root.hashings when the name was not there; 0: unknown */
    };
    struct dentry *parent; /* counted; root: itself, not counted */
    struct list_node lru;
    struct inode *inode; /* counted; NULL: negative */
    union {
        char name_here[16];
        char *name_there; /* arena; name_apart */
    };
};
static_assert(sizeof(struct dentry) == 64, "one cache line");

static inline const char *dentry_name(const struct dentry *d)
{
    return d->name_apart ? d->name_there : d->name_here;
}
/* The file system that it is of: a name without an inode is of its directory's. */
struct super *dentry_super(const struct dentry *d);

struct path {
    struct mount *mnt;
    struct dentry *dentry;
};

struct mount {
    struct ref ref;
    int32_t id;
    struct super *sb;          /* counted */
    struct dentry *root;       /* counted */
    struct mount *parent;      /* counted; NULL: the root mount */
    struct dentry *mountpoint; /* in parent; counted */
    struct list_node node;     /* all mounts, in mount order */
    uint32_t flags;            /* LINUX_MS_RDONLY NOSUID NODEV NOEXEC NOATIME.. */
    char *source;              /* arena */
    struct mount *bind_of;     /* while a recursive bind copies the tree; not counted */
    int32_t peer, master;      /* groups (propagate.h); 0: none */
    bool unbindable;
    bool flags_locked; /* a more privileged namespace has set them: they may become stricter only */
    bool locked; /* came with its tree from a more privileged namespace: not to be umounted alone */
    struct mount_ns *ns; /* whose tree it is in; not counted; NULL: none */
    uint32_t uses,
        expire_uses; /* walks that came here; what it was at umount2(MNT_EXPIRE), 0: not marked */
    const struct mount *copy_of; /* these three while copies are propagated; not counted */
    int32_t on_group;
    bool receives;
};

struct dentry *dentry_ref(struct dentry *d);
struct dentry *dentry_unref(struct dentry *d);
/* A new root dentry for a superblock; takes the inode reference. NULL: no memory (inode is dropped). */
NODISCARD struct dentry *dentry_new_root(struct inode *i);
/* The cached or new (negative, not looked up) child; counted. NULL: no memory. */
NODISCARD struct dentry *dentry_get_child(struct dentry *parent, const char *name, size_t len,
                                          bool *ret_cached);
void dentry_set_inode(struct dentry *d,
                      struct inode *i); /* takes the reference; i NULL: negative */
void dentry_drop(struct dentry *d);     /* unhash: the next walk looks it up again */
void dentry_move(struct dentry *d, struct dentry *new_parent, const char *name,
                 size_t len); /* rename. Names are short enough */

struct path path_ref(const struct path *p);
void path_unref(struct path *p); /* clears it */
/* Text of a path relative to t's root, "(unreachable)" prefix if outside, " (deleted)" suffix if unlinked. Length or -ENAMETOOLONG. */
int path_format(struct task *t, const struct path *p, char *buf, size_t size);

/* Mounts. */
NODISCARD int mount_add(struct super *sb, struct dentry *root, const struct path *at,
                        uint32_t flags, const char *source, struct mount **ret);
