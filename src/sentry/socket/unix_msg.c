/* Messages of unix sockets, their queues, and who is woken when these change. */
#include "abi/poll.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/socket/unix.h"
#include "sentry/task/task_priv.h"

#define WRITABLE (LINUX_POLLOUT | LINUX_POLLWRNORM | LINUX_POLLWRBAND)

void unix_wake(struct unix_sock *u, uint32_t events) { waitq_wake(&u->wait, events); }

struct unix_msg *unix_msg_new(uint32_t len)
{
    struct unix_msg *m = SLAB_NEW(UNIX_MSG, struct unix_msg);
    if (!m)
        return NULL;
    m->data = m->inline_data;
    m->size = UNIX_INLINE;
    if (len > UNIX_INLINE) {
        m->data = arena_alloc(len);
        m->size = len;
        if (!m->data) {
            SLAB_FREE(UNIX_MSG, m);
            return NULL;
        }
    }
    return m;
}

/* The least power of two with room for n bytes and what Linux puts behind them, beside the buffer's head. */
static uint32_t head_cost(uint32_t n)
{
    uint32_t need = ((n + 63u) & ~63u) + 320u, size = 512;
    while (size < need)
        size *= 2;
    return size + 256;
}

#define PAGE_UP(n) (((n) + 4095u) & ~4095u)

uint32_t unix_msg_charge(uint32_t n, bool stream)
{
    const uint32_t head_max = stream ? 4096 - 320 : 16384 - 320; /* more goes to pages */
    if (n <= head_max)
        return head_cost(n);
    uint32_t paged = PAGE_UP(n - head_max);
    return head_cost(n - MIN(n, paged)) + (stream ? PAGE_UP(MIN(n, paged)) : paged);
}

static void charge_drop(struct unix_msg *m)
{
    struct unix_sock *from = m->from;
    from->wmem -= m->charge;
    if (unix_writable(from)) /* each time, as Linux: an edge for epoll */
        unix_wake(from, WRITABLE);
}

void unix_msg_free(struct unix_msg *m)
{
    if (!m)
        return;
    if (m->from) {
        charge_drop(m);
        unix_unref(m->from);
    }
    if (m->fds) {
        unix_fds_land(m->fds);
        unix_fds_free(m->fds);
    }
    unix_unref(m->embryo);
    if (m->tg)
        (void)tgroup_put(m->tg);
    if (m->data != m->inline_data)
        arena_free(m->data, m->size);
    SLAB_FREE(UNIX_MSG, m);
}

void unix_enqueue(struct unix_sock *to, struct unix_msg *m)
{
    list_add_tail(&m->node, &to->queue);
    to->qlen++;
    to->queued_bytes += m->len;
    unix_wake(to, LINUX_POLLIN | LINUX_POLLRDNORM);
}

void unix_dequeue(struct unix_sock *u, struct unix_msg *m)
{
    list_del(&m->node);
    if (u->oob == m)
        u->oob = NULL;
    u->qlen--;
    u->queued_bytes -= m->len - m->off;
    if (unix_queue_full(u))
        return;
    struct unix_sock *w, *next;
    LIST_FOREACH_SAFE (w, next, &u->full_waiters, full_node) {
        unix_stop_waiting(w);
        unix_wake(w, WRITABLE);
    }
}

void unix_stop_waiting(struct unix_sock *u)
{
    if (!u->full_at)
        return;
    list_del_init(&u->full_node);
    u->full_at = NULL;
}

void unix_wait_for_room(struct unix_sock *u, struct unix_sock *at)
{
    if (u->full_at == at)
        return;
    unix_stop_waiting(u);
    list_add_tail(&u->full_node, &at->full_waiters);
    u->full_at = at;
}
