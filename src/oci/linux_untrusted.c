/* The linux object. */
#include <errno.h>
#include <string.h>

#include "abi/personality.h"
#include "base/str.h"
#include "oci/parse_priv.h"
#include "oci/spec.h"
#include "oci/spec_priv.h"

static void namespaces_parse(struct parse *p, json_t *l, struct oci_spec *s)
{
    json_t *a = array_get(p, l, "linux", "namespaces", 16);
    for (size_t i = 0; i < json_array_size(a); i++) {
        char key[OCI_KEY_MAX];
        json_t *e = object_at(p, a, i, parse_key_at(key, "linux", "namespaces", i));
        const char *type = string_need(p, e, key, "type", 64);
        const char *path = string_get(p, e, key, "path", BOOT_PATH_MAX - 1);
        uint32_t bit = oci_namespace(type);
        if (bit == 0)
            parse_fail(p, key, "type",
                       "\"%.32s\" is unknown; use pid, network, mount, ipc, uts, user, cgroup or "
                       "time",
                       type);
        if (s->namespaces & bit)
            parse_fail(p, key, "type", "\"%.32s\" is given twice; keep one", type);
        s->namespaces |= bit;
        if (!path || !path[0] || bit == 0)
            continue;
        path_check(p, path, key, "path");
        s->namespace_paths[__builtin_ctz(bit)] = path;
    }
}

static void sysctl_parse(struct parse *p, json_t *l, struct oci_spec *s)
{
    struct oci_pair *v = pairs_get(p, l, "linux", "sysctl", BOOT_SYSCTLS_MAX, &s->sysctl_count);
    s->sysctls = parse_alloc(p, s->sysctl_count, sizeof *s->sysctls);
    for (uint32_t i = 0; s->sysctls && i < s->sysctl_count; i++) {
        s->sysctls[i] = (struct boot_sysctl){.key = v[i].key, .value = v[i].value};
        if (strlen(v[i].key) > 255 || strlen(v[i].value) >= BOOT_PATH_MAX)
            parse_fail(p, "linux", "sysctl", "%.60s is too long", v[i].key);
    }
}

static void device_parse(struct parse *p, json_t *e, const char *key, struct oci_device *d)
{
    d->path = string_need(p, e, key, "path", BOOT_PATH_MAX - 1);
    path_check(p, d->path, key, "path");
    const char *type = string_need(p, e, key, "type", 16);
    if (type[0] && (type[1] || !strchr("bcup", type[0])))
        parse_fail(p, key, "type", "\"%.16s\" is unknown; use b, c, u or p", type);
    d->type = type[0] == 'u' ? 'c' : type[0];
    const char *numbers[] = {"major", "minor"};
    uint32_t *to[] = {&d->major, &d->minor};
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        int64_t n = int_get(p, e, key, numbers[i], 0, i ? 0xfffff : 0xfff, -1);
        if (n < 0 && d->type != 'p')
            parse_fail(p, key, numbers[i], "missing; give the device's number");
        *to[i] = n < 0 ? 0 : (uint32_t)n;
    }
    d->mode = (uint32_t)int_get(p, e, key, "fileMode", 0, UINT32_MAX, 0666) & 07777;
    d->uid = (uint32_t)int_get(p, e, key, "uid", 0, UINT32_MAX - 1, 0);
    d->gid = (uint32_t)int_get(p, e, key, "gid", 0, UINT32_MAX - 1, 0);
}

static void devices_parse(struct parse *p, json_t *l, struct oci_spec *s)
{
    json_t *a = array_get(p, l, "linux", "devices", 4096);
    s->devices = parse_alloc(p, json_array_size(a), sizeof *s->devices);
    for (size_t i = 0; s->devices && i < json_array_size(a); i++) {
        char key[OCI_KEY_MAX];
        json_t *e = object_at(p, a, i, parse_key_at(key, "linux", "devices", i));
        device_parse(p, e, key, &s->devices[s->device_count++]);
    }
}

static void time_offsets_parse(struct parse *p, json_t *l, struct oci_spec *s)
{
    json_t *o = object_get(p, l, "linux", "timeOffsets");
    struct {
        const char *name;
        struct oci_time_offset *to;
    } const clocks[] = {{"monotonic", &s->monotonic}, {"boottime", &s->boottime}};
    for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
        const int64_t most = INT64_C(4000000000); /* beyond it sums of nanoseconds do not fit */
        char key[OCI_KEY_MAX];
        json_t *e = object_get(p, o, "linux.timeOffsets", clocks[i].name);
        (void)parse_key(key, "linux.timeOffsets", clocks[i].name);
        clocks[i].to->given = e != NULL;
        clocks[i].to->sec = int_get(p, e, key, "secs", -most, most, 0);
        clocks[i].to->nsec = (uint32_t)int_get(p, e, key, "nanosecs", 0, 999999999, 0);
    }
}

static void personality_parse(struct parse *p, json_t *l, struct oci_spec *s)
{
    static const char key[] = "linux.personality";
    json_t *o = object_get(p, l, "linux", "personality");
    if (!o)
        return;
    const char *domain = string_need(p, o, key, "domain", 32);
    s->personality_given = true;
    if (str_eq(domain, "LINUX32"))
        s->personality = LINUX_PER_LINUX32;
    else if (!str_eq(domain, "LINUX"))
        parse_fail(p, key, "domain", "\"%.32s\" is unknown; use LINUX or LINUX32", domain);
    json_t *flags = array_get(p, o, key, "flags", 64);
    if (json_array_size(flags) > 0)
        parse_fail(p, key, "flags", "none is defined by the specification; remove them");
}

static void rdt_parse(struct parse *p, json_t *l, struct oci_spec *s)
{
    static const char key[] = "linux.intelRdt";
    json_t *o = object_get(p, l, "linux", "intelRdt");
    s->rdt.given = o != NULL;
    s->rdt.clos_id = string_get(p, o, key, "closID", 255);
    s->rdt.l3_schema = string_get(p, o, key, "l3CacheSchema", 4096);
    s->rdt.mem_schema = string_get(p, o, key, "memBwSchema", 4096);
    if (s->rdt.clos_id &&
        (!s->rdt.clos_id[0] || str_eq(s->rdt.clos_id, ".") || str_eq(s->rdt.clos_id, "..") ||
         s->rdt.clos_id[strcspn(s->rdt.clos_id, "/\n")]))
        parse_fail(p, key, "closID", "must be the name of a directory");
}

static struct boot_strings paths_get(struct parse *p, json_t *l, const char *name)
{
    struct boot_strings s = strings_get(p, l, "linux", name, BOOT_MOUNTS_MAX, BOOT_PATH_MAX - 1);
    for (uint32_t i = 0; i < s.count; i++)
        path_check(p, s.v[i], "linux", name);
    return s;
}

void linux_parse(struct parse *p, json_t *doc, struct oci_spec *s)
{
    json_t *l = object_get(p, doc, "", "linux");
    namespaces_parse(p, l, s);
    id_maps_parse(p, l, "linux", "uidMappings", &s->uid_maps);
    id_maps_parse(p, l, "linux", "gidMappings", &s->gid_maps);
    devices_parse(p, l, s);
    s->cgroups_path = string_get(p, l, "linux", "cgroupsPath", BOOT_PATH_MAX - 1);
    resources_parse(p, object_get(p, l, "linux", "resources"), "linux.resources", &s->resources);
    const char *propagation = string_get(p, l, "linux", "rootfsPropagation", 32);
    if (propagation && propagation[0]) {
        s->root_propagation = oci_propagation_of(propagation, &s->root_propagation_tree);
        if (s->root_propagation == OCI_PROPAGATION_NONE)
            parse_fail(p, "linux", "rootfsPropagation",
                       "\"%.32s\" is unknown; use private, slave, shared or unbindable, or one "
                       "of these with an r before it",
                       propagation);
    }
    seccomp_parse(p, object_get(p, l, "linux", "seccomp"), &s->seccomp);
    sysctl_parse(p, l, s);
    s->masked_paths = paths_get(p, l, "maskedPaths");
    s->readonly_paths = paths_get(p, l, "readonlyPaths");
    time_offsets_parse(p, l, s);
    personality_parse(p, l, s);
    rdt_parse(p, l, s);
    s->mount_label = string_get(p, l, "linux", "mountLabel", 4096);
}
