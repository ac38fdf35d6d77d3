/* shim/relay.h - copying between two descriptors until the first ends: splice(2) between pipes, a buffer where that cannot be.
 *
 * Owner    a relay owns its descriptors from relay_start() on, whatever that returns; it closes them when it ends.
 * Context  the loop; never blocks, except in writes to a disk.
 *
 * I1  At most one of in and out is watched: in while there is nothing to write, out while it takes nothing.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "shim/loop.h"

struct relay {
    struct loop *loop;
    struct watch watch;
    int in, out, hold; /* hold: kept open as long, or -1 */
    bool active, finishing, waits_out;
    char *buf; /* NULL: splice */
    size_t len, off;
    void (*ended)(void *arg); /* may be NULL */
    void *arg;
};

/* terminal: neither side is spliced. -ENOMEM, -errno of epoll. */
NODISCARD int relay_start(struct relay *r, struct loop *l, int in, int out, int hold, bool terminal,
                          void (*ended)(void *arg), void *arg);
/* Nothing more will come: ends once what is there now was passed on. */
void relay_finish(struct relay *r);
/* At once. Harmless for zeroed memory and for one that ended. */
void relay_stop(struct relay *r);
