/* sentry/ns/container.h - the namespaces of one more container in the sandbox.
 *
 * What     How control/ makes a further container of a pod:
 *            container_spaces_new()  a mount tree with the container's root, and of the rest new ones or those of another container;
 *            task_new_in()           its first process in them (task/task.h), still without a program;
 *            vfs_mount_at(), vfs_mount_super(), vfs_mount_name() with that task: the other mounts, in its tree (proc shows its pid
 *            namespace); then descriptors and the program as for the sandbox's first. task_new_in() again is exec in it.
 *          When the first process of a pid namespace ends, all in it are killed and gone before anybody is told. Where the pid namespace
 *          is shared nobody does that: container_kill().
 * Owner    the set is the caller's, counted; each process counts it too. Without processes and sets the mounts go.
 * Locks    the kernel lock.
 */
#pragma once
#include "sentry/ns/ns.h"

struct super;
struct tgroup;

struct container_spaces {
    const struct nsset *
        base; /* whose namespaces are shared where nothing else is said; NULL: the sandbox's first ones */
    uint64_t
        flags; /* new ones: LINUX_CLONE_NEWPID, NEWIPC, NEWUTS, NEWNET, NEWCGROUP. That of mounts always is */
    const char *hostname, *domainname; /* with NEWUTS; NULL: as base */
    struct super *root;                /* stays the caller's */
    uint32_t root_flags;               /* LINUX_MS_* of the mount */
    const char *source;
};

/* -ENOMEM, -ENOSPC (too many mounts) */
NODISCARD int container_spaces_new(const struct container_spaces *c, struct nsset **ret);
/* Its processes, in the order of the sandbox's numbers: those in its mount tree, or in a copy that one of them made. */
struct tgroup *container_next(const struct nsset *set, int32_t after);
void container_kill(const struct nsset *set, int sig); /* from outside, to all of them */
