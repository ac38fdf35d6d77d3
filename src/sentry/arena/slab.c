/* Object caches. A free object's first word is the address of the next free one, encoded with the secret and its own
 * address: an overwritten or forged link does not decode to an object of the slab, and a live object that is freed twice
 * is recognised because its first word does. */
#include "sentry/arena/arena_priv.h"
#include "sentry/arena/trim.h"

#include <string.h>

#define LIST_END    UINT64_C(1) /* odd: never an object */
#define POISON_BYTE 0x5a
#define MAX_EMPTY   2u

#ifdef NDEBUG
enum { POISON = false };
#else
enum { POISON = true };
#endif

static const char *const slab_names[] = {
#define SLAB(id, text) text,
#include "sentry/arena/slabs.def"
#undef SLAB
};

static NORETURN COLD void slab_corrupt(void)
{
    /* The kernel's state can no longer be trusted: end the sandbox at once. */
    __builtin_trap();
}

static uint64_t link_code(uint64_t where, uint64_t to)
{
    return to ^ arena_root()->secret ^ __builtin_bswap64(where);
}

static bool link_valid(const struct obj_cache *c, uint32_t head, uint64_t addr)
{
    if (addr == LIST_END)
        return true;
    uint64_t off = addr - (uint64_t)(uintptr_t)page_addr(head);
    return off < (uint64_t)c->per_slab * c->obj_size && off % c->obj_size == 0;
}

static void slab_push(struct arena_root *root, uint32_t *list, uint32_t page)
{
    root->info[page].prev = PAGE_NONE;
    root->info[page].next = *list;
    if (*list != PAGE_NONE)
        root->info[*list].prev = page;
    *list = page;
}

static void slab_remove(struct arena_root *root, uint32_t *list, uint32_t page)
{
    struct page_info *pi = &root->info[page];
    if (pi->prev != PAGE_NONE)
        root->info[pi->prev].next = pi->next;
    else
        *list = pi->next;
    if (pi->next != PAGE_NONE)
        root->info[pi->next].prev = pi->prev;
}

#define SLAB_PAGES    8u
#define SLAB_MIN_OBJS 8u
#define SLAB_WASTE                                                                                 \
    32u /* at most one part in so many of a slab lies behind its last object, if longer slabs help */

static void cache_setup(struct obj_cache *c, size_t size)
{
    uint32_t obj = (uint32_t)ALIGN_UP(MAX(size, (size_t)16), 8);
    uint32_t pages = (uint32_t)DIV_ROUND_UP(obj, ARENA_PAGE), best = pages;
    for (; pages <= SLAB_PAGES; pages *= 2) {
        uint32_t bytes = pages * ARENA_PAGE, left = bytes % obj;
        if (best * ARENA_PAGE / obj < SLAB_MIN_OBJS ||
            left * best < best * ARENA_PAGE % obj * pages)
            best = pages;
        if (bytes / obj >= SLAB_MIN_OBJS && left * SLAB_WASTE <= bytes)
            break;
    }
    c->req_size = (uint32_t)size;
    c->obj_size = obj;
    c->run_pages = best;
    c->per_slab = best * ARENA_PAGE / obj;
    c->partial = c->empty = PAGE_NONE;
}

static uint32_t slab_new(struct arena_root *root, uint32_t cache)
{
    struct obj_cache *c = &root->caches[cache];
    uint32_t page = page_run_alloc(c->run_pages, PAGE_SLAB, false);
    if (page == PAGE_NONE)
        return PAGE_NONE;
    struct page_info *pi = &root->info[page];
    pi->inuse = 0;
    for (uint32_t i = 0; i < c->run_pages; i++) {
        root->info[page + i].kind = PAGE_SLAB;
        root->info[page + i].cache = (uint8_t)cache;
        root->info[page + i].head = page;
    }
    uint64_t next = LIST_END;
    for (uint32_t i = c->per_slab; i-- > 0;) {
        char *obj = (char *)page_addr(page) + (size_t)i * c->obj_size;
        uint64_t at = (uint64_t)(uintptr_t)obj, code = link_code(at, next);
        memcpy(obj, &code, sizeof(code));
        if (POISON)
            memset(obj + 8, POISON_BYTE, c->obj_size - 8);
        next = at;
    }
    pi->free_list = next;
    return page;
}

static void slab_release(struct arena_root *root, const struct obj_cache *c, uint32_t page)
{
    for (uint32_t i = 0; i < c->run_pages; i++)
        root->info[page + i].head = PAGE_NONE;
    for (uint32_t i = 1; i < c->run_pages; i++)
        root->info[page + i].kind = PAGE_UNUSED;
    page_run_free(page, c->run_pages);
}

void *obj_alloc(uint32_t cache, size_t size_bytes)
{
    struct arena_root *root = arena_root();
    struct obj_cache *c = &root->caches[cache];
    if (!c->obj_size)
        cache_setup(c, size_bytes);
    assert(c->req_size == size_bytes);

    uint32_t page = c->partial;
    if (page == PAGE_NONE) {
        page = c->empty;
        if (page != PAGE_NONE) {
            slab_remove(root, &c->empty, page);
            c->nempty--;
        } else if ((page = slab_new(root, cache)) == PAGE_NONE) {
            return NULL;
        }
        slab_push(root, &c->partial, page);
    }
    struct page_info *pi = &root->info[page];
    uint64_t at = pi->free_list, code;
    char *obj = (char *)(uintptr_t)at;
    memcpy(&code, obj, sizeof(code));
    uint64_t next = link_code(at, code); /* its own inverse */
    if (unlikely(!link_valid(c, page, next)))
        slab_corrupt();
    if (POISON)
        for (uint32_t i = 8; i < c->obj_size; i++)
            if (obj[i] != POISON_BYTE) /* written after it was freed */
                slab_corrupt();
    pi->free_list = next;
    pi->inuse++;
    if (next == LIST_END)
        slab_remove(root, &c->partial, page);
    c->live++;
    memset(obj, 0, c->obj_size);
    return obj;
}

void obj_free(uint32_t cache, void *p)
{
    struct arena_root *root = arena_root();
    struct obj_cache *c = &root->caches[cache];
    struct page_info *own = &root->info[page_of(p)];
    uint64_t at = (uint64_t)(uintptr_t)p, code;
    if (own->kind != PAGE_SLAB || own->cache != cache || !link_valid(c, own->head, at))
        slab_corrupt();
    uint32_t page = own->head;
    struct page_info *pi = &root->info[page];
    memcpy(&code, p, sizeof(code));
    if (unlikely(link_valid(c, page, link_code(at, code))))
        slab_corrupt(); /* freed twice */

    bool was_full = pi->free_list == LIST_END;
    code = link_code(at, pi->free_list);
    memcpy(p, &code, sizeof(code));
    if (POISON)
        memset((char *)p + 8, POISON_BYTE, c->obj_size - 8);
    pi->free_list = at;
    pi->inuse--;
    c->live--;
    if (was_full)
        slab_push(root, &c->partial, page);
    if (pi->inuse)
        return;
    slab_remove(root, &c->partial, page);
    if (c->nempty < MAX_EMPTY) {
        slab_push(root, &c->empty, page);
        c->nempty++;
        trim_soon();
        return;
    }
    slab_release(root, c, page);
}

void slabs_trim(void)
{
    struct arena_root *root = arena_root();
    for (uint32_t i = 0; i < SLAB_COUNT + BUF_CLASSES; i++) {
        struct obj_cache *c = &root->caches[i];
        while (c->nempty) {
            uint32_t page = c->empty;
            slab_remove(root, &c->empty, page);
            c->nempty--;
            slab_release(root, c, page);
        }
    }
}

void *slab_alloc(enum slab_id id, size_t size_bytes)
{
    return arena_fault_() ? NULL : obj_alloc((uint32_t)id, size_bytes);
}

void slab_free(enum slab_id id, void *p)
{
    if (p)
        obj_free((uint32_t)id, p);
}

uint64_t slab_live(enum slab_id id) { return arena_root()->caches[id].live; }
const char *slab_name(enum slab_id id) { return slab_names[id]; }
