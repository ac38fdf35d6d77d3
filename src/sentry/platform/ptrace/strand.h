/* sentry/platform/ptrace/strand.h - how a worker leaves the tracer's thread when it is about to block in the host.
 *
 * What     The lead belongs to one thread, the tracer: the host takes ptrace requests from no other. So a worker is a strand: a stack
 *          and where it is on it. The tracer runs one; when that blocks, another thread (a carrier) takes it over, stack and all,
 *          and the tracer goes on with the next. A strand that has done its work is set aside until it is needed.
 * Locks    its own, for the lists; none is held across a change of threads, nor may the caller hold one.
 * Context  a strand may find itself on another thread after strand_lead_give() and strand_lead_take(): the address of a thread-local
 *          variable must not live across them.
 */
#pragma once
#include "base/compiler.h"

/* The calling thread is the tracer; runs run(NULL) as its first strand. run never returns; it begins with strand_lead_take(). */
_Noreturn void strand_tracer_run(void (*run)(void *arg));
/* Tracer: the calling strand goes on on another thread; the tracer runs one that waits in strand_lead_take(), or a new one.
 * -EAGAIN, -ENOMEM: no thread or stack to be had, all stays as it is. */
NODISCARD int strand_lead_give(void);
/* Returns on the tracer's thread. */
void strand_lead_take(void);
