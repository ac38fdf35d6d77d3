/* poll and ppoll. */
#include "sentry/syscalls/syscall.h"

#include "abi/limits.h"
#include "abi/poll.h"
#include "abi/resource.h"
#include "abi/time.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/ipc/poll.h"
#include "sentry/mm/usermem.h"
#include "sentry/syscalls/ipc.h"
#include "sentry/syscalls/ipc_poll.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

/* Fills revents; the number of entries that have some. */
static int64_t poll_look(struct task *t, struct linux_pollfd *fds, uint32_t n)
{
    int64_t found = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t mask = 0;
        if (fds[i].fd >= 0) {
            struct file *f = fd_get_io(t, fds[i].fd);
            struct waitq *q = NULL;
            mask = f ? file_poll(f, &q) & ((uint16_t)fds[i].events | LINUX_POLLERR | LINUX_POLLHUP)
                     : LINUX_POLLNVAL;
            file_unref(f);
        }
        fds[i].revents = (int16_t)mask;
        found += mask != 0;
    }
    return found;
}

static int poll_wait(struct task *t, const struct linux_pollfd *fds, uint32_t n,
                     int64_t deadline_ns)
{
    int err = n ? poll_set_begin(t, n) : 0;
    if (err)
        return err;
    for (uint32_t i = 0; i < n; i++) {
        struct file *f = fds[i].fd >= 0 ? fd_get_io(t, fds[i].fd) : NULL;
        if (f)
            poll_set_add(t, f, (uint16_t)fds[i].events | LINUX_POLLERR | LINUX_POLLHUP);
        file_unref(f);
    }
    return poll_set_park(t, deadline_ns);
}

#define POLL_FAST 16u

static int64_t poll_fds(struct task *t, struct uaddr addr, struct linux_pollfd *fds, uint32_t n,
                        int64_t timeout_ns)
{
    if (copy_in(t, fds, addr, n * sizeof(*fds)))
        return -EFAULT;
    int64_t r = poll_look(t, fds, n);
    if (r == 0 && timeout_ns != 0) {
        r = poll_wait(t, fds, n, task_deadline_after(t, timeout_ns));
        if (r != -ETIMEDOUT)
            return r;
        r = 0;
    }
    if (n && copy_out(t, addr, fds, n * sizeof(*fds)))
        return -EFAULT;
    return r;
}

/* timeout_ns < 0: none. 0.., -EBLOCKED, -ERESTARTSYS, -errno. */
static int64_t do_poll(struct task *t, struct uaddr addr, uint32_t n, int64_t timeout_ns)
{
    poll_set_reset(t);
    if (n > tgroup_rlimit(t->tg, LINUX_RLIMIT_NOFILE) || n > LINUX_NR_OPEN)
        return -EINVAL;
    struct linux_pollfd fast[POLL_FAST];
    if (n <= POLL_FAST)
        return poll_fds(t, addr, fast, n, timeout_ns);
    struct linux_pollfd *fds = arena_alloc(n * sizeof(*fds));
    if (!fds)
        return -ENOMEM;
    int64_t r = poll_fds(t, addr, fds, n, timeout_ns);
    arena_free(fds, n * sizeof(*fds));
    return r;
}

int64_t sys_poll(struct task *t, const struct sys_args *a)
{
    int32_t ms = arg_int(a, 2);
    int64_t r = do_poll(t, arg_uaddr(a, 0), arg_uint(a, 1), ms < 0 ? -1 : ms * NSEC_PER_MSEC);
    return r == -ERESTARTSYS ? -ERESTART_RESTARTBLOCK : r;
}

int64_t sys_ppoll(struct task *t, const struct sys_args *a)
{
    int64_t timeout_ns;
    int err = timeout_copy_in(t, arg_uaddr(a, 2), &timeout_ns);
    if (!err)
        err = sigmask_temp_in(t, arg_uaddr(a, 3), a->arg[4]);
    if (err)
        return err;
    int64_t r = do_poll(t, arg_uaddr(a, 0), arg_uint(a, 1), timeout_ns);
    return timeout_finish(t, r, timeout_ns, arg_uaddr(a, 2), false);
}
