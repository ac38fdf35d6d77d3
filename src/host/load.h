/* host/load.h - how busy the whole host is.
 *
 * Owner    one descriptor a process, kept until it ends.
 * Spec     proc_loadavg(5); sysfs-devices-system-cpu.
 */
#pragma once
#include "base/compiler.h"

/* While the host's /proc and /sys are there. -errno: what open(2) says; host_running() is -EBADF then. */
NODISCARD int host_load_open(void);
/* Threads that run or wait for a CPU, the caller among them; any thread. 1.3 us. -EBADF, -EIO. */
NODISCARD int host_running(void);
/* CPUs that the host has on line, as seen by host_load_open(). 0: not known. */
int host_cpus(void);
