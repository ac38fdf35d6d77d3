/* base/ref.h - reference counters.
 *
 * I1  a counter that reaches REF_SATURATED stays there: the object leaks, it is never freed while used.
 * I2  ref_put() returns true exactly once, for the put that drops the last reference.
 */
#ifndef CVISOR_BASE_REF_H
#define CVISOR_BASE_REF_H

#include "base/atomic.h"

struct ref {
    uint32_t count; /* atomic: references may be dropped without the lock of the object */
};

#define REF_SATURATED UINT32_C(0xc0000000)
#define REF_MAX       UINT32_C(0x7fffffff)

static inline void ref_init(struct ref *r)
{
    atomic_store_relaxed(&r->count, 1u); /* relaxed: not published yet */
}

/* The caller holds a reference. */
static inline void ref_get(struct ref *r)
{
    uint32_t old = atomic_fetch_add_relaxed(
        &r->count, 1u); /* relaxed: the caller's reference keeps it alive */
    assert(old != 0);
    if (unlikely(old >= REF_MAX))
        atomic_store_relaxed(&r->count, REF_SATURATED); /* I1 */
}

/* For lookups of objects that may be on their way out: false if the count was zero. */
NODISCARD static inline bool ref_tryget(struct ref *r)
{
    uint32_t old = atomic_load_relaxed(&r->count); /* relaxed: the exchange decides */
    do {
        if (old == 0)
            return false;
        if (unlikely(old >= REF_MAX))
            return true;
    } while (!atomic_cmpxchg_acquire(&r->count, &old, old + 1u));
    return true;
}

/* True if this was the last reference: the caller destroys the object. */
NODISCARD static inline bool ref_put(struct ref *r)
{
    uint32_t old = atomic_fetch_sub_acq_rel(&r->count, 1u);
    assert(old != 0);
    if (unlikely(old > REF_MAX)) {
        atomic_store_relaxed(&r->count, REF_SATURATED); /* I1 */
        return false;
    }
    return old == 1;
}

/* A snapshot, for diagnostics and for tests of exclusive use under the owner's lock. */
static inline uint32_t ref_count(const struct ref *r) { return atomic_load_acquire(&r->count); }

#endif
