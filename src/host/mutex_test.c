#include "host/mutex.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>

#define THREADS 4
#define ROUNDS  20000

struct counter {
    struct mutex lock;
    long value GUARDED_BY(&lock);
};

static void *counter_run(void *p)
{
    struct counter *c = p;
    for (int i = 0; i < ROUNDS; i++) {
        mutex_lock(&c->lock);
        c->value++;
        mutex_unlock(&c->lock);
    }
    return NULL;
}

static void test_exclusion(void **state)
{
    struct counter c = {.lock = MUTEX_INIT(RANK_KERNEL)};
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, counter_run, &c), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    mutex_lock(&c.lock);
    assert_int_equal(c.value, THREADS * ROUNDS);
    mutex_unlock(&c.lock);
}

static void test_trylock_pair(void **state)
{
    struct mutex a = MUTEX_INIT(RANK_HOSTFD);
    struct mutex b = MUTEX_INIT(RANK_HOSTFD);
    mutex_lock_pair(&a, &b);
    bool taken = mutex_trylock(&a);
    assert_false(taken);
    mutex_assert_held(&a);
    mutex_unlock_pair(&a, &b);
    taken = mutex_trylock(&a);
    assert_true(taken);
    if (taken)
        mutex_unlock(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exclusion),
                                       cmocka_unit_test(test_trylock_pair)};
    return cmocka_run_group_tests_name("host-mutex", tests, NULL, NULL);
}
