/* runsc update: other limits for a container that lives. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/str.h"
#include "oci/resources.h"
#include "runsc/cgroup/cgroup.h"
#include "runsc/client.h"
#include "runsc/command.h"
#include "runsc/report.h"
#include "runsc/state.h"

#define RESOURCES_MAX ((size_t)1024 * 1024)

/* Flags whose value goes to a place of linux.resources. */
enum value_kind { NUMBER, SIZE, TEXT };
static const struct place {
    enum value_kind kind;
    const char *object, *key;
} places[] = {
    {NUMBER, "blockIO", "weight"},
    {NUMBER, "cpu", "period"},
    {NUMBER, "cpu", "quota"},
    {NUMBER, "cpu", "burst"},
    {NUMBER, "cpu", "shares"},
    {NUMBER, "cpu", "realtimePeriod"},
    {NUMBER, "cpu", "realtimeRuntime"},
    {TEXT, "cpu", "cpus"},
    {TEXT, "cpu", "mems"},
    {SIZE, "memory", "kernel"},
    {SIZE, "memory", "kernelTCP"},
    {SIZE, "memory", "limit"},
    {SIZE, "memory", "reservation"},
    {SIZE, "memory", "swap"},
    {NUMBER, "pids", "limit"},
    {NUMBER, "cpu", "idle"},
};

#define VALUE(n, h) {.name = n, .kind = FLAG_STRING, .value = "", .help = h}
/* In the order of places[], then the rest. */
static struct flag update_flags[] = {
    VALUE("blkio-weight", "weight of block IO, 10 to 1000"),
    VALUE("cpu-period", "microseconds of a period of the CPU quota"),
    VALUE("cpu-quota", "microseconds of CPU in each period; -1: no limit"),
    VALUE("cpu-burst", "microseconds of CPU that may be saved up"),
    VALUE("cpu-share", "share of the CPU when it is contended; 1024 is ordinary"),
    VALUE("cpu-rt-period", "microseconds of a period for real-time processes"),
    VALUE("cpu-rt-runtime", "microseconds of CPU for real-time processes in each period"),
    VALUE("cpuset-cpus", "CPUs to run on, as 0-2,4"),
    VALUE("cpuset-mems", "memory nodes to use"),
    VALUE("kernel-memory", "obsolete"),
    VALUE("kernel-memory-tcp", "bytes for buffers of TCP"),
    VALUE("memory", "bytes of memory, as 512M; -1: no limit"),
    VALUE("memory-reservation", "bytes of memory that are left to it if possible"),
    VALUE("memory-swap", "bytes of memory and swap together; -1: no limit on swap"),
    VALUE("pids-limit", "tasks; -1: no limit"),
    VALUE("cpu-idle", "1: runs only when nobody else wants the CPU"),
    VALUE("resources", "a file with a resources object of JSON, - for standard input"),
    VALUE("r", "the same as -resources"),
    VALUE("l3-cache-schema", "Intel RDT: not supported"),
    VALUE("mem-bw-schema", "Intel RDT: not supported"),
};
enum { FLAG_RESOURCES = ARRAY_SIZE(places), FLAG_R, FLAG_L3, FLAG_BANDWIDTH };

/* "512M", "1.5g", "100kb", "-1" */
static int size_parse(const char *text, int64_t *ret)
{
    static const char units[] = "kmgtp";
    char *end;
    if (str_eq(text, "-1")) {
        *ret = -1;
        return 0;
    }
    double v = strtod(text, &end);
    if (end == text || v < 0 || text[0] == '-' || text[0] == '+')
        return -EINVAL;
    const char *unit = *end ? strchr(units, *end | 0x20) : NULL;
    for (long i = unit ? unit - units + 1 : 0; i > 0; i--)
        v *= 1024;
    end += unit != NULL;
    if (unit && (*end == 'i' || *end == 'I'))
        end++;
    end += *end == 'b' || *end == 'B';
    if (*end || !(v < 9.2e18)) /* nan is neither less nor more */
        return -EINVAL;
    *ret = (int64_t)v;
    return 0;
}

static json_t *value_json(const struct place *p, const struct flag *f, char *err)
{
    int64_t v = 0;
    if (p->kind == TEXT)
        return json_string(f->value);
    int r = p->kind == SIZE ? size_parse(f->value, &v) : parse_i64(f->value, &v);
    if (r == 0)
        return json_integer(v);
    (void)snprintf(err, FLAGS_ERROR_MAX, "update: --%s \"%s\" is no %s", f->name, f->value,
                   p->kind == SIZE ? "size; write 512M, or -1" : "number");
    return NULL;
}

/* The flags that were given, as a resources object. */
static json_t *flags_json(char *err)
{
    json_t *all = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        const struct flag *f = &update_flags[i];
        if (!f->given)
            continue;
        json_t *v = value_json(&places[i], f, err);
        json_t *o = json_object_get(all, places[i].object);
        if (!o) {
            o = json_object();
            (void)json_object_set_new(all, places[i].object, o);
        }
        if (!v || json_object_set_new(o, places[i].key, v) < 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static json_t *file_json(const char *path, char *err)
{
    json_error_t e;
    AUTO_FREE char *text = calloc(1, RESOURCES_MAX);
    bool own = !str_eq(path, "-");
    FILE *f = own ? fopen(path, "re") : stdin;
    if (!f || !text) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "update: cannot open %.300s: %s", path,
                       f ? "out of memory" : strerrordesc_np(errno));
        if (f && own)
            (void)fclose(f);
        return NULL;
    }
    size_t n = fread(text, 1, RESOURCES_MAX, f);
    if (own)
        (void)fclose(f);
    json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &e);
    if (json_is_object(o))
        return o;
    (void)snprintf(err, FLAGS_ERROR_MAX, "update: %.200s: %.200s", path,
                   o ? "is no object of JSON" : e.text);
    json_decref(o);
    return NULL;
}

/* 0 stands for what is not given, as Docker and containerd send it, but where it says something. */
static bool says_something(const char *key, const json_t *v)
{
    return !json_is_null(v) &&
           !(json_is_integer(v) && json_integer_value(v) == 0 && !str_eq(key, "idle") &&
             !str_eq(key, "swappiness")) &&
           !(json_is_string(v) && !json_string_value(v)[0]);
}

/* What is new over what was. One level is enough: objects of linux.resources hold no objects that are changed in part. */
static int merge(json_t *was, json_t *new)
{
    const char *key, *inner;
    json_t *v, *w;
    json_object_foreach(new, key, v)
    {
        json_t *old = json_object_get(was, key);
        if (!json_is_object(v) || !json_is_object(old)) {
            if (says_something(key, v) && json_object_set(was, key, v) < 0)
                return -ENOMEM;
            continue;
        }
        json_object_foreach(v, inner, w) if (says_something(inner, w) &&
                                             json_object_set(old, inner, w) < 0) return -ENOMEM;
    }
    return 0;
}

/* linux.resources of the container's configuration with the changes in it. Borrowed; NULL: out of memory. */
static json_t *resources_merged(struct state *s, json_t *new)
{
    json_t *l = json_object_get(s->config, "linux");
    json_t *res = json_object_get(l, "resources");
    if (!l) {
        l = json_object();
        if (json_object_set_new(s->config, "linux", l) < 0)
            return NULL;
    }
    if (!res) {
        res = json_object();
        if (json_object_set_new(l, "resources", res) < 0)
            return NULL;
    }
    return merge(res, new) < 0 ? NULL : res;
}

/* Programs inside see the new limits. A sandbox that does not answer has others to notice that. */
static void limits_tell(const struct state *s, const struct cgroup *cg,
                        const struct oci_resources *res)
{
    static struct call_answer a;
    char err[FLAGS_ERROR_MAX] = "";
    struct call_request rq = {.type = CALL_LIMITS};
    cgroup_limits_text(cg, res, rq.text, sizeof rq.text);
    if (client_ask(s, &rq, NULL, 0, &a, err) < 0)
        report_warning("update: programs see the old limits: %s", err);
}

static int update(struct state *s, json_t *new, char *err)
{
    struct oci_resources res;
    struct cgroup *cg = NULL;
    enum state_status st = state_status_now(s);
    if (st == STATE_STOPPED) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "container %s is stopped", s->id);
        return -EINVAL;
    }
    if (!s->cgroup || cgroup_load(s->cgroup, &cg) < 0) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "container %s has no cgroups of its own, in which limits could be set",
                       s->id);
        return -ENOENT;
    }
    json_t *all = resources_merged(s, new);
    AUTO_FREE char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    int r = text ? oci_resources_parse("resources", text, strlen(text), &res, err) : -ENOMEM;
    if (r == 0) {
        res.device_count = 0; /* they stay as they are: no moment without */
        r = cgroup_update(cg, &res, err);
        if (r == 0 && cgroup_warning(cg)[0])
            report_warning("%s", cgroup_warning(cg));
        if (r == 0)
            r = state_save(s, err);
        if (r == 0 && !state_is_further(s)) /* those of the sandbox are what is seen */
            limits_tell(s, cg, &res);
        oci_resources_done(&res);
    }
    if (r == -ENOMEM && !err[0])
        (void)snprintf(err, FLAGS_ERROR_MAX, "update: out of memory");
    cgroup_free(cg);
    return r;
}

static int update_run(int argc, char **argv)
{
    char err[FLAGS_ERROR_MAX] = "";
    struct report_files files;
    struct state s;
    const struct flag *file = &update_flags[update_flags[FLAG_R].given ? FLAG_R : FLAG_RESOURCES];
    if (argc != 1)
        return report_fatal("update: takes one container id, not %d words", argc);
    if (report_open("update", argv[0], &files, err) < 0)
        return report_fatal("%s", err);
    if (update_flags[FLAG_L3].given || update_flags[FLAG_BANDWIDTH].given)
        return report_fatal(
            "update: Intel RDT is not supported (-l3-cache-schema, -mem-bw-schema)");
    json_t *new = file->given ? file_json(file->value, err) : flags_json(err);
    if (!new)
        return report_fatal("%s", err[0] ? err : "update: out of memory");
    int r = state_load(argv[0], &s, err);
    if (r == 0) {
        r = update(&s, new, err);
        state_done(&s);
    }
    json_decref(new);
    return r < 0 ? report_fatal("%s", err) : 0;
}

const struct command command_update = {
    .name = "update",
    .usage = "[flags] CONTAINER_ID",
    .help = "change the limits of a container; a size is in bytes, or has k, M, G",
    .flags = update_flags,
    .flag_count = ARRAY_SIZE(update_flags),
    .run = update_run,
};
