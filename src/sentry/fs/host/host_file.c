#include "sentry/fs/host/host_file.h"

#include "abi/fcntl.h"
#include "abi/stat.h"
#include "base/err.h"
#include "base/str.h"
#include "host/host.h"
#include "sentry/arena/slab.h"
#include "sentry/fs/host/host_priv.h"
#include "sentry/vfs/vfs_priv.h"

#include <fcntl.h>
#include <sys/stat.h>

static int64_t ns_of(const struct timespec *ts) { return ts->tv_sec * NSEC_PER_SEC + ts->tv_nsec; }

/* I1 of vfs/inode.h: the host's numbers into the fields. The device number stays ours. */
static int attr_refresh(struct inode *i)
{
    struct stat st;
    int r = host_fstat(hostfile_fd(to_host_inode(i)->host), &st);
    if (r < 0)
        return -EIO;
    i->mode = st.st_mode;
    i->ino = st.st_ino;
    i->uid = st.st_uid;
    i->gid = st.st_gid;
    i->nlink = (uint32_t)st.st_nlink;
    i->rdev = (uint32_t)st.st_rdev;
    i->size = (uint64_t)st.st_size;
    i->blocks = (uint64_t)st.st_blocks;
    i->atime_ns = ns_of(&st.st_atim);
    i->mtime_ns = ns_of(&st.st_mtim);
    i->ctime_ns = ns_of(&st.st_ctim);
    i->btime_ns = 0;
    return 0;
}

static int host_getattr(struct inode *i, struct kstat *ret)
{
    int r = attr_refresh(i);
    if (r == 0)
        inode_fill_stat(i, ret);
    return r;
}

/* Owner and times of what somebody else gave us are not ours to change. */
static int host_setattr(struct inode *i, const struct iattr *a)
{
    int fd = hostfile_fd(to_host_inode(i)->host), r = 0;
    if (a->valid & (ATTR_UID | ATTR_GID | ATTR_ATIME))
        return -EPERM;
    if (a->valid & ATTR_SIZE)
        r = host_ftruncate(fd, (off_t)a->size);
    if (r == 0 && (a->valid & ATTR_MODE))
        r = host_fchmod(fd, a->mode);
    if (r == -EINVAL || r == -EPERM || r == -EFBIG || r == -ENOSPC)
        return r;
    return r < 0 ? -EIO : attr_refresh(i);
}

static bool has_position(const struct inode *i)
{
    return !LINUX_S_ISFIFO(i->mode) && !LINUX_S_ISSOCK(i->mode);
}

static bool mode_allowed(uint32_t host_flags, const struct file *f)
{
    uint32_t acc = host_flags & O_ACCMODE;
    return (!f->can_read || acc != O_WRONLY) && (!f->can_write || acc != O_RDONLY);
}

/* /proc/self/fd/N opened again. */
static int host_open(struct inode *i, struct file *f)
{
    if (!mode_allowed(to_host_inode(i)->host_flags, f))
        return -EACCES;
    f->ops = has_position(i) ? &host_seek_ops : &host_stream_ops;
    f->dir_cookie = LINUX_S_ISREG(i->mode) ? HOST_POS_OWN : HOST_POS_SHARED;
    return 0;
}

static void host_free(struct inode *i)
{
    struct host_inode *h = to_host_inode(i);
    hostwatch_remove(&h->watch);
    hostfile_unref(h->host);
    SLAB_FREE(HOST_INODE, h);
}

static const struct inode_ops host_inode_ops = {
    .getattr = host_getattr,
    .setattr = host_setattr,
    .open = host_open,
    .free = host_free,
    .opens_fifo = true,
};

static int inode_new(struct hostfile *hf, struct inode **ret)
{
    int fl = host_fcntl(hostfile_fd(hf), F_GETFL, 0);
    if (fl < 0)
        return -EIO;
    struct host_inode *h = SLAB_NEW(HOST_INODE, struct host_inode);
    if (!h)
        return -ENOMEM;
    inode_init(&h->vfs, vfs()->anon->sb, &host_inode_ops, NULL, 0);
    h->host = hostfile_ref(hf);
    h->host_flags = (uint32_t)fl;
    waitq_init(&h->wait);
    int r = attr_refresh(&h->vfs);
    if (r < 0) {
        inode_unref(&h->vfs);
        return r;
    }
    h->always_ready = LINUX_S_ISREG(h->vfs.mode) || LINUX_S_ISDIR(h->vfs.mode);
    *ret = &h->vfs;
    return 0;
}

static const char *kind_name(const struct inode *i)
{
    if (LINUX_S_ISFIFO(i->mode))
        return "pipe";
    return LINUX_S_ISSOCK(i->mode) ? "socket" : "host";
}

/* Access mode and what else of the host's status flags means the same here. */
static uint32_t guest_flags(uint32_t fl)
{
    static const struct {
        uint32_t host, guest;
    } map[] = {
        {O_APPEND, LINUX_O_APPEND}, {O_NONBLOCK, LINUX_O_NONBLOCK}, {O_DSYNC, LINUX_O_DSYNC}};
    uint32_t flags = fl & LINUX_O_ACCMODE;
    for (size_t i = 0; i < ARRAY_SIZE(map); i++)
        flags |= fl & map[i].host ? map[i].guest : 0;
    return flags;
}

int host_file_new(struct task *t, struct hostfile *hf, struct file **ret)
{
    struct inode *i;
    int r = inode_new(hf, &i);
    if (r < 0)
        return r;
    char name[48];
    struct strbuf sb;
    strbuf_init(&sb, name, sizeof(name));
    strbuf_printf(&sb, "%s:[%llu]", kind_name(i), (unsigned long long)i->ino);
    const struct file_ops *ops = has_position(i) ? &host_seek_ops : &host_stream_ops;
    uint32_t fl = to_host_inode(i)->host_flags;
    struct path p = {vfs()->anon, dentry_new_unlinked(NULL, i, sb.buf, sb.len)};
    if (!p.dentry)
        return -ENOMEM;
    r = file_new(&p, ops, guest_flags(fl), task_cred_or_kernel(t), ret);
    dentry_unref(p.dentry);
    if (r == 0 && ops == &host_seek_ops) {
        int64_t pos = host_lseek(hostfile_fd(hf), 0, SEEK_CUR);
        (*ret)->pos = pos > 0 ? pos : 0;
    }
    return r;
}

int host_file_attach(struct file *f, struct hostfile *hf)
{
    struct inode *i;
    int r = inode_new(hf, &i);
    if (r < 0)
        return r;
    to_host_inode(i)->nonblock = to_host_inode(i)->host_flags & O_NONBLOCK;
    f->ops = &host_attached_ops;
    f->priv = i;
    return 0;
}
