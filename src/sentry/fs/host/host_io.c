/* Reading, writing and waiting on a donated descriptor. */
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/limits.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "abi/stat.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/host/host_priv.h"
#include "sentry/io/worker.h"
#include "sentry/mm/usermem.h"
#include "sentry/signal/signal.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/uio.h>

#define BUF_FAST 4096u
#define BUF_MAX  65536u
#define WATCHED  (LINUX_POLLIN | LINUX_POLLOUT | LINUX_POLLPRI | LINUX_POLLRDHUP)
#define HERE     (~0UL) /* offset of preadv2: the description's position */

static struct host_inode *host_of(const struct file *f)
{
    return to_host_inode(f->priv ? f->priv : f->inode);
}

uint32_t host_ready(const struct host_inode *h)
{
    struct pollfd p = {.fd = hostfile_fd(h->host),
                       .events = (short)(WATCHED | LINUX_POLLRDNORM | LINUX_POLLWRNORM)};
    struct timespec now = {0};
    int n = host_ppoll(&p, 1, &now, NULL, sizeof(uint64_t));
    return n > 0 ? (uint16_t)p.revents : 0;
}

static void host_changed(struct hostwatch *w, uint32_t events)
{
    struct host_inode *h = container_of(w, struct host_inode, watch);
    if (list_empty(&h->wait.waiters)) {
        hostwatch_set(w, 0); /* I2 */
        return;
    }
    if (events & LINUX_POLLIN)
        events |= LINUX_POLLRDNORM;
    if (events & LINUX_POLLOUT)
        events |= LINUX_POLLWRNORM;
    waitq_wake(&h->wait, events & (LINUX_POLLERR | LINUX_POLLHUP) ? WAKE_ALL : events);
}

/* From now on a change of the host wakes the queue. Edges: setting events again reports what holds already. */
static int watch_start(struct host_inode *h)
{
    if (h->watch.added) {
        hostwatch_set(&h->watch, WATCHED);
        return 0;
    }
    int r = hostwatch_add(&h->watch, h->host, WATCHED, /* edge= */ true, host_changed);
    if (r == -EPERM)
        h->always_ready = true;
    return r;
}

static uint32_t host_poll(struct file *f, struct waitq **ret_q)
{
    struct host_inode *h = host_of(f);
    if (!h->always_ready && watch_start(h) == 0) {
        *ret_q = &h->wait;
        return host_ready(h);
    }
    *ret_q = NULL;
    return LINUX_POLLIN | LINUX_POLLOUT | LINUX_POLLRDNORM | LINUX_POLLWRNORM;
}

static int io_err(struct uio *u, int err)
{
    switch (-err) {
    case EPIPE: signal_send_task(u->task, LINUX_SIGPIPE, NULL); return -EPIPE;
    case EAGAIN:
    case EISDIR:
    case EINVAL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ECONNRESET:
    case ENOTCONN:
    case ESPIPE:
    case ENXIO:
    case EPERM:
    case ENODATA:
    case ENOMEM: return err;
    case EINTR: return -EAGAIN;
    case EBADF: /* the host description is of another mode */ return -EBADF;
    default: return -EIO;
    }
}

/* One transfer with a file without position. A host that does not know RWF_NOWAIT here is asked first whether it is ready; as
 * somebody else may be quicker, the call itself runs without the kernel lock. */
static ssize_t stream_once(struct host_inode *h, void *buf, size_t n, bool write)
{
    struct iovec iov = {buf, n};
    if (h->nonblock)
        return write ? host_write(hostfile_fd(h->host), buf, n)
                     : host_read(hostfile_fd(h->host), buf, n);
    if (!h->no_nowait) {
        int fd = hostfile_fd(h->host);
        ssize_t r = write ? host_pwritev2(fd, &iov, 1, HERE, 0, RWF_NOWAIT)
                          : host_preadv2(fd, &iov, 1, HERE, 0, RWF_NOWAIT);
        if (r != -EOPNOTSUPP)
            return r;
        h->no_nowait = true;
    }
    uint32_t want = LINUX_POLLERR | LINUX_POLLHUP | (write ? LINUX_POLLOUT : LINUX_POLLIN);
    if (!h->always_ready && !(host_ready(h) & want))
        return -EAGAIN;
    if (write) /* more than this may wait for a reader even after POLLOUT */
        n = MIN(n, (size_t)LINUX_PIPE_BUF);
    inode_ref(&h->vfs);
    int fd = hostfile_fd(h->host);
    worker_block_begin();
    ssize_t r = write ? host_write(fd, buf, n) : host_read(fd, buf, n);
    worker_block_end();
    inode_unref(&h->vfs);
    return r;
}

static ssize_t positioned_once(struct file *f, struct uio *u, void *buf, size_t n, int64_t pos,
                               bool write)
{
    struct host_inode *h = host_of(f);
    int fd = hostfile_fd(h->host);
    bool append = write && file_appends(f, u);
    if (append) {
        struct iovec iov = {buf, n};
        return host_pwritev2(fd, &iov, 1, HERE, 0, RWF_APPEND);
    }
    if (u->positioned || f->dir_cookie == HOST_POS_OWN)
        return write ? host_pwrite64(fd, buf, n, pos) : host_pread64(fd, buf, n, pos);
    return write ? host_write(fd, buf, n) : host_read(fd, buf, n);
}

static ssize_t once(struct file *f, struct uio *u, void *buf, size_t n, int64_t *pos, bool write)
{
    return pos ? positioned_once(f, u, buf, n, *pos, write)
               : stream_once(host_of(f), buf, n, write);
}

static ssize_t read_with(struct file *f, struct uio *u, void *buf, size_t n, int64_t *pos)
{
    ssize_t got = once(f, u, buf, n, pos, false);
    if (got <= 0)
        return got < 0 ? io_err(u, (int)got) : 0;
    ssize_t put = uio_put(u, buf, (size_t)got);
    if (put > 0 && pos)
        *pos += put;
    return put;
}

static ssize_t write_with(struct file *f, struct uio *u, void *buf, size_t n, int64_t *pos)
{
    struct uio start = *u;
    ssize_t got = uio_get(u, buf, n);
    if (got <= 0)
        return got;
    ssize_t put = once(f, u, buf, (size_t)got, pos, true);
    if (put != got) { /* what the host did not take is still to be written */
        *u = start;
        if (put > 0)
            uio_skip(u, (size_t)put);
    }
    if (put < 0)
        return io_err(u, (int)put);
    if (pos && file_appends(f, u)) {
        struct kstat st;
        if (inode_getattr(f->inode, &st) == 0)
            *pos = (int64_t)st.size;
    } else if (pos) {
        *pos += put;
    }
    return put;
}

/* As many rounds as the buffer is long; a short one ends the call. */
static ssize_t transfer(struct file *f, struct uio *u, int64_t *pos,
                        ssize_t (*fn)(struct file *f, struct uio *u, void *buf, size_t n,
                                      int64_t *pos))
{
    uint8_t fast[BUF_FAST];
    if (u->resid <= sizeof(fast))
        return u->resid ? fn(f, u, fast, u->resid, pos) : 0;
    size_t size = MIN(u->resid, (uint64_t)BUF_MAX);
    uint8_t *buf = arena_scratch(size);
    if (!buf)
        return -ENOMEM;
    ssize_t done = 0, r = 0;
    do {
        size_t n = MIN(u->resid, (uint64_t)size);
        r = fn(f, u, buf, n, pos);
        if (r > 0)
            done += r;
        if (r < (ssize_t)n)
            break;
    } while (u->resid > 0);
    arena_free(buf, size);
    return done ? done : r;
}

static ssize_t host_read_op(struct file *f, struct uio *u, int64_t *pos)
{
    return transfer(f, u, pos, read_with);
}

static ssize_t host_write_op(struct file *f, struct uio *u, int64_t *pos)
{
    return transfer(f, u, pos, write_with);
}

static int64_t host_llseek(struct file *f, int64_t off, int whence)
{
    struct host_inode *h = host_of(f);
    if (f->dir_cookie == HOST_POS_OWN) {
        struct kstat st;
        int r = inode_getattr(f->inode, &st);
        int64_t pos = r < 0 ? r : file_llseek_generic(f, off, whence, st.size);
        f->dir_cookie = HOST_POS_OWN;
        return pos;
    }
    int64_t pos = host_lseek(hostfile_fd(h->host), off, whence);
    if (pos >= 0)
        f->pos = pos;
    return pos;
}

static int64_t host_ioctl_op(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    int n = 0;
    if (cmd != LINUX_FIONREAD)
        return -ENOTTY;
    int r = host_ioctl(hostfile_fd(host_of(f)->host), LINUX_FIONREAD, &n);
    if (r < 0)
        return -ENOTTY;
    return copy_out_u32(t, UADDR(arg), (uint32_t)n);
}

/* -EINVAL what cannot be synchronised: pipes, sockets, most devices. */
static int host_fsync_op(struct file *f, bool data_only)
{
    struct host_inode *h = host_of(f);
    int fd = hostfile_fd(h->host);
    inode_ref(&h->vfs);
    worker_block_begin();
    int r = data_only ? host_fdatasync(fd) : host_fsync(fd);
    worker_block_end();
    inode_unref(&h->vfs);
    return r == 0 || r == -EINVAL || r == -ENOSPC || r == -EDQUOT || r == -EROFS ? r : -EIO;
}

static int host_mappable(struct file *f, bool shared, bool writable, struct hostfile **ret)
{
    if (!LINUX_S_ISREG(f->inode->mode))
        return -ENODEV;
    *ret = hostfile_ref(host_of(f)->host);
    return 0;
}

const struct file_ops host_stream_ops = {
    .name = "host",
    .read = host_read_op,
    .write = host_write_op,
    .poll = host_poll,
    .ioctl = host_ioctl_op,
    .write_all = true,
    .stream = true,
};

static void host_attached_release(struct file *f) { inode_unref(TAKE(f->priv)); }

const struct file_ops host_attached_ops = {
    .name = "host fifo",
    .read = host_read_op,
    .write = host_write_op,
    .poll = host_poll,
    .ioctl = host_ioctl_op,
    .release = host_attached_release,
    .write_all = true,
    .stream = true,
};

const struct file_ops host_seek_ops = {
    .name = "host",
    .read = host_read_op,
    .write = host_write_op,
    .llseek = host_llseek,
    .poll = host_poll,
    .ioctl = host_ioctl_op,
    .mappable = host_mappable,
    .fsync = host_fsync_op,
};
