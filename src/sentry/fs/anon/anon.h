/* sentry/fs/anon/anon.h - the file system of things without a name: pipes, sockets, eventfds, epolls.
 *
 * Owner    one superblock and one mount that belongs to no tree; each anonymous file has a dentry and an inode of its own.
 * Locks    the kernel lock.
 */
#pragma once
#include "base/compiler.h"

struct mount;

/* Once, from vfs_init. -ENOMEM. */
NODISCARD int anon_init(struct mount **ret);
