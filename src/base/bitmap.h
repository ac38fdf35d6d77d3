/* base/bitmap.h - bitmaps on uint64_t words that the caller provides; a growing one is a longer array with zeroed tail. */
#ifndef CVISOR_BASE_BITMAP_H
#define CVISOR_BASE_BITMAP_H

#include "base/compiler.h"

#define BITMAP_WORDS(nbits) DIV_ROUND_UP(nbits, 64)
#define BITMAP_NONE         SIZE_MAX

static inline void bitmap_set(uint64_t *map, size_t bit)
{
    map[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static inline void bitmap_clear(uint64_t *map, size_t bit)
{
    map[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
}

static inline bool bitmap_test(const uint64_t *map, size_t bit)
{
    return (map[bit / 64] >> (bit % 64)) & 1;
}

/* First bit >= from whose word, after xor with flip, has it set; BITMAP_NONE if none below nbits. */
static inline size_t bitmap_scan_(const uint64_t *map, size_t nbits, size_t from, uint64_t flip)
{
    if (from >= nbits)
        return BITMAP_NONE;
    size_t i = from / 64;
    uint64_t w = (map[i] ^ flip) & (~UINT64_C(0) << (from % 64));
    while (!w) {
        if (++i >= BITMAP_WORDS(nbits))
            return BITMAP_NONE;
        w = map[i] ^ flip;
    }
    size_t bit = i * 64 + (size_t)__builtin_ctzll(w);
    return bit < nbits ? bit : BITMAP_NONE;
}

/* The first clear (set) bit at or after from; BITMAP_NONE if there is none below nbits. */
static inline size_t bitmap_find_zero(const uint64_t *map, size_t nbits, size_t from)
{
    return bitmap_scan_(map, nbits, from, ~UINT64_C(0));
}

static inline size_t bitmap_find_set(const uint64_t *map, size_t nbits, size_t from)
{
    return bitmap_scan_(map, nbits, from, 0);
}

static inline size_t bitmap_weight(const uint64_t *map, size_t nbits)
{
    size_t n = 0;
    for (size_t i = 0; i < nbits / 64; i++)
        n += (size_t)__builtin_popcountll(map[i]);
    if (nbits % 64)
        n += (size_t)__builtin_popcountll(map[nbits / 64] & ((UINT64_C(1) << (nbits % 64)) - 1));
    return n;
}

#endif
