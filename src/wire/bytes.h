/* wire/bytes.h - bounded reading and writing of byte strings in host order. Both sides remember failure, so that a sequence
 * of calls needs one check at its end. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"

struct bytes_writer {
    uint8_t *buf;
    size_t cap, len; /* len runs on past cap: the length needed */
};

struct bytes_reader {
    const uint8_t *p;
    size_t left;
    bool failed; /* everything read after a failure is 0 */
};

static inline void bytes_put(struct bytes_writer *w, const void *p, size_t n)
{
    if (n && w->len <= w->cap && n <= w->cap - w->len)
        memcpy(w->buf + w->len, p, n);
    w->len += n;
}

static inline void bytes_put_u32(struct bytes_writer *w, uint32_t v) { bytes_put(w, &v, sizeof v); }
static inline void bytes_put_u64(struct bytes_writer *w, uint64_t v) { bytes_put(w, &v, sizeof v); }

/* Length, bytes, NUL. NULL is written as "". */
static inline void bytes_put_str(struct bytes_writer *w, const char *s)
{
    size_t n = s ? strlen(s) : 0;
    bytes_put_u32(w, (uint32_t)n);
    bytes_put(w, s ? s : "", n);
    bytes_put(w, "", 1);
}

static inline const void *bytes_get(struct bytes_reader *r, size_t n)
{
    if (r->failed || n > r->left) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    r->left -= n;
    return p;
}

static inline uint32_t bytes_get_u32(struct bytes_reader *r)
{
    uint32_t v = 0;
    const void *p = bytes_get(r, sizeof v);
    if (p)
        memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t bytes_get_u64(struct bytes_reader *r)
{
    uint64_t v = 0;
    const void *p = bytes_get(r, sizeof v);
    if (p)
        memcpy(&v, p, sizeof v);
    return v;
}

/* At most max bytes, without NUL inside; points into the buffer; "" after a failure. */
static inline const char *bytes_get_str(struct bytes_reader *r, size_t max)
{
    uint32_t n = bytes_get_u32(r);
    const char *s = n > max ? NULL : bytes_get(r, (size_t)n + 1);
    if (!s || s[n] != 0 || memchr(s, 0, n)) {
        r->failed = true;
        return "";
    }
    return s;
}
