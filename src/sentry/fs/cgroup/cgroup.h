/* sentry/fs/cgroup/cgroup.h - the container's control group as programs see it: read-only files with its limits and its use.
 *
 * What     Version 2 is one directory; version 1 is a directory for each hierarchy, each a mount of its own, since programs look
 *          for them in /proc/self/mountinfo. Limits are those that runsc was given (kern()->limits), which the host's group
 *          enforces; the use is what the kernel here counts: the group on the host cannot be seen from inside, and holds the
 *          sandbox's own processes too.
 * Locks    the kernel lock.
 * Spec     Linux 6.12 Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/; cgroup_namespaces(7): the group is the root.
 */
#pragma once
#include <stdint.h>

#include "base/compiler.h"

struct proc_ctx;
struct proc_text;
struct task;

/* What a configuration means by a mount of type "cgroup": version 2 where the host has that, otherwise a directory with all
 * hierarchies of version 1 mounted in it. Errors of mount(2). */
NODISCARD int cgroup_mount_all(struct task *t, const char *where, uint32_t flags);

/* /proc/cgroups, /proc/PID/cgroup */
int cgroup_show_controllers(struct proc_text *x, const struct proc_ctx *c);
int cgroup_show_self(struct proc_text *x, const struct proc_ctx *c);

/* Whether one more task is within the limit. -EAGAIN. */
NODISCARD int cgroup_may_fork(void);
