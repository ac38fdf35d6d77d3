/* sentry/vfs/inotify.h - inotify(7): instances, their marks on inodes, their queues of events.
 *
 * Owner    an instance is its open file. A mark is in its instance's list and in the list of its inode; it holds the dentry and the
 *          inode that it was set on, so that the object stays the same one while it is watched.
 * Locks    the kernel lock.
 * Limits   INOTIFY_QUEUE_MAX events an instance, then IN_Q_OVERFLOW; INOTIFY_MARKS_MAX marks in all: -ENOSPC.
 * Spec     inotify(7). Behaviour of Linux 6.12.
 *
 * I1  inode->more->marks is NULL or its list is not empty.
 */
#pragma once
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"
#include "sentry/task/wait.h"

struct dentry;
struct file;
struct inode;
struct super;
struct task;

#define INOTIFY_QUEUE_MAX 16384u
#define INOTIFY_MARKS_MAX 65536u

struct inotify {
    struct list_node marks;
    struct list_node queue;
    uint32_t nqueued, queued_bytes;
    int32_t next_wd;
    struct waitq wait;
};

struct inotify_mark {
    struct list_node in_instance, in_inode, in_all;
    struct inotify *owner;
    struct dentry *dentry; /* counted */
    struct inode *inode;   /* counted */
    uint32_t mask;
    int32_t wd;
    struct file *
        signals; /* F_NOTIFY: no instance, but signals to the owner of this file, which owns the mark */
};

struct inode_marks {
    struct list_node list;
};

NODISCARD int inotify_open(struct task *t, uint32_t flags,
                           struct file **ret);      /* -ENOMEM, -ENFILE */
struct inotify *file_inotify(const struct file *f); /* NULL: another kind of file */
/* The watch descriptor. mask as inotify_add_watch(2). -EEXIST with IN_MASK_CREATE, -ENOSPC, -ENOMEM. */
NODISCARD int inotify_add(struct inotify *in, struct dentry *d, uint32_t mask);
NODISCARD int inotify_remove(struct inotify *in, int32_t wd); /* -EINVAL */
/* F_NOTIFY: which are DN_*; 0: no more. fd: for siginfo. -ENOTDIR, -ENOSPC, -ENOMEM. */
NODISCARD int dnotify_set(struct task *t, struct file *f, int fd, uint32_t which);
void dnotify_drop(struct file *f); /* last close */
/* Queues an event for a mark if its mask wants it. */
void inotify_event(struct inotify_mark *m, uint32_t mask, uint32_t cookie, const char *name);
/* Takes a mark away; its instance reads IN_IGNORED. */
void inotify_mark_drop(struct inotify_mark *m);
