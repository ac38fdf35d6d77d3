#include "sentry/arena/trim.h"

#include "sentry/arena/arena_priv.h"

static enum trim_left (*const hooks[])(bool next_period) = {
#define TRIM(fn) fn,
#include "sentry/arena/trims.def"
#undef TRIM
};

static void on_timer(struct timer *tm)
{
    struct arena_root *root = arena_root();
    enum trim_left left = TRIM_NOTHING;
    for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
        left = MAX(left, hooks[i](!root->trim_rest));
    root->trim_rest = left == TRIM_REST;
    timer_cancel(tm); /* what a hook frees for others to keep does not count as use */
    if (left)
        timer_set(tm, clock_monotonic_ns() + (root->trim_rest ? TRIM_REST_NS : TRIM_PERIOD_NS));
}

void trim_soon(void)
{
    struct timer *tm = &arena_root()->trim_timer;
    if (!timer_armed(tm) && kern()->timers)
        timer_set(tm, clock_monotonic_ns() + TRIM_PERIOD_NS);
}

void trim_init(void) { timer_init(&arena_root()->trim_timer, on_timer); }
