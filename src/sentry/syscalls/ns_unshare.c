/* unshare, setns. */
#include "abi/sched.h"
#include "base/err.h"
#include "sentry/mm/mm.h"
#include "sentry/ns/ns.h"
#include "sentry/ns/user_ns.h"
#include "sentry/signal/signal.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

/* What the caller gets of its own; nothing is changed before all of it is there. */
struct unshared {
    struct fsctx *fs;
    struct fdtable *files;
    struct cred *cred;
    struct nsset *ns;
};

static int make(struct task *t, uint64_t f, struct unshared *u)
{
    if ((f & LINUX_CLONE_FS) && ref_count(&t->fs->ref) > 1 && !(u->fs = fsctx_dup(t->fs)))
        return -ENOMEM;
    if ((f & LINUX_CLONE_FILES) && !(u->files = fdtable_dup(t->files)))
        return -ENOMEM;
    if (f & LINUX_CLONE_NEWUSER) {
        int err = user_ns_create(t, &u->cred);
        if (err)
            return err;
    }
    uint64_t spaces = f & NS_FLAGS & ~(uint64_t)LINUX_CLONE_NEWUSER;
    return spaces ? nsset_unshare(t, u->cred ? u->cred : t->cred, u->fs ? u->fs : t->fs, spaces,
                                  &u->ns)
                  : 0;
}

static void commit(struct task *t, struct unshared *u)
{
    const struct unshared old = {u->fs ? t->fs : NULL, u->files ? t->files : NULL,
                                 u->cred ? t->cred : NULL, u->ns ? t->ns : NULL};
    t->fs = u->fs ? u->fs : t->fs;
    t->files = u->files ? u->files : t->files;
    t->cred = u->cred ? u->cred : t->cred;
    t->ns = u->ns ? u->ns : t->ns;
    *u = old;
}

int64_t sys_unshare(struct task *t, const struct sys_args *a)
{
    const uint64_t alone = LINUX_CLONE_THREAD | LINUX_CLONE_SIGHAND | LINUX_CLONE_VM;
    uint64_t f = a->arg[0];
    if (f & LINUX_CLONE_NEWUSER)
        f |= LINUX_CLONE_THREAD | LINUX_CLONE_FS;
    if (f & LINUX_CLONE_VM)
        f |= LINUX_CLONE_SIGHAND;
    if (f & LINUX_CLONE_SIGHAND)
        f |= LINUX_CLONE_THREAD;
    if (f & LINUX_CLONE_NEWNS)
        f |= LINUX_CLONE_FS;
    if (f & ~(alone | NS_FLAGS | LINUX_CLONE_FS | LINUX_CLONE_FILES | LINUX_CLONE_SYSVSEM))
        return -EINVAL;
    if ((f & alone) && t->tg->ntasks > 1)
        return -EINVAL;
    if ((f & (LINUX_CLONE_SIGHAND | LINUX_CLONE_VM)) && ref_count(&t->tg->sighand->ref) > 1)
        return -EINVAL;
    if ((f & LINUX_CLONE_VM) && ref_count(&t->mm->ref) > 1)
        return -EINVAL;
    struct unshared u = {0};
    int err = make(t, f, &u);
    if (!err)
        commit(t, &u);
    fsctx_unref(u.fs); /* the new ones that came to nothing, or the old ones */
    fdtable_unref(u.files);
    cred_unref(u.cred);
    nsset_unref(u.ns);
    return err;
}

int64_t sys_setns(struct task *t, const struct sys_args *a)
{
    return ns_join(t, arg_int(a, 0), arg_uint(a, 1));
}
