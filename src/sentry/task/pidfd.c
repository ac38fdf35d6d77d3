#include "sentry/task/pidfd.h"

#include "abi/fcntl.h"
#include "abi/poll.h"
#include "base/err.h"
#include "sentry/task/task_priv.h"
#include "sentry/vfs/file.h"

#include <stdio.h>

static uint32_t pidfd_poll(struct file *f, struct waitq **ret_q)
{
    struct tgroup *tg = f->priv;
    *ret_q = &tg->exit_wait;
    uint32_t ev = tg->zombie || !tg->leader ? LINUX_POLLIN | LINUX_POLLRDNORM : 0;
    return tg->leader ? ev : ev | LINUX_POLLHUP;
}

static void pidfd_release(struct file *f) { f->priv = tgroup_put(f->priv); }

static void pidfd_info(struct file *f, char *buf, size_t size)
{
    const struct tgroup *tg = f->priv;
    int pid = tg->leader ? tg->pid : -1;
    (void)snprintf(buf, size, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static const struct file_ops pidfd_ops = {
    .name = "pidfd",
    .poll = pidfd_poll,
    .release = pidfd_release,
    .fdinfo = pidfd_info,
    .stream = true,
};

struct tgroup *pidfd_group(const struct file *f) { return f->ops == &pidfd_ops ? f->priv : NULL; }

int pidfd_open_group(struct task *t, struct tgroup *tg, uint32_t flags, int *ret_fd)
{
    struct file *f;
    int err = file_new_anon("anon_inode:[pidfd]", 0, &pidfd_ops, tg,
                            LINUX_O_RDWR | (flags & LINUX_O_NONBLOCK), t, &f);
    if (err)
        return err;
    tgroup_get(tg);
    int fd = fd_install(t, f, true);
    if (fd < 0)
        return fd;
    *ret_fd = fd;
    return 0;
}

int pidfd_get(struct task *t, int fd, struct tgroup **ret)
{
    struct file *f = fd_get(t, fd);
    struct tgroup *tg = f ? pidfd_group(f) : NULL;
    if (tg)
        tgroup_get(tg);
    file_unref(f);
    if (!tg)
        return -EBADF;
    *ret = tg;
    return 0;
}
