/* Memory system calls: arguments to mm/. */
#include "sentry/syscalls/syscall.h"

#include "abi/mman.h"
#include "abi/mount.h"
#include "abi/personality.h"
#include "base/err.h"
#include "sentry/mm/mm.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

/* personality(READ_IMPLIES_EXEC): programs from before the NX bit. */
static uint32_t prot_of(const struct task *t, uint32_t prot, const struct file *f)
{
    bool noexec = f && f->path.mnt && (f->path.mnt->flags & LINUX_MS_NOEXEC);
    if ((prot & LINUX_PROT_READ) && (t->personality & LINUX_READ_IMPLIES_EXEC) && !noexec)
        prot |= LINUX_PROT_EXEC;
    return prot;
}

int64_t sys_mmap(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 3);
    uint64_t off = a->arg[5];
    if (!GUEST_PAGE_ALIGNED(off))
        return -EINVAL;
    struct file *f = NULL;
    if (!(flags & LINUX_MAP_ANONYMOUS)) {
        f = fd_get_io(t, arg_int(a, 4));
        if (!f)
            return -EBADF;
    }
    int64_t r = mm_map(t, a->arg[0], a->arg[1], prot_of(t, (uint32_t)a->arg[2], f), flags, f, off);
    if (f)
        file_unref(f);
    return r;
}

int64_t sys_munmap(struct task *t, const struct sys_args *a)
{
    return mm_unmap(t, a->arg[0], a->arg[1]);
}

int64_t sys_mprotect(struct task *t, const struct sys_args *a)
{
    return mm_protect(t, a->arg[0], a->arg[1], prot_of(t, arg_uint(a, 2), NULL));
}

/* Without protection keys, which the sandbox does not offer, only key -1 exists. */
int64_t sys_pkey_mprotect(struct task *t, const struct sys_args *a)
{
    if (arg_int(a, 3) != -1)
        return -EINVAL;
    return mm_protect(t, a->arg[0], a->arg[1], arg_uint(a, 2));
}

int64_t sys_mremap(struct task *t, const struct sys_args *a)
{
    return mm_remap(t, a->arg[0], a->arg[1], a->arg[2], arg_uint(a, 3), a->arg[4]);
}

int64_t sys_brk(struct task *t, const struct sys_args *a) { return mm_brk(t, a->arg[0]); }

int64_t sys_madvise(struct task *t, const struct sys_args *a)
{
    return mm_madvise(t, a->arg[0], a->arg[1], arg_uint(a, 2));
}

int64_t sys_msync(struct task *t, const struct sys_args *a)
{
    return mm_msync(t, a->arg[0], a->arg[1], arg_uint(a, 2));
}

int64_t sys_mincore(struct task *t, const struct sys_args *a)
{
    return mm_mincore(t, a->arg[0], a->arg[1], arg_uaddr(a, 2));
}
