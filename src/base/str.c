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

void strbuf_json(struct strbuf *sb, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            strbuf_printf(sb, "\\%c", c);
        else if (c < 0x20)
            strbuf_printf(sb, "\\u%04x", c);
        else
            strbuf_putc(sb, (char)c);
    }
}

/* The civil day of a day after 1970-01-01, by eras of 400 years that begin in March: a leap day is the last of its year. */
static void day_split(int64_t day, int64_t *ret_year, int *ret_month, int *ret_day)
{
    enum { ERA_DAYS = 146097, BEFORE_1970 = 719468, CENTURY = 36524, FOUR_YEARS = 1460 };
    day += BEFORE_1970;
    int64_t era = (day >= 0 ? day : day - (ERA_DAYS - 1)) / ERA_DAYS;
    int64_t of_era = day - era * ERA_DAYS;
    int64_t year =
        (of_era - of_era / FOUR_YEARS + of_era / CENTURY - of_era / (ERA_DAYS - 1)) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153; /* 0: March */
    *ret_day = (int)(of_year - (153 * month + 2) / 5 + 1);
    *ret_month = (int)(month < 10 ? month + 3 : month - 9);
    *ret_year = year + era * 400 + (*ret_month <= 2);
}

void strbuf_time(struct strbuf *sb, int64_t s, int64_t ns)
{
    enum { DAY_S = 86400 };
    int64_t day = (s >= 0 ? s : s - (DAY_S - 1)) / DAY_S, left = s - day * DAY_S, year;
    int month, of_month;
    day_split(day, &year, &month, &of_month);
    strbuf_printf(sb, "%04lld-%02d-%02dT%02d:%02d:%02d.%09lldZ", (long long)year, month, of_month,
                  (int)(left / 3600), (int)(left / 60 % 60), (int)(left % 60), (long long)ns);
}
