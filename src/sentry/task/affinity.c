/* CPU sets. Programs see the host's numbers, as the vDSO and rseq tell them. */
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/kernel.h"
#include "sentry/task/task_priv.h"

#include <string.h>

#define CPUS_SIZE (PLATFORM_CPUS_MAX / 8)

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

const uint64_t *task_affinity(const struct task *t) { return t->cpus ? t->cpus : task_cpus(); }

int affinity_copy(const struct task *from, struct task *to)
{
    to->cpus = from->cpus ? arena_memdup(from->cpus, CPUS_SIZE) : NULL;
    return to->cpus || !from->cpus ? 0 : -ENOMEM;
}

void affinity_drop(struct task *t)
{
    if (t->cpus)
        arena_free(TAKE(t->cpus), CPUS_SIZE);
}

int task_set_affinity(struct task *t, const uint64_t cpus[PLATFORM_CPUS_MAX / 64])
{
    bool all = !memcmp(cpus, task_cpus(), CPUS_SIZE);
    if (all && !t->cpus)
        return 0;
    if (!t->cpus && !(t->cpus = arena_alloc(CPUS_SIZE)))
        return -ENOMEM;
    memcpy(t->cpus, cpus, CPUS_SIZE);
    if (t->thread)
        platform_set_affinity(t->thread, cpus);
    if (all)
        affinity_drop(t);
    return 0;
}
