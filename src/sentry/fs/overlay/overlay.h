/* sentry/fs/overlay/overlay.h - a writable view of a file system that is only read: changes live in memory.
 *
 * What     Each object is a tmpfs object with something below it: until its data is copied up a file reads from below; a
 *          directory's own table holds what was added and, as entries without inode, what was removed ("whiteouts"); all other
 *          names come from below. Attributes are the overlay's own from the start, so chmod and rename copy no data.
 * Limits   options: data, by pages; names: half as many as the machine has pages (-ENOSPC), like tmpfs.
 * Owner    an object that was changed, and whatever it covers below, is held until it is unlinked or the file
 *          system goes; others live as long as they are used. A regular file or link that nobody has changed and that has one
 *          name holds nothing below (it is light): its own dentry says where that is (docs/decisions/0008-dentry-memory.md).
 * Locks    the kernel lock; hooks below may drop it.
 *
 * I1  by_lower has exactly one object for each lower inode in use: hard links and evicted names find the same one. A light
 *     object is not in it: it has one dentry, and lives no longer.
 * I2  nothing below is ever written.
 * I3  st_ino is that of the lower inode for as long as the object lives; new objects have numbers from OVERLAY_INO_FIRST.
 */
#pragma once
#include "base/compiler.h"

struct super;

struct hostfile;

/* Where the data of larger files goes, and how much of it there may be. */
struct overlay_options {
    uint64_t size_bytes; /* 0: no limit; for memory three quarters of it */
    int (*store_file)(uint32_t store,
                      struct hostfile **ret); /* an empty file of the host; NULL: memory */
    uint32_t store;
};

/* *ret: the overlay over lower (a reference is taken). Magic and name are the overlay's. o NULL:
 * memory. -ENOMEM. */
NODISCARD int overlay_over(struct super *lower, const struct overlay_options *o,
                           struct super **ret);
