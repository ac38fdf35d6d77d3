/* sentry/fs/gofer/gofer.h - the container's own files, on the host: its root and its bind mounts.
 *
 * What     Two forms (docs/gofer-protocol.md). directfs: the sentry walks by itself below the O_PATH descriptor that the gofer
 *          handed over for a mount, one name a step and never through a link, and asks the gofer where the host refuses it.
 *          Messages: it has no directories, and asks for everything but data. remote.c chooses; all else is one.
 *          exclusive: names, missing ones too, attributes and link texts are read once and kept. shared: others change them;
 *          names are looked up again on each walk, attributes read for each stat.
 * Owner    a superblock owns its tree; inodes know their place (directory and name) to open themselves again.
 * Locks    the kernel lock, also while the gofer answers; dropped around reads that the host's page cache cannot serve,
 *          writes that would wait, fsync and fallocate.
 * Limits   GOFER_HANDLES_MAX (1,000) descriptors kept for reuse, the least recently used ones go; GOFER_FILES_MAX open files
 *          (-ENFILE). Inodes live as long as a dentry: the kernel keeps DENTRY_LRU_MAX that nobody uses, for some seconds.
 *
 * I1  a host call names at most one component below a descriptor, with O_NOFOLLOW or its like.
 * I2  no call that changes the host is made for a tree that is read-only or lies under an overlay.
 * I3  mount points that the kernel makes are synthetic: the host never has them.
 */
#pragma once
#include <stdbool.h>

#include "base/compiler.h"

struct boot_config;
struct boot_mount;
struct hostfile;
struct super;

/* The tree of the gofer mount m. With directfs its descriptor in cfg becomes the superblock's. If m has an overlay the caller
 * puts it over the tree, and nothing is ever written. -ENOMEM, -EIO. */
NODISCARD int gofer_mount_root(const struct boot_config *cfg, const struct boot_mount *m,
                               struct super **ret);
/* An empty file without a name in the gofer's store n, open for reading and writing. -errno of the host: it cannot be had. */
NODISCARD int gofer_store_file(uint32_t n, struct hostfile **ret);
