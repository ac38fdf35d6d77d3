/* host/host_types.h - the host's own types, for the prototypes of calls.h. */
#pragma once
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/compiler.h"

/* Younger than the libc headers; one number on all architectures. */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
