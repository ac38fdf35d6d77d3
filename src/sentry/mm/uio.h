/* sentry/mm/uio.h - the data end of a read or write: application memory or a kernel buffer.
 *
 * What     A cursor over segments. File operations call uio_put (read side: data to the reader) and uio_get (write side:
 *          data from the writer); both advance. After a fault the bytes moved so far stay moved.
 * Owner    the caller; segments (iov) are the caller's memory, alive during the call only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/types.h"

struct task;

struct uio_seg {
    uint64_t base; /* application address, or kernel pointer if uio.kernel */
    uint64_t len;
};
struct uio {
    struct task *task; /* whose memory; never NULL (kernel users pass their own) */
    const struct uio_seg *seg;
    uint32_t nsegs;
    bool kernel;
    bool
        nonblock; /* O_NONBLOCK, MSG_DONTWAIT, RWF_NOWAIT: only a hint; file operations always return -EAGAIN */
    bool append;     /* RWF_APPEND */
    bool no_append;  /* RWF_NOAPPEND: whatever O_APPEND says */
    bool positioned; /* pread, pwrite: the offset is the call's, not the description's */
    uint64_t seg_off;
    uint64_t resid;     /* bytes left */
    struct uio_seg one; /* for the single-buffer constructors */
};

void uio_user(struct uio *u, struct task *t, struct uaddr buf, size_t len);
void uio_kernel(struct uio *u, struct task *t, void *buf, size_t len);
/* segs: copied iovec, checked. total in resid. */
void uio_user_vec(struct uio *u, struct task *t, const struct uio_seg *segs, uint32_t nsegs,
                  uint64_t total);
/* Copies and checks an iovec array: at most LINUX_IOV_MAX, total <= MAX_RW_COUNT (truncated as Linux does). fast[] is used
 * up to 8; more is arena memory to free with uio_vec_free. -EFAULT, -EINVAL. */
#define UIO_FAST 8
NODISCARD int uio_copy_iovec(struct task *t, struct uaddr iov, uint64_t count,
                             struct uio_seg fast[UIO_FAST], struct uio_seg **ret_segs,
                             uint64_t *ret_total);
void uio_vec_free(struct uio_seg *segs, uint64_t count, const struct uio_seg fast[UIO_FAST]);

/* Move up to n bytes (clipped to resid). Bytes moved (> 0), 0 if n or resid is 0, -EFAULT if none could be moved. */
ssize_t uio_put(struct uio *u, const void *src, size_t n);
ssize_t uio_get(struct uio *u, void *dst, size_t n);
ssize_t uio_zero(struct uio *u, size_t n);
void uio_skip(struct uio *u, size_t n);
