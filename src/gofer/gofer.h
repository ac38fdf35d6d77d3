/* gofer/gofer.h - the process that sees the container's files.
 *
 * What     `runsc gofer COUNT direct|messages STORES tied|stays|joins [access=N] [DETACH...]`: descriptor 3 is the socket to the sentry, 4 the control socket to
 *          runsc, 5.. are COUNT detached mounts; the first is the container's root, the last STORES are places where
 *          an overlay keeps its data: files without a name can be made there, and nothing else. DETACH: paths below that where the
 *          sentry has file systems of its own; what the host has mounted there is let go. Answers wire/gofer.h until end
 *          of file. access: GOFER_ACCESS_*.
 * End      with its sentry. tied: and with runsc. joins: it stands for a further container of a sandbox, and its exit status is
 *          that container's; 137 if the sandbox ended.
 * Root     an empty read-only tmpfs with the mounts at /0, /1 ... A mount of a single file is at /N/f, and its descriptor is
 *          that of /N (GOFER_FILE_NAME).
 * Trust    the sentry is taken for compromised: docs/gofer-protocol.md. direct: it gets an O_PATH descriptor of each mount.
 * Rights   CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID in a user namespace of its own; no network; seccomp.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define GOFER_FD_SENTRY  3
#define GOFER_FD_CONTROL 4
#define GOFER_FD_MOUNTS  5

struct gofer_mount {
    int fd;            /* O_PATH, a directory */
    bool store;        /* TMPFILE only */
    uint64_t mount_id; /* the host's number of the mount; 0: unknown */
};

_Noreturn void gofer_main(int argc, char **argv);

/* Serves until the peer closes (0), or says that the container has ended (GOFER_ENDED + status); -errno: the socket broke. A message that is not one is answered -EBADMSG.
 * access: with GOFER_ACCESS_UDS the working directory is /proc/self/fd. */
#define GOFER_ENDED 2
NODISCARD int gofer_serve(int socket, const struct gofer_mount *mounts, unsigned mount_count,
                          uint32_t access);
