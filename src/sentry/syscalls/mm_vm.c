/* process_vm_readv and process_vm_writev: between the memory of two processes. */
#include "sentry/syscalls/syscall.h"

#include "abi/limits.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/uio.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/task/ptrace_access.h"
#include "sentry/task/task.h"

#define CHUNK (64u * 1024u)

/* Moves bytes between our segments (local) and the other's; as far as it goes. */
static int64_t transfer(struct uio *local, struct mm *mm, const struct uio_seg *segs,
                        uint64_t count, bool write)
{
    char *buf = arena_alloc(CHUNK);
    if (!buf)
        return -ENOMEM;
    int64_t done = 0;
    bool more = true;
    for (uint64_t i = 0; more && i < count; i++) {
        for (uint64_t off = 0; more && off < segs[i].len && local->resid > 0;) {
            size_t n = MIN((size_t)(segs[i].len - off), (size_t)CHUNK);
            struct uaddr at = UADDR(segs[i].base + off);
            n = MIN(n, (size_t)local->resid);
            ssize_t got = write ? uio_get(local, buf, n) : mm_copy_in_some(mm, buf, at, n);
            ssize_t put = got <= 0 ? got
                          : write  ? mm_copy_out_some(mm, at, buf, (size_t)got)
                                   : uio_put(local, buf, (size_t)got);
            more = put == (ssize_t)n;
            if (put > 0) {
                done += put;
                off += (uint64_t)put;
            }
        }
    }
    arena_free(buf, CHUNK);
    return done || more ? done : -EFAULT;
}

static int64_t process_vm(struct task *t, const struct sys_args *a, bool write)
{
    if (a->arg[5])
        return -EINVAL;
    struct uio_seg fast_local[UIO_FAST], fast_remote[UIO_FAST], *local, *remote;
    uint64_t total_local, total_remote, nlocal = a->arg[2], nremote = a->arg[4];
    int err = uio_copy_iovec(t, arg_uaddr(a, 1), nlocal, fast_local, &local, &total_local);
    if (err)
        return err;
    int64_t r = uio_copy_iovec(t, arg_uaddr(a, 3), nremote, fast_remote, &remote, &total_remote);
    if (!r) {
        struct task *other = task_named(t, arg_int(a, 0));
        struct task *held = other ? task_ref(other) : NULL;
        if (other)
            mm_reach(other);
        struct uio u;
        uio_user_vec(&u, t, local, (uint32_t)nlocal, total_local);
        if (!other || !other->mm)
            r = -ESRCH;
        else if (!task_may_access(t, other))
            r = -EPERM;
        else if (total_local && total_remote)
            r = transfer(&u, other->mm, remote, nremote, write);
        task_unref(held);
        uio_vec_free(remote, nremote, fast_remote);
    }
    uio_vec_free(local, nlocal, fast_local);
    return r;
}

int64_t sys_process_vm_readv(struct task *t, const struct sys_args *a)
{
    return process_vm(t, a, false);
}

int64_t sys_process_vm_writev(struct task *t, const struct sys_args *a)
{
    return process_vm(t, a, true);
}
