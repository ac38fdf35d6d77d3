/* sentry/arena/slab.h - typed object caches over the arena.
 *
 * What     One cache per kernel type (slabs.def). Types never share a page, so a stale pointer can only ever reach an
 *          object of its own type; free lists are encoded with a secret; debug builds poison freed objects.
 * Locks    the kernel lock.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

enum slab_id {
#define SLAB(id, text) SLAB_##id,
#include "sentry/arena/slabs.def"
#undef SLAB
    SLAB_COUNT
};

/* A zeroed object, or NULL. size_bytes must be the same at each call for one id. */
NODISCARD void *slab_alloc(enum slab_id id, size_t size_bytes);
void slab_free(enum slab_id id, void *p); /* NULL is fine */
/* Live objects of a type: leak reports of tests, /proc, limits. */
uint64_t slab_live(enum slab_id id);
const char *slab_name(enum slab_id id);

#define SLAB_NEW(id, type) ((type *)slab_alloc(SLAB_##id, sizeof(type)))
#define SLAB_FREE(id, p)   slab_free(SLAB_##id, (p))
