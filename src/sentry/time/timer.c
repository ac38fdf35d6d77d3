#include "sentry/time/timer.h"

#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/kernel.h"

struct timer_root {
    struct rb_root tree;
    void (*kick)(int64_t deadline_ns);
    bool running; /* timers_run() returns the next deadline itself: no kick */
};

int timers_init(void)
{
    struct timer_root *r = arena_alloc(sizeof(*r));
    if (!r)
        return -ENOMEM;
    rb_root_init(&r->tree);
    kern()->timers = r;
    return 0;
}

void timers_set_kick(void (*fn)(int64_t deadline_ns)) { kern()->timers->kick = fn; }

void timer_init(struct timer *tm, void (*fn)(struct timer *tm)) { *tm = (struct timer){.fn = fn}; }

/* By deadline, then by address: no two are equal. */
static int timer_cmp(const struct rb_node *a, const struct rb_node *b)
{
    const struct timer *x = rb_entry(a, struct timer, node), *y = rb_entry(b, struct timer, node);
    if (x->deadline_ns != y->deadline_ns)
        return x->deadline_ns < y->deadline_ns ? -1 : 1;
    return x < y ? -1 : x > y;
}

int64_t timers_next(void)
{
    const struct timer *tm = rb_entry_or_null(rb_first(&kern()->timers->tree), struct timer, node);
    return tm ? tm->deadline_ns : TIME_NONE;
}

void timer_set(struct timer *tm, int64_t deadline_ns)
{
    struct timer_root *r = kern()->timers;
    timer_cancel(tm);
    if (deadline_ns == TIME_NONE)
        return;
    int64_t before = timers_next();
    tm->deadline_ns = deadline_ns;
    (void)rb_insert(&r->tree, &tm->node, timer_cmp);
    if (deadline_ns < before && r->kick && !r->running)
        r->kick(deadline_ns);
}

void timer_cancel(struct timer *tm)
{
    if (!timer_armed(tm))
        return;
    rb_erase(&kern()->timers->tree, &tm->node);
}

int64_t timers_run(int64_t now_ns)
{
    struct timer_root *r = kern()->timers;
    r->running = true;
    for (;;) {
        struct timer *tm = rb_entry_or_null(rb_first(&r->tree), struct timer, node);
        if (!tm || tm->deadline_ns > now_ns)
            break;
        timer_cancel(tm);
        tm->fn(tm);
    }
    r->running = false;
    return timers_next();
}
