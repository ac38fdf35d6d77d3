/* abi/resource.h - limits, usage and priorities.
 *
 * Spec     prlimit(2), getrusage(2), getpriority(2).
 */
#ifndef CVISOR_ABI_RESOURCE_H
#define CVISOR_ABI_RESOURCE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/time.h"

#define LINUX_RLIMIT_CPU        0
#define LINUX_RLIMIT_FSIZE      1
#define LINUX_RLIMIT_DATA       2
#define LINUX_RLIMIT_STACK      3
#define LINUX_RLIMIT_CORE       4
#define LINUX_RLIMIT_RSS        5
#define LINUX_RLIMIT_NPROC      6
#define LINUX_RLIMIT_NOFILE     7
#define LINUX_RLIMIT_MEMLOCK    8
#define LINUX_RLIMIT_AS         9
#define LINUX_RLIMIT_LOCKS      10
#define LINUX_RLIMIT_SIGPENDING 11
#define LINUX_RLIMIT_MSGQUEUE   12
#define LINUX_RLIMIT_NICE       13
#define LINUX_RLIMIT_RTPRIO     14
#define LINUX_RLIMIT_RTTIME     15
#define LINUX_RLIM_NLIMITS      16
#define LINUX_RLIM_INFINITY     0xffffffffffffffffULL
#define LINUX_RUSAGE_SELF       0
#define LINUX_RUSAGE_CHILDREN   (-1)
#define LINUX_RUSAGE_THREAD     1
#define LINUX_PRIO_PROCESS      0
#define LINUX_PRIO_PGRP         1
#define LINUX_PRIO_USER         2

struct linux_rlimit64 {
    uint64_t rlim_cur;
    uint64_t rlim_max;
};
static_assert(sizeof(struct linux_rlimit64) == 16, "struct rlimit64");

struct linux_rusage {
    struct linux_timeval ru_utime;
    struct linux_timeval ru_stime;
    int64_t ru_maxrss; /* KiB */
    int64_t ru_ixrss;
    int64_t ru_idrss;
    int64_t ru_isrss;
    int64_t ru_minflt;
    int64_t ru_majflt;
    int64_t ru_nswap;
    int64_t ru_inblock;
    int64_t ru_oublock;
    int64_t ru_msgsnd;
    int64_t ru_msgrcv;
    int64_t ru_nsignals;
    int64_t ru_nvcsw;
    int64_t ru_nivcsw;
};
static_assert(sizeof(struct linux_rusage) == 144, "struct rusage");
static_assert(offsetof(struct linux_rusage, ru_maxrss) == 32, "struct rusage");

#endif
