/* gofer/root.h - what the gofer sees: the container's mounts, and nothing else.
 *
 * Context  start phase: fresh user and mount namespaces, capable there.
 */
#pragma once
#include "base/compiler.h"
#include "gofer/gofer.h"

/* The detached mounts become /0, /1 ... of an otherwise empty, read-only root; fd and mount_id of each are set anew. */
NODISCARD int gofer_root_make(struct gofer_mount *mounts, unsigned count);

/* Lets go what the host has mounted at path of the container's root. */
void gofer_root_detach(const char *path);
