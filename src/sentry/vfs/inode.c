#include "sentry/vfs/inode.h"

#include "abi/capability.h"
#include "abi/limits.h"
#include "abi/mount.h"
#include "abi/stat.h"
#include "sentry/arena/slab.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/acl.h"
#include "sentry/vfs/vfs_priv.h"

void inode_init(struct inode *i, struct super *sb, const struct inode_ops *ops,
                const struct file_ops *fops, uint32_t mode)
{
    ref_init(&i->ref);
    i->sb = sb;
    i->ops = ops;
    i->fops = fops;
    i->mode = mode;
    i->ino = sb->next_ino++;
    i->nlink = LINUX_S_ISDIR(mode) ? 2 : 1;
    i->atime_ns = i->mtime_ns = i->ctime_ns = i->btime_ns = clock_realtime_ns();
}

void inode_init_owner(struct inode *i, const struct inode *dir, const struct cred *cr)
{
    i->uid = cr->fsuid;
    i->gid = cr->fsgid;
    if (!dir || !(dir->mode & LINUX_S_ISGID))
        return;
    i->gid = dir->gid;
    if (LINUX_S_ISDIR(i->mode))
        i->mode |= LINUX_S_ISGID;
    else if ((i->mode & (LINUX_S_ISGID | LINUX_S_IXGRP)) == (LINUX_S_ISGID | LINUX_S_IXGRP) &&
             !cred_in_group(cr, i->gid) && !inode_capable(i, cr, LINUX_CAP_FSETID))
        i->mode &= ~LINUX_S_ISGID;
}

struct inode *inode_ref(struct inode *i)
{
    ref_get(&i->ref);
    return i;
}

struct inode_more *inode_more(struct inode *i)
{
    if (!i->more)
        i->more = SLAB_NEW(INODE_MORE, struct inode_more);
    return i->more;
}

struct inode *inode_unref(struct inode *i)
{
    if (!i || !ref_put(&i->ref))
        return NULL;
    if (i->more) {
        locks_free(i);
        acl_free(i);
        SLAB_FREE(INODE_MORE, TAKE(i->more));
    }
    if (i->ops->free)
        i->ops->free(i);
    return NULL;
}

void inode_fill_stat(const struct inode *i, struct kstat *ret)
{
    *ret = (struct kstat){
        .dev = i->sb->dev,
        .ino = i->ino,
        .nlink = i->nlink,
        .rdev = i->rdev,
        .size = i->size,
        .blksize = LINUX_PAGE_SIZE,
        .blocks = inode_is(i, LINUX_S_IFIFO) || inode_is(i, LINUX_S_IFSOCK) ? 0 : i->blocks,
        .mode = i->mode,
        .uid = i->uid,
        .gid = i->gid,
        .atime_ns = i->atime_ns,
        .mtime_ns = i->mtime_ns,
        .ctime_ns = i->ctime_ns,
        .btime_ns = i->btime_ns,
        .has_btime = i->btime_ns != 0,
    };
}

int inode_getattr(struct inode *i, struct kstat *ret)
{
    if (i->ops->getattr) {
        *ret = (struct kstat){0};
        return i->ops->getattr(i, ret);
    }
    inode_fill_stat(i, ret);
    return 0;
}

void inode_apply_attr(struct inode *i, const struct iattr *a)
{
    if (a->valid & ATTR_MODE) {
        i->mode = (i->mode & LINUX_S_IFMT) | (a->mode & LINUX_S_IALLUGO);
        acl_chmod(i);
    }
    if (a->valid & ATTR_UID)
        i->uid = a->uid;
    if (a->valid & ATTR_GID)
        i->gid = a->gid;
    if (a->valid & ATTR_ATIME)
        i->atime_ns = a->atime_ns;
    if (a->valid & ATTR_MTIME)
        i->mtime_ns = a->mtime_ns;
    i->ctime_ns = a->valid & ATTR_CTIME ? a->ctime_ns : clock_realtime_ns();
}

#define RELATIME_NS (24 * 3600 * NSEC_PER_SEC)

HOT void path_accessed(const struct path *p)
{
    struct inode *i = p->dentry->inode;
    uint32_t flags = p->mnt ? p->mnt->flags | i->sb->flags : 0;
    if (!i->sb->atimes || (flags & (LINUX_MS_NOATIME | LINUX_MS_RDONLY)) ||
        ((flags & LINUX_MS_NODIRATIME) && LINUX_S_ISDIR(i->mode)))
        return;
    /* relatime: once after each change, and once a day. */
    if (!(flags & LINUX_MS_STRICTATIME) && i->atime_ns > i->mtime_ns && i->atime_ns > i->ctime_ns &&
        clock_realtime_ns() - i->atime_ns < RELATIME_NS)
        return;
    i->atime_ns = clock_realtime_ns();
}

void inode_touch(struct inode *i, uint32_t attr_times)
{
    int64_t now = clock_realtime_ns();
    if (attr_times & ATTR_ATIME)
        i->atime_ns = now;
    if (attr_times & ATTR_MTIME)
        i->mtime_ns = now;
    if (attr_times & ATTR_CTIME)
        i->ctime_ns = now;
}
