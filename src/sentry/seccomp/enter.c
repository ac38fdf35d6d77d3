/* A call at its entry; what the host's threads have to know. */
#include <errno.h>

#include "abi/signal.h"
#include "abi/wait.h"
#include "base/log.h"
#include "sentry/seccomp/bpf.h"
#include "sentry/seccomp/seccomp.h"
#include "sentry/signal/signal.h"

/* The strictest answer, of the newest filter among equals: actions compare as signed numbers. */
static uint32_t answer_of(const struct seccomp_filter *f, const struct linux_seccomp_data *d,
                          const struct seccomp_filter **ret_match)
{
    uint32_t best = LINUX_SECCOMP_RET_ALLOW;
    for (; f; f = f->before) {
        uint32_t a = bpf_run(f->insn, f->len, d);
        if ((int32_t)(a & LINUX_SECCOMP_RET_ACTION_FULL) <
            (int32_t)(best & LINUX_SECCOMP_RET_ACTION_FULL)) {
            best = a;
            *ret_match = f;
        }
    }
    return best;
}

static void kill_thread(struct task *t, int signo)
{
    if (t->tg->ntasks == 1) {
        tgroup_exit(t->tg, signo);
    } else if (!t->tg->group_exit && t == t->tg->leader) {
        t->tg->wait_status = signo;
    }
    t->exiting = true;
}

static void trap(struct task *t, uint32_t data, uint64_t ip)
{
    struct linux_siginfo info = {
        .si_signo = LINUX_SIGSYS, .si_errno = (int32_t)data, .si_code = LINUX_SYS_SECCOMP};
    info.sys.call_addr = ip;
    info.sys.syscall = (int32_t)t->sysno;
    info.sys.arch = LINUX_AUDIT_ARCH_X86_64;
    signal_force(t, &info);
}

bool seccomp_enter_slow(struct task *t, int64_t *ret)
{
    const struct seccomp_filter *match = NULL;
    struct linux_seccomp_data d = {.nr = (int32_t)t->sysno,
                                   .arch = LINUX_AUDIT_ARCH_X86_64,
                                   .instruction_pointer = platform_call_ip(t->thread)};
    for (int i = 0; i < 6; i++)
        d.args[i] = t->args.arg[i];
    uint32_t answer = answer_of(t->seccomp, &d, &match);
    uint32_t action = answer & LINUX_SECCOMP_RET_ACTION_FULL;
    uint32_t data = answer & LINUX_SECCOMP_RET_DATA;
    if (action == LINUX_SECCOMP_RET_ALLOW)
        return true;
    if (action == LINUX_SECCOMP_RET_LOG || (match && match->log))
        LOGD("seccomp: tid=%d nr=%lld answer=%#x", t->tid, (long long)t->sysno, answer);
    switch (action) {
    case LINUX_SECCOMP_RET_LOG: return true;
    case LINUX_SECCOMP_RET_ERRNO: *ret = -(int64_t)(data < 4095 ? data : 4095); break;
    case LINUX_SECCOMP_RET_TRACE: /* nobody traces */
    case LINUX_SECCOMP_RET_USER_NOTIF: /* nobody listens */ *ret = -ENOSYS; break;
    case LINUX_SECCOMP_RET_TRAP:
        trap(t, data, d.instruction_pointer);
        *ret = (int64_t)t->sysno; /* the registers are those before the call */
        break;
    case LINUX_SECCOMP_RET_KILL_THREAD:
        kill_thread(t, t->seccomp_mode == LINUX_SECCOMP_MODE_STRICT ? LINUX_SIGKILL : LINUX_SIGSYS);
        break;
    default:
        tgroup_exit(t->tg, LINUX_SIGSYS);
        t->exiting = true;
        break;
    }
    return false;
}

bool seccomp_host_behind(struct task *t)
{
    for (const struct seccomp_filter *f = t->seccomp; f != t->seccomp_host; f = f->before)
        if (f->host_len)
            return true;
    t->seccomp_host = t->seccomp;
    return false;
}

bool seccomp_host_add(struct task *t)
{
    while (seccomp_host_behind(t)) {
        const struct seccomp_filter *f = t->seccomp;
        while (f->before != t->seccomp_host)
            f = f->before;
        if (f->host_len) {
            t->mm_undo = (struct mm_undo){.op = MM_OP_ADVISE};
            int err = platform_filter(t->thread, f->insn + f->len, f->host_len);
            if (err == -ENOSPC)
                return false;
            if (err) {
                tgroup_exit(t->tg, LINUX_SIGKILL);
                return true;
            }
        }
        t->seccomp_host = f;
    }
    return true;
}
