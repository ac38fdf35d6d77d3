/* sentry/vfs/vfs_priv.h - state and helpers shared by the files of vfs/.
 *
 * Owner    struct vfs_root is made by vfs_init and lives as long as the kernel.
 * Locks    the kernel lock.
 *
 * I1  a dentry with count 0 is on the LRU, and only such a dentry is.
 * I2  at most one hashed dentry exists for a (parent, name).
 */
#pragma once
#include "abi/mount.h"
#include "base/bitmap.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "sentry/kernel.h"
#include "sentry/task/task.h"
#include "sentry/vfs/vfs.h"

#define DENTRY_BUCKETS   16384u
#define DENTRY_LRU_MAX   32768u /* unused names that are kept; */
#define DENTRY_LRU_KEEP  64u    /* and after a while of no use, */
#define DENTRY_TRIM_STEP 8192u  /* dropped so many in one go */
#define PATH_CACHE_MAX   8u
#define FILES_MAX        (1u << 20) /* open files in the sandbox: -ENFILE */
#define MOUNTS_MAX       100000u

struct vfs_root {
    uint64_t seed;
    struct dentry **buckets;
    uint64_t hashings;    /* names that ever came into them, and one */
    struct list_node lru; /* oldest first */
    uint32_t lru_count;
    uint8_t trim_tick; /* counts dentry_trim() */
    bool trimming;
    struct list_node mounts;
    uint32_t nmounts;
    int32_t next_mnt_id, next_group; /* of peers */
    uint32_t next_dev;
    struct mount *shm;  /* of memfds, as anon; NULL before the first */
    struct mount *anon; /* of anonymous inodes; not in the list, never freed */
    const char
        *walk_rest;    /* while a name is looked up: what the walk still has behind it; a hint */
    bool walk_to_read; /* ..: it will be opened for reading; a hint */
    char *path_cache[PATH_CACHE_MAX];
    uint32_t path_cached;
    uint32_t nfiles;
    struct cred *kernel_cred;
    struct list_node locks;      /* struct file_locks of all inodes */
    struct list_node lock_waits; /* tasks that wait for POSIX locks (locks.c) */
    uint32_t rename_cookie;      /* inotify */
    struct list_node marks;
    uint32_t nmarks;
    int (*device_open)(struct inode *i, struct file *f,
                       struct task *t); /* character and block devices by number: fs/dev */
};

static inline struct vfs_root *vfs(void) { return kern()->vfs; }

/* dentry.c */
struct dentry *dentry_find(struct dentry *parent, const char *name,
                           size_t len); /* counted, hashed, or NULL */
/* A name that is in no directory (anonymous files, O_TMPFILE); takes the inode. NULL: no memory (inode is dropped). */
struct dentry *dentry_new_unlinked(struct dentry *parent, struct inode *i, const char *name,
                                   size_t len);
void dentry_swap(struct dentry *a, struct dentry *b); /* RENAME_EXCHANGE: names and parents */
void dentry_prune_super(struct super *sb);
/* Where in its file system the mount begins. Of a bind mount from outside: which place there. */
struct strbuf;
void mount_root_format(const struct mount *m, struct strbuf *sb);
/* No other mount has had it, or will. */
static inline uint64_t mount_unique_id(const struct mount *m)
{
    return LINUX_MNT_UNIQUE_ID_OFFSET + (uint32_t)m->id;
}
bool dentry_is_below(const struct dentry *d, const struct dentry *ancestor); /* or the same */
static inline bool dentry_is_root(const struct dentry *d) { return d->parent == d; }

/* mount.c */
struct mount *mount_ref(struct mount *m);
void vfs_tree_end(struct mount *root); /* its namespace ends: all of it is detached */
void mount_detach(struct mount *m);    /* out of the tree; open files may keep it alive */
struct mount *mount_unref(struct mount *m);
struct mount *mount_on(const struct mount *parent,
                       const struct dentry *at); /* topmost child; not counted */
/* mount_tree.c: changes of the tree. Paths are the caller's, counted. */
NODISCARD int vfs_umount(const struct path *p,
                         uint32_t flags); /* -EINVAL no mount's root, -EBUSY */
NODISCARD int vfs_mount_new(struct super *sb, const struct path *at, uint32_t flags,
                            const char *source); /* as mount_add, and propagated */
NODISCARD int vfs_bind(const struct path *from, const struct path *at, bool recursive);
/* A copy of what is mounted at from, in no place yet. -EINVAL unbindable. Its mount is the caller's to place or to dissolve. */
NODISCARD int vfs_clone_tree(const struct path *from, bool recursive, struct mount **ret);
NODISCARD int vfs_place(struct mount *m, const struct path *at); /* m has no place yet */
void vfs_dissolve(struct mount *m);                              /* if it has got no place */
NODISCARD int vfs_move(const struct path *from, const struct path *at);
/* Are these flags allowed for m? Not all are where a more privileged namespace has set them. */
bool mount_may_become(const struct mount *m, uint32_t flags);
NODISCARD int vfs_remount(const struct path *p, uint32_t mnt_flags);
NODISCARD int vfs_pivot_root(struct task *t, const struct path *new_root,
                             const struct path *put_old);
static inline bool path_eq(const struct path *a, const struct path *b)
{
    return a->mnt == b->mnt && a->dentry == b->dentry;
}
static inline bool mount_readonly(const struct mount *m)
{
    return (m->flags & 1u) || (m->sb->flags & 1u); /* LINUX_MS_RDONLY */
}

/* namei.c */
/* Walks to the end, following links. Existing object: w->path is it, *ret_new NULL. Else w->path is the directory and
 * *ret_new the counted negative dentry. WALK_NOFOLLOW for O_EXCL. */
NODISCARD int walk_create(struct task *t, int dirfd, const char *name, uint32_t flags,
                          struct walk *w, struct dentry **ret_new);
NODISCARD int walk_child(struct path *dir, const char *name, size_t len,
                         struct dentry **ret); /* cached or looked up */
const struct cred *task_cred_or_kernel(const struct task *t);

/* open.c */
uint32_t create_mode(const struct task *t, const struct inode *dir,
                     uint32_t mode); /* without the umask */

/* perm.c */
NODISCARD int may_create(const struct path *dir, const struct dentry *d, const struct cred *cr);
NODISCARD int may_delete(const struct path *dir, const struct dentry *d, bool is_dir,
                         const struct cred *cr);
bool inode_owner_or_capable(const struct inode *i, const struct cred *cr);
bool inode_capable(const struct inode *i, const struct cred *cr, int cap);
#define ATTR_KILL_SUID 0x80000000u /* for inode_setattr only: chown, whatever it changes */
/* Checks of setattr in Linux's order, then ops->setattr; kills suid/sgid. cr: who asks. */
NODISCARD int inode_setattr(struct inode *i, struct iattr *a, const struct cred *cr,
                            bool times_set);
/* After data was written: suid and sgid go unless CAP_FSETID. */
void file_kill_suid(struct file *f, const struct cred *cr);

/* locks.c */
void locks_release_owner(struct file *f,
                         const void *owner); /* POSIX locks of a descriptor table: at close(fd) */
void locks_release_file(struct file *f);     /* flock and OFD locks: at the last close */
void locks_free(struct inode *i);
