/* kcmp: do two threads share a kernel object? */
#include "abi/epoll.h"
#include "abi/sched.h"
#include "base/err.h"
#include "sentry/ipc/epoll.h"
#include "sentry/kernel.h"
#include "sentry/mm/usermem.h"
#include "sentry/task/ptrace_access.h"
#include "sentry/task/task_priv.h"
#include "sentry/vfs/file.h"

/* 0 equal, 1 less, 2 greater: an order that says nothing about addresses. */
static int64_t order(const void *a, const void *b)
{
    if (a == b)
        return 0;
    uint64_t secret = kern()->tasks->kcmp_secret | 1;
    return (uint64_t)(uintptr_t)a * secret < (uint64_t)(uintptr_t)b * secret ? 1 : 2;
}

static const void *part(const struct task *o, int type)
{
    switch (type) {
    case LINUX_KCMP_VM: return o->mm;
    case LINUX_KCMP_FILES: return o->files;
    case LINUX_KCMP_FS: return o->fs;
    case LINUX_KCMP_SIGHAND: return o->tg->sighand;
    default:
        return NULL; /* no I/O contexts, no lists of semaphore undos: as threads that have none */
    }
}

static int64_t compare_files(struct task *x, struct task *y, uint64_t fx, uint64_t fy)
{
    struct file *f = x->files && fx <= INT32_MAX ? fd_get(x, (int)fx) : NULL;
    struct file *g = y->files && fy <= INT32_MAX ? fd_get(y, (int)fy) : NULL;
    int64_t r = f && g ? order(f, g) : -EBADF;
    file_unref(f);
    file_unref(g);
    return r;
}

static int64_t compare_target(struct task *t, struct task *x, struct task *y, uint64_t fd,
                              struct uaddr at)
{
    struct linux_kcmp_epoll_slot s;
    if (copy_in(t, &s, at, sizeof(s)))
        return -EFAULT;
    struct file *f = x->files && fd <= INT32_MAX ? fd_get(x, (int)fd) : NULL;
    if (!f)
        return -EBADF;
    struct file *ep = y->files && s.efd <= INT32_MAX ? fd_get(y, (int)s.efd) : NULL;
    const struct file *target = NULL;
    int64_t r = !ep ? -EBADF : !file_is_epoll(ep) ? -EINVAL : 0;
    if (!r) {
        target = epoll_target(ep, (int)s.tfd, s.toff);
        r = target ? order(f, target) : -ENOENT;
    }
    file_unref(ep);
    file_unref(f);
    return r;
}

int64_t sys_kcmp(struct task *t, const struct sys_args *a)
{
    struct task *x = task_named(t, arg_int(a, 0)), *y = task_named(t, arg_int(a, 1));
    int type = arg_int(a, 2);
    if (!x || !y)
        return -ESRCH;
    if (!task_may_access(t, x) || !task_may_access(t, y))
        return -EPERM;
    if (type == LINUX_KCMP_FILE)
        return compare_files(x, y, a->arg[3], a->arg[4]);
    if (type == LINUX_KCMP_EPOLL_TFD)
        return compare_target(t, x, y, a->arg[3], arg_uaddr(a, 4));
    if (type < LINUX_KCMP_FILE || type > LINUX_KCMP_SYSVSEM)
        return -EINVAL;
    return order(part(x, type), part(y, type));
}
