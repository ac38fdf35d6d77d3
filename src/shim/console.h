/* shim/console.h - the socket on which the runtime hands over the master of a terminal (--console-socket).
 *
 * Owner    the caller; console_done() removes the socket.
 */
#pragma once
#include <limits.h>

#include "base/compiler.h"

struct console {
    int fd;        /* listening; valid if path is not "" */
    char path[64]; /* "" if there is none */
};

/* -errno. */
NODISCARD int console_open(struct console *c);
/* After the runtime has ended: the descriptor that it sent, the caller's. -ENODATA it sent none. */
NODISCARD int console_take(struct console *c);
/* Harmless for zeroed memory. */
void console_done(struct console *c);
