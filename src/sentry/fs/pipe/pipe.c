#include "sentry/fs/pipe/pipe.h"

#include "abi/capability.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/limits.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/mm/usermem.h"
#include "sentry/signal/signal.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/inode.h"

struct pipe *pipe_new(void)
{
    struct pipe *p = SLAB_NEW(PIPE, struct pipe);
    if (!p)
        return NULL;
    p->ring = p->small;
    p->cap = PIPE_SMALL;
    p->size = PIPE_DEFAULT_SIZE;
    waitq_init(&p->wait);
    return p;
}

void pipe_free(struct pipe *p)
{
    if (!p)
        return;
    if (p->ring != p->small)
        arena_free(p->ring, p->cap);
    if (p->rec)
        arena_free(p->rec, p->rec_slots * sizeof(*p->rec));
    SLAB_FREE(PIPE, p);
}

void pipe_wake_readers(struct pipe *p) { waitq_wake(&p->wait, LINUX_POLLIN | LINUX_POLLRDNORM); }
void pipe_wake_writers(struct pipe *p) { waitq_wake(&p->wait, LINUX_POLLOUT | LINUX_POLLWRNORM); }

void pipe_detach(struct pipe *p, bool reader, bool writer)
{
    p->readers -= reader;
    p->writers -= writer;
    if (p->readers || p->writers) {
        waitq_wake(&p->wait, WAKE_ALL);
        return;
    }
    if (p->inode) {
        p->inode->fifo = NULL;
        inode_unref(p->inode);
    }
    pipe_free(p);
}

HOT static ssize_t pipe_read(struct file *f, struct uio *u, int64_t *pos)
{
    struct pipe *p = f->priv;
    if (u->resid == 0)
        return 0;
    bool writable = pipe_writable(p);
    ssize_t got = pipe_ring_read(p, u);
    if (got == -EAGAIN && !p->writers)
        return 0; /* I3 */
    if (!writable && pipe_writable(p))
        pipe_wake_writers(p);
    return got;
}

HOT static ssize_t pipe_write(struct file *f, struct uio *u, int64_t *pos)
{
    struct pipe *p = f->priv;
    if (u->resid == 0)
        return 0;
    if (!p->readers) {
        struct linux_siginfo info = signal_info_user(u->task, LINUX_SIGPIPE, LINUX_SI_USER);
        (void)signal_send_task(u->task, LINUX_SIGPIPE, &info);
        return -EPIPE;
    }
    ssize_t got = pipe_ring_write(p, u, f->flags & LINUX_O_DIRECT);
    if (got > 0)
        pipe_wake_readers(p);
    return got;
}

static uint32_t pipe_poll(struct file *f, struct waitq **ret_q)
{
    struct pipe *p = f->priv;
    uint32_t mask = 0;
    *ret_q = &p->wait;
    if (f->can_read) {
        if (pipe_used(p))
            mask |= LINUX_POLLIN | LINUX_POLLRDNORM;
        /* A FIFO opened without waiting has no hang-up before its first writer. */
        if (!p->writers && f->dir_cookie != p->w_counter)
            mask |= LINUX_POLLHUP;
    }
    if (f->can_write) {
        if (pipe_writable(p))
            mask |= LINUX_POLLOUT | LINUX_POLLWRNORM;
        if (!p->readers)
            mask |= LINUX_POLLERR;
    }
    return mask;
}

static int64_t pipe_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    struct pipe *p = f->priv;
    if (cmd != LINUX_FIONREAD)
        return -ENOTTY;
    return copy_out_u32(t, UADDR(arg), pipe_used(p));
}

static void pipe_release(struct file *f)
{
    if (f->priv)
        pipe_detach(f->priv, f->can_read, f->can_write);
}

const struct file_ops pipe_file_ops = {
    .name = "pipe",
    .read = pipe_read,
    .write = pipe_write,
    .poll = pipe_poll,
    .ioctl = pipe_ioctl,
    .release = pipe_release,
    .write_all = true,
    .stream = true,
};

struct pipe *file_pipe(const struct file *f) { return f->ops == &pipe_file_ops ? f->priv : NULL; }

int pipe_open_pair(struct task *t, uint32_t flags, struct file **ret_read, struct file **ret_write)
{
    struct pipe *p = pipe_new();
    if (!p)
        return -ENOMEM;
    struct file *r, *w;
    int err =
        file_new_anon("pipe", LINUX_S_IFIFO, &pipe_file_ops, NULL, flags | LINUX_O_RDONLY, t, &r);
    if (err) {
        pipe_free(p);
        return err;
    }
    /* Both descriptions are of one inode. */
    err = file_new(&r->path, &pipe_file_ops, flags | LINUX_O_WRONLY, t->cred, &w);
    if (err) {
        file_unref(r);
        pipe_free(p);
        return err;
    }
    p->readers = p->writers = 1;
    p->r_counter = p->w_counter = 1;
    r->priv = w->priv = p;
    /* /proc/self/fd/N of either end opens the pipe again. */
    p->inode = inode_ref(r->inode);
    p->unnamed = true;
    r->inode->fifo = p;
    *ret_read = r;
    *ret_write = w;
    return 0;
}

int64_t pipe_set_size(struct task *t, struct pipe *p, uint64_t size_bytes)
{
    if (size_bytes > (1u << 31))
        return -EINVAL;
    uint32_t size = LINUX_PIPE_BUF;
    while (size < size_bytes)
        size *= 2;
    if (size > p->size && size > PIPE_MAX_SIZE && !task_capable(t, LINUX_CAP_SYS_RESOURCE))
        return -EPERM;
    if (size < pipe_used(p) || size < p->cap || p->rec_head != p->rec_tail) {
        if (size < pipe_used(p) || p->rec_head != p->rec_tail)
            return -EBUSY;
        /* The ring is larger than the new limit: into one that fits (I1). */
        uint8_t *ring = arena_alloc(size);
        if (!ring)
            return -ENOMEM;
        uint32_t used = pipe_used(p);
        (void)pipe_ring_peek(p, 0, ring, used);
        arena_free(p->ring, p->cap);
        p->ring = ring;
        p->cap = size;
        p->tail = 0;
        p->head = used;
    }
    bool writable = pipe_writable(p);
    p->size = size;
    if (!writable && pipe_writable(p))
        pipe_wake_writers(p);
    return size;
}
