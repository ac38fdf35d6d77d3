/* sentry/vfs/file_block.h - blocking on files: the one place where -EAGAIN becomes waiting.
 *
 * Context  from handlers only; may return -EBLOCKED. Safe to run again from the top.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "sentry/vfs/file.h"

/* read/write with waiting: O_NONBLOCK in f->flags or u->nonblock gives -EAGAIN; otherwise waits for POLLIN/POLLOUT. Keeps count of
 * finished bytes of a write_all file in t->restart.done (the caller builds the same uio at each run; the done bytes are skipped). */
ssize_t file_read_block(struct task *t, struct file *f, struct uio *u, int64_t *pos);
ssize_t file_write_block(struct task *t, struct file *f, struct uio *u, int64_t *pos);
/* For calls of other shapes (accept, connect, recvmsg): r was -EAGAIN: waits for events unless nonblock. deadline: kernel monotonic or TIME_NONE.
 * -EBLOCKED, -EAGAIN (nonblock or deadline passed), -ERESTARTSYS. */
NODISCARD int file_wait(struct task *t, struct file *f, uint32_t events, bool nonblock,
                        int64_t deadline_ns);
