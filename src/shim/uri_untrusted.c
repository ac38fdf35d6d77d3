#include "shim/uri.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* In place. */
static int decode(char *s, bool plus)
{
    char *to = s;
    for (; *s; s++) {
        char c = *s;
        if (c == '%') {
            int high = hex_digit(s[1]), low = high < 0 ? -1 : hex_digit(s[2]);
            if (low < 0 || (high | low) == 0)
                return -EINVAL;
            c = (char)(high << 4 | low);
            s += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        *to++ = c;
    }
    *to = 0;
    return 0;
}

static int arg_add(struct uri *u, char *s)
{
    if (u->arg_count == URI_ARGS_MAX)
        return -E2BIG;
    u->args[u->arg_count++] = s;
    return decode(s, true);
}

static int query_parse(struct uri *u, char *query)
{
    int r = 0;
    for (char *rest = query, *pair; r == 0 && (pair = strsep(&rest, "&"));) {
        if (!pair[0])
            continue;
        char *value = strchr(pair, '=');
        if (value)
            *value++ = 0;
        r = arg_add(u, pair);
        if (r == 0 && value && value[0])
            r = arg_add(u, value);
    }
    return r;
}

static int scheme_of(const char *text, size_t len, enum uri_scheme *ret)
{
    static const struct {
        const char *name;
        enum uri_scheme scheme;
    } all[] = {{"fifo", URI_FIFO}, {"file", URI_FILE}, {"binary", URI_BINARY}};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        if (str_eq_n(all[i].name, text, len)) {
            *ret = all[i].scheme;
            return 0;
        }
    return -EPROTONOSUPPORT;
}

int uri_parse(const char *text, struct uri *ret)
{
    *ret = (struct uri){0};
    if (!text[0])
        return 0;
    const char *rest = strstr(text, "://");
    enum uri_scheme scheme = URI_FIFO;
    bool plain = text[0] == '/' || !rest;
    int r = plain ? 0 : scheme_of(text, (size_t)(rest - text), &scheme);
    if (r < 0)
        return r;
    ret->path = strdup(plain ? text : rest + 3);
    if (!ret->path)
        return -ENOMEM;
    char *query = plain ? NULL : strchr(ret->path, '?');
    if (query)
        *query++ = 0;
    r = plain ? 0 : decode(ret->path, false);
    if (r == 0 && ret->path[0] != '/')
        r = -EINVAL;
    if (r == 0 && query)
        r = query_parse(ret, query);
    if (r < 0) {
        uri_done(ret);
        return r;
    }
    ret->scheme = scheme;
    return 0;
}

void uri_done(struct uri *u)
{
    free(u->path);
    *u = (struct uri){0};
}
