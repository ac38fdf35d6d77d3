/* base/checked.h - arithmetic on numbers from outside. True means overflow; *ret is then the wrapped value, not to be used. */
#ifndef CVISOR_BASE_CHECKED_H
#define CVISOR_BASE_CHECKED_H

#include "base/compiler.h"

#define CHECKED_DEFINE_(type, suffix)                                                              \
    NODISCARD static inline bool checked_add_##suffix(type a, type b, type *ret)                   \
    {                                                                                              \
        return __builtin_add_overflow(a, b, ret);                                                  \
    }                                                                                              \
    NODISCARD static inline bool checked_sub_##suffix(type a, type b, type *ret)                   \
    {                                                                                              \
        return __builtin_sub_overflow(a, b, ret);                                                  \
    }                                                                                              \
    NODISCARD static inline bool checked_mul_##suffix(type a, type b, type *ret)                   \
    {                                                                                              \
        return __builtin_mul_overflow(a, b, ret);                                                  \
    }
CHECKED_DEFINE_(uint32_t, u32)
CHECKED_DEFINE_(uint64_t, u64)
CHECKED_DEFINE_(int64_t, i64)
CHECKED_DEFINE_(size_t, size)

/* seconds and nanoseconds to nanoseconds, saturating at both ends. */
static inline int64_t saturating_ns(int64_t sec, int64_t nsec)
{
    int64_t ns;
    if (__builtin_mul_overflow(sec, INT64_C(1000000000), &ns) ||
        __builtin_add_overflow(ns, nsec, &ns))
        return sec < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

static inline int64_t saturating_add_i64(int64_t a, int64_t b)
{
    int64_t r;
    if (__builtin_add_overflow(a, b, &r))
        return b < 0 ? INT64_MIN : INT64_MAX;
    return r;
}

#endif
