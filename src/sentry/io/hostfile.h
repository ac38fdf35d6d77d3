/* sentry/io/hostfile.h - host descriptors as kernel objects.
 *
 * What     An object names an entry of the table of host descriptors (kern()->host), never a number: a snapshot can remake
 *          them. A watch asks the I/O thread to call back when the host says that a descriptor is ready.
 * Locks    the kernel lock; callbacks run under it.
 * Limits   the host's RLIMIT_NOFILE: -EMFILE from the host becomes -ENFILE here.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"
#include "base/ref.h"

struct hostfile {
    struct ref ref;
    uint32_t slot; /* in the table */
};

NODISCARD int hostfile_adopt(int fd,
                             struct hostfile **ret); /* takes fd, also on failure. -ENOMEM */
NODISCARD int hostfile_new_memfd(const char *name,
                                 struct hostfile **ret); /* empty, growable. -ENOMEM, -ENFILE */
struct hostfile *hostfile_ref(struct hostfile *f);
struct hostfile *hostfile_unref(struct hostfile *f); /* NULL fine; returns NULL; the last closes */
int hostfile_fd(const struct hostfile *f);           /* for a host_ call, right now; do not keep */

/* Level-triggered by default: fn is called while ready, so switch events off (hostwatch_set 0) when nobody waits. */
struct hostwatch {
    struct hostfile *file; /* counted by the watch */
    uint32_t events;       /* LINUX_POLL* bits */
    bool edge;
    bool added;
    uint32_t id; /* entry of the table of watches */
    void (*fn)(struct hostwatch *w, uint32_t events);
};
NODISCARD int hostwatch_add(
    struct hostwatch *w, struct hostfile *f, uint32_t events, bool edge,
    void (*fn)(struct hostwatch *w, uint32_t events)); /* -EPERM: not pollable (a regular file) */
void hostwatch_set(struct hostwatch *w, uint32_t events);
void hostwatch_remove(struct hostwatch *w);
NODISCARD int host_init(void);
/* Random bytes of the host, all or -EIO. */
NODISCARD int host_random(void *buf, size_t size_bytes);
