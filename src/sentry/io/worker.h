/* sentry/io/worker.h - the threads of the sentry: workers (one leads, DESIGN.md 3.1) and the I/O thread.
 *
 * Context  worker_block_begin/end bracket a host call that may really block (a disk read that RWF_NOWAIT refused, a gofer
 *          message): they drop the kernel lock and hand the lead to another worker. After _end look again at everything
 *          that was looked up before, except what you hold a reference to.
 */
#pragma once
#include "base/compiler.h"
#include "sentry/kernel.h"

/* Not annotated: handlers run under the lock that the run loop took, which clang cannot see through the ops tables. */
void worker_block_begin(void);
void worker_block_end(void);
/* The calling thread is the worker that waits for stops. */
bool worker_leads(void);
/* Starts the first worker. */
NODISCARD int worker_start(void);
/* Runs the I/O thread's loop in the calling thread until the sandbox ends; returns the exit status for runsc. */
int io_loop(void);
/* Delivers what the host has to report at this moment, in the calling worker: what a call has done to host sockets is then seen by
 * the next one. Kernel lock held. */
void io_poll_now(void);
/* The init process is gone: ends io_loop with this wait status. */
void sandbox_finish(int wait_status);
