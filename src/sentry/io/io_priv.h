/* sentry/io/io_priv.h - the host side of the kernel: descriptor table, epoll, the timer descriptor.
 *
 * Locks    the kernel lock, but for the wait itself.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/types.h"
#include "sentry/io/hostfile.h"

#define TABLE_END   (-1)
#define EVENT_BATCH 32
#define TIMER_EVENT UINT64_MAX

/* epoll names a watch by entry and generation: an event that was fetched for one that is gone finds nobody. */
struct watch_entry {
    struct hostwatch *watch; /* NULL: free */
    uint32_t gen;
    int32_t next; /* free list */
};

struct host_root {
    int32_t *fds; /* the table: a descriptor, or the next free entry as -index - 2 */
    uint32_t cap;
    int32_t free_head; /* -index - 2, TABLE_END: none */
    int epoll_fd;
    int timer_fd;
    int64_t armed_ns; /* what timer_fd waits for, TIME_NONE: nothing */
    bool finished;    /* the sandbox is over */
    int32_t wait_status;
    struct watch_entry *watches;
    uint32_t watch_cap;
    int32_t watch_free; /* -1: none */
};

struct hostwatch *watch_find(struct host_root *h, uint64_t name); /* NULL: gone */

NODISCARD int timer_fd_init(struct host_root *h);
