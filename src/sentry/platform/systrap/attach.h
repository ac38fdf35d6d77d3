/* sentry/platform/systrap/attach.h - stops without notifications: the leading worker spins on the areas of threads that call
 * quickly, on another CPU (DESIGN.md 3.4; docs/decisions/0005-attached-worker.md).
 *
 * States   of the leader: nothing; PROBING (the next notification is awaited without sleeping: if it comes, there is a CPU for us); ATTACHED,
 *          to the threads of one process, each from its first answer in the session on.
 *          A process whose calls are notifications is widened when a probe has succeeded, and can be attached to from then on.
 * Owner    the leading worker, but for what is said.
 * Locks    stopped, watch: the kernel lock. spin: none, called where it would wait for a notification.
 */
#pragma once
#include <stdbool.h>

#include "sentry/platform/event.h"

struct thread;

void attach_init(void);
void attach_stopped(struct thread *th);
/* Whether the next stop of th, which goes on now, is posted. */
bool attach_watch(struct thread *th);
/* True once: the answer that follows must not be a switch to the thread on this CPU. */
bool attach_apart(void);
/* Spins for a post of the attached threads, if there are any. True: *ret is its event. False: wait for a notification. */
bool attach_spin(struct platform_event *ret, int listener);
