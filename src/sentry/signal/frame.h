/* sentry/signal/frame.h - the way back from a signal handler.
 *
 * Trust    the frame lies in application memory: every field is checked or masked.
 * Locks    the kernel lock; t in STOP_CONTEXT.
 */
#pragma once
#include "base/compiler.h"

struct task;

/* Loads registers, mask, vector state and alternate stack from the frame at rsp - 8. -EFAULT: not a frame. */
NODISCARD int frame_restore(struct task *t);
