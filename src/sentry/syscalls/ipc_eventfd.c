/* eventfd and timerfd. */
#include "sentry/syscalls/syscall.h"

#include "abi/capability.h"
#include "abi/eventfd.h"
#include "abi/time.h"
#include "base/err.h"
#include "sentry/ipc/eventfd.h"
#include "sentry/ipc/timerfd.h"
#include "sentry/mm/usermem.h"
#include "sentry/syscalls/ipc.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

static int64_t do_eventfd(struct task *t, uint32_t count, uint32_t flags)
{
    if (flags & ~(LINUX_EFD_SEMAPHORE | LINUX_EFD_CLOEXEC | LINUX_EFD_NONBLOCK))
        return -EINVAL;
    struct file *f;
    int err = eventfd_open(t, count, flags, &f);
    return err ? err : fd_install_new(t, f, flags & LINUX_EFD_CLOEXEC);
}

int64_t sys_eventfd(struct task *t, const struct sys_args *a)
{
    return do_eventfd(t, arg_uint(a, 0), 0);
}
int64_t sys_eventfd2(struct task *t, const struct sys_args *a)
{
    return do_eventfd(t, arg_uint(a, 0), arg_uint(a, 1));
}

int64_t sys_timerfd_create(struct task *t, const struct sys_args *a)
{
    int32_t clockid = arg_int(a, 0);
    uint32_t flags = arg_uint(a, 1);
    if (flags & ~(LINUX_TFD_CLOEXEC | LINUX_TFD_NONBLOCK))
        return -EINVAL;
    bool alarm = clockid == LINUX_CLOCK_REALTIME_ALARM || clockid == LINUX_CLOCK_BOOTTIME_ALARM;
    if (clockid != LINUX_CLOCK_MONOTONIC && clockid != LINUX_CLOCK_REALTIME &&
        clockid != LINUX_CLOCK_BOOTTIME && !alarm)
        return -EINVAL;
    if (alarm && !task_capable(t, LINUX_CAP_WAKE_ALARM))
        return -EPERM;
    struct file *f;
    int err = timerfd_open(t, clockid, flags, &f);
    return err ? err : fd_install_new(t, f, flags & LINUX_TFD_CLOEXEC);
}

static int itimerspec_check(const struct linux_itimerspec *its)
{
    int err = timespec_check(&its->it_value);
    return err ? err : timespec_check(&its->it_interval);
}

int64_t sys_timerfd_settime(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 1);
    struct linux_itimerspec value, old;
    int err = copy_in(t, &value, arg_uaddr(a, 2), sizeof(value));
    if (err)
        return err;
    if ((flags & ~(LINUX_TFD_TIMER_ABSTIME | LINUX_TFD_TIMER_CANCEL_ON_SET)) ||
        itimerspec_check(&value))
        return -EINVAL;
    struct file *f = fd_get_io(t, arg_int(a, 0));
    if (!f)
        return -EBADF;
    err = timerfd_set(f, flags, &value, &old);
    file_unref(f);
    if (!err && a->arg[3])
        err = copy_out(t, arg_uaddr(a, 3), &old, sizeof(old));
    return err;
}

int64_t sys_timerfd_gettime(struct task *t, const struct sys_args *a)
{
    struct linux_itimerspec its;
    struct file *f = fd_get_io(t, arg_int(a, 0));
    if (!f)
        return -EBADF;
    int err = timerfd_get(f, &its);
    file_unref(f);
    return err ? err : copy_out(t, arg_uaddr(a, 1), &its, sizeof(its));
}
