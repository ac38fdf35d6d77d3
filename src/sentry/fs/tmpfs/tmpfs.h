/* sentry/fs/tmpfs/tmpfs.h - files in memory.
 *
 * What     Directories keep their entries themselves (the dentry cache may forget). Small file contents lie in the arena, larger
 *          or mapped ones in a memfd, which the host can map into applications.
 * Owner    an entry holds its inode; the superblock is held by its mount.
 * Limits   options size=, nr_blocks=, nr_inodes=: -ENOSPC beyond; half of the memory for mount(2) without them.
 * Spec     tmpfs(5).
 */
#pragma once
#include <stdint.h>

#include "base/compiler.h"

struct file;
struct fs_type;
struct super;
struct task;

extern const struct fs_type tmpfs_type;

/* options: as for mount(2), NULL: none. -EINVAL unknown or malformed option, -ENOMEM. */
NODISCARD int tmpfs_new(const char *options, struct super **ret);
/* A regular file without a name (memfd_create): read-write, size 0, with these permission bits and LINUX_F_SEAL_*.
 * -ENOMEM, -ENFILE. */
NODISCARD int tmpfs_file_new(struct task *t, const char *name, uint32_t mode, uint32_t seals,
                             struct file **ret);
/* The memory of a System V segment: such a file of this size. -ENOMEM, -ENFILE, -EFBIG. */
NODISCARD int tmpfs_shm_new(struct task *t, uint32_t key, uint32_t mode, uint64_t size,
                            struct file **ret);
