/* shim/metrics.h - what a container has used, read from the host's cgroup files without starting a process.
 *
 * Owner    struct metrics owns its paths.
 * Spec     Linux Documentation/admin-guide/cgroup-v1/ and cgroup-v2.rst; the messages of github.com/containerd/cgroups. What a file
 *          does not say is left out.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "shim/pb.h"

enum metrics_group {
    METRICS_CPUACCT,
    METRICS_CPU,
    METRICS_MEMORY,
    METRICS_PIDS,
    METRICS_BLKIO,
    METRICS_HUGETLB,
    METRICS_GROUPS
};

struct metrics {
    bool v2;
    char *path[METRICS_GROUPS]; /* directories; NULL: no such controller. v2: the first alone */
};

/* The groups that pid is in now. -ENODATA: in ours, none was made for it. -ENOMEM, -errno of reading. */
NODISCARD int metrics_open(struct metrics *m, pid_t pid);
void metrics_done(struct metrics *m);

/* What the sandbox has counted for one of several containers in it: the group of such a one has the limits, but its processes are in
 * the sandbox's. */
struct metrics_inside {
    uint64_t cpu_user_ns, cpu_system_ns, memory, memory_max, cache, pids, oom_kills;
};

/* A packed io.containerd.cgroups.v1.Metrics or v2.Metrics; any->value.data is the caller's to free. inside may be NULL. -ENODATA no
 * groups, or they are gone; -ENOMEM. */
NODISCARD int metrics_read(const struct metrics *m, const struct metrics_inside *inside,
                           Pb__Any *ret_any);

/* One of several: a file of "KEY NUMBER" lines, each stored at its offset in base; 0 and UINT64_MAX for "max". */
struct metrics_key {
    const char *key;
    size_t offset;
};
void metrics_read_keys(const char *dir, const char *file, const struct metrics_key *keys,
                       size_t count, void *base);
/* "MAJOR:MINOR " at *line, which then stands behind it. False: something else is there. */
bool metrics_device(char **line, uint64_t *ret_major, uint64_t *ret_minor);
/* A file of one number; "max" is UINT64_MAX; 0 if it cannot be read. */
uint64_t metrics_read_number(const char *dir, const char *file);

#define METRICS_PAGES_MAX 8

struct metrics_pages {
    char sizes[METRICS_PAGES_MAX][16]; /* "2MB" */
    size_t count;
};
/* The sizes of huge pages of which dir has files "hugetlb.SIZE.<last>". */
void metrics_read_pages(const char *dir, const char *last, struct metrics_pages *ret);

/* The two versions (metrics_v1.c, metrics_v2.c). */
NODISCARD int metrics_v1_pack(const struct metrics *m, const struct metrics_inside *inside,
                              Pb__Any *ret_any);
NODISCARD int metrics_v2_pack(const struct metrics *m, const struct metrics_inside *inside,
                              Pb__Any *ret_any);
