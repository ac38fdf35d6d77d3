#include "sentry/arena/arena_priv.h"

#include "base/err.h"
#include "host/fault.h"
#include "host/host.h"
#include "sentry/arena/trim.h"

#include <string.h>
#include <sys/mman.h>

static_assert(sizeof(struct kernel) <= ARENA_PAGE, "struct kernel has one page");
static_assert(ARENA_NPAGES > 0 && ARENA_NPAGES < PAGE_NONE, "page numbers fit");

int arena_init(void)
{
    intptr_t at =
        host_mmap((void *)(uintptr_t)ARENA_BASE, ARENA_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (at < 0)
        return (int)at;
    if (at != (intptr_t)ARENA_BASE) {
        (void)!host_munmap((void *)at, ARENA_SIZE);
        return -EEXIST;
    }
    /* A huge page for every touched corner of a sparse region would be mostly waste. */
    (void)!host_madvise((void *)(uintptr_t)ARENA_BASE, ARENA_SIZE, MADV_NOHUGEPAGE);

    struct kernel *k = kern();
    uint64_t pos = ARENA_PAGE;
    struct arena_root *root = (struct arena_root *)(uintptr_t)(ARENA_BASE + pos);
    pos += ALIGN_UP(sizeof(*root), ARENA_PAGE);
    root->info = (struct page_info *)(uintptr_t)(ARENA_BASE + pos);
    pos += ALIGN_UP((uint64_t)ARENA_NPAGES * sizeof(struct page_info), ARENA_PAGE);
    root->first = root->top = (uint32_t)(pos / ARENA_PAGE);
    for (uint32_t i = 0; i < FREE_BINS; i++)
        root->bins[i] = PAGE_NONE;
    for (uint32_t i = 0; i <= HOT_MAX_RUN; i++)
        root->hot[i] = PAGE_NONE;
    ssize_t n = host_getrandom(&root->secret, sizeof(root->secret), 0);
    if (n != (ssize_t)sizeof(root->secret)) {
        arena_done();
        return n < 0 ? (int)n : -EIO;
    }
    k->arena = root;
    trim_init();
    return 0;
}

void arena_done(void) { (void)!host_munmap((void *)(uintptr_t)ARENA_BASE, ARENA_SIZE); }

void arena_fail_after(uint64_t n)
{
    arena_root()->fail_after = n;
    arena_root()->failed = false;
}

bool arena_failed(void) { return arena_root()->failed; }

bool arena_fault_(void)
{
    struct arena_root *root = arena_root();
    if (host_fault_alloc())
        return true;
    if (likely(!root->fail_after) || --root->fail_after)
        return false;
    root->failed = true;
    return true;
}

static uint32_t bin_of(uint32_t npages)
{
    if (npages <= FREE_EXACT)
        return npages - 1;
    return FREE_EXACT + (31u - (uint32_t)__builtin_clz(npages)) - 5u - 1u;
}

static void free_link(struct arena_root *root, uint32_t page, uint32_t npages)
{
    uint32_t bin = bin_of(npages);
    struct page_info *first = &root->info[page];
    root->info[page + npages - 1].len = npages;
    root->info[page + npages - 1].kind = PAGE_FREE;
    first->len = npages;
    first->kind = PAGE_FREE;
    first->prev = PAGE_NONE;
    first->next = root->bins[bin];
    if (first->next != PAGE_NONE)
        root->info[first->next].prev = page;
    root->bins[bin] = page;
    bitmap_set(root->bin_map, bin);
}

static void free_unlink(struct arena_root *root, uint32_t page)
{
    struct page_info *pi = &root->info[page];
    uint32_t bin = bin_of(pi->len);
    if (pi->prev != PAGE_NONE)
        root->info[pi->prev].next = pi->next;
    else
        root->bins[bin] = pi->next;
    if (pi->next != PAGE_NONE)
        root->info[pi->next].prev = pi->prev;
    if (root->bins[bin] == PAGE_NONE)
        bitmap_clear(root->bin_map, bin);
    root->info[page + pi->len - 1].kind = PAGE_UNUSED;
    pi->kind = PAGE_UNUSED;
}

/* A free run of at least npages; PAGE_NONE if there is none. */
static uint32_t free_find(const struct arena_root *root, uint32_t npages)
{
    uint32_t bin = bin_of(npages);
    for (uint32_t p = root->bins[bin]; p != PAGE_NONE; p = root->info[p].next)
        if (root->info[p].len >= npages)
            return p;
    size_t higher = bitmap_find_set(root->bin_map, FREE_BINS, bin + 1);
    return higher == BITMAP_NONE ? PAGE_NONE : root->bins[higher];
}

uint32_t page_run_alloc(uint32_t npages, enum page_kind kind, bool zero)
{
    struct arena_root *root = arena_root();
    uint32_t page;
    if (npages <= HOT_MAX_RUN && root->hot[npages] != PAGE_NONE) {
        page = root->hot[npages];
        root->hot[npages] = root->info[page].next;
        root->nhot[npages]--;
        root->hot_pages -= npages;
        if (zero)
            memset(page_addr(page), 0, (size_t)npages * ARENA_PAGE);
    } else if ((page = free_find(root, npages)) != PAGE_NONE) {
        uint32_t len = root->info[page].len;
        free_unlink(root, page);
        if (len > npages)
            free_link(root, page + npages, len - npages);
    } else if (npages <= ARENA_NPAGES - root->top) {
        page = root->top;
        root->top += npages;
    } else {
        return PAGE_NONE;
    }
    root->info[page].len = npages;
    root->info[page].kind = (uint8_t)kind;
    root->stats.used_bytes += (uint64_t)npages * ARENA_PAGE;
    root->stats.peak_bytes = MAX(root->stats.peak_bytes, root->stats.used_bytes);
    return page;
}

/* I3: the run [page, page + npages) is part of the free run [start, end) now, end may be the top. */
static void info_release(struct arena_root *root, uint32_t page, uint32_t npages, uint32_t start,
                         uint32_t end)
{
    uintptr_t base = (uintptr_t)root->info, size = sizeof(*root->info);
    bool top = end == root->top;
    uintptr_t from = ALIGN_DOWN(base + (page - 1) * size, ARENA_PAGE),
              to = ALIGN_UP(base + (page + npages + 1) * size, ARENA_PAGE);
    from = MAX(from, ALIGN_UP(base + (start + (top ? 0u : 1u)) * size, ARENA_PAGE));
    if (!top)
        to = MIN(to, ALIGN_DOWN(base + (end - 1) * size, ARENA_PAGE));
    if (from < to && host_madvise((void *)from, to - from, MADV_DONTNEED) < 0)
        return; /* they keep their page */
}

static void run_release(struct arena_root *root, uint32_t page, uint32_t npages)
{
    if (host_madvise(page_addr(page), (size_t)npages * ARENA_PAGE, MADV_DONTNEED) < 0)
        memset(page_addr(page), 0, (size_t)npages * ARENA_PAGE); /* I2 */
    root->info[page].kind = PAGE_UNUSED;
    uint32_t start = page, end = page + npages;
    if (page > root->first && root->info[page - 1].kind == PAGE_FREE) {
        start -= root->info[page - 1].len;
        free_unlink(root, start);
    }
    if (end < root->top && root->info[end].kind == PAGE_FREE) {
        uint32_t after = end;
        end += root->info[after].len;
        free_unlink(root, after);
    }
    info_release(root, page, npages, start, end);
    if (end == root->top)
        root->top = start;
    else
        free_link(root, start, end - start);
}

void page_run_free(uint32_t page, uint32_t npages)
{
    struct arena_root *root = arena_root();
    assert(page >= root->first && page < root->top);
    assert(root->info[page].kind == PAGE_RUN || root->info[page].kind == PAGE_SLAB);
    assert(root->info[page].len == npages);
    root->stats.used_bytes -= (uint64_t)npages * ARENA_PAGE;

    if (npages <= HOT_MAX_RUN && root->nhot[npages] < MAX(HOT_MAX_KEPT / npages, 2u) &&
        root->hot_pages + npages <= HOT_MAX_ALL) {
        root->info[page].kind = PAGE_HOT;
        root->info[page].next = root->hot[npages];
        root->hot[npages] = page;
        root->nhot[npages]++;
        root->hot_pages += npages;
        trim_soon();
        return;
    }
    run_release(root, page, npages);
}

enum trim_left arena_trim(bool next_period)
{
    struct arena_root *root = arena_root();
    slabs_trim();
    for (uint32_t n = 1; n <= HOT_MAX_RUN; n++)
        while (root->hot[n] != PAGE_NONE) {
            uint32_t page = root->hot[n];
            root->hot[n] = root->info[page].next;
            run_release(root, page, n);
        }
    memset(root->nhot, 0, sizeof(root->nhot));
    root->hot_pages = 0;
    return TRIM_NOTHING;
}

void *pages_alloc(size_t npages, bool zero)
{
    if (arena_fault_() || npages == 0 || npages >= ARENA_NPAGES)
        return NULL;
    uint32_t page = page_run_alloc((uint32_t)npages, PAGE_RUN, zero);
    return page == PAGE_NONE ? NULL : page_addr(page);
}

void *arena_pages(size_t npages) { return pages_alloc(npages, true); }

void arena_pages_free(void *p, size_t npages)
{
    if (!p)
        return;
    assert(IS_ALIGNED((uintptr_t)p, ARENA_PAGE) && npages < ARENA_NPAGES);
    page_run_free(page_of(p), (uint32_t)npages);
}

void arena_get_stats(struct arena_stats *ret) { *ret = arena_root()->stats; }
