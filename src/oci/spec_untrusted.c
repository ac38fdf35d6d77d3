#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "oci/spec.h"
#include "oci/spec_priv.h"

#define ARG_BYTES_MAX ((size_t)128 * 1024)

/* The first error is kept; after it nothing more is looked at. */
struct parse {
    const char *name;
    char *err;
    int result;
};

static void parse_fail(struct parse *p, const char *key, const char *fmt, ...) PRINTF(3, 4);
static void parse_fail(struct parse *p, const char *key, const char *fmt, ...)
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
    strbuf_printf(&sb, "%s: %s: %s", p->name, key, what);
}

static void *parse_alloc(struct parse *p, size_t count, size_t size)
{
    void *m = calloc(count ? count : 1, size);
    if (!m && p->result == 0)
        p->result = -ENOMEM;
    return m;
}

static const char *string_of(struct parse *p, json_t *v, const char *key, size_t max)
{
    if (!json_is_string(v)) {
        parse_fail(p, key, "must be a string");
        return "";
    }
    const char *s = json_string_value(v);
    if (strlen(s) != json_string_length(v) || strlen(s) > max) {
        parse_fail(p, key, "must be at most %zu bytes without NUL", max);
        return "";
    }
    return s;
}

static const char *string_get(struct parse *p, json_t *obj, const char *name, const char *key,
                              size_t max)
{
    json_t *v = json_object_get(obj, name);
    return v && !json_is_null(v) ? string_of(p, v, key, max) : NULL;
}

static bool bool_get(struct parse *p, json_t *obj, const char *name, const char *key)
{
    json_t *v = json_object_get(obj, name);
    if (v && !json_is_boolean(v) && !json_is_null(v))
        parse_fail(p, key, "must be true or false");
    return json_is_true(v);
}

static int64_t int_get(struct parse *p, json_t *obj, const char *name, const char *key, int64_t min,
                       int64_t max, int64_t absent)
{
    json_t *v = json_object_get(obj, name);
    if (!v || json_is_null(v))
        return absent;
    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max) {
        parse_fail(p, key, "must be a whole number from %lld to %lld", (long long)min,
                   (long long)max);
        return absent;
    }
    return json_integer_value(v);
}

/* An object or array that may be absent; NULL then. */
static json_t *object_get(struct parse *p, json_t *obj, const char *name, const char *key)
{
    json_t *v = json_object_get(obj, name);
    if (!v || json_is_null(v))
        return NULL;
    if (!json_is_object(v)) {
        parse_fail(p, key, "must be an object {...}");
        return NULL;
    }
    return v;
}

static json_t *array_get(struct parse *p, json_t *obj, const char *name, const char *key,
                         size_t max)
{
    json_t *v = json_object_get(obj, name);
    if (!v || json_is_null(v))
        return NULL;
    if (!json_is_array(v) || json_array_size(v) > max) {
        parse_fail(p, key, "must be a list [...] of at most %zu elements", max);
        return NULL;
    }
    return v;
}

static struct boot_strings strings_get(struct parse *p, json_t *obj, const char *name,
                                       const char *key, size_t max, size_t max_bytes)
{
    json_t *a = array_get(p, obj, name, key, max);
    size_t n = json_array_size(a);
    const char **v = parse_alloc(p, n + 1, sizeof *v);
    if (!v)
        return (struct boot_strings){0};
    for (size_t i = 0; i < n; i++)
        v[i] = string_of(p, json_array_get(a, i), key, max_bytes);
    return (struct boot_strings){.v = v, .count = (uint32_t)n};
}

static void path_check(struct parse *p, const char *path, const char *key)
{
    if (!path || path[0] != '/')
        parse_fail(p, key, "\"%.200s\" must be an absolute path", path ? path : "");
}

static uint64_t caps_get(struct parse *p, json_t *caps, const char *name, const char *key)
{
    json_t *a = array_get(p, caps, name, key, 128);
    uint64_t set = 0;
    for (size_t i = 0; i < json_array_size(a); i++) {
        const char *s = string_of(p, json_array_get(a, i), key, 64);
        int n = oci_capability(s);
        if (n < 0)
            parse_fail(p, key, "unknown capability \"%.64s\"; they look like CAP_CHOWN", s);
        else
            set |= UINT64_C(1) << n;
    }
    return set;
}

static void rlimits_parse(struct parse *p, json_t *process, struct oci_spec *s)
{
    json_t *a = array_get(p, process, "rlimits", "process.rlimits", 64);
    for (size_t i = 0; i < json_array_size(a); i++) {
        json_t *e = json_array_get(a, i);
        const char *type = string_get(p, e, "type", "process.rlimits.type", 64);
        int n = oci_rlimit(type ? type : "");
        if (n < 0) {
            parse_fail(p, "process.rlimits.type",
                       "unknown limit \"%.64s\"; they look like RLIMIT_NOFILE", type ? type : "");
            return;
        }
        if (s->rlimits[n].set)
            parse_fail(p, "process.rlimits", "%s is given twice; keep one", type);
        json_t *soft = json_object_get(e, "soft");
        json_t *hard = json_object_get(e, "hard");
        if (!json_is_number(soft) || !json_is_number(hard)) {
            parse_fail(p, "process.rlimits", "%s needs numbers \"soft\" and \"hard\"", type);
            return;
        }
        struct boot_rlimit *l = &s->rlimits[n];
        l->set = true;
        l->soft = json_is_real(soft) ? UINT64_MAX : (uint64_t)json_integer_value(soft);
        l->hard = json_is_real(hard) ? UINT64_MAX : (uint64_t)json_integer_value(hard);
        if (l->soft > l->hard)
            parse_fail(p, "process.rlimits", "%s: soft is above hard", type);
    }
}

static void user_parse(struct parse *p, json_t *process, struct oci_spec *s)
{
    const int64_t id_max = INT64_C(4294967294);
    json_t *user = object_get(p, process, "user", "process.user");
    s->uid = (uint32_t)int_get(p, user, "uid", "process.user.uid", 0, id_max, 0);
    s->gid = (uint32_t)int_get(p, user, "gid", "process.user.gid", 0, id_max, 0);
    s->umask = (int32_t)int_get(p, user, "umask", "process.user.umask", 0, 0777, -1);
    json_t *a =
        array_get(p, user, "additionalGids", "process.user.additionalGids", BOOT_GROUPS_MAX);
    s->groups = parse_alloc(p, json_array_size(a), sizeof *s->groups);
    for (size_t i = 0; s->groups && i < json_array_size(a); i++) {
        json_t *v = json_array_get(a, i);
        if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > id_max)
            parse_fail(p, "process.user.additionalGids", "must be group numbers");
        else
            s->groups[s->group_count++] = (uint32_t)json_integer_value(v);
    }
}

static void process_parse(struct parse *p, struct oci_spec *s)
{
    json_t *process = object_get(p, (json_t *)s->doc, "process", "process");
    if (!process) {
        parse_fail(p, "process", "missing; `runsc spec` writes an example");
        return;
    }
    s->args = strings_get(p, process, "args", "process.args", BOOT_ARGS_MAX, ARG_BYTES_MAX);
    if (s->args.count == 0)
        parse_fail(p, "process.args",
                   "missing or empty; give the command to run as a list of strings");
    s->env = strings_get(p, process, "env", "process.env", BOOT_ARGS_MAX, ARG_BYTES_MAX);
    s->cwd = string_get(p, process, "cwd", "process.cwd", BOOT_PATH_MAX);
    path_check(p, s->cwd, "process.cwd");
    s->terminal = bool_get(p, process, "terminal", "process.terminal");
    s->no_new_privs = bool_get(p, process, "noNewPrivileges", "process.noNewPrivileges");
    s->oom_score_adj =
        (int32_t)int_get(p, process, "oomScoreAdj", "process.oomScoreAdj", -1000, 1000, 0);
    const char *label = string_get(p, process, "selinuxLabel", "process.selinuxLabel", 4096);
    if (label && label[0])
        parse_fail(p, "process.selinuxLabel", "SELinux is not supported; remove the label");
    user_parse(p, process, s);
    rlimits_parse(p, process, s);
    json_t *caps = object_get(p, process, "capabilities", "process.capabilities");
    s->caps.effective = caps_get(p, caps, "effective", "process.capabilities.effective");
    s->caps.permitted = caps_get(p, caps, "permitted", "process.capabilities.permitted");
    s->caps.inheritable = caps_get(p, caps, "inheritable", "process.capabilities.inheritable");
    s->caps.bounding = caps_get(p, caps, "bounding", "process.capabilities.bounding");
    s->caps.ambient = caps_get(p, caps, "ambient", "process.capabilities.ambient");
}

static void mounts_parse(struct parse *p, struct oci_spec *s)
{
    json_t *a = array_get(p, (json_t *)s->doc, "mounts", "mounts", BOOT_MOUNTS_MAX - 1);
    s->mounts = parse_alloc(p, json_array_size(a), sizeof *s->mounts);
    for (size_t i = 0; s->mounts && p->result == 0 && i < json_array_size(a); i++) {
        json_t *e = json_array_get(a, i);
        struct oci_mount *m = &s->mounts[s->mount_count];
        m->destination = string_get(p, e, "destination", "mounts.destination", BOOT_PATH_MAX);
        path_check(p, m->destination, "mounts.destination");
        m->type = string_get(p, e, "type", "mounts.type", 63);
        m->source = string_get(p, e, "source", "mounts.source", BOOT_PATH_MAX);
        struct boot_strings all =
            strings_get(p, e, "options", "mounts.options", BOOT_OPTIONS_MAX, BOOT_PATH_MAX);
        if (p->result < 0) {
            free((void *)(uintptr_t)all.v);
            return;
        }
        oci_mount_options(m, &all, (const char **)(uintptr_t)all.v);
        s->mount_count++;
        m->bind |= m->type && strcmp(m->type, "bind") == 0;
        if (m->bind && (!m->source || !m->source[0]))
            parse_fail(p, "mounts.source",
                       "missing for the bind mount on %.200s; name the host directory or file",
                       m->destination);
        if (!m->bind && !m->type)
            parse_fail(p, "mounts.type",
                       "missing for %.200s; for a host directory add the option \"bind\"",
                       m->destination);
        if (!m->source)
            m->source = m->type ? m->type : "none";
        m->type = m->bind ? "bind" : m->type ? m->type : "";
    }
}

static void sysctl_parse(struct parse *p, json_t *linux_obj, struct oci_spec *s)
{
    json_t *o = object_get(p, linux_obj, "sysctl", "linux.sysctl");
    if (json_object_size(o) > BOOT_SYSCTLS_MAX) {
        parse_fail(p, "linux.sysctl", "more than %d entries", BOOT_SYSCTLS_MAX);
        return;
    }
    s->sysctls = parse_alloc(p, json_object_size(o), sizeof *s->sysctls);
    const char *key;
    json_t *v;
    if (s->sysctls)
        json_object_foreach(o, key, v)
        {
            if (strlen(key) > 256)
                parse_fail(p, "linux.sysctl", "a name is longer than 256 bytes");
            else
                s->sysctls[s->sysctl_count++] = (struct boot_sysctl){
                    .key = key, .value = string_of(p, v, "linux.sysctl", BOOT_PATH_MAX)};
        }
}

static void linux_parse(struct parse *p, struct oci_spec *s)
{
    json_t *l = object_get(p, (json_t *)s->doc, "linux", "linux");
    json_t *a = array_get(p, l, "namespaces", "linux.namespaces", 16);
    for (size_t i = 0; i < json_array_size(a); i++) {
        const char *type = string_get(p, json_array_get(a, i), "type", "linux.namespaces.type", 64);
        uint32_t bit = oci_namespace(type ? type : "");
        if (bit == 0 || (s->namespaces & bit))
            parse_fail(p, "linux.namespaces.type", "\"%.64s\" is unknown or given twice",
                       type ? type : "");
        s->namespaces |= bit;
    }
    sysctl_parse(p, l, s);
    s->masked_paths =
        strings_get(p, l, "maskedPaths", "linux.maskedPaths", BOOT_MOUNTS_MAX, BOOT_PATH_MAX);
    s->readonly_paths =
        strings_get(p, l, "readonlyPaths", "linux.readonlyPaths", BOOT_MOUNTS_MAX, BOOT_PATH_MAX);
    s->cgroups_path = string_get(p, l, "cgroupsPath", "linux.cgroupsPath", BOOT_PATH_MAX);
    s->has_seccomp = json_is_object(json_object_get(l, "seccomp"));
}

static void container_parse(struct parse *p, struct oci_spec *s)
{
    s->version = string_get(p, (json_t *)s->doc, "ociVersion", "ociVersion", 64);
    if (!s->version || strncmp(s->version, "1.", 2) != 0)
        parse_fail(p, "ociVersion", "must be 1.x (%s is what this runtime knows)", OCI_VERSION);
    json_t *root = object_get(p, (json_t *)s->doc, "root", "root");
    s->root_path = string_get(p, root, "path", "root.path", BOOT_PATH_MAX);
    if (!s->root_path || !s->root_path[0])
        parse_fail(p, "root.path", "missing; name the container's root directory");
    s->root_readonly = bool_get(p, root, "readonly", "root.readonly");
    s->hostname = string_get(p, (json_t *)s->doc, "hostname", "hostname", 64);
    s->domainname = string_get(p, (json_t *)s->doc, "domainname", "domainname", 64);
    s->has_hooks = json_object_size(json_object_get((json_t *)s->doc, "hooks")) > 0;
}

/* 2^64-1 ("unlimited") is too large for jansson's integers: numbers of 20 and more digits get a ".0" and are read as reals.
 * A malloc'ed copy, *ret_len bytes; NULL: out of memory. */
static char *numbers_widen(const char *text, size_t len, size_t *ret_len)
{
    char *out = malloc(len + len / 10 + 16);
    bool quoted = false;
    size_t n = 0;
    size_t digits = 0;
    if (!out)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool digit = c >= '0' && c <= '9' && !quoted;
        if (!digit && digits >= 20 && c != '.' && c != 'e' && c != 'E') {
            out[n++] = '.';
            out[n++] = '0';
        }
        digits = digit ? digits + 1 : 0;
        if (quoted && c == '\\' && i + 1 < len)
            out[n++] = text[i++];
        else if (c == '"')
            quoted = !quoted;
        out[n++] = text[i];
    }
    *ret_len = n;
    return out;
}

int oci_spec_parse(const char *name, const char *text, size_t len, struct oci_spec *ret, char *err)
{
    struct parse p = {.name = name, .err = err};
    json_error_t je;
    *ret = (struct oci_spec){.umask = -1};
    err[0] = 0;
    size_t wide_len = 0;
    char *wide = numbers_widen(text, len, &wide_len);
    if (!wide)
        return -ENOMEM;
    json_t *doc = json_loadb(wide, wide_len, JSON_REJECT_DUPLICATES, &je);
    free(wide);
    if (!doc) {
        (void)snprintf(err, OCI_ERROR_MAX, "%s: line %d, column %d: %s; mend the JSON", name,
                       je.line, je.column, je.text);
        return -EINVAL;
    }
    ret->doc = (struct json_t *)doc;
    if (!json_is_object(doc))
        parse_fail(&p, "file", "must hold one object {...}");
    container_parse(&p, ret);
    process_parse(&p, ret);
    mounts_parse(&p, ret);
    linux_parse(&p, ret);
    if (p.result < 0)
        oci_spec_done(ret);
    return p.result;
}

void oci_spec_done(struct oci_spec *s)
{
    free((void *)(uintptr_t)s->args.v);
    free((void *)(uintptr_t)s->env.v);
    free((void *)(uintptr_t)s->masked_paths.v);
    free((void *)(uintptr_t)s->readonly_paths.v);
    for (uint32_t i = 0; i < s->mount_count; i++)
        free((void *)(uintptr_t)s->mounts[i].options.v);
    free(s->mounts);
    free(s->groups);
    free(s->sysctls);
    json_decref((json_t *)s->doc);
    *s = (struct oci_spec){0};
}
