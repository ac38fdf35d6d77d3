/* shim/logger.h - a program that takes a container's output (binary://).
 *
 * Owner    a logger frees itself when its program has ended; it outlives the container's streams by at most LOGGER_LINGER_NS, then
 *          gets SIGTERM, then SIGKILL.
 */
#pragma once
#include "shim/loop.h"
#include "shim/uri.h"

#define LOGGER_LINGER_NS (INT64_C(12) * 1000000000)
#define LOGGER_START_NS  (INT64_C(30) * 1000000000)

struct logger;
typedef void (*logger_fn)(void *arg, int error);

/* ret_fds: where stdout and stderr go, the caller's. ready is called once the program said so: 0, -ETIMEDOUT, or -ECHILD: it ended
 * before. -errno of starting it. */
NODISCARD int logger_start(struct loop *l, const struct uri *u, const char *id,
                           const char *namespace, logger_fn ready, void *arg, int ret_fds[2],
                           struct logger **ret_logger);
/* The caller has closed what it writes to and is not interested any more; ready is not called. */
void logger_leave(struct logger *g);
