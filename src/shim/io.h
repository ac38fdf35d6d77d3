/* shim/io.h - the streams of a process: containerd's FIFOs, files, a logging program, a terminal.
 *
 * Owner    a process owns its struct io, which owns all descriptors. child[] goes to the runtime's command and is closed after it.
 * Streams  "" is /dev/null; a path or fifo:// a FIFO (or file) that exists; file:// is appended to, made with its folders;
 *          binary:///PROGRAM?key=value gets the pipes as descriptors 3 and 4 and closes 5 when it is ready. An empty stderr follows a
 *          stdout of the last two. As in containerd's own shims, outputs are opened once somebody reads them, our end
 *          of reading keeps them open over a client's absence, and our end of writing keeps stdin open until CloseIO.
 */
#pragma once
#include <stdbool.h>

#include "shim/loop.h"
#include "shim/relay.h"

struct io;
/* error: 0 or -errno; what says which part failed. */
typedef void (*io_fn)(void *arg, int error, const char *what);

struct io_spec {
    const char *in, *out, *err;
    bool terminal;
    uint32_t uid, gid;          /* owner of pipes */
    const char *id, *namespace; /* for the logging program */
};

/* ready is called once, perhaps before this returns; the paths of spec are copied. *ret_io is NULL after -ENOMEM. */
NODISCARD int io_open(struct loop *l, const struct io_spec *spec, io_fn ready, void *arg,
                      struct io **ret_io);
/* Ends everything; a pending ready or finished is not called. NULL is harmless. Returns NULL. */
struct io *io_free(struct io *io);

/* The descriptors for the process, -1: /dev/null. Valid until io_child_close(). */
void io_child(const struct io *io, int ret_fds[3]);
void io_child_close(struct io *io);
/* The terminal's master, which becomes ours. -errno. */
NODISCARD int io_console(struct io *io, int master);
/* 0 also if there is no terminal. -errno. */
NODISCARD int io_resize(struct io *io, uint32_t width, uint32_t height);
void io_close_stdin(struct io *io);

/* The process has ended: finished is called when what it wrote was passed on, or after two seconds. Perhaps before this
 * returns. */
void io_finish(struct io *io, void (*finished)(void *arg), void *arg);
