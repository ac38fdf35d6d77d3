/* sentry/mm/mm_priv.h - inside mm/: changes of the VMA tree, placement, limits.
 *
 * Order    a call checks, allocates, isolates its range (splits VMAs at both ends), queues the host operation, and only then
 *          changes the tree, which cannot fail any more; on any error vma_rejoin() undoes the splits.
 */
#pragma once
#include "abi/limits.h"
#include "abi/mman.h"
#include "base/err.h"
#include "sentry/arena/slab.h"
#include "sentry/io/hostfile.h"
#include "sentry/mm/mm.h"
#include "sentry/platform/platform.h"
#include "sentry/platform/space_limits.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

#define MM_PROT_ALL  (LINUX_PROT_READ | LINUX_PROT_WRITE | LINUX_PROT_EXEC)
#define MM_STACK_GAP (256 * GUEST_PAGE_SIZE) /* kept free below a region that grows down */
#define MM_VMA_FLAGS                                                                               \
    (LINUX_MAP_SHARED | LINUX_MAP_PRIVATE | LINUX_MAP_GROWSDOWN | LINUX_MAP_NORESERVE |            \
     LINUX_MAP_LOCKED)

static inline uint64_t vma_pages(const struct vma *v)
{
    return (v->range.end - v->range.start) / GUEST_PAGE_SIZE;
}
static inline bool vma_shared(const struct vma *v) { return v->flags & LINUX_MAP_SHARED; }
static inline bool vma_anon(const struct vma *v) { return !v->host; }
static inline bool vma_is_data(uint32_t prot, uint32_t flags)
{
    return (prot & LINUX_PROT_WRITE) && !(flags & (LINUX_MAP_SHARED | LINUX_MAP_GROWSDOWN));
}
/* Where the VMA begins for those who look for room: a region that grows down keeps its gap. */
static inline uint64_t vma_start_gap(const struct vma *v)
{
    if (!(v->flags & LINUX_MAP_GROWSDOWN))
        return v->range.start;
    return v->range.start > MM_STACK_GAP ? v->range.start - MM_STACK_GAP : 0;
}

/* The tree (vma.c). vma_new: a copy of *proto with its own references. */
NODISCARD struct vma *vma_new(const struct vma *proto);
void vma_free(struct vma *v);
void vma_insert(struct mm *mm,
                struct vma *v); /* takes v; it overlaps nothing; may be merged away */
NODISCARD int vma_isolate(struct mm *mm, struct urange r); /* -ENOMEM */
void vma_rejoin(struct mm *mm, struct urange r); /* merges what can be, inside r and at its ends */
void vma_remove_range(struct mm *mm, struct urange r); /* r is isolated */
void vma_change(struct mm *mm, struct vma *v, uint32_t prot,
                uint32_t flags); /* keeps the accounts */
void vma_resize(struct mm *mm, struct vma *v, uint64_t start,
                uint64_t end); /* off_bytes is the caller's */
bool mm_range_empty(const struct mm *mm, struct urange r);
/* Is all of r covered by VMAs? *ret_hole is the first address that is not. */
bool mm_range_full(const struct mm *mm, struct urange r, uint64_t *ret_hole);
/* Debug: numbered invariants of mm.h and the accounts. */
void mm_check(const struct mm *mm);

/* Placement (place.c). Room for len below the base, or in the low 2 GiB. -ENOMEM. */
NODISCARD int mm_find_room(struct mm *mm, uint64_t hint, uint64_t len, bool low,
                           uint64_t *ret_addr);
void mm_room_freed(struct mm *mm, struct urange r); /* r is now free */

/* Limits (limits.c): may the map grow by this many pages? -ENOMEM. */
NODISCARD int mm_may_expand(const struct task *t, uint64_t pages, uint64_t data_pages);
NODISCARD int mm_may_lock(const struct task *t,
                          uint64_t more_pages); /* -EPERM limit 0, -EAGAIN over it */

/* -EPERM: a part of r is sealed. */
NODISCARD int mm_check_sealed(const struct mm *mm, struct urange r);
/* Puts v into the map in place of what is there, with the host's mapping queued; takes v. Its start, or as mm_map. */
int64_t vma_place(struct task *t, struct vma *v, uint32_t map_flags);
/* The platform said err to an operation of t: waits if it conflicts with another thread's. */
int64_t mm_op_error(struct task *t, int err);
/* A mapping at a range in place of what is there; limits are the caller's. */
NODISCARD int mm_add_host(struct task *t, struct urange r, uint32_t prot, uint32_t max_prot,
                          struct hostfile *host, uint64_t off_bytes,
                          const char *name); /* private pages of a host file, VMA_DONTEXPAND */
NODISCARD int mm_add_anon(struct task *t, struct urange r, uint32_t prot, uint32_t flags,
                          const char *name, uint32_t map_flags);
