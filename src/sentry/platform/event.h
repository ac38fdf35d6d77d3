/* sentry/platform/event.h - the worker's side of a platform: wait for a stop, then handle it.
 *
 * Context  platform_wait: one thread at a time (the leader), without the kernel lock, sleeps. platform_handle: kernel lock held;
 *          calls platform_events.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct platform_event {
    uint64_t raw[16];
};

NODISCARD int platform_wait(
    struct platform_event *ret); /* -EINTR, -ENOENT: nothing, again. Other errors: the end */
void platform_handle(const struct platform_event *e);
/* Starts run(NULL), the first worker, on a thread that may wait. -EAGAIN, -ENOMEM. */
NODISCARD int platform_worker_start(void (*run)(void *arg));
/* That thread alone may wait: workers come to it and leave it by the two below, which may return on another thread. */
bool platform_lead_is_fixed(void);
void platform_lead_take(void);
NODISCARD int platform_lead_give(void); /* -EAGAIN, -ENOMEM: this worker keeps it */
