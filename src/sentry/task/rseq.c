#include "sentry/task/rseq.h"

#include "abi/syscall_nr.h"
#include "base/err.h"
#include "sentry/task/run.h"
#include "sentry/task/task.h"

#define UNREGISTER 1u

static int ask_host(struct task *t, uint64_t addr, uint32_t len, uint32_t flags, uint32_t sig)
{
    const uint64_t args[6] = {addr, len, flags, sig};
    return task_native_call(t, LINUX_SYS_rseq, args);
}

int64_t rseq_call(struct task *t, uint64_t addr, uint32_t len, uint32_t flags, uint32_t sig)
{
    if (!t->restart.again) {
        if (platform_stop(t->thread) != STOP_CONTEXT)
            return -EINVAL;
        int err = ask_host(t, addr, len, flags, sig);
        return err ? err : task_sync(t);
    }
    int err = task_sync_result(t);
    if (err)
        return err;
    t->rseq_addr = flags & UNREGISTER ? 0 : addr;
    t->rseq_len = len;
    t->rseq_sig = sig;
    return 0;
}

int rseq_forget(struct task *t)
{
    if (!t->rseq_addr)
        return 0;
    uint64_t addr = t->rseq_addr;
    t->rseq_addr = 0;
    return ask_host(t, addr, t->rseq_len, UNREGISTER, t->rseq_sig);
}
