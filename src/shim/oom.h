/* shim/oom.h - the news that the host killed a process of a container for want of memory.
 *
 * Owner    the caller embeds a watch. Version 1 tells by an eventfd, version 2 by EPOLLPRI on memory.events; both count kills.
 */
#pragma once
#include "shim/loop.h"
#include "shim/metrics.h"

struct oom_watch {
    struct loop *loop; /* NULL: not watching */
    struct watch watch;
    int event_fd, control_fd, count_fd; /* -1: not used by this version */
    uint64_t kills;
    void (*fn)(struct oom_watch *w);
};

/* -ENODATA no memory controller, -errno. */
NODISCARD int oom_watch_start(struct oom_watch *w, struct loop *l, const struct metrics *m,
                              void (*fn)(struct oom_watch *w));
/* Calls fn if there were kills that were not told of. Harmless if not watching. */
void oom_watch_check(struct oom_watch *w);
void oom_watch_stop(struct oom_watch *w);
