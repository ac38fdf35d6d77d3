/* sentry/syscalls/ipc_poll.h - the end of ppoll, select and pselect6. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

struct task;

/* The call ends with r: writes the time that is left to addr (if not null and r is not -EBLOCKED). timeval: struct timeval, else
 * struct timespec. -ERESTARTSYS becomes -ERESTARTNOHAND, or -EINTR if the time could not be written. */
int64_t timeout_finish(struct task *t, int64_t r, int64_t timeout_ns, struct uaddr addr,
                       bool timeval);
