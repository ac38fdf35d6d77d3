/* The VMA tree: lookups, splitting, merging, accounts. */
#include "sentry/mm/mm_priv.h"

#include <string.h>

static struct vma *vma_of(struct rb_node *n) { return rb_entry_or_null(n, struct vma, node); }
struct vma *vma_next(const struct vma *v) { return vma_of(rb_next(&v->node)); }
struct vma *vma_prev(const struct vma *v) { return vma_of(rb_prev(&v->node)); }

struct vma *mm_find_from(const struct mm *mm, uint64_t addr)
{
    struct vma *best = NULL;
    for (struct rb_node *n = mm->vmas.node; n;) {
        struct vma *v = vma_of(n);
        if (v->range.end > addr) {
            best = v;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return best;
}

struct vma *mm_find(const struct mm *mm, uint64_t addr)
{
    struct vma *v = mm_find_from(mm, addr);
    return v && v->range.start <= addr ? v : NULL;
}

bool mm_range_empty(const struct mm *mm, struct urange r)
{
    struct vma *v = mm_find_from(mm, r.start);
    return !v || v->range.start >= r.end;
}

bool mm_range_full(const struct mm *mm, struct urange r, uint64_t *ret_hole)
{
    uint64_t at = r.start;
    for (struct vma *v = mm_find_from(mm, at); v && v->range.start <= at && at < r.end;
         v = vma_next(v))
        at = v->range.end;
    *ret_hole = at;
    return at >= r.end;
}

struct vma *vma_new(const struct vma *proto)
{
    struct vma *v = SLAB_NEW(VMA, struct vma);
    if (!v)
        return NULL;
    *v = *proto;
    if (v->file)
        file_ref(v->file);
    if (v->host)
        hostfile_ref(v->host);
    return v;
}

void vma_free(struct vma *v)
{
    if (!v)
        return;
    if (v->file)
        file_unref(v->file);
    hostfile_unref(v->host);
    SLAB_FREE(VMA, v);
}

/* Adds (sign 1) or takes (-1) v's pages from the accounts. */
static void account(struct mm *mm, const struct vma *v, int sign)
{
    uint64_t pages = sign > 0 ? vma_pages(v) : 0 - vma_pages(v);
    mm->total_pages += pages;
    if (v->flags & LINUX_MAP_LOCKED)
        mm->locked_pages += pages;
    if (v->flags & LINUX_MAP_GROWSDOWN)
        mm->stack_pages += pages;
    if (vma_is_data(v->prot, v->flags))
        mm->data_pages += pages;
    mm->hiwater_pages = MAX(mm->hiwater_pages, mm->total_pages);
}

static void tree_add(struct mm *mm, struct vma *v)
{
    struct rb_node **link = &mm->vmas.node, *parent = NULL;
    while (*link) {
        parent = *link;
        link = v->range.start < vma_of(parent)->range.start ? &parent->left : &parent->right;
    }
    rb_link_node(&v->node, parent, link);
    rb_insert_fixup(&mm->vmas, &v->node);
    mm->nvmas++;
}

static void tree_del(struct mm *mm, struct vma *v)
{
    rb_erase(&mm->vmas, &v->node);
    mm->nvmas--;
}

/* I1: may b be appended to a? */
static bool can_merge(const struct vma *a, const struct vma *b)
{
    return a->range.end == b->range.start && a->prot == b->prot && a->max_prot == b->max_prot &&
           a->flags == b->flags && a->file == b->file && a->host == b->host && a->name == b->name &&
           a->policy == b->policy &&
           (!a->host || a->off_bytes + (a->range.end - a->range.start) == b->off_bytes);
}

/* Merges v with the one after it; true if it did. */
static bool merge_next(struct mm *mm, struct vma *v)
{
    struct vma *n = vma_next(v);
    if (!n || !can_merge(v, n))
        return false;
    tree_del(mm, n);
    v->range.end = n->range.end;
    vma_free(n);
    return true;
}

void vma_rejoin(struct mm *mm, struct urange r)
{
    struct vma *v = mm_find_from(mm, r.start ? r.start - 1 : 0);
    while (v && v->range.start <= r.end)
        if (!merge_next(mm, v))
            v = vma_next(v);
}

void vma_insert(struct mm *mm, struct vma *v)
{
    tree_add(mm, v);
    account(mm, v, 1);
    struct vma *p = vma_prev(v);
    if (p && merge_next(mm, p))
        v = p;
    (void)merge_next(mm, v);
}

/* Makes addr a border between VMAs if it lies inside one. */
static int split_at(struct mm *mm, uint64_t addr)
{
    struct vma *v = mm_find(mm, addr);
    if (!v || v->range.start == addr)
        return 0;
    if (mm->nvmas >= MM_MAX_VMAS)
        return -ENOMEM;
    struct vma *upper = vma_new(v);
    if (!upper)
        return -ENOMEM;
    upper->range.start = addr;
    if (v->host)
        upper->off_bytes += addr - v->range.start;
    v->range.end = addr;
    tree_add(mm, upper);
    return 0;
}

int vma_isolate(struct mm *mm, struct urange r)
{
    int err = split_at(mm, r.start);
    if (!err)
        err = split_at(mm, r.end);
    if (err)
        vma_rejoin(mm, r);
    return err;
}

void vma_remove_range(struct mm *mm, struct urange r)
{
    struct vma *v = mm_find_from(mm, r.start);
    if (urange_overlaps(mm->filled, r))
        mm->filled = (struct urange){0, 0};
    while (v && v->range.start < r.end) {
        struct vma *n = vma_next(v);
        assert(urange_covers(r, v->range));
        account(mm, v, -1);
        tree_del(mm, v);
        vma_free(v);
        v = n;
    }
    mm_room_freed(mm, r);
}

void vma_change(struct mm *mm, struct vma *v, uint32_t prot, uint32_t flags)
{
    account(mm, v, -1);
    v->prot = (uint8_t)prot;
    v->flags = flags;
    account(mm, v, 1);
}

void vma_resize(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
    account(mm, v, -1);
    v->range = (struct urange){start, end};
    account(mm, v, 1);
}

void mm_check(const struct mm *mm)
{
    struct mm sum = {0};
    uint32_t n = 0;
    const struct vma *before = NULL;
    for (const struct vma *v = vma_of(rb_first(&mm->vmas)); v; v = vma_next(v)) {
        assert(GUEST_PAGE_ALIGNED(v->range.start) && GUEST_PAGE_ALIGNED(v->range.end));
        assert(v->range.start < v->range.end && v->range.end <= SPACE_END);
        assert(!before || (before->range.end <= v->range.start && !can_merge(before, v))); /* I1 */
        account(&sum, v, 1);
        before = v;
        n++;
    }
    assert(n == mm->nvmas && sum.total_pages == mm->total_pages &&
           sum.locked_pages == mm->locked_pages);
    assert(sum.stack_pages == mm->stack_pages && sum.data_pages == mm->data_pages);
}
