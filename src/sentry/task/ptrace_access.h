/* sentry/task/ptrace_access.h - may one task look into another? Spec: ptrace(2), "Ptrace access mode checking" (real ids). */
#pragma once
#include "abi/capability.h"
#include "sentry/mm/mm.h"
#include "sentry/ns/ns.h"
#include "sentry/task/task.h"

/* A property of the memory, so shared by all who share that (vfork); a task that has left its memory shows nothing. */
static inline bool task_dumpable(const struct task *t) { return !t->mm || t->mm->dumpable; }

static inline bool task_ptrace_capable(const struct cred *from, const struct task *to)
{
    const struct user_ns *u = to->tg->entered ? NULL : cred_user_ns(to->cred);
    return u ? cred_ns_capable(from, u, LINUX_CAP_SYS_PTRACE)
             : cred_capable(from, LINUX_CAP_SYS_PTRACE);
}

static inline bool task_may_access(const struct task *from, const struct task *to)
{
    const struct cred *f = from->cred, *c = to->cred;
    if (from->tg == to->tg)
        return true;
    bool same = f->uid == c->uid && f->uid == c->euid && f->uid == c->suid && f->gid == c->gid &&
                f->gid == c->egid && f->gid == c->sgid;
    if (task_ptrace_capable(f, to))
        return true;
    return same && task_dumpable(to) && f->user == c->user && (c->cap_perm & ~f->cap_perm) == 0;
}
