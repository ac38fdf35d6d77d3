/* Sockets in flight that hold each other: a message in a socket's queue may carry the only reference to that socket.
 *
 * A candidate is a socket whose file is referenced by messages alone. References from the queues of candidates are taken off; a
 * candidate that has some left is held by a queue that somebody can read, and with it all that its own queue holds. The rest is
 * garbage: its queues are emptied, and the files go the ordinary way. Runs when a unix socket is closed, as in Linux; the cost is
 * that of the sockets in flight and their queues, whatever else there is.
 */
#include "sentry/socket/unix.h"
#include "sentry/vfs/file.h"

static bool is_candidate(const struct unix_sock *u)
{
    return u->inflight > 0 && u->s.file && ref_count(&u->s.file->ref) == u->inflight;
}

static void queue_each(struct list_node *queue, void (*fn)(struct unix_sock *u))
{
    struct unix_msg *m;
    LIST_FOREACH (m, queue, node) {
        for (uint32_t i = 0; m->fds && i < m->fds->n; i++) {
            struct socket *s = file_socket(m->fds->file[i]);
            if (s && s->family == LINUX_AF_UNIX && is_candidate(to_unix(s)))
                fn(to_unix(s));
        }
    }
}

/* All candidates that u's messages hold; a listener's are those of its connections too. */
static void held_by(struct unix_sock *u, void (*fn)(struct unix_sock *u))
{
    struct unix_msg *m;
    queue_each(&u->queue, fn);
    LIST_FOREACH (m, &u->queue, node)
        if (m->embryo)
            queue_each(&m->embryo->queue, fn);
}

static void take_off(struct unix_sock *u) { u->gc_refs--; }

/* Live ones move to the end of the list, so that one walk over it sees what they hold as well. */
static void make_live(struct unix_sock *u)
{
    if (u->gc_live)
        return;
    u->gc_live = true;
    list_move_tail(&u->flight_node, &unix_root()->flying);
}

static void mark(struct unix_root *r)
{
    struct unix_sock *u, *next;
    LIST_FOREACH (u, &r->flying, flight_node) {
        u->gc_live = false;
        u->gc_refs = is_candidate(u) ? u->inflight : 0;
    }
    LIST_FOREACH (u, &r->flying, flight_node)
        if (is_candidate(u))
            held_by(u, take_off);
    LIST_FOREACH_SAFE (u, next, &r->flying, flight_node)
        if (u->gc_refs > 0)
            make_live(u);
    LIST_FOREACH (u, &r->flying, flight_node)
        if (u->gc_live)
            held_by(u, make_live);
}

void unix_collect(void)
{
    struct unix_root *r = unix_root();
    if (r->inflight_sockets == 0 || r->collecting)
        return;
    r->collecting = true;
    mark(r);
    struct list_node doomed;
    struct unix_sock *u;
    list_init(&doomed);
    LIST_FOREACH (u, &r->flying, flight_node) {
        while (is_candidate(u) && !u->gc_live && !list_empty(&u->queue)) {
            struct unix_msg *m = list_first_entry(&u->queue, struct unix_msg, node);
            unix_dequeue(u, m);
            list_add_tail(&m->node, &doomed);
        }
    }
    while (!list_empty(&doomed)) {
        struct unix_msg *m = list_first_entry(&doomed, struct unix_msg, node);
        list_del(&m->node);
        unix_msg_free(m);
    }
    r->collecting = false;
}
