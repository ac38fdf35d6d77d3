/* FIFOs of the host (--host-fifo): the gofer opens them, without waiting; the waiting for the other end is done here, by asking
 * again after a while, since the host tells nobody but who sleeps in open. */
#include "abi/fcntl.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/fs/gofer/gofer_ops.h"
#include "sentry/fs/host/host_file.h"
#include "sentry/task/task.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/file.h"
#include "wire/gofer.h"

#include <poll.h>

#define RETRY_NS (10 * NSEC_PER_MSEC)

/* restart.obj: the end for reading, open while its writer is waited for; u[3]: the inode. */
static void wait_cleanup(struct task *t)
{
    t->restart.cleanup = NULL;
    hostfile_unref(TAKE(t->restart.obj));
}

static int wait_a_while(struct task *t)
{
    t->restart.timed_out = false;
    return task_park(t, clock_monotonic_ns() + RETRY_NS);
}

/* Whether the end for reading, h, has or had a writer. A read to nowhere tells: it ends where there is none, and takes nothing where
 * there is data. */
static bool has_writer(const struct hostfile *h)
{
    struct pollfd p = {.fd = hostfile_fd(h), .events = POLLIN};
    struct timespec now = {0};
    if (host_ppoll(&p, 1, &now, NULL, sizeof(uint64_t)) > 0)
        return true; /* data, or a writer that has come and gone */
    return host_read(hostfile_fd(h), NULL, 1) != 0;
}

static int end_open(struct gofer_inode *g, const struct file *f, struct hostfile **ret)
{
    uint32_t how = GOFER_OPEN_FIFO | (f->can_read ? GOFER_OPEN_READ : 0u) |
                   (f->can_write ? GOFER_OPEN_WRITE : 0u);
    gofer_alias_find(g);
    return gofer_ask_open(g, NULL, how, ret);
}

int gofer_fifo_open(struct inode *i, struct file *f, struct task *t)
{
    struct hostfile *h = NULL;
    bool nonblock = f->flags & LINUX_O_NONBLOCK;
    if (!(gofer_super_of(to_gofer(i))->conn->access & GOFER_ACCESS_FIFO_OPEN))
        return -ENOSYS;
    if (!f->can_read && !f->can_write)
        return -EINVAL;
    if (t->restart.cleanup == wait_cleanup) {
        if (t->restart.u[3] == (uintptr_t)i)
            h = hostfile_ref(t->restart.obj);
        wait_cleanup(t);
    }
    int r = h ? 0 : end_open(to_gofer(i), f, &h);
    if (r == -ENXIO && !nonblock)
        return wait_a_while(t); /* no reader yet */
    if (r < 0)
        return r;
    if (!nonblock && !f->can_write && !has_writer(h)) {
        r = wait_a_while(t);
        if (r == -EBLOCKED) {
            t->restart.obj = hostfile_ref(h);
            t->restart.u[3] = (uintptr_t)i;
            t->restart.cleanup = wait_cleanup;
        }
    } else {
        r = host_file_attach(f, h);
    }
    hostfile_unref(h);
    return r;
}
