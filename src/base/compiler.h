/* base/compiler.h - what the language lacks: attributes, type-safe macros, cleanup, thread safety annotations.
 *
 * Context  pure; every other header may include this one.
 * Limits   clang does not follow cleanup-attribute lock guards: locks are taken and released in a function that only
 *          wraps a `_locked` one; AUTO serves memory, descriptors and references.
 */
#ifndef CVISOR_BASE_COMPILER_H
#define CVISOR_BASE_COMPILER_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NODISCARD     __attribute__((warn_unused_result))
#define PRINTF(f, a)  __attribute__((format(printf, f, a)))
#define UNUSED        __attribute__((unused))
#define NORETURN      __attribute__((noreturn))
#define PACKED        __attribute__((packed))
#define HOT           __attribute__((hot))
#define COLD          __attribute__((cold, noinline))
#define FALLTHROUGH   __attribute__((fallthrough))
#define ALIGNED(n)    __attribute__((aligned(n)))

#define likely(x)     __builtin_expect(!!(x), 1)
#define unlikely(x)   __builtin_expect(!!(x), 0)

#define CONCAT_(a, b) a##b
#define CONCAT(a, b)  CONCAT_(a, b)

#define container_of(ptr, type, member)                                                            \
    ((type *)(void *)((char *)(uintptr_t)(1 ? (ptr) : &((type *)0)->member) -                      \
                      offsetof(type, member)))

/* Elements of an array; does not compile for a pointer. */
#define ARRAY_SIZE(a)                                                                              \
    (sizeof(a) / sizeof((a)[0]) +                                                                  \
     0 * sizeof(struct {                                                                           \
         static_assert(!__builtin_types_compatible_p(__typeof__(a), __typeof__(&(a)[0])),          \
                       "not an array");                                                            \
         int dummy_;                                                                               \
     }))

/* Both sides must have the same signedness: MIN(len, 4096u), not MIN(len, 4096). Each is evaluated once. */
#define IS_SIGNED_(a) ((__typeof__(a))-1 < (__typeof__(a))1)
#define MINMAX_(op, a, b, x, y)                                                                    \
    __extension__({                                                                                \
        static_assert(IS_SIGNED_(a) == IS_SIGNED_(b), "signedness differs");                       \
        __auto_type x = (a);                                                                       \
        __auto_type y = (b);                                                                       \
        x op y ? x : y;                                                                            \
    })
#define MIN(a, b)          MINMAX_(<, a, b, CONCAT(min_a_, __COUNTER__), CONCAT(min_b_, __COUNTER__))
#define MAX(a, b)          MINMAX_(>, a, b, CONCAT(max_a_, __COUNTER__), CONCAT(max_b_, __COUNTER__))

#define DIV_ROUND_UP(n, d) (((n) / (d)) + ((n) % (d) != 0))

/* a is a power of two. ALIGN_UP wraps at the top: callers that take a number from outside check first. */
#define ALIGN_DOWN(v, a) ((uint64_t)(v) & ~((uint64_t)(a) - 1))
#define ALIGN_UP(v, a)   (((uint64_t)(v) + ((uint64_t)(a) - 1)) & ~((uint64_t)(a) - 1))
#define IS_ALIGNED(v, a) (((uint64_t)(v) & ((uint64_t)(a) - 1)) == 0)
#define IS_POW2(v)       ((v) != 0 && (((v) & ((v) - 1)) == 0))

/* Hands over what a variable owns and leaves NULL in it. */
#define TAKE_(p, t)                                                                                \
    __extension__({                                                                                \
        __typeof__(p) t = (p);                                                                     \
        (p) = NULL;                                                                                \
        t;                                                                                         \
    })
#define TAKE(p) TAKE_(p, CONCAT(take_, __COUNTER__))

/* DEFINE_AUTO(file, struct file *, file_unref) once; then `AUTO(file) struct file *f = NULL;` drops f on every way
 * out unless it was handed over with TAKE(f). AUTO_UNREF(noun) is the same, spelled for references. */
#define DEFINE_AUTO(name, type, func)                                                              \
    static inline void name##_auto_(type *p)                                                       \
    {                                                                                              \
        if (*p)                                                                                    \
            (void)func(*p);                                                                        \
    }
#define AUTO(name)       __attribute__((cleanup(name##_auto_)))
#define AUTO_UNREF(name) AUTO(name)

#if defined(__clang__)
#define THREAD_ATTR_(x) __attribute__((x))
#else
#define THREAD_ATTR_(x)
#endif
#define CAPABILITY(name)          THREAD_ATTR_(capability(name))
#define GUARDED_BY(x)             THREAD_ATTR_(guarded_by(x))
#define PT_GUARDED_BY(x)          THREAD_ATTR_(pt_guarded_by(x))
#define REQUIRES(...)             THREAD_ATTR_(requires_capability(__VA_ARGS__))
#define EXCLUDES(...)             THREAD_ATTR_(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...)              THREAD_ATTR_(acquire_capability(__VA_ARGS__))
#define RELEASE(...)              THREAD_ATTR_(release_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...)          THREAD_ATTR_(try_acquire_capability(__VA_ARGS__))
#define ASSERT_CAPABILITY(x)      THREAD_ATTR_(assert_capability(x))
#define RETURN_CAPABILITY(x)      THREAD_ATTR_(lock_returned(x))
#define NO_THREAD_SAFETY_ANALYSIS THREAD_ATTR_(no_thread_safety_analysis)

#endif
