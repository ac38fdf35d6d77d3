/* Load averages: of the CPU time used, since the kernel does not see when application code waits for a CPU. They are worked out when
 * somebody looks, over the steps of five seconds since the last look.
 * DEVIATION: never above the number of CPUs; threads that wait for one are not counted. */
#include "sentry/kernel.h"
#include "sentry/task/task_priv.h"

#define STEP_NS (5 * NSEC_PER_SEC)
#define ONE     65536u

/* exp(-5/60), exp(-5/300), exp(-5/900) in 1/65536 */
static const uint32_t decay[3] = {60296, 64453, 65173};

static uint64_t power(uint64_t base, uint64_t n)
{
    uint64_t r = ONE;
    for (; n; n >>= 1) {
        if (n & 1)
            r = r * base / ONE;
        base = base * base / ONE;
    }
    return r;
}

static int64_t cpu_of_all(void)
{
    int64_t sum = kern()->tasks->gone_cpu_ns;
    for (struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid))
        sum += tgroup_cpu_total_ns(tg);
    return sum;
}

void loadavg_get(uint64_t ret[3])
{
    struct loadavg *l = &kern()->tasks->load;
    int64_t now = clock_monotonic_ns(), since = l->at_ns ? l->at_ns : kern()->boot_monotonic_ns;
    uint64_t steps = now > since ? (uint64_t)(now - since) / STEP_NS : 0;
    if (steps) {
        int64_t cpu = cpu_of_all();
        uint64_t used = (uint64_t)MAX(cpu - l->cpu_ns, (int64_t)0) / 1000;
        uint64_t busy = used * ONE / ((uint64_t)(now - since) / 1000);
        for (int i = 0; i < 3; i++) {
            uint64_t keep = power(decay[i], steps);
            l->avg[i] = (l->avg[i] * keep + busy * (ONE - keep)) / ONE;
        }
        l->at_ns = since + (int64_t)steps * STEP_NS;
        l->cpu_ns = cpu;
    }
    for (int i = 0; i < 3; i++)
        ret[i] = l->avg[i];
}
