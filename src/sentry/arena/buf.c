/* Buffers of any size: size classes up to half a page, page runs above. */
#include "sentry/arena/arena_priv.h"

#include <string.h>

static const uint16_t class_sizes[BUF_CLASSES] = {16,  32,  48,  64,  96,   128, 192,
                                                  256, 384, 512, 768, 1024, 2048};
#define BUF_MAX 2048u

static uint32_t class_of(size_t size)
{
    uint32_t i = 0;
    while (class_sizes[i] < size)
        i++;
    return i;
}

void *arena_alloc(size_t size_bytes)
{
    if (size_bytes > BUF_MAX) {
        if (size_bytes > ARENA_SIZE)
            return NULL;
        return arena_pages(DIV_ROUND_UP(size_bytes, ARENA_PAGE));
    }
    if (arena_fault_())
        return NULL;
    uint32_t class = class_of(size_bytes);
    return obj_alloc(SLAB_COUNT + class, class_sizes[class]);
}

void *arena_scratch(size_t size_bytes)
{
    if (size_bytes <= BUF_MAX || size_bytes > ARENA_SIZE)
        return arena_alloc(size_bytes);
    return pages_alloc(DIV_ROUND_UP(size_bytes, ARENA_PAGE), false);
}

void arena_free(void *p, size_t size_bytes)
{
    if (!p)
        return;
    if (size_bytes > BUF_MAX)
        arena_pages_free(p, DIV_ROUND_UP(size_bytes, ARENA_PAGE));
    else
        obj_free(SLAB_COUNT + class_of(size_bytes), p);
}

/* What a buffer of this size really has. */
static size_t buf_capacity(size_t size)
{
    return size > BUF_MAX ? DIV_ROUND_UP(size, ARENA_PAGE) * ARENA_PAGE
                          : class_sizes[class_of(size)];
}

void *arena_realloc(void *p, size_t old_bytes, size_t new_bytes)
{
    if (!p)
        return arena_alloc(new_bytes);
    if (new_bytes <= ARENA_SIZE && buf_capacity(old_bytes) == buf_capacity(new_bytes)) {
        if (new_bytes < old_bytes) /* zero again if it grows later */
            memset((char *)p + new_bytes, 0, old_bytes - new_bytes);
        return p;
    }
    void *to = arena_alloc(new_bytes);
    if (!to)
        return NULL;
    memcpy(to, p, MIN(old_bytes, new_bytes));
    arena_free(p, old_bytes);
    return to;
}

char *arena_strdup(const char *s) { return arena_memdup(s, strlen(s) + 1); }

void arena_strfree(char *s)
{
    if (s)
        arena_free(s, strlen(s) + 1);
}

void *arena_memdup(const void *p, size_t size_bytes)
{
    void *to = arena_alloc(size_bytes);
    if (to)
        memcpy(to, p, size_bytes);
    return to;
}
