/* sentry/task/pidfd.h - files that stand for processes: readable when the process has ended.
 *
 * Owner    the file holds the thread group's struct, not its number.
 * Spec     pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), waitid(2) P_PIDFD.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct file;
struct task;
struct tgroup;

/* A new descriptor of t, close-on-exec. flags: LINUX_O_NONBLOCK. -EMFILE, -ENFILE, -ENOMEM */
NODISCARD int pidfd_open_group(struct task *t, struct tgroup *tg, uint32_t flags, int *ret_fd);
/* The same for one thread (PIDFD_THREAD): readable when that thread has ended. */
NODISCARD int pidfd_open_task(struct task *t, struct task *of, uint32_t flags, int *ret_fd);
/* The group that fd stands for, counted (tgroup_put). -EBADF: no file, or none of these. */
NODISCARD int pidfd_get(struct task *t, int fd, struct tgroup **ret);
/* As that; *ret_task: the thread, counted, or NULL for a whole process. ret_nonblock may be NULL. */
NODISCARD int pidfd_get_any(struct task *t, int fd, struct tgroup **ret, struct task **ret_task,
                            bool *ret_nonblock);
/* For /proc/pid/fdinfo and stat users: NULL if f is not a pidfd. */
struct tgroup *pidfd_group(const struct file *f);
