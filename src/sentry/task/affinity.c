/* CPU sets. Programs see the host's numbers, as the vDSO and rseq tell them. */
#include "sentry/kernel.h"
#include "sentry/task/task_priv.h"

#include <string.h>

void affinity_init(void)
{
    uint64_t *cpus = kern()->tasks->cpus;
    uint32_t n = 0;
    platform_cpus(cpus);
    for (uint32_t i = 0; i < PLATFORM_CPUS_MAX; i++) { /* as many as programs are told of */
        uint64_t bit = 1ULL << (i % 64);
        if ((cpus[i / 64] & bit) && ++n > kern()->ncpus)
            cpus[i / 64] &= ~bit;
    }
    if (!n)
        cpus[0] = 1;
}

const uint64_t *task_cpus(void) { return kern()->tasks->cpus; }

void task_set_affinity(struct task *t, const uint64_t cpus[PLATFORM_CPUS_MAX / 64])
{
    const size_t size = sizeof(t->affinity);
    bool as_it_is = !memcmp(cpus, t->affinity, size) && !memcmp(cpus, task_cpus(), size);
    memmove(t->affinity, cpus, size);
    if (t->thread && !as_it_is)
        platform_set_affinity(t->thread, t->affinity);
}
