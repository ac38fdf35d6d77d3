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
struct gofer_conn;
struct hostfile;
struct super;

/* A container's gofer, at the other end of cfg->gofer_fd, which stays the caller's; none if that is -1. -ENOMEM, -EIO */
NODISCARD int gofer_conn_open(const struct boot_config *cfg, struct gofer_conn **ret);
struct gofer_conn *gofer_conn_unref(struct gofer_conn *c); /* NULL is fine; returns NULL */
/* Descriptors in cfg of directories that no superblock has taken, when not all were mounted. */
void gofer_conn_dirs_close(const struct boot_config *cfg, const struct gofer_conn *c);
struct hostfile *gofer_conn_file(const struct gofer_conn *c); /* to watch for its end; NULL: none */
/* The container has ended: the gofer does too, with this exit status. What is still used of its files fails from now on where the
 * gofer is needed. */
void gofer_conn_end(struct gofer_conn *c, uint32_t status);

/* The tree of the gofer mount m. With directfs its descriptor in cfg becomes the superblock's. If m has an overlay the caller
 * puts it over the tree, and nothing is ever written. -ENOMEM, -EIO. */
NODISCARD int gofer_mount_root(const struct boot_config *cfg, struct gofer_conn *c,
                               const struct boot_mount *m, struct super **ret);
/* The number of the gofer's store n, and an empty file without a name in the store of that number, open for reading and writing.
 * -errno of the host: it cannot be had. */
uint32_t gofer_store_number(const struct gofer_conn *c, uint32_t n);
NODISCARD int gofer_store_file(uint32_t number, struct hostfile **ret);
