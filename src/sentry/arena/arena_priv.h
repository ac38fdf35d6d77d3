/* sentry/arena/arena_priv.h - inside the arena: page descriptors, the root, object caches.
 *
 * Layout   struct kernel, struct arena_root, one struct page_info a page, then the pages that are handed out.
 *
 * I1  the pages below root->top are partitioned into runs; the first page of a run says its kind and length, and so does
 *     the last page of a free run.
 * I2  no two free runs are neighbours; pages of a free run read as zero. Runs on the hot lists are not free runs: they
 *     are dirty and of kind PAGE_HOT.
 * I3  descriptors inside a free run and above root->top say nothing: those that fill a page have given it back.
 */
#pragma once
#include "base/bitmap.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/kernel.h"
#include "sentry/time/timer.h"

#define ARENA_PAGE   4096u
#define ARENA_NPAGES ((uint32_t)(ARENA_SIZE / ARENA_PAGE))
#define PAGE_NONE    UINT32_MAX
#define FREE_EXACT   63u /* runs of 1..63 pages have a list each, longer ones one a power of two */
#define FREE_BINS    (FREE_EXACT + 19u)
#define HOT_MAX_RUN  16u  /* runs up to this length may be kept dirty for reuse */
#define HOT_MAX_KEPT 32u  /* pages kept a length, and at least two runs */
#define HOT_MAX_ALL  128u /* pages kept in all */

enum page_kind { PAGE_UNUSED, PAGE_FREE, PAGE_HOT, PAGE_RUN, PAGE_SLAB };

struct page_info {
    uint32_t len;        /* of the run, in its first page (and its last, if free) */
    uint8_t kind;        /* enum page_kind */
    uint8_t cache;       /* PAGE_SLAB: index into root->caches */
    uint16_t inuse;      /* PAGE_SLAB: objects handed out */
    uint32_t next, prev; /* free, hot or slab list: page numbers */
    uint32_t head;       /* PAGE_SLAB: first page of the run */
    uint64_t free_list;  /* PAGE_SLAB: first free object, in clear */
};

/* Buffers of arena_alloc() below a page. */
#define BUF_CLASSES 13u

struct obj_cache {
    uint32_t obj_size;  /* 0: not used yet; else a multiple of 8 */
    uint32_t req_size;  /* as the first caller said */
    uint32_t run_pages; /* pages of a slab */
    uint32_t per_slab;
    uint32_t partial; /* slabs with some objects free: head of the list */
    uint32_t empty;   /* slabs with all objects free */
    uint32_t nempty;
    uint64_t live;
};

struct arena_root {
    uint64_t secret;
    uint32_t first, top; /* pages handed out lie in [first, top) */
    uint32_t bins[FREE_BINS];
    uint64_t bin_map[BITMAP_WORDS(FREE_BINS)];
    uint32_t hot[HOT_MAX_RUN + 1], nhot[HOT_MAX_RUN + 1], hot_pages;
    struct timer trim_timer; /* trim.h */
    bool trim_rest;
    struct arena_stats stats;
    uint64_t fail_after;
    bool failed;
    struct obj_cache caches[SLAB_COUNT + BUF_CLASSES];
    struct page_info *info;
};

static inline struct arena_root *arena_root(void) { return kern()->arena; }

static inline void *page_addr(uint32_t page)
{
    return (void *)(uintptr_t)(ARENA_BASE + (uint64_t)page * ARENA_PAGE);
}

static inline uint32_t page_of(const void *p)
{
    uint64_t off = (uint64_t)(uintptr_t)p - ARENA_BASE;
    assert(off < ARENA_SIZE);
    return (uint32_t)(off / ARENA_PAGE);
}

/* One allocation of the outside: true if it shall fail. */
bool arena_fault_(void);
/* As arena_pages(); contents undefined if !zero. */
void *pages_alloc(size_t npages, bool zero);
/* Page runs without fault injection. Contents undefined if !zero. PAGE_NONE: no memory. */
uint32_t page_run_alloc(uint32_t npages, enum page_kind kind, bool zero);
void page_run_free(uint32_t page, uint32_t npages);
/* Gives the empty slabs back that are kept for reuse. */
void slabs_trim(void);
/* Objects of a cache, zeroed. */
void *obj_alloc(uint32_t cache, size_t size_bytes);
void obj_free(uint32_t cache, void *p);
