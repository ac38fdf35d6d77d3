/* sendto, recvfrom, and waiting in sends and receives. */
#include "sentry/syscalls/sock.h"

#include "abi/fcntl.h"
#include "abi/limits.h"
#include "abi/poll.h"
#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

HOT int64_t sock_send(struct task *t, struct file *f, struct sock_msg *m)
{
    struct socket *s = file_socket(f);
    struct restart *rs = &t->restart;
    bool nonblock = (f->flags & LINUX_O_NONBLOCK) || (m->flags & LINUX_MSG_DONTWAIT);
    if (rs->done)
        uio_skip(m->u, rs->done);
    for (;;) {
        ssize_t r = s->ops->send(s, t, m);
        if (r >= 0) {
            rs->done += (uint64_t)r;
            if (r > 0 && socket_is_stream(s) && m->u->resid > 0)
                continue;
            return (int64_t)rs->done;
        }
        if (r == -EAGAIN) {
            r = sock_wait(t, f, LINUX_POLLOUT | LINUX_POLLWRNORM, nonblock, s->sndtimeo_ns);
            if (r == -EBLOCKED)
                return r;
        }
        return rs->done ? (int64_t)rs->done : r;
    }
}

HOT int64_t sock_recv(struct task *t, struct file *f, struct sock_msg *m)
{
    struct socket *s = file_socket(f);
    struct restart *rs = &t->restart;
    bool nonblock = (f->flags & LINUX_O_NONBLOCK) || (m->flags & LINUX_MSG_DONTWAIT);
    if ((m->flags & LINUX_MSG_ERRQUEUE) && s->family != LINUX_AF_UNIX)
        nonblock = true;
    /* How much a stream waits for: all with MSG_WAITALL, else SO_RCVLOWAT. */
    uint64_t target = 0;
    if (socket_is_stream(s) && !(m->flags & LINUX_MSG_PEEK))
        target =
            m->flags & LINUX_MSG_WAITALL ? m->u->resid : MIN((uint64_t)s->rcvlowat, m->u->resid);
    if (rs->done)
        uio_skip(m->u, rs->done);
    for (;;) {
        m->before = rs->done > 0;
        ssize_t r = s->ops->recv(s, t, m);
        if (r >= 0) {
            rs->done += (uint64_t)r;
            if (r > 0 && rs->done < target && !m->stop)
                continue;
            return (int64_t)rs->done;
        }
        if (r == -EAGAIN) {
            r = sock_wait(t, f, LINUX_POLLIN | LINUX_POLLRDNORM | LINUX_POLLRDHUP, nonblock,
                          s->rcvtimeo_ns);
            if (r == -EBLOCKED)
                return r;
        }
        return rs->done ? (int64_t)rs->done : r;
    }
}

int64_t sys_sendto(struct task *t, const struct sys_args *a)
{
    struct file *f;
    struct socket *s;
    struct uio u;
    struct sock_msg m = {.u = &u, .flags = arg_uint(a, 3)};
    int err = sock_get(t, arg_int(a, 0), &f, &s);
    if (err)
        return err;
    uio_user(&u, t, arg_uaddr(a, 1), MIN(a->arg[2], (uint64_t)LINUX_MAX_RW_COUNT));
    int64_t r = a->arg[4] ? sock_addr_in(t, arg_uaddr(a, 4), arg_int(a, 5), &m.addr) : 0;
    if (!r)
        r = sock_send(t, f, &m);
    file_unref(f);
    return r;
}

int64_t sys_recvfrom(struct task *t, const struct sys_args *a)
{
    struct file *f;
    struct socket *s;
    struct uio u;
    struct sock_msg m = {.u = &u, .flags = arg_uint(a, 3)};
    int err = sock_get(t, arg_int(a, 0), &f, &s);
    if (err)
        return err;
    uio_user(&u, t, arg_uaddr(a, 1), MIN(a->arg[2], (uint64_t)LINUX_MAX_RW_COUNT));
    int64_t r = sock_recv(t, f, &m);
    file_unref(f);
    if (r >= 0 && a->arg[4]) {
        err = sock_addr_out(t, &m.addr, arg_uaddr(a, 4), arg_uaddr(a, 5));
        if (err)
            r = err;
    }
    return r;
}
