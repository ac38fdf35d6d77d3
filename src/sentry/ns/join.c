/* setns(2). */
#include "abi/sched.h"
#include "base/err.h"
#include "sentry/kernel.h"
#include "sentry/mm/mm.h"
#include "sentry/ns/mount_ns.h"
#include "sentry/ns/ns_priv.h"
#include "sentry/ns/user_ns.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/ptrace_access.h"
#include "sentry/task/task_priv.h"
#include "sentry/vfs/file.h"

DEFINE_AUTO(file, struct file *, file_unref)

/* What setns() is about to do; nothing is visible before all of it is possible. */
struct join {
    struct nsset *set; /* the caller's own copy */
    struct fsctx *fs;  /* for a mount namespace; NULL: stays */
    struct cred *cred; /* for a user namespace; NULL: stays */
};

static const struct cred *cred_of(const struct task *t, const struct join *j)
{
    return j->cred ? j->cred : t->cred;
}

static int add_user(struct task *t, struct join *j, struct user_ns *u)
{
    if (u == cred_user_ns(t->cred) || t->tg->ntasks > 1 || ref_count(&t->fs->ref) != 1)
        return -EINVAL;
    if (!cred_ns_capable(t->cred, u, LINUX_CAP_SYS_ADMIN))
        return -EPERM;
    j->cred = cred_dup(t->cred);
    if (!j->cred)
        return -ENOMEM;
    user_ns_enter(j->cred, u);
    return 0;
}

static int add_mount(struct task *t, struct join *j, struct mount_ns *mn)
{
    const struct cred *cr = cred_of(t, j);
    if (!cred_ns_capable(cr, mn->ns.owner, LINUX_CAP_SYS_ADMIN) ||
        !cred_ns_capable(cr, cred_user_ns(cr), LINUX_CAP_SYS_CHROOT) ||
        !cred_ns_capable(cr, cred_user_ns(cr), LINUX_CAP_SYS_ADMIN))
        return -EPERM;
    if (ref_count(&t->fs->ref) != 1)
        return -EINVAL;
    j->fs = fsctx_dup(t->fs);
    int err = j->fs ? mount_ns_enter(mn, j->fs) : -ENOMEM;
    if (!err)
        nsset_put(j->set, ns_ref(&mn->ns));
    return err;
}

static int add(struct task *t, struct join *j, struct ns *ns)
{
    if (ns->kind == NS_USER)
        return add_user(t, j, (struct user_ns *)ns);
    if (ns->kind == NS_MNT)
        return add_mount(t, j, (struct mount_ns *)ns);
    const struct cred *cr = cred_of(t, j);
    if (!cred_ns_capable(cr, ns->owner, LINUX_CAP_SYS_ADMIN) ||
        !cred_ns_capable(cr, cred_user_ns(cr), LINUX_CAP_SYS_ADMIN))
        return -EPERM;
    if (ns->kind == NS_PID && !ns_pid_visible(t, ns))
        return -EINVAL;
    if (ns->kind == NS_TIME && t->tg->ntasks > 1)
        return -EUSERS;
    nsset_put(j->set, ns_ref(ns));
    return 0;
}

/* Those of another process: all that flags name. The user namespace first: it decides about the others. */
static int add_all(struct task *t, struct join *j, int fd, uint32_t flags)
{
    uint32_t left = flags;
    for (int k = 0; k < NS_KINDS; k++)
        left &= ~ns_kinds[k].flag;
    if (!flags || left)
        return -EINVAL;
    struct tgroup *tg;
    int err = pidfd_get(t, fd, &tg);
    if (err)
        return -EINVAL;
    struct task *o = tg->leader;
    err = !o || !o->ns ? -ESRCH : task_may_access(t, o) ? 0 : -EPERM;
    if (!err && (flags & LINUX_CLONE_NEWUSER))
        err = add(t, j, task_ns(o, NS_USER));
    for (int k = 0; !err && k < NS_KINDS; k++)
        if (k != NS_USER && (flags & ns_kinds[k].flag))
            err = add(t, j, task_ns(o, k));
    tgroup_put(tg);
    return err;
}

static void commit(struct task *t, struct join *j)
{
    struct nsset *old = t->ns;
    t->ns = TAKE(j->set);
    nsset_unref(old);
    if (j->fs) {
        struct fsctx *fs = t->fs;
        t->fs = TAKE(j->fs);
        fs->umask = t->fs->umask;
        fsctx_unref(fs);
    }
    if (j->cred) {
        struct cred *cr = t->cred;
        const struct user_ns *u = j->cred->user;
        if (u && !(u->ns.owner == cred_user_ns(cr) && u->owner_uid == cr->euid)) {
            t->mm->dumpable = false;
            t->tg->entered = true; /* what it has of outside is not for its new neighbours */
        }
        t->cred = TAKE(j->cred);
        cred_unref(cr);
    }
}

int ns_join(struct task *t, int fd, uint32_t flags)
{
    AUTO(file) struct file *f = fd_get_io(t, fd);
    if (!f)
        return -EBADF;
    struct ns *ns = nsfs_ns(&f->path);
    if (ns && flags && flags != ns_kinds[ns->kind].flag)
        return -EINVAL;
    struct join j = {.set = nsset_dup(t->ns ? t->ns : kern()->ns->init)};
    int err = !j.set ? -ENOMEM : ns ? add(t, &j, ns) : add_all(t, &j, fd, flags);
    if (!err)
        commit(t, &j);
    nsset_unref(j.set);
    fsctx_unref(j.fs);
    cred_unref(j.cred);
    return err;
}
