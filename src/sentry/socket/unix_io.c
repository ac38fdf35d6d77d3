/* Sending on unix sockets. */
#include "abi/poll.h"
#include "abi/signal.h"
#include "base/err.h"
#include "sentry/mm/uio.h"
#include "sentry/signal/signal.h"
#include "sentry/socket/unix.h"
#include "sentry/socket/unix_host.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/async.h"

/* Linux notes who sent a message if either end wants to know, or nobody has accepted the other one yet. */
static bool wants_cred(const struct unix_sock *from, const struct unix_sock *to)
{
    return from->passcred || from->passpidfd || !to->s.file || to->passcred || to->passpidfd;
}

/* A message of n bytes of u's data, charged to from. Descriptors are the caller's to hang in. */
static int msg_fill(struct unix_sock *from, const struct unix_sock *to, const struct unix_scm *scm,
                    struct uio *u, uint32_t n, struct unix_msg **ret)
{
    struct unix_msg *m = unix_msg_new(n);
    if (!m)
        return -ENOMEM;
    if (n && uio_get(u, m->data, n) != (ssize_t)n) {
        unix_msg_free(m);
        return -EFAULT;
    }
    m->len = n;
    m->charge = unix_msg_charge(n, socket_is_stream(&from->s));
    m->cred = scm->cred;
    m->has_cred = scm->has_cred || wants_cred(from, to);
    if (m->has_cred && scm->tg) {
        m->tg = scm->tg;
        tgroup_get(m->tg);
    }
    if (to->stamp)
        m->stamp_ns = clock_realtime_ns();
    m->from = unix_ref(from);
    from->wmem += m->charge;
    *ret = m;
    return 0;
}

/* The descriptors go with the first message. */
static int msg_take_fds(struct task *t, struct unix_scm *scm, struct unix_msg *m)
{
    if (!scm->fds)
        return 0;
    int err = unix_fds_launch(t, scm->fds);
    if (err)
        unix_msg_free(m);
    else
        m->fds = TAKE(scm->fds);
    return err;
}

int unix_take_error(struct unix_sock *u)
{
    int err = u->err;
    u->err = 0;
    return -err;
}

static void sigpipe(struct task *t, const struct sock_msg *m)
{
    if ((m->flags & LINUX_MSG_NOSIGNAL) || t->restart.done)
        return;
    struct linux_siginfo info = signal_info_user(t, LINUX_SIGPIPE, LINUX_SI_USER);
    (void)signal_send_task(t, LINUX_SIGPIPE, &info);
}

/* Room is asked for once a message, as Linux does: the last one may go over the limit. */
static bool has_room(const struct unix_sock *u) { return (int64_t)u->wmem < u->sndbuf; }

/* One message of a stream; n bytes are there. Bytes, or -errno. */
static ssize_t stream_one(struct unix_sock *u, struct task *t, struct sock_msg *m,
                          struct unix_scm *scm, uint32_t n, bool oob)
{
    struct unix_sock *to = u->peer;
    struct unix_msg *msg;
    int err = unix_take_error(u);
    if (!err && to->outside && (scm->fds || oob))
        err = scm->fds ? -EPERM : -EOPNOTSUPP;
    if (err)
        return err;
    if (to->dead || (to->shutdown & UNIX_RCV_SHUTDOWN))
        return -EPIPE;
    if (!has_room(u))
        return -EAGAIN;
    err = msg_fill(u, to, scm, m->u, n, &msg);
    if (!err)
        err = msg_take_fds(t, scm, msg);
    if (err)
        return err;
    if (oob)
        to->oob = msg;
    unix_enqueue(to, msg);
    if (to->outside && unix_host_refused(to)) {
        err = unix_take_error(u);
        return err ? err : -EPIPE;
    }
    if (oob) {
        if (to->s.file)
            file_signal_urgent(to->s.file);
        unix_wake(to, LINUX_POLLPRI);
    }
    return (ssize_t)n;
}

static ssize_t send_stream(struct unix_sock *u, struct task *t, struct sock_msg *m,
                           struct unix_scm *scm)
{
    ssize_t done = 0, r = 0;
    uint64_t len = m->u->resid;
    bool oob = m->flags & LINUX_MSG_OOB;
    if (oob && len == 0)
        return -EOPNOTSUPP;
    if (m->addr.len)
        return u->state == UNIX_ESTABLISHED ? -EISCONN : -EOPNOTSUPP;
    if (!u->peer)
        return -ENOTCONN;
    if (u->shutdown & UNIX_SEND_SHUTDOWN)
        r = -EPIPE;
    if (t->restart.done) /* the first part, from before the wait, had the descriptors */
        unix_scm_drop(scm);
    while (r >= 0 && m->u->resid > oob) {
        uint32_t most = MIN((uint32_t)UNIX_CHUNK, (uint32_t)u->sndbuf / 2 - 64);
        r = stream_one(u, t, m, scm, (uint32_t)MIN(m->u->resid - oob, (uint64_t)most), false);
        if (r > 0)
            done += r;
    }
    if (r == -EPIPE && !done)
        sigpipe(t, m);
    if (r >= 0 && oob) { /* without a signal, as in Linux */
        r = stream_one(u, t, m, scm, 1, true);
        if (r > 0)
            done++;
    }
    return done ? done : MIN(r, (ssize_t)0);
}

/* A datagram socket whose peer is gone has none. */
static ssize_t peer_is_dead(struct unix_sock *u, struct unix_sock *to)
{
    if (!unix_is_dgram(u))
        return -EPIPE;
    if (u->peer != to)
        return -ECONNREFUSED; /* the name is nobody's any more */
    u->peer = NULL;
    u->state = UNIX_CLOSE;
    unix_stop_waiting(u);
    unix_dgram_disconnected(u, to);
    unix_unref(to);
    return -ECONNREFUSED;
}

static ssize_t deliver(struct unix_sock *u, struct unix_sock *to, struct task *t,
                       struct sock_msg *m, struct unix_scm *scm)
{
    uint64_t len = m->u->resid;
    struct unix_msg *msg;
    if (to->outside && scm->fds)
        return -EPERM; /* nothing of the sandbox's leaves it so */
    if (to->peer && to->peer != u)
        return -EPERM;
    if (to->dead)
        return peer_is_dead(u, to);
    if (to->shutdown & UNIX_RCV_SHUTDOWN)
        return -EPIPE;
    if (to != u && to->peer != u && unix_queue_full(to)) {
        unix_wait_for_room(u, to);
        return -EAGAIN;
    }
    int err = msg_fill(u, to, scm, m->u, (uint32_t)len, &msg);
    if (!err)
        err = msg_take_fds(t, scm, msg);
    if (err)
        return err;
    unix_enqueue(to, msg);
    err = to->outside && unix_host_refused(to) ? unix_take_error(u) : 0;
    return err ? err : (ssize_t)len;
}

/* Datagrams and packets. */
static ssize_t send_dgram(struct unix_sock *u, struct task *t, struct sock_msg *m,
                          struct unix_scm *scm)
{
    bool named = unix_is_dgram(u) && m->addr.len;
    struct unix_name n;
    struct unix_sock *to = NULL;
    int err = 0;
    if (m->flags & LINUX_MSG_OOB)
        return -EOPNOTSUPP;
    if (named)
        err = unix_addr_check(&m->addr, &n);
    if (!err && (u->passcred || u->passpidfd))
        err = unix_autobind(u);
    if (!err && m->u->resid > (uint64_t)(u->sndbuf - 32))
        err = -EMSGSIZE;
    if (!err)
        err = unix_take_error(u);
    if (!err && (u->shutdown & UNIX_SEND_SHUTDOWN))
        err = -EPIPE;
    if (!err && !has_room(u))
        err = -EAGAIN;
    if (!err && named)
        err = unix_find(t, u->net, &n, u->s.type, &to);
    else if (!err && u->peer)
        to = unix_ref(u->peer);
    else if (!err)
        err = -ENOTCONN;
    if (err)
        return err;
    ssize_t r = deliver(u, to, t, m, scm);
    unix_unref(to);
    return r;
}

ssize_t unix_send(struct socket *s, struct task *t, struct sock_msg *m)
{
    struct unix_sock *u = to_unix(s);
    struct unix_scm scm;
    int err = 0;
    if (s->type == LINUX_SOCK_SEQPACKET) {
        err = unix_take_error(u);
        if (!err && u->state != UNIX_ESTABLISHED)
            err = -ENOTCONN;
    }
    if (!err)
        err = unix_scm_parse(t, m, &scm);
    if (err)
        return err;
    ssize_t r = socket_is_stream(s) ? send_stream(u, t, m, &scm) : send_dgram(u, t, m, &scm);
    unix_scm_drop(&scm);
    return r;
}
