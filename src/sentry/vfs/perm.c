#include "abi/capability.h"
#include "abi/mount.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/ns/user_ns.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/acl.h"
#include "sentry/vfs/vfs_priv.h"

bool inode_capable(const struct inode *i, const struct cred *cr, int cap)
{
    if (!(cr->cap_eff & LINUX_CAP_BIT(cap)))
        return false;
    return !cr->user || (user_ns_seen(cr->user, ID_USER, i->uid) != ID_NONE &&
                         user_ns_seen(cr->user, ID_GROUP, i->gid) != ID_NONE);
}

bool inode_owner_or_capable(const struct inode *i, const struct cred *cr)
{
    return cr->fsuid == i->uid || inode_capable(i, cr, LINUX_CAP_FOWNER);
}

int inode_permission_generic(struct inode *i, uint32_t may, const struct cred *cr)
{
    uint32_t mode = i->mode;
    may &= MAY_READ | MAY_WRITE | MAY_EXEC;
    int acl = -EAGAIN;
    if (cr->fsuid == i->uid)
        mode >>= 6;
    else if (unlikely(INODE_MORE(i, acl)) && (mode & 070))
        acl = acl_permission(i, may, cr);
    else if (cred_in_group(cr, i->gid))
        mode >>= 3;
    if (acl == 0 || (acl == -EAGAIN && !(may & ~mode)))
        return 0;
    if (LINUX_S_ISDIR(i->mode)) {
        if (!(may & MAY_WRITE) && inode_capable(i, cr, LINUX_CAP_DAC_READ_SEARCH))
            return 0;
        return inode_capable(i, cr, LINUX_CAP_DAC_OVERRIDE) ? 0 : -EACCES;
    }
    if (may == MAY_READ && inode_capable(i, cr, LINUX_CAP_DAC_READ_SEARCH))
        return 0;
    /* Nobody may execute a file that has no execute bit at all. */
    if ((!(may & MAY_EXEC) || (i->mode & 0111)) && inode_capable(i, cr, LINUX_CAP_DAC_OVERRIDE))
        return 0;
    return -EACCES;
}

HOT int inode_permission(struct inode *i, uint32_t may, const struct cred *cr)
{
    if ((may & MAY_WRITE) && (i->sb->flags & LINUX_MS_RDONLY) &&
        (LINUX_S_ISREG(i->mode) || LINUX_S_ISDIR(i->mode) || LINUX_S_ISLNK(i->mode)))
        return -EROFS;
    if (i->ops->permission)
        return i->ops->permission(i, may, cr);
    return inode_permission_generic(i, may, cr);
}

static bool dir_is_dead(const struct inode *dir) { return dir->nlink == 0; }

int may_create(const struct path *dir, const struct dentry *d, const struct cred *cr)
{
    if (d->inode)
        return -EEXIST;
    if (mount_readonly(dir->mnt))
        return -EROFS;
    if (dir_is_dead(dir->dentry->inode))
        return -ENOENT;
    return inode_permission(dir->dentry->inode, MAY_WRITE | MAY_EXEC, cr);
}

int may_delete(const struct path *dir, const struct dentry *d, bool is_dir, const struct cred *cr)
{
    struct inode *di = dir->dentry->inode, *i = d->inode;
    if (!i)
        return -ENOENT;
    int r = inode_permission(di, MAY_WRITE | MAY_EXEC, cr);
    if (r < 0)
        return r;
    if ((di->mode & LINUX_S_ISVTX) && cr->fsuid != i->uid && cr->fsuid != di->uid &&
        !inode_capable(i, cr, LINUX_CAP_FOWNER))
        return -EPERM;
    if (is_dir) {
        if (!LINUX_S_ISDIR(i->mode))
            return -ENOTDIR;
        if (dentry_is_root(d))
            return -EBUSY;
    } else if (LINUX_S_ISDIR(i->mode)) {
        return -EISDIR;
    }
    return dir_is_dead(di) ? -ENOENT : 0;
}

/* S_ISGID of a file goes with group execution, or for somebody outside of the group. */
static bool drops_sgid(const struct inode *i, uint32_t mode, uint32_t gid, const struct cred *cr)
{
    if (!(mode & LINUX_S_ISGID))
        return false;
    return (mode & LINUX_S_IXGRP) ||
           (!cred_in_group(cr, gid) && !inode_capable(i, cr, LINUX_CAP_FSETID));
}

static int setattr_allowed(struct inode *i, struct iattr *a, const struct cred *cr, bool times_set)
{
    bool owner = cr->fsuid == i->uid;
    if ((a->valid & ATTR_UID) && (!owner || a->uid != i->uid) &&
        !inode_capable(i, cr, LINUX_CAP_CHOWN))
        return -EPERM;
    if ((a->valid & ATTR_GID) && !(owner && (cred_in_group(cr, a->gid) || a->gid == i->gid)) &&
        !inode_capable(i, cr, LINUX_CAP_CHOWN))
        return -EPERM;
    if (a->valid & ATTR_MODE) {
        if (!inode_owner_or_capable(i, cr))
            return -EPERM;
        uint32_t gid = a->valid & ATTR_GID ? a->gid : i->gid;
        if (!cred_in_group(cr, gid) && !inode_capable(i, cr, LINUX_CAP_FSETID))
            a->mode &= ~LINUX_S_ISGID;
    }
    if (times_set && !inode_owner_or_capable(i, cr))
        return -EPERM;
    return 0;
}

static void kill_suid(const struct inode *i, struct iattr *a, const struct cred *cr)
{
    uint32_t mode = i->mode & ~LINUX_S_ISUID;
    if (LINUX_S_ISDIR(i->mode))
        return;
    if (drops_sgid(i, mode, i->gid, cr))
        mode &= ~LINUX_S_ISGID;
    if (mode != i->mode) {
        a->valid |= ATTR_MODE;
        a->mode = mode & LINUX_S_IALLUGO;
    }
}

int inode_setattr(struct inode *i, struct iattr *a, const struct cred *cr, bool times_set)
{
    /* chown takes the bits as chmod would, with its rights; truncation takes them without asking. */
    if (a->valid & ATTR_KILL_SUID)
        kill_suid(i, a, cr);
    a->valid &= ~ATTR_KILL_SUID;
    int r = setattr_allowed(i, a, cr, times_set);
    if (r < 0)
        return r;
    if ((a->valid & ATTR_SIZE) && !inode_capable(i, cr, LINUX_CAP_FSETID))
        kill_suid(i, a, cr);
    if (!i->ops->setattr)
        return -EPERM;
    a->valid |= ATTR_CTIME;
    a->ctime_ns = clock_realtime_ns();
    return i->ops->setattr(i, a);
}

void file_kill_suid(struct file *f, const struct cred *cr)
{
    struct inode *i = f->inode;
    if (!LINUX_S_ISREG(i->mode) || !(i->mode & (LINUX_S_ISUID | LINUX_S_ISGID)) ||
        inode_capable(i, cr, LINUX_CAP_FSETID))
        return;
    uint32_t mode = i->mode & ~LINUX_S_ISUID;
    if (drops_sgid(i, mode, i->gid, cr))
        mode &= ~LINUX_S_ISGID;
    if (mode == i->mode || !i->ops->setattr)
        return;
    struct iattr a = {.valid = ATTR_MODE | ATTR_CTIME,
                      .mode = mode & LINUX_S_IALLUGO,
                      .ctime_ns = clock_realtime_ns()};
    int r = i->ops->setattr(i, &a);
    if (r < 0)
        LOGD("vfs: suid bit kept: %s", err_name(r));
}
