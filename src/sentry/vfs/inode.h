/* sentry/vfs/inode.h - superblocks, inodes and what a file system implements.
 *
 * Owner    counted. A file system embeds struct inode first in its own struct and frees it in ops->free.
 * Locks    the kernel lock; hooks may drop it only through worker_block_begin/end around host calls (gofer).
 * Context  hooks never park. Permission, sticky-bit, read-only and name checks are done by vfs/ before a hook is called,
 *          in Linux's order; a hook checks only what is its own (space, links limit, type).
 * Spec     inode(7), path_resolution(7), xattr(7).
 *
 * I1  fields mode..ctime are the truth for in-memory file systems; others keep them fresh in ops->getattr.
 */
#pragma once
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/list.h"
#include "base/ref.h"
#include "sentry/task/wait.h"

struct cred;
struct posix_acl;
struct dentry;
struct file;
struct file_ops;
struct hostfile;
struct inode;
struct linux_statfs;
struct path;
struct pipe;
struct super;
struct task;
struct unix_sock;
struct uio;

struct kstat {
    uint64_t dev, ino, nlink, rdev, size, blksize, blocks;
    uint32_t mode, uid, gid;
    int64_t atime_ns, mtime_ns, ctime_ns, btime_ns; /* realtime; btime 0: unknown */
    bool has_btime;
    uint64_t attributes, attributes_mask, mnt_id;
};

/* What setattr shall change. */
enum {
    ATTR_MODE = 1,
    ATTR_UID = 2,
    ATTR_GID = 4,
    ATTR_SIZE = 8,
    ATTR_ATIME = 16,
    ATTR_MTIME = 32,
    ATTR_CTIME = 64
};
struct iattr {
    uint32_t valid; /* ATTR_* */
    uint32_t mode;  /* permission bits incl. suid, sgid, sticky */
    uint32_t uid, gid;
    uint64_t size;
    int64_t atime_ns, mtime_ns, ctime_ns;
};

struct inode_ops {
    /* Directory: finds name (dentry_name(d)). Calls dentry_set_inode(d, counted inode or NULL: does not exist). -EIO.. */
    int (*lookup)(struct inode *dir, struct dentry *d);
    /* For who keeps no object of each file (overlay). dir's name is not cached: as lookup, but a regular file or a link with one name
     * gives *ret alone, and *ret_d NULL; else *ret_d is the dentry, counted. NULL hook: walk_child. */
    int (*peek)(struct dentry *dir, const char *name, size_t len, struct kstat *ret,
                struct dentry **ret_d);
    /* As lookup, of a regular file that is read at once. NULL hook: lookup. */
    int (*lookup_read)(struct inode *dir, struct dentry *d);
    /* New objects under a negative dentry d; on success dentry_set_inode was called. mode includes only permission bits (umask
     * applied). Owner: cr's fsuid/fsgid, group from a setgid dir (inode_init_owner helps). -ENOSPC, -ENOMEM, -EROFS. */
    int (*create)(struct inode *dir, struct dentry *d, uint32_t mode, const struct cred *cr);
    int (*mkdir)(struct inode *dir, struct dentry *d, uint32_t mode, const struct cred *cr);
    int (*mknod)(struct inode *dir, struct dentry *d, uint32_t mode_and_type, uint64_t rdev,
                 const struct cred *cr);
    int (*symlink)(struct inode *dir, struct dentry *d, const char *target, const struct cred *cr);
    int (*link)(struct inode *dir, struct dentry *d, struct inode *target);
    /* A name that exists only here, for the kernel to mount something on; mode with the type (directory, file). NULL hook: mkdir and
     * create. */
    int (*mountpoint)(struct inode *dir, struct dentry *d, uint32_t mode);
    int (*tmpfile)(struct inode *dir, uint32_t mode, const struct cred *cr, struct inode **ret);
    int (*unlink)(struct inode *dir, struct dentry *d);
    int (*rmdir)(struct inode *dir, struct dentry *d); /* -ENOTEMPTY */
    /* flags: LINUX_RENAME_NOREPLACE (checked by vfs), EXCHANGE, WHITEOUT. nd may be positive: replaced. -EINVAL unknown flag. */
    int (*rename)(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd,
                  uint32_t flags);
    /* Symlink text: bytes written to buf (not terminated), at most size. */
    ssize_t (*readlink)(struct inode *i, char *buf, size_t size);
    /* In place of readlink where the text depends on who reads (proc); t may be NULL: the kernel. */
    ssize_t (*readlink_task)(struct inode *i, struct task *t, char *buf, size_t size);
    /* Magic link (/proc/self/fd/3, /proc/self/exe): a counted path to jump to. NULL hook: ordinary symlink. */
    int (*follow)(struct inode *i, struct task *t, struct path *ret);
    int (*getattr)(struct inode *i, struct kstat *ret); /* NULL: inode_fill_stat */
    int (*setattr)(struct inode *i,
                   const struct iattr *a); /* NULL: -EPERM. Size changes of regular files too */
    int (*permission)(struct inode *i, uint32_t may,
                      const struct cred *cr); /* NULL: inode_permission_generic */
    ssize_t (*getxattr)(struct inode *i, const char *name, void *buf,
                        size_t size); /* size 0: ask the length. -ENODATA -ERANGE */
    int (*setxattr)(struct inode *i, const char *name, const void *v, size_t size, uint32_t flags);
    ssize_t (*listxattr)(struct inode *i, char *buf, size_t size);
    int (*removexattr)(struct inode *i, const char *name);
    /* After vfs checks; sets f->ops (if not inode->fops) and f->priv. -ENXIO.. */
    int (*open)(struct inode *i, struct file *f);
    bool (*revalidate)(
        struct dentry *d); /* NULL: cached dentries stay valid. false: look it up again */
    /* d (positive) will be freed, or is not the name of its inode any more. NULL: nothing follows from it. */
    void (*name_gone)(struct dentry *d);
    /* Unix sockets of the host. Connects to the one that i is: a descriptor, non-blocking; type: LINUX_SOCK_*. -ECONNREFUSED, -EPROTOTYPE,
     * -EAGAIN no room. NULL hook: it is nobody's. */
    int (*sock_connect)(struct inode *i, uint32_t type, const struct cred *cr,
                        struct hostfile **ret);
    /* As mknod of a socket; *ret: the host's socket that is bound to the name, or NULL. NULL hook: mknod. */
    int (*sock_bind)(struct inode *dir, struct dentry *d, uint32_t mode, uint32_t type,
                     const struct cred *cr, struct hostfile **ret);
    /* A FIFO of the host: as fifo_open (fs/pipe/pipe.h), may park. -ENOSYS, or NULL hook: it is a pipe of ours. */
    int (*fifo_open)(struct inode *i, struct file *f, struct task *t);
    bool opens_fifo; /* open is for FIFOs too: they are not pipes of ours */
    void (*free)(
        struct inode *i); /* the last reference is gone (nlink may be 0: the data goes too) */
};

struct super_ops {
    int (*statfs)(struct super *sb, struct inode *i, struct linux_statfs *ret);
    int (*sync)(struct super *sb);
    int (*show_options)(struct super *sb, char *buf, size_t size); /* ",size=..": for mountinfo */
    void (*free)(struct super *sb);
};

struct super {
    struct ref ref;
    const struct super_ops *ops;
    const struct fs_type *type;
    uint64_t dev; /* st_dev */
    uint64_t next_ino;
    struct dentry *root; /* counted */
    uint32_t flags;      /* LINUX_MS_RDONLY.. */
    uint32_t magic;
    bool atimes;      /* access times are kept by the VFS (path_accessed): file systems in memory */
    bool posix_acl;   /* its objects may have access control lists (acl.h) */
    bool case_stable; /* negative dentries may be cached (false: proc) */
    bool outside_file;
    /* Where its root (outside_file: the only file in it) is outside, for mountinfo. Owned, arena_strdup; NULL: nowhere. */
    char *outside;
    void *priv;
};

struct inode {
    struct ref ref;
    uint32_t opens; /* open files */
    const struct inode_ops *ops;
    const struct file_ops *fops; /* what open gives */
    struct super *sb;            /* not counted: the mount holds it */
    uint64_t ino;
    uint32_t mode, uid, gid, nlink;
    uint32_t rdev;
    uint8_t rw_hint;       /* F_SET_RW_HINT: kept, not used */
    bool write_sealed : 1; /* a shared mapping may not be written */
    bool uncached : 1;     /* its dentry goes with the last use */
    bool linkable : 1; /* O_TMPFILE without O_EXCL: linkat may give it a name though nlink is 0 */
    uint16_t fs_flags; /* the file system's */
    uint64_t size;
    union {
        uint64_t blocks;        /* of others */
        struct pipe *fifo;      /* S_IFIFO: the pipe while open */
        struct unix_sock *sock; /* S_IFSOCK: who is bound */
    };
    int64_t atime_ns, mtime_ns, ctime_ns, btime_ns;
    struct inode_more *more; /* NULL: all of it is NULL */
    uint32_t writers;        /* open for writing (ETXTBSY); execs counted in deny_write */
    uint32_t deny_write;
};
static_assert(sizeof(struct inode) == 128, "two cache lines");

/* What few inodes have. */
struct inode_more {
    struct file_locks *locks;            /* flock and POSIX locks, made on demand */
    struct inode_marks *marks;           /* inotify */
    struct posix_acl *acl, *acl_default; /* owned; acl.h */
};
#define INODE_MORE(i, field) ((i)->more ? (i)->more->field : NULL)
/* Made on demand, lives as long as the inode. NULL: no memory. */
NODISCARD struct inode_more *inode_more(struct inode *i);

/* File system types: name for mount(2), /proc/filesystems. mount: builds a superblock whose root dentry is set. */
struct fs_type {
    const char *name;
    uint32_t magic;
    bool nodev;
    int (*mount)(struct task *t, const char *source, uint32_t flags, const char *data,
                 struct super **ret);
};
const struct fs_type *fs_type_find(const char *name);
const struct fs_type *fs_type_next(unsigned *pos); /* walk from *pos = 0: NULL at the end */

NODISCARD struct super *super_new(
    const struct fs_type *type,
    const struct super_ops *ops); /* gives a dev number. NULL: no memory */
struct super *super_ref(struct super *sb);
struct super *super_unref(struct super *sb);

/* Sets ref, sb, ops, fops, mode, a fresh ino, times = now, nlink = 1 (2 for directories). */
void inode_init(struct inode *i, struct super *sb, const struct inode_ops *ops,
                const struct file_ops *fops, uint32_t mode);
/* Owner from cr and dir (setgid directory: group, and S_ISGID for directories). */
void inode_init_owner(struct inode *i, const struct inode *dir, const struct cred *cr);
struct inode *inode_ref(struct inode *i);
struct inode *inode_unref(struct inode *i);
void inode_fill_stat(const struct inode *i, struct kstat *ret);
int inode_getattr(struct inode *i, struct kstat *ret);
/* Applies a to the fields (not size), ctime = now. For in-memory file systems' setattr. */
void inode_apply_attr(struct inode *i, const struct iattr *a);
/* What p names was read: its access time, as the mount says (relatime by default). */
void path_accessed(const struct path *p);
void inode_touch(struct inode *i, uint32_t attr_times); /* ATTR_ATIME|MTIME|CTIME = now */
enum { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 };
NODISCARD int inode_permission(struct inode *i, uint32_t may, const struct cred *cr); /* -EACCES */
int inode_permission_generic(struct inode *i, uint32_t may, const struct cred *cr);
static inline bool inode_is(const struct inode *i, uint32_t type)
{
    return (i->mode & 0170000u) == type;
}
static inline ssize_t inode_readlink(struct inode *i, struct task *t, char *buf, size_t size)
{
    if (i->ops->readlink_task)
        return i->ops->readlink_task(i, t, buf, size);
    return i->ops->readlink ? i->ops->readlink(i, buf, size) : -EINVAL;
}
