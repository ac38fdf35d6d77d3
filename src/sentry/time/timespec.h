/* sentry/time/timespec.h - the application's shapes of time, checked and in ns. */
#pragma once
#include "abi/time.h"
#include "base/checked.h"
#include "base/types.h"

static inline bool timespec_valid(const struct linux_timespec *ts)
{
    return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < NSEC_PER_SEC;
}

static inline bool timeval_valid(const struct linux_timeval *tv)
{
    return tv->tv_sec >= 0 && tv->tv_usec >= 0 && tv->tv_usec < USEC_PER_SEC;
}

/* Saturating. */
static inline int64_t timespec_ns(const struct linux_timespec *ts)
{
    return saturating_ns(ts->tv_sec, ts->tv_nsec);
}

static inline int64_t timeval_ns(const struct linux_timeval *tv)
{
    return saturating_ns(tv->tv_sec, tv->tv_usec * NSEC_PER_USEC);
}

static inline struct linux_timespec timespec_of(int64_t ns)
{
    return (struct linux_timespec){.tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC};
}

static inline struct linux_timeval timeval_of(int64_t ns)
{
    return (struct linux_timeval){.tv_sec = ns / NSEC_PER_SEC,
                                  .tv_usec = ns % NSEC_PER_SEC / NSEC_PER_USEC};
}
