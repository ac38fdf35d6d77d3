/* runsc/memory_limit.h - how much memory the sandbox will be given.
 *
 * What     The machine's memory, or less if a memory cgroup that runsc is in says so. Programs see it as their memory, and what the
 *          sandbox keeps in memory for them is bounded by it.
 * Context  runsc, before it starts anything. Reads /proc/self/cgroup and /sys/fs/cgroup; what is not mounted limits nothing.
 */
#pragma once
#include <stdint.h>

uint64_t memory_limit_bytes(void);

/* The least limit of `group` ("/a/b") and the groups around it, whose directories are below `root`; UINT64_MAX: none. For tests. */
uint64_t memory_limit_group(const char *root, const char *group, const char *file);
