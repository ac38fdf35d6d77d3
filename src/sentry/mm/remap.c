/* mprotect, mremap, brk; and what the map says when the host refuses an operation. */
#include "sentry/mm/mm_priv.h"

#include "abi/resource.h"
#include "abi/signal.h"

/* How far from r.start the change of protection is allowed, and what the first obstacle is. */
static int protect_extent(const struct mm *mm, struct urange r, uint32_t prot, uint64_t *ret_end)
{
    uint64_t at = r.start;
    for (struct vma *v = mm_find_from(mm, at); at < r.end; v = vma_next(v)) {
        *ret_end = at;
        if (!v || v->range.start > at)
            return -ENOMEM;
        if (prot & ~v->max_prot)
            return -EACCES;
        if (mm->mdwe && (prot & LINUX_PROT_EXEC) &&
            ((prot & LINUX_PROT_WRITE) || !(v->prot & LINUX_PROT_EXEC)))
            return -EACCES;
        at = v->range.end;
    }
    *ret_end = r.end;
    return 0;
}

static int protect_range(struct task *t, struct urange r, uint32_t prot)
{
    struct mm *mm = t->mm;
    uint64_t new_data = 0;
    for (struct vma *v = mm_find_from(mm, r.start); v && v->range.start < r.end; v = vma_next(v))
        if (vma_is_data(prot, v->flags) && !vma_is_data(v->prot, v->flags))
            new_data += urange_len(urange_intersect(v->range, r)) / GUEST_PAGE_SIZE;
    int err = mm_check_sealed(mm, r);
    if (!err)
        err = mm_may_expand(t, 0, new_data);
    if (!err)
        err = vma_isolate(mm, r);
    if (err)
        return err;
    err = platform_protect(t->thread, r, prot);
    if (err) {
        vma_rejoin(mm, r);
        return (int)mm_op_error(t, err);
    }
    struct vma *first = mm_find_from(mm, r.start);
    t->mm_undo = (struct mm_undo){.op = MM_OP_PROTECT, .range = r, .old_prot = first->prot};
    for (struct vma *v = first; v && v->range.start < r.end; v = vma_next(v)) {
        if (v->prot != first->prot && v != first)
            t->mm_undo.old_prot = UINT32_MAX;
        if (v != first)
            vma_change(mm, v, prot, v->flags);
    }
    vma_change(mm, first, prot, first->flags);
    vma_rejoin(mm, r);
    return 0;
}

int64_t mm_protect(struct task *t, uint64_t addr, uint64_t len, uint32_t prot)
{
    uint32_t grows = prot & (LINUX_PROT_GROWSDOWN | LINUX_PROT_GROWSUP);
    prot &= ~grows;
    if (grows == (LINUX_PROT_GROWSDOWN | LINUX_PROT_GROWSUP))
        return -EINVAL;
    if (!GUEST_PAGE_ALIGNED(addr))
        return -EINVAL;
    if (len == 0)
        return 0;
    len = GUEST_PAGE_UP(len);
    struct urange r;
    if (len == 0 || urange_make(addr, len, &r))
        return -ENOMEM;
    if (prot & ~(MM_PROT_ALL | LINUX_PROT_SEM))
        return -EINVAL;
    prot &= MM_PROT_ALL;
    struct vma *v = mm_find_from(t->mm, addr);
    if (!v || v->range.start >= r.end)
        return -ENOMEM;
    if (grows & LINUX_PROT_GROWSDOWN) {
        if (!(v->flags & LINUX_MAP_GROWSDOWN))
            return -EINVAL;
        r.start = MIN(r.start, v->range.start);
    } else if (v->range.start > addr) {
        return -ENOMEM;
    } else if (grows) {
        return -EINVAL;
    }
    uint64_t end;
    int obstacle = protect_extent(t->mm, r, prot, &end);
    r.end = end;
    if (!urange_is_empty(r)) {
        int err = protect_range(t, r, prot);
        if (err)
            return err;
    }
    return obstacle;
}

/* The VMA that mremap may take [addr, addr+old_len) from. */
static int remap_source(const struct mm *mm, uint64_t addr, uint64_t old_len, uint64_t new_len,
                        struct vma **ret)
{
    struct vma *v = mm_find(mm, addr);
    if (!v)
        return -EFAULT;
    if (old_len == 0 && !vma_shared(v))
        return -EINVAL;
    if (old_len > v->range.end - addr)
        return -EFAULT;
    if (new_len > old_len && (v->flags & VMA_DONTEXPAND))
        return -EFAULT;
    if (v->host && new_len > old_len) {
        uint64_t off = v->off_bytes + (addr - v->range.start);
        if (off + new_len < off || off + new_len > INT64_MAX)
            return -EINVAL;
    }
    *ret = v;
    return 0;
}

/* The limits of making v's range of old_len bytes new_len long (copy: both exist). */
static int remap_limits(const struct task *t, const struct vma *v, uint64_t more_bytes)
{
    uint64_t pages = more_bytes / GUEST_PAGE_SIZE;
    if (!pages)
        return 0;
    if ((v->flags & LINUX_MAP_LOCKED) && mm_may_lock(t, pages))
        return -EAGAIN;
    return mm_may_expand(t, pages, vma_is_data(v->prot, v->flags) ? pages : 0);
}

/* Queues host's mremap of from to to, then moves the VMA's part. from is inside one VMA. */
static int64_t remap_move(struct task *t, struct vma *v, struct urange from, struct urange to,
                          uint32_t flags)
{
    struct mm *mm = t->mm;
    bool keep = (flags & LINUX_MREMAP_DONTUNMAP) || urange_is_empty(from);
    struct vma proto = *v;
    proto.range = to;
    if (v->host)
        proto.off_bytes += from.start - v->range.start;
    struct vma *moved = vma_new(&proto);
    if (!moved)
        return -ENOMEM;
    int err = vma_isolate(mm, to);
    if (!err && !urange_is_empty(from))
        err = vma_isolate(mm, from);
    if (!err) {
        /* A copy of a shared mapping (old length 0) is simply one more mapping of the same memory. */
        if (urange_is_empty(from))
            err =
                platform_map_file(t->thread, to, moved->prot, true, moved->host, moved->off_bytes);
        else
            err = platform_mremap(t->thread, from, to, flags);
    }
    if (err) {
        vma_rejoin(mm, to);
        vma_rejoin(mm, from);
        vma_free(moved);
        return mm_op_error(t, err);
    }
    t->mm_undo = (struct mm_undo){.op = MM_OP_REMAP, .range = to, .from = keep ? to : from};
    vma_remove_range(mm, to);
    if (!keep)
        vma_remove_range(mm, from);
    vma_insert(mm, moved);
    vma_rejoin(mm, from);
    return (int64_t)to.start;
}

/* Same start, larger: the VMA must end where the old range does. */
static int64_t remap_grow(struct task *t, struct vma *v, struct urange from, uint64_t new_end)
{
    struct urange to = {from.start, new_end};
    int err = platform_mremap(t->thread, from, to, 0);
    if (err)
        return mm_op_error(t, err);
    t->mm_undo = (struct mm_undo){.op = MM_OP_MAP, .range = {from.end, new_end}};
    vma_resize(t->mm, v, v->range.start, new_end);
    vma_rejoin(t->mm, v->range);
    return (int64_t)from.start;
}

static int64_t remap_fixed(struct task *t, struct urange from, uint64_t new_len, uint32_t flags,
                           uint64_t new_addr)
{
    struct mm *mm = t->mm;
    uint64_t old_len = from.end - from.start;
    if (!(flags & LINUX_MREMAP_FIXED)) {
        if (!GUEST_PAGE_ALIGNED(new_addr))
            return -EINVAL;
        int err = mm_find_room(mm, new_addr, new_len, false, &new_addr);
        if (err)
            return err;
    } else if (new_addr < SPACE_MIN) {
        return -EPERM;
    }
    struct urange to = {new_addr, new_addr + new_len};
    struct vma *v;
    int err = mm->nvmas + 3 >= MM_MAX_VMAS ? -ENOMEM : mm_check_sealed(mm, to);
    if (!err && old_len > new_len) { /* the rest goes first, whatever VMAs it has */
        err = mm_unmap(t, from.start + new_len, old_len - new_len);
        from.end = from.start + new_len;
    }
    if (!err) {
        err = remap_source(mm, from.start, MIN(old_len, new_len), new_len, &v);
        if (err && (flags & LINUX_MREMAP_FIXED)) { /* by then Linux has made room */
            int gone = mm_unmap(t, new_addr, new_len);
            err = gone ? gone : err;
        }
    }
    if (err)
        return err;
    bool copy = (flags & LINUX_MREMAP_DONTUNMAP) || old_len == 0;
    if (!err)
        err = remap_limits(t, v, copy ? new_len : new_len > old_len ? new_len - old_len : 0);
    return err ? err
               : remap_move(t, v, from, to, flags | LINUX_MREMAP_MAYMOVE | LINUX_MREMAP_FIXED);
}

int64_t mm_remap(struct task *t, uint64_t addr, uint64_t old_len, uint64_t new_len, uint32_t flags,
                 uint64_t new_addr)
{
    struct mm *mm = t->mm;
    if (flags & ~(LINUX_MREMAP_MAYMOVE | LINUX_MREMAP_FIXED | LINUX_MREMAP_DONTUNMAP))
        return -EINVAL;
    if ((flags & (LINUX_MREMAP_FIXED | LINUX_MREMAP_DONTUNMAP)) && !(flags & LINUX_MREMAP_MAYMOVE))
        return -EINVAL;
    if ((flags & LINUX_MREMAP_DONTUNMAP) && old_len != new_len)
        return -EINVAL;
    if (!GUEST_PAGE_ALIGNED(addr))
        return -EINVAL;
    old_len = GUEST_PAGE_UP(old_len);
    new_len = GUEST_PAGE_UP(new_len);
    if (new_len == 0)
        return -EINVAL;
    struct urange from;
    if (urange_make(addr, old_len, &from))
        return -EINVAL;
    struct vma *v = mm_find(mm, addr);
    if (!v)
        return -EFAULT;
    if (flags & LINUX_MREMAP_FIXED) {
        if (!GUEST_PAGE_ALIGNED(new_addr) || new_len > SPACE_END || new_addr > SPACE_END - new_len)
            return -EINVAL;
        if (urange_overlaps(from, (struct urange){new_addr, new_addr + new_len}))
            return -EINVAL;
    }
    if (new_len > SPACE_END)
        return -ENOMEM;
    int sealed = mm_check_sealed(mm, old_len ? from : v->range);
    if (sealed)
        return sealed;
    if (flags & (LINUX_MREMAP_FIXED | LINUX_MREMAP_DONTUNMAP))
        return remap_fixed(t, from, new_len, flags, new_addr);
    if (old_len >= new_len) {
        if (old_len > new_len) {
            int err = mm_unmap(t, addr + new_len, old_len - new_len);
            if (err)
                return err;
        }
        return (int64_t)addr;
    }
    int err = remap_source(mm, addr, old_len, new_len, &v);
    if (!err)
        err = remap_limits(t, v, new_len - old_len);
    if (err)
        return err;
    if (old_len && from.end == v->range.end) {
        struct vma *above = vma_next(v);
        uint64_t room_end = above ? vma_start_gap(above) : SPACE_END;
        if (room_end >= from.end && room_end - from.end >= new_len - old_len &&
            !(v->flags & LINUX_MAP_GROWSDOWN))
            return remap_grow(t, v, from, addr + new_len);
    }
    return flags & LINUX_MREMAP_MAYMOVE ? remap_fixed(t, from, new_len, flags, 0) : -ENOMEM;
}

int64_t mm_brk(struct task *t, uint64_t brk)
{
    struct mm *mm = t->mm;
    if (brk < mm->brk_start || brk > SPACE_END - GUEST_PAGE_SIZE)
        return (int64_t)mm->brk;
    uint64_t limit = tgroup_rlimit(t->tg, LINUX_RLIMIT_DATA);
    if (limit != LINUX_RLIM_INFINITY &&
        (brk - mm->brk_start) + (mm->end_data - mm->start_data) > limit)
        return (int64_t)mm->brk;
    uint64_t old_end = GUEST_PAGE_UP(mm->brk), new_end = GUEST_PAGE_UP(brk), old_brk = mm->brk;
    int64_t err = 0;
    if (new_end < old_end) {
        err = mm_unmap(t, new_end, old_end - new_end);
    } else if (new_end > old_end) {
        struct vma *above = mm_find_from(mm, old_end);
        if (above && vma_start_gap(above) < new_end)
            return (int64_t)old_brk;
        uint64_t pages = (new_end - old_end) / GUEST_PAGE_SIZE;
        if (mm_may_expand(t, pages, pages) || mm->nvmas >= MM_MAX_VMAS ||
            ((mm->def_flags & LINUX_MAP_LOCKED) && mm_may_lock(t, pages)))
            return (int64_t)old_brk;
        err = mm_add_anon(t, (struct urange){old_end, new_end}, LINUX_PROT_READ | LINUX_PROT_WRITE,
                          LINUX_MAP_PRIVATE | mm->def_flags, "[heap]",
                          (mm->def_flags & (LINUX_MAP_LOCKED | VMA_LOCKONFAULT)) == LINUX_MAP_LOCKED
                              ? LINUX_MAP_POPULATE
                              : 0);
    }
    if (err == -EBLOCKED || err == -ERESTARTNOINTR)
        return err;
    if (err)
        return (int64_t)old_brk;
    if (new_end > old_end)
        t->mm_undo = (struct mm_undo){
            .op = MM_OP_BRK, .range = {old_end, new_end}, .from = {old_brk, old_brk}};
    mm->brk = brk;
    return (int64_t)brk;
}

/* What is not true in the host is taken out of the map; the host is told too, in case it did a part. */
static void forget_range(struct task *t, struct urange r)
{
    if (urange_is_empty(r) || vma_isolate(t->mm, r))
        return; /* the map says more than there is: the application gets SIGSEGV where it may expect memory */
    if (platform_unmap(t->thread, r))
        vma_rejoin(t->mm, r);
    else
        vma_remove_range(t->mm, r);
}

static void undo_remap(struct task *t, const struct mm_undo *u)
{
    struct mm *mm = t->mm;
    struct vma *v = mm_find(mm, u->range.start);
    if (v && u->from.start != u->range.start && mm_range_empty(mm, u->from)) {
        struct vma proto = *v;
        proto.range = u->from;
        if (v->host)
            proto.off_bytes += u->range.start - v->range.start;
        struct vma *back = vma_new(&proto);
        if (back)
            vma_insert(mm, back);
    }
    forget_range(t, u->range);
}

int64_t mm_map_failed(struct task *t, int err)
{
    struct mm_undo u = t->mm_undo;
    t->mm_undo = (struct mm_undo){0};
    switch (u.op) {
    case MM_OP_EXEC: tgroup_exit(t->tg, LINUX_SIGKILL); return -EFAULT;
    case MM_OP_MAP:
    case MM_OP_STACK: forget_range(t, u.range); return -ENOMEM;
    case MM_OP_REMAP: undo_remap(t, &u); return -ENOMEM;
    case MM_OP_BRK:
        forget_range(t, u.range);
        t->mm->brk = u.from.start;
        return (int64_t)u.from.start;
    case MM_OP_PROTECT:
        if (u.old_prot != UINT32_MAX && !vma_isolate(t->mm, u.range)) {
            for (struct vma *v = mm_find_from(t->mm, u.range.start);
                 v && v->range.start < u.range.end; v = vma_next(v))
                vma_change(t->mm, v, u.old_prot, v->flags);
            vma_rejoin(t->mm, u.range);
        }
        return err == -EACCES ? -EACCES : -ENOMEM;
    case MM_OP_ADVISE: return err;
    case MM_OP_LOCK: return err == -ENOMEM ? -EAGAIN : -ENOMEM;
    case MM_OP_UNMAP:
    case MM_OP_NONE: break;
    }
    return -ENOMEM;
}
