/* sentry/vfs/namei.h - path walk.
 *
 * Spec     path_resolution(7), openat2(2) RESOLVE_*. At most 40 symlinks (-ELOOP), names 255, paths 4095 bytes.
 * Context  may drop the kernel lock inside file system hooks.
 */
#pragma once
#include <stdint.h>

#include "base/compiler.h"
#include "base/types.h"
#include "sentry/vfs/dentry.h"

struct task;

enum {
    WALK_NOFOLLOW = 1,  /* a final symlink is the result itself */
    WALK_DIRECTORY = 2, /* result must be a directory: -ENOTDIR */
    WALK_PARENT = 4,    /* stop before the last component: path = its directory, last = its name */
    WALK_EMPTY = 8,     /* AT_EMPTY_PATH: "" is the start itself */
    WALK_NO_SYMLINKS = 16,
    WALK_NO_MAGICLINKS = 32,
    WALK_NO_XDEV = 64,
    WALK_BENEATH = 128,
    WALK_IN_ROOT = 256,
    WALK_TO_READ = 512, /* what is found will be opened for reading: a hint */
};

struct walk {
    struct path path; /* counted; path_unref it */
    /* WALK_PARENT: */
    char last[256];
    uint32_t last_len;
    bool last_dot; /* ".", "..", or "/": no name to create or remove */
    bool trailing_slash;
};

/* name: kernel memory. dirfd: LINUX_AT_FDCWD or a descriptor of t. 0 or -errno as path_resolution(7). */
NODISCARD int walk_at(struct task *t, int dirfd, const char *name, uint32_t flags,
                      struct walk *ret);
/* From a given start, for kernel users (loader, boot). */
NODISCARD int walk_from(struct task *t, const struct path *start, const char *name, uint32_t flags,
                        struct walk *ret);
/* After WALK_PARENT: the dentry of the last component (maybe negative), counted, looked up. */
NODISCARD int walk_last(struct walk *w, struct dentry **ret);
/* Copies a path from the application: arena buffer of LINUX_PATH_MAX to free with path_buf_free. -EFAULT, -ENAMETOOLONG, -ENOENT for ""
 * unless allow_empty. */
NODISCARD int path_copy_in(struct task *t, struct uaddr a, bool allow_empty, char **ret);
void path_buf_free(char *p);        /* NULL is fine */
NODISCARD char *path_buf_new(void); /* LINUX_PATH_MAX bytes, not zeroed. NULL: no memory */
/* Opens for the kernel's own use (loader: exec permission is checked by the caller). flags LINUX_O_*. */
struct file;
NODISCARD int file_open_path(struct task *t, const struct path *p, uint32_t flags,
                             struct file **ret);
NODISCARD int file_open_at(struct task *t, int dirfd, const char *name, uint32_t flags,
                           uint32_t mode, struct file **ret);
