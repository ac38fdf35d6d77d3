/* sentry/syscalls/ipc.h - what the handlers of ipc_*.c and sock_*.c share. */
#pragma once
#include <stdint.h>

#include "base/compiler.h"
#include "base/types.h"

struct file;
struct linux_timespec;
struct task;

/* Installs two new files, writes their numbers to an int[2]. Takes both files, also on failure. -EMFILE, -EFAULT. */
NODISCARD int fd_install_pair(struct task *t, struct file *a, struct file *b, bool cloexec,
                              struct uaddr out);
/* Installs one; takes it. The number, or -EMFILE. */
int64_t fd_install_new(struct task *t, struct file *f, bool cloexec);
/* A timeout as ppoll takes it: *ret_ns relative, < 0 for a null pointer. -EFAULT, -EINVAL not normalised. */
NODISCARD int timeout_copy_in(struct task *t, struct uaddr a, int64_t *ret_ns);
NODISCARD int timespec_check(const struct linux_timespec *ts); /* -EINVAL */
/* Reads a signal mask of the given size and puts it in force until the call ends. A null pointer: nothing. -EINVAL, -EFAULT. */
NODISCARD int sigmask_temp_in(struct task *t, struct uaddr mask, uint64_t size);
