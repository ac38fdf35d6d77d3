/* runsc/cgroup/cgroup.h - the container's control groups on the host: version 1, version 2, both at once; by files or by systemd.
 *
 * Use      create:  cgroup_open(), cgroup_create() with the sentry's process, which still waits for CONTROL_GO; cgroup_join() for
 *          the gofer; cgroup_save() into the state file.
 *          later:   cgroup_load() from the state file, then stats, freeze, update, events or delete.
 * Owner    a struct cgroup is the caller's, ended by cgroup_free(); this leaves the groups of the host alone.
 * Trust    the host's files and the paths in the state directory are trusted; config.json's path is kept below the hierarchies.
 * Context  runsc and the shim; may block for as long as processes take to die or to freeze, with a bound.
 * Errors   -errno with a line in err (CGROUP_ERROR_MAX), which names the file and the value.
 * Spec     runtime-spec 1.2.1 config-linux.md "Control groups"; Linux Documentation/admin-guide/cgroup-v1/, cgroup-v2.rst;
 *          systemd's org.freedesktop.systemd1(5) for the other driver. Conversions and refusals are runc's.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

#define CGROUP_ERROR_MAX 512
#define CGROUP_CPUS_MAX  1024
#define CGROUP_DISKS_MAX 64
#define CGROUP_PAGES_MAX 8 /* sizes of huge pages */

struct cgroup;
struct oci_resources; /* oci/resources.h */
struct json_t;
struct boot_config; /* wire/boot_config.h */

struct cgroup_request {
    const char *root; /* where the hierarchies are mounted; NULL: /sys/fs/cgroup */
    const char *self; /* says which groups runsc is in; NULL: /proc/self/cgroup */
    const char *bus;  /* the socket of systemd; NULL: its own, or the user's if rootless */
    const char *path; /* linux.cgroupsPath; NULL or "": as systemd or the id says */
    const char *id;   /* of the container */
    bool systemd;     /* --systemd-cgroup: path is slice:prefix:name */
    bool rootless;    /* what is not permitted is left out */
};

/* Finds the hierarchies and names the groups; makes nothing. -EINVAL a path that is none; -ENOENT no hierarchy is mounted. */
NODISCARD int cgroup_open(const struct cgroup_request *rq, struct cgroup **ret, char *err);
/* NULL is nothing. Always NULL. */
struct cgroup *cgroup_free(struct cgroup *cg);

/* What programs will see: memory, number of CPUs (at most what cfg->ncpus is; from the quota too if asked for, but then not
 * below 2) and limits of cfg are set. Before the sandbox starts; makes nothing. Errors of cgroup_open(): cfg is unchanged. */
NODISCARD int cgroup_inside(const struct cgroup_request *rq, const struct oci_resources *res,
                            bool cpus_from_quota, struct boot_config *cfg, char *err);

/* The same, of groups that there are, as the text of CALL_LIMITS. */
void cgroup_limits_text(const struct cgroup *cg, const struct oci_resources *res, char *buf,
                        size_t size);

/* Makes the groups, moves pid into them and sets the limits; on an error nothing is left. res may be NULL: no limits.
 * -EBUSY: processes live in a group of that name; -EACCES, -EPERM, -EROFS not permitted (rootless: 0 then, and
 * cgroup_warning() says so, cgroup_exists() is false). Others: of a limit, as the kernel says. */
NODISCARD int cgroup_create(struct cgroup *cg, const struct oci_resources *res, pid_t pid,
                            char *err);
/* Moves one more process (all its threads) in. */
NODISCARD int cgroup_join(struct cgroup *cg, pid_t pid, char *err);
/* False: every other function does nothing and succeeds, or says -ENOENT where there would be an answer. */
bool cgroup_exists(const struct cgroup *cg);
/* What was left out, one line; "" if nothing was. */
const char *cgroup_warning(const struct cgroup *cg);

/* Sets those limits that res gives; the others stay. */
NODISCARD int cgroup_update(struct cgroup *cg, const struct oci_resources *res, char *err);

/* Stops or continues all processes in the groups; returns when they are. -ETIMEDOUT: some would not stop; all go on. */
NODISCARD int cgroup_freeze(struct cgroup *cg, bool frozen, char *err);

/* SIGKILL to all that live in the groups and below, waits for their end, removes the groups. 0 also if there are none.
 * -EBUSY: something does not die within 10 s. */
NODISCARD int cgroup_delete(struct cgroup *cg, char *err);
/* The processes in the groups and below: the number of them, at most max are set. */
NODISCARD ssize_t cgroup_processes(const struct cgroup *cg, pid_t *ret, size_t max);

/* A new object for the state file, NULL: out of memory; and back. -EINVAL: not what cgroup_save() wrote. */
struct json_t *cgroup_save(const struct cgroup *cg);
/* Between open and create: what the state file says so that groups are found although their maker was killed. NULL as above, and if
 * one of that name exists: it is somebody else's. */
struct json_t *cgroup_save_ahead(const struct cgroup *cg);
NODISCARD int cgroup_load(const struct json_t *saved, struct cgroup **ret);

/* The directory of the group of a controller ("memory", "cpu"; version 2: one for all), NULL if there is none. For hooks
 * and annotations; lives as long as cg. */
const char *cgroup_dir(const struct cgroup *cg, const char *controller);
/* True: one hierarchy of version 2 has the limits. */
bool cgroup_unified(const struct cgroup *cg);

/* ---- what was used ---- */

struct cgroup_memory {
    uint64_t usage, max_usage, limit; /* bytes; limit UINT64_MAX: none */
    uint64_t failcnt;                 /* version 2: "max" events */
};

struct cgroup_disk {
    uint32_t major, minor;
    uint64_t read_bytes, write_bytes, reads, writes;
};

struct cgroup_hugetlb {
    char page_size[16]; /* "2MB" */
    uint64_t usage, max_usage, failcnt;
};

struct cgroup_stats {
    uint64_t cpu_total_ns, cpu_user_ns, cpu_system_ns;
    uint64_t cpu_ns[CGROUP_CPUS_MAX]; /* version 1 only */
    uint32_t cpus;
    uint64_t periods, throttled_periods, throttled_ns;
    struct cgroup_memory memory, swap, kernel, kernel_tcp; /* swap: memory and swap */
    uint64_t cache, rss, mapped_file, inactive_file;       /* bytes */
    uint64_t pgfault, pgmajfault;
    uint64_t oom_kills;
    uint64_t pids, pids_limit; /* limit UINT64_MAX: none */
    struct cgroup_disk disks[CGROUP_DISKS_MAX];
    uint32_t disk_count;
    struct cgroup_hugetlb hugetlb[CGROUP_PAGES_MAX];
    uint32_t hugetlb_count;
};

/* What a missing controller would count is 0. -ENOENT: no groups. */
NODISCARD int cgroup_stats_read(const struct cgroup *cg, struct cgroup_stats *ret);

/* ---- out of memory ---- */

/* An fd that is readable when the memory limit has made the host kill a process: an eventfd (version 1), an inotify
 * (version 2). -ENOENT: no memory controller. The caller closes it. */
NODISCARD int cgroup_oom_open(const struct cgroup *cg);
/* Empties the fd. How many processes have been killed since the groups were made; ret_gone: the groups are gone. */
NODISCARD int cgroup_oom_read(const struct cgroup *cg, int fd, uint64_t *ret_kills, bool *ret_gone);
