/* Condition variables over priority-inheriting locks: waiters move from the one to the other without being woken. */
#include "sentry/task/pi_priv.h"

#include "abi/futex.h"
#include "base/err.h"
#include "sentry/kernel.h"
#include "sentry/mm/usermem.h"

static int check_pair(struct task *t, struct uaddr from, struct uaddr to, bool private,
                      struct pi_key *ret_from, struct pi_key *ret_to)
{
    if (from.v == to.v)
        return -EINVAL;
    int err = pi_key_of(t, from, private, ret_from);
    if (!err)
        err = pi_key_of(t, to, private, ret_to);
    return !err && pi_same(ret_from, ret_to) ? -EINVAL : err;
}

int64_t pi_wait_requeue(struct task *t, struct uaddr from, uint32_t value, struct uaddr to,
                        bool private, const struct pi_wait *how)
{
    struct pi_root *root = pi_root();
    struct pi_waiter *w = root ? pi_waiter_of(t) : NULL;
    if (!w)
        return -ENOMEM;
    if (!w->granted && !w->lock && !w->requeue) {
        uint32_t word;
        int err = check_pair(t, from, to, private, &w->from, &w->key);
        if (!err)
            err = copy_in_u32(t, &word, from);
        if (err)
            return err;
        if (word != value)
            return -EAGAIN;
        w->at = to;
        w->from_at = from;
        w->requeue = true;
        w->moved = false;
        list_add_tail(&w->node, &root->requeue[pi_bucket(&w->from)]);
    }
    int r = pi_sleep(t, w, how);
    if (r == -EBLOCKED || r == 0)
        return r;
    bool moved = w->moved;
    pi_waiter_leave(w);
    if (r != -ERESTARTSYS)
        return r;
    return moved ? -EAGAIN : -ERESTARTNOINTR;
}

static struct pi_waiter *next_waiter(const struct pi_key *from)
{
    struct pi_waiter *w, *best = NULL;
    LIST_FOREACH (w, &kern()->tasks->pi->requeue[pi_bucket(from)], node)
        if (pi_same(&w->from, from) && (!best || w->priority > best->priority))
            best = w;
    return best;
}

/* The lock is free: it is w's, without w having to ask. */
static int give(struct pi_waiter *w, uint32_t word)
{
    uint32_t v = (uint32_t)w->task->vtid | LINUX_FUTEX_WAITERS | (word & LINUX_FUTEX_OWNER_DIED);
    int err = pi_find(&w->key) ? -EINVAL : copy_out_u32(w->task, w->at, v);
    if (err)
        return err;
    pi_waiter_leave(w);
    w->moved = w->granted = true;
    task_wake(w->task);
    return 0;
}

static int move(struct pi_waiter *w, int32_t owner)
{
    int err = pi_enqueue(w, owner);
    if (err)
        return err;
    w->requeue = false;
    w->moved = true;
    return 0;
}

int64_t pi_cmp_requeue(struct task *t, struct uaddr from, uint32_t value, struct uaddr to,
                       bool private, int32_t max)
{
    struct pi_key kf, kt;
    uint32_t word;
    if (!pi_root())
        return -ENOMEM;
    int err = check_pair(t, from, to, private, &kf, &kt);
    if (!err)
        err = copy_in_u32(t, &word, from);
    if (err)
        return err;
    if (word != value)
        return -EAGAIN;
    struct pi_waiter *w = next_waiter(&kf);
    if (!w)
        return 0;
    if (!pi_same(&w->key, &kt))
        return -EINVAL;
    int32_t owner;
    err = pi_claim(t, to, &word);
    if (!err)
        err = pi_owner_of(t, word, &owner);
    if (err)
        return err;
    int64_t n = 0;
    if (!owner) {
        owner = w->task->tid;
        err = give(w, word);
        n++;
        max = max < INT32_MAX ? max + 1 : max; /* the one that got it does not count */
    }
    for (; !err && n < max && (w = next_waiter(&kf)); n += !err)
        err = pi_same(&w->key, &kt) ? move(w, owner) : -EINVAL;
    return n ? n : err;
}
