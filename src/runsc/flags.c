#include "runsc/flags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

struct flag global_flags[FLAG_ID_COUNT] = {
#define FLAG(id, name, kind, value, status, help)                                                  \
    {name, FLAG_##kind, value, FLAG_##status, help, false, NULL, 0, 0},
#include "runsc/flags.def"
#undef FLAG
};

static int bool_parse(const char *v)
{
    static const char *const words[2][6] = {{"0", "f", "F", "false", "False", "FALSE"},
                                            {"1", "t", "T", "true", "True", "TRUE"}};
    for (int b = 0; b < 2; b++)
        for (size_t i = 0; i < ARRAY_SIZE(words[0]); i++)
            if (str_eq(v, words[b][i]))
                return b;
    return -EINVAL;
}

bool flag_true(const struct flag *f) { return bool_parse(f->value) == 1; }

int64_t flag_int(const struct flag *f)
{
    int64_t v = 0;
    (void)!parse_i64(f->value, &v);
    return v;
}

/* The words between the help's first parentheses: "(a|b|c) ...". */
static bool enum_has(const char *help, const char *v)
{
    size_t n = strlen(v);
    const char *end = strchr(help, ')');
    for (const char *p = help + 1; end && p < end;) {
        size_t len = strcspn(p, "|)");
        if (len == n && memcmp(p, v, n) == 0)
            return true;
        p += len + 1;
    }
    return false;
}

/* Go's: numbers with units ns us ms s m h, one after the other; or 0. */
static bool duration_ok(const char *v)
{
    if (*v == '-' || *v == '+')
        v++;
    if (str_eq(v, "0"))
        return true;
    if (!*v)
        return false;
    while (*v) {
        size_t digits = strspn(v, "0123456789.");
        size_t unit = strspn(v + digits, "nµumsh");
        if (digits == 0 || unit == 0)
            return false;
        v += digits + unit;
    }
    return true;
}

int64_t flag_duration_ns(const struct flag *f)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ns", 1},  {"us", 1e3}, {"µs", 1e3},  {"ms", 1e6},
                 {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    const char *v = f->value + (*f->value == '+' || *f->value == '-');
    double sum = 0;
    while (*v) {
        char *end;
        double n = strtod(v, &end);
        size_t len = strspn(end, "nµumsh");
        for (size_t i = 0; i < ARRAY_SIZE(units); i++)
            if (str_eq_n(units[i].name, end, len))
                sum += n * units[i].ns;
        v = end + len;
        if (end == v)
            break;
    }
    sum = sum > 9e18 ? 9e18 : sum;
    return *f->value == '-' ? -(int64_t)sum : (int64_t)sum;
}

static int value_check(const struct flag *f, const char *v, char *err)
{
    int64_t n;
    char *end;
    const char *want = NULL;
    switch (f->kind) {
    case FLAG_BOOL:
        if (bool_parse(v) < 0)
            want = "true or false";
        break;
    case FLAG_INT:
        if (parse_i64(v, &n) < 0)
            want = "a whole number";
        break;
    case FLAG_FLOAT:
        (void)strtod(v, &end);
        if (!*v || *end)
            want = "a number";
        break;
    case FLAG_DURATION:
        if (!duration_ok(v))
            want = "a time such as 10s or 500ms";
        break;
    case FLAG_ENUM:
        if (!enum_has(f->help, v)) {
            (void)snprintf(err, FLAGS_ERROR_MAX,
                           "invalid value \"%.100s\" for flag --%s: use one of %.*s", v, f->name,
                           (int)strcspn(f->help, ")") - 1, f->help + 1);
            return -EINVAL;
        }
        break;
    case FLAG_STRING:
    case FLAG_LIST: break;
    }
    if (want)
        (void)snprintf(err, FLAGS_ERROR_MAX, "invalid value \"%.100s\" for flag --%s: it takes %s",
                       v, f->name, want);
    return want ? -EINVAL : 0;
}

int flag_set(struct flag *f, const char *v, char *err)
{
    int r = value_check(f, v, err);
    if (r < 0)
        return r;
    if (f->kind == FLAG_LIST) {
        if (f->list_count == f->list_max) {
            (void)snprintf(err, FLAGS_ERROR_MAX, "flag --%s: given more than %zu times", f->name,
                           f->list_max);
            return -EINVAL;
        }
        f->list[f->list_count++] = v;
    }
    f->value = v;
    f->given = true;
    return 0;
}

static struct flag *flag_find(struct flag *flags, size_t count, const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_n(flags[i].name, name, len))
            return &flags[i];
    return NULL;
}

int flags_parse(struct flag *flags, size_t count, int argc, char **argv, int *at, char *err)
{
    while (*at < argc && argv[*at][0] == '-' && argv[*at][1]) {
        const char *word = argv[*at];
        const char *name = word + 1 + (word[1] == '-');
        if (!*name) { /* -- */
            ++*at;
            return 0;
        }
        size_t len = strcspn(name, "=");
        if (len == 0) {
            (void)snprintf(err, FLAGS_ERROR_MAX,
                           "bad flag syntax: %.100s; write --name or --name=value", word);
            return -EINVAL;
        }
        struct flag *f = flag_find(flags, count, name, len);
        if (!f && (str_eq_n("h", name, len) || str_eq_n("help", name, len)))
            return -EAGAIN;
        if (!f) {
            (void)snprintf(err, FLAGS_ERROR_MAX,
                           "flag provided but not defined: -%.*s; `runsc flags` and `runsc help "
                           "COMMAND` list them",
                           (int)(len > 100 ? 100 : len), name);
            return -EINVAL;
        }
        const char *value = name[len] == '=' ? name + len + 1 : NULL;
        if (!value && f->kind == FLAG_BOOL)
            value = "true";
        if (!value && ++*at < argc)
            value = argv[*at];
        if (!value) {
            (void)snprintf(err, FLAGS_ERROR_MAX, "flag needs an argument: -%s; write --%s=VALUE",
                           f->name, f->name);
            return -EINVAL;
        }
        int r = flag_set(f, value, err);
        if (r < 0)
            return r;
        ++*at;
    }
    return 0;
}

void flags_print(FILE *to, const struct flag *flags, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        static const char *const kinds[] = {"",          " string", " int",   " float",
                                            " duration", " word",   " string"};
        const char *note = flags[i].status == FLAG_LATER ? " [no effect yet]" : "";
        (void)fprintf(to, "  -%s%s\n        %s", flags[i].name, kinds[flags[i].kind],
                      flags[i].help);
        if (flags[i].kind != FLAG_LIST && flags[i].value[0])
            (void)fprintf(to, " (default %s)", flags[i].value);
        (void)fprintf(to, "%s\n", note);
    }
}
