/* Options of unix sockets. */
#include "abi/capability.h"
#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/socket/unix.h"
#include "sentry/task/task.h"

#include <string.h>

/* Options without meaning here that Linux keeps for every socket. Booleans, but for SO_PRIORITY. */
static const int kept[] = {
    LINUX_SO_REUSEADDR, LINUX_SO_REUSEPORT, LINUX_SO_KEEPALIVE, LINUX_SO_BROADCAST,
    LINUX_SO_DONTROUTE, LINUX_SO_OOBINLINE, LINUX_SO_NO_CHECK,  LINUX_SO_PRIORITY,
    LINUX_SO_TIMESTAMP, LINUX_SO_RXQ_OVFL,  LINUX_SO_DEBUG,
};
static_assert(ARRAY_SIZE(kept) <= UNIX_OPTS_KEPT, "room in struct unix_sock");

static int kept_index(int name)
{
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        if (kept[i] == name)
            return (int)i;
    return -1;
}

static int set_kept(struct unix_sock *u, struct task *t, int name, int value)
{
    int k = kept_index(name);
    bool admin = task_capable(t, LINUX_CAP_NET_ADMIN);
    if (k < 0)
        return -ENOPROTOOPT;
    if (name == LINUX_SO_DEBUG && value && !admin)
        return -EACCES;
    if (name == LINUX_SO_PRIORITY && (value < 0 || value > 6) && !admin)
        return -EPERM;
    u->opts[k] = name == LINUX_SO_PRIORITY ? value : value != 0;
    return 0;
}

static void set_buf(int32_t *buf, int value, int32_t least, bool force)
{
    /* Linux doubles what is asked for: its own bookkeeping comes out of it. */
    uint32_t v = (uint32_t)value;
    if (!force)
        v = MIN(v, (uint32_t)UNIX_BUF_MAX);
    v = MIN(v, (uint32_t)INT32_MAX / 2) * 2;
    *buf = MAX((int32_t)v, least);
}

#define SNDBUF_MIN 4608
#define RCVBUF_MIN 2304

int unix_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                    uint32_t len)
{
    struct unix_sock *u = to_unix(s);
    if (level != LINUX_SOL_SOCKET)
        return -EOPNOTSUPP;
    if (name == LINUX_SO_RCVTIMEO || name == LINUX_SO_SNDTIMEO)
        return socket_setsockopt_timeo(s, name, v, len);
    int value;
    int err = sockopt_get_int(v, len, &value);
    if (err)
        return err;
    bool admin = task_capable(t, LINUX_CAP_NET_ADMIN);
    switch (name) {
    case LINUX_SO_PASSCRED: u->passcred = value; return 0;
    case LINUX_SO_SNDBUFFORCE:
    case LINUX_SO_SNDBUF:
        if (name == LINUX_SO_SNDBUFFORCE && !admin)
            return -EPERM;
        set_buf(&u->sndbuf, value, SNDBUF_MIN, name == LINUX_SO_SNDBUFFORCE);
        unix_wake(u, WAKE_ALL);
        return 0;
    case LINUX_SO_RCVBUFFORCE:
    case LINUX_SO_RCVBUF:
        if (name == LINUX_SO_RCVBUFFORCE && !admin)
            return -EPERM;
        set_buf(&u->rcvbuf, value, RCVBUF_MIN, name == LINUX_SO_RCVBUFFORCE);
        return 0;
    case LINUX_SO_RCVLOWAT: s->rcvlowat = value < 0 ? INT32_MAX : MAX(value, 1); return 0;
    case LINUX_SO_LINGER:
        if (len < sizeof(u->linger))
            return -EINVAL;
        memcpy(&u->linger, v, sizeof(u->linger));
        u->linger.l_onoff = u->linger.l_onoff != 0;
        return 0;
    default: break;
    }
    return set_kept(u, t, name, value);
}

int unix_getsockopt(struct socket *s, struct task *t, int level, int name, void *v, uint32_t *len)
{
    struct unix_sock *u = to_unix(s);
    int value = 0;
    if (level != LINUX_SOL_SOCKET)
        return -EOPNOTSUPP;
    switch (name) {
    case LINUX_SO_RCVTIMEO:
    case LINUX_SO_SNDTIMEO: socket_getsockopt_timeo(s, name, v, len); return 0;
    case LINUX_SO_PEERCRED:
        if (u->peercred.pid == 0)
            u->peercred = (struct linux_ucred){.uid = UINT32_MAX, .gid = UINT32_MAX};
        sockopt_put(v, len, &u->peercred, sizeof(u->peercred));
        return 0;
    case LINUX_SO_LINGER: sockopt_put(v, len, &u->linger, sizeof(u->linger)); return 0;
    case LINUX_SO_TYPE: value = (int)s->type; break;
    case LINUX_SO_DOMAIN: value = s->family; break;
    case LINUX_SO_PROTOCOL: value = s->protocol; break;
    case LINUX_SO_ERROR:
        value = u->err;
        u->err = 0;
        break;
    case LINUX_SO_ACCEPTCONN: value = u->state == UNIX_LISTEN; break;
    case LINUX_SO_PASSCRED: value = u->passcred; break;
    case LINUX_SO_SNDBUF: value = u->sndbuf; break;
    case LINUX_SO_RCVBUF: value = u->rcvbuf; break;
    case LINUX_SO_RCVLOWAT: value = s->rcvlowat; break;
    case LINUX_SO_SNDLOWAT: value = 1; break;
    case LINUX_SO_MARK: break;
    default: {
        int k = kept_index(name);
        if (k < 0)
            return -ENOPROTOOPT;
        value = u->opts[k];
        break;
    }
    }
    sockopt_put_int(v, len, value);
    return 0;
}
