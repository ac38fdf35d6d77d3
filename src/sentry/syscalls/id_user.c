/* User and group ids. */
#include "abi/capability.h"
#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/mm/mm.h"
#include "sentry/ns/user_ns.h"
#include "sentry/task/task.h"

#define KEEP                   UINT32_MAX
#define SECBIT_NO_SETUID_FIXUP (1u << 2)

/* What changing user ids does to capabilities: capabilities(7), "Effect of user ID changes on capabilities". */
static void fix_caps(const struct task *t, const struct cred *old, struct cred *n)
{
    if (n->securebits & SECBIT_NO_SETUID_FIXUP)
        return;
    const uint32_t root = cred_root_uid(n);
    bool was_root = old->uid == root || old->euid == root || old->suid == root;
    bool is_root = n->uid == root || n->euid == root || n->suid == root;
    if (was_root && !is_root) {
        if (!t->keepcaps)
            n->cap_perm = n->cap_eff = 0;
        n->cap_amb = 0;
    }
    if (old->euid == root && n->euid != root)
        n->cap_eff = 0;
    else if (old->euid != root && n->euid == root)
        n->cap_eff = n->cap_perm;
}

static const uint64_t fs_caps =
    LINUX_CAP_BIT(LINUX_CAP_CHOWN) | LINUX_CAP_BIT(LINUX_CAP_MKNOD) |
    LINUX_CAP_BIT(LINUX_CAP_DAC_OVERRIDE) | LINUX_CAP_BIT(LINUX_CAP_DAC_READ_SEARCH) |
    LINUX_CAP_BIT(LINUX_CAP_FOWNER) | LINUX_CAP_BIT(LINUX_CAP_FSETID) |
    LINUX_CAP_BIT(LINUX_CAP_LINUX_IMMUTABLE) | LINUX_CAP_BIT(LINUX_CAP_MAC_OVERRIDE);

static void publish(struct task *t, struct cred *n)
{
    const struct cred *old = t->cred;
    if (n->euid != old->euid || n->egid != old->egid || n->fsuid != old->fsuid ||
        n->fsgid != old->fsgid)
        t->mm->dumpable = false;
    if (n->euid != old->euid || n->egid != old->egid)
        t->pdeath_signal = 0;
    cred_unref(t->cred);
    t->cred = n;
}

int64_t sys_getuid(struct task *t, const struct sys_args *a) { return uid_seen(t, t->cred->uid); }
int64_t sys_geteuid(struct task *t, const struct sys_args *a) { return uid_seen(t, t->cred->euid); }
int64_t sys_getgid(struct task *t, const struct sys_args *a) { return gid_seen(t, t->cred->gid); }
int64_t sys_getegid(struct task *t, const struct sys_args *a) { return gid_seen(t, t->cred->egid); }

static int64_t put3(struct task *t, const struct sys_args *a, uint32_t x, uint32_t y, uint32_t z)
{
    if (copy_out_u32(t, arg_uaddr(a, 0), x) || copy_out_u32(t, arg_uaddr(a, 1), y) ||
        copy_out_u32(t, arg_uaddr(a, 2), z))
        return -EFAULT;
    return 0;
}

int64_t sys_getresuid(struct task *t, const struct sys_args *a)
{
    return put3(t, a, uid_seen(t, t->cred->uid), uid_seen(t, t->cred->euid),
                uid_seen(t, t->cred->suid));
}

int64_t sys_getresgid(struct task *t, const struct sys_args *a)
{
    return put3(t, a, gid_seen(t, t->cred->gid), gid_seen(t, t->cred->egid),
                gid_seen(t, t->cred->sgid));
}

static int64_t commit_uid(struct task *t, struct cred *n)
{
    n->fsuid = n->euid;
    fix_caps(t, t->cred, n);
    publish(t, n);
    return 0;
}

static int64_t commit_gid(struct task *t, struct cred *n)
{
    n->fsgid = n->egid;
    publish(t, n);
    return 0;
}

int64_t sys_setuid(struct task *t, const struct sys_args *a)
{
    const struct cred *c = t->cred;
    uint32_t id = uid_named(t, arg_uint(a, 0));
    bool cap = task_own_capable(t, LINUX_CAP_SETUID);
    if (id == KEEP)
        return -EINVAL;
    if (!cap && id != c->uid && id != c->suid)
        return -EPERM;
    struct cred *n = cred_dup(c);
    if (!n)
        return -ENOMEM;
    if (cap)
        n->uid = n->suid = id;
    n->euid = id;
    return commit_uid(t, n);
}

int64_t sys_setgid(struct task *t, const struct sys_args *a)
{
    const struct cred *c = t->cred;
    uint32_t id = gid_named(t, arg_uint(a, 0));
    bool cap = task_own_capable(t, LINUX_CAP_SETGID);
    if (id == KEEP)
        return -EINVAL;
    if (!cap && id != c->gid && id != c->sgid)
        return -EPERM;
    struct cred *n = cred_dup(c);
    if (!n)
        return -ENOMEM;
    if (cap)
        n->gid = n->sgid = id;
    n->egid = id;
    return commit_gid(t, n);
}

int64_t sys_setreuid(struct task *t, const struct sys_args *a)
{
    const struct cred *c = t->cred;
    uint32_t r = uid_named(t, arg_uint(a, 0)), e = uid_named(t, arg_uint(a, 1));
    if ((r == KEEP && arg_uint(a, 0) != KEEP) || (e == KEEP && arg_uint(a, 1) != KEEP))
        return -EINVAL;
    if (!task_own_capable(t, LINUX_CAP_SETUID)) {
        if (r != KEEP && r != c->uid && r != c->euid)
            return -EPERM;
        if (e != KEEP && e != c->uid && e != c->euid && e != c->suid)
            return -EPERM;
    }
    struct cred *n = cred_dup(c);
    if (!n)
        return -ENOMEM;
    if (r != KEEP)
        n->uid = r;
    if (e != KEEP)
        n->euid = e;
    if (r != KEEP || (e != KEEP && e != c->uid))
        n->suid = n->euid;
    return commit_uid(t, n);
}

int64_t sys_setregid(struct task *t, const struct sys_args *a)
{
    const struct cred *c = t->cred;
    uint32_t r = gid_named(t, arg_uint(a, 0)), e = gid_named(t, arg_uint(a, 1));
    if ((r == KEEP && arg_uint(a, 0) != KEEP) || (e == KEEP && arg_uint(a, 1) != KEEP))
        return -EINVAL;
    if (!task_own_capable(t, LINUX_CAP_SETGID)) {
        if (r != KEEP && r != c->gid && r != c->egid)
            return -EPERM;
        if (e != KEEP && e != c->gid && e != c->egid && e != c->sgid)
            return -EPERM;
    }
    struct cred *n = cred_dup(c);
    if (!n)
        return -ENOMEM;
    if (r != KEEP)
        n->gid = r;
    if (e != KEEP)
        n->egid = e;
    if (r != KEEP || (e != KEEP && e != c->gid))
        n->sgid = n->egid;
    return commit_gid(t, n);
}

static bool one_of(uint32_t id, uint32_t x, uint32_t y, uint32_t z)
{
    return id == KEEP || id == x || id == y || id == z;
}

int64_t sys_setresuid(struct task *t, const struct sys_args *a)
{
    const struct cred *c = t->cred;
    uint32_t id[3];
    for (unsigned i = 0; i < 3; i++) {
        id[i] = uid_named(t, arg_uint(a, i));
        if (id[i] == KEEP && arg_uint(a, i) != KEEP)
            return -EINVAL;
    }
    if (!task_own_capable(t, LINUX_CAP_SETUID))
        for (int i = 0; i < 3; i++)
            if (!one_of(id[i], c->uid, c->euid, c->suid))
                return -EPERM;
    struct cred *n = cred_dup(c);
    if (!n)
        return -ENOMEM;
    n->uid = id[0] == KEEP ? c->uid : id[0];
    n->euid = id[1] == KEEP ? c->euid : id[1];
    n->suid = id[2] == KEEP ? c->suid : id[2];
    return commit_uid(t, n);
}

int64_t sys_setresgid(struct task *t, const struct sys_args *a)
{
    const struct cred *c = t->cred;
    uint32_t id[3];
    for (unsigned i = 0; i < 3; i++) {
        id[i] = gid_named(t, arg_uint(a, i));
        if (id[i] == KEEP && arg_uint(a, i) != KEEP)
            return -EINVAL;
    }
    if (!task_own_capable(t, LINUX_CAP_SETGID))
        for (int i = 0; i < 3; i++)
            if (!one_of(id[i], c->gid, c->egid, c->sgid))
                return -EPERM;
    struct cred *n = cred_dup(c);
    if (!n)
        return -ENOMEM;
    n->gid = id[0] == KEEP ? c->gid : id[0];
    n->egid = id[1] == KEEP ? c->egid : id[1];
    n->sgid = id[2] == KEEP ? c->sgid : id[2];
    return commit_gid(t, n);
}

/* These two have no error: the old id comes back whatever happens. */
int64_t sys_setfsuid(struct task *t, const struct sys_args *a)
{
    const struct cred *c = t->cred;
    uint32_t id = uid_named(t, arg_uint(a, 0)), old = c->fsuid;
    bool may = id != KEEP && (id == c->uid || id == c->euid || id == c->suid || id == c->fsuid ||
                              task_own_capable(t, LINUX_CAP_SETUID));
    struct cred *n = may && id != old ? cred_dup(c) : NULL;
    if (!n)
        return uid_seen(t, old);
    n->fsuid = id;
    if (!(n->securebits & SECBIT_NO_SETUID_FIXUP)) {
        const uint32_t root = uid_named(t, 0);
        if (old == root)
            n->cap_eff &= ~fs_caps;
        else if (id == root)
            n->cap_eff |= n->cap_perm & fs_caps;
    }
    publish(t, n);
    return uid_seen(t, old);
}

int64_t sys_setfsgid(struct task *t, const struct sys_args *a)
{
    const struct cred *c = t->cred;
    uint32_t id = gid_named(t, arg_uint(a, 0)), old = c->fsgid;
    bool may = id != KEEP && (id == c->gid || id == c->egid || id == c->sgid || id == c->fsgid ||
                              task_own_capable(t, LINUX_CAP_SETGID));
    struct cred *n = may && id != old ? cred_dup(c) : NULL;
    if (!n)
        return gid_seen(t, old);
    n->fsgid = id;
    publish(t, n);
    return gid_seen(t, old);
}
