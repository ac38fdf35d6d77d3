/* gofer/gofer.h - the process that sees the container's files.
 *
 * What     `runsc gofer COUNT [DETACH...]`: descriptor 3 is the socket to the sentry, 4 the control socket to runsc, 5.. are
 *          COUNT detached mounts, the first of which becomes its root. DETACH: paths below the root where the sentry has
 *          file systems of its own; what the host has mounted there is let go. Answers wire/gofer.h until end of file.
 * Trust    the sentry is taken for compromised: every component is checked (wire), the host resolves them beneath the mount
 *          without links, devices cannot be opened (nodev mounts, and only files and directories are).
 * Rights   CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID in a user namespace of its own; no network; seccomp.
 */
#pragma once
#include "base/compiler.h"

#define GOFER_FD_SENTRY  3
#define GOFER_FD_CONTROL 4
#define GOFER_FD_MOUNTS  5

_Noreturn void gofer_main(int argc, char **argv);

/* Serves until the peer closes (0) or breaks the protocol (-EBADMSG). */
NODISCARD int gofer_serve(int socket, const int *mounts, unsigned mount_count);
