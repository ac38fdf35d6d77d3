/* host/msg.h - one message over a seqpacket socket, with descriptors.
 *
 * Owner    received descriptors are the caller's, close-on-exec.
 * Context  blocks unless MSG_DONTWAIT is in flags; -EINTR is retried. Never raises SIGPIPE.
 */
#pragma once
#include <stddef.h>
#include <sys/types.h>

#include "base/compiler.h"

#define HOST_MSG_FDS_MAX 64

/* Sends all of it or nothing: 0, -EPIPE or -ECONNRESET peer gone, -EAGAIN, -EMSGSIZE, -EINVAL too many descriptors. */
NODISCARD int host_msg_send(int fd, const void *data, size_t len, const int *fds, size_t fd_count,
                            int flags);

/* Bytes received, 0 at end of file. More descriptors than fds_max, or a message longer than cap, are -EBADMSG (all
 * descriptors closed). *ret_count is set on success. -EAGAIN with MSG_DONTWAIT. fds may be NULL if fds_max is 0. */
NODISCARD ssize_t host_msg_recv(int fd, void *data, size_t cap, int *fds, size_t fds_max,
                                size_t *ret_count, int flags);
