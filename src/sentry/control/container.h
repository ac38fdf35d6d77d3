/* sentry/control/container.h - one container: its first process and what has become of it.
 *
 * What     The sandbox's first container ends with the sandbox. A further one (CALL_CREATE, life.c) has its own gofer, mounts and, as
 *          asked for, namespaces; its end is that of its first process and of all others in it, and ends its gofer too, whose exit
 *          status is the container's.
 * Owner    kern()->control; a request that is handled counts it (users). Locks    the kernel lock.
 *
 * I1  a further container is in the list from CALL_CREATE to CALL_DESTROY; "making" until it is whole.
 * I2  ended: set, gofer and first are let go.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "sentry/io/hostfile.h"
#include "sentry/task/wait.h"
#include "sentry/time/timer.h"
#include "wire/control_call.h"

struct boot_config;
struct conn;
struct gofer_conn;
struct nsset;
struct task;
struct tgroup;

struct container {
    struct list_node node;
    char id[CALL_ID_MAX + 1];
    const struct boot_config *cfg; /* lives as long as the container */
    struct task *first;            /* counted; as it was made: its threads may be others by now */
    struct nsset *set;             /* counted */
    bool started;                  /* its program was loaded */
    bool starting;                 /* and is being */
    bool tried;                    /* a start was: the descriptors in cfg are gone */
    bool paused;
    bool ended;
    int32_t wait_status;             /* ended */
    int64_t cpu_user_ns, cpu_sys_ns; /* that were told last: never less */
    uint64_t memory_max;             /* that was told */

    /* Of a further one. */
    bool further, making;
    struct gofer_conn *gofer; /* counted */
    struct hostwatch gofer_watch;
    struct exec_blob *config; /* owned: what cfg points into */
    struct waiter end_wait;   /* on the first process, then on others of it */
    struct tgroup *awaited;   /* counted; whose end is waited for */
    struct timer end_timer;
    int64_t end_deadline_ns; /* for connections that have just been told of an end; 0: none yet */
    uint32_t users;
    bool doomed;            /* CALL_DESTROY: freed at its end */
    struct conn *destroyer; /* owes the answer; NULL: gone */
    uint32_t zygote;        /* platform_zygote_new(); 0: none */
    struct conn *creator;   /* owes the answer of CALL_CREATE; NULL: gone, or given */
};

/* By name; "" is the first one. NULL: none of that name. */
struct container *container_find(const char *id);
/* A task that looks at files as the container does. NULL: none lives. Not counted. */
struct task *container_task(const struct container *c);
enum call_status container_status(const struct container *c);
