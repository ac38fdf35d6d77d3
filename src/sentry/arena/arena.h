/* sentry/arena/arena.h - the one region that holds every kernel object (DESIGN.md 5).
 *
 * What     A range of address space at a fixed address, pages taken from it on demand. Small objects come from typed
 *          slabs (slab.h); buffers of any size from arena_alloc(), in size classes, freed with their size.
 * Locks    the kernel lock (kernel.h) for every function here.
 * Limits   ARENA_SIZE in all; -ENOMEM (NULL) beyond it or when the host has no memory.
 *
 * I1  no object outside the arena outlives a call; no object in it holds a host pointer or a host descriptor number.
 * I2  a freed page run goes back to the host (MADV_DONTNEED) unless it is among the few kept for reuse.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* Free in a static program, and outside the shadow memory of AddressSanitizer. */
#ifdef CVISOR_TSAN
#define ARENA_BASE 0x010000000000ULL /* ThreadSanitizer's shadow is at the other place */
#else
#define ARENA_BASE 0x200000000000ULL
#endif
#define ARENA_SIZE (64ULL << 30)

/* Reserves the range; kern() is valid and zeroed afterwards. Once, before anything else. -ENOMEM, -EEXIST address taken. */
NODISCARD int arena_init(void);
/* For tests: gives the whole region back; arena_init() may be called again. */
void arena_done(void);
/* For tests: the n-th allocation from now (pages, buffers, objects) fails, once; 0: none. */
void arena_fail_after(uint64_t n);
/* True if the failure asked for has happened. */
bool arena_failed(void);

/* Zeroed page runs. NULL when out of memory. */
NODISCARD void *arena_pages(size_t npages);
void arena_pages_free(void *p, size_t npages);

/* Zeroed buffers of any size; 16-byte aligned, page-aligned from one page up. The size is given back on free. */
NODISCARD void *arena_alloc(size_t size_bytes);
void arena_free(void *p, size_t size_bytes);
/* The same, but with anything in it: for bytes that are written before they are read. */
NODISCARD void *arena_scratch(size_t size_bytes);
/* Grows or shrinks, keeping min(old, new) bytes; NULL leaves the old one alone. New bytes are zero. */
NODISCARD void *arena_realloc(void *p, size_t old_bytes, size_t new_bytes);
/* A copy of a string or of bytes; free with strlen+1 or the same size. NULL when out of memory. */
NODISCARD char *arena_strdup(const char *s);
void arena_strfree(char *s); /* NULL is fine */
NODISCARD void *arena_memdup(const void *p, size_t size_bytes);

struct arena_stats {
    uint64_t used_bytes; /* handed out as pages */
    uint64_t peak_bytes;
};
void arena_get_stats(struct arena_stats *ret);
