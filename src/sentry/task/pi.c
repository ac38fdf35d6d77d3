#include "sentry/task/pi_priv.h"

#include "abi/futex.h"
#include "abi/mman.h"
#include "abi/sched.h"
#include "abi/syscall_nr.h"
#include "base/checked.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/kernel.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/usermem.h"
#include "sentry/time/posix_timers.h"
#include "sentry/vfs/file.h"

#define OWNER_CHAIN_MAX 1024

struct pi_root *pi_root(void)
{
    struct pi_root *r = kern()->tasks->pi;
    if (r)
        return r;
    r = arena_alloc(sizeof(*r));
    if (!r)
        return NULL;
    for (uint32_t i = 0; i < PI_BUCKETS; i++) {
        list_init(&r->locks[i]);
        list_init(&r->requeue[i]);
    }
    kern()->tasks->pi = r;
    return r;
}

uint32_t pi_bucket(const struct pi_key *k)
{
    uint64_t h = ((uint64_t)(uintptr_t)k->object ^ k->at >> 2) * 0x9e3779b97f4a7c15ULL;
    return (uint32_t)(h >> 32) % PI_BUCKETS;
}

bool pi_same(const struct pi_key *a, const struct pi_key *b)
{
    return a->object == b->object && a->at == b->at;
}

int pi_key_of(const struct task *t, struct uaddr at, bool private, struct pi_key *ret)
{
    if (!IS_ALIGNED(at.v, 4))
        return -EINVAL;
    *ret = (struct pi_key){t->mm, at.v};
    const struct vma *v = mm_find(t->mm, at.v);
    if (!v)
        return -EFAULT;
    if (private || !(v->flags & LINUX_MAP_SHARED) || !(v->file || v->host))
        return 0;
    ret->object = v->file ? (const void *)v->file->inode : (const void *)v->host;
    ret->at = v->off_bytes + (at.v - v->range.start);
    return 0;
}

struct pi_lock *pi_find(const struct pi_key *k)
{
    struct pi_lock *l;
    LIST_FOREACH (l, &kern()->tasks->pi->locks[pi_bucket(k)], node)
        if (pi_same(&l->key, k))
            return l;
    return NULL;
}

static void lock_drop_if_idle(struct pi_lock *l)
{
    if (!list_empty(&l->waiters))
        return;
    list_del(&l->node);
    kern()->tasks->pi->nlocks--;
    SLAB_FREE(PI_LOCK, l);
}

void pi_waiter_leave(struct pi_waiter *w)
{
    if (list_is_linked(&w->node))
        list_del_init(&w->node);
    w->requeue = false;
    if (w->lock)
        lock_drop_if_idle(TAKE(w->lock));
}

static void waiter_cleanup(struct task *t)
{
    struct pi_waiter *w = TAKE(t->restart.obj);
    pi_waiter_leave(w);
    t->pi_waiter = NULL;
    SLAB_FREE(PI_WAITER, w);
}

struct pi_waiter *pi_waiter_of(struct task *t)
{
    if (t->restart.obj)
        return t->restart.obj;
    struct pi_waiter *w = SLAB_NEW(PI_WAITER, struct pi_waiter);
    if (!w)
        return NULL;
    list_init(&w->node);
    w->task = t;
    bool rt = t->sched_policy == LINUX_SCHED_FIFO || t->sched_policy == LINUX_SCHED_RR;
    w->priority = rt ? t->sched_priority : 0;
    t->restart.obj = t->pi_waiter = w;
    t->restart.cleanup = waiter_cleanup;
    return w;
}

/* Would t, waiting for something that `owner` holds, wait for itself in the end? */
static bool is_cycle(const struct task *t, int32_t owner)
{
    for (unsigned n = 0; n < OWNER_CHAIN_MAX; n++) {
        if (owner == t->tid)
            return true;
        const struct task *o = task_find(owner);
        const struct pi_waiter *w = o ? o->pi_waiter : NULL;
        if (!w || !w->lock)
            return false;
        owner = w->lock->owner;
    }
    return true;
}

int pi_enqueue(struct pi_waiter *w, int32_t owner)
{
    struct pi_lock *l = pi_find(&w->key);
    if (l && l->owner != owner)
        return -EINVAL; /* I1 */
    if (is_cycle(w->task, owner))
        return -EDEADLK;
    if (!l) {
        l = SLAB_NEW(PI_LOCK, struct pi_lock);
        if (!l)
            return -ENOMEM;
        l->key = w->key;
        l->owner = owner;
        list_init(&l->waiters);
        list_add_tail(&l->node, &kern()->tasks->pi->locks[pi_bucket(&l->key)]);
        kern()->tasks->pi->nlocks++;
    }
    if (list_is_linked(&w->node))
        list_del(&w->node);
    struct pi_waiter *o, *before = NULL;
    LIST_FOREACH (o, &l->waiters, node) {
        if (o->priority < w->priority) {
            before = o;
            break;
        }
    }
    list_add_before(&w->node, before ? &before->node : &l->waiters);
    w->lock = l;
    return 0;
}

/* The deadline on the kernel's clock. The realtime clock can be set: it is looked at again. */
static int64_t next_look(struct task *t, const struct pi_wait *how)
{
    int64_t now = 0;
    if (!how->has_deadline || clock_read(t, how->clock, &now))
        return TIME_NONE;
    int64_t left = MAX(how->until_ns - now, (int64_t)0);
    if (how->clock == LINUX_CLOCK_REALTIME)
        left = MIN(left, 10 * NSEC_PER_SEC);
    return saturating_add_i64(clock_monotonic_ns(), left);
}

int pi_sleep(struct task *t, struct pi_waiter *w, const struct pi_wait *how)
{
    if (w->granted)
        return 0;
    t->restart.timed_out = false;
    return task_park(t, next_look(t, how));
}

/* ---- the word ---- */

int pi_claim(struct task *t, struct uaddr at, uint32_t *ret)
{
    int err = copy_in_u32(t, ret, at);
    if (err)
        return err;
    if (*ret & LINUX_FUTEX_WAITERS)
        return 0;
    if (t->restart.u[0] && task_sync_result(t)) /* it could not be written */
        return -EFAULT;
    const uint64_t set_waiters = (uint64_t)(LINUX_FUTEX_OP_OR | LINUX_FUTEX_OP_OPARG_SHIFT) << 28 |
                                 31u << 12 | (uint64_t)LINUX_FUTEX_OP_CMP_EQ << 24 | 0xfff;
    const uint64_t args[6] = {at.v, LINUX_FUTEX_WAKE_OP, 0, 0, at.v, set_waiters};
    err = task_native_call(t, LINUX_SYS_futex, args);
    if (err)
        return err;
    t->restart.u[0] = 1;
    return task_sync(t);
}

int pi_owner_of(const struct task *t, uint32_t word, int32_t *ret_owner)
{
    int32_t tid = (int32_t)(word & LINUX_FUTEX_TID_MASK);
    if (tid) {
        const struct task *o = task_named(t, tid);
        tid = o ? o->tid : 0;
        if (!o || o->exiting || o->state >= TASK_ZOMBIE)
            return -ESRCH;
    }
    *ret_owner = tid;
    return 0;
}

static int take_free(struct task *t, struct uaddr at, uint32_t word, const struct pi_key *k)
{
    if (pi_find(k))
        return -EINVAL; /* I1 */
    return copy_out_u32(t, at, (uint32_t)t->vtid | (word & LINUX_FUTEX_OWNER_DIED));
}

int64_t pi_lock(struct task *t, struct uaddr at, bool private, bool try_only,
                const struct pi_wait *how)
{
    if (!pi_root())
        return -ENOMEM;
    struct pi_waiter *w = pi_waiter_of(t);
    if (!w)
        return -ENOMEM;
    if (w->granted)
        return 0;
    int32_t owner;
    uint32_t word;
    if (!w->lock) {
        int err = pi_key_of(t, at, private, &w->key);
        if (err)
            return err;
        w->at = at;
        err = copy_in_u32(t, &word, at);
        if (err)
            return err;
        if ((int32_t)(word & LINUX_FUTEX_TID_MASK) == t->vtid)
            return -EDEADLK;
        err = pi_claim(t, at, &word);
        if (err)
            return err;
        err = pi_owner_of(t, word, &owner);
        if (err)
            return err;
        if (!owner)
            return take_free(t, at, word, &w->key);
        if (try_only)
            return -EAGAIN;
        err = pi_enqueue(w, owner);
        if (err)
            return err;
    }
    int r = pi_sleep(t, w, how);
    if (r != -EBLOCKED)
        pi_waiter_leave(w);
    return r == -ERESTARTSYS ? -ERESTARTNOINTR : r;
}

/* The first waiter becomes the owner. */
static int hand_over(struct pi_lock *l, uint32_t died)
{
    struct pi_waiter *w = list_first_entry(&l->waiters, struct pi_waiter, node);
    uint32_t word = (uint32_t)w->task->vtid | LINUX_FUTEX_WAITERS | died;
    int err = copy_out_u32(w->task, w->at, word);
    l->owner = w->task->tid;
    w->granted = true;
    struct task *t = w->task;
    pi_waiter_leave(w);
    task_wake(t);
    return err;
}

int64_t pi_unlock(struct task *t, struct uaddr at, bool private)
{
    struct pi_key k;
    uint32_t word;
    if (!pi_root())
        return -ENOMEM;
    int err = copy_in_u32(t, &word, at);
    if (err)
        return err;
    if ((int32_t)(word & LINUX_FUTEX_TID_MASK) != t->vtid)
        return -EPERM;
    err = pi_key_of(t, at, private, &k);
    if (err)
        return err;
    struct pi_lock *l = pi_find(&k);
    if (!l)
        return copy_out_u32(t, at, 0);
    return l->owner == t->tid ? hand_over(l, 0) : -EINVAL;
}

void pi_exit(struct task *t)
{
    struct pi_root *r = kern()->tasks->pi;
    for (uint32_t i = 0; r && r->nlocks && i < PI_BUCKETS; i++) {
        struct pi_lock *l, *next;
        LIST_FOREACH_SAFE (l, next, &r->locks[i], node)
            if (l->owner == t->tid)
                (void)hand_over(l, LINUX_FUTEX_OWNER_DIED);
    }
}
