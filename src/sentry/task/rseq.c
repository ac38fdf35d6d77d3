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

/* The call's result is 0 unless the host refuses: then rseq_refused() takes it back. */
int64_t rseq_call(struct task *t, uint64_t addr, uint32_t len, uint32_t flags, uint32_t sig)
{
    if (platform_stop(t->thread) != STOP_CONTEXT)
        return -EINVAL;
    int err = ask_host(t, addr, len, flags, sig);
    if (err)
        return err;
    t->restart.u[0] = t->rseq.addr;
    t->restart.u[1] = t->rseq.len | (uint64_t)t->rseq.sig << 32;
    t->rseq = (struct rseq_place){flags & UNREGISTER ? 0 : addr, len, sig};
    return 0;
}

/* Nothing has begun since: what the call remembered is still there. */
void rseq_refused(struct task *t)
{
    const uint64_t *u = t->restart.u;
    t->rseq = (struct rseq_place){u[0], (uint32_t)u[1], (uint32_t)(u[1] >> 32)};
}

int rseq_forget(struct task *t)
{
    const struct rseq_place old = t->rseq;
    t->rseq.addr = 0;
    return old.addr ? ask_host(t, old.addr, old.len, UNREGISTER, old.sig) : 0;
}
