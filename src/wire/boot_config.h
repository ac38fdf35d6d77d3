/* wire/boot_config.h - what runsc tells the sentry: the structure, and its byte form in a sealed memfd.
 *
 * Trust    it comes from runsc (trusted); it was parsed from files that are not. The reader still checks every bound, so that a
 *          mistake is an error and not a crash. Strings are NUL-terminated, paths absolute and free of "." and "..".
 * Context  pure. The reader allocates nothing: arrays go to the caller's scratch memory, strings stay in the blob.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define BOOT_ARGS_MAX       65536 /* argv and envp each */
#define BOOT_GROUPS_MAX     65536
#define BOOT_MOUNTS_MAX     256
#define BOOT_OPTIONS_MAX    64 /* per mount */
#define BOOT_RLIMITS        16
#define BOOT_GOFER_DIRS_MAX 64
#define BOOT_PATH_MAX       4096
#define BOOT_SYSCTLS_MAX    256
#define BOOT_STORES_MAX     16
#define BOOT_PASS_FDS_MAX   56
#define BOOT_DEVICES_MAX    4096
#define BOOT_FILTER_MAX     4096 /* instructions */
#define BOOT_USER_MAX       511
#define BOOT_LABEL_MAX      4096

enum boot_platform { BOOT_PLATFORM_BEST, BOOT_PLATFORM_SYSTRAP, BOOT_PLATFORM_PTRACE };
enum boot_network { BOOT_NETWORK_NONE, BOOT_NETWORK_HOST };

/* What lies over a gofer mount. MEMORY: copy-on-write into an upper layer whose names are in memory; NONE: the host's files are
 * written. */
enum boot_overlay { BOOT_OVERLAY_NONE, BOOT_OVERLAY_MEMORY };

enum boot_mount_flag {
    BOOT_MOUNT_RDONLY = 1u << 0,
    BOOT_MOUNT_NOSUID = 1u << 1,
    BOOT_MOUNT_NODEV = 1u << 2,
    BOOT_MOUNT_NOEXEC = 1u << 3,
    BOOT_MOUNT_NOATIME = 1u << 4,
    BOOT_MOUNT_NODIRATIME = 1u << 5,
    BOOT_MOUNT_RELATIME = 1u << 6,
    BOOT_MOUNT_STRICTATIME = 1u << 7,
    BOOT_MOUNT_SYNC = 1u << 8,
    BOOT_MOUNT_DIRSYNC = 1u << 9,
    BOOT_MOUNT_MAND = 1u << 10,
    BOOT_MOUNT_NOSYMFOLLOW = 1u << 11,
    BOOT_MOUNT_LAZYTIME = 1u << 12,
    BOOT_MOUNT_IVERSION = 1u << 13,
    BOOT_MOUNT_SILENT = 1u << 14,
    /* Propagation, set when all is mounted; at most one, with TREE for what is mounted below too. */
    BOOT_MOUNT_PRIVATE = 1u << 16,
    BOOT_MOUNT_SLAVE = 1u << 17,
    BOOT_MOUNT_SHARED = 1u << 18,
    BOOT_MOUNT_UNBINDABLE = 1u << 19,
    BOOT_MOUNT_TREE = 1u << 20,
    BOOT_MOUNT_COPY_UP = 1u << 21, /* a tmpfs starts with what is there in the image */
    BOOT_MOUNT_POD = 1u << 22,     /* a tmpfs that all containers with this source share */
};

struct boot_strings {
    const char *const *v; /* count strings, then a NULL */
    uint32_t count;
};

struct boot_mount {
    const char *destination; /* in the container, clean; "/" for the root, which is mounts[0] */
    const char *
        type; /* "bind" (a gofer directory or file), "proc", "sysfs", "tmpfs", "devtmpfs", "devpts", "mqueue", "cgroup" */
    const char *source; /* as written; for /proc/mounts */
    struct boot_strings
        options; /* file system options left after flags were taken out ("mode=755", "size=64m") */
    uint32_t flags; /* BOOT_MOUNT_* */
    int32_t
        gofer_index; /* into gofer_dirs, also the mount number in gofer messages; -1 if not a gofer mount */
    enum boot_overlay overlay;
    uint64_t overlay_size_bytes; /* of data in the overlay; 0: no limit of its own */
    int32_t
        store; /* where the overlay keeps data: gofer mount gofer_dir_count + store; -1: in memory */
    bool is_file; /* a gofer mount of a single file */
    bool shared;  /* --file-access: others change it too */
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

/* A node that the container is to have. */
struct boot_device {
    const char *path;
    uint32_t mode; /* with LINUX_S_IFCHR, LINUX_S_IFBLK or LINUX_S_IFIFO */
    uint32_t major, minor;
    uint32_t uid, gid;
};

/* How the first process is scheduled, as it sees it. */
#define BOOT_CPUS_MAX 256
struct boot_sched {
    uint32_t policy, priority; /* LINUX_SCHED_* */
    int32_t nice;
    bool reset_on_fork;
    uint32_t ioprio; /* LINUX_IOPRIO_PRIO(); 0: not given */
    uint32_t personality;
    uint64_t
        cpus[BOOT_CPUS_MAX / 64]; /* where it may run, as far as there are such; none: anywhere */
};

/* What the container's control group permits, as programs see it. 0: no limit. */
struct boot_limits {
    uint64_t memory_bytes;
    uint64_t swap_bytes; /* memory and swap together */
    uint64_t reservation_bytes;
    uint64_t pids;
    uint64_t cpu_quota_us, cpu_period_us; /* quota in each period */
    uint64_t cpu_shares;                  /* version 1's number; 0: 1024 */
    bool cgroup_v2; /* a mount of type "cgroup" has the files of version 2, as on the host */
};

/* Descriptor -1: not given. Everything else that runsc had open is closed. */
struct boot_config {
    /* The first process. */
    struct boot_strings argv; /* count >= 1 */
    struct boot_strings envp;
    const char *cwd; /* absolute */
    uint32_t uid, gid;
    const uint32_t *groups; /* supplementary */
    uint32_t group_count;
    struct boot_caps caps;
    struct boot_rlimit rlimits[BOOT_RLIMITS]; /* by RLIMIT_* number */
    bool no_new_privs;
    bool terminal; /* process.terminal: stdio is the container's console */
    int32_t umask; /* -1: 0022 */
    int32_t oom_score_adj;
    struct boot_sched sched;
    const char
        *user; /* "NAME[:GROUP]", numbers too, found in the container's files; "": uid and gid */
    bool home; /* HOME comes from /etc/passwd if envp has none */
    /* Passed descriptors: their numbers inside. They come over the control socket. */
    const uint32_t *pass_fds;
    uint32_t pass_fd_count;
    bool exec_fd; /* one more follows: the program; argv[0] is its name only */

    /* The container. */
    const char *container_id;
    const char *hostname, *domainname; /* never empty */
    bool root_readonly;
    struct boot_mount *mounts; /* [0] is the root */
    uint32_t mount_count;
    struct boot_sysctl *sysctls;
    uint32_t sysctl_count;
    struct boot_strings masked_paths, readonly_paths;
    struct boot_device *devices;
    uint32_t device_count;
    const char *apparmor, *selinux; /* labels of our host processes; "", NULL: none */
    const void *filter;  /* struct linux_sock_filter: what all its processes' calls pass */
    uint32_t filter_len; /* instructions; 0: none */

    /* The sandbox. */
    enum boot_platform platform;
    enum boot_network network;
    enum boot_overlay overlay_root; /* as --overlay2 says; already applied in mounts[].overlay */
    bool
        directfs; /* the sentry walks by itself; else it has no directories, and every operation is a message */
    bool
        fs_write; /* some gofer mount is written directly: boot_confine() allows the calls for it */
    uint32_t gofer_access; /* GOFER_ACCESS_* of wire/gofer.h: --host-uds, --host-fifo */
    bool debug, strace;
    const char *strace_calls; /* only these, separated by commas; "", NULL: all */
    uint32_t strace_log_size_bytes;
    uint32_t ncpus;            /* what programs see */
    uint64_t mem_total_bytes;  /* what programs see */
    struct boot_limits limits; /* what programs see */
    bool host_uid_identity;    /* uids in host files are the container's (runsc was root) */
    bool detached;             /* it goes on when runsc has said so and is gone */
    bool wait_start;           /* the program is loaded by CALL_START */

    /* Host descriptors. */
    int stdio_fd[3]; /* donated: file, pipe, terminal, socket, anything; -1 if runsc's was closed */
    int control_fd;  /* seqpacket to runsc (wire/control.h) */
    int listen_fd;   /* listening seqpacket: requests (wire/control_call.h); -1: none */
    int gofer_fd; /* seqpacket to the gofer (wire/gofer.h); EOF or error: the gofer died, the sentry must end */
    int log_fd;                         /* --log, O_APPEND; JSON objects for fatal errors */
    int pass_fd[BOOT_PASS_FDS_MAX + 1]; /* in the order of pass_fds, then the program's */
    int proc_fd;      /* the sentry's own, not handed over: a procfs of its stubs, or -errno */
    int debug_log_fd; /* --debug-log or stderr when --debug; LOGD goes here */
    int user_log_fd;  /* -user-log: what the user of the container should know */
    int gofer_dir_fd
        [BOOT_GOFER_DIRS_MAX]; /* O_PATH, received from the gofer; [mounts[i].gofer_index] */
    uint32_t gofer_dir_count;
    uint32_t
        store_count; /* further mounts of the gofer, for nothing but files without a name; the sentry gets no descriptor */
};

/* Numbers of the descriptors that the sentry starts with; 0-2 are /dev/null (2: the debug log if there is one). */
enum boot_fd {
    BOOT_FD_STDIO = 3, /* 3, 4, 5 */
    BOOT_FD_CONTROL = 6,
    BOOT_FD_GOFER = 7,
    BOOT_FD_CONFIG = 8,
    BOOT_FD_LOG = 9,
    BOOT_FD_DEBUG_LOG = 10,
    BOOT_FD_LISTEN = 11,
    BOOT_FD_USER_LOG = 12,
    BOOT_FD_END = 13, /* first that must be closed */
    BOOT_FD_PROC =
        13, /* the sentry's own procfs, which it opens itself: its filter knows the number */
};

#define BOOT_BLOB_MAX ((size_t)32 * 1024 * 1024)

/* Appends nothing beyond cap; *ret_len is the length needed even if it is more. -ENOSPC too small. Descriptors are not
 * written but for their presence (>= 0). */
NODISCARD int boot_config_write(const struct boot_config *cfg, void *buf, size_t cap,
                                size_t *ret_len);

/* The first process's part alone: what CALL_EXEC runs. */
NODISCARD int boot_process_write(const struct boot_config *cfg, void *buf, size_t cap,
                                 size_t *ret_len);
NODISCARD int boot_process_read(const void *blob, size_t len, void *scratch, size_t scratch_len,
                                struct boot_config *ret);

/* Scratch that is always enough for a blob of len bytes; aligned to 16. */
size_t boot_config_scratch(size_t len);

/* Sets *ret, descriptors to the numbers above or -1. blob must outlive it. -EINVAL: not such a blob; -ENOSPC scratch. */
NODISCARD int boot_config_read(const void *blob, size_t len, void *scratch, size_t scratch_len,
                               struct boot_config *ret);
