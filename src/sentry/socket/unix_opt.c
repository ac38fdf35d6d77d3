/* Options of unix sockets. */
#include "abi/capability.h"
#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/ns/user_ns.h"
#include "sentry/socket/netdev.h"
#include "sentry/socket/unix.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/task.h"
#include "sentry/vfs/inode.h"

#include <string.h>

/* Options without meaning for these sockets that Linux keeps for every socket. Booleans, but for those of keeps_value(). */
static const int kept[] = {
    LINUX_SO_REUSEADDR, LINUX_SO_KEEPALIVE,   LINUX_SO_BROADCAST, LINUX_SO_DONTROUTE,
    LINUX_SO_NO_CHECK,  LINUX_SO_PRIORITY,    LINUX_SO_RXQ_OVFL,  LINUX_SO_DEBUG,
    LINUX_SO_MARK,      LINUX_SO_WIFI_STATUS, LINUX_SO_NOFCS,     LINUX_SO_SELECT_ERR_QUEUE,
    LINUX_SO_PASSSEC,   LINUX_SO_BUSY_POLL,   LINUX_SO_BUF_LOCK,  LINUX_SO_LOCK_FILTER,
};
static_assert(ARRAY_SIZE(kept) <= UNIX_OPTS_KEPT, "room in struct unix_sock");

static int kept_index(int name)
{
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        if (kept[i] == name)
            return (int)i;
    return -1;
}

static bool keeps_value(int name)
{
    return name == LINUX_SO_PRIORITY || name == LINUX_SO_MARK || name == LINUX_SO_BUSY_POLL ||
           name == LINUX_SO_BUF_LOCK;
}

static int kept_check(const struct unix_sock *u, struct task *t, int name, int value, int old)
{
    bool admin = task_ns_capable(t, task_ns(t, NS_NET), LINUX_CAP_NET_ADMIN);
    switch (name) {
    case LINUX_SO_DEBUG: return value && !admin ? -EACCES : 0;
    case LINUX_SO_PRIORITY: return (value < 0 || value > 6) && !admin ? -EPERM : 0;
    case LINUX_SO_MARK:
        return admin || task_ns_capable(t, task_ns(t, NS_NET), LINUX_CAP_NET_RAW) ? 0 : -EPERM;
    case LINUX_SO_BUSY_POLL: return value < 0 ? -EINVAL : value > old && !admin ? -EPERM : 0;
    case LINUX_SO_BUF_LOCK: return value & ~3 ? -EINVAL : 0;
    case LINUX_SO_LOCK_FILTER: return old && !value ? -EPERM : 0;
    default: return 0;
    }
}

static int set_kept(struct unix_sock *u, struct task *t, int name, int value)
{
    int k = kept_index(name);
    if (k < 0)
        return -ENOPROTOOPT;
    int err = kept_check(u, t, name, value, u->opts[k]);
    if (!err)
        u->opts[k] = keeps_value(name) ? value : value != 0;
    return err;
}

/* SO_BUF_LOCK tells which buffer the program has chosen itself. */
static void buf_locked(struct unix_sock *u, int bit)
{
    u->opts[kept_index(LINUX_SO_BUF_LOCK)] |= bit;
}

static void set_buf(int32_t *buf, int value, int32_t least, bool force)
{
    /* Linux doubles what is asked for: its own bookkeeping comes out of it. */
    uint32_t v = force && value < 0 ? 0 : (uint32_t)value;
    if (!force)
        v = MIN(v, (uint32_t)UNIX_BUF_MAX);
    v = MIN(v, (uint32_t)INT32_MAX / 2) * 2;
    *buf = MAX((int32_t)v, least);
}

#define SNDBUF_MIN 4608
#define RCVBUF_MIN 2304

static int set_linger(struct unix_sock *u, const void *v, uint32_t len)
{
    if (len < sizeof(u->linger))
        return -EINVAL;
    memcpy(&u->linger, v, sizeof(u->linger));
    u->linger.l_onoff = u->linger.l_onoff != 0;
    return 0;
}

static int set_bufs(struct unix_sock *u, struct task *t, int name, int value)
{
    bool force = name == LINUX_SO_SNDBUFFORCE || name == LINUX_SO_RCVBUFFORCE;
    if (force && !task_ns_capable(t, task_ns(t, NS_NET), LINUX_CAP_NET_ADMIN))
        return -EPERM;
    if (name == LINUX_SO_SNDBUF || name == LINUX_SO_SNDBUFFORCE) {
        set_buf(&u->sndbuf, value, SNDBUF_MIN, force);
        buf_locked(u, 1);
        unix_wake(u, WAKE_ALL);
    } else {
        set_buf(&u->rcvbuf, value, RCVBUF_MIN, force);
        buf_locked(u, 2);
    }
    return 0;
}

int unix_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                    uint32_t len)
{
    struct unix_sock *u = to_unix(s);
    int value;
    if (level != LINUX_SOL_SOCKET)
        return -EOPNOTSUPP;
    if (name == LINUX_SO_BINDTODEVICE)
        return netdev_bind_check(t, v, len);
    int err = sockopt_get_int(v, len, &value);
    if (err)
        return err;
    switch (name) {
    case LINUX_SO_RCVTIMEO:
    case LINUX_SO_SNDTIMEO: return socket_setsockopt_timeo(s, name, v, len);
    case LINUX_SO_PASSCRED: u->passcred = value; return 0;
    case LINUX_SO_PASSPIDFD: u->passpidfd = value; return 0;
    case LINUX_SO_OOBINLINE: u->oobinline = value; return 0;
    case LINUX_SO_PEEK_OFF: u->peek_off = value; return 0;
    case LINUX_SO_TIMESTAMP:
    case LINUX_SO_TIMESTAMPNS:
        u->stamp = value;
        u->stamp_nsec = value && name == LINUX_SO_TIMESTAMPNS;
        return 0;
    case LINUX_SO_SNDBUF:
    case LINUX_SO_SNDBUFFORCE:
    case LINUX_SO_RCVBUF:
    case LINUX_SO_RCVBUFFORCE: return set_bufs(u, t, name, value);
    case LINUX_SO_RCVLOWAT: s->rcvlowat = value < 0 ? INT32_MAX : MAX(value, 1); return 0;
    case LINUX_SO_LINGER: return set_linger(u, v, len);
    case LINUX_SO_BSDCOMPAT: return 0;
    case LINUX_SO_REUSEPORT: return value ? -EOPNOTSUPP : 0;
    case LINUX_SO_ZEROCOPY: return -EOPNOTSUPP;
    case LINUX_SO_DETACH_FILTER: return -ENOENT; /* there is none */
    default: return set_kept(u, t, name, value);
    }
}

static int get_peergroups(const struct unix_sock *u, void *v, uint32_t *len)
{
    const struct cred *c = u->peer_id.cred;
    if (!c)
        return -ENODATA;
    uint32_t need = c->ngroups * (uint32_t)sizeof(uint32_t), room = *len;
    *len = need;
    if (room < need)
        return -ERANGE;
    memcpy(v, c->groups, need);
    return 0;
}

static int get_peerpidfd(const struct unix_sock *u, struct task *t, void *v, uint32_t *len)
{
    int fd;
    if (!u->peer_id.tg)
        return -ENODATA;
    if (!u->peer_id.tg->leader)
        return -EINVAL;
    int err = pidfd_open_group(t, u->peer_id.tg, 0, &fd);
    if (!err)
        sockopt_put_int(v, len, fd);
    return err;
}

static int get_peername(const struct unix_sock *u, void *v, uint32_t *len)
{
    struct sock_addr a;
    if (!u->peer)
        return -ENOTCONN;
    unix_name_get(u->peer, &a);
    if (a.len < *len)
        return -EINVAL;
    memcpy(v, a.bytes, *len);
    return 0;
}

static int get_cookie(struct unix_sock *u, void *v, uint32_t *len)
{
    if (*len < sizeof(uint64_t))
        return -EINVAL;
    if (!u->cookie)
        u->cookie = ++unix_root()->cookies;
    sockopt_put(v, len, &u->cookie, sizeof(u->cookie));
    return 0;
}

static void get_peercred(const struct unix_sock *u, const struct task *t, void *v, uint32_t *len)
{
    const struct cred *c = u->peer_id.cred;
    struct linux_ucred uc = {.pid = pid_seen(t, u->peer_id.pid),
                             .uid = c ? uid_seen(t, c->euid) : UINT32_MAX,
                             .gid = c ? gid_seen(t, c->egid) : UINT32_MAX};
    sockopt_put(v, len, &uc, sizeof(uc));
}

/* SO_MEMINFO: SK_MEMINFO_RMEM_ALLOC, RCVBUF, WMEM_ALLOC, SNDBUF, FWD_ALLOC, WMEM_QUEUED, OPTMEM, BACKLOG, DROPS */
static void get_meminfo(const struct unix_sock *u, void *v, uint32_t *len)
{
    uint32_t m[9] = {0, (uint32_t)u->rcvbuf, u->wmem, (uint32_t)u->sndbuf};
    sockopt_put(v, len, m, sizeof(m));
}

/* Those whose value is not an int. 1: it is one. */
static int get_struct(struct unix_sock *u, struct task *t, int name, void *v, uint32_t *len)
{
    switch (name) {
    case LINUX_SO_RCVTIMEO:
    case LINUX_SO_SNDTIMEO: socket_getsockopt_timeo(&u->s, name, v, len); return 0;
    case LINUX_SO_PEERCRED: get_peercred(u, t, v, len); return 0;
    case LINUX_SO_PEERGROUPS: return get_peergroups(u, v, len);
    case LINUX_SO_PEERPIDFD: return get_peerpidfd(u, t, v, len);
    case LINUX_SO_PEERNAME: return get_peername(u, v, len);
    case LINUX_SO_COOKIE: return get_cookie(u, v, len);
    case LINUX_SO_MEMINFO: get_meminfo(u, v, len); return 0;
    case LINUX_SO_LINGER: sockopt_put(v, len, &u->linger, sizeof(u->linger)); return 0;
    case LINUX_SO_BINDTODEVICE:
    case LINUX_SO_ATTACH_FILTER: *len = 0; return 0;
    default: return 1;
    }
}

static int get_int(struct unix_sock *u, int name, int *ret)
{
    switch (name) {
    case LINUX_SO_TYPE: *ret = (int)u->s.type; return 0;
    case LINUX_SO_DOMAIN: *ret = u->s.family; return 0;
    case LINUX_SO_PROTOCOL: *ret = u->s.protocol; return 0;
    case LINUX_SO_ERROR: *ret = -unix_take_error(u); return 0;
    case LINUX_SO_ACCEPTCONN: *ret = u->state == UNIX_LISTEN; return 0;
    case LINUX_SO_PASSCRED: *ret = u->passcred; return 0;
    case LINUX_SO_PASSPIDFD: *ret = u->passpidfd; return 0;
    case LINUX_SO_OOBINLINE: *ret = u->oobinline; return 0;
    case LINUX_SO_PEEK_OFF: *ret = u->peek_off; return 0;
    case LINUX_SO_TIMESTAMP: *ret = u->stamp && !u->stamp_nsec; return 0;
    case LINUX_SO_TIMESTAMPNS: *ret = u->stamp_nsec; return 0;
    case LINUX_SO_SNDBUF: *ret = u->sndbuf; return 0;
    case LINUX_SO_RCVBUF: *ret = u->rcvbuf; return 0;
    case LINUX_SO_RCVLOWAT: *ret = u->s.rcvlowat; return 0;
    case LINUX_SO_SNDLOWAT: *ret = 1; return 0;
    case LINUX_SO_BPF_EXTENSIONS: *ret = 64; return 0;
    case LINUX_SO_BSDCOMPAT:
    case LINUX_SO_REUSEPORT:
    case LINUX_SO_ZEROCOPY:
    case LINUX_SO_BINDTOIFINDEX:
    case LINUX_SO_INCOMING_NAPI_ID: *ret = 0; return 0;
    case LINUX_SO_INCOMING_CPU: *ret = -1; return 0;
    default: break;
    }
    int k = kept_index(name);
    if (k < 0)
        return -ENOPROTOOPT;
    *ret = u->opts[k];
    return 0;
}

int unix_getsockopt(struct socket *s, struct task *t, int level, int name, void *v, uint32_t *len)
{
    struct unix_sock *u = to_unix(s);
    int value;
    if (level != LINUX_SOL_SOCKET)
        return -EOPNOTSUPP;
    int err = get_struct(u, t, name, v, len);
    if (err <= 0)
        return err;
    err = get_int(u, name, &value);
    if (!err)
        sockopt_put_int(v, len, value);
    return err;
}
