/* sentry/fs/gofer/gofer.h - the container's own files, on the host: its root and its bind mounts.
 *
 * What     The sentry walks by itself below the O_PATH descriptor that the gofer handed over for a mount ("directfs"), one name a
 *          step and never through a link; the gofer is asked only where the host refuses the sentry (-EACCES).
 *          Attributes, names and link texts are read once and kept: the sandbox is taken to be the only one that changes them.
 * Owner    a superblock owns its tree; inodes know their place (directory and name) to open themselves again.
 * Locks    the kernel lock; dropped around reads that the host's page cache cannot serve, and around questions to the gofer.
 * Limits   GOFER_HANDLES_MAX descriptors kept for reuse, GOFER_FILES_MAX open files (-ENFILE).
 *
 * I1  a host call names at most one component below a descriptor, with O_NOFOLLOW or its like.
 * I2  no call that changes the host is made for a tree that is read-only or lies under an overlay.
 */
#pragma once
#include <stdbool.h>

#include "base/compiler.h"

struct boot_config;
struct boot_mount;
struct super;

/* The tree of the gofer mount m. With directfs its descriptor in cfg becomes the superblock's. If m has an overlay the caller
 * puts it over the tree, and nothing is ever written. -ENOMEM, -EIO. */
NODISCARD int gofer_mount_root(const struct boot_config *cfg, const struct boot_mount *m,
                               struct super **ret);
