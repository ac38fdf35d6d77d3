/* Supplementary groups and capabilities. */
#include "abi/capability.h"
#include "abi/limits.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/ns/user_ns.h"
#include "sentry/task/task.h"

int64_t sys_getgroups(struct task *t, const struct sys_args *a)
{
    const struct cred *c = t->cred;
    int size = arg_int(a, 0);
    if (size < 0)
        return -EINVAL;
    if (size) {
        if ((uint32_t)size < c->ngroups)
            return -EINVAL;
        for (uint32_t i = 0; i < c->ngroups; i++)
            if (copy_out_u32(t, uaddr_plus(arg_uaddr(a, 1), i * 4ull), gid_seen(t, c->groups[i])))
                return -EFAULT;
    }
    return c->ngroups;
}

int64_t sys_setgroups(struct task *t, const struct sys_args *a)
{
    uint32_t count = arg_uint(a, 0);
    if (!user_ns_may_setgroups(t->cred))
        return -EPERM;
    if (count > LINUX_NGROUPS_MAX)
        return -EINVAL;
    struct cred *n = cred_dup(t->cred);
    if (!n)
        return -ENOMEM;
    if (n->groups)
        arena_free(n->groups, n->ngroups * sizeof(uint32_t));
    n->groups = NULL;
    n->ngroups = 0;
    if (count) {
        n->groups = arena_alloc(count * sizeof(uint32_t));
        if (!n->groups) {
            cred_unref(n);
            return -ENOMEM;
        }
        n->ngroups = count;
        if (copy_in(t, n->groups, arg_uaddr(a, 1), count * sizeof(uint32_t))) {
            cred_unref(n);
            return -EFAULT;
        }
        for (uint32_t i = 0; i < count; i++) {
            n->groups[i] = gid_named(t, n->groups[i]);
            if (n->groups[i] == ID_NONE) {
                cred_unref(n);
                return -EINVAL;
            }
        }
        groups_sort(n->groups, count);
    }
    cred_unref(t->cred);
    t->cred = n;
    return 0;
}

/* The number of data words for the version in the header; unknown versions are corrected there: -EINVAL. */
static int cap_header(struct task *t, struct uaddr at, struct linux_cap_header *h,
                      unsigned *ret_words)
{
    if (copy_in(t, h, at, sizeof(*h)))
        return -EFAULT;
    switch (h->version) {
    case LINUX_CAPABILITY_VERSION_1: *ret_words = 1; return 0;
    case LINUX_CAPABILITY_VERSION_2:
    case LINUX_CAPABILITY_VERSION_3: *ret_words = 2; return 0;
    default: return copy_out_u32(t, at, LINUX_CAPABILITY_VERSION_3) ? -EFAULT : -EINVAL;
    }
}

int64_t sys_capget(struct task *t, const struct sys_args *a)
{
    struct linux_cap_header h;
    unsigned words;
    int err = cap_header(t, arg_uaddr(a, 0), &h, &words);
    if (err)
        return err == -EINVAL && a->arg[1] == 0 ? 0 : err;
    if (h.pid < 0)
        return -EINVAL;
    struct task *o = h.pid ? task_named(t, h.pid) : t;
    if (!o)
        return -ESRCH;
    const struct cred *c = o->cred;
    struct linux_cap_data d[2];
    for (unsigned i = 0; i < 2; i++)
        d[i] = (struct linux_cap_data){(uint32_t)(c->cap_eff >> (32 * i)),
                                       (uint32_t)(c->cap_perm >> (32 * i)),
                                       (uint32_t)(c->cap_inh >> (32 * i))};
    return a->arg[1] ? copy_out(t, arg_uaddr(a, 1), d, words * sizeof(d[0])) : 0;
}

int64_t sys_capset(struct task *t, const struct sys_args *a)
{
    struct linux_cap_header h;
    struct linux_cap_data d[2] = {0};
    unsigned words;
    int err = cap_header(t, arg_uaddr(a, 0), &h, &words);
    if (err)
        return err;
    if (h.pid && h.pid != t->vtid)
        return -EPERM;
    if (copy_in(t, d, arg_uaddr(a, 1), words * sizeof(d[0])))
        return -EFAULT;
    const struct cred *c = t->cred;
    uint64_t eff = (d[0].effective | (uint64_t)d[1].effective << 32) & LINUX_CAP_FULL;
    uint64_t perm = (d[0].permitted | (uint64_t)d[1].permitted << 32) & LINUX_CAP_FULL;
    uint64_t inh = (d[0].inheritable | (uint64_t)d[1].inheritable << 32) & LINUX_CAP_FULL;
    if (!task_own_capable(t, LINUX_CAP_SETPCAP) && (inh & ~(c->cap_inh | c->cap_perm)))
        return -EPERM;
    if (inh & ~(c->cap_inh | c->cap_bset))
        return -EPERM;
    if ((perm & ~c->cap_perm) || (eff & ~perm))
        return -EPERM;
    struct cred *n = cred_dup(c);
    if (!n)
        return -ENOMEM;
    n->cap_eff = eff;
    n->cap_perm = perm;
    n->cap_inh = inh;
    n->cap_amb &= perm & inh;
    cred_unref(t->cred);
    t->cred = n;
    return 0;
}
