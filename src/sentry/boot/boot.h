/* sentry/boot/boot.h - how the sentry process starts and what it is told.
 *
 * What     runsc hands the sentry one sealed memfd (wire/boot_blob.h) and numbered descriptors. boot_start() gives up all
 *          privileges, reads both into struct boot_config and calls sentry_main(), which is the kernel's.
 * Order    boot_start: namespaces are fresh, root empty, capabilities and bounding set gone, no_new_privs, own session,
 *          parent-death signal. Then sentry_main: arena, zygote, threads; then boot_confine() - the filter of
 *          host/calls.def - before the first instruction of the application; then boot_report_*() ends the sandbox.
 * Trust    config comes from runsc (trusted); it was parsed from files that are not. All strings are bounded and NUL-
 *          terminated, all counts are checked, paths are absolute and free of "." and "..".
 * Owner    struct boot_config and what it points to live as long as the process; read-only.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define BOOT_ARGS_MAX 65536    /* argv and envp each */
#define BOOT_GROUPS_MAX 65536
#define BOOT_MOUNTS_MAX 256
#define BOOT_OPTIONS_MAX 64    /* per mount */
#define BOOT_RLIMITS 16
#define BOOT_GOFER_DIRS_MAX 64
#define BOOT_PATH_MAX 4096
#define BOOT_SYSCTLS_MAX 256

enum boot_network { BOOT_NETWORK_NONE, BOOT_NETWORK_HOST };

/* What lies over a gofer mount. MEMORY: copy-on-write into an in-memory upper layer; NONE: the host's files are written. */
enum boot_overlay { BOOT_OVERLAY_NONE, BOOT_OVERLAY_MEMORY };

enum boot_mount_flag {
    BOOT_MOUNT_RDONLY = 1u << 0,
    BOOT_MOUNT_NOSUID = 1u << 1,
    BOOT_MOUNT_NODEV = 1u << 2,
    BOOT_MOUNT_NOEXEC = 1u << 3,
    BOOT_MOUNT_NOATIME = 1u << 4,
    BOOT_MOUNT_NODIRATIME = 1u << 5,
    BOOT_MOUNT_RELATIME = 1u << 6,
};

struct boot_strings {
    const char *const *v; /* count strings, then a NULL */
    uint32_t count;
};

struct boot_mount {
    const char *destination;     /* in the container, clean; "/" for the root, which is mounts[0] */
    const char *type;            /* "bind" (a gofer directory or file), "proc", "sysfs", "tmpfs", "devtmpfs", "devpts", "mqueue", "cgroup" */
    const char *source;          /* as written; for /proc/mounts */
    struct boot_strings options; /* file system options left after flags were taken out ("mode=755", "size=64m") */
    uint32_t flags;              /* BOOT_MOUNT_* */
    int32_t gofer_index;         /* into gofer_dirs, also the mount number in gofer messages; -1 if not a gofer mount */
    enum boot_overlay overlay;
};

struct boot_rlimit {
    bool set;
    uint64_t soft, hard; /* UINT64_MAX: unlimited */
};

struct boot_caps {
    uint64_t effective, permitted, inheritable, bounding, ambient; /* bit n: capability n */
};

struct boot_sysctl {
    const char *key, *value; /* "kernel.shmmax" */
};

/* Descriptor -1: not given. Everything else that runsc had open is closed. */
struct boot_config {
    /* The first process. */
    struct boot_strings argv; /* count >= 1 */
    struct boot_strings envp;
    const char *cwd;          /* absolute */
    uint32_t uid, gid;
    const uint32_t *groups;   /* supplementary */
    uint32_t group_count;
    struct boot_caps caps;
    struct boot_rlimit rlimits[BOOT_RLIMITS]; /* by RLIMIT_* number */
    bool no_new_privs;
    bool terminal;            /* process.terminal: stdio is the container's console */
    int32_t umask;            /* -1: 0022 */
    int32_t oom_score_adj;

    /* The container. */
    const char *container_id;
    const char *hostname, *domainname; /* never empty */
    bool root_readonly;
    struct boot_mount *mounts; /* [0] is the root */
    uint32_t mount_count;
    struct boot_sysctl *sysctls;
    uint32_t sysctl_count;
    struct boot_strings masked_paths, readonly_paths;

    /* The sandbox. */
    enum boot_network network;
    enum boot_overlay overlay_root;   /* as --overlay2 says; already applied in mounts[].overlay */
    bool fs_write;                    /* some gofer mount is written directly: boot_confine() allows the calls for it */
    bool debug, strace;
    uint32_t strace_log_size_bytes;
    uint32_t ncpus;                   /* what programs see */
    uint64_t mem_total_bytes;         /* what programs see */
    bool host_uid_identity;           /* uids in host files are the container's (runsc was root) */

    /* Host descriptors. */
    int stdio_fd[3];      /* donated: file, pipe, terminal, socket, anything; -1 if runsc's was closed */
    int control_fd;       /* seqpacket to runsc (wire/control.h) */
    int gofer_fd;         /* seqpacket to the gofer (wire/gofer.h); EOF or error: the gofer died, the sentry must end */
    int log_fd;           /* --log, O_APPEND; JSON objects for fatal errors */
    int debug_log_fd;     /* --debug-log or stderr when --debug; LOGD goes here */
    int gofer_dir_fd[BOOT_GOFER_DIRS_MAX]; /* O_PATH, received from the gofer; [mounts[i].gofer_index] */
    uint32_t gofer_dir_count;
};

/* The kernel: written in sentry/boot/main.c. Returns an exit status for the process only if it could not start (after
 * boot_report_error()); otherwise it ends by boot_exit(). */
int sentry_main(const struct boot_config *cfg);

/* `runsc boot`: never returns. Descriptors are at the numbers of wire/boot_blob.h. */
_Noreturn void boot_start(void);

/* Installs the sentry's filter on all threads. Once; start phase ends here. -errno of seccomp(2). */
NODISCARD int boot_confine(const struct boot_config *cfg);

/* One of these ends the sandbox: tells runsc how the first process ended and never returns (exit_group: the pid namespace
 * and with it every stub goes). */
_Noreturn void boot_exit(const struct boot_config *cfg, int code);          /* exit status 0..255 */
_Noreturn void boot_killed(const struct boot_config *cfg, int signo);       /* killed by a signal: runsc exits 128+signo */
/* The sandbox failed or could not start: one line for the user; runsc exits 128. */
_Noreturn void boot_fail(const struct boot_config *cfg, const char *fmt, ...) PRINTF(2, 3);

/* Reads one message from control_fd, which is readable. Returns the signal that runsc forwards, 0 if there was nothing to
 * do, -EPIPE if runsc is gone (the sentry must end), -EAGAIN if nothing is there. Never blocks. */
NODISCARD int boot_control_read(const struct boot_config *cfg);
