/* Tests of priority-inheriting futexes: owners in words, waiters, hand-over, deaths, deadlocks, requeueing; pthread mutexes over them. */
#include "guest.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

static long futex(void *word, int op, uint32_t val, const void *timeout, void *word2, uint32_t val3)
{
    return syscall(SYS_futex, word, op, val, timeout, word2, val3);
}

static uint32_t tid(void) { return (uint32_t)syscall(SYS_gettid); }

static _Atomic uint32_t lock_word, cond;
static _Atomic int stage, holders, order[8], norder;

static struct timespec in_future(clockid_t clock, int ms)
{
    struct timespec ts;
    CHECK_OK(clock_gettime(clock, &ts));
    ts.tv_nsec += ms * 1000000L;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    return ts;
}

/* Until somebody waits for the lock, which the owner sees in its word. */
static void await_waiters(void)
{
    while (!(lock_word & FUTEX_WAITERS))
        sched_yield();
}

static void await_stage(int n)
{
    while (stage < n)
        sched_yield();
}

TEST(free_lock)
{
    CHECK_OK(futex(&lock_word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    CHECK_EQ(lock_word & FUTEX_TID_MASK, tid());
    CHECK_ERR(futex(&lock_word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
    CHECK_ERR(futex(&lock_word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
    CHECK_OK(futex(&lock_word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    CHECK_EQ(lock_word, 0);
    CHECK_OK(futex(&lock_word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    CHECK_EQ(lock_word & FUTEX_TID_MASK, tid());
    CHECK_OK(futex(&lock_word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    CHECK_ERR(futex(&lock_word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EPERM);
}

TEST(errors)
{
    struct timespec bad = {0, 1000000000};
    char *unmapped = CHECK_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    char *fixed = CHECK_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_OK(munmap(unmapped, 4096));
    CHECK_ERR(futex((char *)&lock_word + 1, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EINVAL);
    CHECK_ERR(futex((char *)&lock_word + 2, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EPERM);
    CHECK_ERR(futex(unmapped, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EFAULT);
    CHECK_ERR(futex(fixed, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EFAULT);
    CHECK_ERR(futex(unmapped, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EFAULT);
    CHECK_ERR(futex(&lock_word, FUTEX_LOCK_PI, 0, &bad, NULL, 0), EINVAL);
    CHECK_ERR(futex(&lock_word, FUTEX_LOCK_PI, 0, unmapped, NULL, 0), EFAULT);
    CHECK_ERR(futex(&lock_word, FUTEX_FD, 0, NULL, NULL, 0), ENOSYS);
    CHECK_ERR(futex(&lock_word, FUTEX_UNLOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
    lock_word = 0x3ffffff0; /* nobody */
    CHECK_ERR(futex(&lock_word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), ESRCH);
}

static void *locker(void *arg)
{
    CHECK_OK(futex(&lock_word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    CHECK_EQ(lock_word & FUTEX_TID_MASK, tid());
    order[norder++] = (int)(intptr_t)arg;
    CHECK_EQ(holders++, 0);
    sched_yield();
    holders--;
    CHECK_OK(futex(&lock_word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    return NULL;
}

TEST(handed_over)
{
    pthread_t t[4];
    lock_word = tid(); /* as a program takes it by itself */
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, locker, NULL), 0);
    await_waiters();
    CHECK_OK(futex(&lock_word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
    CHECK_EQ(norder, 4);
    CHECK_EQ(lock_word & FUTEX_TID_MASK, 0);
}

TEST(timeouts)
{
    pid_t pid;
    _Atomic uint32_t *w =
        CHECK_OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    *w = tid();
    pid = CHECK_OK(fork());
    if (pid == 0) {
        struct timespec real = in_future(CLOCK_REALTIME, 30), mono = in_future(CLOCK_MONOTONIC, 60);
        struct timespec past = {1, 0};
        CHECK_ERR(futex(w, FUTEX_LOCK_PI, 0, &past, NULL, 0), ETIMEDOUT);
        CHECK_ERR(futex(w, FUTEX_LOCK_PI, 0, &real, NULL, 0), ETIMEDOUT);
        if (futex(w, FUTEX_LOCK_PI2, 0, &mono, NULL, 0) != -1 || errno != ETIMEDOUT)
            CHECK_EQ(errno, ENOSYS); /* before Linux 5.14 */
        CHECK_ERR(futex(w, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EAGAIN);
        _exit(0);
    }
    check_child(pid, 0);
    CHECK_EQ(*w, tid() | FUTEX_WAITERS);
    CHECK_OK(futex(w, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    CHECK_EQ(*w, 0);
}

static void *dies_as_owner(void *arg)
{
    lock_word = tid();
    stage = 1;
    await_waiters();
    return arg;
}

TEST(owner_ends)
{
    pthread_t t;
    CHECK_EQ(pthread_create(&t, NULL, dies_as_owner, NULL), 0);
    await_stage(1);
    CHECK_OK(futex(&lock_word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    CHECK_EQ(lock_word & FUTEX_TID_MASK, tid());
    CHECK_EQ(lock_word & FUTEX_OWNER_DIED, FUTEX_OWNER_DIED);
    CHECK_EQ(pthread_join(t, NULL), 0);
}

static _Atomic uint32_t second_word;

static void *takes_second_then_first(void *arg)
{
    second_word = tid();
    stage = 1;
    CHECK_OK(futex(&lock_word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    CHECK_OK(futex(&lock_word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    return arg;
}

TEST(deadlock_of_two)
{
    pthread_t t;
    lock_word = tid();
    CHECK_EQ(pthread_create(&t, NULL, takes_second_then_first, NULL), 0);
    await_stage(1);
    await_waiters();
    /* It shows in the word a little before the other one sleeps. */
    struct timespec soon = in_future(CLOCK_REALTIME, 200);
    CHECK_ERR(futex(&second_word, FUTEX_LOCK_PI_PRIVATE, 0, &soon, NULL, 0), EDEADLK);
    CHECK_OK(futex(&lock_word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    CHECK_EQ(pthread_join(t, NULL), 0);
}

static void nothing(int signo) { (void)signo; }

static void *restarted(void *arg)
{
    stage = 1;
    CHECK_OK(futex(&lock_word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    stage = 2;
    return arg;
}

TEST(signals_do_not_end_it)
{
    pthread_t t;
    struct sigaction sa = {.sa_handler = nothing};
    CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
    lock_word = tid();
    CHECK_EQ(pthread_create(&t, NULL, restarted, NULL), 0);
    await_waiters();
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(pthread_kill(t, SIGUSR1), 0);
        sched_yield();
    }
    CHECK_EQ(stage, 1);
    CHECK_OK(futex(&lock_word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    CHECK_EQ(pthread_join(t, NULL), 0);
    CHECK_EQ(stage, 2);
}

static void *cond_waiter(void *arg)
{
    uint32_t seen = cond;
    stage++;
    CHECK_OK(futex(&cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE, seen, NULL, &lock_word,
                   FUTEX_BITSET_MATCH_ANY));
    CHECK_EQ(lock_word & FUTEX_TID_MASK, tid());
    holders++;
    CHECK_OK(futex(&lock_word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    return arg;
}

TEST(requeue)
{
    pthread_t t[3];
    struct timespec soon = in_future(CLOCK_MONOTONIC, 20);
    CHECK_ERR(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 7, NULL, &lock_word, FUTEX_BITSET_MATCH_ANY),
              EAGAIN);
    CHECK_ERR(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &cond, FUTEX_BITSET_MATCH_ANY), EINVAL);
    CHECK_ERR(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, &soon, &lock_word, FUTEX_BITSET_MATCH_ANY),
              ETIMEDOUT);
    CHECK_ERR(futex(&cond, FUTEX_CMP_REQUEUE_PI, 2, (void *)1, &lock_word, 0), EINVAL);
    CHECK_ERR(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &lock_word, 9), EAGAIN);
    CHECK_EQ(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &lock_word, 0), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, cond_waiter, NULL), 0);
    await_stage(3);
    int moved = 0;
    while (moved < 3) {
        moved +=
            (int)CHECK_OK(futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)10, &lock_word, 0));
        sched_yield();
    }
    CHECK_EQ(moved, 3);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
    CHECK_EQ(holders, 3);
}

TEST(requeue_to_a_held_lock)
{
    pthread_t t;
    lock_word = tid();
    CHECK_EQ(pthread_create(&t, NULL, cond_waiter, NULL), 0);
    while (CHECK_OK(futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &lock_word, 0)) == 0)
        sched_yield();
    CHECK_EQ(lock_word, tid() | FUTEX_WAITERS);
    CHECK_EQ(holders, 0);
    CHECK_OK(futex(&lock_word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    CHECK_EQ(pthread_join(t, NULL), 0);
}

/* ---- as libraries use it ---- */

struct shared {
    pthread_mutex_t m;
    pthread_cond_t c;
    int n;
};

static void shared_init(struct shared *s, bool robust, bool pshared)
{
    pthread_mutexattr_t a;
    pthread_condattr_t ca;
    CHECK_EQ(pthread_mutexattr_init(&a), 0);
    CHECK_EQ(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT), 0);
    CHECK_EQ(pthread_mutexattr_setpshared(&a, pshared), 0);
    CHECK_EQ(pthread_mutexattr_setrobust(&a, robust ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED),
             0);
    CHECK_EQ(pthread_mutex_init(&s->m, &a), 0);
    CHECK_EQ(pthread_condattr_init(&ca), 0);
    CHECK_EQ(pthread_condattr_setpshared(&ca, pshared), 0);
    CHECK_EQ(pthread_cond_init(&s->c, &ca), 0);
}

static void *adder(void *arg)
{
    struct shared *s = arg;
    for (int i = 0; i < 2000; i++) {
        CHECK_EQ(pthread_mutex_lock(&s->m), 0);
        s->n++;
        CHECK_EQ(pthread_mutex_unlock(&s->m), 0);
    }
    return NULL;
}

TEST(mutex)
{
    static struct shared s;
    pthread_t t[4];
    shared_init(&s, false, false);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, adder, &s), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
    CHECK_EQ(s.n, 8000);
}

TEST(mutex_between_processes)
{
    struct shared *s =
        CHECK_OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t pid[3];
    shared_init(s, false, true);
    for (int i = 0; i < 3; i++) {
        pid[i] = CHECK_OK(fork());
        if (pid[i] == 0) {
            adder(s);
            _exit(0);
        }
    }
    for (int i = 0; i < 3; i++)
        check_child(pid[i], 0);
    CHECK_EQ(s->n, 6000);
}

TEST(robust_owner_is_killed)
{
    struct shared *s =
        CHECK_OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    shared_init(s, true, true);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        CHECK_EQ(pthread_mutex_lock(&s->m), 0);
        s->n = 1;
        raise(SIGKILL);
    }
    check_child(pid, 128 + SIGKILL);
    CHECK_EQ(pthread_mutex_lock(&s->m), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_consistent(&s->m), 0);
    CHECK_EQ(pthread_mutex_unlock(&s->m), 0);
    pid = CHECK_OK(fork()); /* this time somebody waits */
    if (pid == 0) {
        CHECK_EQ(pthread_mutex_lock(&s->m), 0);
        s->n = 2;
        while (!((_Atomic uint32_t)s->m.__data.__lock & FUTEX_WAITERS))
            sched_yield();
        raise(SIGKILL);
    }
    while (*(volatile int *)&s->n != 2)
        sched_yield();
    CHECK_EQ(pthread_mutex_lock(&s->m), EOWNERDEAD);
    check_child(pid, 128 + SIGKILL);
}

static void *wait_for_it(void *arg)
{
    struct shared *s = arg;
    CHECK_EQ(pthread_mutex_lock(&s->m), 0);
    while (!s->n)
        CHECK_EQ(pthread_cond_wait(&s->c, &s->m), 0);
    s->n++;
    CHECK_EQ(pthread_mutex_unlock(&s->m), 0);
    return NULL;
}

TEST(condition_variable)
{
    static struct shared s;
    pthread_t t[4];
    shared_init(&s, false, false);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, wait_for_it, &s), 0);
    sched_yield();
    CHECK_EQ(pthread_mutex_lock(&s.m), 0);
    s.n = 1;
    CHECK_EQ(pthread_cond_broadcast(&s.c), 0);
    CHECK_EQ(pthread_mutex_unlock(&s.m), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
    CHECK_EQ(s.n, 5);
}
