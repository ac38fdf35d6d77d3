#include "sentry/platform/systrap/aside.h"

#include <string.h>

#include "host/clock.h"
#include "host/host.h"
#include "sentry/platform/stubs/stubs_priv.h"

/* Host-side: of this run of the sandbox, not of its state. */
static struct {
    uint64_t cpus[PLATFORM_CPUS_MAX / 64]; /* of the sandbox */
    uint32_t slot;
    int32_t tid; /* who is kept off; 0: nobody */
} aside;

uint32_t aside_init(void)
{
    uint32_t n = 0;
    if (host_sched_getaffinity(0, sizeof(aside.cpus), aside.cpus) < 0)
        return 1;
    for (unsigned i = 0; i < PLATFORM_CPUS_MAX / 64; i++)
        n += (uint32_t)__builtin_popcountll(aside.cpus[i]);
    return n;
}

bool aside_take(struct thread *th)
{
    uint64_t cpus[PLATFORM_CPUS_MAX / 64];
    int cpu = host_cpu();
    aside_end();
    if (th->bound || !th->tid || cpu < 0 || cpu >= (int)PLATFORM_CPUS_MAX)
        return false;
    memcpy(cpus, aside.cpus, sizeof(cpus));
    cpus[cpu / 64] &= ~(1ULL << (cpu % 64));
    if (host_sched_setaffinity(th->tid, sizeof(cpus), cpus) < 0)
        return false;
    aside.slot = th->slot;
    aside.tid = th->tid;
    return true;
}

void aside_end(void)
{
    struct thread *th = aside.tid ? thread_by_slot(aside.slot) : NULL;
    if (th && th->tid == aside.tid && !th->bound)
        (void)!host_sched_setaffinity(th->tid, sizeof(aside.cpus), aside.cpus);
    aside.tid = 0;
}
