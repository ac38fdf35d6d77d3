#include "sentry/vfs/file_block.h"

#include "abi/fcntl.h"
#include "abi/poll.h"
#include "base/err.h"
#include "base/types.h"
#include "sentry/task/task.h"

int file_wait(struct task *t, struct file *f, uint32_t events, bool nonblock, int64_t deadline_ns)
{
    if (nonblock)
        return -EAGAIN;
    struct waitq *q;
    (void)file_poll(f, &q);
    if (!q)
        return -EAGAIN;
    int r = task_wait(t, q, events | LINUX_POLLERR | LINUX_POLLHUP, deadline_ns);
    return r == -ETIMEDOUT ? -EAGAIN : r;
}

static bool is_nonblock(const struct file *f, const struct uio *u)
{
    return (f->flags & LINUX_O_NONBLOCK) || u->nonblock;
}

/* As file_wait, with the file's own timeout; such calls are not restarted after a signal (signal(7)). */
static int io_wait(struct task *t, struct file *f, uint32_t events, const struct uio *u, bool write)
{
    int64_t ns = f->ops->timeout_ns ? f->ops->timeout_ns(f, write) : -1;
    bool nonblock = is_nonblock(f, u) || ns == 0;
    int r = file_wait(t, f, events, nonblock,
                      nonblock || ns < 0 ? TIME_NONE : task_deadline_after(t, ns));
    return r == -ERESTARTSYS && ns > 0 ? -EINTR : r;
}

HOT ssize_t file_read_block(struct task *t, struct file *f, struct uio *u, int64_t *pos)
{
    ssize_t n = file_read(f, u, pos);
    if (likely(n != -EAGAIN))
        return n;
    return io_wait(t, f, LINUX_POLLIN | LINUX_POLLRDNORM | LINUX_POLLRDHUP, u, false);
}

HOT ssize_t file_write_block(struct task *t, struct file *f, struct uio *u, int64_t *pos)
{
    struct restart *rs = &t->restart;
    if (rs->done)
        uio_skip(u, rs->done);
    for (;;) {
        ssize_t n = file_write(f, u, pos);
        if (n > 0) {
            rs->done += (uint64_t)n;
            if (f->ops->write_all && u->resid > 0)
                continue;
            return (ssize_t)rs->done;
        }
        if (n == -EAGAIN) {
            n = io_wait(t, f, LINUX_POLLOUT | LINUX_POLLWRNORM, u, true);
            if (n == -EBLOCKED)
                return n;
        }
        return rs->done ? (ssize_t)rs->done : n;
    }
}
