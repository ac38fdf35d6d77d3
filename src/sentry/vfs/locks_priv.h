/* sentry/vfs/locks_priv.h - what hangs at an inode: between locks.c and lease.c. Locks: the kernel lock. */
#pragma once
#include "base/list.h"
#include "sentry/task/wait.h"

struct inode;

struct file_locks {
    struct list_node all; /* of the sandbox */
    struct inode *inode;  /* owns this */
    struct list_node list;
    struct list_node leases;
    struct waitq wait;
};

struct file_locks *file_locks_of(struct inode *i); /* made on demand. NULL: no memory */
