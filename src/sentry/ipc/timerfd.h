/* sentry/ipc/timerfd.h - timerfd_create(2): expirations of a timer as a file.
 *
 * Locks    the kernel lock.
 * Spec     timerfd_create(2), Linux 6.12. A periodic timer is not run again before its expirations have been read: an unread one
 *          costs nothing.
 *          The wall clock is the host's: when it is set there, absolute timers move and TFD_TIMER_CANCEL_ON_SET cancels.
 */
#pragma once
#include <stdint.h>

#include "abi/time.h"
#include "base/compiler.h"

struct file;
struct task;

/* clockid is one that timerfd_create takes; flags: LINUX_TFD_NONBLOCK. -ENOMEM, -ENFILE. */
NODISCARD int timerfd_open(struct task *t, int32_t clockid, uint32_t flags, struct file **ret);
/* -EINVAL f is no timerfd. value is normalised; ret_old may be NULL. */
NODISCARD int timerfd_set(struct file *f, uint32_t flags, const struct linux_itimerspec *value,
                          struct linux_itimerspec *ret_old);
NODISCARD int timerfd_get(struct file *f, struct linux_itimerspec *ret);
