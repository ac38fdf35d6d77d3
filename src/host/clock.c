#include "host/clock.h"

#include <errno.h>

int host_clock_read(clockid_t clock, struct timespec *ret)
{
    return clock_gettime(clock, ret) < 0 ? -EINVAL : 0;
}
