/* oci/spec.h - an OCI runtime configuration (config.json) as a structure.
 *
 * Owner    oci_spec_parse() fills it, oci_spec_done() frees it; strings live in the document, which it owns.
 * Trust    the file is whoever's made the bundle: types, ranges, counts and paths are checked here. Unknown keys are ignored, as
 *          the specification demands.
 * Errors   one line: file, key, what is wrong, how to mend it.
 * Spec     opencontainers/runtime-spec 1.2.1, config.md and config-linux.md.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "oci/resources.h"
#include "wire/boot_config.h"

#define OCI_VERSION      "1.2.1"
#define OCI_ERROR_MAX    512
#define OCI_FILE_MAX     ((size_t)8 * 1024 * 1024)

#define OCI_WARNING_MAX  320
#define OCI_WARNINGS_MAX 16

/* What a configuration asks for and does not get; one line each, without the file's name. */
struct oci_warnings {
    uint32_t count;
    char text[OCI_WARNINGS_MAX][OCI_WARNING_MAX];
};

struct json_t;

enum oci_namespace {
    OCI_NS_PID = 1u << 0,
    OCI_NS_NETWORK = 1u << 1,
    OCI_NS_MOUNT = 1u << 2,
    OCI_NS_IPC = 1u << 3,
    OCI_NS_UTS = 1u << 4,
    OCI_NS_USER = 1u << 5,
    OCI_NS_CGROUP = 1u << 6,
    OCI_NS_TIME = 1u << 7,
};

struct oci_mount {
    const char *destination, *type, *source;
    struct boot_strings options; /* what is left for the file system */
    uint32_t flags;              /* BOOT_MOUNT_* */
    bool bind, recursive;
};

struct oci_spec {
    struct json_t *doc;
    const char *version;
    /* process */
    struct boot_strings args, env;
    const char *cwd;
    uint32_t uid, gid;
    uint32_t *groups;
    uint32_t group_count;
    struct boot_caps caps;
    struct boot_rlimit rlimits[BOOT_RLIMITS];
    bool terminal, no_new_privs;
    int32_t umask; /* -1: not given */
    int32_t oom_score_adj;
    /* container */
    const char *root_path; /* as written; relative to the bundle */
    bool root_readonly;
    const char *hostname, *domainname; /* NULL: not given */
    struct oci_mount *mounts;
    uint32_t mount_count;
    /* linux */
    uint32_t namespaces; /* OCI_NS_* */
    struct boot_sysctl *sysctls;
    uint32_t sysctl_count;
    struct boot_strings masked_paths, readonly_paths;
    const char *cgroups_path;
    bool has_seccomp, has_hooks;
};

/* name: what to call the file in messages. -EINVAL with err filled (OCI_ERROR_MAX), -ENOMEM. */
NODISCARD int oci_spec_parse(const char *name, const char *text, size_t len, struct oci_spec *ret,
                             char *err);
void oci_spec_done(struct oci_spec *spec);

/* A config.json as `runsc spec` writes it, malloc'ed. args may be empty (then "sh"). NULL: out of memory. */
char *oci_spec_default(const char *const *args, size_t arg_count, const char *cwd,
                       const char *netns);

/* Takes flags, bind and propagation words out of option words; the rest stays in order. out has room for all. */
void oci_mount_options(struct oci_mount *m, const struct boot_strings *in, const char **out);

/* "rw" -> OCI_DEVICE_*; 0: not such a word. */
uint32_t oci_device_access(const char *access);

/* "CAP_CHOWN" -> bit number; -EINVAL. */
NODISCARD int oci_capability(const char *name);
