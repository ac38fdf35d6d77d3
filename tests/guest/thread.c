/* Tests of threads as programs use them: pthread_create to pthread_join, locks, conditions, cancellation, thread data. */
#include "guest.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

static void *give_back(void *arg) { return arg; }

TEST(join_gives_the_result)
{
    pthread_t t;
    void *got;
    CHECK_EQ(pthread_create(&t, NULL, give_back, (void *)0x1234), 0);
    CHECK_EQ(pthread_join(t, &got), 0);
    CHECK_EQ((uintptr_t)got, 0x1234);
}

static void *same_process(void *arg)
{
    CHECK_EQ(getpid(), *(pid_t *)arg);
    return (void *)syscall(SYS_gettid);
}

TEST(ids)
{
    pthread_t a, b;
    void *ta, *tb;
    pid_t pid = getpid();
    CHECK_EQ(syscall(SYS_gettid), pid);
    CHECK_EQ(pthread_create(&a, NULL, same_process, &pid), 0);
    CHECK_EQ(pthread_create(&b, NULL, same_process, &pid), 0);
    CHECK_EQ(pthread_join(a, &ta), 0);
    CHECK_EQ(pthread_join(b, &tb), 0);
    CHECK(ta != tb && (pid_t)(uintptr_t)ta != pid);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *count_up(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&lock);
        counter++;
        pthread_mutex_unlock(&lock);
    }
    return arg;
}

TEST(mutex_excludes)
{
    pthread_t t[8];
    for (int i = 0; i < 8; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, count_up, NULL), 0);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
    CHECK_EQ(counter, 16000);
}

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;

static void *take_turns(void *arg)
{
    int me = (int)(uintptr_t)arg;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 100; i++) {
        while (turn % 3 != me)
            pthread_cond_wait(&cond, &lock);
        turn++;
        pthread_cond_broadcast(&cond);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

TEST(condition_passes_turns)
{
    pthread_t t[3];
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, take_turns, (void *)(uintptr_t)i), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
    CHECK_EQ(turn, 300);
}

static struct timespec in_ms(clockid_t clock, long ms)
{
    struct timespec ts;
    CHECK_OK(clock_gettime(clock, &ts));
    ts.tv_nsec += ms * 1000000;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    return ts;
}

TEST(timed_waits_end)
{
    struct timespec ts = in_ms(CLOCK_REALTIME, 10);
    pthread_mutex_lock(&lock);
    CHECK_EQ(pthread_cond_timedwait(&cond, &lock, &ts), ETIMEDOUT);
    pthread_mutex_unlock(&lock);
    pthread_condattr_t at;
    pthread_cond_t mono;
    pthread_condattr_init(&at);
    CHECK_EQ(pthread_condattr_setclock(&at, CLOCK_MONOTONIC), 0);
    CHECK_EQ(pthread_cond_init(&mono, &at), 0);
    ts = in_ms(CLOCK_MONOTONIC, 10);
    pthread_mutex_lock(&lock);
    CHECK_EQ(pthread_cond_timedwait(&mono, &lock, &ts), ETIMEDOUT);
    pthread_mutex_unlock(&lock);
    sem_t s;
    CHECK_OK(sem_init(&s, 0, 0));
    ts = in_ms(CLOCK_REALTIME, 10);
    CHECK_ERR(sem_timedwait(&s, &ts), ETIMEDOUT);
    CHECK_ERR(sem_trywait(&s), EAGAIN);
}

static void *try_lock(void *arg)
{
    struct timespec ts = in_ms(CLOCK_REALTIME, 5);
    CHECK_EQ(pthread_mutex_trylock(arg), EBUSY);
    CHECK_EQ(pthread_mutex_timedlock(arg, &ts), ETIMEDOUT);
    CHECK_EQ(pthread_mutex_unlock(arg), EPERM);
    return NULL;
}

TEST(mutex_kinds)
{
    pthread_mutexattr_t at;
    pthread_mutex_t m;
    pthread_t t;
    pthread_mutexattr_init(&at);
    pthread_mutexattr_settype(&at, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&m, &at);
    CHECK_EQ(pthread_mutex_lock(&m), 0);
    CHECK_EQ(pthread_mutex_lock(&m), EDEADLK);
    CHECK_EQ(pthread_create(&t, NULL, try_lock, &m), 0);
    CHECK_EQ(pthread_join(t, NULL), 0);
    CHECK_EQ(pthread_mutex_unlock(&m), 0);
    CHECK_EQ(pthread_mutex_unlock(&m), EPERM);
    pthread_mutexattr_settype(&at, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&m, &at);
    CHECK_EQ(pthread_mutex_lock(&m), 0);
    CHECK_EQ(pthread_mutex_lock(&m), 0);
    CHECK_EQ(pthread_mutex_unlock(&m), 0);
    CHECK_EQ(pthread_mutex_unlock(&m), 0);
}

static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static _Atomic int readers, writers;

static void *read_and_write(void *arg)
{
    for (int i = 0; i < 200; i++) {
        if (i % 10 == 0) {
            pthread_rwlock_wrlock(&rw);
            CHECK_EQ(atomic_fetch_add(&writers, 1), 0);
            CHECK_EQ(readers, 0);
            atomic_fetch_sub(&writers, 1);
        } else {
            pthread_rwlock_rdlock(&rw);
            atomic_fetch_add(&readers, 1);
            CHECK_EQ(writers, 0);
            atomic_fetch_sub(&readers, 1);
        }
        pthread_rwlock_unlock(&rw);
    }
    return arg;
}

TEST(readers_and_writers)
{
    pthread_t t[6];
    for (int i = 0; i < 6; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, read_and_write, NULL), 0);
    for (int i = 0; i < 6; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
}

static pthread_barrier_t barrier;
static _Atomic int arrived, serial;

static void *meet(void *arg)
{
    for (int round = 1; round <= 20; round++) {
        atomic_fetch_add(&arrived, 1);
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            atomic_fetch_add(&serial, 1);
        CHECK(arrived >= 5 * round);
        pthread_barrier_wait(&barrier);
    }
    return arg;
}

TEST(barrier_holds_all)
{
    pthread_t t[5];
    CHECK_EQ(pthread_barrier_init(&barrier, NULL, 5), 0);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, meet, NULL), 0);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
    CHECK_EQ(serial, 20);
}

static __thread int own = 7;
static pthread_key_t key;
static _Atomic int destroyed;

static void destroy(void *arg) { atomic_fetch_add(&destroyed, (int)(uintptr_t)arg); }

static void *use_own(void *arg)
{
    CHECK_EQ(own, 7);
    own = (int)(uintptr_t)arg;
    CHECK_EQ(pthread_setspecific(key, arg), 0);
    sched_yield();
    CHECK_EQ(own, (uintptr_t)arg);
    CHECK_EQ((uintptr_t)pthread_getspecific(key), (uintptr_t)arg);
    return NULL;
}

TEST(thread_data)
{
    pthread_t t[4];
    CHECK_EQ(pthread_key_create(&key, destroy), 0);
    for (uintptr_t i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, use_own, (void *)(i + 1)), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
    CHECK_EQ(destroyed, 1 + 2 + 3 + 4);
    CHECK_EQ(own, 7);
}

static _Atomic int cleaned;
static void cleanup(void *arg) { cleaned = (int)(uintptr_t)arg; }

static void *block_for_ever(void *arg)
{
    char c;
    pthread_cleanup_push(cleanup, (void *)5);
    CHECK_EQ(read(*(int *)arg, &c, 1), 1); /* never: cancelled in here */
    pthread_cleanup_pop(0);
    return NULL;
}

TEST(cancelled_in_a_blocking_call)
{
    int fd[2];
    pthread_t t;
    void *got;
    CHECK_OK(pipe(fd));
    CHECK_EQ(pthread_create(&t, NULL, block_for_ever, &fd[0]), 0);
    CHECK_EQ(pthread_cancel(t), 0);
    CHECK_EQ(pthread_join(t, &got), 0);
    CHECK(got == PTHREAD_CANCELED);
    CHECK_EQ(cleaned, 5);
}

static void *compute_for_ever(void *arg)
{
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    atomic_store((_Atomic int *)arg, 1);
    for (volatile long i = 0;; i++)
        ;
    return NULL;
}

TEST(cancelled_while_computing)
{
    static _Atomic int started;
    pthread_t t;
    void *got;
    CHECK_EQ(pthread_create(&t, NULL, compute_for_ever, &started), 0);
    while (!started)
        sched_yield();
    CHECK_EQ(pthread_cancel(t), 0);
    CHECK_EQ(pthread_join(t, &got), 0);
    CHECK(got == PTHREAD_CANCELED);
}

static void *post(void *arg)
{
    sem_post(arg);
    return NULL;
}

TEST(detached_threads_go_by_themselves)
{
    sem_t s;
    pthread_attr_t at;
    CHECK_OK(sem_init(&s, 0, 0));
    pthread_attr_init(&at);
    pthread_attr_setdetachstate(&at, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < 50; i++) {
        pthread_t t;
        CHECK_EQ(pthread_create(&t, &at, post, &s), 0);
    }
    for (int i = 0; i < 50; i++)
        CHECK_OK(sem_wait(&s));
}

TEST(lock_shared_by_processes)
{
    struct {
        pthread_mutex_t m;
        pthread_cond_t c;
        int n;
    } *p = CHECK_OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pthread_mutexattr_t ma;
    pthread_condattr_t ca;
    pthread_mutexattr_init(&ma);
    pthread_condattr_init(&ca);
    CHECK_EQ(pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED), 0);
    CHECK_EQ(pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED), 0);
    CHECK_EQ(pthread_mutex_init(&p->m, &ma), 0);
    CHECK_EQ(pthread_cond_init(&p->c, &ca), 0);
    pid_t pid = CHECK_OK(fork());
    for (int i = 0; i < 200; i++) { /* parent counts on even, child on odd numbers */
        pthread_mutex_lock(&p->m);
        while (p->n % 2 != (pid == 0))
            pthread_cond_wait(&p->c, &p->m);
        p->n++;
        pthread_cond_signal(&p->c);
        pthread_mutex_unlock(&p->m);
    }
    if (pid == 0)
        _exit(0);
    check_child(pid, 0);
    CHECK_EQ(p->n, 400);
}

static void *own_stack(void *arg)
{
    char here;
    CHECK(&here > *(char **)arg && &here < *(char **)arg + 65536);
    return NULL;
}

TEST(stack_of_ones_own)
{
    pthread_attr_t at;
    pthread_t t;
    char *stack = CHECK_OK(
        mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0));
    pthread_attr_init(&at);
    CHECK_EQ(pthread_attr_setstack(&at, stack, 65536), 0);
    CHECK_EQ(pthread_create(&t, &at, own_stack, &stack), 0);
    CHECK_EQ(pthread_join(t, NULL), 0);
    CHECK_OK(munmap(stack, 65536));
}

TEST(many_one_after_another)
{
    for (uintptr_t i = 0; i < 500; i++) {
        pthread_t t;
        void *got;
        CHECK_EQ(pthread_create(&t, NULL, give_back, (void *)i), 0);
        CHECK_EQ(pthread_join(t, &got), 0);
        CHECK_EQ((uintptr_t)got, i);
    }
}

static void *meet_once(void *arg)
{
    pthread_barrier_wait(&barrier);
    return arg;
}

TEST(many_at_once)
{
    enum { N = 150 };
    static pthread_t t[N];
    CHECK_EQ(pthread_barrier_init(&barrier, NULL, N + 1), 0);
    for (int i = 0; i < N; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, meet_once, NULL), 0);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < N; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
}

static void *fork_here(void *arg)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) /* the only thread of the child, and its leader */
        _exit(syscall(SYS_gettid) == getpid() ? 4 : 5);
    check_child(pid, 4);
    return arg;
}

TEST(fork_from_a_thread)
{
    pthread_t t[3];
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, fork_here, NULL), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
}

static void *goes_on(void *arg)
{
    char c = 0, path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
    for (int i = 0; i < 2000; i++) { /* until the first thread is gone */
        int fd = CHECK_OK(open(path, O_RDONLY));
        char text[256];
        ssize_t n = CHECK_OK(read(fd, text, sizeof(text) - 1));
        text[n] = 0;
        close(fd);
        if (strstr(text, ") Z "))
            break;
        usleep(1000);
    }
    int *gate = arg;
    CHECK_EQ(write(gate[1], "x", 1), 1);
    CHECK_EQ(read(gate[0], &c, 1), 1);
    CHECK_EQ(c, 'x');
    _exit(7);
}

/* What is left of a process works on when its first thread has ended. */
TEST(first_thread_ends_first)
{
    pid_t pid = fork();
    if (pid == 0) {
        static int gate[2];
        pthread_t t;
        CHECK_OK(pipe(gate));
        CHECK_EQ(pthread_create(&t, NULL, goes_on, gate), 0);
        pthread_exit(NULL);
    }
    check_child(pid, 7);
}
