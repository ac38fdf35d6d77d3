/* sentry/syscalls/sock.h - what the handlers of sock_*.c share. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/types.h"
#include "sentry/mm/uio.h"
#include "sentry/socket/cmsg.h"
#include "sentry/socket/socket.h"
#include "sentry/syscalls/syscall.h"

struct file;
struct task;

/* The counted file of a socket's descriptor. -EBADF, -ENOTSOCK. */
NODISCARD int sock_get(struct task *t, int fd, struct file **ret_file, struct socket **ret);
/* An address from the application: -EINVAL length, -EFAULT. Zeroed behind len. */
NODISCARD int sock_addr_in(struct task *t, struct uaddr a, int32_t len, struct sock_addr *ret);
/* The value-result pair of accept and its like; a null addr: nothing. -EFAULT, -EINVAL negative room. */
NODISCARD int sock_addr_out(struct task *t, const struct sock_addr *a, struct uaddr addr,
                            struct uaddr len);
/* r was -EAGAIN: waits for events as the timeout says. -EBLOCKED, -EAGAIN, -ERESTARTSYS, -EINTR. */
NODISCARD int sock_wait(struct task *t, struct file *f, uint32_t events, bool nonblock,
                        int64_t timeo_ns);
/* Sends or receives with waiting; m->u is the whole buffer at each run (restart.done bytes are skipped). Bytes or -errno. */
int64_t sock_send(struct task *t, struct file *f, struct sock_msg *m);
int64_t sock_recv(struct task *t, struct file *f, struct sock_msg *m);
