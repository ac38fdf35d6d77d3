/* abi/time.h - clocks, timers and the shapes of time.
 *
 * Spec     clock_gettime(2), timer_create(2), timerfd_create(2), setitimer(2), adjtimex(2),
 *          times(2).
 */
#ifndef CVISOR_ABI_TIME_H
#define CVISOR_ABI_TIME_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_CLOCK_REALTIME           0
#define LINUX_CLOCK_MONOTONIC          1
#define LINUX_CLOCK_PROCESS_CPUTIME_ID 2
#define LINUX_CLOCK_THREAD_CPUTIME_ID  3
#define LINUX_CLOCK_MONOTONIC_RAW      4
#define LINUX_CLOCK_REALTIME_COARSE    5
#define LINUX_CLOCK_MONOTONIC_COARSE   6
#define LINUX_CLOCK_BOOTTIME           7
#define LINUX_CLOCK_REALTIME_ALARM     8
#define LINUX_CLOCK_BOOTTIME_ALARM     9
#define LINUX_CLOCK_TAI                11
#define LINUX_ITIMER_REAL              0
#define LINUX_ITIMER_VIRTUAL           1
#define LINUX_ITIMER_PROF              2
#define LINUX_TIMER_ABSTIME            1
#define LINUX_TFD_NONBLOCK             0x800U
#define LINUX_TFD_CLOEXEC              0x80000U
#define LINUX_TFD_TIMER_ABSTIME        0x1U
#define LINUX_TFD_TIMER_CANCEL_ON_SET  0x2U
#define LINUX_TFD_IOC_SET_TICKS        0x40085400U

/* A dynamic clock id packs ~pid (or ~fd) << 3 with these low bits. */
#define LINUX_CPUCLOCK_PERTHREAD_MASK 4
#define LINUX_CPUCLOCK_CLOCK_MASK     3
#define LINUX_CPUCLOCK_PROF           0
#define LINUX_CPUCLOCK_VIRT           1
#define LINUX_CPUCLOCK_SCHED          2
#define LINUX_CLOCKFD                 3

/* tv_nsec of utimensat(2). */
#define LINUX_UTIME_NOW  0x3fffffff
#define LINUX_UTIME_OMIT 0x3ffffffe

struct linux_timespec {
    int64_t tv_sec;
    int64_t tv_nsec;
};
static_assert(sizeof(struct linux_timespec) == 16, "struct timespec");

struct linux_timeval {
    int64_t tv_sec;
    int64_t tv_usec;
};
static_assert(sizeof(struct linux_timeval) == 16, "struct timeval");

struct linux_itimerspec {
    struct linux_timespec it_interval;
    struct linux_timespec it_value;
};
static_assert(sizeof(struct linux_itimerspec) == 32, "struct itimerspec");

struct linux_itimerval {
    struct linux_timeval it_interval;
    struct linux_timeval it_value;
};
static_assert(sizeof(struct linux_itimerval) == 32, "struct itimerval");

struct linux_timezone {
    int32_t tz_minuteswest;
    int32_t tz_dsttime;
};
static_assert(sizeof(struct linux_timezone) == 8, "struct timezone");

struct linux_utimbuf {
    int64_t actime;
    int64_t modtime;
};
static_assert(sizeof(struct linux_utimbuf) == 16, "struct utimbuf");

/* In ticks of LINUX_USER_HZ. */
struct linux_tms {
    int64_t tms_utime;
    int64_t tms_stime;
    int64_t tms_cutime;
    int64_t tms_cstime;
};
static_assert(sizeof(struct linux_tms) == 32, "struct tms");

struct linux_timex {
    uint32_t modes;
    uint32_t pad0;
    int64_t offset;
    int64_t freq;
    int64_t maxerror;
    int64_t esterror;
    int32_t status;
    uint32_t pad1;
    int64_t constant;
    int64_t precision;
    int64_t tolerance;
    struct linux_timeval time;
    int64_t tick;
    int64_t ppsfreq;
    int64_t jitter;
    int32_t shift;
    uint32_t pad2;
    int64_t stabil;
    int64_t jitcnt;
    int64_t calcnt;
    int64_t errcnt;
    int64_t stbcnt;
    int32_t tai;
    int32_t reserved[11];
};
static_assert(sizeof(struct linux_timex) == 208, "struct timex");
static_assert(offsetof(struct linux_timex, time) == 72, "struct timex");

#define LINUX_ADJ_OFFSET_SINGLESHOT 0x8001U
#define LINUX_ADJ_OFFSET_SS_READ    0xa001U
#define LINUX_ADJ_ADJTIME           0x8000U
#define LINUX_ADJ_OFFSET_READONLY   0x2000U

/* adjtimex(2) states and status bits that a read-only clock reports. */
#define LINUX_TIME_OK    0
#define LINUX_TIME_ERROR 5
#define LINUX_STA_UNSYNC 0x0040U

#endif
