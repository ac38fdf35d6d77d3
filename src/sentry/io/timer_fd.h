/* sentry/io/timer_fd.h - when the I/O thread must run timers. */
#pragma once
#include <stdint.h>

/* The earliest deadline (CLOCK_MONOTONIC ns, TIME_NONE) has changed. Kernel lock held. */
void io_timer_arm(int64_t deadline_ns);
