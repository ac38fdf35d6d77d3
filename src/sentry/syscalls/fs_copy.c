/* sendfile, splice, tee, vmsplice, copy_file_range: from file to file through a kernel buffer.
 *
 * I1  bytes leave a pipe only when the other side has taken them; from anything else no more is read than the other side has
 *     room for, or it is read at a position and can be read again.
 */
#include "abi/poll.h"
#include "abi/signal.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/pipe/pipe.h"
#include "sentry/signal/signal.h"
#include "sentry/syscalls/fs_priv.h"

#define COPY_CHUNK 65536u
#define COPY_MAX                                                                                   \
    (8u << 20) /* of one call: others wait for the kernel lock meanwhile; a short result is legal */

struct copy {
    struct task *t;
    struct file *in, *out;
    int64_t ipos, opos;
    bool at_ipos, at_opos; /* the caller gave the position */
    bool all;              /* go on waiting until all is copied (sendfile) */
    bool keep;             /* tee: the bytes stay in the pipe */
    bool nonblock;
    uint64_t len, done;
    struct file *blocked; /* who said -EAGAIN */
    uint32_t events;
};

static ssize_t blocked_on(struct copy *c, struct file *f, uint32_t events)
{
    c->blocked = f;
    c->events = events;
    return -EAGAIN;
}

/* Bytes in buf, 0 at the end. */
static ssize_t fetch(struct copy *c, char *buf, size_t n)
{
    struct pipe *ip = file_pipe(c->in), *op = file_pipe(c->out);
    if (op && op->readers) {
        n = MIN(n, (size_t)pipe_room(op));
        if (n == 0)
            return blocked_on(c, c->out, LINUX_POLLOUT | LINUX_POLLWRNORM);
    }
    if (ip) {
        size_t got = pipe_ring_peek(ip, c->keep ? (uint32_t)c->done : 0, buf, n);
        if (got == 0 && ip->writers && !(c->keep && c->done))
            return blocked_on(c, c->in, LINUX_POLLIN | LINUX_POLLRDNORM);
        return (ssize_t)got;
    }
    struct uio u;
    int64_t pos = c->ipos;
    uio_kernel(&u, c->t, buf, n);
    ssize_t got = file_read(c->in, &u, c->in->ops->stream ? NULL : &pos);
    return got == -EAGAIN ? blocked_on(c, c->in, LINUX_POLLIN | LINUX_POLLRDNORM) : got;
}

static ssize_t store(struct copy *c, char *buf, size_t n)
{
    struct uio u;
    uio_kernel(&u, c->t, buf, n);
    ssize_t put = file_write(c->out, &u, c->out->ops->stream ? NULL : &c->opos);
    if (put == -EAGAIN)
        return blocked_on(c, c->out, LINUX_POLLOUT | LINUX_POLLWRNORM);
    if (put <= 0)
        return put;
    c->done += (uint64_t)put;
    c->ipos += put;
    if (file_pipe(c->in) && !c->keep) {
        uio_kernel(&u, c->t, buf, (size_t)put);
        ssize_t gone = file_read(c->in, &u, NULL);
        if (gone != put)
            LOGD("splice: %zd of %zd bytes left the pipe", gone, put);
    }
    return put;
}

static int64_t copy_run(struct copy *c)
{
    char *buf = arena_scratch(COPY_CHUNK);
    if (!buf)
        return -ENOMEM;
    ssize_t n = 0;
    while (c->done < c->len) {
        n = fetch(c, buf, (size_t)MIN(c->len - c->done, (uint64_t)COPY_CHUNK));
        if (n > 0)
            n = store(c, buf, (size_t)n);
        if (n <= 0)
            break;
    }
    arena_free(buf, COPY_CHUNK);
    if (n == -EAGAIN && (c->done == 0 || c->all)) {
        c->t->restart.done = c->done;
        n = file_wait(c->t, c->blocked, c->events,
                      c->nonblock || (c->blocked->flags & LINUX_O_NONBLOCK), TIME_NONE);
        if (n == -EBLOCKED)
            return n;
    }
    return c->done ? (int64_t)c->done : n;
}

/* Runs c with the positions of both files; gives the new positions back. off: where the caller's offsets lie. */
static int64_t copy_files(struct copy *c, struct uaddr in_off, struct uaddr out_off)
{
    struct task *t = c->t;
    c->done = t->restart.done;
    c->len = MIN(c->len, (uint64_t)COPY_MAX);
    if (!c->at_ipos)
        c->ipos = c->in->pos;
    if (!c->at_opos)
        c->opos = c->out->pos;
    int64_t ipos = c->ipos, opos = c->opos;
    c->ipos += (int64_t)c->done;
    c->opos += (int64_t)c->done;
    int64_t n = copy_run(c);
    if (n <= 0)
        return n;
    if (!c->at_ipos && !c->in->ops->stream)
        c->in->pos = ipos + n;
    if (!c->at_opos && !c->out->ops->stream)
        c->out->pos = opos + n;
    if (c->at_ipos && copy_out_u64(t, in_off, (uint64_t)(ipos + n)) < 0)
        return -EFAULT;
    if (c->at_opos && copy_out_u64(t, out_off, (uint64_t)(opos + n)) < 0)
        return -EFAULT;
    return n;
}

/* The position at a, if one is given. */
static int offset_in(struct task *t, struct uaddr a, bool *ret_has, int64_t *ret)
{
    uint64_t v;
    *ret_has = !uaddr_is_null(a);
    if (!*ret_has)
        return 0;
    int r = copy_in_u64(t, &v, a);
    if (r == 0 && (int64_t)v < 0)
        r = -EINVAL;
    if (r == 0)
        *ret = (int64_t)v;
    return r;
}

static int copy_broken(struct task *t)
{
    struct linux_siginfo info = signal_info_user(t, LINUX_SIGPIPE, LINUX_SI_USER);
    (void)signal_send_task(t, LINUX_SIGPIPE, &info);
    return -EPIPE;
}

int64_t sys_sendfile(struct task *t, const struct sys_args *a)
{
    struct copy c = {.t = t, .len = a->arg[3], .all = true};
    struct uaddr off = arg_uaddr(a, 2);
    int r = offset_in(t, off, &c.at_ipos, &c.ipos);
    if (r < 0)
        return r;
    AUTO(file) struct file *in = fd_get_io(t, arg_int(a, 1));
    AUTO(file) struct file *out = fd_get_io(t, arg_int(a, 0));
    c.in = in;
    c.out = out;
    if (!in || !in->can_read)
        return -EBADF;
    if (c.at_ipos && in->ops->stream)
        return -ESPIPE;
    if (!out || !out->can_write)
        return -EBADF;
    const struct pipe *op = file_pipe(out);
    if ((int64_t)c.len < 0 || (!op && ((out->flags & LINUX_O_APPEND) || in->ops->stream)))
        return -EINVAL;
    if (op && !op->readers)
        return copy_broken(t);
    if (c.len == 0)
        return 0;
    if (in->ops->stream || !in->ops->read)
        return -EINVAL;
    return copy_files(&c, off, UADDR_NULL);
}

static int splice_ends(const struct copy *c, bool has_ioff, bool has_ooff)
{
    struct pipe *ip = file_pipe(c->in), *op = file_pipe(c->out);
    if (!c->in->can_read || !c->out->can_write)
        return -EBADF;
    if (!ip && !op)
        return -EINVAL;
    if (ip == op || (has_ioff && c->in->ops->stream) || (has_ooff && c->out->ops->stream))
        return -EINVAL;
    if (!op && (c->out->flags & LINUX_O_APPEND))
        return -EINVAL;
    return !ip && !c->in->ops->read ? -EINVAL : 0;
}

int64_t sys_splice(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 5);
    if (flags & ~(LINUX_SPLICE_F_MOVE | LINUX_SPLICE_F_NONBLOCK | LINUX_SPLICE_F_MORE |
                  LINUX_SPLICE_F_GIFT))
        return -EINVAL;
    if (a->arg[4] == 0)
        return 0;
    AUTO(file) struct file *in = fd_get_io(t, arg_int(a, 0));
    AUTO(file) struct file *out = fd_get_io(t, arg_int(a, 2));
    if (!in || !out)
        return -EBADF;
    struct copy c = {.t = t,
                     .in = in,
                     .out = out,
                     .len = a->arg[4],
                     .nonblock = flags & LINUX_SPLICE_F_NONBLOCK};
    if ((a->arg[1] && file_pipe(in)) || (a->arg[3] && file_pipe(out)))
        return -ESPIPE;
    int r = offset_in(t, arg_uaddr(a, 3), &c.at_opos, &c.opos);
    if (r == 0 || r == -EINVAL)
        r = MIN(r, offset_in(t, arg_uaddr(a, 1), &c.at_ipos, &c.ipos));
    if (r == 0 || r == -EINVAL) {
        int ends = splice_ends(&c, a->arg[1] != 0, a->arg[3] != 0);
        r = ends ? ends : r;
    }
    return r < 0 ? r : copy_files(&c, arg_uaddr(a, 1), arg_uaddr(a, 3));
}

int64_t sys_tee(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 3);
    if (flags & ~(LINUX_SPLICE_F_MOVE | LINUX_SPLICE_F_NONBLOCK | LINUX_SPLICE_F_MORE |
                  LINUX_SPLICE_F_GIFT))
        return -EINVAL;
    if (a->arg[2] == 0)
        return 0;
    AUTO(file) struct file *in = fd_get_io(t, arg_int(a, 0));
    AUTO(file) struct file *out = fd_get_io(t, arg_int(a, 1));
    if (!in || !out || !in->can_read || !out->can_write)
        return -EBADF;
    struct pipe *ip = file_pipe(in), *op = file_pipe(out);
    if (!ip || !op || ip == op)
        return -EINVAL;
    struct copy c = {
        .t = t,
        .in = in,
        .out = out,
        .len = a->arg[2],
        .keep = true,
        .nonblock = flags & LINUX_SPLICE_F_NONBLOCK,
    };
    return copy_files(&c, UADDR_NULL, UADDR_NULL);
}

/* The pages are copied, so the caller may change them at once: stronger than what is promised. */
int64_t sys_vmsplice(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 3);
    if (flags & ~(LINUX_SPLICE_F_MOVE | LINUX_SPLICE_F_NONBLOCK | LINUX_SPLICE_F_MORE |
                  LINUX_SPLICE_F_GIFT))
        return -EINVAL;
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    if (!f || !file_pipe(f))
        return -EBADF;
    struct uio_seg fast[UIO_FAST], *segs;
    uint64_t total, count = a->arg[2];
    int64_t n = uio_copy_iovec(t, arg_uaddr(a, 1), count, fast, &segs, &total);
    if (n < 0)
        return n;
    if (total > 0) {
        struct uio u;
        uio_user_vec(&u, t, segs, (uint32_t)count, total);
        u.nonblock = flags & LINUX_SPLICE_F_NONBLOCK;
        n = f->can_write ? file_write_block(t, f, &u, NULL) : file_read_block(t, f, &u, NULL);
    }
    uio_vec_free(segs, count, fast);
    return n;
}

/* Also cuts the length at the end of in, as it is now. */
static int range_check(struct copy *c)
{
    const struct file *in = c->in, *out = c->out;
    struct kstat st;
    if (LINUX_S_ISDIR(in->inode->mode) || LINUX_S_ISDIR(out->inode->mode))
        return -EISDIR;
    if (!LINUX_S_ISREG(in->inode->mode) || !LINUX_S_ISREG(out->inode->mode))
        return -EINVAL;
    if (!in->can_read || !out->can_write || (out->flags & LINUX_O_APPEND))
        return -EBADF;
    if (in->inode->sb != out->inode->sb)
        return -EXDEV;
    int64_t ipos = c->at_ipos ? c->ipos : in->pos, opos = c->at_opos ? c->opos : out->pos, end;
    int64_t len = c->len > INT64_MAX ? INT64_MAX : (int64_t)c->len;
    if (__builtin_add_overflow(ipos, len, &end) || __builtin_add_overflow(opos, len, &end))
        return -EOVERFLOW;
    int r = inode_getattr(in->inode, &st);
    if (r < 0)
        return r;
    len = ipos >= (int64_t)st.size ? 0 : MIN(len, (int64_t)st.size - ipos);
    c->len = (uint64_t)len;
    return in->inode == out->inode && opos + len > ipos && opos < ipos + len ? -EINVAL : 0;
}

int64_t sys_copy_file_range(struct task *t, const struct sys_args *a)
{
    struct copy c = {.t = t, .len = a->arg[4]};
    AUTO(file) struct file *in = fd_get_io(t, arg_int(a, 0));
    AUTO(file) struct file *out = fd_get_io(t, arg_int(a, 2));
    if (!in || !out)
        return -EBADF;
    c.in = in;
    c.out = out;
    int r = offset_in(t, arg_uaddr(a, 1), &c.at_ipos, &c.ipos);
    if (r == 0)
        r = offset_in(t, arg_uaddr(a, 3), &c.at_opos, &c.opos);
    if (r == 0 && arg_uint(a, 5) != 0)
        r = -EINVAL;
    if (r == 0)
        r = range_check(&c);
    return r < 0 ? r : copy_files(&c, arg_uaddr(a, 1), arg_uaddr(a, 3));
}
