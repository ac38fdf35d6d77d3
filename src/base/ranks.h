/* base/ranks.h - the lock order of ranks.def as an enum with names. Debug builds check it on every acquisition. */
#ifndef CVISOR_BASE_RANKS_H
#define CVISOR_BASE_RANKS_H

enum lock_rank {
#define LOCK_RANK(name, order, what) RANK_##name = (order),
#include "base/ranks.def"
#undef LOCK_RANK
};

static inline const char *lock_rank_name(enum lock_rank rank)
{
    switch (rank) {
#define LOCK_RANK(name, order, what)                                                               \
    case RANK_##name: return #name;
#include "base/ranks.def"
#undef LOCK_RANK
    }
    return "?";
}

#endif
