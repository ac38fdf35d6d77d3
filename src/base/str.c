#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

void strbuf_init(struct strbuf *sb, char *buf, size_t size)
{
    assert(size >= 1);
    *sb = (struct strbuf){.buf = buf, .size = size};
    buf[0] = 0;
}

void strbuf_add(struct strbuf *sb, const char *data, size_t len)
{
    if (sb->overflowed)
        return;
    size_t room = sb->size - 1 - sb->len;
    if (len > room) {
        len = room;
        sb->overflowed = true;
    }
    memcpy(sb->buf + sb->len, data, len);
    sb->len += len;
    sb->buf[sb->len] = 0;
}

void strbuf_puts(struct strbuf *sb, const char *s) { strbuf_add(sb, s, strlen(s)); }

void strbuf_putc(struct strbuf *sb, char c) { strbuf_add(sb, &c, 1); }

void strbuf_printf(struct strbuf *sb, const char *fmt, ...)
{
    if (sb->overflowed)
        return;
    size_t room = sb->size - sb->len;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(sb->buf + sb->len, room, fmt, ap);
    va_end(ap);
    if (n < 0) {
        sb->buf[sb->len] = 0;
        return;
    }
    if ((size_t)n >= room) {
        sb->overflowed = true;
        n = (int)(room - 1);
    }
    sb->len += (size_t)n;
}

void strbuf_quote(struct strbuf *sb, const void *data, size_t len, size_t max)
{
    static const char special[] = "\n\t\r\\\"";
    static const char letter[] = "ntr\\\"";
    const char *p = data;
    size_t n = MIN(len, max);

    strbuf_putc(sb, '"');
    for (size_t i = 0; i < n; i++) {
        const char *s = p[i] ? strchr(special, p[i]) : NULL;
        if (s)
            strbuf_printf(sb, "\\%c", letter[s - special]);
        else if (p[i] >= 0x20 && p[i] < 0x7f)
            strbuf_putc(sb, p[i]);
        else
            strbuf_printf(sb, "\\x%02x", (unsigned int)(unsigned char)p[i]);
    }
    strbuf_puts(sb, n < len ? "\"..." : "\"");
}

bool path_component_next(const char **path, const char **ret_name, size_t *ret_len)
{
    const char *p = *path;

    while (*p == '/')
        p++;
    if (!*p) {
        *path = p;
        return false;
    }
    const char *end = p;
    while (*end && *end != '/')
        end++;
    *ret_name = p;
    *ret_len = (size_t)(end - p);
    *path = end;
    return true;
}

const char *path_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static unsigned int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned int)(c - '0');
    if (c >= 'a' && c <= 'z')
        return (unsigned int)(c - 'a') + 10;
    if (c >= 'A' && c <= 'Z')
        return (unsigned int)(c - 'A') + 10;
    return UINT32_MAX;
}

int parse_u64(const char *s, unsigned int base, uint64_t *ret)
{
    if (base == 0) {
        base = 10;
        if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
            base = 16;
            s += 2;
        } else if (s[0] == '0' && s[1]) {
            base = 8;
            s++;
        }
    }
    if (!*s)
        return -EINVAL;

    uint64_t v = 0;
    bool overflow = false;
    for (; *s; s++) {
        unsigned int d = digit_value(*s);
        if (d >= base)
            return -EINVAL;
        overflow |= __builtin_mul_overflow(v, (uint64_t)base, &v);
        overflow |= __builtin_add_overflow(v, (uint64_t)d, &v);
    }
    if (overflow)
        return -ERANGE;
    *ret = v;
    return 0;
}

int parse_i64(const char *s, int64_t *ret)
{
    bool negative = s[0] == '-';
    uint64_t v;
    int err = parse_u64(s + negative, 10, &v);
    if (err)
        return err;
    if (v > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
    return 0;
}
