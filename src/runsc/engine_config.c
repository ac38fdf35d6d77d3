#include "runsc/engine_config.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static int fail(char *err, int r, const char *fmt, ...) PRINTF(3, 4);
static int fail(char *err, int r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(err, ENGINE_ERROR_MAX, fmt, ap);
    va_end(ap);
    return r;
}

static int name_check(const char *name, char *err)
{
    bool ok = name[0] != '\0' && strlen(name) <= 64;
    for (const char *p = name; *p; p++)
        ok = ok && (isalnum((unsigned char)*p) || strchr("-_.", *p));
    return ok ? 0
              : fail(err, -EINVAL,
                     "-runtime: \"%.80s\" is no name of a runtime: use letters, digits and - _ .",
                     name);
}

/* ---- Docker ---- */

static json_t *docker_load(const char *text, char *err)
{
    json_error_t e;
    if (!text || strspn(text, " \t\r\n") == strlen(text)) {
        json_t *empty = json_object();
        if (!empty)
            (void)fail(err, -ENOMEM, "out of memory");
        return empty;
    }
    json_t *doc = json_loads(text, JSON_REJECT_DUPLICATES, &e);
    if (!doc || !json_is_object(doc) ||
        (json_object_get(doc, "runtimes") && !json_is_object(json_object_get(doc, "runtimes")))) {
        (void)fail(err, -EINVAL,
                   "Docker's configuration is not valid: %s (line %d); mend it, or name another "
                   "with -config_file",
                   doc ? "an object is expected, with an object \"runtimes\"" : e.text,
                   doc ? 1 : e.line);
        json_decref(doc);
        return NULL;
    }
    return doc;
}

static int docker_text(json_t *doc, char **ret)
{
    char *text = json_dumps(doc, JSON_INDENT(4));
    json_decref(doc);
    size_t len = text ? strlen(text) : 0;
    *ret = text ? realloc(text, len + 2) : NULL;
    if (!*ret) {
        free(text);
        return -ENOMEM;
    }
    (void)strcpy(*ret + len, "\n");
    return 0;
}

/* exec-opts without a choice of the driver, and with ours. */
static int docker_driver(json_t *doc, const char *driver)
{
    static const char key[] = "native.cgroupdriver=";
    json_t *old = json_object_get(doc, "exec-opts"), *opts = json_array(), *v;
    size_t i;
    int r = opts ? 0 : -1;
    json_array_foreach(old, i, v) if (!json_is_string(v) || !str_starts(json_string_value(v), key))
        r |= json_array_append(opts, v);
    r |= json_array_append_new(opts, json_sprintf("%s%s", key, driver));
    r |= json_object_set_new(doc, "exec-opts", opts);
    return r ? -ENOMEM : 0;
}

int engine_docker_add(const char *text, const struct engine_runtime *r, char **ret, char *err)
{
    int e = name_check(r->name, err);
    json_t *doc = e ? NULL : docker_load(text, err);
    if (!doc)
        return e ? e : -EINVAL;
    json_t *all = json_object_get(doc, "runtimes"), *one = json_object(), *args = json_array();
    if (!all && json_object_set_new(doc, "runtimes", all = json_object()) < 0)
        all = NULL;
    int bad = all && one && args ? 0 : -1;
    for (size_t i = 0; i < r->arg_count; i++)
        bad |= json_array_append_new(args, json_string(r->args[i]));
    bad |= json_object_set_new(one, "path", json_string(r->path));
    if (r->arg_count)
        bad |= json_object_set(one, "runtimeArgs", args);
    json_decref(args);
    const json_t *old = json_object_get(all, r->name);
    if (!bad && old && !json_equal(old, one) && !r->clobber)
        e = fail(err, -EEXIST,
                 "Docker's configuration has a runtime \"%s\" already; without -clobber=false it "
                 "is replaced",
                 r->name);
    bad |= json_object_set_new(all, r->name, one);
    if (r->experimental)
        bad |= json_object_set_new(doc, "experimental", json_true());
    if (r->cgroup_driver[0])
        bad |= docker_driver(doc, r->cgroup_driver);
    if (bad || e) {
        json_decref(doc);
        return e ? e : fail(err, -ENOMEM, "out of memory");
    }
    return docker_text(doc, ret);
}

int engine_docker_remove(const char *text, const char *name, char **ret, char *err)
{
    int e = name_check(name, err);
    json_t *doc = e ? NULL : docker_load(text, err);
    if (!doc)
        return e ? e : -EINVAL;
    json_t *all = json_object_get(doc, "runtimes");
    (void)json_object_del(all, name);
    if (all && json_object_size(all) == 0)
        (void)json_object_del(doc, "runtimes");
    const char *chosen = json_string_value(json_object_get(doc, "default-runtime"));
    if (chosen && str_eq(chosen, name))
        (void)json_object_del(doc, "default-runtime");
    return docker_text(doc, ret);
}

/* ---- containerd ---- */

#define TABLE "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes."

static void markers(const char *name, char begin[128], char end[128])
{
    (void)snprintf(begin, 128, "# runtime %s: written by runsc install\n", name);
    (void)snprintf(end, 128, "# runtime %s: end\n", name);
}

int engine_containerd_remove(const char *text, const char *name, char **ret, char *err)
{
    char begin[128], end[128];
    int e = name_check(name, err);
    if (e)
        return e;
    markers(name, begin, end);
    *ret = strdup(text ? text : "");
    if (!*ret)
        return fail(err, -ENOMEM, "out of memory");
    char *from = strstr(*ret, begin), *to = from ? strstr(from, end) : NULL;
    if (from && !to) {
        free(*ret);
        return fail(err, -EINVAL,
                    "containerd's configuration: the line \"# runtime %s: end\" is missing; remove "
                    "what was added by hand",
                    name);
    }
    if (from) {
        to += strlen(end);
        if (from - *ret >= 2 && from[-1] == '\n' && from[-2] == '\n')
            from--; /* the blank line before it is ours */
        memmove(from, to, strlen(to) + 1);
    }
    return 0;
}

/* Whether somebody else has written the runtime's table: with the name bare or in quotes. */
static bool table_there(const char *text, const char *name)
{
    char bare[192], quoted[192];
    (void)snprintf(bare, sizeof bare, TABLE "%s]", name);
    (void)snprintf(quoted, sizeof quoted, TABLE "\"%s\"]", name);
    return strstr(text, bare) || strstr(text, quoted);
}

int engine_containerd_add(const char *text, const struct engine_runtime *r, char **ret, char *err)
{
    char begin[128], end[128], *rest = NULL;
    int e = engine_containerd_remove(text, r->name, &rest, err);
    if (e)
        return e;
    if (table_there(rest, r->name)) {
        free(rest);
        return fail(err, -EEXIST,
                    "containerd's configuration has a runtime \"%s\" that runsc install has not "
                    "written; remove its "
                    "table, or choose another name with -runtime",
                    r->name);
    }
    markers(r->name, begin, end);
    size_t len = strlen(rest);
    bool fresh = strspn(rest, " \t\r\n") == len;
    const char *gap = fresh ? "" : rest[len - 1] == '\n' ? "\n" : "\n\n";
    int n =
        asprintf(ret, "%s%s%s%s" TABLE "\"%s\"]\n  runtime_type = \"io.containerd.runsc.v1\"\n%s",
                 fresh ? "" : rest, gap, begin, fresh ? "version = 2\n" : "", r->name, end);
    free(rest);
    return n < 0 ? fail(err, -ENOMEM, "out of memory") : 0;
}
