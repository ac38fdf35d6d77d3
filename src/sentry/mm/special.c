/* The rarer changes of a map: policies, seals, remap_file_pages. */
#include "sentry/mm/mm_priv.h"

int mm_set_policy(struct mm *mm, uint64_t start, uint64_t end, uint32_t policy)
{
    uint64_t hole;
    struct urange r;
    if (urange_make(start, end - start, &r) || !mm_range_full(mm, r, &hole))
        return -EFAULT;
    int err = vma_isolate(mm, r);
    if (err)
        return err;
    for (struct vma *v = mm_find_from(mm, start); v && v->range.start < end; v = vma_next(v))
        v->policy = (uint16_t)policy;
    vma_rejoin(mm, r);
    return 0;
}

int mm_check_sealed(const struct mm *mm, struct urange r)
{
    if (!mm->sealed)
        return 0;
    for (struct vma *v = mm_find_from(mm, r.start); v && v->range.start < r.end; v = vma_next(v))
        if (v->flags & VMA_SEALED)
            return -EPERM;
    return 0;
}

int64_t mm_seal(struct task *t, uint64_t addr, uint64_t len, uint64_t flags)
{
    struct mm *mm = t->mm;
    uint64_t aligned = GUEST_PAGE_UP(len), hole;
    struct urange r;
    if (flags || !GUEST_PAGE_ALIGNED(addr) || (len && !aligned) || addr + aligned < addr)
        return -EINVAL;
    if (!aligned)
        return 0;
    if (urange_make(addr, aligned, &r) || !mm_range_full(mm, r, &hole))
        return -ENOMEM;
    int err = vma_isolate(mm, r);
    if (err)
        return err;
    mm->sealed = true;
    for (struct vma *v = mm_find_from(mm, addr); v && v->range.start < r.end; v = vma_next(v))
        vma_change(mm, v, v->prot, v->flags | VMA_SEALED);
    vma_rejoin(mm, r);
    return 0;
}

/* As Linux does it since 4.0: a mapping of those pages in place of what is there. */
int64_t mm_remap_pages(struct task *t, const struct remap_pages *q)
{
    uint64_t start = GUEST_PAGE_DOWN(q->start), size = GUEST_PAGE_DOWN(q->size);
    if (q->prot || start + size <= start || q->pgoff + size / GUEST_PAGE_SIZE < q->pgoff)
        return -EINVAL;
    struct vma *v = mm_find(t->mm, start);
    if (!v || !vma_shared(v) || start + size > v->range.end)
        return -EINVAL;
    if (q->pgoff > (UINT64_MAX >> 13))
        return -EOVERFLOW;
    struct urange r = {start, start + size};
    int err = mm_check_sealed(t->mm, r);
    if (err)
        return err;
    struct vma proto = *v;
    proto.range = r;
    proto.off_bytes = q->pgoff * GUEST_PAGE_SIZE;
    struct vma *made = vma_new(&proto);
    if (!made)
        return -ENOMEM;
    int64_t at = vma_place(t, made, LINUX_MAP_POPULATE);
    return at < 0 ? at : 0;
}
