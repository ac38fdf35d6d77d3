/* sentry/task/pi_priv.h - between pi.c and pi_requeue.c. Locks: the kernel lock. */
#pragma once
#include "sentry/task/pi.h"
#include "sentry/task/task_priv.h"

/* One futex: private memory by map and address, shared memory by what is mapped and the offset. */
struct pi_key {
    const void *object;
    uint64_t at;
};

struct pi_lock {
    struct list_node node; /* bucket */
    struct pi_key key;
    int32_t owner;            /* tid */
    struct list_node waiters; /* pi_waiter.node: by priority, then by arrival */
};

struct pi_waiter {
    struct list_node node; /* of lock->waiters, or of the bucket of those that can be requeued */
    struct task *task;
    struct pi_lock *lock; /* waits for it */
    bool requeue;         /* waits on `from` */
    bool moved;
    bool granted; /* owns it: the word says so */
    uint32_t priority;
    struct uaddr at, from_at; /* in task's memory */
    struct pi_key key, from;
};

#define PI_BUCKETS 64u
struct pi_root {
    uint32_t nlocks;
    struct list_node locks[PI_BUCKETS];
    struct list_node requeue[PI_BUCKETS];
};

struct pi_root *pi_root(void); /* NULL: no memory */
uint32_t pi_bucket(const struct pi_key *k);
bool pi_same(const struct pi_key *a, const struct pi_key *b);
NODISCARD int pi_key_of(const struct task *t, struct uaddr at, bool private, struct pi_key *ret);
struct pi_lock *pi_find(const struct pi_key *k);
/* t's waiter, made at the call's first run. NULL: no memory */
struct pi_waiter *pi_waiter_of(struct task *t);
void pi_waiter_leave(struct pi_waiter *w);
/* Queues w for the lock with this key that `owner` holds. -EDEADLK, -EINVAL, -ENOMEM. */
NODISCARD int pi_enqueue(struct pi_waiter *w, int32_t owner);
/* Sleeps until granted, the deadline or a signal: 0, -EBLOCKED, -ETIMEDOUT, -ERESTARTSYS. */
NODISCARD int pi_sleep(struct task *t, struct pi_waiter *w, const struct pi_wait *how);
/* The word, with WAITERS set in it. -EBLOCKED: the host is asked to set it. */
NODISCARD int pi_claim(struct task *t, struct uaddr at, uint32_t *ret);
/* Does somebody own it by this word? *ret_owner 0: free. -ESRCH. */
NODISCARD int pi_owner_of(const struct task *t, uint32_t word, int32_t *ret_owner);
