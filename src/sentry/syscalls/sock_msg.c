/* sendmsg, recvmsg and their many-message forms. */
#include "sentry/syscalls/sock.h"

#include "abi/limits.h"
#include "abi/time.h"
#include "base/checked.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/usermem.h"
#include "sentry/syscalls/ipc.h"
#include "sentry/task/task.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/file.h"

#define CONTROL_MAX 131072u /* optmem_max */

/* A struct msghdr of the application, copied. */
struct msg_args {
    struct linux_msghdr h;
    struct uio_seg fast[UIO_FAST];
    struct uio_seg *segs;
    struct uio u;
};

static int msg_args_in(struct task *t, struct uaddr a, struct msg_args *m)
{
    int err = copy_in(t, &m->h, a, sizeof(m->h));
    if (err)
        return err;
    if (!m->h.msg_name)
        m->h.msg_namelen = 0;
    if (m->h.msg_namelen < 0)
        return -EINVAL;
    m->h.msg_namelen = MIN(m->h.msg_namelen, (int32_t)sizeof(struct linux_sockaddr_storage));
    if (m->h.msg_iovlen > LINUX_UIO_MAXIOV)
        return -EMSGSIZE;
    uint64_t total;
    err = uio_copy_iovec(t, UADDR(m->h.msg_iov), m->h.msg_iovlen, m->fast, &m->segs, &total);
    if (!err)
        uio_user_vec(&m->u, t, m->segs, (uint32_t)m->h.msg_iovlen, total);
    return err;
}

static void msg_args_done(struct msg_args *m) { uio_vec_free(m->segs, m->h.msg_iovlen, m->fast); }

static int64_t send_with_control(struct task *t, struct file *f, const struct msg_args *args,
                                 struct sock_msg *m)
{
    uint64_t len = args->h.msg_controllen;
    if (len > CONTROL_MAX)
        return -ENOBUFS;
    if (len == 0)
        return sock_send(t, f, m);
    uint8_t *control = arena_alloc(len);
    if (!control)
        return -ENOBUFS;
    int64_t r = copy_in(t, control, UADDR(args->h.msg_control), len);
    m->control = control;
    m->control_len = len;
    if (!r)
        r = sock_send(t, f, m);
    arena_free(control, len);
    return r;
}

static int64_t send_one(struct task *t, struct file *f, struct uaddr hdr, uint32_t flags)
{
    struct msg_args args;
    int64_t r = msg_args_in(t, hdr, &args);
    if (r)
        return r;
    struct sock_msg m = {.u = &args.u, .flags = flags};
    r = sock_addr_in(t, UADDR(args.h.msg_name), args.h.msg_namelen, &m.addr);
    if (!r)
        r = send_with_control(t, f, &args, &m);
    msg_args_done(&args);
    return r;
}

static int recv_results(struct task *t, struct uaddr hdr, const struct msg_args *args,
                        const struct sock_msg *m, const struct cmsg_out *out)
{
    int err = 0;
    if (args->h.msg_name) {
        err = copy_out(t, UADDR(args->h.msg_name), m->addr.bytes,
                       MIN((uint32_t)args->h.msg_namelen, m->addr.len));
        if (!err)
            err = copy_out_u32(t, uaddr_plus(hdr, offsetof(struct linux_msghdr, msg_namelen)),
                               m->addr.len);
    }
    uint32_t flags = m->out_flags | out->flags | (m->flags & LINUX_MSG_CMSG_CLOEXEC);
    if (!err)
        err = copy_out_u32(t, uaddr_plus(hdr, offsetof(struct linux_msghdr, msg_flags)), flags);
    if (!err)
        err = copy_out_u64(t, uaddr_plus(hdr, offsetof(struct linux_msghdr, msg_controllen)),
                           out->used);
    return err;
}

static int64_t recv_one(struct task *t, struct file *f, struct uaddr hdr, uint32_t flags)
{
    struct msg_args args;
    int64_t r = msg_args_in(t, hdr, &args);
    if (r)
        return r;
    struct cmsg_out out = {.t = t,
                           .buf = UADDR(args.h.msg_control),
                           .room = args.h.msg_control ? args.h.msg_controllen : 0,
                           .cloexec = flags & LINUX_MSG_CMSG_CLOEXEC};
    struct sock_msg m = {.u = &args.u, .flags = flags, .out = &out};
    r = sock_recv(t, f, &m);
    if (r >= 0) {
        int err = recv_results(t, hdr, &args, &m, &out);
        if (err)
            r = err;
    }
    msg_args_done(&args);
    return r;
}

#define MSG_CMSG_COMPAT 0x80000000u /* the kernel's own, for 32-bit callers */

int64_t sys_sendmsg(struct task *t, const struct sys_args *a)
{
    if (arg_uint(a, 2) & MSG_CMSG_COMPAT)
        return -EINVAL;
    struct file *f;
    struct socket *s;
    int err = sock_get(t, arg_int(a, 0), &f, &s);
    if (err)
        return err;
    int64_t r = send_one(t, f, arg_uaddr(a, 1), arg_uint(a, 2));
    file_unref(f);
    return r;
}

int64_t sys_recvmsg(struct task *t, const struct sys_args *a)
{
    if (arg_uint(a, 2) & MSG_CMSG_COMPAT)
        return -EINVAL;
    struct file *f;
    struct socket *s;
    int err = sock_get(t, arg_int(a, 0), &f, &s);
    if (err)
        return err;
    int64_t r = recv_one(t, f, arg_uaddr(a, 1), arg_uint(a, 2));
    file_unref(f);
    return r;
}

/* Several messages: restart.u[0] is the number that is finished; each has its own restart.done and timeout. */
typedef int64_t (*msg_fn)(struct task *t, struct file *f, struct uaddr hdr, uint32_t flags);

static int64_t many(struct task *t, struct file *f, const struct sys_args *a, uint32_t count,
                    int64_t deadline_ns, msg_fn one)
{
    uint32_t flags = arg_uint(a, 3);
    uint64_t *done = &t->restart.u[0];
    while (*done < count) {
        struct uaddr at = uaddr_plus(arg_uaddr(a, 1), *done * sizeof(struct linux_mmsghdr));
        uint32_t now = flags & ~LINUX_MSG_WAITFORONE;
        if ((flags & LINUX_MSG_WAITFORONE) && *done > 0)
            now |= LINUX_MSG_DONTWAIT;
        int64_t r = one(t, f, at, now);
        if (r == -EBLOCKED)
            return r;
        if (r >= 0 &&
            copy_out_u32(t, uaddr_plus(at, offsetof(struct linux_mmsghdr, msg_len)), (uint32_t)r))
            r = -EFAULT;
        if (r < 0)
            return *done ? (int64_t)*done : r;
        (*done)++;
        t->restart.done = 0;
        t->restart.has_deadline = t->restart.timed_out = false;
        if (deadline_ns != TIME_NONE && clock_monotonic_ns() >= deadline_ns)
            break;
    }
    return (int64_t)*done;
}

int64_t sys_sendmmsg(struct task *t, const struct sys_args *a)
{
    if (arg_uint(a, 3) & MSG_CMSG_COMPAT)
        return -EINVAL;
    struct file *f;
    struct socket *s;
    int err = sock_get(t, arg_int(a, 0), &f, &s);
    if (err)
        return err;
    int64_t r = many(t, f, a, MIN(arg_uint(a, 2), (uint32_t)LINUX_UIO_MAXIOV), TIME_NONE, send_one);
    file_unref(f);
    return r;
}

int64_t sys_recvmmsg(struct task *t, const struct sys_args *a)
{
    if (arg_uint(a, 3) & MSG_CMSG_COMPAT)
        return -EINVAL;
    struct file *f;
    struct socket *s;
    int64_t timeout_ns;
    int err = timeout_copy_in(t, arg_uaddr(a, 4), &timeout_ns);
    if (!err)
        err = sock_get(t, arg_int(a, 0), &f, &s);
    if (err)
        return err;
    if (!t->restart.again)
        t->restart.u[1] =
            (uint64_t)(timeout_ns < 0 ? TIME_NONE
                                      : saturating_add_i64(clock_monotonic_ns(), timeout_ns));
    int64_t deadline_ns = (int64_t)t->restart.u[1];
    int64_t r = many(t, f, a, arg_uint(a, 2), deadline_ns, recv_one);
    file_unref(f);
    if (r >= 0 && timeout_ns >= 0) {
        int64_t left = MAX(deadline_ns - clock_monotonic_ns(), INT64_C(0));
        struct linux_timespec ts = {.tv_sec = left / NSEC_PER_SEC, .tv_nsec = left % NSEC_PER_SEC};
        if (copy_out(t, arg_uaddr(a, 4), &ts, sizeof(ts)))
            r = -EFAULT;
    }
    return r;
}
