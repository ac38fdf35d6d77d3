#include "host/clock.h"

#include <errno.h>
#include <sched.h>

int host_clock_read(clockid_t clock, struct timespec *ret)
{
    return clock_gettime(clock, ret) < 0 ? -EINVAL : 0;
}

int host_cpu(void)
{
    int cpu = sched_getcpu();
    return cpu < 0 ? -EINVAL : cpu;
}
