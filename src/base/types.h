/* base/types.h - application addresses, page and time units.
 *
 * An application address is a struct, so that it can neither be dereferenced nor mixed up with a number by accident.
 * Only sentry/mm turns one into access.
 */
#ifndef CVISOR_BASE_TYPES_H
#define CVISOR_BASE_TYPES_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct uaddr {
    uint64_t v;
};

/* Half open: [start, end). Empty if start >= end. */
struct urange {
    uint64_t start, end;
};

#define UADDR(x)   ((struct uaddr){(uint64_t)(x)})
#define UADDR_NULL UADDR(0)

static inline bool uaddr_is_null(struct uaddr a) { return a.v == 0; }

/* True if a + n wraps; *ret is set only if not. */
NODISCARD static inline bool uaddr_add(struct uaddr a, uint64_t n, struct uaddr *ret)
{
    uint64_t v;
    if (__builtin_add_overflow(a.v, n, &v))
        return true;
    ret->v = v;
    return false;
}

/* For steps inside a range that was checked as a whole. */
static inline struct uaddr uaddr_plus(struct uaddr a, uint64_t n) { return UADDR(a.v + n); }

static inline uint64_t urange_len(struct urange r) { return r.end > r.start ? r.end - r.start : 0; }

static inline bool urange_is_empty(struct urange r) { return r.start >= r.end; }

static inline bool urange_contains(struct urange r, uint64_t addr)
{
    return addr >= r.start && addr < r.end;
}

static inline bool urange_covers(struct urange outer, struct urange inner)
{
    return inner.start >= outer.start && inner.end <= outer.end;
}

static inline bool urange_overlaps(struct urange a, struct urange b)
{
    return a.start < b.end && b.start < a.end;
}

static inline struct urange urange_intersect(struct urange a, struct urange b)
{
    return (struct urange){MAX(a.start, b.start), MIN(a.end, b.end)};
}

/* True if start + len wraps; *ret is set only if not. */
NODISCARD static inline bool urange_make(uint64_t start, uint64_t len, struct urange *ret)
{
    uint64_t end;
    if (__builtin_add_overflow(start, len, &end))
        return true;
    *ret = (struct urange){start, end};
    return false;
}

#define GUEST_PAGE_SHIFT      12
#define GUEST_PAGE_SIZE       (UINT64_C(1) << GUEST_PAGE_SHIFT)
#define GUEST_PAGE_MASK       (~(GUEST_PAGE_SIZE - 1))
#define GUEST_PAGE_DOWN(v)    ALIGN_DOWN(v, GUEST_PAGE_SIZE)
#define GUEST_PAGE_UP(v)      ALIGN_UP(v, GUEST_PAGE_SIZE)
#define GUEST_PAGE_OFFSET(v)  ((uint64_t)(v) & (GUEST_PAGE_SIZE - 1))
#define GUEST_PAGE_ALIGNED(v) IS_ALIGNED(v, GUEST_PAGE_SIZE)

/* Times are int64_t nanoseconds on a named clock. */
#define TIME_NONE     INT64_MAX /* no deadline */
#define NSEC_PER_SEC  INT64_C(1000000000)
#define NSEC_PER_MSEC INT64_C(1000000)
#define NSEC_PER_USEC INT64_C(1000)
#define USEC_PER_SEC  INT64_C(1000000)
#define MSEC_PER_SEC  INT64_C(1000)

#endif
