/* Advice about other processes, seals, remap_file_pages. */
#include "sentry/syscalls/syscall.h"

#include "abi/capability.h"
#include "abi/mman.h"
#include "base/err.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/uio.h"
#include "sentry/platform/space_limits.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/ptrace_access.h"
#include "sentry/task/task_priv.h"

/* Bytes from the start of seg that are mapped; hints about them have no effect that could be seen. */
static int64_t advised(const struct mm *mm, const struct uio_seg *seg)
{
    if (!GUEST_PAGE_ALIGNED(seg->base))
        return -EINVAL;
    uint64_t end = seg->base + GUEST_PAGE_UP(seg->len);
    if (end < seg->base || end > SPACE_END)
        return -EINVAL;
    for (uint64_t at = seg->base; at < end;) {
        const struct vma *v = mm_find(mm, at);
        if (!v)
            return -ENOMEM;
        if (v->flags & LINUX_MAP_LOCKED)
            return -EINVAL;
        at = v->range.end;
    }
    return (int64_t)seg->len;
}

static int64_t advise_all(struct task *t, struct tgroup *tg, const struct uio_seg *segs,
                          uint64_t count, uint32_t advice)
{
    struct task *o = tg->leader;
    if (!o || !o->mm)
        return -ESRCH;
    if (!task_may_access(t, o))
        return -EPERM;
    if (o->mm != t->mm && !task_capable(t, LINUX_CAP_SYS_NICE))
        return -EPERM;
    if (advice != LINUX_MADV_COLD && advice != LINUX_MADV_PAGEOUT &&
        advice != LINUX_MADV_WILLNEED && advice != LINUX_MADV_COLLAPSE)
        return -EINVAL;
    int64_t done = 0;
    for (uint64_t i = 0; i < count; i++) {
        int64_t n = advised(o->mm, &segs[i]);
        if (n < 0)
            return done ? done : n;
        done += n;
    }
    return done;
}

int64_t sys_process_madvise(struct task *t, const struct sys_args *a)
{
    struct uio_seg fast[UIO_FAST], *segs;
    uint64_t total, count = a->arg[2];
    if (arg_uint(a, 4))
        return -EINVAL;
    int64_t r = uio_copy_iovec(t, arg_uaddr(a, 1), count, fast, &segs, &total);
    if (r)
        return r;
    struct tgroup *tg;
    r = pidfd_get(t, arg_int(a, 0), &tg);
    if (!r) {
        r = advise_all(t, tg, segs, count, arg_uint(a, 3));
        tgroup_put(tg);
    }
    uio_vec_free(segs, count, fast);
    return r;
}

int64_t sys_mseal(struct task *t, const struct sys_args *a)
{
    return mm_seal(t, a->arg[0], a->arg[1], a->arg[2]);
}

int64_t sys_remap_file_pages(struct task *t, const struct sys_args *a)
{
    const struct remap_pages q = {a->arg[0], a->arg[1], a->arg[2], a->arg[3]};
    return mm_remap_pages(t, &q);
}
