/* Tests of futex(2): values, wake counts, requeues, timeouts, errors, sharing between processes. */
#include "guest.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

static long futex(void *word, int op, uint32_t val, const void *timeout, void *word2, uint32_t val3)
{
    return syscall(SYS_futex, word, op, val, timeout, word2, val3);
}

static _Atomic uint32_t word, other;
static _Atomic int woken;

static void *waiter(void *arg)
{
    while (futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) != 0)
        CHECK_EQ(errno, EINTR);
    atomic_fetch_add(&woken, 1);
    return arg;
}

/* Wakes until n have been woken in all: a thread that does not sleep yet is not counted by the kernel. */
static void wake_all_of(void *at, int op, int n)
{
    while (n > 0) {
        n -= (int)CHECK_OK(futex(at, op, 1, NULL, NULL, FUTEX_BITSET_MATCH_ANY));
        sched_yield();
    }
}

TEST(wait_checks_the_value)
{
    word = 5;
    CHECK_ERR(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
    CHECK_ERR(futex(&word, FUTEX_WAIT_PRIVATE, 6, NULL, NULL, 0), EAGAIN);
    CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET, 6, NULL, NULL, 1), EAGAIN);
}

TEST(errors)
{
    struct timespec bad = {0, 1000000000}, negative = {-1, 0};
    char *unmapped = CHECK_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_OK(munmap(unmapped, 4096));
    CHECK_ERR(futex((char *)&word + 1, FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
    CHECK_ERR(futex((char *)&word + 2, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERR(futex(unmapped, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
    CHECK_ERR(futex(unmapped, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
    CHECK_ERR(futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0), EINVAL);
    CHECK_ERR(futex(&word, FUTEX_WAIT, 0, &negative, NULL, 0), EINVAL);
    CHECK_ERR(futex(&word, FUTEX_WAIT, 0, unmapped, NULL, 0), EFAULT);
    CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
    CHECK_ERR(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERR(futex(&word, 99, 1, NULL, NULL, 0), ENOSYS);
}

TEST(wake_without_waiters)
{
    CHECK_EQ(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
    CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 1000, NULL, NULL, 0), 0);
}

TEST(timeouts)
{
    struct timespec soon = {0, 20000000}, zero = {0, 0}, before, after, deadline;
    CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &before));
    CHECK_ERR(futex(&word, FUTEX_WAIT_PRIVATE, 0, &soon, NULL, 0), ETIMEDOUT);
    CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &after));
    CHECK((after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec >=
          20000000);
    CHECK_ERR(futex(&word, FUTEX_WAIT, 0, &zero, NULL, 0), ETIMEDOUT);
    /* Absolute: a time that has passed, on both clocks. */
    CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &deadline));
    CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET, 0, &deadline, NULL, 1), ETIMEDOUT);
    CHECK_OK(clock_gettime(CLOCK_REALTIME, &deadline));
    CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &deadline, NULL, 1),
              ETIMEDOUT);
}

TEST(wake_counts)
{
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, waiter, NULL), 0);
    wake_all_of(&word, FUTEX_WAKE_PRIVATE, 4);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
    CHECK_EQ(woken, 4);
}

static void *bit_waiter(void *arg)
{
    uint32_t bits = (uint32_t)(uintptr_t)arg;
    CHECK_OK(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, bits));
    atomic_fetch_or(&woken, (int)bits);
    return NULL;
}

TEST(bitsets)
{
    pthread_t a, b;
    CHECK_EQ(pthread_create(&a, NULL, bit_waiter, (void *)1), 0);
    CHECK_EQ(pthread_create(&b, NULL, bit_waiter, (void *)2), 0);
    while (CHECK_OK(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 2)) == 0)
        sched_yield();
    CHECK_EQ(pthread_join(b, NULL), 0);
    CHECK_EQ(woken, 2);
    while (CHECK_OK(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 5)) == 0)
        sched_yield();
    CHECK_EQ(pthread_join(a, NULL), 0);
    CHECK_EQ(woken, 3);
}

TEST(requeue)
{
    pthread_t t[3];
    CHECK_ERR(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 7), EAGAIN);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, waiter, NULL), 0);
    int moved = 0;
    while (moved < 3) { /* nobody is woken: all are counted when they move */
        moved += (int)CHECK_OK(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)3, &other, 0));
        sched_yield();
    }
    CHECK_EQ(moved, 3);
    CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 0);
    CHECK_EQ(futex(&other, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0), 2);
    CHECK_EQ(futex(&other, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0), 1);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
}

TEST(wake_op)
{
    other = 4;
    /* other += 3, and wake its waiters if it was 4; nobody waits. */
    CHECK_EQ(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &other,
                   FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 4)),
             0);
    CHECK_EQ(other, 7);
    CHECK_EQ(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &other,
                   FUTEX_OP(FUTEX_OP_ANDN, 1, FUTEX_OP_CMP_LT, 4)),
             0);
    CHECK_EQ(other, 6);
}

TEST(shared_between_processes)
{
    _Atomic uint32_t *w =
        CHECK_OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        while (*w == 0)
            if (futex(w, FUTEX_WAIT, 0, NULL, NULL, 0) != 0)
                CHECK_EQ(errno, EAGAIN);
        _exit(9);
    }
    while (CHECK_OK(futex(w, FUTEX_WAKE, 1, NULL, NULL, 0)) == 0)
        sched_yield(); /* the child sleeps when this wakes it; the word is still 0, so it sleeps again */
    *w = 1;
    CHECK_OK(futex(w, FUTEX_WAKE, 1, NULL, NULL, 0));
    check_child(pid, 9);
}

TEST(shared_over_a_file)
{
    int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
    CHECK_OK(ftruncate(fd, 4096));
    _Atomic uint32_t *a = CHECK_OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) { /* another mapping of the same file */
        _Atomic uint32_t *b = CHECK_OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
        while (futex(b, FUTEX_WAIT, 0, NULL, NULL, 0) != 0)
            CHECK_EQ(errno, EINTR);
        _exit(3);
    }
    while (CHECK_OK(futex(a, FUTEX_WAKE, 1, NULL, NULL, 0)) == 0)
        sched_yield();
    check_child(pid, 3);
}

TEST(private_memory_is_not_shared_after_fork)
{
    int to[2];
    char c;
    CHECK_OK(pipe(to));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        struct timespec limit = {0, 50000000};
        CHECK_OK(write(to[1], "x", 1));
        CHECK_ERR(futex(&word, FUTEX_WAIT, 0, &limit, NULL, 0), ETIMEDOUT);
        _exit(0);
    }
    CHECK_EQ(read(to[0], &c, 1), 1);
    CHECK_EQ(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
    check_child(pid, 0);
}

static void nothing(int signo) { (void)signo; }

TEST(wait_is_interrupted)
{
    struct sigaction sa = {.sa_handler = nothing, .sa_flags = 0};
    CHECK_OK(sigaction(SIGALRM, &sa, NULL));
    struct timespec limit = {10, 0};
    ualarm(20000, 0);
    CHECK_ERR(futex(&word, FUTEX_WAIT_PRIVATE, 0, &limit, NULL, 0), EINTR);
}

TEST(wait_goes_on_with_sa_restart)
{
    struct sigaction sa = {.sa_handler = nothing, .sa_flags = SA_RESTART};
    CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
    pthread_t t;
    CHECK_EQ(pthread_create(&t, NULL, waiter, NULL), 0);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(pthread_kill(t, SIGUSR1), 0);
        sched_yield();
    }
    wake_all_of(&word, FUTEX_WAKE_PRIVATE, 1);
    CHECK_EQ(pthread_join(t, NULL), 0);
}

struct waitv {
    uint64_t val, uaddr;
    uint32_t flags, reserved;
};

static void *waitv_waiter(void *arg)
{
    struct waitv v[2] = {{0, (uintptr_t)&word, 2 | FUTEX_PRIVATE_FLAG, 0},
                         {0, (uintptr_t)&other, 2 | FUTEX_PRIVATE_FLAG, 0}};
    CHECK_EQ(syscall(449, v, 2, 0, NULL, 0), 1);
    return arg;
}

TEST(waitv)
{
    struct waitv v = {1, (uintptr_t)&word, 2, 0};
    struct timespec past = {1, 0};
    pthread_t t;
    long r = syscall(449, &v, 1, 0, NULL, 0);
    if (r == -1 && errno == ENOSYS)
        SKIP("no futex_waitv");
    CHECK_ERR(syscall(449, &v, 1, 0, NULL, 0), EAGAIN);
    CHECK_ERR(syscall(449, &v, 0, 0, NULL, 0), EINVAL);
    v.val = 0;
    CHECK_ERR(syscall(449, &v, 1, 0, &past, CLOCK_MONOTONIC), ETIMEDOUT);
    CHECK_EQ(pthread_create(&t, NULL, waitv_waiter, NULL), 0);
    wake_all_of(&other, FUTEX_WAKE_PRIVATE, 1);
    CHECK_EQ(pthread_join(t, NULL), 0);
}

static void *newer_waiter(void *arg)
{
    CHECK_EQ(syscall(455, &word, 0, FUTEX_BITSET_MATCH_ANY, 2 | FUTEX_PRIVATE_FLAG, NULL, 0), 0);
    return arg;
}

TEST(newer_calls)
{
    struct timespec past = {1, 0};
    pthread_t t;
    long r = syscall(454, &word, 1, 1, 2);
    if (r == -1 && errno == ENOSYS)
        SKIP("no futex_wake");
    CHECK_EQ(r, 0);
    CHECK_ERR(syscall(454, &word, 1, 1, 64), EINVAL);
    CHECK_ERR(syscall(455, &word, 7, 1, 2, NULL, 0), EAGAIN);
    CHECK_ERR(syscall(455, &word, 0, 1, 2, &past, CLOCK_MONOTONIC), ETIMEDOUT);
    CHECK_EQ(pthread_create(&t, NULL, newer_waiter, NULL), 0);
    while (CHECK_OK(syscall(454, &word, 1, 1, 2 | FUTEX_PRIVATE_FLAG)) == 0)
        sched_yield();
    CHECK_EQ(pthread_join(t, NULL), 0);
}

TEST(waitv_is_interrupted)
{
    struct sigaction sa = {.sa_handler = nothing, .sa_flags = 0};
    struct waitv v = {0, (uintptr_t)&word, 2, 0};
    CHECK_OK(sigaction(SIGALRM, &sa, NULL));
    ualarm(20000, 0);
    long r = syscall(449, &v, 1, 0, NULL, 0);
    CHECK_EQ(r, -1);
    if (errno == ENOSYS)
        SKIP("no futex_waitv");
    CHECK_EQ(errno, EINTR);
}
