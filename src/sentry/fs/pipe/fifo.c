/* The open of a FIFO: each end waits for the other. */
#include "abi/fcntl.h"
#include "base/err.h"
#include "sentry/fs/pipe/pipe.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/inode.h"

enum { FIFO_READER = 1, FIFO_WRITER = 2 };

/* A waiting opener counts as open. Its count lives in restart (obj: the pipe, u[2]: FIFO_*, u[3]: the counter that it waits for). */
static void fifo_wait_cleanup(struct task *t)
{
    struct pipe *p = TAKE(t->restart.obj);
    t->restart.cleanup = NULL;
    pipe_detach(p, t->restart.u[2] & FIFO_READER, t->restart.u[2] & FIFO_WRITER);
}

static int fifo_wait(struct task *t, struct pipe *p, uint64_t ends, uint32_t counter)
{
    t->restart.obj = p;
    t->restart.u[2] = ends;
    t->restart.u[3] = counter;
    t->restart.cleanup = fifo_wait_cleanup;
    return task_wait(t, &p->wait, WAKE_ALL, TIME_NONE);
}

static void fifo_opened(struct pipe *p, struct file *f)
{
    f->ops = &pipe_file_ops;
    f->priv = p;
}

/* The run after a wait: has the other end been opened since? */
static int fifo_open_again(struct file *f, struct task *t)
{
    struct pipe *p = t->restart.obj;
    bool reader = t->restart.u[2] & FIFO_READER;
    uint32_t counter = reader ? p->w_counter : p->r_counter;
    if (counter == (uint32_t)t->restart.u[3])
        return task_wait(t, &p->wait, WAKE_ALL, TIME_NONE);
    t->restart.obj = NULL;
    t->restart.cleanup = NULL;
    fifo_opened(p, f);
    return 0;
}

int fifo_open(struct inode *i, struct file *f, struct task *t)
{
    if (t->restart.obj && t->restart.cleanup == fifo_wait_cleanup) {
        struct pipe *held = t->restart.obj;
        if (held->inode == i)
            return fifo_open_again(f, t);
        fifo_wait_cleanup(t); /* the name leads elsewhere now */
    }
    struct pipe *p = i->fifo;
    bool rd = f->can_read, wr = f->can_write, nonblock = f->flags & LINUX_O_NONBLOCK;
    if (!rd && !wr) /* access mode 3 */
        return -EINVAL;
    if (wr && !rd && nonblock && !(p && p->readers))
        return -ENXIO;
    if (!p) {
        p = pipe_new();
        if (!p)
            return -ENOMEM;
        p->inode = inode_ref(i);
        i->fifo = p;
    }
    p->readers += rd;
    p->writers += wr;
    p->r_counter += rd;
    p->w_counter += wr;
    waitq_wake(&p->wait, WAKE_ALL);
    if (p->unnamed) {
        fifo_opened(p, f);
        return 0;
    }
    if (rd && !wr && !p->writers) {
        if (!nonblock)
            return fifo_wait(t, p, FIFO_READER, p->w_counter);
        f->dir_cookie = p->w_counter;
    } else if (wr && !rd && !p->readers) {
        return fifo_wait(t, p, FIFO_WRITER, p->r_counter);
    }
    fifo_opened(p, f);
    return 0;
}
