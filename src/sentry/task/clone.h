/* sentry/task/clone.h - making tasks: the work of clone, clone3, fork, vfork.
 *
 * Locks    the kernel lock; the caller is in STOP_CONTEXT.
 * Spec     clone(2). Namespaces: ns/ns.h.
 */
#pragma once
#include <stdint.h>

#include "base/compiler.h"
#include "base/types.h"

struct task;

struct clone_request {
    uint64_t flags; /* LINUX_CLONE_*, without the signal */
    uint32_t exit_signal;
    uint64_t stack; /* the child's first stack pointer; 0: the parent's */
    uint64_t tls;
    struct uaddr parent_tid, child_tid, pidfd;
    const int32_t
        *set_tid; /* wanted numbers, nset_tid of them, that in the innermost pid namespace first */
    uint32_t nset_tid;
};
/* The child's tid; -EINVAL flags, -EPERM, -EAGAIN limits, -ENOMEM; -EBLOCKED (vfork waits; run again with the same request). */
int64_t task_clone(struct task *t, const struct clone_request *q);
