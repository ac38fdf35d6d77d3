#include "sentry/loader/creds.h"

#include "abi/capability.h"
#include "abi/mount.h"
#include "abi/stat.h"
#include "abi/xattr.h"
#include "base/err.h"
#include "sentry/ns/user_ns.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/inode.h"

#define SECBIT_NOROOT    1u
#define SECBIT_KEEP_CAPS 16u

/* What the file gives: capabilities(7), "File capabilities". */
struct file_caps {
    bool any, effective;
    uint64_t perm, inh;
};

static bool is_nosuid(const struct file *f)
{
    return f->path.mnt && (f->path.mnt->flags & LINUX_MS_NOSUID);
}

static void apply_bits(const struct task *t, const struct file *f, struct cred *c)
{
    const struct inode *i = f->inode;
    if (t->no_new_privs || is_nosuid(f))
        return;
    if (c->user && (user_ns_seen(c->user, ID_USER, i->uid) == ID_NONE ||
                    user_ns_seen(c->user, ID_GROUP, i->gid) == ID_NONE))
        return; /* its owner is nobody here */
    if (i->mode & LINUX_S_ISUID)
        c->euid = i->uid;
    if ((i->mode & (LINUX_S_ISGID | LINUX_S_IXGRP)) == (LINUX_S_ISGID | LINUX_S_IXGRP))
        c->egid = i->gid;
}

/* 0 also without any. -EINVAL not a form that Linux knows. */
static int file_caps_read(const struct file *f, const struct user_ns *user, struct file_caps *ret)
{
    struct {
        struct linux_vfs_cap_data d;
        uint32_t rootid; /* revision 3 */
    } v = {0};
    *ret = (struct file_caps){0};
    struct inode *i = f->inode;
    if (is_nosuid(f) || !i->ops->getxattr)
        return 0;
    ssize_t n = i->ops->getxattr(i, LINUX_XATTR_NAME_CAPS, &v, sizeof(v));
    if (n < 0)
        return n == -ERANGE ? -EINVAL : 0;
    uint32_t revision = v.d.magic_etc & LINUX_VFS_CAP_REVISION_MASK;
    bool two = n == sizeof(v.d) && revision == LINUX_VFS_CAP_REVISION_2;
    bool three = n == sizeof(v) && revision == LINUX_VFS_CAP_REVISION_3;
    if (user ? !three || v.rootid != user_ns_named(user, ID_USER, 0) : three && v.rootid != 0)
        return 0; /* of another namespace's root */
    if (!two && !three && !(n == 12 && revision == LINUX_VFS_CAP_REVISION_1))
        return -EINVAL;
    uint64_t high = two || three;
    ret->any = true;
    ret->effective = v.d.magic_etc & LINUX_VFS_CAP_FLAGS_EFFECTIVE;
    ret->perm = (v.d.data[0].permitted | high * v.d.data[1].permitted << 32) & LINUX_CAP_FULL;
    ret->inh = (v.d.data[0].inheritable | high * v.d.data[1].inheritable << 32) & LINUX_CAP_FULL;
    return 0;
}

/* -EPERM: the file wants capabilities at once that the thread cannot have. */
static int apply_caps(const struct file *f, struct cred *c, struct file_caps *ret)
{
    int err = file_caps_read(f, c->user, ret);
    if (err)
        return err;
    c->cap_perm = (ret->perm & c->cap_bset) | (ret->inh & c->cap_inh);
    return ret->effective && (ret->perm & ~c->cap_perm) ? -EPERM : 0;
}

static bool is_setid(const struct cred *c, const struct cred *old)
{
    return c->euid != old->uid || c->egid != old->gid;
}

static int change(const struct task *t, const struct file *f, bool honour, struct cred *c,
                  bool *ret_secure)
{
    const struct cred *old = t->cred;
    struct file_caps fc = {0};
    c->cap_perm = 0;
    int err = honour ? apply_caps(f, c, &fc) : 0;
    if (err)
        return err;
    const uint32_t root = cred_root_uid(c);
    bool root_real = c->uid == root, root_effective = c->euid == root, effective = fc.effective;
    bool by_suid_alone = fc.any && root_effective && !root_real;
    if (!(c->securebits & SECBIT_NOROOT) && !by_suid_alone && (root_effective || root_real)) {
        c->cap_perm = c->cap_inh | c->cap_bset;
        effective |= root_effective;
    }
    if (t->no_new_privs)
        c->cap_perm &= old->cap_perm;
    if (fc.any || is_setid(c, old))
        c->cap_amb = 0;
    c->cap_perm |= c->cap_amb;
    c->cap_eff = effective ? c->cap_perm : c->cap_amb;
    c->securebits &= ~SECBIT_KEEP_CAPS;
    c->suid = c->fsuid = c->euid;
    c->sgid = c->fsgid = c->egid;
    *ret_secure = is_setid(c, old) || (!root_real && (effective || (c->cap_perm & ~c->cap_amb)));
    return 0;
}

int exec_creds(const struct task *t, const struct file *f, bool allow_suid, struct cred **ret,
               bool *ret_secure)
{
    struct cred *c = cred_dup(t->cred);
    if (!c)
        return -ENOMEM;
    if (allow_suid)
        apply_bits(t, f, c);
    int err = change(t, f, allow_suid, c, ret_secure);
    if (err) {
        cred_unref(c);
        return err;
    }
    *ret = c;
    return 0;
}
