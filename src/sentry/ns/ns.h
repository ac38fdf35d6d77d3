/* sentry/ns/ns.h - namespaces: what a task shares with some tasks and not with others.
 *
 * What     One object a namespace, of a kind; a task has a set of them (one pointer, shared until one of the set changes). Its user
 *          namespace is in its credentials, its pid namespace is its number's (pid_ns.h): of[NS_PID] is that of its children to come.
 * Owner    counted: sets, open files of nsfs, numbers (pid), mounts do not count. The initial ones live as long as the kernel.
 * Locks    the kernel lock.
 * Spec     namespaces(7), unshare(2), setns(2), ioctl_ns(2). Behaviour of Linux 6.12.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "abi/sched.h"
#include "base/compiler.h"
#include "base/ref.h"
#include "sentry/ns/limits.h"

struct clone_request;
struct cred;
struct fsctx;
struct path;
struct task;
struct user_ns;

enum ns_kind { NS_CGROUP, NS_IPC, NS_MNT, NS_NET, NS_PID, NS_TIME, NS_USER, NS_UTS, NS_KINDS };

struct ns {
    struct ref ref;
    enum ns_kind kind;
    uint32_t inum;         /* "uts:[4026531838]" */
    struct user_ns *owner; /* counted; NULL: the initial one has none */
};

struct nsset {
    struct ref ref;
    struct ns *of[NS_KINDS]; /* counted; [NS_USER] NULL */
};

struct ns_root {
    uint32_t last_inum;
    struct nsset *init;
    struct user_ns *user; /* the initial one */
    uint32_t pid_spaces;  /* pid namespaces below the initial one */
    struct mount *nsfs;   /* in no tree; NULL before the first file */
};

struct uts_ns {
    struct ns ns;
    char hostname[65], domainname[65];
};

#define NS_FLAGS                                                                                   \
    ((uint64_t)(LINUX_CLONE_NEWNS | LINUX_CLONE_NEWCGROUP | LINUX_CLONE_NEWUTS |                   \
                LINUX_CLONE_NEWIPC | LINUX_CLONE_NEWUSER | LINUX_CLONE_NEWPID |                    \
                LINUX_CLONE_NEWNET | LINUX_CLONE_NEWTIME))

struct net_ns {
    struct ns ns;
    struct ns_limits limits;
};

struct ipc_ns {
    struct ns ns;
    struct ns_limits limits;
    struct shm_root *shm; /* System V segments (ipc/), made with the first */
};

struct ns_kind_info {
    const char *name;
    uint32_t flag; /* LINUX_CLONE_NEW* */
};
extern const struct ns_kind_info ns_kinds[NS_KINDS];

NODISCARD int ns_init(void); /* the initial ones; a second time: nothing. -ENOMEM */
/* Sets ref, kind, number; owner counted. */
void ns_setup(struct ns *ns, enum ns_kind kind, struct user_ns *owner);
struct ns *ns_ref(struct ns *ns);
struct ns *ns_unref(
    struct ns
        *ns); /* NULL is fine; returns NULL. The last one of a mount namespace umounts its tree */

struct nsset *nsset_ref(struct nsset *s);
struct nsset *nsset_unref(struct nsset *s);               /* NULL is fine; returns NULL */
NODISCARD struct nsset *nsset_dup(const struct nsset *s); /* NULL: no memory */
/* of[kind] = ns, which is taken over. */
void nsset_put(struct nsset *s, struct ns *ns);

/* t's of a kind (of NS_PID: its own); t NULL or without a set: the initial one. Not counted. */
struct ns *task_ns(const struct task *t, enum ns_kind kind);
static inline struct ipc_ns *task_ipc(const struct task *t)
{
    return (struct ipc_ns *)task_ns(t, NS_IPC);
}
static inline struct uts_ns *task_uts(const struct task *t)
{
    return (struct uts_ns *)task_ns(t, NS_UTS);
}

bool task_has_host_network(
    const struct task *t); /* --network=host, and it has not left that namespace */

/* New ones for flags (LINUX_CLONE_NEW*, without NEWUSER), owned by owner. fs: whose root and cwd go over to a new mount tree.
 * -EPERM without CAP_SYS_ADMIN of cr, -EINVAL, -ENOSPC, -ENOMEM. */
NODISCARD int nsset_unshare(struct task *t, const struct cred *cr, struct fsctx *fs, uint64_t flags,
                            struct nsset **ret);
NODISCARD int ns_join(struct task *t, int fd, uint32_t flags); /* setns(2) */

/* nsfs.c: files that stand for a namespace. */
NODISCARD int nsfs_path(struct ns *ns, struct path *ret); /* counted. -ENOMEM */
struct ns *nsfs_ns(const struct path *p); /* not counted; NULL: p is of another kind */
bool nsfs_is(const struct path *p);

/* Has cr the capability in target, or over it? (user_ns.c) */
bool cred_ns_capable(const struct cred *cr, const struct user_ns *target, int cap);
bool task_ns_capable(const struct task *t, const struct ns *ns,
                     int cap);                       /* over ns, by its owner */
struct user_ns *cred_user_ns(const struct cred *cr); /* never NULL */
