/* runsc/console.h - terminals for containers: a pty whose master goes to whoever asked, over --console-socket.
 *
 * Spec     what runc does: a connected stream socket, the descriptor with SCM_RIGHTS, its name as bytes.
 */
#pragma once
#include <stdint.h>

#include "base/compiler.h"

/* The replica's descriptor; the master is away. width, height 0: as they come. -errno with err (FLAGS_ERROR_MAX). */
NODISCARD int console_open(const char *socket_path, uint32_t width, uint32_t height, char *err);
