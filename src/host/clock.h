/* host/clock.h - the clocks, and the CPU, that can be read without entering the host kernel.
 *
 * Context  any thread; async-signal-safe.
 */
#pragma once
#include <time.h>

#include "base/compiler.h"

/* As clock_gettime through the vDSO: 20 ns where the call takes ten times that. -EINVAL. */
NODISCARD int host_clock_read(clockid_t clock, struct timespec *ret);
/* The CPU that runs the caller, as sched_getcpu(3); it may be another one by now. -EINVAL: it is not known. */
NODISCARD int host_cpu(void);
