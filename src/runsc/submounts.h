/* runsc/submounts.h - what is mounted below a directory of the host.
 *
 * Trust    /proc/self/mountinfo is the host's; what it names is looked at again.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct submount {
    char *path;     /* as a path of runsc's; the caller frees it */
    uint32_t flags; /* BOOT_MOUNT_* that it has */
    bool read_only; /* whatever its flags: the file system is */
    bool of_kernel; /* proc, sysfs, cgroup..: no files of users */
};

/* Mounts that are seen below dir, no devices, each after what it lies on. Their number, or -errno; -E2BIG: more than cap. */
NODISCARD int submounts_list(const char *dir, struct submount *ret, unsigned cap);
