/* sentry/control/control.h - the sandbox as runsc and the shim see it: requests on the control socket, the container's life.
 *
 * What     a listening socket was handed over at boot. Each connection carries requests (wire/control_call.h), answered one by one;
 *          answers that must wait (CALL_WAIT) come when what they wait for has happened.
 * Owner    kern()->control holds connections and containers.
 * Locks    the kernel lock; handlers that walk paths may drop it, their connection stays.
 * Trust    who can connect to the socket is root outside; requests are still checked (mistakes, other versions).
 * Limits   CONNECTIONS_MAX at once, more are turned away.
 */
#pragma once
#include <stdint.h>

#include "base/compiler.h"

struct boot_config;
struct task;

/* first: the first process, with its program if not cfg->wait_start. Before the filter. -errno: the socket cannot be watched. */
NODISCARD int control_start(const struct boot_config *cfg, struct task *first);

/* The first process is gone, and so is everything: whoever waits is told. */
void control_end(int32_t wait_status);
