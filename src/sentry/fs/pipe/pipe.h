/* sentry/fs/pipe/pipe.h - pipe(7): a byte ring between file descriptions.
 *
 * Owner    each open description counts as a reader, a writer or both; the last one frees the pipe. A FIFO's inode points to
 *          its pipe while it is open anywhere.
 * Locks    the kernel lock.
 * Blocks   hooks return -EAGAIN: read on empty, write on full; both queues of Linux are one here, filtered by events.
 * Limits   size: 4 KiB .. PIPE_MAX_SIZE (more with CAP_SYS_RESOURCE), a power of two. Memory is taken as bytes come and given back
 *          when the pipe is empty; up to PIPE_SMALL bytes need none.
 * Spec     POSIX.1-2017 write() PIPE_BUF; pipe(7); fifo(7); fcntl(2) F_SETPIPE_SZ. Behaviour of Linux 6.12.
 *
 * I1  head - tail <= cap <= size; both run free and wrap; cap is a power of two; empty: head == tail == 0, ring is small[].
 * I2  a write of <= PIPE_BUF bytes is never interleaved with another's.
 * I3  readers == 0: write gives -EPIPE and SIGPIPE.  writers == 0 and empty: read gives 0.
 * I4  rec_head != rec_tail: every byte of the ring belongs to a record, and the records' lengths add up to head - tail.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "sentry/task/wait.h"

struct file;
struct inode;
struct task;
struct uio;

#define PIPE_DEFAULT_SIZE 65536u
#define PIPE_MAX_SIZE     1048576u /* /proc/sys/fs/pipe-max-size */
#define PIPE_SMALL        256u

/* A packet (O_DIRECT), or plain bytes between packets. */
#define PIPE_REC_PACKET 0x80000000u

struct pipe {
    uint8_t *ring; /* cap bytes: small, or arena memory */
    uint32_t cap, size;
    uint32_t head, tail; /* next byte written, read */
    uint32_t readers, writers;
    uint32_t r_counter, w_counter; /* opens ever: what a blocking open of a FIFO waits for */
    struct waitq wait;             /* readable, writable, opened, closed */
    struct inode *inode;           /* counted; its fifo points here */
    bool unnamed;  /* pipe(2), not a FIFO: opening it again (/proc/self/fd/N) waits for nobody */
    uint32_t *rec; /* arena, rec_slots words; NULL: no packet was ever written */
    uint32_t rec_head, rec_tail; /* run free */
    uint32_t rec_slots;
    uint8_t small[PIPE_SMALL];
};

/* Both ends of a new pipe. flags: LINUX_O_NONBLOCK, O_DIRECT. -ENOMEM, -ENFILE. */
NODISCARD int pipe_open_pair(struct task *t, uint32_t flags, struct file **ret_read,
                             struct file **ret_write);

/* The open of a FIFO's inode: vfs calls it in the place of inode_ops.open, after permission checks, with f->inode == i, f->flags and
 * can_read/can_write set. On success f->ops and f->priv are set. -ENXIO O_WRONLY|O_NONBLOCK without reader, -ENOMEM, -ERESTARTSYS;
 * -EBLOCKED parked until the other end is opened: the caller drops f and returns it, and the open call runs again from its top
 * with the same inode (restart.obj, restart.u[2] and u[3] are used here; the count of a waiting opener lives in them). */
NODISCARD int fifo_open(struct inode *i, struct file *f, struct task *t);

/* The pipe behind f, or NULL: not a pipe (fcntl: -EBADF). */
struct pipe *file_pipe(const struct file *f);
/* F_SETPIPE_SZ: the new size; -EBUSY would drop data, -EPERM over the limit, -EINVAL, -ENOMEM. */
int64_t pipe_set_size(struct task *t, struct pipe *p, uint64_t size_bytes);

/* The ring itself: for the file operations, splice and tests. Bytes moved, -EAGAIN, -EFAULT, -ENOMEM. No signals, no wake-ups. */
ssize_t pipe_ring_write(struct pipe *p, struct uio *u, bool packet);
ssize_t pipe_ring_read(struct pipe *p, struct uio *u);
/* Copies at most n bytes from off after the oldest to dst (tee). Bytes. */
size_t pipe_ring_peek(const struct pipe *p, uint32_t off, void *dst, size_t n);
static inline uint32_t pipe_used(const struct pipe *p) { return p->head - p->tail; }
static inline uint32_t pipe_room(const struct pipe *p) { return p->size - pipe_used(p); }
/* Room for an atomic write: what POLLOUT means. */
bool pipe_writable(const struct pipe *p);
void pipe_wake_readers(struct pipe *p);
void pipe_wake_writers(struct pipe *p);

/* Shared by pipe.c and fifo.c. */
extern const struct file_ops pipe_file_ops;
NODISCARD struct pipe *pipe_new(void); /* NULL: no memory */
void pipe_free(struct pipe *p);
/* One opener less; frees the pipe with the last. */
void pipe_detach(struct pipe *p, bool reader, bool writer);
