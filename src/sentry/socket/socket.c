#include "sentry/socket/socket.h"

#include "abi/fcntl.h"
#include "abi/stat.h"
#include "abi/time.h"
#include "base/checked.h"
#include "base/err.h"
#include "sentry/kernel.h"
#include "sentry/ns/ns.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

#include <string.h>

void socket_init(struct socket *s, const struct socket_ops *ops, int family, uint32_t type,
                 int protocol)
{
    *s = (struct socket){.ops = ops,
                         .family = (uint16_t)family,
                         .type = type,
                         .protocol = (uint16_t)protocol,
                         .rcvtimeo_ns = -1,
                         .sndtimeo_ns = -1,
                         .rcvlowat = 1};
}

const struct socket_family *socket_family_find(const struct task *t, int family)
{
    if (family == LINUX_AF_UNIX)
        return &unix_family;
    if (family == LINUX_AF_NETLINK)
        return &netlink_family;
    if (family == LINUX_AF_INET)
        return task_has_host_network(t) ? &inet_family : &inet_none_family;
    if (family == LINUX_AF_INET6)
        return task_has_host_network(t) ? &inet6_family : &inet6_none_family;
    return NULL;
}

HOT static ssize_t socket_read(struct file *f, struct uio *u, int64_t *pos)
{
    struct socket *s = f->priv;
    struct sock_msg m = {.u = u};
    return u->resid ? s->ops->recv(s, u->task, &m)
                    : 0; /* recv(2) of nothing waits, read(2) does not */
}

HOT static ssize_t socket_write(struct file *f, struct uio *u, int64_t *pos)
{
    struct socket *s = f->priv;
    struct sock_msg m = {.u = u};
    return s->ops->send(s, u->task, &m);
}

static uint32_t socket_poll(struct file *f, struct waitq **ret_q)
{
    struct socket *s = f->priv;
    return s->ops->poll(s, ret_q);
}

static int64_t socket_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    struct socket *s = f->priv;
    return s->ops->ioctl ? s->ops->ioctl(s, t, cmd, arg) : -ENOTTY;
}

static int64_t socket_timeout_ns(struct file *f, bool write)
{
    const struct socket *s = f->priv;
    return write ? s->sndtimeo_ns : s->rcvtimeo_ns;
}

static void socket_fdinfo(struct file *f, char *buf, size_t size)
{
    struct socket *s = f->priv;
    if (s->ops->fdinfo)
        s->ops->fdinfo(s, buf, size);
}

static void socket_release(struct file *f)
{
    struct socket *s = f->priv;
    if (!s)
        return;
    s->file = NULL;
    s->ops->release(s);
}

static const struct file_ops socket_file_ops = {
    .name = "socket",
    .read = socket_read,
    .write = socket_write,
    .poll = socket_poll,
    .ioctl = socket_ioctl,
    .release = socket_release,
    .fdinfo = socket_fdinfo,
    .timeout_ns = socket_timeout_ns,
    .write_all = true,
    .stream = true,
};

struct socket *file_socket(const struct file *f)
{
    return f->ops == &socket_file_ops ? f->priv : NULL;
}

int socket_file_new(struct task *t, struct socket *s, uint32_t flags, struct file **ret)
{
    int err =
        file_new_anon("socket", LINUX_S_IFSOCK, &socket_file_ops, s,
                      LINUX_O_RDWR | (flags & LINUX_SOCK_NONBLOCK ? LINUX_O_NONBLOCK : 0), t, ret);
    if (err)
        s->ops->release(s);
    else
        s->file = *ret;
    return err;
}

void sockopt_put(void *v, uint32_t *len, const void *value, uint32_t value_len)
{
    *len = MIN(*len, value_len);
    memcpy(v, value, *len);
}

void sockopt_put_int(void *v, uint32_t *len, int value)
{
    sockopt_put(v, len, &value, sizeof(value));
}

int sockopt_get_int(const void *v, uint32_t len, int *ret)
{
    if (len < sizeof(*ret))
        return -EINVAL;
    memcpy(ret, v, sizeof(*ret));
    return 0;
}

int socket_setsockopt_timeo(struct socket *s, int name, const void *v, uint32_t len)
{
    struct linux_timeval tv;
    if (len < sizeof(tv))
        return -EINVAL;
    memcpy(&tv, v, sizeof(tv));
    if (tv.tv_usec < 0 || tv.tv_usec >= USEC_PER_SEC)
        return -EDOM;
    int64_t ns = tv.tv_sec < 0 ? 0 : saturating_ns(tv.tv_sec, tv.tv_usec * NSEC_PER_USEC);
    if (tv.tv_sec == 0 && tv.tv_usec == 0)
        ns = -1;
    if (name == LINUX_SO_RCVTIMEO)
        s->rcvtimeo_ns = ns;
    else
        s->sndtimeo_ns = ns;
    return 0;
}

void socket_getsockopt_timeo(const struct socket *s, int name, void *v, uint32_t *len)
{
    int64_t ns = MAX(name == LINUX_SO_RCVTIMEO ? s->rcvtimeo_ns : s->sndtimeo_ns, INT64_C(0));
    struct linux_timeval tv = {.tv_sec = ns / NSEC_PER_SEC,
                               .tv_usec = ns % NSEC_PER_SEC / NSEC_PER_USEC};
    sockopt_put(v, len, &tv, sizeof(tv));
}
