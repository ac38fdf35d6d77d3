/* getsockopt and setsockopt. */
#include "sentry/syscalls/sock.h"

#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/usermem.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

#define SOCKOPT_MAX  512u    /* the largest value that any option here has.. */
#define SOCKOPT_LONG 262144u /* ..but for SO_PEERGROUPS */

/* The options with 64-bit times are the old ones where a long has 64 bits. */
static int option_name(const struct sys_args *a)
{
    int name = arg_int(a, 2);
    if (arg_int(a, 1) != LINUX_SOL_SOCKET)
        return name;
    return name == LINUX_SO_RCVTIMEO_NEW   ? LINUX_SO_RCVTIMEO
           : name == LINUX_SO_SNDTIMEO_NEW ? LINUX_SO_SNDTIMEO
                                           : name;
}

int64_t sys_setsockopt(struct task *t, const struct sys_args *a)
{
    struct file *f;
    struct socket *s;
    uint8_t v[SOCKOPT_MAX];
    int32_t len = arg_int(a, 4);
    if (len < 0)
        return -EINVAL;
    uint32_t n = MIN((uint32_t)len, SOCKOPT_MAX);
    int err = sock_get(t, arg_int(a, 0), &f, &s);
    if (err)
        return err;
    err = copy_in(t, v, arg_uaddr(a, 3), n);
    if (!err)
        err = s->ops->setsockopt(s, t, arg_int(a, 1), option_name(a), v, n);
    file_unref(f);
    return err;
}

static int64_t get_opt(struct task *t, const struct sys_args *a, struct socket *s, void *v,
                       uint32_t len)
{
    uint32_t room =
        len; /* some options say how much they would need: SO_PEERGROUPS, NETLINK_LIST_MEMBERSHIPS */
    int err = s->ops->getsockopt(s, t, arg_int(a, 1), option_name(a), v, &len);
    if (!err)
        err = copy_out(t, arg_uaddr(a, 3), v, MIN(len, room));
    int bad = !err || err == -ERANGE ? copy_out_u32(t, arg_uaddr(a, 4), len) : 0;
    return bad ? bad : err;
}

int64_t sys_getsockopt(struct task *t, const struct sys_args *a)
{
    struct file *f;
    struct socket *s;
    uint8_t fast[SOCKOPT_MAX] = {0}, *v = fast;
    uint32_t len;
    int64_t r = sock_get(t, arg_int(a, 0), &f, &s);
    if (r)
        return r;
    r = copy_in_u32(t, &len, arg_uaddr(a, 4));
    if (!r && (int32_t)len < 0)
        r = -EINVAL;
    if (!r && len > SOCKOPT_MAX) {
        len = MIN(len, SOCKOPT_LONG);
        v = arena_alloc(len);
        r = v ? 0 : -ENOMEM;
    }
    if (!r)
        r = get_opt(t, a, s, v, len);
    if (v && v != fast)
        arena_free(v, len);
    file_unref(f);
    return r;
}
