/* host/confine.h - how a process gives up what it does not need. Start phase only; each step is one-way.
 *
 * Context  single-threaded, in fresh user and mount namespaces (capable there).
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* The root becomes the detached mount mount_fd; all other mounts of this namespace are let go. -errno of the failing step. */
NODISCARD int host_root_pivot(int mount_fd);

/* The root becomes an empty, read-only tmpfs. */
NODISCARD int host_root_empty(void);

/* Lets go whatever is mounted at path (several layers), without following a link there. Not an error if nothing is. */
void host_mount_detach(const char *path);

/* Keeps only these capabilities (bit n: capability n), permitted and effective; empties inheritable, ambient and bounding
 * sets and the supplementary groups. */
NODISCARD int host_caps_keep(uint64_t keep);

/* New session, no_new_privs, not dumpable (no ptrace, no core), SIGKILL when the parent dies, name for ps (15 characters). */
NODISCARD int host_process_detach(const char *name);

/* A descriptor of a procfs of this process's pid namespace, read-only and of processes alone, that no directory shows. -EPERM
 * where the host's own is masked. */
NODISCARD int host_proc_open(void);

/* What this process adds to its chances when the host chooses whom to kill for want of memory; children inherit it. The
 * descriptor is for the other two, and works without a /proc. Raised without CAP_SYS_RESOURCE it may be lowered again. -errno */
NODISCARD int host_oom_open(void);
NODISCARD int host_oom_get(int fd, int *ret_adj);
NODISCARD int host_oom_set(int fd, int adj);

/* "; ..." for a failure to make mounts or namespaces: what forbids it mostly, and what to do. "": nothing comes to mind. */
const char *host_confine_advice(int err);

/* Soft limits up to the hard ones. */
void host_limits_raise(void);
