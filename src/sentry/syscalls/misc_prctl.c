/* prctl. */
#include "abi/capability.h"
#include "abi/prctl.h"
#include "abi/signal.h"
#include "abi/syscall_nr.h"
#include "base/err.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/user_ns.h"
#include "sentry/syscalls/misc_prctl.h"
#include "sentry/task/run.h"
#include "sentry/task/task.h"

#include <string.h>

#define SECBIT_KEEP_CAPS            (1u << 4)
#define SECBIT_KEEP_CAPS_LOCKED     (1u << 5)
#define SECBIT_NO_CAP_AMBIENT_RAISE (1u << 6)
#define SECBITS_ALL                 0xffu
#define SECBITS_LOCKS               0xaau

static int replace(struct task *t, struct cred *n)
{
    cred_unref(t->cred);
    t->cred = n;
    return 0;
}

static int64_t set_name(struct task *t, struct uaddr at)
{
    char buf[LINUX_TASK_COMM_LEN] = {0};
    ssize_t n = copy_in_string(t, buf, at, sizeof(buf));
    if (n == -ENAMETOOLONG)
        n = copy_in(t, buf, at, sizeof(buf) - 1);
    if (n < 0)
        return n;
    buf[sizeof(buf) - 1] = 0;
    memcpy(t->comm, buf, sizeof(buf));
    return 0;
}

static int64_t bset_drop(struct task *t, uint64_t cap)
{
    if (!task_own_capable(t, LINUX_CAP_SETPCAP))
        return -EPERM;
    if (cap > LINUX_CAP_LAST_CAP)
        return -EINVAL;
    struct cred *n = cred_dup(t->cred);
    if (!n)
        return -ENOMEM;
    n->cap_bset &= ~LINUX_CAP_BIT(cap);
    return replace(t, n);
}

static int64_t set_securebits(struct task *t, uint64_t bits)
{
    const struct cred *c = t->cred;
    uint32_t locked = (c->securebits & SECBITS_LOCKS) >> 1;
    if ((locked & (c->securebits ^ bits)) || (c->securebits & SECBITS_LOCKS & ~bits) ||
        (bits & ~(uint64_t)SECBITS_ALL) || !task_own_capable(t, LINUX_CAP_SETPCAP))
        return -EPERM;
    struct cred *n = cred_dup(c);
    if (!n)
        return -ENOMEM;
    n->securebits = (uint32_t)bits;
    t->keepcaps = (bits & SECBIT_KEEP_CAPS) != 0;
    return replace(t, n);
}

static int64_t ambient(struct task *t, const struct sys_args *a)
{
    const struct cred *c = t->cred;
    uint64_t op = a->arg[1], cap = a->arg[2], bit;
    if (a->arg[3] || a->arg[4])
        return -EINVAL;
    if (op == LINUX_PR_CAP_AMBIENT_CLEAR_ALL) {
        if (cap)
            return -EINVAL;
        bit = c->cap_amb;
    } else {
        if (cap > LINUX_CAP_LAST_CAP)
            return -EINVAL;
        bit = LINUX_CAP_BIT(cap);
    }
    if (op == LINUX_PR_CAP_AMBIENT_IS_SET)
        return (c->cap_amb & bit) != 0;
    if (op == LINUX_PR_CAP_AMBIENT_RAISE) {
        if (!(c->cap_perm & c->cap_inh & bit) || (c->securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
            return -EPERM;
    } else if (op != LINUX_PR_CAP_AMBIENT_LOWER && op != LINUX_PR_CAP_AMBIENT_CLEAR_ALL) {
        return -EINVAL;
    }
    struct cred *n = cred_dup(c);
    if (!n)
        return -ENOMEM;
    if (op == LINUX_PR_CAP_AMBIENT_RAISE)
        n->cap_amb |= bit;
    else
        n->cap_amb &= ~bit;
    return replace(t, n);
}

static bool rest_zero(const struct sys_args *a, unsigned from)
{
    for (unsigned i = from; i < 5; i++)
        if (a->arg[i])
            return false;
    return true;
}

static int64_t set_dumpable(struct task *t, uint64_t v)
{
    if (v > 1)
        return -EINVAL;
    t->mm->dumpable = v;
    return 0;
}

static int64_t privileges(struct task *t, const struct sys_args *a)
{
    switch (arg_int(a, 0)) {
    case LINUX_PR_GET_KEEPCAPS: return t->keepcaps;
    case LINUX_PR_SET_KEEPCAPS:
        if (a->arg[1] > 1)
            return -EINVAL;
        if (t->cred->securebits & SECBIT_KEEP_CAPS_LOCKED)
            return -EPERM;
        t->keepcaps = a->arg[1];
        return 0;
    case LINUX_PR_CAPBSET_READ:
        return a->arg[1] > LINUX_CAP_LAST_CAP ? -EINVAL
                                              : (t->cred->cap_bset & LINUX_CAP_BIT(a->arg[1])) != 0;
    case LINUX_PR_CAPBSET_DROP: return bset_drop(t, a->arg[1]);
    case LINUX_PR_GET_SECUREBITS: return t->cred->securebits | (t->keepcaps ? SECBIT_KEEP_CAPS : 0);
    case LINUX_PR_SET_SECUREBITS: return set_securebits(t, a->arg[1]);
    case LINUX_PR_SET_NO_NEW_PRIVS:
        if (a->arg[1] != 1 || !rest_zero(a, 2))
            return -EINVAL;
        t->no_new_privs = true;
        return 0;
    case LINUX_PR_GET_NO_NEW_PRIVS: return rest_zero(a, 1) ? t->no_new_privs : -EINVAL;
    case LINUX_PR_CAP_AMBIENT: return ambient(t, a);
    default: return -EINVAL;
    }
}

/* The host does it, for the process that runs the program. */
static int64_t thp_disable(struct task *t, const struct sys_args *a)
{
    if (!rest_zero(a, 2))
        return -EINVAL;
    if (t->restart.again) {
        if (!task_sync_result(t))
            t->tg->thp_disable = a->arg[1];
        return task_sync_result(t);
    }
    if (platform_stop(t->thread) != STOP_CONTEXT)
        return -EINVAL;
    int err = task_native_call(t, LINUX_SYS_prctl, a->arg);
    return err ? err : task_sync(t);
}

static int64_t set_mdwe(struct task *t, const struct sys_args *a)
{
    const uint64_t bits = a->arg[1];
    if (!rest_zero(a, 2) ||
        (bits & ~(uint64_t)(LINUX_PR_MDWE_REFUSE_EXEC_GAIN | LINUX_PR_MDWE_NO_INHERIT)) ||
        bits == LINUX_PR_MDWE_NO_INHERIT)
        return -EINVAL;
    if (t->mm->mdwe && t->mm->mdwe != bits)
        return -EPERM; /* not taken back */
    t->mm->mdwe = (uint32_t)bits;
    return 0;
}

static int64_t mce_kill(struct task *t, const struct sys_args *a)
{
    static const uint8_t show[] = {LINUX_PR_MCE_KILL_DEFAULT, LINUX_PR_MCE_KILL_LATE,
                                   LINUX_PR_MCE_KILL_EARLY};
    if (arg_int(a, 0) == LINUX_PR_MCE_KILL_GET)
        return rest_zero(a, 1) ? show[t->mce_kill] : -EINVAL;
    if (!rest_zero(a, 3))
        return -EINVAL;
    if (a->arg[1] == LINUX_PR_MCE_KILL_CLEAR && !a->arg[2])
        t->mce_kill = 0;
    else if (a->arg[1] == LINUX_PR_MCE_KILL_SET && a->arg[2] <= LINUX_PR_MCE_KILL_DEFAULT)
        t->mce_kill = a->arg[2] == LINUX_PR_MCE_KILL_LATE    ? 1
                      : a->arg[2] == LINUX_PR_MCE_KILL_EARLY ? 2
                                                             : 0;
    else
        return -EINVAL;
    return 0;
}

static int64_t io_flusher(struct task *t, const struct sys_args *a)
{
    bool get = arg_int(a, 0) == LINUX_PR_GET_IO_FLUSHER;
    if (!task_capable(t, LINUX_CAP_SYS_RESOURCE))
        return -EPERM;
    if (!rest_zero(a, get ? 1 : 2) || a->arg[1] > 1)
        return -EINVAL;
    if (!get)
        t->io_flusher = a->arg[1];
    return get ? t->io_flusher : 0;
}

/* Nothing is promised: speculation goes on as the host has it, and is not for the program to set. */
static int64_t speculation(const struct sys_args *a)
{
    bool get = arg_int(a, 0) == LINUX_PR_GET_SPECULATION_CTRL;
    if (!rest_zero(a, get ? 2 : 3))
        return -EINVAL;
    if (a->arg[1] > LINUX_PR_SPEC_L1D_FLUSH)
        return -ENODEV;
    return get ? (int64_t)LINUX_PR_SPEC_ENABLE : -ENXIO;
}

int64_t sys_prctl(struct task *t, const struct sys_args *a)
{
    struct uaddr p = arg_uaddr(a, 1);
    switch (arg_int(a, 0)) {
    case LINUX_PR_SET_PDEATHSIG:
        if (a->arg[1] > LINUX_NSIG)
            return -EINVAL;
        t->pdeath_signal = (uint8_t)a->arg[1];
        return 0;
    case LINUX_PR_GET_PDEATHSIG: return copy_out_u32(t, p, t->pdeath_signal);
    case LINUX_PR_GET_DUMPABLE: return t->mm->dumpable;
    case LINUX_PR_SET_DUMPABLE: return set_dumpable(t, a->arg[1]);
    case LINUX_PR_SET_NAME: return set_name(t, p);
    case LINUX_PR_GET_NAME: return copy_out(t, p, t->comm, sizeof(t->comm));
    case LINUX_PR_SET_TIMERSLACK:
        t->timer_slack_ns = (int64_t)a->arg[1] <= 0
                                ? t->timer_slack_default_ns
                                : (uint32_t)MIN(a->arg[1], (uint64_t)UINT32_MAX);
        return 0;
    case LINUX_PR_GET_TIMERSLACK: return t->timer_slack_ns;
    case LINUX_PR_SET_CHILD_SUBREAPER: t->tg->child_subreaper = a->arg[1] != 0; return 0;
    case LINUX_PR_GET_CHILD_SUBREAPER: return copy_out_u32(t, p, t->tg->child_subreaper);
    case LINUX_PR_GET_TID_ADDRESS: return copy_out_u64(t, p, t->clear_child_tid);
    case LINUX_PR_GET_TSC: return copy_out_u32(t, p, LINUX_PR_TSC_ENABLE);
    case LINUX_PR_SET_TSC: return a->arg[1] == LINUX_PR_TSC_ENABLE ? 0 : -EINVAL;
    case LINUX_PR_GET_SECCOMP: return t->seccomp_mode;
    case LINUX_PR_SET_SECCOMP: return prctl_set_seccomp(t, a);
    case LINUX_PR_SET_MM: return prctl_set_mm(t, a);
    case LINUX_PR_GET_AUXV: return prctl_get_auxv(t, a);
    case LINUX_PR_GET_TIMING: return LINUX_PR_TIMING_STATISTICAL;
    case LINUX_PR_SET_TIMING: return a->arg[1] == LINUX_PR_TIMING_STATISTICAL ? 0 : -EINVAL;
    case LINUX_PR_TASK_PERF_EVENTS_DISABLE: /* there are none */
    case LINUX_PR_TASK_PERF_EVENTS_ENABLE: return 0;
    case LINUX_PR_GET_THP_DISABLE: return rest_zero(a, 1) ? t->tg->thp_disable : -EINVAL;
    case LINUX_PR_SET_THP_DISABLE: return thp_disable(t, a);
    case LINUX_PR_GET_MDWE: return rest_zero(a, 1) ? (int64_t)t->mm->mdwe : -EINVAL;
    case LINUX_PR_SET_MDWE: return set_mdwe(t, a);
    case LINUX_PR_MCE_KILL:
    case LINUX_PR_MCE_KILL_GET: return mce_kill(t, a);
    case LINUX_PR_SET_IO_FLUSHER:
    case LINUX_PR_GET_IO_FLUSHER: return io_flusher(t, a);
    case LINUX_PR_GET_SPECULATION_CTRL:
    case LINUX_PR_SET_SPECULATION_CTRL: return speculation(a);
    case LINUX_PR_SET_SYSCALL_USER_DISPATCH: /* PR_SYS_DISPATCH_OFF only: calls are caught by the kernel */
        return rest_zero(a, 1) ? 0 : -EINVAL;
    default: return privileges(t, a);
    }
}
