/* CPU time. The host tells the sum only: all of it counts as user time. */
#include "sentry/task/task_priv.h"

int64_t task_cpu_ns(const struct task *t)
{
    return t->cpu_past_ns + (t->thread ? platform_thread_cpu_ns(t->thread) : 0);
}

int64_t tgroup_cpu_total_ns(const struct tgroup *tg)
{
    int64_t sum = tg->dead_utime_ns + tg->dead_stime_ns;
    const struct task *t;
    LIST_FOREACH (t, &tg->tasks, tg_node)
        sum += task_cpu_ns(t);
    return sum;
}

void tgroup_cpu_ns(struct tgroup *tg, int64_t *ret_user, int64_t *ret_sys)
{
    *ret_user = tgroup_cpu_total_ns(tg) - tg->dead_stime_ns;
    *ret_sys = tg->dead_stime_ns;
}
