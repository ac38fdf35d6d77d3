/* sentry/task/reap.h - waiting for children: the work of wait4 and waitid.
 *
 * Locks    the kernel lock.
 * Spec     wait(2), waitid(2).
 */
#pragma once
#include <stdint.h>

#include "abi/resource.h"
#include "base/compiler.h"

struct task;
struct tgroup;

struct wait_request {
    int idtype; /* LINUX_P_ALL, P_PID, P_PGID */
    int32_t id;
    uint32_t options; /* LINUX_WEXITED.. */
    bool nohang;
    bool again; /* a descriptor that does not block: -EAGAIN instead of nothing */
};
struct wait_result {
    int32_t pid; /* as the caller sees it; 0: nothing yet (nohang) */
    uint32_t uid;
    int code;       /* LINUX_CLD_* */
    int32_t status; /* as wait(2) */
    struct linux_rusage rusage;
};
/* 0 or -ECHILD, -EBLOCKED, -ERESTARTSYS. */
NODISCARD int child_wait(struct task *t, const struct wait_request *q, struct wait_result *ret);
/* who: LINUX_RUSAGE_SELF, CHILDREN or THREAD (of t). host: what it says of t's thread or process (task_ask_rusage). */
void rusage_fill(struct task *t, int who, const struct linux_rusage *host,
                 struct linux_rusage *ret);
