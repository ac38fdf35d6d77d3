/* sentry/platform/stubs/memory.c - application memory through process_vm_readv and writev. */
#include <errno.h>
#include <sys/uio.h>

#include "host/host.h"
#include "sentry/platform/stubs/stubs_priv.h"

/* A thread through which the memory is reached: that of a process whose first thread has ended is not found by its number. */
static int32_t someone(const struct space *s)
{
    const struct thread *th;
    LIST_FOREACH (th, &s->threads, node)
        if (th->tid && th->life == THREAD_ALIVE)
            return th->tid;
    return s->pid;
}

static ssize_t move(struct space *s, void *here, struct uaddr there, size_t n, bool out)
{
    if (!n)
        return 0;
    if (!s->pid || s->dead)
        return -EFAULT;
    struct iovec local = {here, n}, remote = {(void *)(uintptr_t)there.v, n};
    int32_t tid = someone(s);
    ssize_t r = out ? host_process_vm_writev(tid, &local, 1, &remote, 1, 0)
                    : host_process_vm_readv(tid, &local, 1, &remote, 1, 0);
    return r > 0 ? r : -EFAULT;
}

ssize_t platform_copy_in(struct space *s, void *dst, struct uaddr src, size_t size_bytes)
{
    return move(s, dst, src, size_bytes, false);
}

ssize_t platform_copy_out(struct space *s, struct uaddr dst, const void *src, size_t size_bytes)
{
    return move(s, (void *)(uintptr_t)src, dst, size_bytes, true);
}
