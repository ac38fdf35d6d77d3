/* sentry/vfs/notify.h - where the VFS says what happened to files: inotify(7) listens.
 *
 * Context  after the fact, kernel lock held; never fails, never sleeps. Without marks it costs one pointer test.
 */
#pragma once
#include <stdint.h>

struct dentry;
struct file;
struct inode;
struct path;

/* mask: LINUX_IN_*. An event of the object d, told to its own marks and, with its name, to those of its directory. */
void notify_dentry(const struct dentry *d, uint32_t mask);
/* The same for an open file (nothing for O_PATH). */
void notify_file(const struct file *f, uint32_t mask);
/* In directory dir, name appeared or went: IN_CREATE, IN_DELETE (ISDIR is added for directories). */
void notify_dir(struct inode *dir, const char *name, uint32_t mask, uint32_t cookie);
/* The last link is gone: IN_DELETE_SELF once the inode is not used any more. */
void notify_inode_gone(struct inode *i);
void notify_self(struct inode *i, uint32_t mask);
