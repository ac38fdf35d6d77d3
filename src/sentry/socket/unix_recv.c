/* Receiving on unix sockets. */
#include "abi/fcntl.h"
#include "base/err.h"
#include "sentry/mm/uio.h"
#include "sentry/socket/unix.h"
#include "sentry/task/task_priv.h"
#include "sentry/vfs/file.h"

#include <string.h>

static bool same_creds(const struct unix_scm *a, const struct unix_msg *b)
{
    return a->has_cred == b->has_cred && memcmp(&a->cred, &b->cred, sizeof(a->cred)) == 0;
}

static struct unix_scm scm_of(const struct unix_msg *m)
{
    return (struct unix_scm){.cred = m->cred,
                             .has_cred = m->has_cred,
                             .from_message = true,
                             .tg = m->tg,
                             .stamp_ns = m->stamp_ns};
}

/* The descriptors of a message that is being looked at: copies with MSG_PEEK, else they leave it. */
static struct unix_fds *msg_fds(struct unix_msg *msg, bool peek)
{
    if (!msg->fds)
        return NULL;
    if (peek)
        return unix_fds_dup(msg->fds);
    unix_fds_land(msg->fds);
    return TAKE(msg->fds);
}

/* SO_PEEK_OFF moves with what is looked at, and back with what is taken. */
static uint32_t peek_start(const struct unix_sock *u, bool peek)
{
    return peek && u->peek_off > 0 ? (uint32_t)u->peek_off : 0;
}

static void peek_moved(struct unix_sock *u, bool peek, uint32_t n)
{
    if (u->peek_off >= 0)
        u->peek_off = (int32_t)(peek ? MIN((int64_t)u->peek_off + n, (int64_t)INT32_MAX)
                                     : MAX((int64_t)u->peek_off - n, INT64_C(0)));
}

bool unix_at_mark(const struct unix_sock *u)
{
    const struct unix_msg *first = unix_queue_first(u);
    if (!first)
        return false;
    if (first == u->oob)
        return true;
    return !unix_msg_left(first) && (!u->oob || unix_queue_next(u, first) == u->oob);
}

static void drop(struct unix_sock *u, struct unix_msg *m)
{
    unix_dequeue(u, m);
    unix_msg_free(m);
}

/* What a read finds at msg when that is the out-of-band byte, or the place where it was: a read ends in front of it, and the next
 * one passes it. NULL: nothing. */
static struct unix_msg *pass_mark(struct unix_sock *u, struct unix_msg *msg, bool peek, bool copied)
{
    if (unix_msg_left(msg) && msg != u->oob)
        return msg;
    if (!unix_msg_left(msg)) {
        struct unix_msg *next = unix_queue_next(u, msg);
        if (copied && !u->oob)
            return NULL;
        if (!peek)
            drop(u, msg);
        msg = next;
    }
    if (!msg || msg != u->oob)
        return msg;
    if (copied)
        return NULL;
    if (peek)
        return u->oobinline ? msg : unix_queue_next(u, msg);
    u->oob = NULL;
    if (u->oobinline)
        return msg;
    drop(u, msg);
    return unix_queue_first(u);
}

/* The message to read from, *skip bytes into it. NULL: none. */
static struct unix_msg *readable(struct unix_sock *u, struct unix_msg *msg, bool peek, bool copied,
                                 uint32_t *skip)
{
    if (msg)
        msg = pass_mark(u, msg, peek, copied);
    while (msg && *skip >= unix_msg_left(msg)) {
        *skip -= unix_msg_left(msg);
        msg = unix_queue_next(u, msg);
    }
    return msg;
}

static ssize_t recv_oob(struct unix_sock *u, struct sock_msg *m)
{
    struct unix_msg *msg = u->oob;
    if (!msg || u->oobinline)
        return -EINVAL;
    ssize_t put = m->u->resid ? uio_put(m->u, msg->data + msg->off, 1) : 1; /* no room: as if */
    if (!(m->flags & LINUX_MSG_PEEK)) {
        u->oob = NULL;
        msg->off++;
        u->queued_bytes--;
        if (msg->node.prev != &u->queue) {
            struct unix_msg *before = list_entry(msg->node.prev, struct unix_msg, node);
            if (!unix_msg_left(before)) /* one mark is enough */
                drop(u, before);
        }
    }
    if (put != 1)
        return -EFAULT;
    m->out_flags |= LINUX_MSG_OOB;
    m->stop = true;
    return 1;
}

static ssize_t nothing_to_read(struct unix_sock *u)
{
    int err = unix_take_error(u);
    if (err)
        return err;
    return u->shutdown & UNIX_RCV_SHUTDOWN ? 0 : -EAGAIN;
}

static ssize_t recv_stream(struct unix_sock *u, struct sock_msg *m)
{
    bool peek = m->flags & LINUX_MSG_PEEK, check = u->passcred || u->passpidfd;
    struct unix_scm scm = {0};
    struct unix_fds *fds = NULL;
    bool got_one = false, fault = false, empty = false;
    uint32_t done = 0, skip = peek_start(u, peek);
    struct unix_msg *msg = unix_queue_first(u);
    if (u->state != UNIX_ESTABLISHED)
        return -EINVAL;
    if (m->flags & LINUX_MSG_OOB)
        return recv_oob(u, m);
    do {
        bool copied = done || m->before, any = msg;
        msg = readable(u, msg, peek, copied, &skip);
        if (!msg) {
            m->stop = any && copied; /* a mark */
            empty = !done;
            break;
        }
        if (got_one && check && !same_creds(&scm, msg)) {
            m->stop = true; /* messages of different writers are not glued together */
            break;
        }
        if (!got_one) {
            scm = scm_of(msg);
            if (scm.tg)
                tgroup_get(scm.tg);
            if (msg->from->name.len)
                unix_name_get(msg->from, &m->addr);
        }
        uint32_t n = (uint32_t)MIN(m->u->resid, (uint64_t)(unix_msg_left(msg) - skip));
        if (n && uio_put(m->u, msg->data + msg->off + skip, n) != (ssize_t)n) {
            fault = true;
            m->stop = true;
            break;
        }
        got_one = true;
        done += n;
        skip = 0;
        bool had_fds = msg->fds;
        if (had_fds)
            fds = msg_fds(msg, peek);
        peek_moved(u, peek, n);
        struct unix_msg *next = unix_queue_next(u, msg);
        if (!peek) {
            msg->off += n;
            u->queued_bytes -= n;
            if (unix_msg_left(msg))
                next = NULL;
            else
                drop(u, msg);
        }
        msg = next;
        if (had_fds) {
            m->stop = true;
            break;
        }
        /* A look goes on when the buffer is full, as in Linux: it may find descriptors. */
    } while (msg && (peek || m->u->resid > 0));
    ssize_t r = (ssize_t)done;
    if (empty && !m->stop)
        r = nothing_to_read(u);
    else if (fault && !done)
        r = -EFAULT;
    if (r >= 0)
        unix_scm_put(u, m, fds, &scm);
    if (scm.tg)
        (void)tgroup_put(scm.tg);
    return r;
}

/* The first message, or with SO_PEEK_OFF the one that *skip leads to. */
static struct unix_msg *dgram_find(const struct unix_sock *u, bool peek, uint32_t *skip)
{
    struct unix_msg *m = unix_queue_first(u);
    while (m && peek && u->peek_off >= 0 && *skip >= m->len && (*skip || m->peeked)) {
        *skip -= m->len;
        m = unix_queue_next(u, m);
    }
    if (m && peek && !m->len)
        m->peeked = true;
    return m;
}

static ssize_t no_dgram(const struct unix_sock *u, const struct sock_msg *m)
{
    /* A datagram socket that does not wait is not told of its end. */
    bool waits = !(m->flags & LINUX_MSG_DONTWAIT) && !(u->s.file->flags & LINUX_O_NONBLOCK);
    return (u->shutdown & UNIX_RCV_SHUTDOWN) && (waits || !unix_is_dgram(u)) ? 0 : -EAGAIN;
}

static ssize_t recv_dgram(struct unix_sock *u, struct sock_msg *m)
{
    bool peek = m->flags & LINUX_MSG_PEEK;
    uint32_t skip = peek_start(u, peek);
    if (!unix_is_dgram(u) && u->state != UNIX_ESTABLISHED)
        return -ENOTCONN;
    if (m->flags & LINUX_MSG_OOB)
        return -EOPNOTSUPP;
    int err = unix_take_error(u);
    if (err)
        return err;
    struct unix_msg *msg = dgram_find(u, peek, &skip);
    if (!msg)
        return no_dgram(u, m);
    uint32_t left = msg->len - skip, n = (uint32_t)MIN(m->u->resid, (uint64_t)left);
    if (n < left)
        m->out_flags |= LINUX_MSG_TRUNC;
    if (msg->from->name.len)
        unix_name_get(msg->from, &m->addr);
    if (n && uio_put(m->u, msg->data + skip, n) != (ssize_t)n) {
        if (!peek) /* it is lost */
            drop(u, msg);
        return -EFAULT;
    }
    struct unix_scm scm = scm_of(msg);
    if (scm.tg)
        tgroup_get(scm.tg);
    struct unix_fds *fds = msg_fds(msg, peek);
    peek_moved(u, peek, peek ? n : msg->len);
    ssize_t r = (ssize_t)(m->flags & LINUX_MSG_TRUNC ? left : n);
    m->stop = true;
    if (!peek)
        drop(u, msg);
    unix_scm_put(u, m, fds, &scm);
    if (scm.tg)
        (void)tgroup_put(scm.tg);
    return r;
}

ssize_t unix_recv(struct socket *s, struct task *t, struct sock_msg *m)
{
    struct unix_sock *u = to_unix(s);
    return socket_is_stream(s) ? recv_stream(u, m) : recv_dgram(u, m);
}
