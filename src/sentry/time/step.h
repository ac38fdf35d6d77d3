/* sentry/time/step.h - somebody sets the host's wall clock: who waits by it looks again.
 *
 * What     One timerfd of the host (TFD_TIMER_CANCEL_ON_SET) tells of it; made when the first object asks.
 * Locks    the kernel lock; fn runs under it and must not sleep; it may leave.
 */
#pragma once
#include "base/list.h"

struct clock_step {
    struct list_node node;
    void (*fn)(struct clock_step *s);
};

void clock_step_join(struct clock_step *s);  /* joined already: nothing */
void clock_step_leave(struct clock_step *s); /* not joined: nothing */
void clock_was_set(void);                    /* calls all */
