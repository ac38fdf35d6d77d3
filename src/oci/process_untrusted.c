/* The process object. */
#include <errno.h>
#include <string.h>

#include "abi/sched.h"
#include "base/str.h"
#include "oci/parse_priv.h"
#include "oci/spec.h"
#include "oci/spec_priv.h"

#define ARG_BYTES_MAX ((size_t)128 * 1024)

static uint64_t caps_get(struct parse *p, json_t *caps, const char *key, const char *name)
{
    json_t *a = array_get(p, caps, key, name, 128);
    uint64_t set = 0;
    for (size_t i = 0; i < json_array_size(a); i++) {
        char at[OCI_KEY_MAX];
        const char *s =
            string_of(p, json_array_get(a, i), parse_key_at(at, key, name, i), NULL, 64);
        int n = oci_capability(s);
        if (n < 0)
            parse_warn(p, at, NULL, "capability \"%.64s\" is unknown and left out", s);
        else
            set |= UINT64_C(1) << n;
    }
    return set;
}

static void caps_parse(struct parse *p, json_t *process, const char *in, struct oci_process *r)
{
    char key[OCI_KEY_MAX];
    json_t *caps = object_get(p, process, in, "capabilities");
    (void)parse_key(key, in, "capabilities");
    r->caps_given = caps != NULL;
    r->caps.bounding = caps_get(p, caps, key, "bounding");
    r->caps.effective = caps_get(p, caps, key, "effective");
    r->caps.permitted = caps_get(p, caps, key, "permitted");
    r->caps.inheritable = caps_get(p, caps, key, "inheritable");
    r->caps.ambient = caps_get(p, caps, key, "ambient");
    if (r->caps.effective & ~r->caps.permitted)
        parse_fail(p, key, "effective", "has what \"permitted\" has not; add it there too");
    if (r->caps.ambient & ~(r->caps.permitted & r->caps.inheritable))
        parse_warn(p, key, "ambient",
                   "what is not in \"permitted\" and \"inheritable\" too is left out");
    r->caps.ambient &= r->caps.permitted & r->caps.inheritable;
}

static void rlimits_parse(struct parse *p, json_t *process, const char *in, struct oci_process *r)
{
    json_t *a = array_get(p, process, in, "rlimits", 64);
    for (size_t i = 0; i < json_array_size(a) && p->result == 0; i++) {
        char key[OCI_KEY_MAX];
        bool soft;
        bool hard;
        json_t *e = object_at(p, a, i, parse_key_at(key, in, "rlimits", i));
        const char *type = string_need(p, e, key, "type", 64);
        int n = oci_rlimit(type);
        if (n < 0) {
            parse_fail(p, key, "type", "unknown limit \"%.64s\"; they look like RLIMIT_NOFILE",
                       type);
            return;
        }
        struct boot_rlimit *l = &r->rlimits[n];
        if (l->set)
            parse_fail(p, key, "type", "%s is given twice; keep one", type);
        l->set = true;
        l->soft = u64_get(p, e, key, "soft", &soft);
        l->hard = u64_get(p, e, key, "hard", &hard);
        if (!soft || !hard)
            parse_fail(p, key, soft ? "hard" : "soft", "missing; give a number");
        if (l->soft > l->hard)
            parse_fail(p, key, "soft", "is above \"hard\"; lower it");
    }
}

static void user_parse(struct parse *p, json_t *process, const char *in, struct oci_process *r)
{
    const int64_t id_max = INT64_C(4294967294);
    char key[OCI_KEY_MAX];
    json_t *user = object_get(p, process, in, "user");
    (void)parse_key(key, in, "user");
    r->uid = (uint32_t)int_get(p, user, key, "uid", 0, id_max, 0);
    r->gid = (uint32_t)int_get(p, user, key, "gid", 0, id_max, 0);
    r->umask = (int32_t)int_get(p, user, key, "umask", 0, 0777, -1);
    json_t *a = array_get(p, user, key, "additionalGids", BOOT_GROUPS_MAX);
    r->groups = parse_alloc(p, json_array_size(a), sizeof *r->groups);
    for (size_t i = 0; r->groups && i < json_array_size(a); i++) {
        json_t *v = json_array_get(a, i);
        if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > id_max)
            parse_fail(p, key, "additionalGids", "element %zu must be a number of a group", i);
        else
            r->groups[r->group_count++] = (uint32_t)json_integer_value(v);
    }
}

static void io_priority_parse(struct parse *p, json_t *process, const char *in,
                              struct oci_io_priority *ret)
{
    static const char *const classes[] = {NULL, "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE",
                                          "IOPRIO_CLASS_IDLE"};
    char key[OCI_KEY_MAX];
    json_t *o = object_get(p, process, in, "ioPriority");
    (void)parse_key(key, in, "ioPriority");
    if (!o)
        return;
    const char *class = string_need(p, o, key, "class", 64);
    int n = word_find(classes, ARRAY_SIZE(classes), class);
    if (n < 0)
        parse_fail(p, key, "class",
                   "\"%.32s\" is unknown; use IOPRIO_CLASS_RT, IOPRIO_CLASS_BE or "
                   "IOPRIO_CLASS_IDLE",
                   class);
    ret->given = true;
    ret->class = n > 0 ? (uint32_t)n : 0;
    ret->priority = (uint32_t)int_get(p, o, key, "priority", 0, 7, 0);
}

static void scheduler_flags_parse(struct parse *p, json_t *o, const char *key,
                                  struct oci_scheduler *ret)
{
    static const char *const flags[] = {"SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM",
                                        "SCHED_FLAG_DL_OVERRUN",    "SCHED_FLAG_KEEP_POLICY",
                                        "SCHED_FLAG_KEEP_PARAMS",   "SCHED_FLAG_UTIL_CLAMP_MIN",
                                        "SCHED_FLAG_UTIL_CLAMP_MAX"};
    struct boot_strings s = strings_get(p, o, key, "flags", 64, 64);
    for (uint32_t i = 0; i < s.count; i++) {
        int n = word_find(flags, ARRAY_SIZE(flags), s.v[i]);
        if (n < 0)
            parse_fail(p, key, "flags",
                       "\"%.32s\" is unknown; they look like SCHED_FLAG_RESET_ON_FORK", s.v[i]);
        else
            ret->flags |= UINT64_C(1) << n;
    }
}

static void scheduler_parse(struct parse *p, json_t *process, const char *in,
                            struct oci_scheduler *ret)
{
    static const char *const policies[] = {
        [LINUX_SCHED_NORMAL] = "SCHED_OTHER", [LINUX_SCHED_FIFO] = "SCHED_FIFO",
        [LINUX_SCHED_RR] = "SCHED_RR",        [LINUX_SCHED_BATCH] = "SCHED_BATCH",
        [LINUX_SCHED_IDLE] = "SCHED_IDLE",    [LINUX_SCHED_DEADLINE] = "SCHED_DEADLINE",
    };
    char key[OCI_KEY_MAX];
    bool given;
    json_t *o = object_get(p, process, in, "scheduler");
    (void)parse_key(key, in, "scheduler");
    if (!o)
        return;
    const char *policy = string_need(p, o, key, "policy", 64);
    int n = word_find(policies, ARRAY_SIZE(policies), policy);
    if (n < 0)
        parse_fail(p, key, "policy",
                   "\"%.32s\" is unknown; use SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, "
                   "SCHED_IDLE or SCHED_DEADLINE",
                   policy);
    ret->given = true;
    ret->policy = n > 0 ? (uint32_t)n : 0;
    ret->nice = (int32_t)int_get(p, o, key, "nice", -20, 19, 0);
    ret->priority = (int32_t)int_get(p, o, key, "priority", 0, 99, 0);
    ret->runtime = u64_get(p, o, key, "runtime", &given);
    ret->deadline = u64_get(p, o, key, "deadline", &given);
    ret->period = u64_get(p, o, key, "period", &given);
    scheduler_flags_parse(p, o, key, ret);
    bool real_time = n == LINUX_SCHED_FIFO || n == LINUX_SCHED_RR;
    if (real_time && ret->priority == 0)
        parse_fail(p, key, "priority", "%s needs one from 1 to 99", policy);
    if (!real_time && ret->priority != 0)
        parse_fail(p, key, "priority", "goes with SCHED_FIFO and SCHED_RR only; remove it");
    if (n != LINUX_SCHED_NORMAL && n != LINUX_SCHED_BATCH && ret->nice != 0)
        parse_fail(p, key, "nice", "goes with SCHED_OTHER and SCHED_BATCH only; remove it");
    if (n != LINUX_SCHED_DEADLINE && (ret->runtime || ret->deadline || ret->period))
        parse_fail(p, key, "runtime",
                   "with \"deadline\" and \"period\" goes with SCHED_DEADLINE only; remove them");
}

static void affinity_parse(struct parse *p, json_t *process, const char *in, struct oci_process *r)
{
    char key[OCI_KEY_MAX];
    json_t *o = object_get(p, process, in, "execCPUAffinity");
    (void)parse_key(key, in, "execCPUAffinity");
    r->cpu_affinity_initial = string_get(p, o, key, "initial", 4096);
    r->cpu_affinity_final = string_get(p, o, key, "final", 4096);
    cpu_list_check(p, r->cpu_affinity_initial, key, "initial");
    cpu_list_check(p, r->cpu_affinity_final, key, "final");
}

static void console_parse(struct parse *p, json_t *process, const char *in, struct oci_process *r)
{
    char key[OCI_KEY_MAX];
    json_t *o = object_get(p, process, in, "consoleSize");
    (void)parse_key(key, in, "consoleSize");
    r->console.width = (uint32_t)int_get(p, o, key, "width", 0, UINT16_MAX, 0);
    r->console.height = (uint32_t)int_get(p, o, key, "height", 0, UINT16_MAX, 0);
    if (!r->terminal) /* ignored then, as the specification says */
        r->console = (struct oci_console){0};
}

static void env_check(struct parse *p, const char *in, const struct oci_process *r)
{
    for (uint32_t i = 0; i < r->env.count; i++)
        if (!strchr(r->env.v[i], '=') || r->env.v[i][0] == '=')
            parse_fail(p, in, "env", "\"%.60s\" must look like NAME=value", r->env.v[i]);
}

void process_parse(struct parse *p, json_t *o, const char *key, struct oci_process *r)
{
    r->umask = -1;
    r->args = strings_get(p, o, key, "args", BOOT_ARGS_MAX, ARG_BYTES_MAX);
    if (r->args.count == 0)
        parse_fail(p, key, "args",
                   "missing or empty; give the command to run as a list of strings");
    else if (!r->args.v[0][0])
        parse_fail(p, key, "args", "the first must not be empty; name the program to run");
    const char *line = string_get(p, o, key, "commandLine", OCI_FILE_MAX);
    if (line && line[0])
        parse_fail(p, key, "commandLine", "is for Windows; use \"args\"");
    r->env = strings_get(p, o, key, "env", BOOT_ARGS_MAX, ARG_BYTES_MAX);
    env_check(p, key, r);
    r->cwd = string_get(p, o, key, "cwd", BOOT_PATH_MAX - 1);
    if (!r->cwd || !r->cwd[0])
        parse_fail(p, key, "cwd", "missing; name the directory to start in, as \"/\"");
    path_check(p, r->cwd, key, "cwd");
    r->terminal = bool_get(p, o, key, "terminal");
    console_parse(p, o, key, r);
    r->no_new_privs = bool_get(p, o, key, "noNewPrivileges");
    r->oom_score_adj = (int32_t)int_get(p, o, key, "oomScoreAdj", -1000, 1000, 0);
    json_t *adj = json_object_get(o, "oomScoreAdj");
    r->oom_score_adj_given = adj && !json_is_null(adj);
    r->apparmor_profile = string_get(p, o, key, "apparmorProfile", 4096);
    r->selinux_label = string_get(p, o, key, "selinuxLabel", 4096);
    user_parse(p, o, key, r);
    rlimits_parse(p, o, key, r);
    caps_parse(p, o, key, r);
    io_priority_parse(p, o, key, &r->io_priority);
    scheduler_parse(p, o, key, &r->scheduler);
    affinity_parse(p, o, key, r);
    process_validate(p, key, r);
}

int oci_process_parse(const char *name, const char *text, size_t len, struct oci_process *ret,
                      struct oci_warnings *warnings, char *err)
{
    struct oci_chunk *chunks = NULL;
    struct parse p = {.name = name, .err = err, .chunks = &chunks, .warnings = warnings};
    json_t *doc = parse_document(&p, text, len);
    *ret = (struct oci_process){.umask = -1};
    if (doc)
        process_parse(&p, doc, "", ret);
    ret->doc = (struct json_t *)doc;
    ret->chunks = chunks;
    if (p.result < 0)
        oci_process_done(ret);
    return p.result;
}

void oci_process_done(struct oci_process *process)
{
    parse_chunks_free(process->chunks);
    json_decref((json_t *)process->doc);
    *process = (struct oci_process){.umask = -1};
}
