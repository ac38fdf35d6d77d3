/* sentry/time/posix_timers_priv.h - between the files of time/. */
#pragma once
#include "base/checked.h"
#include "sentry/time/posix_timers.h"

struct tgroup;

void cpu_timers_free(struct tgroup *tg);

/* The first of due, due + interval, .. that lies after now; *ret_missed (may be NULL): how many before it. */
static inline int64_t timer_next_period(int64_t due, int64_t interval, int64_t now,
                                        uint64_t *ret_missed)
{
    int64_t n = now >= due ? (now - due) / interval + 1 : 0;
    if (ret_missed)
        *ret_missed = (uint64_t)n;
    int64_t step;
    return __builtin_mul_overflow(n, interval, &step) ? INT64_MAX : saturating_add_i64(due, step);
}
