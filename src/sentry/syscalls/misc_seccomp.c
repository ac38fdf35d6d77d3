/* seccomp, and the modes of prctl. */
#include "abi/capability.h"
#include "abi/filter.h"
#include "abi/prctl.h"
#include "abi/seccomp.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/ns/user_ns.h"
#include "sentry/seccomp/seccomp.h"
#include "sentry/syscalls/misc_prctl.h"
#include "sentry/task/run.h"
#include "sentry/task/task.h"

#define TSYNC_FLAGS (LINUX_SECCOMP_FILTER_FLAG_TSYNC | LINUX_SECCOMP_FILTER_FLAG_TSYNC_ESRCH)
/* DEVIATION: no NEW_LISTENER, no notifications. */
#define FLAGS_KNOWN                                                                                \
    (TSYNC_FLAGS | LINUX_SECCOMP_FILTER_FLAG_LOG | LINUX_SECCOMP_FILTER_FLAG_SPEC_ALLOW)

static bool is_ancestor(const struct seccomp_filter *of, const struct seccomp_filter *f)
{
    for (; of; of = of->before)
        if (of == f)
            return true;
    return !f;
}

/* The first thread that cannot take t's filters; NULL: all can. */
static const struct task *sync_obstacle(const struct task *t)
{
    const struct task *o;
    LIST_FOREACH (o, &t->tg->tasks, tg_node)
        if (o != t && !o->exiting &&
            (o->seccomp_mode == LINUX_SECCOMP_MODE_STRICT || !is_ancestor(t->seccomp, o->seccomp)))
            return o;
    return NULL;
}

static void sync_threads(struct task *t)
{
    struct task *o;
    LIST_FOREACH (o, &t->tg->tasks, tg_node) {
        if (o == t || o->exiting)
            continue;
        seccomp_attach(o, seccomp_filter_ref(t->seccomp));
        o->no_new_privs |= t->no_new_privs;
        if (seccomp_host_behind(o) && platform_stop(o->thread) == STOP_RUNNING)
            platform_interrupt(o->thread);
    }
}

/* The program as the caller has it. *ret: len instructions of the arena. */
static int prog_copy_in(struct task *t, struct uaddr at, struct linux_sock_filter **ret,
                        uint32_t *ret_len)
{
    struct linux_sock_fprog head;
    int err = copy_in(t, &head, at, sizeof(head));
    if (err)
        return err;
    if (head.len == 0 || head.len > LINUX_BPF_MAXINSNS)
        return -EINVAL;
    if (!t->no_new_privs && !task_own_capable(t, LINUX_CAP_SYS_ADMIN))
        return -EACCES;
    size_t size = head.len * sizeof(**ret);
    struct linux_sock_filter *prog = arena_alloc(size);
    if (!prog)
        return -ENOMEM;
    err = copy_in(t, prog, UADDR(head.filter), size);
    if (err) {
        arena_free(prog, size);
        return err;
    }
    *ret = prog;
    *ret_len = head.len;
    return 0;
}

static int64_t mode_filter(struct task *t, uint32_t flags, struct uaddr at)
{
    struct linux_sock_filter *prog;
    uint32_t n;
    if (flags & ~FLAGS_KNOWN)
        return -EINVAL;
    int err = prog_copy_in(t, at, &prog, &n);
    if (err)
        return err;
    struct seccomp_filter *f;
    err = seccomp_filter_new(t->seccomp, prog, n, flags & LINUX_SECCOMP_FILTER_FLAG_LOG, &f);
    arena_free(prog, n * sizeof(*prog));
    if (err)
        return err;
    const struct task *o = flags & LINUX_SECCOMP_FILTER_FLAG_TSYNC ? sync_obstacle(t) : NULL;
    if (o || t->seccomp_mode == LINUX_SECCOMP_MODE_STRICT) {
        seccomp_filter_unref(f);
        return !o                                              ? -EINVAL
               : flags & LINUX_SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH
                                                               : pid_seen(t, o->tid);
    }
    seccomp_attach(t, f);
    if (flags & LINUX_SECCOMP_FILTER_FLAG_TSYNC)
        sync_threads(t);
    return 0;
}

static int64_t action_avail(struct task *t, uint32_t flags, struct uaddr at)
{
    uint32_t action;
    if (flags)
        return -EINVAL;
    int err = copy_in_u32(t, &action, at);
    if (err)
        return err;
    switch (action) {
    case LINUX_SECCOMP_RET_KILL_PROCESS:
    case LINUX_SECCOMP_RET_KILL_THREAD:
    case LINUX_SECCOMP_RET_TRAP:
    case LINUX_SECCOMP_RET_ERRNO:
    case LINUX_SECCOMP_RET_TRACE:
    case LINUX_SECCOMP_RET_LOG:
    case LINUX_SECCOMP_RET_ALLOW: return 0;
    default: return -EOPNOTSUPP;
    }
}

int64_t prctl_set_seccomp(struct task *t, const struct sys_args *a)
{
    if (platform_stop(t->thread) != STOP_CONTEXT)
        return -EINVAL;
    switch (a->arg[1]) {
    case LINUX_SECCOMP_MODE_STRICT: return seccomp_strict(t);
    case LINUX_SECCOMP_MODE_FILTER: return mode_filter(t, 0, arg_uaddr(a, 2));
    default: return -EINVAL;
    }
}

int64_t sys_seccomp(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 1);
    switch (arg_uint(a, 0)) {
    case LINUX_SECCOMP_SET_MODE_STRICT: return flags || a->arg[2] ? -EINVAL : seccomp_strict(t);
    case LINUX_SECCOMP_SET_MODE_FILTER: return mode_filter(t, flags, arg_uaddr(a, 2));
    case LINUX_SECCOMP_GET_ACTION_AVAIL: return action_avail(t, flags, arg_uaddr(a, 2));
    default: return -EINVAL;
    }
}
