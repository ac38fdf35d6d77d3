/* host/label.h - the labels of the host's security modules that this process runs under (process.apparmorProfile, selinuxLabel).
 *
 * What     A process labels itself only, and what it executes next. Both are done at the end of its start, since profiles for
 *          containers forbid what the start is made of (mounts, namespaces).
 * Context  one thread. The files are opened while there is a /proc with it in; written before the filter.
 * Spec     proc_pid_attr(5); aa_change_profile(2), aa_change_onexec(2), setcon(3), setexeccon(3).
 */
#pragma once
#include "base/compiler.h"

struct host_labels {
    const char *apparmor, *selinux; /* NULL, "": none */
};

struct host_label_files {
    int apparmor, apparmor_next, selinux, selinux_next; /* -1: not wanted */
};

/* In dir, "/proc/self/attr", those that l needs. -errno: -ENOENT, -EINVAL the host has no such module. Nothing is open then. */
NODISCARD int host_labels_open(const char *dir, const struct host_labels *l,
                               struct host_label_files *ret);
/* What this process and its children execute next. -errno: -ENOENT no such profile, -EACCES the policy forbids it. */
NODISCARD int host_labels_next(const struct host_label_files *f, const struct host_labels *l);
/* This process. Closes the files. -errno as above */
NODISCARD int host_labels_take(struct host_label_files *f, const struct host_labels *l);
