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
    uint32_t ev =
        (tg->zombie && !tg->draining) || !tg->leader ? LINUX_POLLIN | LINUX_POLLRDNORM : 0;
    return tg->leader ? ev : ev | LINUX_POLLHUP;
}

static void pidfd_release(struct file *f) { f->priv = tgroup_put(f->priv); }

/* As the initial namespace sees it, then down to its own. */
static void put_numbers(char *buf, size_t size, int32_t nr)
{
    int n = snprintf(buf, size, "Pid:\t%d\nNSpid:\t%d", nr, nr);
    const struct pid_ns *own = pid_ns_of(nr);
    for (uint32_t level = 1; nr > 0 && level <= own->level; level++) {
        const struct pid_ns *p = own;
        while (p->level > level)
            p = p->parent;
        n += snprintf(buf + n, size - (size_t)n, "\t%d", pid_ns_seen(p, nr));
    }
    (void)snprintf(buf + n, size - (size_t)n, "\n");
}

static void pidfd_info(struct file *f, char *buf, size_t size)
{
    const struct tgroup *tg = f->priv;
    put_numbers(buf, size, tg->leader ? tg->pid : -1);
}

static const struct file_ops pidfd_ops = {
    .name = "pidfd",
    .poll = pidfd_poll,
    .release = pidfd_release,
    .fdinfo = pidfd_info,
    .stream = true,
};

static uint32_t pidfd_thread_poll(struct file *f, struct waitq **ret_q)
{
    struct task *o = f->priv;
    *ret_q = &o->tg->exit_wait;
    uint32_t ev = o->state >= TASK_ZOMBIE ? LINUX_POLLIN | LINUX_POLLRDNORM : 0;
    return o->state == TASK_DEAD ? ev | LINUX_POLLHUP : ev;
}

static void pidfd_thread_release(struct file *f) { f->priv = task_unref(f->priv); }

static void pidfd_thread_info(struct file *f, char *buf, size_t size)
{
    const struct task *o = f->priv;
    put_numbers(buf, size, o->state == TASK_DEAD ? -1 : o->tid);
}

static const struct file_ops pidfd_thread_ops = {
    .name = "pidfd",
    .poll = pidfd_thread_poll,
    .release = pidfd_thread_release,
    .fdinfo = pidfd_thread_info,
    .stream = true,
};

struct tgroup *pidfd_group(const struct file *f) { return f->ops == &pidfd_ops ? f->priv : NULL; }

static int open_as(struct task *t, const struct file_ops *ops, void *priv, uint32_t flags,
                   struct file **ret)
{
    return file_new_anon("anon_inode:[pidfd]", 0, ops, priv,
                         LINUX_O_RDWR | (flags & LINUX_O_NONBLOCK), t, ret);
}

static int install(struct task *t, struct file *f, int *ret_fd)
{
    int fd = fd_install(t, f, true);
    if (fd < 0)
        return fd;
    *ret_fd = fd;
    return 0;
}

int pidfd_open_group(struct task *t, struct tgroup *tg, uint32_t flags, int *ret_fd)
{
    struct file *f;
    int err = open_as(t, &pidfd_ops, tg, flags, &f);
    if (err)
        return err;
    tgroup_get(tg);
    return install(t, f, ret_fd);
}

int pidfd_open_task(struct task *t, struct task *of, uint32_t flags, int *ret_fd)
{
    struct file *f;
    int err = open_as(t, &pidfd_thread_ops, of, flags, &f);
    if (err)
        return err;
    (void)task_ref(of);
    return install(t, f, ret_fd);
}

int pidfd_get_any(struct task *t, int fd, struct tgroup **ret, struct task **ret_task,
                  bool *ret_nonblock)
{
    struct file *f = fd_get(t, fd);
    struct tgroup *tg = f ? pidfd_group(f) : NULL;
    struct task *o = f && f->ops == &pidfd_thread_ops ? task_ref(f->priv) : NULL;
    if (o)
        tg = o->tg;
    if (tg)
        tgroup_get(tg);
    if (f && ret_nonblock)
        *ret_nonblock = (f->flags & LINUX_O_NONBLOCK) != 0;
    file_unref(f);
    if (!tg)
        return -EBADF;
    *ret = tg;
    *ret_task = o;
    return 0;
}

int pidfd_get(struct task *t, int fd, struct tgroup **ret)
{
    struct task *o;
    int err = pidfd_get_any(t, fd, ret, &o, NULL);
    if (!err)
        task_unref(o);
    return err;
}
