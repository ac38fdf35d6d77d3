/* sentry/socket/unix.h - AF_UNIX: stream, datagram and packet sockets inside the sandbox.
 *
 * Owner    struct unix_sock is counted: its file, a peer that is connected to it, a message that it sent, and a listener's queue hold
 *          references. Names are not references: the table of abstract names and inode->sock forget a socket at its close.
 * Locks    the kernel lock.
 * Blocks   send on a full buffer or a full receiver, connect on a full backlog: -EAGAIN; woken through the own queue (POLLOUT).
 * Limits   bytes: SO_SNDBUF of the sender (charged until received); messages: net.unix.max_dgram_qlen a datagram socket; descriptors in
 *          flight: RLIMIT_NOFILE in all unless CAP_SYS_RESOURCE or CAP_SYS_ADMIN (-ETOOMANYREFS).
 * Spec     unix(7). Behaviour of Linux 6.12.
 *
 * States: CLOSE (fresh, or disconnected), LISTEN (unix_listen), ESTABLISHED (unix_connect, accept, socketpair).
 *
 * I1  wmem is the sum of charge over the messages that this socket has sent and nobody has received.
 * I2  a message is in one queue; a queued connection (msg.embryo) is only in a listener's.
 * I3  full_node is linked exactly while this socket waits for room at another one (full_at).
 * I4  inflight counts the messages that hold this socket's file; one whose file has no other reference may be garbage.
 * I5  oob is in the own queue. A message whose byte was received out of band stays there, empty: the mark (SIOCATMARK).
 */
#pragma once
#include "base/hash.h"
#include "base/list.h"
#include "base/ref.h"
#include "sentry/socket/socket.h"
#include "sentry/task/wait.h"
#include "sentry/vfs/dentry.h"

#define UNIX_INLINE      152u
#define UNIX_OPTS_KEPT   17
#define UNIX_BUF_DEFAULT 212992
#define UNIX_BUF_MAX     212992 /* wmem_max, rmem_max */
#define UNIX_CHUNK       36544u /* a stream is cut into messages of this size */

enum unix_state { UNIX_CLOSE, UNIX_LISTEN, UNIX_ESTABLISHED };
enum { UNIX_RCV_SHUTDOWN = 1, UNIX_SEND_SHUTDOWN = 2, UNIX_SHUTDOWN_BOTH = 3 };

struct unix_name {
    uint32_t len; /* of the whole address, 0: unbound */
    struct linux_sockaddr_un un;
};

/* Descriptors in flight. */
struct unix_fds {
    struct unix_fds *next; /* unix_root.doomed */
    uint32_t n;
    struct file *file[LINUX_SCM_MAX_FD]; /* counted */
};

/* Who made the other end. */
struct unix_peer_id {
    int32_t pid;       /* 0: nobody */
    struct cred *cred; /* counted */
    struct tgroup *tg; /* counted */
};

struct unix_msg {
    struct list_node node;
    struct unix_sock *from;   /* counted */
    struct unix_sock *embryo; /* listener's queue: the accepted end, counted */
    struct unix_fds *fds;     /* arena, or NULL */
    uint8_t *data;            /* inline_data, or arena of size bytes */
    uint32_t len, off, charge, size;
    struct tgroup *tg; /* counted: who cred.pid is. NULL: no has_cred */
    int64_t stamp_ns;  /* SO_TIMESTAMP: when it was sent, 0: nobody asked */
    struct linux_ucred cred;
    bool has_cred;
    bool peeked; /* an empty datagram that MSG_PEEK has seen */
    uint8_t inline_data[UNIX_INLINE];
};

struct unix_sock {
    struct socket s;
    struct ref ref;
    enum unix_state state;
    uint32_t shutdown; /* UNIX_*_SHUTDOWN */
    bool dead;         /* its file is closed */
    bool outside;      /* stands for an end on the host (unix_host.h) */
    bool passcred, passpidfd;
    bool oobinline;
    bool stamp, stamp_nsec; /* SO_TIMESTAMP; in nanoseconds */
    int32_t err;            /* SO_ERROR, positive */
    int32_t peek_off;       /* SO_PEEK_OFF, < 0: none */
    struct unix_msg *oob;   /* I5 */
    struct unix_sock *peer; /* counted */
    struct list_node queue; /* unix_msg.node */
    uint32_t qlen, backlog;
    uint64_t queued_bytes;
    uint32_t wmem;
    int32_t sndbuf, rcvbuf;
    struct list_node all_node;    /* unix_root.socks */
    struct list_node flight_node; /* unix_root.flying, while inflight > 0 */
    uint32_t inflight;            /* I4 */
    uint64_t cookie;              /* SO_COOKIE, 0: not yet asked for */
    uint32_t gc_refs;             /* unix_gc.c */
    bool gc_live;
    struct waitq wait;
    struct list_node full_waiters; /* unix_sock.full_node: who waits for room here */
    struct list_node full_node;
    struct unix_sock *full_at;
    struct unix_name name;
    struct hlist_node abstract_node;
    struct ns *net;      /* counted: where its abstract name is one */
    struct inode *inode; /* bound to a path: counted with path */
    struct path path;
    struct unix_peer_id peer_id; /* SO_PEERCRED and its like */
    struct unix_host *host;      /* outside; or it is bound on the host too: owned */
    struct linux_linger linger;
    int32_t opts[UNIX_OPTS_KEPT]; /* options that are only remembered: unix_opt.c */
};

/* The sandbox's abstract names, and what is in flight. Made at the first socket. */
#define UNIX_BUCKETS 256u
struct unix_root {
    uint64_t seed;
    uint64_t inflight;         /* descriptors in messages */
    uint64_t inflight_sockets; /* of these, unix sockets */
    struct list_node socks;    /* unix_sock.all_node */
    struct list_node flying;   /* unix_sock.flight_node */
    bool collecting;
    uint64_t cookies; /* the last one given */
    uint32_t autobind_next;
    struct unix_fds *
        doomed; /* being closed, one after the other: a socket in flight may hold others in flight */
    bool closing;
    struct hlist_head abstract[UNIX_BUCKETS];
};
struct unix_root *unix_root(void); /* NULL: no memory */

static inline struct unix_sock *to_unix(struct socket *s)
{
    return container_of(s, struct unix_sock, s);
}
static inline struct unix_sock *unix_ref(struct unix_sock *u)
{
    ref_get(&u->ref);
    return u;
}
struct unix_sock *unix_unref(struct unix_sock *u);
static inline bool unix_is_dgram(const struct unix_sock *u)
{
    return u->s.type == LINUX_SOCK_DGRAM;
}

/* unix_name.c */
NODISCARD int unix_addr_check(const struct sock_addr *a, struct unix_name *ret); /* -EINVAL */
int unix_bind(struct socket *s, struct task *t, const struct sock_addr *a);
NODISCARD int unix_autobind(struct unix_sock *u); /* 0 also if it has a name */
/* Who is bound to a name, counted; a socket of the host: an end outside, connected to it. type: must match. -ECONNREFUSED, -EPROTOTYPE,
 * -EACCES, those of a path walk, -EAGAIN the host's has no room. */
NODISCARD int unix_find(struct task *t, struct ns *net, const struct unix_name *n, uint32_t type,
                        struct unix_sock **ret);
void unix_unname(struct unix_sock *u);
void unix_name_get(const struct unix_sock *u, struct sock_addr *ret); /* unbound: just the family */

/* unix_conn.c */
int unix_connect(struct socket *s, struct task *t, const struct sock_addr *a);
int unix_listen(struct socket *s, struct task *t, int backlog);
int unix_accept(struct socket *s, struct task *t, uint32_t flags, struct file **ret,
                struct sock_addr *ret_addr);
int unix_shutdown(struct socket *s, int how);
void unix_dgram_disconnected(struct unix_sock *u, struct unix_sock *old);
void unix_peer_id_set(struct unix_peer_id *id, struct task *t);
void unix_peer_id_copy(struct unix_peer_id *to, const struct unix_peer_id *from);
void unix_peer_id_drop(struct unix_peer_id *id);

/* unix_msg.c: the queues. */
NODISCARD struct unix_msg *unix_msg_new(uint32_t len); /* NULL: no memory */
/* What SO_SNDBUF is charged for n bytes: as Linux, whose buffers have heads and come in powers of two. */
uint32_t unix_msg_charge(uint32_t n, bool stream);
/* Gives back what it holds; wakes its sender if that can write again. */
void unix_msg_free(struct unix_msg *m);
void unix_enqueue(struct unix_sock *to, struct unix_msg *m); /* takes m; wakes readers */
void unix_dequeue(struct unix_sock *u,
                  struct unix_msg *m); /* the caller has m; wakes who waits for room */
static inline bool unix_queue_full(const struct unix_sock *u) { return u->qlen > u->backlog; }
static inline bool unix_writable(const struct unix_sock *u)
{
    return u->state != UNIX_LISTEN && (int64_t)u->wmem * 4 <= u->sndbuf;
}
static inline uint32_t unix_msg_left(const struct unix_msg *m) { return m->len - m->off; }
static inline struct unix_msg *unix_queue_first(const struct unix_sock *u)
{
    return list_empty(&u->queue) ? NULL : list_first_entry(&u->queue, struct unix_msg, node);
}
static inline struct unix_msg *unix_queue_next(const struct unix_sock *u, const struct unix_msg *m)
{
    return m->node.next == &u->queue ? NULL : list_entry(m->node.next, struct unix_msg, node);
}
/* u is woken with POLLOUT when `at` has room again (I3). */
void unix_wait_for_room(struct unix_sock *u, struct unix_sock *at);
void unix_stop_waiting(struct unix_sock *u);
void unix_wake(struct unix_sock *u, uint32_t events);

/* unix_io.c: sending; unix_recv.c: receiving. */
ssize_t unix_send(struct socket *s, struct task *t, struct sock_msg *m);
ssize_t unix_recv(struct socket *s, struct task *t, struct sock_msg *m);
NODISCARD int unix_take_error(
    struct unix_sock *u); /* the pending error, -errno or 0; there is none then */
bool unix_at_mark(const struct unix_sock *u); /* SIOCATMARK */

/* unix_scm.c: what goes beside the bytes. */
struct unix_scm {
    struct unix_fds *fds; /* owned */
    struct linux_ucred cred;
    struct tgroup *tg; /* of cred.pid; not counted, NULL: nobody's */
    bool has_cred;
    bool from_message; /* received with one */
    int64_t stamp_ns;
};
NODISCARD int unix_scm_parse(struct task *t, const struct sock_msg *m, struct unix_scm *ret);
void unix_scm_drop(struct unix_scm *scm);
struct unix_fds *unix_fds_dup(const struct unix_fds *f); /* NULL: no memory */
void unix_fds_free(struct unix_fds *f);
/* Counts descriptors into and out of flight. -ETOOMANYREFS. */
NODISCARD int unix_fds_launch(struct task *t, struct unix_fds *f);
void unix_fds_land(struct unix_fds *f);
/* Writes credentials and descriptors (takes fds) to the receiver. */
void unix_scm_put(struct unix_sock *u, struct sock_msg *m, struct unix_fds *fds,
                  const struct unix_scm *from);

/* unix_gc.c: frees what is reachable only from messages that nobody can receive any more. */
void unix_collect(void);

/* unix_opt.c */
int unix_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                    uint32_t len);
int unix_getsockopt(struct socket *s, struct task *t, int level, int name, void *v, uint32_t *len);

extern const struct socket_ops unix_ops;
struct unix_sock *unix_new(struct ns *net, uint32_t type); /* NULL: no memory */
