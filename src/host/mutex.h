/* host/mutex.h - a lock for threads of one process: three states in a word, futex when contended.
 *
 * Locks    each has a rank of base/ranks.def; debug builds abort when a thread takes a rank that is not above all it holds.
 * Context  any thread; sleeps when contended; not from signal handlers. Zero-initialised plus rank is a valid lock.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/ranks.h"

struct CAPABILITY("mutex") mutex {
    uint32_t state; /* 0 free, 1 held, 2 held and somebody may sleep; atomic: the lock itself */
    enum lock_rank rank; /* immutable */
};

#define MUTEX_INIT(r) {.rank = (r)}

void mutex_init(struct mutex *m, enum lock_rank rank);
void mutex_lock(struct mutex *m) ACQUIRE(m);
bool mutex_trylock(struct mutex *m) TRY_ACQUIRE(true, m);
void mutex_unlock(struct mutex *m) RELEASE(m);
/* Debug builds abort unless this thread holds m. */
void mutex_assert_held(struct mutex *m) ASSERT_CAPABILITY(m);

/* Two locks of one rank, in address order. */
void mutex_lock_pair(struct mutex *a, struct mutex *b) ACQUIRE(a, b);
void mutex_unlock_pair(struct mutex *a, struct mutex *b) RELEASE(a, b);
