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

HOT ssize_t file_read_block(struct task *t, struct file *f, struct uio *u, int64_t *pos)
{
    ssize_t n = file_read(f, u, pos);
    if (likely(n != -EAGAIN))
        return n;
    return file_wait(t, f, LINUX_POLLIN | LINUX_POLLRDNORM | LINUX_POLLRDHUP, is_nonblock(f, u), TIME_NONE);
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
            n = file_wait(t, f, LINUX_POLLOUT | LINUX_POLLWRNORM, is_nonblock(f, u), TIME_NONE);
            if (n == -EBLOCKED)
                return n;
        }
        return rs->done ? (ssize_t)rs->done : n;
    }
}
