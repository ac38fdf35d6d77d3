/* runsc update: limits of a container that exists. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "oci/resources.h"
#include "oci/spec.h"
#include "runsc/bundle.h"
#include "runsc/cgroup/cgroup.h"
#include "runsc/command.h"
#include "runsc/report.h"
#include "runsc/state.h"

enum update_flag {
    UPDATE_RESOURCES,
    UPDATE_R,
    UPDATE_BLKIO_WEIGHT,
    UPDATE_CPU_PERIOD,
    UPDATE_CPU_QUOTA,
    UPDATE_CPU_BURST,
    UPDATE_CPU_SHARE,
    UPDATE_CPU_RT_PERIOD,
    UPDATE_CPU_RT_RUNTIME,
    UPDATE_CPUSET_CPUS,
    UPDATE_CPUSET_MEMS,
    UPDATE_MEMORY,
    UPDATE_MEMORY_RESERVATION,
    UPDATE_MEMORY_SWAP,
    UPDATE_PIDS_LIMIT,
    UPDATE_CPU_IDLE,
    UPDATE_KERNEL_MEMORY,
    UPDATE_KERNEL_MEMORY_TCP,
    UPDATE_L3_CACHE_SCHEMA,
    UPDATE_MEM_BW_SCHEMA,
};

#define TEXT_FLAG(n, h) {.name = (n), .kind = FLAG_STRING, .value = "", .help = (h)}
#define LATER_FLAG(n, h)                                                                           \
    {.name = (n), .kind = FLAG_STRING, .value = "", .status = FLAG_LATER, .help = (h)}

static struct flag update_flags[] = {
    [UPDATE_RESOURCES] =
        TEXT_FLAG("resources", "file with linux.resources as JSON; - is the standard input"),
    [UPDATE_R] = TEXT_FLAG("r", "the same"),
    [UPDATE_BLKIO_WEIGHT] = TEXT_FLAG("blkio-weight", "share of block I/O, 10 to 1000"),
    [UPDATE_CPU_PERIOD] = TEXT_FLAG("cpu-period", "period of the CPU quota in microseconds"),
    [UPDATE_CPU_QUOTA] = TEXT_FLAG("cpu-quota", "CPU time in a period in microseconds"),
    [UPDATE_CPU_BURST] = TEXT_FLAG("cpu-burst", "CPU time that may be saved up, in microseconds"),
    [UPDATE_CPU_SHARE] = TEXT_FLAG("cpu-share", "share of CPU time"),
    [UPDATE_CPU_RT_PERIOD] =
        TEXT_FLAG("cpu-rt-period", "period of real-time tasks in microseconds"),
    [UPDATE_CPU_RT_RUNTIME] = TEXT_FLAG("cpu-rt-runtime", "real-time CPU time in a period"),
    [UPDATE_CPUSET_CPUS] = TEXT_FLAG("cpuset-cpus", "CPUs to use, such as 0-2,5"),
    [UPDATE_CPUSET_MEMS] = TEXT_FLAG("cpuset-mems", "memory nodes to use"),
    [UPDATE_MEMORY] = TEXT_FLAG("memory", "memory limit in bytes, or with k, m, g; -1: none"),
    [UPDATE_MEMORY_RESERVATION] = TEXT_FLAG("memory-reservation", "soft limit of memory"),
    [UPDATE_MEMORY_SWAP] = TEXT_FLAG("memory-swap", "limit of memory and swap together; -1: none"),
    [UPDATE_PIDS_LIMIT] = TEXT_FLAG("pids-limit", "limit of processes; -1: none"),
    [UPDATE_CPU_IDLE] = TEXT_FLAG("cpu-idle", "1: runs only when nobody else wants to"),
    [UPDATE_KERNEL_MEMORY] = LATER_FLAG("kernel-memory", "obsolete in the host kernel"),
    [UPDATE_KERNEL_MEMORY_TCP] = LATER_FLAG("kernel-memory-tcp", "limit of TCP buffers"),
    [UPDATE_L3_CACHE_SCHEMA] = LATER_FLAG("l3-cache-schema", "Intel RDT"),
    [UPDATE_MEM_BW_SCHEMA] = LATER_FLAG("mem-bw-schema", "Intel RDT"),
};

static const struct {
    enum update_flag flag;
    const char *object, *key;
    enum { NUMBER, BYTES, TEXT } kind;
} fields[] = {
    {UPDATE_BLKIO_WEIGHT, "blockIO", "weight", NUMBER},
    {UPDATE_CPU_PERIOD, "cpu", "period", NUMBER},
    {UPDATE_CPU_QUOTA, "cpu", "quota", NUMBER},
    {UPDATE_CPU_BURST, "cpu", "burst", NUMBER},
    {UPDATE_CPU_SHARE, "cpu", "shares", NUMBER},
    {UPDATE_CPU_RT_PERIOD, "cpu", "realtimePeriod", NUMBER},
    {UPDATE_CPU_RT_RUNTIME, "cpu", "realtimeRuntime", NUMBER},
    {UPDATE_CPUSET_CPUS, "cpu", "cpus", TEXT},
    {UPDATE_CPUSET_MEMS, "cpu", "mems", TEXT},
    {UPDATE_MEMORY, "memory", "limit", BYTES},
    {UPDATE_MEMORY_RESERVATION, "memory", "reservation", BYTES},
    {UPDATE_MEMORY_SWAP, "memory", "swap", BYTES},
    {UPDATE_PIDS_LIMIT, "pids", "limit", NUMBER},
    {UPDATE_CPU_IDLE, "cpu", "idle", NUMBER},
};

/* "64m", "-1": false if it is none. */
static bool bytes_parse(const char *v, int64_t *ret)
{
    static const char units[] = "kmgt";
    char digits[24];
    size_t n = strspn(v, "-0123456789");
    if (n == 0 || n >= sizeof digits || strlen(v + n) > 2)
        return false;
    memcpy(digits, v, n);
    digits[n] = '\0';
    const char *unit = v[n] ? strchr(units, v[n] | 0x20) : NULL;
    if (parse_i64(digits, ret) < 0 || (v[n] && !unit && (v[n] | 0x20) != 'b') ||
        (v[n] && v[n + 1] && (v[n + 1] | 0x20) != 'b'))
        return false;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (*ret > INT64_MAX >> shift || *ret < -1)
        return false;
    if (*ret > 0)
        *ret = (int64_t)((uint64_t)*ret << shift);
    return true;
}

/* The flags over the file's. */
static int flags_merge(json_t *o, char *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        const struct flag *f = &update_flags[fields[i].flag];
        int64_t n = 0;
        if (!f->given || !f->value[0])
            continue;
        json_t *sub = json_object_get(o, fields[i].object);
        if (!json_is_object(sub)) {
            sub = json_object();
            (void)json_object_set_new(o, fields[i].object, sub);
        }
        if (fields[i].kind != TEXT &&
            !(fields[i].kind == BYTES ? bytes_parse(f->value, &n) : parse_i64(f->value, &n) == 0)) {
            (void)snprintf(err, FLAGS_ERROR_MAX, "update: -%s %.60s: not a number%s", f->name,
                           f->value, fields[i].kind == BYTES ? " of bytes" : "");
            return -EINVAL;
        }
        (void)json_object_set_new(sub, fields[i].key,
                                  fields[i].kind == TEXT ? json_string(f->value) : json_integer(n));
    }
    return 0;
}

static char *stdin_read(size_t *ret_len)
{
    size_t cap = 65536, len = 0;
    char *text = malloc(cap);
    ssize_t n;
    while (text && (n = read(0, text + len, cap - len)) > 0) {
        len += (size_t)n;
        if (len < cap)
            continue;
        char *more = cap < OCI_FILE_MAX ? realloc(text, 2 * cap) : NULL;
        if (!more)
            free(text);
        text = more;
        cap *= 2;
    }
    *ret_len = len;
    return text;
}

/* What is asked for as one object; NULL with err. */
static json_t *resources_load(char *err)
{
    const struct flag *f =
        &update_flags[update_flags[UPDATE_R].given ? UPDATE_R : UPDATE_RESOURCES];
    size_t len = 0;
    if (!f->value[0])
        return json_object();
    char *text = str_eq(f->value, "-") ? stdin_read(&len) : bundle_file_read(f->value, &len, err);
    json_t *o = text ? json_loadb(text, len, 0, NULL) : NULL;
    free(text);
    if (!json_is_object(o)) {
        if (!err[0])
            (void)snprintf(err, FLAGS_ERROR_MAX, "update: -resources %.200s: no JSON object",
                           f->value);
        json_decref(o);
        return NULL;
    }
    return o;
}

static int update_apply(struct state *s, json_t *o, char *err)
{
    struct oci_resources res;
    struct cgroup *cg = NULL;
    char *text = json_dumps(o, JSON_COMPACT);
    int r = text ? oci_resources_parse("resources", text, strlen(text), &res, err) : -ENOMEM;
    free(text);
    if (r < 0)
        return r;
    if (!s->cgroup || cgroup_load(s->cgroup, &cg) < 0 || !cgroup_exists(cg)) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "container %s has no cgroups of its own, in which limits could be set",
                       s->id);
        r = -ENOENT;
    }
    if (r == 0)
        r = cgroup_update(cg, &res, err);
    (void)cgroup_free(cg);
    oci_resources_done(&res);
    if (r < 0)
        return r;
    /* So that later commands know. */
    json_t *l = json_object_get(s->config, "linux");
    json_t *old = json_object_get(l, "resources");
    if (json_is_object(old))
        (void)json_object_update_recursive(old, o);
    else if (json_is_object(l))
        (void)json_object_set(l, "resources", o);
    return state_save(s, err);
}

static int update_run(int argc, char **argv)
{
    char err[CGROUP_ERROR_MAX + FLAGS_ERROR_MAX] = "";
    struct report_files files;
    struct state s;
    if (argc != 1)
        return report_fatal("update: takes one container id, not %d words", argc);
    if (report_open("update", argv[0], &files, err) < 0 || state_load(argv[0], &s, err) < 0)
        return report_fatal("%s", err);
    json_t *o = resources_load(err);
    int r = o ? flags_merge(o, err) : -EINVAL;
    if (r == 0 && state_status_now(&s) == STATE_STOPPED) {
        (void)snprintf(err, sizeof err, "container %s is stopped", s.id);
        r = -ESRCH;
    }
    if (r == 0)
        r = update_apply(&s, o, err);
    json_decref(o);
    state_done(&s);
    return r < 0 ? report_fatal("%s", err[0] ? err : "out of memory") : 0;
}

const struct command command_update = {
    .name = "update",
    .usage = "[flags] CONTAINER_ID",
    .help = "change the limits of a container",
    .flags = update_flags,
    .flag_count = ARRAY_SIZE(update_flags),
    .run = update_run,
};
