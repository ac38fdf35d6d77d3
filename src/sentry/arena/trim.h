/* sentry/arena/trim.h - caches give back what has not been used for a while.
 *
 * What     Whoever keeps something that it could do without calls trim_soon(). A second later all hooks (trims.def) are run,
 *          and each second again while one of them says that it still keeps something. An idle sandbox ends with empty
 *          caches and no timer.
 * Locks    the kernel lock.
 */
#pragma once
#include <stdbool.h>

#define TRIM_PERIOD_NS 1000000000LL
#define TRIM_REST_NS   5000000LL
#define TRIM_AGE       4u /* periods that something unused is kept */

/* What a hook left: nothing to trim; what is too young; more than it gives back in one go. */
enum trim_left { TRIM_NOTHING, TRIM_YOUNG, TRIM_REST };

void trim_soon(void);
void trim_init(void); /* arena_init() calls it */

/* Each gives back what was not used for its time. next_period: one has gone by since the last call. */
#define TRIM(fn) enum trim_left fn(bool next_period);
#include "sentry/arena/trims.def"
#undef TRIM
