/* sentry/vfs/open.h - open(2) with the walk flags of openat2(2).
 *
 * Context  handlers: opening a FIFO may return -EBLOCKED; safe to run again from the top.
 */
#pragma once
#include <stdint.h>

#include "base/compiler.h"

struct file;
struct task;

/* What is wrong with open flags by themselves: -EINVAL; drops those that O_PATH ignores. */
NODISCARD int open_flags_check(uint32_t *flags);
/* As file_open_at; walk: WALK_* of RESOLVE_*. */
NODISCARD int file_open_walk(struct task *t, int dirfd, const char *name, uint32_t flags,
                             uint32_t mode, uint32_t walk, struct file **ret);
