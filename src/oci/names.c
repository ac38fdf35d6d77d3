/* The words of config.json that stand for numbers. */
#include <errno.h>
#include <string.h>

#include "oci/spec.h"
#include "oci/spec_priv.h"

static const char *const capability_names[] = {
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
};

int oci_capability(const char *name)
{
    if (strncmp(name, "CAP_", 4) != 0)
        return -EINVAL;
    for (size_t i = 0; i < ARRAY_SIZE(capability_names); i++)
        if (strcmp(name + 4, capability_names[i]) == 0)
            return (int)i;
    return -EINVAL;
}

static const char *const rlimit_names[BOOT_RLIMITS] = {
    "CPU",     "FSIZE", "DATA",  "STACK",      "CORE",     "RSS",  "NPROC",  "NOFILE",
    "MEMLOCK", "AS",    "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
};

int oci_rlimit(const char *name)
{
    if (strncmp(name, "RLIMIT_", 7) != 0)
        return -EINVAL;
    for (size_t i = 0; i < ARRAY_SIZE(rlimit_names); i++)
        if (strcmp(name + 7, rlimit_names[i]) == 0)
            return (int)i;
    return -EINVAL;
}

static const char *const namespace_names[OCI_NS_COUNT] = {"pid", "network", "mount",  "ipc",
                                                          "uts", "user",    "cgroup", "time"};

uint32_t oci_namespace(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(namespace_names); i++)
        if (strcmp(name, namespace_names[i]) == 0)
            return 1u << i;
    return 0;
}

static const char *const hook_names[OCI_HOOK_KINDS] = {
    "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
};

static const char *const seccomp_actions[] = {
    "SCMP_ACT_ALLOW",       "SCMP_ACT_ERRNO", "SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",   "SCMP_ACT_TRACE", "SCMP_ACT_TRAP",
};

/* By enum oci_seccomp_op. */
static const char *const seccomp_ops[OCI_SECCOMP_OPS] = {
    "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",        "SCMP_CMP_EQ",
    "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
};

static const char *const seccomp_archs[] = {"SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_X86_64"};

/* By bit of LINUX_SECCOMP_FILTER_FLAG_*. */
static const char *const seccomp_flags[] = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                                            "SECCOMP_FILTER_FLAG_SPEC_ALLOW"};

const char *oci_word(enum oci_vocabulary which, size_t n)
{
    static const struct {
        const char *const *words;
        size_t count;
    } lists[OCI_VOCABULARIES] = {
        [OCI_WORDS_HOOKS] = {hook_names, ARRAY_SIZE(hook_names)},
        [OCI_WORDS_NAMESPACES] = {namespace_names, ARRAY_SIZE(namespace_names)},
        [OCI_WORDS_CAPABILITIES] = {capability_names, ARRAY_SIZE(capability_names)},
        [OCI_WORDS_SECCOMP_ACTIONS] = {seccomp_actions, ARRAY_SIZE(seccomp_actions)},
        [OCI_WORDS_SECCOMP_OPS] = {seccomp_ops, ARRAY_SIZE(seccomp_ops)},
        [OCI_WORDS_SECCOMP_ARCHS] = {seccomp_archs, ARRAY_SIZE(seccomp_archs)},
        [OCI_WORDS_SECCOMP_FLAGS] = {seccomp_flags, ARRAY_SIZE(seccomp_flags)},
    };
    if (which == OCI_WORDS_MOUNT_OPTIONS)
        return mount_word(n);
    return n < lists[which].count ? lists[which].words[n] : NULL;
}
