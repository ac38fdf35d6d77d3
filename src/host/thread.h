/* host/thread.h - threads of the sentry.
 *
 * Context  any thread; may be called after the filter stands (clone with exactly pthread's flags is allowed).
 *          New threads have all signals blocked but the synchronous ones.
 */
#pragma once
#include <stddef.h>

#include "base/compiler.h"

/* Starts a detached thread with a small stack. name: at most 15 characters, static. -EAGAIN, -ENOMEM. */
NODISCARD int host_thread_start(const char *name, void (*run)(void *arg), void *arg);

#define HOST_THREAD_STACK_BYTES ((size_t)256 * 1024)
