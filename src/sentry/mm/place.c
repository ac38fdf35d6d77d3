/* Where a new mapping goes: the highest hole below mmap_base that is large enough, as Linux does.
 *
 * The walk from the top would be long in a process with many VMAs, so the map remembers how far down there is nothing
 * larger than hint_hole: a request that is larger begins there. */
#include "sentry/mm/mm_priv.h"

#define LOW_START 0x40000000ULL
#define LOW_END   0x80000000ULL

static struct vma *last_below(const struct mm *mm, uint64_t addr)
{
    struct vma *best = NULL;
    for (struct rb_node *n = mm->vmas.node; n;) {
        struct vma *v = rb_entry(n, struct vma, node);
        if (v->range.start < addr) {
            best = v;
            n = n->right;
        } else {
            n = n->left;
        }
    }
    return best;
}

/* The highest fitting hole in [low, top); *ret_largest is the largest hole that was passed over. */
static bool search_down(const struct mm *mm, uint64_t low, uint64_t top, uint64_t len,
                        uint64_t *ret_addr, uint64_t *ret_largest)
{
    uint64_t end = top, largest = 0;
    struct vma *above = mm_find_from(mm, top);
    if (above)
        end = MIN(end, MAX(vma_start_gap(above), low));
    for (struct vma *v = last_below(mm, top);; v = vma_prev(v)) {
        uint64_t start = v ? MAX(v->range.end, low) : low;
        if (end > start) {
            if (end - start >= len) {
                *ret_addr = end - len;
                *ret_largest = largest;
                return true;
            }
            largest = MAX(largest, end - start);
        }
        if (!v || v->range.start <= low)
            return false;
        end = MIN(end, MAX(vma_start_gap(v), low));
    }
}

/* The lowest fitting hole in [low, top). */
static bool search_up(const struct mm *mm, uint64_t low, uint64_t top, uint64_t len,
                      uint64_t *ret_addr)
{
    uint64_t start = low;
    for (struct vma *v = mm_find_from(mm, low);; v = vma_next(v)) {
        uint64_t end = v ? MIN(vma_start_gap(v), top) : top;
        if (end > start && end - start >= len) {
            *ret_addr = start;
            return true;
        }
        if (!v || v->range.end >= top)
            return false;
        start = MAX(start, v->range.end);
    }
}

int mm_find_room(struct mm *mm, uint64_t hint, uint64_t len, bool low, uint64_t *ret_addr)
{
    if (len > SPACE_END - SPACE_MIN)
        return -ENOMEM;
    if (hint >= SPACE_MIN && hint <= SPACE_END - len && (!low || hint + len <= LOW_END)) {
        struct vma *v = mm_find_from(mm, hint);
        if (!v || (v->range.start >= hint + len && vma_start_gap(v) >= hint + len)) {
            *ret_addr = hint;
            return 0;
        }
    }
    if (low)
        return search_up(mm, LOW_START, LOW_END, len, ret_addr) ? 0 : -ENOMEM;
    uint64_t top = mm->mmap_base, hole = 0, passed = 0;
    if (mm->hint_top && len > mm->hint_hole) {
        top = mm->hint_top;
        hole = mm->hint_hole;
    }
    if (search_down(mm, SPACE_MIN, top, len, ret_addr, &passed)) {
        mm->hint_top = *ret_addr;
        mm->hint_hole = MAX(hole, passed);
        return 0;
    }
    /* Nothing below: above the base, from there up. */
    return search_up(mm, mm->mmap_base, SPACE_END, len, ret_addr) ? 0 : -ENOMEM;
}

void mm_room_freed(struct mm *mm, struct urange r)
{
    if (!mm->hint_top || r.end <= mm->hint_top)
        return;
    struct vma *above = mm_find_from(mm, r.start), *below = last_below(mm, r.start);
    uint64_t end = above ? above->range.start : SPACE_END;
    uint64_t start = below ? below->range.end : SPACE_MIN;
    mm->hint_hole = MAX(mm->hint_hole, end - start);
}
