/* Files of version 1: a table a hierarchy. */
#include "abi/limits.h"
#include "sentry/fs/cgroup/cgroup_priv.h"
#include "sentry/kernel.h"

typedef unsigned long long ull;

/* What version 1 says for "no limit". */
#define UNLIMITED (UINT64_C(0x7fffffffffffffff) & ~UINT64_C(4095))
#define TICK_NS   (UINT64_C(1000000000) / 100)

const char *const cgroup_v1_names[CGROUP_HIERARCHIES] = {
    [CGROUP_CPUSET] = "cpuset", [CGROUP_CPU] = "cpu,cpuacct", [CGROUP_MEMORY] = "memory",
    [CGROUP_PIDS] = "pids",     [CGROUP_FREEZER] = "freezer", [CGROUP_SYSTEMD] = "name=systemd"};

/* ---- memory ---- */

static void limit(struct proc_text *x, uint64_t v)
{
    proc_printf(x, "%llu\n", v ? (ull)v : (ull)UNLIMITED);
}

static int show_memory_limit(struct proc_text *x, const struct proc_ctx *c)
{
    limit(x, kern()->limits.memory_bytes);
    return 0;
}

static int show_swap_limit(struct proc_text *x, const struct proc_ctx *c)
{
    limit(x, kern()->limits.swap_bytes);
    return 0;
}

static int show_soft_limit(struct proc_text *x, const struct proc_ctx *c)
{
    limit(x, kern()->limits.reservation_bytes);
    return 0;
}

static int show_no_limit(struct proc_text *x, const struct proc_ctx *c)
{
    limit(x, 0);
    return 0;
}

static int show_oom_control(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "oom_kill_disable 0\nunder_oom 0\noom_kill %llu\n", (ull)kern()->oom_kills);
    return 0;
}

static int show_failcnt(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%llu\n", (ull)kern()->oom_kills);
    return 0;
}

static int show_memory_stat(struct proc_text *x, const struct proc_ctx *c)
{
    const struct boot_limits *l = &kern()->limits;
    struct cgroup_use u;
    cgroup_use(&u);
    proc_printf(x,
                "cache %llu\nrss %llu\nrss_huge 0\nshmem %llu\nmapped_file 0\ndirty 0\n"
                "writeback 0\nswap 0\npgpgin 0\npgpgout 0\npgfault 0\npgmajfault 0\n",
                (ull)u.file_bytes, (ull)u.anon_bytes, (ull)u.file_bytes);
    proc_printf(x,
                "inactive_anon 0\nactive_anon %llu\ninactive_file 0\nactive_file 0\n"
                "unevictable 0\nhierarchical_memory_limit %llu\nhierarchical_memsw_limit %llu\n",
                (ull)u.anon_bytes + u.file_bytes,
                l->memory_bytes ? (ull)l->memory_bytes : (ull)UNLIMITED,
                l->swap_bytes ? (ull)l->swap_bytes : (ull)UNLIMITED);
    proc_printf(x,
                "total_cache %llu\ntotal_rss %llu\ntotal_shmem %llu\ntotal_mapped_file 0\n"
                "total_swap 0\ntotal_inactive_anon 0\ntotal_active_anon %llu\n"
                "total_inactive_file 0\ntotal_active_file 0\ntotal_unevictable 0\n",
                (ull)u.file_bytes, (ull)u.anon_bytes, (ull)u.file_bytes,
                (ull)u.anon_bytes + u.file_bytes);
    return 0;
}

/* ---- cpu ---- */

static int show_shares(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%llu\n", kern()->limits.cpu_shares ? (ull)kern()->limits.cpu_shares : 1024ULL);
    return 0;
}

static int show_quota(struct proc_text *x, const struct proc_ctx *c)
{
    if (kern()->limits.cpu_quota_us)
        proc_printf(x, "%llu\n", (ull)kern()->limits.cpu_quota_us);
    else
        proc_printf(x, "-1\n");
    return 0;
}

static int show_period(struct proc_text *x, const struct proc_ctx *c)
{
    ull v = kern()->limits.cpu_period_us;
    proc_printf(x, "%llu\n", v ? v : 100000ULL);
    return 0;
}

/* DEVIATION: that the host lets the group wait is not seen here. */
static int show_cpu_stat(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n");
    return 0;
}

static int show_usage(struct proc_text *x, const struct proc_ctx *c)
{
    struct cgroup_use u;
    cgroup_use(&u);
    proc_printf(x, "%llu\n",
                (ull)(c->e->value & 1 ? u.user_ns : 0) + (c->e->value & 2 ? u.system_ns : 0));
    return 0;
}

static int show_usage_percpu(struct proc_text *x, const struct proc_ctx *c)
{
    struct cgroup_use u;
    uint32_t n = MAX(kern()->ncpus, 1u);
    cgroup_use(&u);
    for (uint32_t i = 0; i < n; i++)
        proc_printf(x, "%llu ", (ull)((u.user_ns + u.system_ns) / n));
    proc_printf(x, "\n");
    return 0;
}

static int show_acct_stat(struct proc_text *x, const struct proc_ctx *c)
{
    struct cgroup_use u;
    cgroup_use(&u);
    proc_printf(x, "user %llu\nsystem %llu\n", (ull)(u.user_ns / TICK_NS),
                (ull)(u.system_ns / TICK_NS));
    return 0;
}

/* ---- the others ---- */

static int show_state(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "THAWED\n");
    return 0;
}

static int show_pids_events(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "max %llu\n", (ull)kern()->fork_refusals);
    return 0;
}

#define PROC_V(n, v)                                                                               \
    {.name = n, .kind = PROC_TEXT, .mode = 0644, .show = cgroup_show_value, .value = v}
#define PROC_U(n, v) {.name = n, .kind = PROC_TEXT, .mode = 0444, .show = show_usage, .value = v}

static const struct proc_entry common[] = {
    PROC_V("cgroup.clone_children", 0),
    PROC_T("cgroup.procs", 0644, cgroup_show_processes),
    PROC_V("notify_on_release", 0),
    PROC_T("tasks", 0644, cgroup_show_threads),
    {0},
};
static const struct proc_entry cpuset[] = {
    PROC_V("cpuset.cpu_exclusive", 0),
    PROC_T("cpuset.cpus", 0644, cgroup_show_cpus),
    PROC_T("cpuset.effective_cpus", 0444, cgroup_show_cpus),
    PROC_V("cpuset.effective_mems", 0),
    PROC_V("cpuset.mem_exclusive", 0),
    PROC_V("cpuset.mems", 0),
    PROC_V("cpuset.sched_load_balance", 1),
    {0},
};
static const struct proc_entry cpu[] = {
    PROC_T("cpu.cfs_period_us", 0644, show_period),
    PROC_T("cpu.cfs_quota_us", 0644, show_quota),
    PROC_T("cpu.shares", 0644, show_shares),
    PROC_T("cpu.stat", 0444, show_cpu_stat),
    PROC_T("cpuacct.stat", 0444, show_acct_stat),
    PROC_U("cpuacct.usage", 3),
    PROC_T("cpuacct.usage_percpu", 0444, show_usage_percpu),
    PROC_U("cpuacct.usage_sys", 2),
    PROC_U("cpuacct.usage_user", 1),
    {0},
};
static const struct proc_entry memory[] = {
    PROC_T("memory.failcnt", 0644, show_failcnt),
    PROC_T("memory.kmem.limit_in_bytes", 0644, show_no_limit),
    PROC_V("memory.kmem.usage_in_bytes", 0),
    PROC_T("memory.limit_in_bytes", 0644, show_memory_limit),
    PROC_T("memory.max_usage_in_bytes", 0644, cgroup_show_memory_most),
    PROC_T("memory.memsw.failcnt", 0644, show_failcnt),
    PROC_T("memory.memsw.limit_in_bytes", 0644, show_swap_limit),
    PROC_T("memory.memsw.max_usage_in_bytes", 0644, cgroup_show_memory_most),
    PROC_T("memory.memsw.usage_in_bytes", 0444, cgroup_show_memory),
    PROC_T("memory.oom_control", 0644, show_oom_control),
    PROC_T("memory.soft_limit_in_bytes", 0644, show_soft_limit),
    PROC_T("memory.stat", 0444, show_memory_stat),
    PROC_V("memory.swappiness", 60),
    PROC_T("memory.usage_in_bytes", 0444, cgroup_show_memory),
    PROC_V("memory.use_hierarchy", 1),
    {0},
};
static const struct proc_entry pids[] = {
    PROC_T("pids.current", 0444, cgroup_show_pids),
    PROC_T("pids.events", 0444, show_pids_events),
    PROC_T("pids.max", 0644, cgroup_show_pids_max),
    {0},
};
static const struct proc_entry freezer[] = {PROC_T("freezer.state", 0644, show_state), {0}};
static const struct proc_entry none[] = {{0}};

#define ROOT(table) {.name = "", .kind = PROC_DIR, .mode = 0555, .children = table, .also = common}
const struct proc_entry cgroup_v1_roots[CGROUP_HIERARCHIES] = {
    [CGROUP_CPUSET] = ROOT(cpuset),   [CGROUP_CPU] = ROOT(cpu),
    [CGROUP_MEMORY] = ROOT(memory),   [CGROUP_PIDS] = ROOT(pids),
    [CGROUP_FREEZER] = ROOT(freezer), [CGROUP_SYSTEMD] = ROOT(none),
};

/* ---- the directory around them ---- */

static ssize_t link_cpu(const struct proc_ctx *c, char *buf, size_t size)
{
    static const char target[] = "cpu,cpuacct";
    size_t n = MIN(size, sizeof(target) - 1);
    __builtin_memcpy(buf, target, n);
    return (ssize_t)n;
}

#define PROC_L(n) {.name = n, .kind = PROC_LINK, .mode = 0777, .link = link_cpu}
static const struct proc_entry top[] = {

    PROC_L("cpu"),
    PROC_D("cpu,cpuacct", none),
    PROC_L("cpuacct"),
    PROC_D("cpuset", none),

    PROC_D("freezer", none),
    PROC_D("memory", none),
    PROC_D("pids", none),
    PROC_D("systemd", none),
    {0},
};
const struct proc_entry cgroup_v1_top = {
    .name = "", .kind = PROC_DIR, .mode = 0755, .children = top};
