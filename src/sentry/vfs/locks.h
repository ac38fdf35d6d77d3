/* sentry/vfs/locks.h - flock(2), POSIX record locks and open-file-description locks.
 *
 * Owner    locks hang at the inode. A flock and an OFD lock belong to the open file, a POSIX lock to the descriptor table.
 * Locks    the kernel lock.
 * Context  handlers; the waiting ones may return -EBLOCKED and are safe to run again.
 * Spec     flock(2), fcntl(2) "Advisory record locking". flock and record locks do not see each other.
 *
 * I1  records of one owner do not overlap, and neighbours of the same type are one record.
 */
#pragma once
#include <stdbool.h>

#include <stdint.h>

#include "base/compiler.h"

struct file;
struct inode;
struct linux_flock;
struct task;

/* One lock that is held. */
struct lock_info {
    const char *kind; /* "FLOCK", "POSIX", "OFDLCK" */
    bool write;
    int32_t pid;
    const struct inode *inode;
    int64_t start, end; /* inclusive; INT64_MAX: to the end */
};
void locks_walk(void (*fn)(void *arg, const struct lock_info *l),
                void *arg); /* all of the sandbox */

/* op: LINUX_LOCK_SH/EX/UN, checked by the caller. -EWOULDBLOCK, -ERESTARTSYS, -ENOLCK no memory. */
NODISCARD int lock_flock(struct task *t, struct file *f, int op, bool nonblock);
/* F_GETLK, F_OFD_GETLK: *fl becomes the first conflicting lock, or F_UNLCK. -EINVAL, -EOVERFLOW. */
NODISCARD int lock_record_get(struct task *t, struct file *f, struct linux_flock *fl, bool ofd);
/* F_SETLK(W), F_OFD_SETLK(W). -EBADF mode, -EAGAIN conflict, -EDEADLK, -EINVAL, -EOVERFLOW, -ENOLCK. */
NODISCARD int lock_record_set(struct task *t, struct file *f, const struct linux_flock *fl,
                              bool ofd, bool wait);
