/* sentry/fs/proc/sysctl.h - values that the container's configuration gives to files of /proc/sys.
 *
 * Owner    kern()->sysctls, until the sandbox ends.
 * Locks    the kernel lock.
 */
#pragma once
#include "base/compiler.h"

struct proc_entry;
struct task;

/* key: "net.ipv4.ip_forward". Written by t if the file can be; else it shows value from now on. -ENOENT there is no such file,
 * -EINVAL not a value for it, -ENOMEM. */
NODISCARD int sysctl_set(struct task *t, const char *key, const char *value);
/* What was set; NULL: nothing, the file shows its own. */
const char *sysctl_value(const struct proc_entry *e);
