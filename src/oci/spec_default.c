/* The config.json that `runsc spec` writes. */
#include <jansson.h>

#include "oci/spec.h"

static json_t *strings_json(const char *const *v, size_t n)
{
    json_t *a = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(a, json_string(v[i]));
    return a;
}

static json_t *mount_json(const char *destination, const char *type, const char *source,
                          const char *const *options, size_t n)
{
    json_t *m =
        json_pack("{s:s, s:s, s:s}", "destination", destination, "type", type, "source", source);
    if (n > 0)
        (void)json_object_set_new(m, "options", strings_json(options, n));
    return m;
}

static json_t *mounts_json(void)
{
    static const char *const sys_options[] = {"nosuid", "noexec", "nodev", "ro"};
    json_t *a = json_array();
    (void)json_array_append_new(a, mount_json("/proc", "proc", "proc", NULL, 0));
    (void)json_array_append_new(a, mount_json("/dev", "tmpfs", "tmpfs", NULL, 0));
    (void)json_array_append_new(
        a, mount_json("/sys", "sysfs", "sysfs", sys_options, ARRAY_SIZE(sys_options)));
    return a;
}

static json_t *namespaces_json(const char *netns)
{
    static const char *const types[] = {"pid", "network", "ipc", "uts", "mount"};
    json_t *a = json_array();
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        json_t *n = json_pack("{s:s}", "type", types[i]);
        if (i == 1 && netns && netns[0])
            (void)json_object_set_new(n, "path", json_string(netns));
        (void)json_array_append_new(a, n);
    }
    return a;
}

static json_t *process_json(const char *const *args, size_t arg_count, const char *cwd)
{
    static const char *const sh[] = {"sh"};
    static const char *const env[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"};
    static const char *const caps[] = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
    static const char *const sets[] = {"bounding", "effective", "inheritable", "permitted"};
    json_t *c = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
        (void)json_object_set_new(c, sets[i], strings_json(caps, ARRAY_SIZE(caps)));
    return json_pack("{s:{s:i, s:i}, s:o, s:o, s:s, s:o, s:[{s:s, s:i, s:i}]}", "user", "uid", 0,
                     "gid", 0, "args",
                     arg_count > 0 ? strings_json(args, arg_count) : strings_json(sh, 1), "env",
                     strings_json(env, ARRAY_SIZE(env)), "cwd", cwd, "capabilities", c, "rlimits",
                     "type", "RLIMIT_NOFILE", "hard", 1024, "soft", 1024);
}

char *oci_spec_default(const char *const *args, size_t arg_count, const char *cwd,
                       const char *netns)
{
    json_t *doc = json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:{s:o}}", "ociVersion", "1.0.0",
                            "process", process_json(args, arg_count, cwd), "root", "path", "rootfs",
                            "readonly", 1, "hostname", "runsc", "mounts", mounts_json(), "linux",
                            "namespaces", namespaces_json(netns));
    char *text = doc ? json_dumps(doc, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : NULL;
    json_decref(doc);
    return text;
}
