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
struct super;

/* mask: LINUX_IN_*. An event of the object d, told to its own marks and, with its name, to those of its directory. */
void notify_dentry(const struct dentry *d, uint32_t mask);
/* What setattr changed (ATTR_*). */
void notify_change(const struct dentry *d, uint32_t valid);
/* The same for an open file; marks with IN_EXCL_UNLINK do not hear of a name that is gone. */
void notify_file(const struct file *f, uint32_t mask);
/* In directory dir, name appeared or went: IN_CREATE, IN_DELETE (ISDIR is added for directories). */
void notify_dir(struct inode *dir, const char *name, uint32_t mask, uint32_t cookie);
/* A link or an open file is gone: if it was the last of both, IN_DELETE_SELF, and the marks go. */
void notify_unlinked(struct inode *i);
void notify_super_gone(struct super *sb); /* IN_UNMOUNT */
void notify_self(struct inode *i, uint32_t mask);
