/* Values out of a JSON document. */
#include "oci/parse_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/str.h"
#include "oci/spec.h"

static void where_put(struct strbuf *sb, const char *key, const char *name)
{
    strbuf_printf(sb, "%s%s%s: ", key, name && key[0] ? "." : "", name ? name : "");
}

void parse_fail(struct parse *p, const char *key, const char *name, const char *fmt, ...)
{
    if (p->result < 0)
        return;
    p->result = -EINVAL;
    struct strbuf sb;
    char what[OCI_ERROR_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    strbuf_init(&sb, p->err, OCI_ERROR_MAX);
    strbuf_printf(&sb, "%s: ", p->name);
    where_put(&sb, key, name);
    strbuf_puts(&sb, what);
    for (char *c = p->err; *c; c++) /* one line, whatever the file holds */
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

void parse_warn(struct parse *p, const char *key, const char *name, const char *fmt, ...)
{
    struct oci_warnings *w = p->warnings;
    if (p->result < 0 || !w || w->count == OCI_WARNINGS_MAX)
        return;
    struct strbuf sb;
    char what[OCI_ERROR_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    strbuf_init(&sb, w->text[w->count++], OCI_WARNING_MAX);
    where_put(&sb, key, name);
    strbuf_puts(&sb, what);
    for (char *c = sb.buf; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

void *parse_alloc(struct parse *p, size_t count, size_t size)
{
    size_t bytes;
    struct oci_chunk *c = NULL;
    if (!checked_mul_size(count ? count : 1, size, &bytes) &&
        !checked_add_size(bytes, sizeof *c, &bytes))
        c = calloc(1, bytes);
    if (!c) {
        if (p->result == 0)
            p->result = -ENOMEM;
        return NULL;
    }
    c->next = *p->chunks;
    *p->chunks = c;
    return c->data;
}

void parse_chunks_free(struct oci_chunk *chunks)
{
    while (chunks) {
        struct oci_chunk *next = chunks->next;
        free(chunks);
        chunks = next;
    }
}

const char *parse_key(char *buf, const char *key, const char *name)
{
    struct strbuf sb;
    strbuf_init(&sb, buf, OCI_KEY_MAX);
    strbuf_printf(&sb, "%s%s%s", key, key[0] ? "." : "", name);
    return buf;
}

const char *parse_key_at(char *buf, const char *key, const char *name, size_t i)
{
    struct strbuf sb;
    strbuf_init(&sb, buf, OCI_KEY_MAX);
    strbuf_printf(&sb, "%s%s%s[%zu]", key, key[0] && name ? "." : "", name ? name : "", i);
    return buf;
}

static json_t *value_get(json_t *obj, const char *name)
{
    json_t *v = json_object_get(obj, name);
    return json_is_null(v) ? NULL : v;
}

json_t *object_get(struct parse *p, json_t *obj, const char *key, const char *name)
{
    json_t *v = value_get(obj, name);
    if (v && !json_is_object(v)) {
        parse_fail(p, key, name, "must be an object {...}");
        return NULL;
    }
    return v;
}

json_t *array_get(struct parse *p, json_t *obj, const char *key, const char *name, size_t max)
{
    json_t *v = value_get(obj, name);
    if (v && (!json_is_array(v) || json_array_size(v) > max)) {
        parse_fail(p, key, name, "must be a list [...] of at most %zu elements", max);
        return NULL;
    }
    return v;
}

json_t *object_at(struct parse *p, json_t *array, size_t i, const char *key)
{
    json_t *v = json_array_get(array, i);
    if (!json_is_object(v)) {
        parse_fail(p, key, NULL, "must be an object {...}");
        return NULL;
    }
    return v;
}

const char *string_of(struct parse *p, json_t *v, const char *key, const char *name,
                      size_t max_bytes)
{
    if (!json_is_string(v)) {
        parse_fail(p, key, name, "must be a string");
        return "";
    }
    const char *s = json_string_value(v);
    if (strlen(s) != json_string_length(v) || strlen(s) > max_bytes) {
        parse_fail(p, key, name, "must be at most %zu bytes without NUL", max_bytes);
        return "";
    }
    return s;
}

const char *string_get(struct parse *p, json_t *obj, const char *key, const char *name,
                       size_t max_bytes)
{
    json_t *v = value_get(obj, name);
    return v ? string_of(p, v, key, name, max_bytes) : NULL;
}

const char *string_need(struct parse *p, json_t *obj, const char *key, const char *name,
                        size_t max_bytes)
{
    const char *s = string_get(p, obj, key, name, max_bytes);
    if (!s || !s[0])
        parse_fail(p, key, name, "missing or empty; it must be given");
    return s ? s : "";
}

struct boot_strings strings_get(struct parse *p, json_t *obj, const char *key, const char *name,
                                size_t max, size_t max_bytes)
{
    json_t *a = array_get(p, obj, key, name, max);
    size_t n = json_array_size(a);
    const char **v = parse_alloc(p, n + 1, sizeof *v);
    if (!v)
        return (struct boot_strings){0};
    for (size_t i = 0; i < n; i++) {
        char at[OCI_KEY_MAX];
        json_t *e = json_array_get(a, i);
        v[i] = string_of(p, e, json_is_string(e) ? key : parse_key_at(at, key, name, i),
                         json_is_string(e) ? name : NULL, max_bytes);
    }
    return (struct boot_strings){.v = v, .count = (uint32_t)n};
}

bool bool_get(struct parse *p, json_t *obj, const char *key, const char *name)
{
    return flag_get(p, obj, key, name) == 1;
}

int flag_get(struct parse *p, json_t *obj, const char *key, const char *name)
{
    json_t *v = value_get(obj, name);
    if (v && !json_is_boolean(v))
        parse_fail(p, key, name, "must be true or false");
    return v ? json_is_true(v) : -1;
}

int64_t int_get(struct parse *p, json_t *obj, const char *key, const char *name, int64_t min,
                int64_t max, int64_t absent)
{
    json_t *v = value_get(obj, name);
    if (!v)
        return absent;
    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max) {
        parse_fail(p, key, name, "must be a whole number from %lld to %lld", (long long)min,
                   (long long)max);
        return absent;
    }
    return json_integer_value(v);
}

uint64_t u64_get(struct parse *p, json_t *obj, const char *key, const char *name, bool *ret_given)
{
    json_t *v = value_get(obj, name);
    *ret_given = v != NULL;
    if (json_is_integer(v) && json_integer_value(v) >= 0)
        return (uint64_t)json_integer_value(v);
    if (json_is_real(v) && json_real_value(v) >= 9223372036854775808.0 &&
        json_real_value(v) <= 18446744073709551616.0)
        return json_real_value(v) >= 18446744073709551616.0 ? UINT64_MAX
                                                            : (uint64_t)json_real_value(v);
    if (v)
        parse_fail(p, key, name, "must be a whole number from 0 to 18446744073709551615");
    return 0;
}

void path_check(struct parse *p, const char *path, const char *key, const char *name)
{
    if (!path || path[0] != '/')
        parse_fail(p, key, name, "\"%.200s\" must be an absolute path", path ? path : "");
}

int word_find(const char *const *words, size_t count, const char *s)
{
    for (size_t i = 0; i < count; i++)
        if (words[i] && str_eq(words[i], s))
            return (int)i;
    return -1;
}

struct oci_pair *pairs_get(struct parse *p, json_t *obj, const char *key, const char *name,
                           size_t max, uint32_t *ret_count)
{
    json_t *o = object_get(p, obj, key, name);
    char at[OCI_KEY_MAX];
    (void)parse_key(at, key, name);
    *ret_count = 0;
    if (json_object_size(o) > max) {
        parse_fail(p, key, name, "has more than %zu entries", max);
        return NULL;
    }
    struct oci_pair *v = parse_alloc(p, json_object_size(o), sizeof *v);
    const char *k;
    json_t *e;
    if (v)
        json_object_foreach(o, k, e)
        {
            if (!k[0] || strlen(k) > BOOT_PATH_MAX)
                parse_fail(p, key, name, "a name must have 1 to %d bytes", BOOT_PATH_MAX);
            else
                v[(*ret_count)++] =
                    (struct oci_pair){.key = k, .value = string_of(p, e, at, k, OCI_FILE_MAX)};
        }
    return v;
}

/* 2^63 and more is too large for jansson's integers: such a number gets a ".0" and is read as a real.
 * A malloc'ed copy, *ret_len bytes; NULL: out of memory. */
static char *numbers_widen(const char *text, size_t len, size_t *ret_len)
{
    static const char limit[] = "9223372036854775807";
    char *out = malloc(len + len / 9 + 16);
    bool quoted = false;
    size_t n = 0;
    size_t digits = 0;
    if (!out)
        return NULL;
    for (size_t i = 0; i <= len; i++) {
        char c = i < len ? text[i] : 0;
        bool digit = c >= '0' && c <= '9' && !quoted;
        bool negative = digits < n && n > 0 && out[n - digits - 1] == '-';
        if (!digit && digits >= 19 && c != '.' && c != 'e' && c != 'E' &&
            !(n > digits && strchr(".eE+", out[n - digits - 1])) && !negative &&
            (digits > 19 || memcmp(out + n - 19, limit, 19) > 0)) {
            out[n++] = '.';
            out[n++] = '0';
        }
        digits = digit ? digits + 1 : 0;
        if (i == len)
            break;
        if (quoted && c == '\\' && i + 1 < len)
            out[n++] = text[i++];
        else if (c == '"')
            quoted = !quoted;
        out[n++] = text[i];
    }
    *ret_len = n;
    return out;
}

json_t *parse_document(struct parse *p, const char *text, size_t len)
{
    json_error_t je;
    size_t wide_len = 0;
    char *wide = numbers_widen(text, len, &wide_len);
    p->err[0] = 0;
    if (!wide) {
        p->result = -ENOMEM;
        return NULL;
    }
    json_t *doc = json_loadb(wide, wide_len, JSON_REJECT_DUPLICATES, &je);
    free(wide);
    if (!doc) {
        char at[OCI_KEY_MAX];
        (void)snprintf(at, sizeof at, "line %d, column %d", je.line, je.column);
        parse_fail(p, at, NULL, "%s; mend the JSON", je.text);
    } else if (!json_is_object(doc)) {
        parse_fail(p, "file", NULL, "must hold one object {...}");
        json_decref(doc);
        doc = NULL;
    }
    return doc;
}
