/* sentry/vfs/async.h - signals for readiness: O_ASYNC, F_SETOWN, F_SETSIG.
 *
 * Owner    the open file; at most one registration each.
 * Spec     fcntl(2) "Managing signals", FIOASYNC, FIOSETOWN. Behaviour of Linux 6.12.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct file;
struct task;

bool file_async_possible(struct file *f); /* sockets, pipes, terminals, inotify */
/* fd: what siginfo will name. -ENOTTY this kind of file never becomes ready, -ENOMEM. */
NODISCARD int file_async_set(struct file *f, int fd, bool on);
void file_signals_free(struct file *f); /* last close */
/* f->signals, made if there is none. NULL: no memory. */
NODISCARD struct file_signals *file_signals_get(struct file *f);
/* Sends what F_SETOWN and F_SETSIG say; code, band, fd: for siginfo. */
void file_signal_owner(const struct file *f, int fd, int code, int64_t band);
void file_signal_urgent(const struct file *f); /* SIGURG to the owner, O_ASYNC or not */
/* type LINUX_F_OWNER_*; id 0: nobody. -EINVAL, -ESRCH, -ENOMEM. */
NODISCARD int file_owner_set(struct task *t, struct file *f, uint32_t type, int32_t id);
