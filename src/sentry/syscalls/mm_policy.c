/* NUMA policies of a machine whose only node is 0: every check of Linux, and nothing to move. */
#include "sentry/syscalls/syscall.h"

#include "abi/capability.h"
#include "abi/mempolicy.h"
#include "base/err.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/platform/space_limits.h"
#include "sentry/task/ptrace_access.h"
#include "sentry/task/task.h"

#define PAGE 4096u

/* The first maxnode - 1 bits of a mask: those of nodes 0..63. -EFAULT; -EINVAL a node that no Linux has, or too long. */
static int nodes_get(struct task *t, struct uaddr mask, uint64_t maxnode, uint64_t *ret)
{
    *ret = 0;
    maxnode--;
    if (maxnode == 0 || !mask.v)
        return 0;
    if (maxnode > PAGE * 8)
        return -EINVAL;
    for (uint64_t bit = 0; bit < maxnode; bit += 64) {
        uint64_t word;
        if (copy_in_u64(t, &word, uaddr_plus(mask, bit / 8)))
            return -EFAULT;
        if (maxnode - bit < 64)
            word &= (1ULL << (maxnode - bit)) - 1;
        if (bit >= LINUX_MAX_NUMNODES && word)
            return -EINVAL;
        if (bit == 0)
            *ret = word;
    }
    return 0;
}

static int nodes_put(struct task *t, struct uaddr mask, uint64_t maxnode, uint64_t nodes)
{
    uint64_t bytes = (maxnode - 1 + 63) / 64 * 8;
    if (bytes > PAGE)
        return -EINVAL;
    if (bytes > 8 && zero_out(t, uaddr_plus(mask, 8), bytes - 8))
        return -EFAULT;
    return bytes ? copy_out_u64(t, mask, nodes) : 0;
}

/* Mode and nodes of a call as a policy. */
static int policy_make(uint32_t mode, uint64_t nodes, struct mem_policy *ret)
{
    uint32_t flags = mode & LINUX_MPOL_MODE_FLAGS;
    const uint32_t users = LINUX_MPOL_F_STATIC_NODES | LINUX_MPOL_F_RELATIVE_NODES;
    mode &= ~flags;
    *ret = (struct mem_policy){0};
    if (mode == LINUX_MPOL_DEFAULT)
        return nodes ? -EINVAL : 0;
    if (mode == LINUX_MPOL_PREFERRED && !nodes) {
        if (flags & users)
            return -EINVAL;
        mode = LINUX_MPOL_LOCAL;
    } else if (mode == LINUX_MPOL_LOCAL) {
        if (nodes || (flags & users))
            return -EINVAL;
    } else if (!nodes) {
        return -EINVAL;
    }
    bool some = flags & LINUX_MPOL_F_RELATIVE_NODES ? nodes != 0 : (nodes & 1) != 0;
    if (mode != LINUX_MPOL_LOCAL && !some)
        return -EINVAL;
    *ret = (struct mem_policy){mode | flags, flags & users ? nodes : nodes & 1};
    return 0;
}

static int mode_check(uint32_t mode)
{
    uint32_t flags = mode & LINUX_MPOL_MODE_FLAGS;
    mode &= ~flags;
    if (mode >= LINUX_MPOL_MAX)
        return -EINVAL;
    if ((flags & LINUX_MPOL_F_STATIC_NODES) && (flags & LINUX_MPOL_F_RELATIVE_NODES))
        return -EINVAL;
    if ((flags & LINUX_MPOL_F_NUMA_BALANCING) && mode != LINUX_MPOL_BIND &&
        mode != LINUX_MPOL_PREFERRED_MANY)
        return -EINVAL;
    return 0;
}

int64_t sys_set_mempolicy(struct task *t, const struct sys_args *a)
{
    uint32_t mode = arg_uint(a, 0);
    uint64_t nodes;
    int err = mode_check(mode);
    err = err ? err : nodes_get(t, arg_uaddr(a, 1), a->arg[2], &nodes);
    return err ? err : policy_make(mode, nodes, &t->mempolicy);
}

int64_t sys_mbind(struct task *t, const struct sys_args *a)
{
    uint64_t start = a->arg[0], len = GUEST_PAGE_UP(a->arg[1]), nodes;
    uint32_t mode = arg_uint(a, 2), flags = arg_uint(a, 5);
    int err = mode_check(mode);
    err = err ? err : nodes_get(t, arg_uaddr(a, 3), a->arg[4], &nodes);
    if (err)
        return err;
    if (flags & ~(LINUX_MPOL_MF_STRICT | LINUX_MPOL_MF_MOVE | LINUX_MPOL_MF_MOVE_ALL))
        return -EINVAL;
    if ((flags & LINUX_MPOL_MF_MOVE_ALL) && !task_capable(t, LINUX_CAP_SYS_NICE))
        return -EPERM;
    if (!GUEST_PAGE_ALIGNED(start) || start + len < start)
        return -EINVAL;
    if (!len)
        return 0;
    struct mem_policy p;
    err = policy_make(mode, nodes, &p);
    return err ? err : mm_set_policy(t->mm, start, start + len, p.mode);
}

int64_t sys_set_mempolicy_home_node(struct task *t, const struct sys_args *a)
{
    uint64_t start = a->arg[0], len = GUEST_PAGE_UP(a->arg[1]);
    if (!GUEST_PAGE_ALIGNED(start) || a->arg[3] || a->arg[2] != 0 || start + len < start)
        return -EINVAL;
    if (!len)
        return 0;
    int64_t r = -ENOENT;
    for (struct vma *v = mm_find_from(t->mm, start); v && v->range.start < start + len;
         v = vma_next(v)) {
        uint32_t mode = v->policy & ~LINUX_MPOL_MODE_FLAGS;
        if (mode == LINUX_MPOL_DEFAULT)
            continue;
        if (mode != LINUX_MPOL_BIND && mode != LINUX_MPOL_PREFERRED_MANY)
            return -EOPNOTSUPP;
        r = 0;
    }
    return r;
}

/* *ret_node: what F_NODE asks for. */
static int policy_find(struct task *t, uint64_t addr, uint32_t flags, struct mem_policy *ret,
                       bool *ret_node)
{
    *ret = t->mempolicy;
    *ret_node = false;
    if (flags & LINUX_MPOL_F_ADDR) {
        const struct vma *v = mm_find(t->mm, addr);
        if (!v)
            return -EFAULT;
        uint32_t mode = v->policy & ~LINUX_MPOL_MODE_FLAGS;
        *ret =
            (struct mem_policy){v->policy, mode != LINUX_MPOL_DEFAULT && mode != LINUX_MPOL_LOCAL};
        if (flags & LINUX_MPOL_F_NODE) {
            char byte; /* as Linux, which brings the page in to see where it lies */
            if (copy_in(t, &byte, UADDR(addr), 1))
                return -EFAULT;
            *ret_node = true;
        }
    } else if (addr) {
        return -EINVAL;
    } else if (flags & LINUX_MPOL_F_NODE) {
        uint32_t mode = ret->mode & ~LINUX_MPOL_MODE_FLAGS;
        if (mode != LINUX_MPOL_INTERLEAVE && mode != LINUX_MPOL_WEIGHTED_INTERLEAVE)
            return -EINVAL;
        *ret_node = true;
    }
    return 0;
}

int64_t sys_get_mempolicy(struct task *t, const struct sys_args *a)
{
    struct uaddr mode_out = arg_uaddr(a, 0), mask = arg_uaddr(a, 1);
    uint64_t maxnode = a->arg[2], addr = a->arg[3];
    uint32_t flags = (uint32_t)a->arg[4];
    struct mem_policy p;
    bool node = false;
    if (mask.v && maxnode < 1)
        return -EINVAL;
    if (a->arg[4] & ~(uint64_t)(LINUX_MPOL_F_NODE | LINUX_MPOL_F_ADDR | LINUX_MPOL_F_MEMS_ALLOWED))
        return -EINVAL;
    if (flags & LINUX_MPOL_F_MEMS_ALLOWED) {
        if (flags & (LINUX_MPOL_F_NODE | LINUX_MPOL_F_ADDR))
            return -EINVAL;
        p = (struct mem_policy){LINUX_MPOL_DEFAULT, 1};
    } else {
        int err = policy_find(t, addr, flags, &p, &node);
        if (err)
            return err;
    }
    if (mode_out.v && copy_out_u32(t, mode_out, node ? 0 : p.mode))
        return -EFAULT;
    return mask.v ? nodes_put(t, mask, maxnode, p.nodes) : 0;
}

/* Whose memory: pid 0 is t. -ESRCH, -EPERM, -EINVAL no memory. */
static int memory_of(struct task *t, int32_t pid, struct task **ret)
{
    struct task *o = pid ? task_named(t, pid) : t;
    if (!o)
        return -ESRCH;
    if (!task_may_access(t, o))
        return -EPERM;
    if (!o->mm)
        return -EINVAL;
    *ret = o;
    return 0;
}

int64_t sys_migrate_pages(struct task *t, const struct sys_args *a)
{
    uint64_t from, to;
    struct task *o;
    int err = nodes_get(t, arg_uaddr(a, 2), a->arg[1], &from);
    err = err ? err : nodes_get(t, arg_uaddr(a, 3), a->arg[1], &to);
    err = err ? err : memory_of(t, arg_int(a, 0), &o);
    if (err)
        return err;
    if ((to & ~1ULL) && !task_capable(t, LINUX_CAP_SYS_NICE))
        return -EPERM;
    return to & 1 ? 0 : -EINVAL; /* no page was left where it may not be */
}

/* -EFAULT: nothing is mapped there, or only the page of zeros. */
static int32_t page_node(struct task *o, uint64_t addr)
{
    char byte;
    const struct vma *v = addr < SPACE_END ? mm_find(o->mm, addr) : NULL;
    return v && mm_copy_in_some(o->mm, &byte, UADDR(addr), 1) == 1 ? 0 : -EFAULT;
}

int64_t sys_move_pages(struct task *t, const struct sys_args *a)
{
    uint64_t count = a->arg[1];
    struct uaddr pages = arg_uaddr(a, 2), nodes = arg_uaddr(a, 3), status = arg_uaddr(a, 4);
    uint32_t flags = arg_uint(a, 5), node = 0;
    struct task *o;
    if (flags & ~(LINUX_MPOL_MF_MOVE | LINUX_MPOL_MF_MOVE_ALL))
        return -EINVAL;
    if ((flags & LINUX_MPOL_MF_MOVE_ALL) && !task_capable(t, LINUX_CAP_SYS_NICE))
        return -EPERM;
    int err = memory_of(t, arg_int(a, 0), &o);
    for (uint64_t i = 0; !err && i < count; i++) {
        uint64_t addr;
        if (copy_in_u64(t, &addr, uaddr_plus(pages, i * 8)) ||
            (nodes.v && copy_in_u32(t, &node, uaddr_plus(nodes, i * 4))))
            return -EFAULT;
        if (node)
            return -ENODEV;
        err = copy_out_u32(t, uaddr_plus(status, i * 4), (uint32_t)page_node(o, addr));
    }
    return err;
}
