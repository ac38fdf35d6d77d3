/* sentry/arena/fault_test.h - a script whose n-th allocation fails, for every n until none does.
 *
 * The script returns 0 or an error; undo, without failures, takes away what it left. A first round without failures fills the caches; after each
 * of the others no type of object has more of its kind than then. */
#pragma once
#include "base/test.h"

#include "base/compiler.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"

#define FAULT_TRY(x)                                                                               \
    do {                                                                                           \
        int64_t try_r_ = (x);                                                                      \
        if (try_r_ < 0)                                                                            \
            return try_r_;                                                                         \
    } while (0)

/* undo: may be NULL. at_least: so many allocations are there to fail. */
UNUSED static void fault_each(int64_t (*script)(void), void (*undo)(void), uint64_t at_least)
{
    uint64_t before[SLAB_COUNT], n = 1;
    arena_fail_after(0);
    assert_int_equal(script(), 0);
    if (undo)
        undo();
    for (unsigned i = 0; i < SLAB_COUNT; i++)
        before[i] = slab_live((enum slab_id)i);
    for (bool failed = true; failed; n++) {
        arena_fail_after(n);
        int64_t r = script();
        failed = arena_failed();
        arena_fail_after(0);
        if (undo)
            undo();
        if (r < 0)
            assert_true(failed && (r == -ENOMEM || r == -ENFILE || r == -EAGAIN || r == -ENOLCK));
        for (unsigned i = 0; i < SLAB_COUNT; i++)
            if (slab_live((enum slab_id)i) > before[i])
                fail_msg("allocation %u: %u of %s, not %u", (unsigned)n,
                         (unsigned)slab_live((enum slab_id)i), slab_name((enum slab_id)i),
                         (unsigned)before[i]);
    }
    assert_true(n > at_least);
}
