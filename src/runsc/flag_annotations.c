#include "runsc/flag_annotations.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "runsc/container.h"
#include "runsc/flags.h"
#include "runsc/report.h"

#define PREFIX "dev.gvisor.flag."

static bool any(const char *old, const char *value) { return true; }

/* A layer that costs memory of the container only. */
static bool layer_of_its_own(const char *old, const char *value)
{
    char ignored[FLAGS_ERROR_MAX];
    struct overlay_choice o;
    return overlay_parse(value, &o, ignored) == 0 && (o.root || o.mounts) &&
           o.medium != OVERLAY_IN_DIR;
}

/* A filter may be switched on, not off. */
static bool switched_on(const char *old, const char *value)
{
    return !str_eq(value, "false") && !str_eq(value, "0") && !str_eq(value, "f") &&
           !str_eq(value, "F") && !str_eq(value, "False") && !str_eq(value, "FALSE");
}

static bool token_bucket(const char *old, const char *value) { return str_eq(value, "tbf"); }

/* 0: no limit. */
static bool lower(const char *old, const char *value)
{
    int64_t a, b;
    return parse_i64(old, &a) == 0 && parse_i64(value, &b) == 0 && b > 0 && (a == 0 || b <= a);
}

static const struct rule {
    enum flag_id id;
    bool (*may)(const char *old, const char *value);
} rules[] = {
    {FLAG_ID_DEBUG, any},
    {FLAG_ID_DEBUG_COMMAND, any},
    {FLAG_ID_DEBUG_TO_USER_LOG, any},
    {FLAG_ID_STRACE, any},
    {FLAG_ID_STRACE_SYSCALLS, any},
    {FLAG_ID_STRACE_LOG_SIZE, any},
    {FLAG_ID_HOST_UDS, any},
    {FLAG_ID_NET_DISCONNECT_OK, any},
    {FLAG_ID_REPRODUCE_NFTABLES, any},
    {FLAG_ID_OVERLAY2, layer_of_its_own},
    {FLAG_ID_OCI_SECCOMP, switched_on},
    {FLAG_ID_PAUSE_EXTERNAL_NETWORKING, any},
    {FLAG_ID_ALLOW_CONNECTED_ON_SAVE, any},
    {FLAG_ID_QDISC, token_bucket},
    {FLAG_ID_QDISC_TBF_RATE, lower},
    {FLAG_ID_QDISC_TBF_BURST, lower},
    {FLAG_ID_MOUNT_CGROUP_V2, any},
};

static int may_set(enum flag_id id, const char *value, char *err)
{
    const struct flag *f = &global_flags[id];
    const struct rule *rule = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
        if (rules[i].id == id)
            rule = &rules[i];
    /* An annotation that says what is so anyway needs no permission; one that gives the permission would. */
    if (flag_true(&global_flags[FLAG_ID_ALLOW_FLAG_OVERRIDE]) || str_eq(f->value, value) ||
        (rule && rule->may(f->value, value)))
        return 0;
    (void)snprintf(err, FLAGS_ERROR_MAX,
                   "config.json: annotations: " PREFIX
                   "%s=%.100s is not taken from an annotation; give runsc the flag, or "
                   "--allow-flag-override",
                   f->name, value);
    return -EPERM;
}

static int one_take(const char *name, const char *value, char *err)
{
    char why[FLAGS_ERROR_MAX];
    int id = 0;
    while (id < FLAG_ID_COUNT && !str_eq(global_flags[id].name, name))
        id++;
    if (id == FLAG_ID_COUNT) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "config.json: annotations: " PREFIX "%.100s: there is no such flag", name);
        return -EINVAL;
    }
    int r = may_set((enum flag_id)id, value, err);
    if (r == 0 && (r = flag_set(&global_flags[id], value, why)) < 0)
        (void)snprintf(err, FLAGS_ERROR_MAX, "config.json: annotations: %.400s", why);
    if (r == 0 && global_flags[id].status == FLAG_LATER)
        report_warning("config.json: annotations: without effect yet: --%s", name);
    return r;
}

int flag_annotations_take(const struct json_t *doc, char *err)
{
    json_t *annotations = json_object_get(doc, "annotations"), *value;
    const char *key;
    json_object_foreach(annotations, key, value)
    {
        if (!str_starts(key, PREFIX) || !json_is_string(value))
            continue;
        int r = one_take(key + strlen(PREFIX), json_string_value(value), err);
        if (r < 0)
            return r;
    }
    return 0;
}
