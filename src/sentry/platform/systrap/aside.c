#include "sentry/platform/systrap/aside.h"

#include <string.h>

#include "host/clock.h"
#include "host/host.h"
#include "sentry/platform/stubs/stubs_priv.h"

/* Host-side: of this run of the sandbox, not of its state. */
static struct {
    uint64_t cpus[PLATFORM_CPUS_MAX / 64]; /* of the sandbox */
    uint64_t others[PLATFORM_CPUS_MAX / 64];
    int cpu; /* that is kept free */
    uint32_t n;
    struct {
        uint32_t slot;
        int32_t tid;
    } who[ASIDE_MAX];
} aside;

static uint32_t count(const uint64_t cpus[PLATFORM_CPUS_MAX / 64])
{
    uint32_t n = 0;
    for (unsigned i = 0; i < PLATFORM_CPUS_MAX / 64; i++)
        n += (uint32_t)__builtin_popcountll(cpus[i]);
    return n;
}

uint32_t aside_init(void)
{
    if (host_sched_getaffinity(0, sizeof(aside.cpus), aside.cpus) < 0)
        return 1;
    return count(aside.cpus);
}

bool aside_begin(void)
{
    aside_end();
    aside.cpu = host_cpu();
    if (aside.cpu < 0 || aside.cpu >= (int)PLATFORM_CPUS_MAX)
        return false;
    memcpy(aside.others, aside.cpus, sizeof(aside.cpus));
    aside.others[aside.cpu / 64] &= ~(1ULL << (aside.cpu % 64));
    return count(aside.others) != 0;
}

bool aside_here(void) { return host_cpu() == aside.cpu; }

bool aside_take(struct thread *th)
{
    if (th->bound || !th->tid || aside.n == ASIDE_MAX ||
        host_sched_setaffinity(th->tid, sizeof(aside.others), aside.others) < 0)
        return false;
    aside.who[aside.n].slot = th->slot;
    aside.who[aside.n++].tid = th->tid;
    return true;
}

static void set_free(uint32_t i)
{
    struct thread *th = thread_by_slot(aside.who[i].slot);
    if (th && th->tid == aside.who[i].tid && !th->bound)
        (void)!host_sched_setaffinity(th->tid, sizeof(aside.cpus), aside.cpus);
    aside.who[i] = aside.who[--aside.n];
}

void aside_give(struct thread *th)
{
    for (uint32_t i = aside.n; i-- > 0;)
        if (aside.who[i].slot == th->slot)
            set_free(i);
}

void aside_end(void)
{
    while (aside.n)
        set_free(aside.n - 1);
}
