/* host/filter.h - the seccomp filters made at build time from calls.def.
 *
 * Context  once, at the end of a process's start phase; no_new_privs must be set. Covers all threads (TSYNC).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

enum host_filter { HOST_FILTER_SENTRY, HOST_FILTER_GOFER };

enum host_filter_flag {
    HOST_FILTER_NET = 1u << 0,    /* sentry: rows of SENTRY_NET */
    HOST_FILTER_WRITE = 1u << 1,  /* sentry: rows of SENTRY_WRITE and SENTRY_DIRECT */
    HOST_FILTER_TRAP = 1u << 2,   /* debugging: a forbidden call raises SIGSYS instead of killing */
    HOST_FILTER_PTRACE = 1u << 3, /* sentry: rows of SENTRY_PTRACE */
    HOST_FILTER_DIRECT = 1u << 4, /* sentry: rows of SENTRY_DIRECT */
    HOST_FILTER_UDS = 1u << 5,    /* rows of SENTRY_UDS or GOFER_UDS */
};

/* -EINVAL no filters in this kernel, or no_new_privs missing (-EACCES); -ESRCH a thread could not be synchronised. */
NODISCARD int host_filter_install(enum host_filter which, uint32_t flags);

/* Names forbidden calls on fd, then ends the process; for HOST_FILTER_TRAP. False: not in this (release) build. */
NODISCARD bool host_trap_start(int fd);
