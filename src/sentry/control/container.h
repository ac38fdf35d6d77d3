/* sentry/control/container.h - one container: its first process and what has become of it.
 *
 * Owner    kern()->control. Locks    the kernel lock.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "wire/control_call.h"

struct boot_config;
struct task;

struct container {
    char id[CALL_ID_MAX + 1];
    const struct boot_config *cfg; /* lives as long as the process */
    struct task *first;            /* counted; the one it was started with: see container_task() */
    bool started;                  /* its program was loaded */
    bool starting;                 /* and is being */
    bool paused;
    bool ended;
};

/* By name; "" is the only one. NULL: none of that name. */
struct container *container_find(const char *id);
/* A thread of the first process that has its files, if one is left: threads end, and another may have executed a program. Not counted. */
struct task *container_task(const struct container *c);
enum call_status container_status(const struct container *c);
