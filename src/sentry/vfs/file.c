#include "sentry/vfs/file.h"

#include "abi/fcntl.h"
#include "abi/inotify.h"
#include "abi/poll.h"
#include "abi/resource.h"
#include "abi/signal.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/slab.h"
#include "sentry/mm/uio.h"
#include "sentry/signal/signal.h"
#include "sentry/vfs/async.h"
#include "sentry/vfs/inotify.h"
#include "sentry/vfs/lease.h"
#include "sentry/vfs/notify.h"
#include "sentry/vfs/vfs_priv.h"

int file_new(const struct path *p, const struct file_ops *ops, uint32_t flags,
             const struct cred *cr, struct file **ret)
{
    if (vfs()->nfiles >= FILES_MAX)
        return -ENFILE;
    struct file *f = SLAB_NEW(FILE, struct file);
    if (!f)
        return -ENOMEM;
    ref_init(&f->ref);
    f->ops = ops;
    f->path = path_ref(p);
    f->inode = inode_ref(p->dentry->inode);
    f->inode->opens++;
    f->flags = flags;
    uint32_t acc = flags & LINUX_O_ACCMODE;
    f->can_read = acc == LINUX_O_RDONLY || acc == LINUX_O_RDWR;
    f->can_write = acc == LINUX_O_WRONLY || acc == LINUX_O_RDWR;
    union {
        const struct cred *in;
        struct cred *out;
    } c = {.in = cr}; /* only its count changes */
    f->cred = cred_ref(c.out);
    list_init(&f->epitems);
    vfs()->nfiles++;
    *ret = f;
    return 0;
}

struct file *file_ref(struct file *f)
{
    ref_get(&f->ref);
    return f;
}

struct file *file_unref(struct file *f)
{
    if (!f || !ref_put(&f->ref))
        return NULL;
    if (f->opened && !(f->flags & LINUX_O_PATH))
        notify_file(f, f->can_write ? LINUX_IN_CLOSE_WRITE : LINUX_IN_CLOSE_NOWRITE);
    if (!list_empty(&f->epitems) && f->epoll_gone)
        f->epoll_gone(f);
    file_signals_free(f);
    locks_release_file(f);
    lease_release_file(f);
    if (f->ops && f->ops->release)
        f->ops->release(f);
    if (f->deny_write)
        f->inode->deny_write--;
    if (f->counted_writer)
        f->inode->writers--;
    f->inode->opens--;
    notify_unlinked(f->inode);
    inode_unref(f->inode);
    path_unref(&f->path);
    cred_unref(f->cred);
    SLAB_FREE(FILE, f);
    vfs()->nfiles--;
    return NULL;
}

uint32_t file_poll(struct file *f, struct waitq **ret_q)
{
    *ret_q = NULL;
    if (!f->ops->poll)
        return LINUX_POLLIN | LINUX_POLLOUT | LINUX_POLLRDNORM | LINUX_POLLWRNORM;
    return f->ops->poll(f, ret_q);
}

HOT ssize_t file_read(struct file *f, struct uio *u, int64_t *pos)
{
    if (!f->can_read)
        return -EBADF;
    if (!f->ops->read)
        return LINUX_S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
    ssize_t n = f->ops->read(f, u, pos);
    if (n > 0)
        notify_file(f, LINUX_IN_ACCESS);
    if (n >= 0 && f->inode->sb->atimes && !(f->flags & LINUX_O_NOATIME))
        path_accessed(&f->path);
    if (n >= 0 && u->task) {
        u->task->tg->io.rchar += (uint64_t)n;
        u->task->tg->io.syscr++;
    }
    return n;
}

void file_size_signal(struct task *t)
{
    struct linux_siginfo info = signal_info_user(t, LINUX_SIGXFSZ, LINUX_SI_USER);
    (void)signal_send_task(t, LINUX_SIGXFSZ, &info);
}

int file_fsync_noop(struct file *f, bool data_only)
{
    (void)f, (void)data_only;
    return 0;
}

/* RLIMIT_FSIZE: how far a write at pos may go. -EFBIG with SIGXFSZ if nowhere. */
static int fsize_limit(struct file *f, struct uio *u, int64_t pos, uint64_t *ret_cut)
{
    *ret_cut = 0;
    if (!LINUX_S_ISREG(f->inode->mode) || !u->task)
        return 0;
    uint64_t limit = tgroup_rlimit(u->task->tg, LINUX_RLIMIT_FSIZE);
    if (limit == LINUX_RLIM_INFINITY)
        return 0;
    if (file_appends(f, u)) {
        struct kstat st;
        if (inode_getattr(f->inode, &st) == 0)
            pos = (int64_t)st.size;
    }
    if ((uint64_t)pos >= limit) {
        file_size_signal(u->task);
        return -EFBIG;
    }
    if (u->resid > limit - (uint64_t)pos)
        *ret_cut = u->resid - (limit - (uint64_t)pos);
    return 0;
}

HOT ssize_t file_write(struct file *f, struct uio *u, int64_t *pos)
{
    if (!f->can_write)
        return -EBADF;
    if (!f->ops->write)
        return -EINVAL;
    uint64_t cut = 0;
    if (pos && u->resid > 0) {
        int r = fsize_limit(f, u, *pos, &cut);
        if (r < 0)
            return r;
        file_kill_suid(f, u->task ? u->task->cred : f->cred);
    }
    u->resid -= cut;
    ssize_t n = f->ops->write(f, u, pos);
    u->resid += cut;
    if (n > 0)
        notify_file(f, LINUX_IN_MODIFY);
    if (n >= 0 && u->task) {
        u->task->tg->io.wchar += (uint64_t)n;
        u->task->tg->io.syscw++;
    }
    return n;
}

int64_t file_llseek_generic(struct file *f, int64_t off, int whence, uint64_t size)
{
    int64_t base = 0, pos;
    switch (whence) {
    case LINUX_SEEK_SET: break;
    case LINUX_SEEK_CUR: base = f->pos; break;
    case LINUX_SEEK_END: base = (int64_t)size; break;
    case LINUX_SEEK_DATA:
    case LINUX_SEEK_HOLE:
        if (off < 0 || (uint64_t)off >= size)
            return -ENXIO;
        if (whence == LINUX_SEEK_HOLE)
            off = (int64_t)size; /* one piece of data, and the hole behind it */
        break;
    default: return -EINVAL;
    }
    if (__builtin_add_overflow(base, off, &pos))
        return -EINVAL;
    if (pos < 0)
        return -EINVAL;
    if (pos != f->pos) {
        f->pos = pos;
        f->dir_cookie = 0;
    }
    return pos;
}

ssize_t file_pread_kernel(struct task *t, struct file *f, void *buf, size_t n, int64_t off)
{
    size_t done = 0;
    if (!f->ops->read)
        return LINUX_S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
    while (done < n) {
        struct uio u;
        uio_kernel(&u, t, (char *)buf + done, n - done);
        u.positioned = true;
        ssize_t r = f->ops->read(f, &u, &off);
        if (r < 0)
            return done ? (ssize_t)done : r;
        if (r == 0)
            break;
        done += (size_t)r;
    }
    if (done > 0)
        notify_file(f, LINUX_IN_ACCESS);
    return (ssize_t)done;
}
