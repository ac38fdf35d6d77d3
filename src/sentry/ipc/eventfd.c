#include "sentry/ipc/eventfd.h"

#include "abi/eventfd.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "base/err.h"
#include "base/str.h"
#include "sentry/arena/slab.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

struct eventfd {
    uint64_t count; /* never UINT64_MAX */
    bool semaphore;
    struct waitq wait;
};

#define EVENTFD_MAX (UINT64_MAX - 1)

HOT static ssize_t eventfd_read(struct file *f, struct uio *u, int64_t *pos)
{
    struct eventfd *e = f->priv;
    if (u->resid < sizeof(uint64_t))
        return -EINVAL;
    if (e->count == 0)
        return -EAGAIN;
    uint64_t v = e->semaphore ? 1 : e->count;
    if (uio_put(u, &v, sizeof(v)) != sizeof(v))
        return -EFAULT;
    e->count -= v;
    waitq_wake(&e->wait, LINUX_POLLOUT | LINUX_POLLWRNORM);
    return sizeof(v);
}

HOT static ssize_t eventfd_write(struct file *f, struct uio *u, int64_t *pos)
{
    struct eventfd *e = f->priv;
    uint64_t v;
    if (u->resid < sizeof(v))
        return -EINVAL;
    if (uio_get(u, &v, sizeof(v)) != sizeof(v))
        return -EFAULT;
    if (v == UINT64_MAX)
        return -EINVAL;
    if (EVENTFD_MAX - e->count < v)
        return -EAGAIN;
    e->count += v;
    waitq_wake(&e->wait, LINUX_POLLIN | LINUX_POLLRDNORM);
    return sizeof(v);
}

static uint32_t eventfd_poll(struct file *f, struct waitq **ret_q)
{
    struct eventfd *e = f->priv;
    *ret_q = &e->wait;
    return (e->count > 0 ? LINUX_POLLIN : 0) | (e->count < EVENTFD_MAX ? LINUX_POLLOUT : 0);
}

static void eventfd_release(struct file *f)
{
    struct eventfd *e = f->priv;
    if (e)
        waitq_wake(&e->wait, WAKE_ALL);
    SLAB_FREE(EVENTFD, e);
}

static void eventfd_fdinfo(struct file *f, char *buf, size_t size)
{
    struct eventfd *e = f->priv;
    struct strbuf sb;
    strbuf_init(&sb, buf, size);
    strbuf_printf(&sb, "eventfd-count: %16llx\neventfd-semaphore: %d\n",
                  (unsigned long long)e->count, e->semaphore);
}

static const struct file_ops eventfd_ops = {
    .name = "eventfd",
    .read = eventfd_read,
    .write = eventfd_write,
    .poll = eventfd_poll,
    .release = eventfd_release,
    .fdinfo = eventfd_fdinfo,
    .stream = true,
};

int eventfd_open(struct task *t, uint64_t count, uint32_t flags, struct file **ret)
{
    struct eventfd *e = SLAB_NEW(EVENTFD, struct eventfd);
    if (!e)
        return -ENOMEM;
    e->count = count;
    e->semaphore = flags & LINUX_EFD_SEMAPHORE;
    waitq_init(&e->wait);
    int err =
        file_new_anon("anon_inode:[eventfd]", 0, &eventfd_ops, e,
                      LINUX_O_RDWR | (flags & LINUX_EFD_NONBLOCK ? LINUX_O_NONBLOCK : 0), t, ret);
    if (err)
        SLAB_FREE(EVENTFD, e);
    return err;
}
