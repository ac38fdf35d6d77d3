/* epoll's system calls. */
#include "sentry/syscalls/syscall.h"

#include "abi/epoll.h"
#include "abi/poll.h"
#include "base/err.h"
#include "sentry/io/worker.h"
#include "sentry/ipc/epoll.h"
#include "sentry/mm/usermem.h"
#include "sentry/syscalls/ipc.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

static int64_t do_epoll_create(struct task *t, uint32_t flags)
{
    if (flags & ~LINUX_EPOLL_CLOEXEC)
        return -EINVAL;
    struct file *f;
    int err = epoll_open(t, &f);
    return err ? err : fd_install_new(t, f, flags & LINUX_EPOLL_CLOEXEC);
}

int64_t sys_epoll_create(struct task *t, const struct sys_args *a)
{
    return arg_int(a, 0) <= 0 ? -EINVAL : do_epoll_create(t, 0);
}

int64_t sys_epoll_create1(struct task *t, const struct sys_args *a)
{
    return do_epoll_create(t, arg_uint(a, 0));
}

static int do_epoll_ctl(struct file *ep, int op, struct file *f, int fd,
                        const struct linux_epoll_event *ev)
{
    if (!f->ops->poll)
        return -EPERM;
    if (ep == f || !file_is_epoll(ep))
        return -EINVAL;
    return epoll_control(ep, op, f, fd, ev);
}

int64_t sys_epoll_ctl(struct task *t, const struct sys_args *a)
{
    int op = arg_int(a, 1), fd = arg_int(a, 2);
    struct linux_epoll_event ev = {0};
    if (op != LINUX_EPOLL_CTL_DEL && copy_in(t, &ev, arg_uaddr(a, 3), sizeof(ev)))
        return -EFAULT;
    struct file *ep = fd_get_io(t, arg_int(a, 0));
    if (!ep)
        return -EBADF;
    struct file *f = fd_get_io(t, fd);
    int err = f ? do_epoll_ctl(ep, op, f, fd, &ev) : -EBADF;
    file_unref(f);
    file_unref(ep);
    return err;
}

struct put_user {
    struct task *t;
    struct uaddr to;
};

static int put_user_events(void *ctx, uint32_t first, const struct linux_epoll_event *ev,
                           uint32_t n)
{
    struct put_user *p = ctx;
    return copy_out(p->t, uaddr_plus(p->to, first * sizeof(*ev)), ev, n * sizeof(*ev));
}

static void wait_file_drop(struct task *t)
{
    struct file *f = TAKE(t->restart.obj);
    t->restart.cleanup = NULL;
    file_unref(f);
}

/* timeout_ns < 0: none. The instance stays referenced while the task waits, as by Linux's sleeping thread. */
static int64_t do_epoll_wait(struct task *t, int epfd, struct uaddr events, int max,
                             int64_t timeout_ns)
{
    if (max <= 0 || (uint32_t)max > INT32_MAX / sizeof(struct linux_epoll_event))
        return -EINVAL;
    struct file *ep = t->restart.obj ? file_ref(t->restart.obj) : fd_get_io(t, epfd);
    if (!ep)
        return -EBADF;
    int64_t r = -EINVAL;
    if (file_is_epoll(ep)) {
        struct put_user p = {.t = t, .to = events};
        if (kern()->network_host && !t->restart.again)
            io_poll_now();
        r = epoll_harvest(ep, (uint32_t)max, put_user_events, &p);
        if (r == 0 && timeout_ns != 0) {
            r = task_wait(t, epoll_waitq(ep), LINUX_POLLIN, task_deadline_after(t, timeout_ns));
            if (r == -ETIMEDOUT)
                r = 0;
            else if (r == -ERESTARTSYS)
                r = -EINTR;
        }
    }
    if (r == -EBLOCKED && !t->restart.obj) {
        t->restart.obj = file_ref(ep);
        t->restart.cleanup = wait_file_drop;
    }
    file_unref(ep);
    return r;
}

static int64_t timeout_ms_to_ns(int32_t ms) { return ms < 0 ? -1 : ms * NSEC_PER_MSEC; }

int64_t sys_epoll_wait(struct task *t, const struct sys_args *a)
{
    return do_epoll_wait(t, arg_int(a, 0), arg_uaddr(a, 1), arg_int(a, 2),
                         timeout_ms_to_ns(arg_int(a, 3)));
}

int64_t sys_epoll_pwait(struct task *t, const struct sys_args *a)
{
    int err = sigmask_temp_in(t, arg_uaddr(a, 4), a->arg[5]);
    if (err)
        return err;
    return do_epoll_wait(t, arg_int(a, 0), arg_uaddr(a, 1), arg_int(a, 2),
                         timeout_ms_to_ns(arg_int(a, 3)));
}

int64_t sys_epoll_pwait2(struct task *t, const struct sys_args *a)
{
    int64_t timeout_ns;
    int err = timeout_copy_in(t, arg_uaddr(a, 3), &timeout_ns);
    if (!err)
        err = sigmask_temp_in(t, arg_uaddr(a, 4), a->arg[5]);
    if (err)
        return err;
    return do_epoll_wait(t, arg_int(a, 0), arg_uaddr(a, 1), arg_int(a, 2), timeout_ns);
}
