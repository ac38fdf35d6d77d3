/* pipe, pipe2, and what new descriptors and timeouts of this family have in common. */
#include "sentry/syscalls/syscall.h"

#include "abi/fcntl.h"
#include "abi/time.h"
#include "base/checked.h"
#include "base/err.h"
#include "sentry/fs/pipe/pipe.h"
#include "sentry/mm/usermem.h"
#include "sentry/signal/signal.h"
#include "sentry/syscalls/ipc.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

int fd_install_pair(struct task *t, struct file *a, struct file *b, bool cloexec, struct uaddr out)
{
    int fds[2];
    fds[0] = fd_install(t, a, cloexec);
    if (fds[0] < 0) {
        file_unref(b);
        return fds[0];
    }
    fds[1] = fd_install(t, b, cloexec);
    int err = fds[1] < 0 ? fds[1] : copy_out(t, out, fds, sizeof(fds));
    if (err) {
        (void)fd_close(t, fds[0]);
        if (fds[1] >= 0)
            (void)fd_close(t, fds[1]);
    }
    return err;
}

int64_t fd_install_new(struct task *t, struct file *f, bool cloexec)
{
    return fd_install(t, f, cloexec);
}

int timespec_check(const struct linux_timespec *ts)
{
    return ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= NSEC_PER_SEC ? -EINVAL : 0;
}

int timeout_copy_in(struct task *t, struct uaddr a, int64_t *ret_ns)
{
    if (uaddr_is_null(a)) {
        *ret_ns = -1;
        return 0;
    }
    struct linux_timespec ts;
    int err = copy_in(t, &ts, a, sizeof(ts));
    if (!err)
        err = timespec_check(&ts);
    if (!err)
        *ret_ns = saturating_ns(ts.tv_sec, ts.tv_nsec);
    return err;
}

int sigmask_temp_in(struct task *t, struct uaddr mask, uint64_t size)
{
    if (uaddr_is_null(mask))
        return 0;
    if (size != sizeof(uint64_t))
        return -EINVAL;
    uint64_t set;
    int err = copy_in_u64(t, &set, mask);
    if (!err)
        signal_set_temp_mask(t, set);
    return err;
}

static int64_t do_pipe(struct task *t, struct uaddr out, uint32_t flags)
{
    if (flags & ~(LINUX_O_CLOEXEC | LINUX_O_NONBLOCK | LINUX_O_DIRECT))
        return -EINVAL;
    struct file *r, *w;
    int err = pipe_open_pair(t, flags & ~LINUX_O_CLOEXEC, &r, &w);
    if (err)
        return err;
    return fd_install_pair(t, r, w, flags & LINUX_O_CLOEXEC, out);
}

int64_t sys_pipe(struct task *t, const struct sys_args *a)
{
    return do_pipe(t, arg_uaddr(a, 0), 0);
}
int64_t sys_pipe2(struct task *t, const struct sys_args *a)
{
    return do_pipe(t, arg_uaddr(a, 0), arg_uint(a, 1));
}
