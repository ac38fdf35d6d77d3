/* oci/spec.h - an OCI runtime configuration (config.json) as a structure.
 *
 * Owner    oci_spec_parse() fills it, oci_spec_done() frees it; strings and arrays live as long as it does.
 * Trust    the file is whoever's made the bundle: types, ranges, counts and paths are checked here. Unknown keys are ignored, as
 *          the specification demands. Paths are as written: they may lead through symbolic links of a hostile image.
 * Errors   one line: file, key, what is wrong, how to mend it. What is asked for and cannot be had is an error, or where runc
 *          only warns, a warning.
 * Spec     opencontainers/runtime-spec 1.2.1, config.md and config-linux.md. Cross checks are runc's.
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
struct oci_chunk;

/* ---- process ---- */

struct oci_console {
    uint32_t width, height; /* 0, 0: not given */
};

struct oci_io_priority {
    bool given;
    uint32_t class;    /* 1 real time, 2 best effort, 3 idle */
    uint32_t priority; /* 0-7 */
};

struct oci_scheduler {
    bool given;
    uint32_t policy; /* LINUX_SCHED_* */
    int32_t nice, priority;
    uint64_t flags;                     /* LINUX_SCHED_FLAG_* */
    uint64_t runtime, deadline, period; /* ns */
};

struct oci_process {
    struct boot_strings args, env;
    const char *cwd;
    uint32_t uid, gid;
    uint32_t *groups;
    uint32_t group_count;
    int32_t umask; /* -1: not given */
    bool caps_given;
    struct boot_caps caps;
    struct boot_rlimit rlimits[BOOT_RLIMITS];
    bool terminal, no_new_privs;
    struct oci_console console;
    bool oom_score_adj_given;
    int32_t oom_score_adj;
    struct oci_io_priority io_priority;
    struct oci_scheduler scheduler;
    const char *cpu_affinity_initial, *cpu_affinity_final; /* "0-2,7"; NULL: not given */
    const char *apparmor_profile, *selinux_label;          /* NULL: not given */
    struct json_t *doc;                                    /* both NULL as part of an oci_spec */
    struct oci_chunk *chunks;
};

/* ---- mounts ---- */

struct oci_id_map {
    uint32_t container_id, host_id, size;
};

struct oci_id_maps {
    struct oci_id_map *v;
    uint32_t count;
};

enum oci_propagation {
    OCI_PROPAGATION_NONE, /* not given */
    OCI_PROPAGATION_PRIVATE,
    OCI_PROPAGATION_SLAVE,
    OCI_PROPAGATION_SHARED,
    OCI_PROPAGATION_UNBINDABLE,
};

struct oci_mount {
    const char *destination, *type, *source;
    struct boot_strings options;   /* what is left for the file system */
    uint32_t flags;                /* BOOT_MOUNT_* */
    uint32_t tree_set, tree_clear; /* BOOT_MOUNT_* of all mounts below too (rro, rnosuid) */
    bool bind, recursive;
    bool copy_up;           /* tmpcopyup: what the image has there goes into the tmpfs */
    bool idmap, idmap_tree; /* idmap, ridmap, or maps given */
    enum oci_propagation propagation;
    bool propagation_tree;
    struct oci_id_maps uid_maps, gid_maps;
};

/* ---- hooks ---- */

enum oci_hook_kind {
    OCI_HOOK_PRESTART,
    OCI_HOOK_CREATE_RUNTIME,
    OCI_HOOK_CREATE_CONTAINER,
    OCI_HOOK_START_CONTAINER,
    OCI_HOOK_POSTSTART,
    OCI_HOOK_POSTSTOP,
    OCI_HOOK_KINDS,
};

struct oci_hook {
    const char *path; /* absolute */
    struct boot_strings args, env;
    uint32_t timeout_s; /* 0: none */
};

struct oci_hooks {
    struct oci_hook *v;
    uint32_t count;
};

/* ---- linux ---- */

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
#define OCI_NS_COUNT 8

struct oci_device {
    const char *path;
    char type; /* 'b', 'c', 'p' */
    uint32_t major, minor;
    uint32_t mode; /* permission bits; 0666 if not given */
    uint32_t uid, gid;
};

/* As in the file; oci/seccomp.h makes a program of it. */
enum oci_seccomp_action {
    OCI_SECCOMP_KILL_THREAD,
    OCI_SECCOMP_KILL_PROCESS,
    OCI_SECCOMP_TRAP,
    OCI_SECCOMP_ERRNO,
    OCI_SECCOMP_TRACE,
    OCI_SECCOMP_ALLOW,
    OCI_SECCOMP_LOG,
    OCI_SECCOMP_NOTIFY,
    OCI_SECCOMP_ACTIONS,
};

enum oci_seccomp_op {
    OCI_SECCOMP_NE,
    OCI_SECCOMP_LT,
    OCI_SECCOMP_LE,
    OCI_SECCOMP_EQ,
    OCI_SECCOMP_GE,
    OCI_SECCOMP_GT,
    OCI_SECCOMP_MASKED_EQ,
    OCI_SECCOMP_OPS,
};

struct oci_seccomp_arg {
    uint32_t index; /* 0-5 */
    enum oci_seccomp_op op;
    uint64_t value, value_two; /* MASKED_EQ: arg & value == value_two */
};

struct oci_seccomp_rule {
    struct boot_strings names;
    enum oci_seccomp_action action;
    uint32_t errno_ret; /* of ERRNO and TRACE; EPERM if not given */
    struct oci_seccomp_arg *args;
    uint32_t arg_count;
};

struct oci_seccomp {
    bool given;
    enum oci_seccomp_action default_action;
    uint32_t default_errno;
    bool default_errno_given;
    uint32_t flags; /* LINUX_SECCOMP_FILTER_FLAG_* */
    struct oci_seccomp_rule *rules;
    uint32_t rule_count;
    const char *listener_path, *listener_metadata; /* NULL: not given */
};

struct oci_time_offset {
    bool given;
    int64_t sec;
    uint32_t nsec;
};

struct oci_rdt {
    bool given;
    const char *clos_id, *l3_schema, *mem_schema; /* NULL: not given */
};

struct oci_spec {
    struct json_t *doc;
    struct oci_chunk *chunks;
    const char *version;
    struct oci_process process;
    const char *root_path; /* as written; relative to the bundle */
    bool root_readonly;
    const char *hostname, *domainname; /* NULL: not given */
    struct oci_mount *mounts;
    uint32_t mount_count;
    struct oci_hooks hooks[OCI_HOOK_KINDS];
    struct oci_pair *annotations;
    uint32_t annotation_count;
    /* linux */
    uint32_t namespaces;                       /* OCI_NS_* */
    const char *namespace_paths[OCI_NS_COUNT]; /* by bit number; NULL: a new one */
    struct oci_id_maps uid_maps, gid_maps;
    struct oci_device *devices;
    uint32_t device_count;
    const char *cgroups_path; /* NULL: not given */
    struct oci_resources resources;
    enum oci_propagation root_propagation;
    bool root_propagation_tree;
    struct oci_seccomp seccomp;
    struct boot_sysctl *sysctls;
    uint32_t sysctl_count;
    struct boot_strings masked_paths, readonly_paths;
    struct oci_time_offset monotonic, boottime;
    bool personality_given;
    uint32_t personality; /* LINUX_PER_* and flags */
    struct oci_rdt rdt;
    const char *mount_label; /* NULL: not given */
    struct oci_warnings warnings;
};

/* name: what to call the file in messages. -EINVAL with err filled (OCI_ERROR_MAX), -ENOMEM. */
NODISCARD int oci_spec_parse(const char *name, const char *text, size_t len, struct oci_spec *ret,
                             char *err);
void oci_spec_done(struct oci_spec *spec);

/* A process object alone, as `exec -process` takes it. warnings may be NULL. Errors as above. */
NODISCARD int oci_process_parse(const char *name, const char *text, size_t len,
                                struct oci_process *ret, struct oci_warnings *warnings, char *err);
void oci_process_done(struct oci_process *process);

/* The value of an annotation; NULL: not there. */
const char *oci_annotation(const struct oci_spec *spec, const char *key);

/* A config.json as `runsc spec` writes it, malloc'ed. args may be empty (then "sh"). NULL: out of memory. */
char *oci_spec_default(const char *const *args, size_t arg_count, const char *cwd,
                       const char *netns);

/* Takes flags, bind and propagation words out of option words; the rest stays in order. out has room for all. */
void oci_mount_options(struct oci_mount *m, const struct boot_strings *in, const char **out);

/* "rw" -> OCI_DEVICE_*; 0: not such a word. */
uint32_t oci_device_access(const char *access);

/* "CAP_CHOWN" -> bit number; -EINVAL. */
NODISCARD int oci_capability(const char *name);

/* The words that are understood, for `runsc features`. */
enum oci_vocabulary {
    OCI_WORDS_HOOKS,
    OCI_WORDS_NAMESPACES,
    OCI_WORDS_MOUNT_OPTIONS,
    OCI_WORDS_CAPABILITIES, /* without CAP_ */
    OCI_WORDS_SECCOMP_ACTIONS,
    OCI_WORDS_SECCOMP_OPS,
    OCI_WORDS_SECCOMP_ARCHS,
    OCI_WORDS_SECCOMP_FLAGS,
    OCI_VOCABULARIES,
};
/* The n-th word; NULL after the last. */
const char *oci_word(enum oci_vocabulary which, size_t n);
