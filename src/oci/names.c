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

uint32_t oci_namespace(const char *name)
{
    static const char *const names[] = {"pid", "network", "mount",  "ipc",
                                        "uts", "user",    "cgroup", "time"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(name, names[i]) == 0)
            return 1u << i;
    return 0;
}

struct mount_word {
    const char *word;
    uint32_t set, clear;
};

static const struct mount_word mount_words[] = {
    {"ro", BOOT_MOUNT_RDONLY, 0},
    {"rw", 0, BOOT_MOUNT_RDONLY},
    {"nosuid", BOOT_MOUNT_NOSUID, 0},
    {"suid", 0, BOOT_MOUNT_NOSUID},
    {"nodev", BOOT_MOUNT_NODEV, 0},
    {"dev", 0, BOOT_MOUNT_NODEV},
    {"noexec", BOOT_MOUNT_NOEXEC, 0},
    {"exec", 0, BOOT_MOUNT_NOEXEC},
    {"noatime", BOOT_MOUNT_NOATIME, 0},
    {"atime", 0, BOOT_MOUNT_NOATIME},
    {"nodiratime", BOOT_MOUNT_NODIRATIME, 0},
    {"diratime", 0, BOOT_MOUNT_NODIRATIME},
    {"relatime", BOOT_MOUNT_RELATIME, 0},
    {"norelatime", 0, BOOT_MOUNT_RELATIME},
    {"strictatime", 0, BOOT_MOUNT_RELATIME | BOOT_MOUNT_NOATIME},
    /* Nothing to do: mounts of the sandbox are private, and these change nothing else in it. */
    {"defaults", 0, 0},
    {"async", 0, 0},
    {"private", 0, 0},
    {"rprivate", 0, 0},
    {"slave", 0, 0},
    {"rslave", 0, 0},
    {"shared", 0, 0},
    {"rshared", 0, 0},
    {"unbindable", 0, 0},
    {"runbindable", 0, 0},
};

static bool mount_word_apply(struct oci_mount *m, const char *word)
{
    if (strcmp(word, "bind") == 0 || strcmp(word, "rbind") == 0) {
        m->bind = true;
        m->recursive = word[0] == 'r';
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(mount_words); i++)
        if (strcmp(word, mount_words[i].word) == 0) {
            m->flags = (m->flags & ~mount_words[i].clear) | mount_words[i].set;
            return true;
        }
    return false;
}

void oci_mount_options(struct oci_mount *m, const struct boot_strings *in, const char **out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < in->count; i++)
        if (!mount_word_apply(m, in->v[i]))
            out[n++] = in->v[i];
    out[n] = NULL;
    m->options = (struct boot_strings){.v = out, .count = n};
}
