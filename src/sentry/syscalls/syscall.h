/* sentry/syscalls/syscall.h - the shape of a system call handler.
 *
 * Context  kernel lock held; never sleeps; returns 0.. or -errno, -EBLOCKED after parking, or a restart code.
 */
#pragma once
#include <stdint.h>

#include "base/types.h"

struct task;
struct sys_args {
    uint64_t arg[6];
};
typedef int64_t (*syscall_fn)(struct task *t, const struct sys_args *a);

static inline struct uaddr arg_uaddr(const struct sys_args *a, unsigned i)
{
    return (struct uaddr){a->arg[i]};
}
static inline int32_t arg_int(const struct sys_args *a, unsigned i) { return (int32_t)a->arg[i]; }
static inline uint32_t arg_uint(const struct sys_args *a, unsigned i)
{
    return (uint32_t)a->arg[i];
}

/* Generated from abi/syscalls.def: the prototypes of the handlers whose rows say FULL or PARTIAL. */
#include "sentry/syscalls/syscall_table.h" /* IWYU pragma: export */
