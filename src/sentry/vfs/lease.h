/* sentry/vfs/lease.h - leases: the holder of an open file hears of others' opens, and they wait for it.
 *
 * Owner    a lease belongs to its open file and hangs at the inode's locks.
 * Locks    the kernel lock.
 * Context  lease_break may return -EBLOCKED and is safe to run again; LEASE_BREAK_NS after the signal a lease is taken away.
 * Spec     fcntl(2) "Leases". Behaviour of Linux 6.12; delegations do not exist.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct file;
struct inode;
struct task;

#define LEASE_BREAK_NS (45 * NSEC_PER_SEC)

/* type LINUX_F_RDLCK, F_WRLCK, F_UNLCK. fd: for siginfo. -EINVAL type or no regular file, -EACCES, -EAGAIN, -ENOMEM */
NODISCARD int lease_set(struct task *t, struct file *f, int fd, uint32_t type);
uint32_t lease_get(const struct file *f); /* while it is being broken: what it has to become */
/* Before i is opened (or truncated: write) by t: 0, -EAGAIN with nonblock, -EBLOCKED, -ERESTARTSYS. */
NODISCARD int lease_break(struct task *t, struct inode *i, bool write, bool nonblock);
void lease_release_file(struct file *f); /* last close */
