#include "sentry/task/clone.h"

#include "abi/capability.h"
#include "abi/sched.h"
#include "abi/syscall_nr.h"
#include "base/err.h"
#include "sentry/fs/cgroup/cgroup.h"
#include "sentry/kernel.h"
#include "sentry/ns/user_ns.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/usermem.h"
#include "sentry/seccomp/seccomp.h"
#include "sentry/signal/signal.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/posix_timers.h"
#include "sentry/vfs/file.h"

#include <string.h>

static int check_flags(const struct task *t, uint64_t f)
{
    if ((f & LINUX_CLONE_NEWNS) && (f & LINUX_CLONE_FS))
        return -EINVAL;
    if ((f & LINUX_CLONE_NEWUSER) && (f & LINUX_CLONE_FS))
        return -EINVAL;
    if ((f & LINUX_CLONE_THREAD) && !(f & LINUX_CLONE_SIGHAND))
        return -EINVAL;
    if ((f & LINUX_CLONE_SIGHAND) && !(f & LINUX_CLONE_VM))
        return -EINVAL;
    if ((f & LINUX_CLONE_PARENT) && (t->tg == kern()->tasks->init || t->tg->unkillable))
        return -EINVAL;
    if ((f & LINUX_CLONE_THREAD) && (f & (LINUX_CLONE_NEWUSER | LINUX_CLONE_NEWPID)))
        return -EINVAL;
    if ((f & LINUX_CLONE_THREAD) && t->ns && t->ns->of[NS_PID] != task_ns(t, NS_PID))
        return -EINVAL;
    if ((f & LINUX_CLONE_NEWIPC) && (f & LINUX_CLONE_SYSVSEM))
        return -EINVAL;
    if ((f & LINUX_CLONE_PIDFD) && (f & LINUX_CLONE_DETACHED))
        return -EINVAL;
    if (f & LINUX_CLONE_INTO_CGROUP)
        return -EBADF; /* no descriptor is one of a cgroup */
    return 0;
}

static int check_nproc(const struct task *t)
{
    uint64_t max = tgroup_rlimit(t->tg, LINUX_RLIMIT_NPROC);
    if (max == LINUX_RLIM_INFINITY || t->cred->uid == 0 ||
        task_capable(t, LINUX_CAP_SYS_RESOURCE) || task_capable(t, LINUX_CAP_SYS_ADMIN))
        return 0;
    uint64_t n = 0;
    for (const struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid)) {
        const struct task *o;
        LIST_FOREACH (o, &tg->tasks, tg_node)
            n += o->cred->uid == t->cred->uid;
    }
    return n >= max ? -EAGAIN : 0;
}

static int copy_spaces(struct task *t, struct task *c, uint64_t f)
{
    uint64_t spaces = f & NS_FLAGS & ~(uint64_t)LINUX_CLONE_NEWUSER;
    if (spaces)
        return nsset_unshare(t, c->cred, c->fs, spaces, &c->ns);
    c->ns = nsset_ref(t->ns ? t->ns : kern()->ns->init);
    return 0;
}

/* What a task inherits. Counted parts; what is missing after a failure is released with the task. */
static int copy_task(struct task *t, struct task *c, const struct clone_request *q)
{
    uint64_t f = q->flags;
    memcpy(c->comm, t->comm, sizeof(c->comm));
    c->cred = NULL;
    if (f & LINUX_CLONE_NEWUSER) {
        int err = user_ns_create(t, &c->cred);
        if (err)
            return err;
    } else {
        c->cred = cred_ref(t->cred);
    }
    c->sigmask = t->restore_sigmask ? t->saved_sigmask : t->sigmask;
    if (!(f & LINUX_CLONE_VM) || (f & LINUX_CLONE_VFORK)) {
        c->altstack_sp = t->altstack_sp;
        c->altstack_size = t->altstack_size;
        c->altstack_autodisarm = t->altstack_autodisarm;
    }
    c->no_new_privs = t->no_new_privs;
    seccomp_inherit(c, t);
    c->keepcaps = t->keepcaps;
    c->nice = t->nice;
    c->ioprio = t->ioprio;
    c->mempolicy = t->mempolicy;
    c->sched_policy = t->sched_policy;
    c->sched_priority = t->sched_priority;
    if (t->sched_reset_on_fork) {
        c->sched_policy = LINUX_SCHED_NORMAL;
        c->sched_priority = 0;
        if (t->nice < 0)
            c->nice = 0;
    }
    c->timer_slack_ns = c->timer_slack_default_ns = t->timer_slack_ns;
    c->personality = t->personality;
    c->mce_kill = t->mce_kill;
    c->io_flusher = t->io_flusher;
    if (!(f & LINUX_CLONE_VM))
        c->rseq = t->rseq;
    if (f & LINUX_CLONE_CHILD_CLEARTID)
        c->clear_child_tid = q->child_tid.v;
    c->files = f & LINUX_CLONE_FILES ? fdtable_ref(t->files) : fdtable_dup(t->files);
    c->fs = f & LINUX_CLONE_FS ? fsctx_ref(t->fs) : fsctx_dup(t->fs);
    c->mm = f & LINUX_CLONE_VM ? mm_ref(t->mm) : mm_fork(t->mm);
    int err = c->files && c->fs && c->mm ? affinity_copy(t, c) : -ENOMEM;
    return err ? err : copy_spaces(t, c, f);
}

static struct tgroup *copy_group(struct task *t, const struct clone_request *q)
{
    struct tgroup *old = t->tg, *tg = tgroup_alloc();
    if (!tg)
        return NULL;
    tg->sighand =
        q->flags & LINUX_CLONE_SIGHAND ? sighand_ref(old->sighand) : sighand_dup(old->sighand);
    if (!tg->sighand)
        return tgroup_put(tg);
    if (q->flags & LINUX_CLONE_CLEAR_SIGHAND)
        sighand_reset(tg->sighand);
    memcpy(tg->rlim, old->rlim, sizeof(tg->rlim));
    tg->oom_score_adj = old->oom_score_adj;
    tg->entered = old->entered;
    tg->frozen = old->frozen;
    tg->membarrier = old->membarrier;
    tg->thp_disable = old->thp_disable;
    tg->zygote = old->zygote;
    tg->exit_signal = q->exit_signal <= LINUX_NSIG ? (int32_t)q->exit_signal : 0;
    return tg;
}

/* As its own pid namespace sees it: what it will find in its memory. */
static int32_t own_number(const struct task *c) { return pid_ns_seen(pid_ns_of(c->tid), c->tid); }

/* The host's part. The child's own memory is there once the host has forked: its copy of the tid is written then. */
static int make_thread(struct task *t, struct task *c, const struct clone_request *q)
{
    uint64_t f = q->flags;
    int err;
    if (f & LINUX_CLONE_VM) {
        struct thread_start st = {
            .stack = q->stack,
            .set_tls = (f & LINUX_CLONE_SETTLS) != 0,
            .tls = q->tls,
            .clear_tid = f & LINUX_CLONE_CHILD_CLEARTID ? q->child_tid.v : 0,
        };
        err = platform_thread_new(t->thread, &st, c, &c->thread);
        if (!err && (f & LINUX_CLONE_CHILD_SETTID))
            (void)!copy_out_u32(t, q->child_tid, (uint32_t)own_number(c));
        return err;
    }
    err = platform_fork(t->thread, c, &c->thread);
    if (err)
        return err;
    c->mm->space = platform_space(c->thread);
    if (q->stack)
        platform_regs(c->thread)->rsp = q->stack;
    if (f & LINUX_CLONE_SETTLS) {
        uint64_t args[6] = {0x1002 /* ARCH_SET_FS */, q->tls};
        err = platform_native_call(c->thread, LINUX_SYS_arch_prctl, args);
    }
    uint32_t old, tid = (uint32_t)own_number(c);
    if (!err && (f & LINUX_CLONE_CHILD_SETTID) && copy_in_u32(t, &old, q->child_tid) == 0)
        err = platform_queue_copy(c->thread, q->child_tid, &tid, sizeof(tid));
    return err;
}

static void join_family(struct task *t, struct tgroup *tg, uint64_t flags)
{
    struct tgroup *parent = t->tg;
    assert(parent && parent->pgrp);
    if (flags & LINUX_CLONE_PARENT) {
        tg->exit_signal = t->tg->exit_signal;
        parent = t->tg->parent;
        tg->parent_tid = t->tg->parent_tid;
    } else {
        tg->parent_tid = t->tid;
    }
    tg->parent = parent;
    if (parent)
        list_add_tail(&tg->sibling, &parent->children);
    pgrp_join(t->tg->pgrp, tg);
}

static int make_pidfd(struct task *t, struct task *c, struct tgroup *tg, struct uaddr where,
                      int *ret_fd)
{
    int err = tg == t->tg ? pidfd_open_task(t, c, 0, ret_fd) : pidfd_open_group(t, tg, 0, ret_fd);
    return err ? err : copy_out_u32(t, where, (uint32_t)*ret_fd);
}

static int give_number(struct task *t, struct task *c, const struct clone_request *q)
{
    struct pid_ns *ns = (struct pid_ns *)c->ns->of[NS_PID], *n = ns;
    if (q->nset_tid > ns->level + 1)
        return -EINVAL;
    for (uint32_t i = 0; i < q->nset_tid; i++, n = n->parent) {
        if (q->set_tid[i] < 1 || q->set_tid[i] >= PID_MAX)
            return -EINVAL;
        if (!task_ns_capable(t, &n->ns, LINUX_CAP_CHECKPOINT_RESTORE) &&
            !task_ns_capable(t, &n->ns, LINUX_CAP_SYS_ADMIN))
            return -EPERM;
    }
    int err = pid_alloc_in(ns, q->set_tid, q->nset_tid, &c->tid);
    if (err)
        c->tid = 0;
    return err;
}

static int clone_new(struct task *t, const struct clone_request *q, struct task **ret)
{
    int err = check_flags(t, q->flags);
    if (!err)
        err = check_nproc(t);
    if (!err && (err = cgroup_may_fork()) < 0)
        kern()->fork_refusals++;
    if (err)
        return err;
    bool thread = (q->flags & LINUX_CLONE_THREAD) != 0;
    int pidfd = -1;
    struct task *c = task_alloc();
    if (!c)
        return -ENOMEM;
    struct tgroup *tg = thread ? t->tg : copy_group(t, q);
    err = tg ? copy_task(t, c, q) : -ENOMEM;
    if (!err)
        err = give_number(t, c, q);
    if (!err && !thread)
        tg->pid = c->tid;
    if (!err && (q->flags & LINUX_CLONE_PIDFD))
        err = make_pidfd(t, c, tg, q->pidfd, &pidfd);
    if (!err)
        err = make_thread(t, c, q);
    if (err) {
        if (pidfd >= 0)
            (void)!fd_close(t, pidfd);
        if (c->thread)
            platform_thread_exit(TAKE(c->thread));
        pid_settle(c->tid);
        task_unref(c);
        if (!thread)
            tgroup_put(tg);
        return err;
    }
    task_attach(c, tg);
    if (!thread) {
        tg->leader = c;
        pid_slot(c->tid)->tgroup = tg; /* with the reference of tgroup_alloc() */
        join_family(t, tg, q->flags);
        tgroup_is_first(tg);
        cpu_limit_changed(tg);
    }
    kern()->tasks->forks++;
    if (q->flags & LINUX_CLONE_PARENT_SETTID)
        (void)!copy_out_u32(t, q->parent_tid, (uint32_t)pid_seen(t, c->tid));
    c->vfork_child = (q->flags & LINUX_CLONE_VFORK) != 0;
    *ret = c;
    return 0;
}

static void vfork_cleanup(struct task *t) { t->restart.obj = task_unref(t->restart.obj); }

/* The parent's thread has to go through the host once for the child to exist; then it waits for the child's exec or exit. */
static int64_t vfork_wait(struct task *t)
{
    struct task *c = t->restart.obj;
    int err = task_sync_result(t);
    if (!err && c->vfork_child) {
        int r = task_wait_killable(t, &c->tg->exit_wait, VFORK_DONE, TIME_NONE);
        if (r == -EBLOCKED)
            return r;
    }
    return err ? err : (int64_t)t->restart.u[0];
}

int64_t task_clone(struct task *t, const struct clone_request *q)
{
    if (t->restart.obj)
        return vfork_wait(t);
    struct task *c;
    int err = clone_new(t, q, &c);
    if (err)
        return err;
    int32_t tid = pid_seen(t, c->tid);
    bool vfork = c->vfork_child;
    if (vfork) {
        t->restart.obj = task_ref(c);
        t->restart.u[0] = (uint64_t)tid;
        t->restart.cleanup = vfork_cleanup;
    }
    c->state = TASK_RUNNING;
    platform_resume(c->thread);
    return vfork ? task_sync(t) : tid;
}
