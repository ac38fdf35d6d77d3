/* runsc/cgroup/cgroup_priv.h - shared by the files of the cgroup code: what a struct cgroup is, and its files. */
#pragma once
#include "oci/resources.h"
#include "runsc/cgroup/cgroup.h"

enum controller {
    CTL_MEMORY,
    CTL_CPU,
    CTL_CPUACCT,
    CTL_CPUSET,
    CTL_PIDS,
    CTL_BLKIO, /* version 2: io */
    CTL_HUGETLB,
    CTL_DEVICES,
    CTL_FREEZER,
    CTL_NET_CLS,
    CTL_NET_PRIO,
    CTL_RDMA,
    CTL_MISC,
    CTL_PERF_EVENT,
    CTL_SYSTEMD, /* the named hierarchy of version 1 */
    CTL_UNIFIED, /* version 2, alone or beside version 1 */
    CTL_COUNT
};

/* I1  dir NULL: the controller is not to be had. Several controllers may have one directory.
 * I2  v2: dir is in the unified hierarchy, and the controller's files are those of version 2. */
struct cgroup_ctl {
    char *mount; /* the top of its hierarchy */
    char *dir;   /* of the container's group */
    bool v2;
};

struct cgroup {
    struct cgroup_ctl ctl[CTL_COUNT];
    char *root;
    char *unit, *slice,
        *bus; /* systemd: the scope, the slice that holds it, the socket of the bus; NULL: by files */
    bool unified; /* version 2 alone */
    bool rootless, exists;
    uint64_t *oom_kills; /* that have been told of (oom.c) */
    char warning[256];
};

/* Zeroed. NULL: out of memory. */
struct cgroup *cgroup_new(void);

extern const char *const controller_names[CTL_COUNT];

#define DIR_MAX_DEPTH 32

void cgroup_error(char *err, const char *fmt, ...) PRINTF(2, 3);
void cgroup_warn(struct cgroup *cg, const char *fmt, ...) PRINTF(2, 3);
/* malloc'ed; NULL: out of memory */
char *str_format(const char *fmt, ...) PRINTF(1, 2);

/* ---- files of a group (file.c); -errno ---- */

/* dir/file, not through a link. */
NODISCARD int file_open(const char *dir, const char *file, int flags);
/* One write(2) of value to dir/file. */
NODISCARD int file_set(const char *dir, const char *file, const char *value);
/* At most cap - 1 bytes; the length. */
NODISCARD ssize_t file_get(const char *dir, const char *file, char *buf, size_t cap);
/* A number at the start of a file; "max" is UINT64_MAX. -EINVAL neither. */
NODISCARD int file_number(const char *dir, const char *file, uint64_t *ret);
/* The number after `key` and a space at the start of a line of text; otherwise none. */
uint64_t text_number(const char *text, const char *key, uint64_t none);
bool file_exists(const char *dir, const char *file);
/* A decimal number at *text, which then stands behind it. False: there is none. */
bool text_u32(const char **text, uint32_t *ret);
/* The word is one of a list separated by sep. */
bool word_in(const char *list, const char *word, char sep);

/* ctl_set(): the file of a controller of the container's group, with the error said. */
NODISCARD int ctl_set(struct cgroup *cg, enum controller c, const char *file, const char *value,
                      char *err);
NODISCARD int ctl_set_int(struct cgroup *cg, enum controller c, const char *file, int64_t value,
                          char *err);
/* The line for a write that failed with r. */
void ctl_error(const struct cgroup *cg, enum controller c, const char *file, const char *value,
               int r, char *err);

/* ---- limits ---- */

/* What must be there before a process is in: cpuset, real time. */
NODISCARD int v1_prepare(struct cgroup *cg, const struct oci_resources *res, char *err);
NODISCARD int limits_set(struct cgroup *cg, const struct oci_resources *res, char *err);
NODISCARD int v1_memory(struct cgroup *cg, const struct oci_memory *m, char *err);
NODISCARD int v1_cpu(struct cgroup *cg, const struct oci_cpu *c, char *err);
NODISCARD int v1_blkio(struct cgroup *cg, const struct oci_blkio *b, char *err);
NODISCARD int v1_devices(struct cgroup *cg, const struct oci_resources *res, char *err);
NODISCARD int v1_network(struct cgroup *cg, const struct oci_resources *res, char *err);
NODISCARD int v2_memory(struct cgroup *cg, const struct oci_memory *m, char *err);
NODISCARD int v2_cpu(struct cgroup *cg, const struct oci_cpu *c, char *err);
NODISCARD int v2_blkio(struct cgroup *cg, const struct oci_blkio *b, char *err);
NODISCARD int v2_devices(struct cgroup *cg, const struct oci_resources *res, char *err);
NODISCARD int v2_unified(struct cgroup *cg, const struct oci_resources *res, char *err);

/* What the host's group gets for a limit of tasks. */
int64_t pids_on_host(int64_t pids);

/* Controllers of the parent handed down to the group's directory. */
NODISCARD int v2_enable(const struct cgroup *cg, const char *dir);

/* version 1's numbers for version 2 */
uint64_t shares_to_weight(uint64_t shares);   /* 2..262144 -> 1..10000 */
uint64_t blkio_to_io_weight(uint64_t weight); /* 10..1000 -> 1..10000 */
/* memory and swap together -> swap alone, -1 unlimited, OCI_UNSET nothing to set. -EINVAL as runc refuses. */
NODISCARD int swap_to_v2(int64_t memory, int64_t memory_and_swap, int64_t *ret);

/* No controller before this one has the same directory. */
bool dir_is_first(const struct cgroup *cg, enum controller c);

/* What every container may use, after the rules of the configuration: devices of memory and of terminals. */
extern const struct oci_device_rule devices_default[];
extern const uint32_t devices_default_count;
