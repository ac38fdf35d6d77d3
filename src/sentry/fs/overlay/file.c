#include <errno.h>
#include <string.h>

#include "abi/fcntl.h"
#include "abi/stat.h"
#include "abi/xattr.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/overlay/overlay_priv.h"
#include "sentry/io/hostfile.h"
#include "sentry/kernel.h"
#include "sentry/vfs/vfs_priv.h"

#define COPY_CHUNK 262144u

static int lower_open(struct ov_inode *o, const struct cred *cr, struct file **ret)
{
    struct path p = {.mnt = ov_s(o->t.vfs.sb)->mnt};
    int err = ov_lower_get(o, true, &p.dentry);
    if (err)
        return err;
    struct inode *l = p.dentry->inode;
    struct file *f;
    err = file_new(&p, l->fops, LINUX_O_RDONLY, cr, &f);
    if (!err) {
        err = l->ops->open ? l->ops->open(l, f) : 0;
        if (err) {
            f->ops = NULL;
            file_unref(f);
        } else {
            *ret = f;
        }
    }
    dentry_unref(p.dentry);
    return err;
}

/* A regular file that is not copied keeps what is below open, in f->priv. */
int ov_open(struct inode *i, struct file *f)
{
    struct ov_inode *o = ov_i(i);
    if (!inode_is(i, LINUX_S_IFREG) || ov_is(o, OV_COPIED))
        return 0;
    if (f->flags & LINUX_O_TRUNC)
        return 0;
    if (f->can_write) /* now: what is mapped before the first write is what is written then */
        return ov_copy_up(o, UINT64_MAX, NULL);
    struct file *l;
    int err = lower_open(o, f->cred, &l);
    if (!err)
        f->priv = l;
    return err;
}

static void ov_release(struct file *f) { f->priv = file_unref(f->priv); }

/* Copies [0, n) of l to memory through tmpfs's own write. May drop the lock. */
static int copy_data(struct tmpfs_inode *to_inode, struct file *l, uint64_t n)
{
    uint8_t *buf = arena_alloc(COPY_CHUNK);
    if (!buf)
        return -ENOMEM;
    struct file to = {.inode = &to_inode->vfs};
    int64_t from = 0, at = 0;
    ssize_t r = 0;
    while ((uint64_t)from < n) {
        struct uio u;
        uio_kernel(&u, NULL, buf, (size_t)MIN(n - (uint64_t)from, (uint64_t)COPY_CHUNK));
        r = l->ops->read(l, &u, &from);
        if (r <= 0)
            break;
        uio_kernel(&u, NULL, buf, (size_t)r);
        r = tmpfs_reg_fops.write(&to, &u, &at);
        if (r <= 0 || at != from)
            break;
    }
    arena_free(buf, COPY_CHUNK);
    return r < 0 ? (int)r : 0;
}

static int copy_lower(struct ov_inode *o, struct tmpfs_inode *to, uint64_t n, struct task *t)
{
    struct file *l;
    int err = lower_open(o, task_cred_or_kernel(t), &l);
    if (err)
        return err;
    err = copy_data(to, l, n);
    file_unref(l);
    return err;
}

/* The copy grows beside the object: while the lock is dropped others still see what is below, and of two copies
 * under way the first that is complete counts. Times stay as they were. */
int ov_copy_up(struct ov_inode *o, uint64_t keep, struct task *t)
{
    if (ov_is(o, OV_COPIED))
        return 0;
    int err = ov_hold(o);
    err = err ? err : ov_data_make(o);
    if (err)
        return err;
    uint64_t size = o->t.vfs.size, n = MIN(size, keep);
    struct tmpfs_data data = {0};
    struct tmpfs_inode copy = {.vfs = {.sb = o->t.vfs.sb, .mode = o->t.vfs.mode}, .data = &data};
    err = n ? copy_lower(o, &copy, n, t) : 0;
    if (!err && n == size && size > copy.vfs.size)
        err = tmpfs_reg_resize(&copy, size); /* shorter below than it said: zeroes */
    if (err || ov_is(o, OV_COPIED)) {
        tmpfs_reg_free(&copy);
        tmpfs_charge(&copy.vfs, 0);
        return err;
    }
    o->t.data->reg = data.reg;
    o->t.data->charged_pages = data.charged_pages;
    o->t.vfs.size = copy.vfs.size;
    o->t.vfs.fs_flags |= OV_COPIED;
    ov_pin(o);
    return 0;
}

static int xattrs_copy(struct ov_inode *o, struct inode *l)
{
    const struct inode_ops *ops = l->ops;
    if (!ops->listxattr || !ops->getxattr)
        return 0;
    ssize_t n = ops->listxattr(l, NULL, 0);
    if (n <= 0)
        return n == -EOPNOTSUPP ? 0 : (int)n;
    int err = 0;
    char *list = arena_alloc((size_t)n), *value = arena_alloc(LINUX_XATTR_SIZE_MAX);
    ssize_t got = list && value ? ops->listxattr(l, list, (size_t)n) : -ENOMEM;
    for (ssize_t at = 0; at < got; at += (ssize_t)strlen(list + at) + 1) {
        ssize_t size = ops->getxattr(l, list + at, value, LINUX_XATTR_SIZE_MAX);
        if (size >= 0 && tmpfs_setxattr(&o->t.vfs, list + at, value, (size_t)size, 0) == -ENOMEM)
            err = -ENOMEM;
    }
    if (got < 0)
        err = (int)got;
    arena_free(list, (size_t)n);
    arena_free(value, LINUX_XATTR_SIZE_MAX);
    return err;
}

int ov_xattrs_copy_up(struct ov_inode *o)
{
    if (ov_is(o, OV_XATTRS_OWN))
        return 0;
    int err = ov_hold(o);
    err = err ? err : ov_data_make(o);
    err = err ? err : xattrs_copy(o, o->lower->inode);
    if (!err)
        o->t.vfs.fs_flags |= OV_XATTRS_OWN;
    return err;
}

/* The file below, for reading, counted: the lock may be dropped, and f copied up, while it is used. NULL when the data
 * is ours. */
static int below(struct file *f, struct file **ret)
{
    struct ov_inode *o = ov_i(f->inode);
    *ret = NULL;
    if (!ov_is(o, OV_COPIED) && !f->priv) {
        struct file *l;
        int err = lower_open(o, f->cred, &l);
        if (err)
            return err;
        if (f->priv) /* somebody was faster */
            file_unref(l);
        else
            f->priv = l;
    }
    if (ov_is(o, OV_COPIED))
        ov_release(f);
    else
        *ret = file_ref(f->priv);
    return 0;
}

static ssize_t ov_read(struct file *f, struct uio *u, int64_t *pos)
{
    struct file *l;
    int err = below(f, &l);
    if (err)
        return err;
    if (!l)
        return tmpfs_reg_fops.read(f, u, pos);
    ssize_t r = l->ops->read(l, u, pos);
    file_unref(l);
    return r;
}

static ssize_t ov_write(struct file *f, struct uio *u, int64_t *pos)
{
    int err = ov_copy_up(ov_i(f->inode), UINT64_MAX, NULL);
    return err ? err : tmpfs_reg_fops.write(f, u, pos);
}

static int64_t ov_llseek(struct file *f, int64_t off, int whence)
{
    struct file *l;
    if (whence != LINUX_SEEK_DATA && whence != LINUX_SEEK_HOLE)
        return file_llseek_generic(f, off, whence, f->inode->size);
    int err = below(f, &l);
    if (err)
        return err;
    if (!l)
        return tmpfs_reg_fops.llseek(f, off, whence);
    int64_t r = l->ops->llseek ? l->ops->llseek(l, off, whence) : -EINVAL;
    file_unref(l);
    if (r >= 0)
        f->pos = r;
    return r;
}

static int ov_mappable(struct file *f, bool shared, bool writable, struct hostfile **ret)
{
    struct file *l;
    int err = shared && writable ? ov_copy_up(ov_i(f->inode), UINT64_MAX, NULL) : 0;
    err = err ? err : below(f, &l);
    if (err)
        return err;
    if (!l)
        return tmpfs_reg_fops.mappable(f, shared, writable, ret);
    err = l->ops->mappable ? l->ops->mappable(l, shared, false, ret) : -ENODEV;
    file_unref(l);
    return err;
}

static int ov_fallocate(struct file *f, uint32_t mode, int64_t off, int64_t len)
{
    int err = ov_copy_up(ov_i(f->inode), UINT64_MAX, NULL);
    return err ? err : tmpfs_reg_fops.fallocate(f, mode, off, len);
}

static void ov_advise(struct file *f, int64_t off, int64_t len, int advice)
{
    struct file *l;
    if (below(f, &l) < 0 || !l)
        return;
    if (l->ops->advise)
        l->ops->advise(l, off, len, advice);
    file_unref(l);
}

static int ov_fsync(struct file *f, bool data_only) { return 0; }

const struct file_ops ov_reg_fops = {
    .name = "overlay",
    .read = ov_read,
    .write = ov_write,
    .llseek = ov_llseek,
    .mappable = ov_mappable,
    .fallocate = ov_fallocate,
    .fsync = ov_fsync,
    .advise = ov_advise,
    .release = ov_release,
};
