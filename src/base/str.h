/* base/str.h - bounded strings: a builder over the caller's buffer, path components, numbers. */
#ifndef CVISOR_BASE_STR_H
#define CVISOR_BASE_STR_H

#include "base/compiler.h"

#include <string.h>

/* I1  buf[len] == 0 and len < size, always. I2  once overflowed, nothing more is added. */
struct strbuf {
    char *buf;
    size_t size, len;
    bool overflowed;
};

/* size >= 1 */
void strbuf_init(struct strbuf *sb, char *buf, size_t size);
/* What does not fit is cut and sets overflowed. */
void strbuf_add(struct strbuf *sb, const char *data, size_t len);
void strbuf_puts(struct strbuf *sb, const char *s);
void strbuf_putc(struct strbuf *sb, char c);
void strbuf_printf(struct strbuf *sb, const char *fmt, ...) PRINTF(2, 3);
/* At most max bytes of data in quotes, with C escapes for what is not printable ASCII; "..." if cut. */
void strbuf_quote(struct strbuf *sb, const void *data, size_t len, size_t max);

/* The inside of a JSON string. */
void strbuf_json(struct strbuf *sb, const char *s);
/* Of seconds since 1970, in UTC: "2024-02-29T23:59:59.000000001Z". Without libc's calendar, which reads files. */
void strbuf_time(struct strbuf *sb, int64_t s, int64_t ns);

static inline bool strbuf_overflowed(const struct strbuf *sb) { return sb->overflowed; }

/* The next component of *path between slashes; advances *path past it. False at the end. The name is not terminated.
 * A component before a slash at the end looks like any other: **path tells ('/' or 0). */
bool path_component_next(const char **path, const char **ret_name, size_t *ret_len);

static inline bool path_is_absolute(const char *path) { return path[0] == '/'; }

/* The part after the last slash; the path itself if it has none. */
const char *path_basename(const char *path);

/* True if a NUL-terminated string equals the len bytes at b. */
static inline bool str_eq_n(const char *a, const char *b, size_t len)
{
    return strncmp(a, b, len) == 0 && a[len] == 0;
}

static inline bool str_eq(const char *a, const char *b) { return strcmp(a, b) == 0; }

bool str_starts(const char *s, const char *prefix);

/* The whole string is a number without sign or space. base 8, 10 or 16, or 0: by 0x and 0 prefixes.
 * -EINVAL not a number, -ERANGE too large. */
NODISCARD int parse_u64(const char *s, unsigned int base, uint64_t *ret);
/* Decimal with an optional minus. -EINVAL, -ERANGE. */
NODISCARD int parse_i64(const char *s, int64_t *ret);

#endif
