/* Files of version 2. */
#include "sentry/fs/cgroup/cgroup_priv.h"
#include "sentry/kernel.h"

typedef unsigned long long ull;

static int show_controllers(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "cpuset cpu memory pids\n");
    return 0;
}

static int show_nothing(struct proc_text *x, const struct proc_ctx *c) { return 0; }

static int show_max(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "max\n");
    return 0;
}

static int show_type(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "domain\n");
    return 0;
}

static int show_events(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "populated 1\nfrozen 0\n");
    return 0;
}

static int show_stat(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "nr_descendants 0\nnr_dying_descendants 0\n");
    return 0;
}

static int show_cpu_max(struct proc_text *x, const struct proc_ctx *c)
{
    const struct boot_limits *l = &kern()->limits;
    ull period = l->cpu_period_us ? l->cpu_period_us : 100000;
    if (l->cpu_quota_us)
        proc_printf(x, "%llu %llu\n", (ull)l->cpu_quota_us, period);
    else
        proc_printf(x, "max %llu\n", period);
    return 0;
}

/* DEVIATION: that the host lets the group wait is not seen here. */
static int show_cpu_stat(struct proc_text *x, const struct proc_ctx *c)
{
    struct cgroup_use u;
    cgroup_use(&u);
    proc_printf(x,
                "usage_usec %llu\nuser_usec %llu\nsystem_usec %llu\nnr_periods 0\nnr_throttled 0\n"
                "throttled_usec 0\nnr_bursts 0\nburst_usec 0\n",
                (ull)((u.user_ns + u.system_ns) / 1000), (ull)(u.user_ns / 1000),
                (ull)(u.system_ns / 1000));
    return 0;
}

/* As runc turns version 1's number into the other. */
static int show_cpu_weight(struct proc_text *x, const struct proc_ctx *c)
{
    uint64_t shares = kern()->limits.cpu_shares;
    uint64_t bounded = MIN(MAX(shares, UINT64_C(2)), UINT64_C(262144));
    proc_printf(x, "%llu\n", shares ? (ull)(1 + (bounded - 2) * 9999 / 262142) : 100ULL);
    return 0;
}

static void limit(struct proc_text *x, uint64_t v)
{
    if (v)
        proc_printf(x, "%llu\n", (ull)v);
    else
        proc_printf(x, "max\n");
}

static int show_memory_max(struct proc_text *x, const struct proc_ctx *c)
{
    limit(x, kern()->limits.memory_bytes);
    return 0;
}

static int show_memory_low(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%llu\n", (ull)kern()->limits.reservation_bytes);
    return 0;
}

static int show_swap_max(struct proc_text *x, const struct proc_ctx *c)
{
    const struct boot_limits *l = &kern()->limits;
    if (l->swap_bytes && l->swap_bytes >= l->memory_bytes)
        proc_printf(x, "%llu\n", (ull)(l->swap_bytes - l->memory_bytes));
    else
        proc_printf(x, "max\n");
    return 0;
}

static int show_memory_events(struct proc_text *x, const struct proc_ctx *c)
{
    ull kills = kern()->oom_kills;
    proc_printf(x, "low 0\nhigh 0\nmax %llu\noom %llu\noom_kill %llu\noom_group_kill 0\n", kills,
                kills, kills);
    return 0;
}

static int show_memory_stat(struct proc_text *x, const struct proc_ctx *c)
{
    struct cgroup_use u;
    cgroup_use(&u);
    proc_printf(x,
                "anon %llu\nfile %llu\nkernel 0\nkernel_stack 0\npagetables 0\npercpu 0\nsock 0\n"
                "vmalloc 0\nshmem %llu\nfile_mapped 0\nfile_dirty 0\nfile_writeback 0\n"
                "swapcached 0\nanon_thp 0\nfile_thp 0\nshmem_thp 0\ninactive_anon 0\n"
                "active_anon %llu\ninactive_file 0\nactive_file 0\nunevictable 0\n"
                "slab_reclaimable 0\nslab_unreclaimable 0\nslab 0\n",
                (ull)u.anon_bytes, (ull)u.file_bytes, (ull)u.file_bytes,
                (ull)u.anon_bytes + u.file_bytes);
    return 0;
}

static int show_pids_events(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "max %llu\n", (ull)kern()->fork_refusals);
    return 0;
}

static int show_mems(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "0\n");
    return 0;
}

#define PROC_V(n, v)                                                                               \
    {.name = n, .kind = PROC_TEXT, .mode = 0644, .show = cgroup_show_value, .value = v}

static const struct proc_entry files[] = {
    PROC_T("cgroup.controllers", 0444, show_controllers),
    PROC_T("cgroup.events", 0444, show_events),
    PROC_V("cgroup.freeze", 0),
    PROC_T("cgroup.max.depth", 0644, show_max),
    PROC_T("cgroup.max.descendants", 0644, show_max),
    PROC_T("cgroup.procs", 0644, cgroup_show_processes),
    PROC_T("cgroup.stat", 0444, show_stat),
    PROC_T("cgroup.subtree_control", 0644, show_nothing),
    PROC_T("cgroup.threads", 0644, cgroup_show_threads),
    PROC_T("cgroup.type", 0644, show_type),
    PROC_T("cpu.max", 0644, show_cpu_max),
    PROC_V("cpu.max.burst", 0),
    PROC_T("cpu.stat", 0444, show_cpu_stat),
    PROC_T("cpu.weight", 0644, show_cpu_weight),
    PROC_T("cpuset.cpus", 0644, cgroup_show_cpus),
    PROC_T("cpuset.cpus.effective", 0444, cgroup_show_cpus),
    PROC_T("cpuset.mems", 0644, show_mems),
    PROC_T("cpuset.mems.effective", 0444, show_mems),
    PROC_T("memory.current", 0444, cgroup_show_memory),
    PROC_T("memory.events", 0444, show_memory_events),
    PROC_T("memory.events.local", 0444, show_memory_events),
    PROC_T("memory.high", 0644, show_max),
    PROC_T("memory.low", 0644, show_memory_low),
    PROC_T("memory.max", 0644, show_memory_max),
    PROC_V("memory.min", 0),
    PROC_V("memory.oom.group", 0),
    PROC_T("memory.peak", 0444, cgroup_show_memory_most),
    PROC_T("memory.stat", 0444, show_memory_stat),
    PROC_V("memory.swap.current", 0),
    PROC_T("memory.swap.max", 0644, show_swap_max),
    PROC_T("pids.current", 0444, cgroup_show_pids),
    PROC_T("pids.events", 0444, show_pids_events),
    PROC_T("pids.max", 0644, cgroup_show_pids_max),
    {0},
};
const struct proc_entry cgroup_v2_root = {
    .name = "", .kind = PROC_DIR, .mode = 0555, .children = files};
