#include "shim/toml.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct toml {
    const char *p, *end;
    size_t line;
    char table[TOML_WORD_MAX], key[TOML_WORD_MAX], value[TOML_WORD_MAX];
    char *err;
};

static int fail(struct toml *t, const char *what)
{
    (void)snprintf(t->err, TOML_ERROR_MAX, "line %zu: %s", t->line, what);
    return -EINVAL;
}

static int peek(const struct toml *t) { return t->p < t->end ? (unsigned char)*t->p : -1; }

static void skip_blank(struct toml *t)
{
    while (peek(t) == ' ' || peek(t) == '\t')
        t->p++;
}

/* Blanks, a comment, the end of the line. */
static int line_end(struct toml *t)
{
    skip_blank(t);
    if (peek(t) == '#')
        while (peek(t) >= 0 && peek(t) != '\n')
            t->p++;
    if (peek(t) == '\r')
        t->p++;
    if (peek(t) < 0)
        return 0;
    if (*t->p != '\n')
        return fail(t, "something follows that does not belong there");
    t->p++;
    t->line++;
    return 0;
}

static bool is_bare(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static int add(struct toml *t, char *word, size_t *len, char c)
{
    if (*len + 1 >= TOML_WORD_MAX)
        return fail(t, "too long");
    word[(*len)++] = c;
    word[*len] = 0;
    return 0;
}

static int hex_digit(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static int add_code_point(struct toml *t, char *word, size_t *len, uint32_t c)
{
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return fail(t, "not a character");
    int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    int r = add(t, word, len, (char)(first[n] | c >> (6 * (n - 1))));
    for (int i = n - 2; i >= 0 && r == 0; i--)
        r = add(t, word, len, (char)(0x80 | ((c >> (6 * i)) & 0x3f)));
    return r;
}

/* After the backslash. */
static int escape(struct toml *t, char *word, size_t *len)
{
    static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
    int c = peek(t);
    const char *at = c > 0 ? strchr(from, c) : NULL;
    t->p++;
    if (at)
        return add(t, word, len, to[at - from]);
    if (c != 'u' && c != 'U')
        return fail(t, "unknown escape");
    uint32_t v = 0;
    for (int i = 0; i < (c == 'u' ? 4 : 8); i++, t->p++) {
        int d = hex_digit(peek(t));
        if (d < 0)
            return fail(t, "unknown escape");
        v = v << 4 | (uint32_t)d;
    }
    return add_code_point(t, word, len, v);
}

static int quoted(struct toml *t, char *word)
{
    char quote = *t->p++;
    size_t len = 0;
    word[0] = 0;
    for (;;) {
        int c = peek(t);
        if (c < 0 || c == '\n')
            return fail(t, "a string without end");
        if (c == 0)
            return fail(t, "a byte 0");
        t->p++;
        if (c == quote)
            return 0;
        int r = c == '\\' && quote == '"' ? escape(t, word, &len) : add(t, word, &len, (char)c);
        if (r < 0)
            return r;
    }
}

static int bare(struct toml *t, char *word, const char *also)
{
    size_t len = 0;
    word[0] = 0;
    while (is_bare(peek(t)) || (peek(t) > 0 && strchr(also, peek(t)))) {
        int r = add(t, word, &len, *t->p++);
        if (r < 0)
            return r;
    }
    return len ? 0 : fail(t, "a word is missing");
}

static int word(struct toml *t, char *out, const char *also)
{
    skip_blank(t);
    int r = peek(t) == '"' || peek(t) == '\'' ? quoted(t, out) : bare(t, out, also);
    skip_blank(t);
    return r;
}

static int table(struct toml *t)
{
    t->p++;
    int r = word(t, t->table, ".");
    if (r < 0)
        return r;
    if (peek(t) != ']')
        return fail(t, "']' is missing");
    t->p++;
    return line_end(t);
}

static int pair(struct toml *t, toml_fn fn, void *arg)
{
    int r = word(t, t->key, "");
    if (r < 0)
        return r;
    if (peek(t) != '=')
        return fail(t, "'=' is missing");
    t->p++;
    skip_blank(t);
    bool is_string = peek(t) == '"' || peek(t) == '\'';
    r = word(t, t->value, "+.:");
    if (r < 0)
        return r;
    if (!is_string && strcmp(t->value, "true") != 0 && strcmp(t->value, "false") != 0 &&
        !strchr("+-0123456789", t->value[0]))
        return fail(t, "neither a string, a number nor a boolean");
    r = line_end(t);
    return r < 0 ? r : fn(arg, t->table, t->key, t->value);
}

int toml_parse(const char *text, size_t len, toml_fn fn, void *arg, char *err)
{
    struct toml t = {.p = text, .end = text + len, .line = 1, .err = err};
    int r = 0;
    while (r == 0 && t.p < t.end) {
        skip_blank(&t);
        int c = peek(&t);
        if (c == '[')
            r = table(&t);
        else if (c == '#' || c == '\n' || c == '\r' || c < 0)
            r = line_end(&t);
        else
            r = pair(&t, fn, arg);
    }
    return r;
}
