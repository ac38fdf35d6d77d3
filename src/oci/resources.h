/* oci/resources.h - linux.resources of a configuration, and the JSON of `runsc update -resources`.
 *
 * Owner    oci_resources_parse() fills it and oci_resources_done() frees it. As part of an oci_spec it belongs to that.
 * Trust    types and ranges are checked; whether a limit makes sense on this host is for the cgroup code.
 * Spec     opencontainers/runtime-spec 1.2.1, config-linux.md "Control groups".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define OCI_UNSET INT64_MIN   /* a number that is not given */
#define OCI_ANY   INT64_C(-1) /* a device number that stands for all */

struct json_t;
struct oci_chunk;

struct oci_pair {
    const char *key, *value;
};

struct oci_memory {
    int64_t limit, reservation, swap, kernel, kernel_tcp; /* bytes, -1: unlimited, or OCI_UNSET */
    int64_t swappiness;                                   /* 0-100, or OCI_UNSET */
    int oom_kill_disable, use_hierarchy, check_before_update; /* 0, 1, or -1: not given */
};

struct oci_cpu {
    int64_t shares, quota, burst, period, realtime_runtime, realtime_period,
        idle;                /* or OCI_UNSET */
    const char *cpus, *mems; /* "0-2,4"; NULL: not given */
};

/* Access to a device: the first matching rule from the end decides. */
enum oci_device_access { OCI_DEVICE_READ = 1, OCI_DEVICE_WRITE = 2, OCI_DEVICE_MKNOD = 4 };

struct oci_device_rule {
    bool allow;
    char type;            /* 'a' all, 'b', 'c' */
    int64_t major, minor; /* or OCI_ANY */
    uint32_t access;      /* OCI_DEVICE_* */
};

struct oci_block_weight {
    int64_t major, minor;
    int64_t weight, leaf_weight; /* 10-1000, or OCI_UNSET */
};

struct oci_block_throttle {
    int64_t major, minor;
    uint64_t rate; /* bytes or operations a second */
};

enum oci_throttle { OCI_READ_BPS, OCI_WRITE_BPS, OCI_READ_IOPS, OCI_WRITE_IOPS, OCI_THROTTLES };

struct oci_throttles {
    struct oci_block_throttle *v;
    uint32_t count;
};

struct oci_blkio {
    int64_t weight, leaf_weight; /* 10-1000, 0: default; or OCI_UNSET */
    struct oci_block_weight *devices;
    uint32_t device_count;
    struct oci_throttles throttles[OCI_THROTTLES];
};

struct oci_hugepage {
    const char *size; /* "2MB", "1GB": as in the names of the cgroup files */
    uint64_t limit_bytes;
};

struct oci_net_priority {
    const char *interface;
    uint32_t priority;
};

struct oci_rdma {
    const char *device;
    int64_t handles, objects; /* or OCI_UNSET */
};

struct oci_resources {
    bool given; /* there was such an object */
    struct oci_memory memory;
    struct oci_cpu cpu;
    int64_t pids; /* <= 0: unlimited, or OCI_UNSET */
    struct oci_blkio blkio;
    struct oci_hugepage *hugepages;
    uint32_t hugepage_count;
    struct oci_device_rule *devices;
    uint32_t device_count;
    int64_t net_class_id; /* or OCI_UNSET */
    struct oci_net_priority *net_priorities;
    uint32_t net_priority_count;
    struct oci_rdma *rdma;
    uint32_t rdma_count;
    struct oci_pair *unified; /* "memory.high" -> "1000000": cgroup v2 files */
    uint32_t unified_count;
    struct json_t *doc;       /* NULL as part of an oci_spec */
    struct oci_chunk *chunks; /* what the arrays lie in; NULL as part of an oci_spec */
};

/* Nothing given. */
void oci_resources_init(struct oci_resources *ret);

/* The text of a resources object. name: what to call the file. -EINVAL with err filled (OCI_ERROR_MAX), -ENOMEM. */
NODISCARD int oci_resources_parse(const char *name, const char *text, size_t len,
                                  struct oci_resources *ret, char *err);
void oci_resources_done(struct oci_resources *res);
