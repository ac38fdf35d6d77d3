/* sentry/task/rseq.h - restartable sequences are the host's: it runs the threads, so it knows when one was preempted or moved.
 *
 * What     The thread registers the program's own structure with the host, which writes CPU numbers there and aborts sequences. The
 *          kernel keeps what is registered, because an emptied space would leave the host writing to nothing.
 *          fork and clone: the host's copy does what ours does (a new thread has none, a new process keeps it).
 * Locks    the kernel lock; STOP_CONTEXT.
 * Spec     rseq(2), Linux's include/uapi/linux/rseq.h.
 */
#pragma once
#include <stdint.h>

#include "base/compiler.h"

struct task;

/* rseq(2): queued for the host. What the host refuses (-EINVAL, -EPERM other signature, -EBUSY, -EFAULT, -ENOSYS) is the call's
 * result in the end. */
int64_t rseq_call(struct task *t, uint64_t addr, uint32_t len, uint32_t flags, uint32_t sig);
/* The host has refused the last rseq_call(). */
void rseq_refused(struct task *t);
/* Queues the end of t's registration, before its memory goes. -ENOMEM */
NODISCARD int rseq_forget(struct task *t);
