#include "host/mutex.h"

#include <linux/futex.h>
#include <stdlib.h>

#include "host/host.h"

#ifdef CVISOR_RELEASE
static void rank_push(const struct mutex *m, bool pair) {}
static void rank_pop(const struct mutex *m) {}
static bool rank_held(const struct mutex *m) { return true; }
#else
#define HELD_MAX 16u

/* What this thread holds, in the order taken. Thread-private. */
struct held {
    const struct mutex *lock[HELD_MAX];
    unsigned count;
};
static _Thread_local struct held held;

static NORETURN void rank_abort(const struct mutex *m, const char *what)
{
    (void)!host_write(2, what, __builtin_strlen(what));
    const char *name = lock_rank_name(m->rank);
    (void)!host_write(2, name, __builtin_strlen(name));
    (void)!host_write(2, "\n", 1);
    abort();
}

static void rank_push(const struct mutex *m, bool pair)
{
    for (unsigned i = 0; i < held.count; i++)
        if (held.lock[i]->rank > m->rank || (held.lock[i]->rank == m->rank && !pair))
            rank_abort(m, "lock order violated, taking ");
    if (held.count == HELD_MAX)
        rank_abort(m, "too many locks held, taking ");
    held.lock[held.count++] = m;
}

static void rank_pop(const struct mutex *m)
{
    for (unsigned i = held.count; i-- > 0;)
        if (held.lock[i] == m) {
            for (; i + 1 < held.count; i++)
                held.lock[i] = held.lock[i + 1];
            held.count--;
            return;
        }
    rank_abort(m, "lock released by a thread that does not hold it: ");
}

static bool rank_held(const struct mutex *m)
{
    for (unsigned i = 0; i < held.count; i++)
        if (held.lock[i] == m)
            return true;
    return false;
}
#endif

void mutex_init(struct mutex *m, enum lock_rank rank)
{
    atomic_store_relaxed(&m->state, 0); /* relaxed: nobody else knows it yet */
    m->rank = rank;
}

static void mutex_take(struct mutex *m) NO_THREAD_SAFETY_ANALYSIS
{
    uint32_t expect = 0;
    if (likely(atomic_cmpxchg_acquire(&m->state, &expect, 1)))
        return;
    while (atomic_xchg_acquire(&m->state, 2) != 0)
        (void)!host_futex(&m->state, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

void mutex_lock(struct mutex *m) NO_THREAD_SAFETY_ANALYSIS
{
    rank_push(m, false);
    mutex_take(m);
}

bool mutex_trylock(struct mutex *m) NO_THREAD_SAFETY_ANALYSIS
{
    uint32_t expect = 0;
    if (!atomic_cmpxchg_acquire(&m->state, &expect, 1))
        return false;
    rank_push(m, true);
    return true;
}

void mutex_unlock(struct mutex *m) NO_THREAD_SAFETY_ANALYSIS
{
    rank_pop(m);
    if (atomic_xchg_release(&m->state, 0) == 2)
        (void)!host_futex(&m->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void mutex_assert_held(struct mutex *m) NO_THREAD_SAFETY_ANALYSIS
{
    if (!rank_held(m))
        abort();
}

void mutex_lock_pair(struct mutex *a, struct mutex *b) NO_THREAD_SAFETY_ANALYSIS
{
    struct mutex *first = a < b ? a : b;
    struct mutex *second = a < b ? b : a;
    mutex_lock(first);
    rank_push(second, true);
    mutex_take(second);
}

void mutex_unlock_pair(struct mutex *a, struct mutex *b) NO_THREAD_SAFETY_ANALYSIS
{
    mutex_unlock(a);
    mutex_unlock(b);
}
