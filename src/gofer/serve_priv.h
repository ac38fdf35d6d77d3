/* gofer/serve_priv.h - shared by the files that answer requests.
 *
 * Trust    struct server's request was checked by wire/gofer.c; what it names may be anything, and may change at any time.
 * Locks    none: one thread, one request at a time.
 *
 * I1  a path is resolved by openat2 beneath a mount and without links, or is one name below a descriptor got that way,
 *     with a call that does not follow a link.
 * I2  no descriptor is open between two requests but the sockets and the mounts.
 * I3  no device node is made or opened; FIFOs and sockets only as server.access permits.
 */
#pragma once
#include <linux/stat.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "host/host.h"
#include "wire/gofer.h"

struct server {
    const struct gofer_mount *mounts;
    unsigned mount_count;
    uint32_t access; /* GOFER_ACCESS_* */
    struct gofer_request request;
    int attached; /* came with the request; -1: nothing */
    struct gofer_reply reply;
    uint8_t data[GOFER_DATA_MAX]; /* what reply.data points to */
};

/* resolve.c: I1. All return a descriptor that the caller closes, or -errno. */
NODISCARD int beneath_open(int dir, const char *path, uint64_t flags);
NODISCARD int path_open(const struct server *s, const struct gofer_path *p, uint64_t flags);
/* The directory of the last component, which *ret_name is. */
NODISCARD int parent_open(const struct server *s, const struct gofer_path *p,
                          const char **ret_name);
/* O_PATH, or the attached descriptor if the request has one (then its own number comes back, and fd_done leaves it open). */
NODISCARD int object_open(const struct server *s, uint64_t flags);
void fd_done(const struct server *s, int fd);
/* Adds to the reply. */
void attr_add(struct server *s, const struct stat *st);
/* Attributes of a descriptor into the reply. */
NODISCARD int attr_of(struct server *s, int fd);

/* names.c */
NODISCARD int do_create(struct server *s);
NODISCARD int do_tmpfile(struct server *s);
NODISCARD int do_make(struct server *s); /* MKDIR, MKNOD, SYMLINK */
NODISCARD int do_link(struct server *s);
NODISCARD int do_unlink(struct server *s);
NODISCARD int do_rename(struct server *s);

/* unix.c. A descriptor, or -errno. */
NODISCARD int do_connect(struct server *s);
NODISCARD int do_bind(struct server *s);
/* What was just made as (dir, name), or is fd (>= 0), gets the request's owner and mode; attributes into the reply. */
NODISCARD int owner_fix(struct server *s, int dir, const char *name, int fd);

/* attr.c */
NODISCARD int mode_set(const struct server *s, int dir, const char *name, uint32_t mode);
NODISCARD int do_setattr(struct server *s);
NODISCARD int do_xattr(struct server *s);
NODISCARD int do_statfs(struct server *s);

/* reply.c: the errors that the protocol lists; anything else is the host's own trouble. */
int error_map(int err);
