/* sentry/mm/usermem.h - the only way to application memory.
 *
 * Locks    the kernel lock.
 * Context  no faults, no sleep: bytes are moved by the platform or -EFAULT. Addresses are checked against SPACE_END first.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/types.h"

struct task;
struct mm;

/* All or -EFAULT. */
NODISCARD int copy_in(struct task *t, void *dst, struct uaddr src, size_t size_bytes);
NODISCARD int copy_out(struct task *t, struct uaddr dst, const void *src, size_t size_bytes);
/* As far as it goes: bytes moved, -EFAULT if none (and size > 0). */
ssize_t copy_in_some(struct task *t, void *dst, struct uaddr src, size_t size_bytes);
ssize_t copy_out_some(struct task *t, struct uaddr dst, const void *src, size_t size_bytes);
/* A NUL-terminated string with at most size-1 characters: its length; -ENAMETOOLONG, -EFAULT. */
ssize_t copy_in_string(struct task *t, char *dst, struct uaddr src, size_t size_bytes);
NODISCARD int copy_in_u32(struct task *t, uint32_t *ret, struct uaddr src);
NODISCARD int copy_in_u64(struct task *t, uint64_t *ret, struct uaddr src);
NODISCARD int copy_out_u32(struct task *t, struct uaddr dst, uint32_t v);
NODISCARD int copy_out_u64(struct task *t, struct uaddr dst, uint64_t v);
NODISCARD int zero_out(struct task *t, struct uaddr dst, size_t size_bytes);
/* t waits: what has been copied out can be seen in its memory from now on, not only when it goes on. */
void copy_out_flush(struct task *t);
/* Until other's memory is there: one that was forked just now may not have begun in the host. May drop the lock: hold it, and
 * look again at what it is. */
void mm_reach(const struct task *other);
/* For another task's memory (/proc/pid/mem, environ). */
ssize_t mm_copy_in_some(struct mm *mm, void *dst, struct uaddr src, size_t size_bytes);
ssize_t mm_copy_out_some(struct mm *mm, struct uaddr dst, const void *src, size_t size_bytes);
