/* sentry/vfs/vfs.h - start of the VFS, and what other directories need of it in one place. */
#pragma once
#include "base/compiler.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/inode.h"
#include "sentry/vfs/namei.h"

NODISCARD int vfs_init(void);
/* Makes sb the root mount of the sandbox; later mounts go on top of it with mount_add. */
NODISCARD int vfs_set_root(struct super *sb, uint32_t flags, const char *source);
struct path vfs_root_path(void); /* counted */
/* Mounts for the kernel, seen from the sandbox's root: missing directories of the mount point are made. sb stays the caller's. */
NODISCARD int vfs_mount_super(struct task *t, const char *where, struct super *sb, uint32_t flags,
                              const char *source);
/* The same with what is called name in the superblock's root instead of the root: a file mounted on a file. */
NODISCARD int vfs_mount_name(struct task *t, const char *where, struct super *sb, const char *name,
                             uint32_t flags, const char *source);
/* -ENODEV: no such file system type. */
NODISCARD int vfs_mount_at(struct task *t, const char *where, const char *fstype,
                           const char *source, uint32_t flags, const char *data);
/* Opens of character and block devices go to fn first (by i->rdev): -ENXIO unknown number, then inode_ops.open is tried. */
void vfs_set_device_open(int (*fn)(struct inode *i, struct file *f, struct task *t));
