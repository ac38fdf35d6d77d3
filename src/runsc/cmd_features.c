/* runsc features: what of the OCI specification there is, as JSON. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "oci/spec.h"
#include "runsc/command.h"
#include "runsc/report.h"

static json_t *words(enum oci_vocabulary which, const char *prefix)
{
    json_t *a = json_array();
    const char *w;
    for (size_t i = 0; a && (w = oci_word(which, i)); i++)
        (void)json_array_append_new(a, json_sprintf("%s%s", prefix, w));
    return a;
}

static json_t *linux_json(void)
{
    json_t *cgroup = json_pack("{s:b, s:b, s:b, s:b, s:b}", "v1", 1, "v2", 1, "systemd", 1,
                               "systemdUser", 1, "rdma", 1);
    json_t *seccomp = json_pack(
        "{s:b, s:o, s:o, s:o, s:o, s:o}", "enabled", 1, "actions",
        words(OCI_WORDS_SECCOMP_ACTIONS, ""), "operators", words(OCI_WORDS_SECCOMP_OPS, ""),
        "archs", words(OCI_WORDS_SECCOMP_ARCHS, ""), "knownFlags",
        words(OCI_WORDS_SECCOMP_FLAGS, ""), "supportedFlags", words(OCI_WORDS_SECCOMP_FLAGS, ""));
    return json_pack("{s:o, s:o, s:o, s:o, s:{s:b}, s:{s:b}, s:{s:b}, s:{s:{s:b}}}", "namespaces",
                     words(OCI_WORDS_NAMESPACES, ""), "capabilities",
                     words(OCI_WORDS_CAPABILITIES, "CAP_"), "cgroup", cgroup, "seccomp", seccomp,
                     "apparmor", "enabled", 1, "selinux", "enabled", 1, "intelRdt", "enabled", 0,
                     "mountExtensions", "idmap", "enabled", 1);
}

static int features_run(int argc, char **argv)
{
    char err[FLAGS_ERROR_MAX] = "";
    struct report_files files;
    if (report_open("features", "", &files, err) < 0)
        return report_fatal("%s", err);
    json_t *o =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:{s:s}, s:[]}", "ociVersionMin", "1.0.0",
                  "ociVersionMax", OCI_VERSION, "hooks", words(OCI_WORDS_HOOKS, ""), "mountOptions",
                  words(OCI_WORDS_MOUNT_OPTIONS, ""), "linux", linux_json(), "annotations",
                  "dev.cvisor.version", CVISOR_VERSION, "potentiallyUnsafeConfigAnnotations");
    char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    if (!text)
        return report_fatal("out of memory");
    (void)printf("%s\n", text);
    free(text);
    return 0;
}

const struct command command_features = {
    .name = "features",
    .usage = "",
    .help = "print what of the OCI specification is there, as JSON",
    .run = features_run,
};
