/* Sending and receiving on unix sockets. */
#include "abi/poll.h"
#include "abi/signal.h"
#include "base/err.h"
#include "sentry/mm/uio.h"
#include "sentry/signal/signal.h"
#include "sentry/socket/unix.h"
#include "sentry/task/task.h"

#include <string.h>

/* A message of n bytes of u's data, charged to from. Descriptors are the caller's to hang in. */
static int msg_fill(struct unix_sock *from, const struct unix_scm *scm, bool has_cred,
                    struct uio *u, uint32_t n, struct unix_msg **ret)
{
    struct unix_msg *m = unix_msg_new(n);
    if (!m)
        return -ENOMEM;
    if (n) {
        ssize_t got = uio_get(u, m->data, n);
        if (got <= 0 || (socket_is_stream(&from->s) ? 0 : (uint32_t)got != n)) {
            unix_msg_free(m);
            return -EFAULT;
        }
        n = (uint32_t)got;
    }
    m->len = n;
    m->charge = n + UNIX_MSG_COST;
    m->cred = scm->cred;
    m->has_cred = has_cred || scm->has_cred;
    m->from = unix_ref(from);
    from->wmem += m->charge;
    *ret = m;
    return 0;
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

static ssize_t send_stream(struct unix_sock *u, struct task *t, struct sock_msg *m,
                           struct unix_scm *scm)
{
    struct unix_sock *to = u->peer;
    ssize_t done = 0;
    if (m->addr.len)
        return u->state == UNIX_ESTABLISHED ? -EISCONN : -EOPNOTSUPP;
    if (!to)
        return -ENOTCONN;
    while (m->u->resid > 0) {
        if ((u->shutdown & UNIX_SEND_SHUTDOWN) || to->dead || (to->shutdown & UNIX_RCV_SHUTDOWN)) {
            if (!done)
                sigpipe(t, m);
            return done ? done : -EPIPE;
        }
        if (!has_room(u))
            return done ? done : -EAGAIN;
        uint32_t n = (uint32_t)MIN(m->u->resid,
                                   (uint64_t)MIN((uint32_t)UNIX_CHUNK, (uint32_t)u->sndbuf / 2));
        struct unix_msg *msg;
        int err = msg_fill(u, scm, u->passcred || to->passcred, m->u, n, &msg);
        if (!err && scm->fds && !done && !t->restart.done) {
            err = unix_fds_launch(t, scm->fds);
            if (!err)
                msg->fds = TAKE(scm->fds);
            else
                unix_msg_free(msg);
        }
        if (err)
            return done ? done : err;
        done += msg->len;
        bool cut = msg->len < n;
        unix_enqueue(to, msg);
        if (cut)
            break;
    }
    return done;
}

/* Where a datagram goes; counted. */
static int dgram_target(struct unix_sock *u, struct task *t, struct sock_msg *m,
                        struct unix_sock **ret)
{
    if (!unix_is_dgram(u)) {
        if (u->state != UNIX_ESTABLISHED)
            return -ENOTCONN;
        *ret = unix_ref(u->peer);
        return 0;
    }
    if (m->addr.len) {
        struct unix_name n;
        int err = unix_addr_check(&m->addr, &n);
        return err ? err : unix_find(t, &n, u->s.type, ret);
    }
    if (!u->peer)
        return -ENOTCONN;
    if (u->peer->dead) {
        struct unix_sock *old = TAKE(u->peer);
        unix_stop_waiting(u);
        u->state = UNIX_CLOSE;
        unix_unref(old);
        return -ECONNREFUSED;
    }
    *ret = unix_ref(u->peer);
    return 0;
}

static ssize_t dgram_deliver(struct unix_sock *u, struct unix_sock *to, struct task *t,
                             struct sock_msg *m, struct unix_scm *scm)
{
    uint64_t len = m->u->resid;
    if (u->shutdown & UNIX_SEND_SHUTDOWN)
        return -EPIPE;
    if (!has_room(u))
        return -EAGAIN;
    if (unix_is_dgram(u) && to->peer && to->peer != u)
        return -EPERM;
    if (to->dead)
        return unix_is_dgram(u) ? -ECONNREFUSED : -EPIPE;
    if (to->shutdown & UNIX_RCV_SHUTDOWN)
        return -EPIPE;
    if (to->peer != u && unix_queue_full(to)) {
        unix_wait_for_room(u, to);
        return -EAGAIN;
    }
    struct unix_msg *msg;
    int err = msg_fill(u, scm, u->passcred || to->passcred, m->u, (uint32_t)len, &msg);
    if (!err && scm->fds) {
        err = unix_fds_launch(t, scm->fds);
        if (!err)
            msg->fds = TAKE(scm->fds);
        else
            unix_msg_free(msg);
    }
    if (err)
        return err;
    unix_enqueue(to, msg);
    return (ssize_t)len;
}

static ssize_t send_dgram(struct unix_sock *u, struct task *t, struct sock_msg *m,
                          struct unix_scm *scm)
{
    struct unix_sock *to;
    int err = dgram_target(u, t, m, &to);
    if (err)
        return err;
    if (u->passcred) {
        err = unix_autobind(u);
        if (err) {
            unix_unref(to);
            return err;
        }
    }
    ssize_t r =
        m->u->resid > (uint64_t)(u->sndbuf - 32) ? -EMSGSIZE : dgram_deliver(u, to, t, m, scm);
    unix_unref(to);
    return r;
}

ssize_t unix_send(struct socket *s, struct task *t, struct sock_msg *m)
{
    struct unix_sock *u = to_unix(s);
    struct unix_scm scm;
    if (m->flags & LINUX_MSG_OOB)
        return -EOPNOTSUPP;
    int err = unix_scm_parse(t, m, &scm);
    if (err)
        return err;
    ssize_t r = socket_is_stream(s) ? send_stream(u, t, m, &scm) : send_dgram(u, t, m, &scm);
    unix_scm_drop(&scm);
    return r;
}

static int take_error(struct unix_sock *u)
{
    int err = u->err;
    u->err = 0;
    return -err;
}

static bool same_creds(const struct unix_scm *a, const struct unix_msg *b)
{
    return a->has_cred == b->has_cred && memcmp(&a->cred, &b->cred, sizeof(a->cred)) == 0;
}

/* The descriptors of a message that is being looked at: copies with MSG_PEEK, else they leave it. */
static struct unix_fds *msg_take_fds(struct unix_msg *msg, bool peek)
{
    if (!msg->fds)
        return NULL;
    if (peek)
        return unix_fds_dup(msg->fds);
    unix_fds_land(msg->fds);
    return TAKE(msg->fds);
}

static ssize_t recv_stream(struct unix_sock *u, struct task *t, struct sock_msg *m)
{
    bool peek = m->flags & LINUX_MSG_PEEK;
    struct unix_fds *fds = NULL;
    struct unix_scm first = {0};
    bool have_first = false;
    ssize_t done = 0;
    int err = 0;
    struct list_node *at = u->queue.next;
    if (u->state != UNIX_ESTABLISHED)
        return -EINVAL;
    while (at != &u->queue && m->u->resid > 0) {
        struct unix_msg *msg = list_entry(at, struct unix_msg, node);
        at = at->next;
        if (have_first && u->passcred && !same_creds(&first, msg)) {
            m->stop = true;
            break;
        }
        uint32_t n = (uint32_t)MIN(m->u->resid, (uint64_t)(msg->len - msg->off));
        ssize_t got = uio_put(m->u, msg->data + msg->off, n);
        if (got <= 0) {
            err = -EFAULT;
            break;
        }
        if (!have_first) {
            have_first = true;
            first.cred = msg->cred;
            first.has_cred = msg->has_cred;
            if (msg->from->name.len)
                unix_name_get(msg->from, &m->addr);
        }
        done += got;
        bool had_fds = msg->fds;
        if (had_fds)
            fds = msg_take_fds(msg, peek);
        if (!peek) {
            msg->off += (uint32_t)got;
            u->queued_bytes -= (uint32_t)got;
            if (msg->off == msg->len) {
                unix_dequeue(u, msg);
                unix_msg_free(msg);
            }
        }
        if (had_fds) {
            m->stop = true;
            break;
        }
    }
    if (!done && m->u->resid > 0 && !err) {
        err = take_error(u);
        if (!err && (u->shutdown & UNIX_RCV_SHUTDOWN))
            return 0;
        return err ? err : -EAGAIN;
    }
    if (done || fds)
        unix_scm_put(u, m, fds, have_first ? &first : NULL);
    return done ? done : err;
}

static ssize_t recv_dgram(struct unix_sock *u, struct task *t, struct sock_msg *m)
{
    bool peek = m->flags & LINUX_MSG_PEEK;
    if (!unix_is_dgram(u) && u->state != UNIX_ESTABLISHED)
        return -ENOTCONN;
    if (list_empty(&u->queue)) {
        int err = take_error(u);
        if (err)
            return err;
        return u->shutdown & UNIX_RCV_SHUTDOWN ? 0 : -EAGAIN;
    }
    struct unix_msg *msg = list_first_entry(&u->queue, struct unix_msg, node);
    uint32_t n = (uint32_t)MIN(m->u->resid, (uint64_t)msg->len);
    if (n && uio_put(m->u, msg->data, n) != (ssize_t)n)
        return -EFAULT;
    if (n < msg->len)
        m->out_flags |= LINUX_MSG_TRUNC;
    if (msg->from->name.len)
        unix_name_get(msg->from, &m->addr);
    struct unix_fds *fds = msg_take_fds(msg, peek);
    struct unix_scm scm = {.cred = msg->cred, .has_cred = msg->has_cred};
    unix_scm_put(u, m, fds, &scm);
    ssize_t r = m->flags & LINUX_MSG_TRUNC ? (ssize_t)msg->len : (ssize_t)n;
    m->stop = true;
    if (!peek) {
        unix_dequeue(u, msg);
        unix_msg_free(msg);
    }
    return r;
}

ssize_t unix_recv(struct socket *s, struct task *t, struct sock_msg *m)
{
    struct unix_sock *u = to_unix(s);
    if (m->flags & LINUX_MSG_OOB)
        return -EOPNOTSUPP;
    return socket_is_stream(s) ? recv_stream(u, t, m) : recv_dgram(u, t, m);
}
