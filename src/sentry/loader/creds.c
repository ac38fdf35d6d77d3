#include "sentry/loader/creds.h"

#include "abi/capability.h"
#include "abi/mount.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/inode.h"

#define SECBIT_NOROOT    1u
#define SECBIT_KEEP_CAPS 16u

static void apply_bits(const struct task *t, const struct file *f, struct cred *c)
{
    const struct inode *i = f->inode;
    if (t->no_new_privs || (f->path.mnt && (f->path.mnt->flags & LINUX_MS_NOSUID)))
        return;
    if (i->mode & LINUX_S_ISUID)
        c->euid = i->uid;
    if ((i->mode & (LINUX_S_ISGID | LINUX_S_IXGRP)) == (LINUX_S_ISGID | LINUX_S_IXGRP))
        c->egid = i->gid;
}

int exec_creds(const struct task *t, const struct file *f, bool allow_suid, struct cred **ret,
               bool *ret_secure)
{
    const struct cred *old = t->cred;
    struct cred *c = cred_dup(old);
    if (!c)
        return -ENOMEM;
    if (allow_suid)
        apply_bits(t, f, c);
    bool is_setid = c->euid != old->uid || c->egid != old->gid;
    bool changed = c->euid != old->euid || c->egid != old->egid;
    if (changed)
        c->cap_amb = 0;

    bool root_effective = c->euid == 0, root_real = c->uid == 0, effective = false;
    c->cap_perm = c->cap_amb;
    if (!(c->securebits & SECBIT_NOROOT) && (root_effective || root_real)) {
        c->cap_perm = c->cap_inh | c->cap_bset | c->cap_amb;
        effective = root_effective;
    }
    if (t->no_new_privs)
        c->cap_perm &= old->cap_perm;
    c->cap_amb &= c->cap_perm & c->cap_inh;
    c->cap_eff = effective ? c->cap_perm : c->cap_amb;
    c->securebits &= ~SECBIT_KEEP_CAPS;
    c->suid = c->fsuid = c->euid;
    c->sgid = c->fsgid = c->egid;
    *ret_secure = is_setid || (!root_real && (effective || (c->cap_perm & ~c->cap_amb)));
    *ret = c;
    return 0;
}
