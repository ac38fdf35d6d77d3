#include "sentry/time/timer.h"

#include "base/checked.h"
#include "host/clock.h"

#include <time.h>

static int64_t host_clock_ns(clockid_t id)
{
    struct timespec ts = {0};
    if (host_clock_read(id, &ts) < 0)
        return 0;
    return saturating_ns(ts.tv_sec, ts.tv_nsec);
}

int64_t clock_monotonic_ns(void) { return host_clock_ns(CLOCK_MONOTONIC); }

int64_t clock_realtime_ns(void) { return host_clock_ns(CLOCK_REALTIME); }

int64_t clock_boottime_ns(void) { return host_clock_ns(CLOCK_BOOTTIME); }
