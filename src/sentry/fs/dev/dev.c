#include "sentry/fs/dev/dev.h"

#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "abi/stat.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/io/hostfile.h"
#include "sentry/kernel.h"
#include "sentry/mm/usermem.h"
#include "sentry/task/task.h"
#include "sentry/tty/pty.h"
#include "sentry/tty/tty.h"
#include "sentry/vfs/vfs.h"

#include <string.h>

static ssize_t null_read(struct file *f, struct uio *u, int64_t *pos) { return 0; }

static ssize_t null_write(struct file *f, struct uio *u, int64_t *pos)
{
    ssize_t n = (ssize_t)u->resid;
    uio_skip(u, (size_t)n);
    return n;
}

static ssize_t zero_read(struct file *f, struct uio *u, int64_t *pos)
{
    return uio_zero(u, u->resid);
}
static ssize_t full_write(struct file *f, struct uio *u, int64_t *pos)
{
    return u->resid ? -ENOSPC : 0;
}

static int64_t null_llseek(struct file *f, int64_t off, int whence)
{
    f->pos = 0;
    return 0;
}

/* A shared mapping is memory of its own; a private one too, until written: the same. */
static int zero_mappable(struct file *f, bool shared, bool writable, struct hostfile **ret)
{
    struct hostfile *hf;
    int err = hostfile_new_memfd("zero", &hf);
    if (err)
        return err;
    err = host_ftruncate(hostfile_fd(hf), (off_t)1 << 46);
    if (err) {
        hostfile_unref(hf);
        return -ENOMEM;
    }
    *ret = hf;
    return 0;
}

static ssize_t random_read(struct file *f, struct uio *u, int64_t *pos)
{
    uint8_t buf[512];
    ssize_t done = 0;
    while (u->resid > 0) {
        size_t n = (size_t)MIN(u->resid, (uint64_t)sizeof(buf));
        ssize_t got = host_getrandom(buf, n, 0);
        if (got <= 0)
            return done ? done : -EIO;
        ssize_t put = uio_put(u, buf, (size_t)got);
        if (put < got)
            return done + MAX(put, (ssize_t)0) ? done + MAX(put, (ssize_t)0) : -EFAULT;
        done += got;
    }
    return done;
}

static uint32_t random_poll(struct file *f, struct waitq **ret_q)
{
    return LINUX_POLLIN | LINUX_POLLRDNORM | LINUX_POLLOUT | LINUX_POLLWRNORM;
}

static int64_t random_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    return cmd == LINUX_RNDGETENTCNT ? copy_out_u32(t, UADDR(arg), 256) : -EINVAL;
}

static const struct file_ops null_ops = {
    .name = "null", .read = null_read, .write = null_write, .llseek = null_llseek};
static const struct file_ops zero_ops = {.name = "zero",
                                         .read = zero_read,
                                         .endless = true,
                                         .write = null_write,
                                         .llseek = null_llseek,
                                         .mappable = zero_mappable};
static const struct file_ops full_ops = {
    .name = "full", .read = zero_read, .endless = true, .write = full_write, .llseek = null_llseek};
static const struct file_ops random_ops = {.name = "random",
                                           .read = random_read,
                                           .endless = true,
                                           .write = null_write,
                                           .llseek = null_llseek,
                                           .poll = random_poll,
                                           .ioctl = random_ioctl};

static const struct {
    uint64_t rdev;
    const struct file_ops *ops;
} memory_devices[] = {
    {TTY_RDEV(1, 3), &null_ops},   {TTY_RDEV(1, 5), &zero_ops},   {TTY_RDEV(1, 7), &full_ops},
    {TTY_RDEV(1, 8), &random_ops}, {TTY_RDEV(1, 9), &random_ops},
};

static int dev_open(struct inode *i, struct file *f, struct task *t)
{
    if (!LINUX_S_ISCHR(i->mode))
        return -ENXIO;
    for (size_t k = 0; k < ARRAY_SIZE(memory_devices); k++) {
        if (memory_devices[k].rdev == i->rdev) {
            f->ops = memory_devices[k].ops;
            return 0;
        }
    }
    switch (i->rdev) {
    case TTY_RDEV(5, 0): {
        struct tty *y = t ? tty_of_task(t) : NULL;
        return y ? tty_open(y, f, t) : -ENXIO;
    }
    case TTY_RDEV(5, 1): {
        struct tty *y = tty_console(t);
        return y ? tty_open(y, f, t) : -ENXIO;
    }
    case TTY_RDEV(5, 2): return pty_open_master(f, t);
    default: return i->rdev >> 8 == 136 ? pty_open_slave((uint32_t)(i->rdev & 0xff), f, t) : -ENXIO;
    }
}

void dev_init(void) { vfs_set_device_open(dev_open); }

static const struct {
    const char *name;
    uint32_t mode;
    uint64_t rdev;
    const char *target;
} nodes[] = {
    {"null", LINUX_S_IFCHR | 0666, TTY_RDEV(1, 3), NULL},
    {"zero", LINUX_S_IFCHR | 0666, TTY_RDEV(1, 5), NULL},
    {"full", LINUX_S_IFCHR | 0666, TTY_RDEV(1, 7), NULL},
    {"random", LINUX_S_IFCHR | 0666, TTY_RDEV(1, 8), NULL},
    {"urandom", LINUX_S_IFCHR | 0666, TTY_RDEV(1, 9), NULL},
    {"tty", LINUX_S_IFCHR | 0666, TTY_RDEV(5, 0), NULL},
    {"console", LINUX_S_IFCHR | 0620, TTY_RDEV(5, 1), NULL},
    {"ptmx", 0, 0, "pts/ptmx"},
    {"fd", 0, 0, "/proc/self/fd"},
    {"stdin", 0, 0, "/proc/self/fd/0"},
    {"stdout", 0, 0, "/proc/self/fd/1"},
    {"stderr", 0, 0, "/proc/self/fd/2"},
    {"core", 0, 0, "/proc/kcore"},
    {"pts", LINUX_S_IFDIR | 0755, 0, NULL},
    {"shm", LINUX_S_IFDIR | 01777, 0, NULL},
    {"mqueue", LINUX_S_IFDIR | 01777, 0, NULL},
};

static int node_make(struct dentry *root, const struct cred *cr, size_t k)
{
    struct inode *dir = root->inode;
    bool cached;
    struct dentry *d = dentry_get_child(root, nodes[k].name, strlen(nodes[k].name), &cached);
    if (!d)
        return -ENOMEM;
    int err;
    if (nodes[k].target)
        err = dir->ops->symlink(dir, d, nodes[k].target, cr);
    else if (LINUX_S_ISDIR(nodes[k].mode))
        err = dir->ops->mkdir(dir, d, nodes[k].mode & LINUX_S_IALLUGO, cr);
    else
        err = dir->ops->mknod(dir, d, nodes[k].mode, nodes[k].rdev, cr);
    dentry_unref(d);
    return err;
}

static int devtmpfs_mount(struct task *t, const char *source, uint32_t flags, const char *data,
                          struct super **ret)
{
    const struct fs_type *tmpfs = fs_type_find("tmpfs");
    if (!tmpfs)
        return -ENODEV;
    struct super *sb;
    int err = tmpfs->mount(t, source, flags & ~1u, data && *data ? data : "mode=0755", &sb);
    if (err)
        return err;
    for (size_t k = 0; !err && k < ARRAY_SIZE(nodes); k++)
        err = node_make(sb->root, t->cred, k);
    if (err) {
        super_unref(sb);
        return err;
    }
    *ret = sb;
    return 0;
}

extern const struct fs_type devtmpfs_fs_type;
const struct fs_type devtmpfs_fs_type = {
    .name = "devtmpfs", .magic = LINUX_TMPFS_MAGIC, .nodev = true, .mount = devtmpfs_mount};
