/* sentry/platform/ptrace/ptrace_priv.h - stops by ptrace, for hosts whose seccomp has no notification for us.
 *
 * What     The stub's filter answers RET_TRACE; the thread stops, and the tracer (one thread of ours: the host takes ptrace requests
 *          from no other) reads its registers. Faults, traps and interrupts are signals that the tracer passes on: the stub's
 *          handler makes a stop of them, as under systrap.
 * Locks    none of the kernel's; tracer.c has one for the answers that other threads queue.
 * Trust    registers come from hostile code; only the tracer changes them while a thread is stopped.
 *
 * I1  descriptors of a stub process: the areas, the passing socket; STUB_FD_PASSED only inside inject_map_file(), during which the
 *     process changes its descriptors nowhere else (its filter lets no call through that could).
 */
#pragma once
#include <linux/ptrace.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "base/compiler.h"

/* wait4's status of a stop with this event, shifted. */
#define STOP_STATUS(sig, event) ((sig) | (event) << 8)

NODISCARD int tracer_regs_get(int32_t tid, struct user_regs_struct *ret); /* -ESRCH: it ended */
NODISCARD int tracer_regs_set(int32_t tid, const struct user_regs_struct *r);
NODISCARD int tracer_mask_get(int32_t tid, uint64_t *ret); /* blocked signals */
NODISCARD int tracer_mask_set(int32_t tid, uint64_t mask);
NODISCARD int tracer_request(unsigned long how, int32_t tid, long data); /* CONT, SYSCALL, SEIZE */

/* inject.c: calls that a stub makes because the tracer says so. tid is stopped at a call of its own (r: its registers then),
 * made by the stub's text; nothing is called by memory that the application could change meanwhile. */
/* Maps descriptor fd of ours as the call in r asks (its descriptor argument is not used) and lets the stub go on with the result.
 * -errno: the descriptor could not be sent, nothing was done. */
NODISCARD int inject_map_file(int32_t tid, const struct user_regs_struct *r, int fd);
/* Closes a descriptor that a process may have copied in the middle of another's inject_map_file(); then tid is stopped at
 * the same call again. -ESRCH: it ended. */
NODISCARD int inject_close(int32_t tid, const struct user_regs_struct *r);
