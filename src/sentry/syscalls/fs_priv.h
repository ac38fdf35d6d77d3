/* sentry/syscalls/fs_priv.h - what the file calls share.
 *
 * Context  handlers; kernel lock held. AUTO(...) drops what was acquired on every way out.
 */
#pragma once
#include <stdint.h>

#include "abi/fcntl.h"
#include "abi/inotify.h"
#include "abi/limits.h"
#include "abi/mount.h"
#include "abi/stat.h"
#include "abi/time.h"
#include "base/err.h"
#include "sentry/mm/uio.h"
#include "sentry/mm/usermem.h"
#include "sentry/syscalls/syscall.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file_block.h"
#include "sentry/vfs/notify.h"
#include "sentry/vfs/vfs_priv.h"

static inline void walk_done(struct walk *w) { path_unref(&w->path); }
static inline void pathbuf_auto_(char **p) { path_buf_free(*p); }
static inline void walk_auto_(struct walk *w) { walk_done(w); }
DEFINE_AUTO(file, struct file *, file_unref)
DEFINE_AUTO(dentry, struct dentry *, dentry_unref)

/* Copies the name at a and walks it. walk: WALK_*. The caller drops ret->path. */
NODISCARD int fs_walk_user(struct task *t, int dirfd, struct uaddr name, uint32_t walk,
                           struct walk *ret);
/* Where a name shall be made: parent and last component are found, the name is free. -EEXIST, -ENOENT (slash after a name that
 * is no directory), -EROFS, as filename_create. On success d is counted. */
NODISCARD int fs_create_at(struct task *t, int dirfd, const char *name, bool is_dir, struct walk *w,
                           struct dentry **ret);
/* CAP_SYS_ADMIN over what the file system shows; those that hold nothing of the machine may be mounted in a user namespace. */
bool fs_type_allowed(const struct task *t, const struct fs_type *type);
/* A new mount with flags would show no more than t's mount namespace shows already; *ret_keep: its flags stay. -EPERM: it would. */
NODISCARD int fs_mount_reveals(const struct task *t, const struct fs_type *type, uint32_t flags,
                               bool *ret_keep);
/* CAP_SYS_ADMIN over t's mount namespace; m is in its tree. */
bool fs_may_mount(const struct task *t);
bool fs_mount_ours(const struct task *t, const struct mount *m);
/* AT_* flags of a call: 0, or -EINVAL if one is not in allowed. */
static inline int fs_at_flags(uint32_t flags, uint32_t allowed, uint32_t *ret_walk)
{
    *ret_walk = (flags & LINUX_AT_SYMLINK_NOFOLLOW ? (uint32_t)WALK_NOFOLLOW : 0u) |
                (flags & LINUX_AT_EMPTY_PATH ? (uint32_t)WALK_EMPTY : 0u);
    return flags & ~allowed ? -EINVAL : 0;
}
