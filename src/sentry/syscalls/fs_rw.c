/* read, write and their vector, positioned and flagged forms; lseek. */
#include "sentry/syscalls/fs_priv.h"

#include "abi/socket.h"
#include "sentry/mm/mm.h"
#include "sentry/syscalls/sock.h"

#define RWF_KNOWN                                                                                  \
    (LINUX_RWF_HIPRI | LINUX_RWF_DSYNC | LINUX_RWF_SYNC | LINUX_RWF_NOWAIT | LINUX_RWF_APPEND |    \
     LINUX_RWF_NOAPPEND)

/* The pages of a large buffer, as far as the file will fill it. 0, -EBLOCKED */
static int fill(struct task *t, const struct file *f, const struct uio *u, int64_t pos)
{
    uint64_t n = u->seg->len;
    if (!f->ops->endless) {
        if (f->ops->stream || !LINUX_S_ISREG(f->inode->mode) || (uint64_t)pos >= f->inode->size)
            return 0;
        n = MIN(n, f->inode->size - (uint64_t)pos);
    }
    return mm_fill(t, UADDR(u->seg->base), n);
}

/* read(2) of a stream that is to bring more than one byte (SO_RCVLOWAT). */
static bool is_patient(const struct file *f)
{
    const struct socket *s = f->ops->stream ? file_socket(f) : NULL;
    return s && s->rcvlowat > 1 && socket_is_stream(s);
}

/* One read or write over u. at NULL: at the file's own position, which advances. */
static ssize_t transfer(struct task *t, struct file *f, struct uio *u, bool write,
                        const int64_t *at, uint32_t rwf)
{
    int64_t pos = at ? *at : f->pos;
    int64_t *ppos = f->ops->stream ? NULL : &pos, end;
    if (ppos && __builtin_add_overflow(pos, (int64_t)u->resid, &end))
        return -EINVAL;
    if (!write && u->seg->len >= MM_FILL_MIN && fill(t, f, u, pos))
        return -EBLOCKED;
    u->nonblock = rwf & LINUX_RWF_NOWAIT;
    if (!write && u->resid && unlikely(is_patient(f))) {
        struct sock_msg m = {.u = u, .flags = u->nonblock ? LINUX_MSG_DONTWAIT : 0};
        return sock_recv(t, f, &m);
    }
    u->append = rwf & LINUX_RWF_APPEND;
    u->no_append = rwf & LINUX_RWF_NOAPPEND;
    u->positioned = at != NULL;
    ssize_t n = write ? file_write_block(t, f, u, ppos) : file_read_block(t, f, u, ppos);
    if (n > 0 && !at && ppos)
        f->pos = pos;
    if (n > 0 && write &&
        ((f->flags & LINUX_O_DSYNC) || (rwf & (LINUX_RWF_DSYNC | LINUX_RWF_SYNC))) &&
        f->ops->fsync) {
        int r =
            f->ops->fsync(f, (f->flags & LINUX_O_SYNC) != LINUX_O_SYNC && !(rwf & LINUX_RWF_SYNC));
        if (r < 0)
            return r;
    }
    return n;
}

static int mode_check(const struct file *f, bool write)
{
    if (!(write ? f->can_write : f->can_read))
        return -EBADF;
    return 0;
}

static int64_t rw_one(struct task *t, int fd, struct uaddr buf, uint64_t len, bool write,
                      const int64_t *at)
{
    if (at && *at < 0)
        return -EINVAL;
    AUTO(file) struct file *f = fd_get_io(t, fd);
    if (!f)
        return -EBADF;
    if (at && f->ops->stream)
        return -ESPIPE;
    int r = mode_check(f, write);
    if (r < 0)
        return r;
    if (len > INT64_MAX)
        return -EINVAL;
    struct uio u;
    uio_user(&u, t, buf, MIN(len, (uint64_t)LINUX_MAX_RW_COUNT));
    return transfer(t, f, &u, write, at, 0);
}

HOT int64_t sys_read(struct task *t, const struct sys_args *a)
{
    return rw_one(t, arg_int(a, 0), arg_uaddr(a, 1), a->arg[2], false, NULL);
}

HOT int64_t sys_write(struct task *t, const struct sys_args *a)
{
    return rw_one(t, arg_int(a, 0), arg_uaddr(a, 1), a->arg[2], true, NULL);
}

int64_t sys_pread64(struct task *t, const struct sys_args *a)
{
    int64_t pos = (int64_t)a->arg[3];
    return rw_one(t, arg_int(a, 0), arg_uaddr(a, 1), a->arg[2], false, &pos);
}

int64_t sys_pwrite64(struct task *t, const struct sys_args *a)
{
    int64_t pos = (int64_t)a->arg[3];
    return rw_one(t, arg_int(a, 0), arg_uaddr(a, 1), a->arg[2], true, &pos);
}

static int64_t rw_vec(struct task *t, const struct sys_args *a, bool write, const int64_t *at,
                      uint32_t rwf)
{
    if (at && *at < 0)
        return -EINVAL;
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    if (!f)
        return -EBADF;
    if (at && f->ops->stream)
        return -ESPIPE;
    int r = mode_check(f, write);
    if (r < 0)
        return r;
    struct uio_seg fast[UIO_FAST], *segs;
    uint64_t total, count = a->arg[2];
    r = uio_copy_iovec(t, arg_uaddr(a, 1), count, fast, &segs, &total);
    if (r < 0)
        return r;
    int64_t n = 0;
    if (rwf & ~(uint32_t)RWF_KNOWN) {
        n = -EOPNOTSUPP;
    } else if ((rwf & LINUX_RWF_APPEND) && (rwf & LINUX_RWF_NOAPPEND)) {
        n = -EINVAL;
    } else if (total > 0) {
        struct uio u;
        uio_user_vec(&u, t, segs, (uint32_t)count, total);
        n = transfer(t, f, &u, write, at, rwf);
    }
    uio_vec_free(segs, count, fast);
    return n;
}

int64_t sys_readv(struct task *t, const struct sys_args *a) { return rw_vec(t, a, false, NULL, 0); }
int64_t sys_writev(struct task *t, const struct sys_args *a) { return rw_vec(t, a, true, NULL, 0); }

/* The offset's low word holds all of it on 64 bits; the high one is ignored. */
int64_t sys_preadv(struct task *t, const struct sys_args *a)
{
    int64_t pos = (int64_t)a->arg[3];
    return rw_vec(t, a, false, &pos, 0);
}

int64_t sys_pwritev(struct task *t, const struct sys_args *a)
{
    int64_t pos = (int64_t)a->arg[3];
    return rw_vec(t, a, true, &pos, 0);
}

int64_t sys_preadv2(struct task *t, const struct sys_args *a)
{
    int64_t pos = (int64_t)a->arg[3];
    return rw_vec(t, a, false, pos == -1 ? NULL : &pos, arg_uint(a, 5));
}

int64_t sys_pwritev2(struct task *t, const struct sys_args *a)
{
    int64_t pos = (int64_t)a->arg[3];
    return rw_vec(t, a, true, pos == -1 ? NULL : &pos, arg_uint(a, 5));
}

int64_t sys_lseek(struct task *t, const struct sys_args *a)
{
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    if (!f)
        return -EBADF;
    uint32_t whence = arg_uint(a, 2);
    if (whence > LINUX_SEEK_HOLE)
        return -EINVAL;
    if (f->ops->stream || !f->ops->llseek)
        return -ESPIPE;
    return f->ops->llseek(f, (int64_t)a->arg[1], (int)whence);
}
