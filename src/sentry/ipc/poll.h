/* sentry/ipc/poll.h - waiting for several files at once: what poll and select have in common.
 *
 * What     A handler looks at all its files; if none is ready it collects them in a poll_set, which holds a reference to and has a
 *          waiter on each, and parks. The set lives in restart.obj and goes when the handler runs again.
 * Locks    the kernel lock.
 * Spec     poll(2), select(2).
 */
#pragma once
#include <stdint.h>

#include "base/compiler.h"
#include "sentry/task/wait.h"

struct file;

struct poll_entry {
    struct waiter waiter;
    struct file *file; /* counted */
};
struct poll_set {
    uint32_t n, cap;
    struct poll_entry entry[];
};

/* At the start of each run: drops the set of the run before. */
void poll_set_reset(struct task *t);
/* Room for cap files in restart.obj. -ENOMEM. */
NODISCARD int poll_set_begin(struct task *t, uint32_t cap);
/* Adds f (a reference is taken). There is room. */
void poll_set_add(struct task *t, struct file *f, uint32_t events);
/* Parks, with the set queued; without one (cap 0: only the deadline). As task_park; the set is dropped unless -EBLOCKED. */
NODISCARD int poll_set_park(struct task *t, int64_t deadline_ns);
