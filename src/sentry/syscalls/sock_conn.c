/* Making, naming and connecting sockets. */
#include "sentry/syscalls/sock.h"

#include "abi/fcntl.h"
#include "abi/poll.h"
#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/ns.h"
#include "sentry/syscalls/ipc.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/file_block.h"

#define SOCK_TYPE_LAST 10u

int sock_get(struct task *t, int fd, struct file **ret_file, struct socket **ret)
{
    struct file *f = fd_get_io(t, fd);
    if (!f)
        return -EBADF;
    *ret = file_socket(f);
    if (!*ret) {
        file_unref(f);
        return -ENOTSOCK;
    }
    *ret_file = f;
    return 0;
}

int sock_addr_in(struct task *t, struct uaddr a, int32_t len, struct sock_addr *ret)
{
    if (len < 0 || (uint32_t)len > sizeof(ret->bytes))
        return -EINVAL;
    *ret = (struct sock_addr){.len = (uint32_t)len};
    return len ? copy_in(t, ret->bytes, a, (size_t)len) : 0;
}

int sock_addr_out(struct task *t, const struct sock_addr *a, struct uaddr addr, struct uaddr len)
{
    if (uaddr_is_null(addr))
        return 0;
    uint32_t room;
    int err = copy_in_u32(t, &room, len);
    if (err)
        return err;
    if ((int32_t)room < 0)
        return -EINVAL;
    err = copy_out(t, addr, a->bytes, MIN(room, a->len));
    return err ? err : copy_out_u32(t, len, a->len);
}

int sock_wait(struct task *t, struct file *f, uint32_t events, bool nonblock, int64_t timeo_ns)
{
    int64_t deadline_ns = nonblock ? TIME_NONE : task_deadline_after(t, timeo_ns);
    int r = file_wait(t, f, events, nonblock || timeo_ns == 0, deadline_ns);
    return r == -ERESTARTSYS && timeo_ns >= 0 ? -EINTR : r;
}

static int socket_args(const struct task *t, int family, uint32_t type,
                       const struct socket_family **ret)
{
    if (type & ~(LINUX_SOCK_TYPE_MASK | LINUX_SOCK_CLOEXEC | LINUX_SOCK_NONBLOCK))
        return -EINVAL;
    if (family < 0 || family >= LINUX_AF_MAX)
        return -EAFNOSUPPORT;
    uint32_t kind = type & LINUX_SOCK_TYPE_MASK;
    if (kind > SOCK_TYPE_LAST)
        return -EINVAL;
    *ret = socket_family_find(t, family);
    return *ret ? 0 : -EAFNOSUPPORT;
}

int64_t sys_socket(struct task *t, const struct sys_args *a)
{
    uint32_t type = arg_uint(a, 1);
    const struct socket_family *fam;
    struct socket *s;
    struct file *f;
    int err = socket_args(t, arg_int(a, 0), type, &fam);
    if (!err)
        err = fam->create(t, type & LINUX_SOCK_TYPE_MASK, arg_int(a, 2), &s);
    if (!err)
        err = socket_file_new(t, s, type & LINUX_SOCK_NONBLOCK, &f);
    return err ? err : fd_install_new(t, f, type & LINUX_SOCK_CLOEXEC);
}

int64_t sys_socketpair(struct task *t, const struct sys_args *a)
{
    uint32_t type = arg_uint(a, 1);
    const struct socket_family *fam;
    struct socket *s[2];
    struct file *f[2];
    int err = socket_args(t, arg_int(a, 0), type, &fam);
    if (!err && fam->pair) {
        err = fam->pair(t, type & LINUX_SOCK_TYPE_MASK, arg_int(a, 2), s);
    } else if (!err) {
        /* Linux makes both before it finds that they cannot be connected: what is wrong with them comes first. */
        err = fam->create(t, type & LINUX_SOCK_TYPE_MASK, arg_int(a, 2), &s[0]);
        if (!err) {
            s[0]->ops->release(s[0]);
            err = -EOPNOTSUPP;
        }
    }
    if (err)
        return err;
    err = socket_file_new(t, s[0], type & LINUX_SOCK_NONBLOCK, &f[0]);
    if (err) {
        s[1]->ops->release(s[1]);
        return err;
    }
    err = socket_file_new(t, s[1], type & LINUX_SOCK_NONBLOCK, &f[1]);
    if (err) {
        file_unref(f[0]);
        return err;
    }
    return fd_install_pair(t, f[0], f[1], type & LINUX_SOCK_CLOEXEC, arg_uaddr(a, 3));
}

int64_t sys_bind(struct task *t, const struct sys_args *a)
{
    struct file *f;
    struct socket *s;
    struct sock_addr addr;
    int err = sock_get(t, arg_int(a, 0), &f, &s);
    if (err)
        return err;
    err = sock_addr_in(t, arg_uaddr(a, 1), arg_int(a, 2), &addr);
    if (!err)
        err = s->ops->bind(s, t, &addr);
    file_unref(f);
    return err;
}

int64_t sys_connect(struct task *t, const struct sys_args *a)
{
    struct file *f;
    struct socket *s;
    struct sock_addr addr;
    int err = sock_get(t, arg_int(a, 0), &f, &s);
    if (err)
        return err;
    bool nonblock = f->flags & LINUX_O_NONBLOCK;
    err = sock_addr_in(t, arg_uaddr(a, 1), arg_int(a, 2), &addr);
    if (!err)
        err = s->ops->connect(s, t, &addr);
    if (err == -EAGAIN || (err == -EINPROGRESS && !nonblock)) {
        int waited = sock_wait(t, f, LINUX_POLLOUT | LINUX_POLLWRNORM, nonblock, s->sndtimeo_ns);
        err = waited == -EAGAIN ? err : waited;
    }
    file_unref(f);
    return err;
}

int64_t sys_listen(struct task *t, const struct sys_args *a)
{
    struct file *f;
    struct socket *s;
    int err = sock_get(t, arg_int(a, 0), &f, &s);
    if (err)
        return err;
    err = s->ops->listen(s, t, (int)MIN(arg_uint(a, 1), ns_limit(t, NS_LIMIT_SOMAXCONN)));
    file_unref(f);
    return err;
}

static int64_t accepted(struct task *t, const struct sys_args *a, struct file *f,
                        const struct sock_addr *addr, bool cloexec)
{
    int fd = fd_install(t, f, cloexec);
    if (fd < 0)
        return fd;
    int err = sock_addr_out(t, addr, arg_uaddr(a, 1), arg_uaddr(a, 2));
    if (err)
        (void)fd_close(t, fd);
    return err ? err : fd;
}

static int64_t do_accept(struct task *t, const struct sys_args *a, uint32_t flags)
{
    struct file *f, *new_file;
    struct socket *s;
    struct sock_addr addr = {.len = sizeof(uint16_t)};
    if (flags & ~(LINUX_SOCK_CLOEXEC | LINUX_SOCK_NONBLOCK))
        return -EINVAL;
    int err = sock_get(t, arg_int(a, 0), &f, &s);
    if (err)
        return err;
    addr.family = s->family;
    err = s->ops->accept(s, t, flags, &new_file, &addr);
    if (err == -EAGAIN)
        err = sock_wait(t, f, LINUX_POLLIN | LINUX_POLLRDNORM, f->flags & LINUX_O_NONBLOCK,
                        s->rcvtimeo_ns);
    file_unref(f);
    return err ? err : accepted(t, a, new_file, &addr, flags & LINUX_SOCK_CLOEXEC);
}

int64_t sys_accept(struct task *t, const struct sys_args *a) { return do_accept(t, a, 0); }
int64_t sys_accept4(struct task *t, const struct sys_args *a)
{
    return do_accept(t, a, arg_uint(a, 3));
}

static int64_t do_getname(struct task *t, const struct sys_args *a, bool peer)
{
    struct file *f;
    struct socket *s;
    struct sock_addr addr;
    int err = sock_get(t, arg_int(a, 0), &f, &s);
    if (err)
        return err;
    err = s->ops->getname(s, peer, &addr);
    file_unref(f);
    if (!err && !a->arg[1])
        err = -EFAULT;
    return err ? err : sock_addr_out(t, &addr, arg_uaddr(a, 1), arg_uaddr(a, 2));
}

int64_t sys_getsockname(struct task *t, const struct sys_args *a)
{
    return do_getname(t, a, false);
}
int64_t sys_getpeername(struct task *t, const struct sys_args *a) { return do_getname(t, a, true); }

int64_t sys_shutdown(struct task *t, const struct sys_args *a)
{
    struct file *f;
    struct socket *s;
    int how = arg_int(a, 1);
    int err = sock_get(t, arg_int(a, 0), &f, &s);
    if (err)
        return err;
    err = how < LINUX_SHUT_RD || how > LINUX_SHUT_RDWR ? -EINVAL : s->ops->shutdown(s, how);
    file_unref(f);
    return err;
}
