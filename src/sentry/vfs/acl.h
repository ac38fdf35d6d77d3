/* sentry/vfs/acl.h - POSIX access control lists: system.posix_acl_access and system.posix_acl_default.
 *
 * Owner    the inode (acl, acl_default); a list does not change but by chmod.
 * Locks    the kernel lock.
 * Limits   ACL_ENTRIES_MAX entries: -E2BIG by the size of an attribute.
 * Spec     acl(5), POSIX.1e draft 17. Behaviour of Linux 6.12. Only on file systems that say so (super.posix_acl).
 *
 * I1  a list that says no more than the permission bits is not kept.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

struct cred;
struct inode;

/* Is it one of the two names? *ret_default: which. */
bool acl_name(const char *name, bool *ret_default);
/* -EOPNOTSUPP version or no lists here, -EINVAL malformed, -EACCES a default list for what is no directory, -EPERM, -ENOMEM.
 * size 0: as acl_remove. */
NODISCARD int acl_set(struct inode *i, bool dflt, const void *value, size_t size,
                      const struct cred *cr);
NODISCARD int acl_remove(struct inode *i, bool dflt,
                         const struct cred *cr); /* -EOPNOTSUPP -EPERM */
ssize_t acl_get(const struct inode *i, bool dflt, void *buf,
                size_t size); /* -ENODATA -ERANGE -EOPNOTSUPP */
/* The names of i's lists, added to n bytes of other names in buf. -ERANGE. size 0: only counts. */
ssize_t acl_list(const struct inode *i, char *buf, size_t size, ssize_t n);
/* 0, -EACCES; -EAGAIN: i has no list. may: MAY_*. The owner and capabilities are the caller's. */
int acl_permission(const struct inode *i, uint32_t may, const struct cred *cr);
/* The permission bits of i have changed. */
void acl_chmod(struct inode *i);
/* A new object i of dir: takes the default list over, which may take bits of the mode. -ENOMEM */
NODISCARD int acl_inherit(struct inode *i, const struct inode *dir);
bool acl_umask_applies(const struct inode *dir); /* not where a default list does */
void acl_free(struct inode *i);
