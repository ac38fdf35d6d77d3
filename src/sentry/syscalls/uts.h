/* sentry/syscalls/uts.h - what programs are told about the kernel they run on. */
#pragma once

#define UTS_SYSNAME "Linux"
#define UTS_RELEASE "6.12.0"
#define UTS_VERSION "#1 SMP PREEMPT_DYNAMIC cvisor"
#define UTS_MACHINE "x86_64"
