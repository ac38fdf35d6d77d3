/* madvise, msync, mincore, and locks. Pages belong to the host: advice that changes them is passed on, locks are accounted. */
#include "sentry/mm/mm_priv.h"

#include "abi/capability.h"
#include "abi/fcntl.h"
#include "abi/resource.h"
#include "abi/syscall_nr.h"

/* What madvise does with one VMA's part of the range. */
enum action { ACT_NOTHING, ACT_HOST, ACT_FLAG, ACT_PUNCH };
struct advice {
    enum action act;
    uint32_t set, clear; /* ACT_FLAG, and with ACT_HOST too: bits of vma.flags */
};

static int advice_for(const struct vma *v, uint32_t advice, struct advice *ret)
{
    bool locked = v->flags & LINUX_MAP_LOCKED, anon_private = vma_anon(v) && !vma_shared(v);
    *ret = (struct advice){ACT_NOTHING, 0, 0};
    switch (advice) {
    case LINUX_MADV_DONTNEED:
    case LINUX_MADV_FREE:
        if (locked || (advice == LINUX_MADV_FREE && !anon_private))
            return -EINVAL;
        ret->act = ACT_HOST;
        return 0;
    case LINUX_MADV_DONTNEED_LOCKED: ret->act = ACT_HOST; return 0;
    case LINUX_MADV_REMOVE:
        if (locked || !v->host)
            return -EINVAL;
        if (!vma_shared(v) || !(v->prot & LINUX_PROT_WRITE))
            return -EACCES;
        ret->act = ACT_PUNCH;
        return 0;
    case LINUX_MADV_DONTFORK: *ret = (struct advice){ACT_HOST, VMA_DONTFORK, 0}; return 0;
    case LINUX_MADV_DOFORK: *ret = (struct advice){ACT_HOST, 0, VMA_DONTFORK}; return 0;
    case LINUX_MADV_WIPEONFORK:
        if (!anon_private)
            return -EINVAL;
        *ret = (struct advice){ACT_HOST, VMA_WIPEONFORK, 0};
        return 0;
    case LINUX_MADV_KEEPONFORK: *ret = (struct advice){ACT_HOST, 0, VMA_WIPEONFORK}; return 0;
    case LINUX_MADV_DONTDUMP: *ret = (struct advice){ACT_FLAG, VMA_DONTDUMP, 0}; return 0;
    case LINUX_MADV_DODUMP: *ret = (struct advice){ACT_FLAG, 0, VMA_DONTDUMP}; return 0;
    case LINUX_MADV_HUGEPAGE:
    case LINUX_MADV_NOHUGEPAGE: ret->act = anon_private ? ACT_HOST : ACT_NOTHING; return 0;
    case LINUX_MADV_POPULATE_READ:
    case LINUX_MADV_POPULATE_WRITE: ret->act = ACT_HOST; return 0;
    case LINUX_MADV_COLD:
    case LINUX_MADV_PAGEOUT:
        if (locked)
            return -EINVAL;
        ret->act = ACT_HOST;
        return 0;
    case LINUX_MADV_COLLAPSE: ret->act = ACT_HOST; return 0;
    default: return 0;
    }
}

/* The host's number for advice that it is asked to carry out. */
static uint32_t host_advice(uint32_t advice)
{
    return advice == LINUX_MADV_DONTNEED_LOCKED ? LINUX_MADV_DONTNEED : advice;
}

static int punch_hole(struct vma *v, struct urange r)
{
    struct file *f = v->file;
    int64_t off = (int64_t)(v->off_bytes + (r.start - v->range.start)),
            len = (int64_t)urange_len(r);
    if (!f)
        return -EOPNOTSUPP; /* shared anonymous: the caller asks the host */
    if (!f->ops->fallocate)
        return -EOPNOTSUPP;
    file_ref(f);
    int err =
        f->ops->fallocate(f, LINUX_FALLOC_FL_PUNCH_HOLE | LINUX_FALLOC_FL_KEEP_SIZE, off, len);
    file_unref(f);
    return err;
}

/* Advice that loses data, for memory that a seal keeps as it is. */
static bool advice_breaks_seal(const struct vma *v, uint32_t advice)
{
    if (!(v->flags & VMA_SEALED) || !vma_anon(v) || (v->prot & LINUX_PROT_WRITE))
        return false;
    return advice == LINUX_MADV_DONTNEED || advice == LINUX_MADV_FREE ||
           advice == LINUX_MADV_DONTNEED_LOCKED || advice == LINUX_MADV_REMOVE ||
           advice == LINUX_MADV_DONTFORK || advice == LINUX_MADV_WIPEONFORK;
}

static int advise_one(struct task *t, struct vma *v, struct urange r, uint32_t advice)
{
    struct advice a;
    int err = advice_breaks_seal(v, advice) ? -EPERM : advice_for(v, advice, &a);
    if (err || a.act == ACT_NOTHING)
        return err;
    if (a.act == ACT_PUNCH && v->file)
        return punch_hole(v, r);
    bool relabel = (v->flags & a.set) != a.set || (v->flags & a.clear);
    if (relabel) {
        err = vma_isolate(t->mm, r);
        if (err)
            return err;
    }
    if (a.act != ACT_FLAG) {
        err = platform_madvise(t->thread, r, host_advice(advice));
        if (!err)
            t->mm_undo = (struct mm_undo){.op = MM_OP_ADVISE, .range = r};
    }
    if (!err && relabel) {
        v = mm_find(t->mm, r.start);
        vma_change(t->mm, v, v->prot, (v->flags | a.set) & ~a.clear);
    }
    if (relabel)
        vma_rejoin(t->mm, r);
    return err;
}

static bool advice_known(uint32_t advice)
{
    return advice <= LINUX_MADV_DONTNEED ||
           (advice >= LINUX_MADV_FREE && advice <= LINUX_MADV_COLLAPSE);
}

int64_t mm_madvise(struct task *t, uint64_t addr, uint64_t len, uint32_t advice)
{
    struct mm *mm = t->mm;
    if (advice == LINUX_MADV_HWPOISON || advice == LINUX_MADV_SOFT_OFFLINE) /* no such hardware */
        return task_capable(t, LINUX_CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
    if (!advice_known(advice))
        return -EINVAL;
    if (!GUEST_PAGE_ALIGNED(addr))
        return -EINVAL;
    struct urange r;
    uint64_t aligned = GUEST_PAGE_UP(len);
    if ((len && !aligned) || urange_make(addr, aligned, &r))
        return -EINVAL;
    if (urange_overlaps(mm->filled, r))
        mm->filled = (struct urange){0, 0};
    int hole = 0;
    while (r.start < r.end) {
        struct vma *v = mm_find_from(mm, r.start);
        if (!v || v->range.start >= r.end)
            return -ENOMEM;
        if (v->range.start > r.start)
            hole = -ENOMEM;
        struct urange part = urange_intersect(v->range, r);
        int err = advise_one(t, v, part, advice);
        if (err)
            return mm_op_error(t, err);
        r.start = part.end;
    }
    return hole;
}

int64_t mm_msync(struct task *t, uint64_t addr, uint64_t len, uint32_t flags)
{
    if (flags & ~(LINUX_MS_ASYNC | LINUX_MS_INVALIDATE | LINUX_MS_SYNC))
        return -EINVAL;
    if (!GUEST_PAGE_ALIGNED(addr) || ((flags & LINUX_MS_ASYNC) && (flags & LINUX_MS_SYNC)))
        return -EINVAL;
    struct urange r;
    uint64_t aligned = GUEST_PAGE_UP(len);
    if ((len && !aligned) || urange_make(addr, aligned, &r))
        return -ENOMEM;
    int hole = 0;
    while (r.start < r.end) {
        struct vma *v = mm_find_from(t->mm, r.start);
        if (!v || v->range.start >= r.end)
            return -ENOMEM;
        if (v->range.start > r.start)
            hole = -ENOMEM;
        if ((flags & LINUX_MS_INVALIDATE) && (v->flags & LINUX_MAP_LOCKED))
            return -EBUSY;
        r.start = MIN(v->range.end, r.end);
        struct file *f = v->file;
        if (!(flags & LINUX_MS_SYNC) || !f || !vma_shared(v) || !f->ops->fsync)
            continue;
        file_ref(f); /* the hook may drop the kernel lock */
        int err = f->ops->fsync(f, true);
        file_unref(f);
        if (err)
            return err;
    }
    return hole;
}

int64_t mm_mincore(struct task *t, uint64_t addr, uint64_t len, struct uaddr vec)
{
    if (!GUEST_PAGE_ALIGNED(addr))
        return -EINVAL;
    uint64_t pages = DIV_ROUND_UP(len, GUEST_PAGE_SIZE);
    if (addr > SPACE_END || len > SPACE_END - addr)
        return -ENOMEM;
    if (vec.v > SPACE_END || pages > SPACE_END - vec.v)
        return -EFAULT;
    if (!pages)
        return 0;
    uint64_t hole;
    if (!mm_range_full(t->mm, (struct urange){addr, addr + pages * GUEST_PAGE_SIZE}, &hole))
        return -ENOMEM;
    int err =
        platform_native_call(t->thread, LINUX_SYS_mincore, (const uint64_t[6]){addr, len, vec.v});
    if (!err)
        t->mm_undo = (struct mm_undo){.op = MM_OP_ADVISE};
    return err ? mm_op_error(t, err) : 0;
}

/* Sets or clears the lock bits on what is mapped of r; -ENOMEM at a hole. */
static int lock_range(struct mm *mm, struct urange r, uint32_t bits)
{
    int err = vma_isolate(mm, r);
    if (err)
        return err;
    uint64_t at = r.start;
    for (struct vma *v = mm_find_from(mm, at); v && v->range.start <= at && at < r.end;
         v = vma_next(v)) {
        vma_change(mm, v, v->prot, (v->flags & ~(LINUX_MAP_LOCKED | VMA_LOCKONFAULT)) | bits);
        at = v->range.end;
    }
    vma_rejoin(mm, r);
    return at >= r.end ? 0 : -ENOMEM;
}

/* Locked memory is there: the host brings in what is mapped of r, as far as the queue goes. */
static int64_t lock_populate(struct task *t, struct urange r, bool all)
{
    uint32_t n = 0;
    for (struct vma *v = mm_find_from(t->mm, r.start);
         v && v->range.start < r.end && n < PLATFORM_QUEUE_MAX / 2; v = vma_next(v)) {
        bool write = (v->prot & LINUX_PROT_WRITE) && !vma_shared(v);
        if (all && (v->host || !(v->prot & LINUX_PROT_READ)))
            continue; /* mlockall() overlooks what cannot be read */
        int err = platform_madvise(t->thread, urange_intersect(v->range, r),
                                   write ? LINUX_MADV_POPULATE_WRITE : LINUX_MADV_POPULATE_READ);
        if (err)
            return mm_op_error(t, err);
        n++;
    }
    t->mm_undo = (struct mm_undo){.op = MM_OP_LOCK, .range = r};
    return 0;
}

static int lock_args(uint64_t addr, uint64_t len, struct urange *ret)
{
    uint64_t aligned = GUEST_PAGE_UP(len + GUEST_PAGE_OFFSET(addr));
    if (aligned < len || urange_make(GUEST_PAGE_DOWN(addr), aligned, ret))
        return -EINVAL;
    return 0;
}

int64_t mm_lock(struct task *t, uint64_t addr, uint64_t len, bool on_fault)
{
    struct mm *mm = t->mm;
    int err = mm_may_lock(t, 0);
    if (err == -EPERM)
        return err;
    struct urange r;
    err = lock_args(addr, len, &r);
    if (err)
        return err;
    uint64_t pages = urange_len(r) / GUEST_PAGE_SIZE;
    for (struct vma *v = mm_find_from(mm, r.start); v && v->range.start < r.end; v = vma_next(v))
        if (v->flags & LINUX_MAP_LOCKED)
            pages -= urange_len(urange_intersect(v->range, r)) / GUEST_PAGE_SIZE;
    if (mm_may_lock(t, pages))
        return -ENOMEM;
    if (urange_is_empty(r))
        return 0;
    err = lock_range(mm, r, LINUX_MAP_LOCKED | (on_fault ? VMA_LOCKONFAULT : 0));
    return err || on_fault ? err : lock_populate(t, r, false);
}

int64_t mm_unlock(struct task *t, uint64_t addr, uint64_t len)
{
    struct urange r;
    int err = lock_args(addr, len, &r);
    if (err || urange_is_empty(r))
        return err;
    return lock_range(t->mm, r, 0);
}

static void lock_everything(struct mm *mm, uint32_t bits)
{
    for (struct vma *v = mm_find_from(mm, 0); v; v = vma_next(v))
        vma_change(mm, v, v->prot, (v->flags & ~(LINUX_MAP_LOCKED | VMA_LOCKONFAULT)) | bits);
    vma_rejoin(mm, (struct urange){0, SPACE_END});
}

int64_t mm_lock_all(struct task *t, uint32_t flags)
{
    struct mm *mm = t->mm;
    if (!flags || (flags & ~(LINUX_MCL_CURRENT | LINUX_MCL_FUTURE | LINUX_MCL_ONFAULT)) ||
        flags == LINUX_MCL_ONFAULT)
        return -EINVAL;
    if (mm_may_lock(t, 0) == -EPERM)
        return -EPERM;
    if ((flags & LINUX_MCL_CURRENT) && mm_may_lock(t, mm->total_pages - mm->locked_pages))
        return -ENOMEM;
    uint32_t bits = LINUX_MAP_LOCKED | (flags & LINUX_MCL_ONFAULT ? VMA_LOCKONFAULT : 0);
    mm->def_flags = flags & LINUX_MCL_FUTURE ? bits : 0;
    if (!(flags & LINUX_MCL_CURRENT))
        return 0;
    lock_everything(mm, bits);
    return flags & LINUX_MCL_ONFAULT ? 0 : lock_populate(t, (struct urange){0, SPACE_END}, true);
}

int64_t mm_unlock_all(struct task *t)
{
    t->mm->def_flags = 0;
    lock_everything(t->mm, 0);
    return 0;
}
