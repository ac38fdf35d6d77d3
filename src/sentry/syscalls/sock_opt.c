/* getsockopt and setsockopt. */
#include "sentry/syscalls/sock.h"

#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

#define SOCKOPT_MAX 512u /* the largest value that any option here has */

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
        err = s->ops->setsockopt(s, t, arg_int(a, 1), arg_int(a, 2), v, n);
    file_unref(f);
    return err;
}

int64_t sys_getsockopt(struct task *t, const struct sys_args *a)
{
    struct file *f;
    struct socket *s;
    uint8_t v[SOCKOPT_MAX] = {0};
    uint32_t len;
    int err = sock_get(t, arg_int(a, 0), &f, &s);
    if (err)
        return err;
    err = copy_in_u32(t, &len, arg_uaddr(a, 4));
    if (!err && (int32_t)len < 0)
        err = -EINVAL;
    if (!err) {
        len = MIN(len, SOCKOPT_MAX);
        err = s->ops->getsockopt(s, t, arg_int(a, 1), arg_int(a, 2), v, &len);
    }
    file_unref(f);
    if (!err)
        err = copy_out(t, arg_uaddr(a, 3), v, len);
    return err ? err : copy_out_u32(t, arg_uaddr(a, 4), len);
}
