/* base/atomic.h - atomics with the order in the name.
 *
 * For integers of 32 and 64 bits, bool and pointers. Relaxed needs a reason on the line that uses it; a barrier pair has
 * a name that both sides cite.
 */
#ifndef CVISOR_BASE_ATOMIC_H
#define CVISOR_BASE_ATOMIC_H

#include "base/compiler.h"

#define atomic_load_relaxed(p)     __atomic_load_n(p, __ATOMIC_RELAXED)
#define atomic_load_acquire(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define atomic_load_seqcst(p)      __atomic_load_n(p, __ATOMIC_SEQ_CST)

#define atomic_store_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define atomic_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define atomic_store_seqcst(p, v)  __atomic_store_n(p, v, __ATOMIC_SEQ_CST)

/* All return the value before. */
#define atomic_fetch_add_relaxed(p, v) __atomic_fetch_add(p, v, __ATOMIC_RELAXED)
#define atomic_fetch_add_acq_rel(p, v) __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL)
#define atomic_fetch_add_seqcst(p, v)  __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)
#define atomic_fetch_sub_relaxed(p, v) __atomic_fetch_sub(p, v, __ATOMIC_RELAXED)
#define atomic_fetch_sub_acq_rel(p, v) __atomic_fetch_sub(p, v, __ATOMIC_ACQ_REL)
#define atomic_fetch_sub_release(p, v) __atomic_fetch_sub(p, v, __ATOMIC_RELEASE)
#define atomic_fetch_or_relaxed(p, v)  __atomic_fetch_or(p, v, __ATOMIC_RELAXED)
#define atomic_fetch_or_acq_rel(p, v)  __atomic_fetch_or(p, v, __ATOMIC_ACQ_REL)
#define atomic_fetch_and_relaxed(p, v) __atomic_fetch_and(p, v, __ATOMIC_RELAXED)
#define atomic_fetch_and_acq_rel(p, v) __atomic_fetch_and(p, v, __ATOMIC_ACQ_REL)
#define atomic_xchg_relaxed(p, v)      __atomic_exchange_n(p, v, __ATOMIC_RELAXED)
#define atomic_xchg_acquire(p, v)      __atomic_exchange_n(p, v, __ATOMIC_ACQUIRE)
#define atomic_xchg_release(p, v)      __atomic_exchange_n(p, v, __ATOMIC_RELEASE)
#define atomic_xchg_acq_rel(p, v)      __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL)
#define atomic_xchg_seqcst(p, v)       __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)

/* True if *p was *expected and is now v; else *expected is what was seen. Strong: never fails spuriously. */
#define atomic_cmpxchg_relaxed(p, expected, v)                                                     \
    __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define atomic_cmpxchg_acquire(p, expected, v)                                                     \
    __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)
#define atomic_cmpxchg_release(p, expected, v)                                                     \
    __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define atomic_cmpxchg_acq_rel(p, expected, v)                                                     \
    __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define atomic_cmpxchg_seqcst(p, expected, v)                                                      \
    __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

#define atomic_fence_acquire() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define atomic_fence_release() __atomic_thread_fence(__ATOMIC_RELEASE)
#define atomic_fence_seqcst()  __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* In the body of a bounded spin. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
