/* Workers that change threads. */
#include "base/test.h"

#include "host/host.h"
#include "host/thread.h"
#include "sentry/platform/ptrace/strand.h"

#include "base/atomic.h"

#include <linux/futex.h>

#define ROUNDS  300
#define AT_ONCE 5

static uint32_t at_call[AT_ONCE], done; /* atomic, futex */
static uint32_t round_no, wrong, others;
static int32_t tracer;

static void wait_for(uint32_t *word, uint32_t v)
{
    uint32_t have;
    while ((have = atomic_load_acquire(word)) < v)
        (void)!host_futex(word, FUTEX_WAIT_PRIVATE, have, NULL, NULL, 0);
}

static void bump(uint32_t *word)
{
    atomic_fetch_add_acq_rel(word, 1u);
    (void)!host_futex(word, FUTEX_WAKE_PRIVATE, 64, NULL, NULL, 0);
}

/* Each worker takes a round on the tracer's thread, "blocks" elsewhere until AT_ONCE - 1 later ones block too, and comes back. */
static void worker(void *arg)
{
    for (;;) {
        strand_lead_take();
        uint32_t n = round_no++; /* the tracer's own: no two strands run there at once */
        wrong += host_gettid() != tracer;
        uint32_t batch = n / AT_ONCE;
        for (uint32_t i = 0; batch > 1 && i < AT_ONCE; i++)
            wait_for(&at_call[i], batch - 1); /* no more than two batches at once */
        if (n >= ROUNDS) {
            bump(&done);
            for (uint32_t never = 0;;)
                (void)!host_futex(&never, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
        }
        volatile uint32_t kept[64];
        for (uint32_t i = 0; i < 64; i++)
            kept[i] = n + i;
        if (strand_lead_give()) {
            wrong++;
            continue;
        }
        atomic_fetch_add_relaxed(&others, (uint32_t)(host_gettid() != tracer));
        bump(&at_call[n % AT_ONCE]);
        for (uint32_t i = 0; i < AT_ONCE; i++)
            wait_for(&at_call[i], batch + 1);
        for (uint32_t i = 0; i < 64; i++)
            if (kept[i] != n + i)
                atomic_fetch_add_relaxed(&wrong, 1u);
    }
}

static void tracer_main(void *arg)
{
    tracer = host_gettid();
    strand_tracer_run(worker);
}

static void test_rounds(void **state)
{
    assert_int_equal(host_thread_start("tracer", tracer_main, NULL), 0);
    wait_for(&done, 1);
    assert_int_equal(wrong, 0);
    assert_in_range(others, ROUNDS - 2 * AT_ONCE, ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
