/* sentry/time/timer.h - the kernel's clocks and timers.
 *
 * What     One tree of timers by deadline on the kernel's monotonic clock; the I/O thread sleeps until the first one.
 * Locks    the kernel lock; callbacks run under it, may set or cancel any timer, and must not sleep.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/rbtree.h"
#include "base/types.h"

struct timer {
    struct rb_node node; /* linked: it is armed */
    int64_t deadline_ns;
    void (*fn)(struct timer *tm);
};

static inline bool timer_armed(const struct timer *tm) { return rb_is_linked(&tm->node); }

int64_t clock_monotonic_ns(void); /* CLOCK_MONOTONIC; what programs read too */
int64_t clock_realtime_ns(void);
int64_t clock_boottime_ns(void);

void timer_init(struct timer *tm, void (*fn)(struct timer *tm));
void timer_set(struct timer *tm,
               int64_t deadline_ns); /* re-arms; monotonic; in the past: fires soon */
void timer_cancel(struct timer *tm); /* not armed: nothing */
/* For the I/O thread: runs what is due, returns the next deadline or TIME_NONE. */
int64_t timers_run(int64_t now_ns);
NODISCARD int timers_init(void);
int64_t timers_next(void); /* deadline of the first timer, TIME_NONE */
/* fn is called, kernel lock held, whenever the first deadline has become earlier: the I/O thread is to be woken. */
void timers_set_kick(void (*fn)(int64_t deadline_ns));
