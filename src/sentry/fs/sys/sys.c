/* A small sysfs: what programs ask about CPUs and memory, and the directories that they expect. Tables as in proc. */
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/fs/sys/sys_priv.h"
#include "sentry/fs/sys/sys_net.h"
#include "sentry/kernel.h"

int sys_show_cpu_list(struct proc_text *x, const struct proc_ctx *c)
{
    if (kern()->ncpus > 1)
        proc_printf(x, "0-%u\n", kern()->ncpus - 1);
    else
        proc_printf(x, "0\n");
    return 0;
}

static int show_newline(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "\n");
    return 0;
}

/* Words of 32 bits, the first only as wide as there are CPUs. */
static void put_word(struct proc_text *x, uint32_t word, uint32_t value)
{
    uint32_t n = MAX(kern()->ncpus, 1u), last = (n - 1) / 32;
    int width = word == last ? (int)((n - last * 32 + 3) / 4) : 8;
    proc_printf(x, "%0*x%s", width, value, word ? "," : "\n");
}

int sys_show_cpu_map(struct proc_text *x, const struct proc_ctx *c)
{
    uint32_t n = MAX(kern()->ncpus, 1u);
    for (uint32_t word = (n - 1) / 32 + 1; word-- > 0;) {
        uint32_t bits = n - word * 32;
        put_word(x, word, bits >= 32 ? UINT32_MAX : (1u << bits) - 1);
    }
    return 0;
}

/* The mask of one CPU. */
int sys_show_own_map(struct proc_text *x, const struct proc_ctx *c)
{
    for (uint32_t word = (MAX(kern()->ncpus, 1u) - 1) / 32 + 1; word-- > 0;)
        put_word(x, word, (uint32_t)c->fd / 32 == word ? 1u << (c->fd % 32) : 0);
    return 0;
}

static int show_kernel_max(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "8191\n");
    return 0;
}

static int show_core_id(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%d\n", c->fd);
    return 0;
}

static int show_zero(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "0\n");
    return 0;
}

static int show_node_meminfo(struct proc_text *x, const struct proc_ctx *c)
{
    uint64_t total = kern()->mem_total_bytes / 1024, used = MIN(proc_used_pages() * 4, total);
    proc_printf(x, "Node 0 MemTotal:       %8llu kB\n", (unsigned long long)total);
    proc_printf(x, "Node 0 MemFree:        %8llu kB\n", (unsigned long long)(total - used));
    proc_printf(x, "Node 0 MemUsed:        %8llu kB\n", (unsigned long long)used);
    return 0;
}

static int show_distance(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "10\n");
    return 0;
}

static int show_thp_enabled(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "always [madvise] never\n");
    return 0;
}

static int show_thp_size(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "2097152\n");
    return 0;
}

static int show_thp_defrag(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "always defer defer+madvise [madvise] never\n");
    return 0;
}

static int show_thp_shmem(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "always within_size advise [never] deny force\n");
    return 0;
}

static int show_one(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "1\n");
    return 0;
}

static int show_smt(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "notsupported\n");
    return 0;
}

static int show_address_bits(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "64\n");
    return 0;
}

static int show_byteorder(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "little\n");
    return 0;
}

static int show_numastat(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "numa_hit 0\nnuma_miss 0\nnuma_foreign 0\ninterleave_hit 0\nlocal_node 0\n"
                   "other_node 0\n");
    return 0;
}

static const struct proc_entry none[] = {{0}};
static const struct proc_entry topology_entries[] = {
    PROC_T("cluster_cpus", 0444, sys_show_own_map),
    PROC_T("cluster_cpus_list", 0444, show_core_id),
    PROC_T("cluster_id", 0444, show_core_id),
    PROC_T("core_cpus", 0444, sys_show_own_map),
    PROC_T("core_cpus_list", 0444, show_core_id),
    PROC_T("core_id", 0444, show_core_id),
    PROC_T("core_siblings", 0444, sys_show_cpu_map),
    PROC_T("core_siblings_list", 0444, sys_show_cpu_list),
    PROC_T("die_cpus", 0444, sys_show_cpu_map),
    PROC_T("die_cpus_list", 0444, sys_show_cpu_list),
    PROC_T("die_id", 0444, show_zero),
    PROC_T("package_cpus", 0444, sys_show_cpu_map),
    PROC_T("package_cpus_list", 0444, sys_show_cpu_list),
    PROC_T("physical_package_id", 0444, show_zero),
    PROC_T("thread_siblings", 0444, sys_show_own_map),
    PROC_T("thread_siblings_list", 0444, show_core_id),
    {0},
};
static const struct proc_entry cpu_one_entries[] = {
    PROC_D("cache", sys_cache_entries),
    PROC_T("online", 0444, show_one),
    PROC_D("topology", topology_entries),
    {0},
};
static const struct proc_entry smt_entries[] = {
    PROC_T("active", 0444, show_zero), PROC_T("control", 0444, show_smt), {0}};
const struct proc_entry sys_cpu_entry = {
    .name = "", .kind = PROC_DIR, .mode = 0555, .children = cpu_one_entries};
static const struct proc_entry cpu_entries[] = {
    PROC_T("isolated", 0444, show_newline),
    PROC_T("kernel_max", 0444, show_kernel_max),
    PROC_T("offline", 0444, show_newline),
    PROC_T("online", 0444, sys_show_cpu_list),
    PROC_T("possible", 0444, sys_show_cpu_list),
    PROC_T("present", 0444, sys_show_cpu_list),
    PROC_D("smt", smt_entries),
    PROC_D("vulnerabilities", none),
    {0},
};
static const struct proc_entry node0_entries[] = {
    PROC_T("cpulist", 0444, sys_show_cpu_list), PROC_T("cpumap", 0444, sys_show_cpu_map),
    PROC_T("distance", 0444, show_distance),    PROC_T("meminfo", 0444, show_node_meminfo),
    PROC_T("numastat", 0444, show_numastat),    {0},
};
static const struct proc_entry node_entries[] = {
    PROC_T("has_cpu", 0444, show_zero),  PROC_T("has_memory", 0444, show_zero),
    PROC_D("node0", node0_entries),      PROC_T("online", 0444, show_zero),
    PROC_T("possible", 0444, show_zero), {0},
};
static const struct proc_entry system_entries[] = {
    {.name = "cpu", .kind = PROC_DIR, .mode = 0555, .children = cpu_entries, .more = PROC_CPUS},
    PROC_D("node", node_entries),
    {0},
};
#define NET(list)                                                                                  \
    {.name = "net",                                                                                \
     .kind = PROC_DIR,                                                                             \
     .mode = 0555,                                                                                 \
     .children = none,                                                                             \
     .more = PROC_NAMED,                                                                           \
     .named = list}
static const struct proc_entry virtual_entries[] = {NET(&sys_net_devices), {0}};
static const struct proc_entry devices_entries[] = {
    PROC_D("system", system_entries), PROC_D("virtual", virtual_entries), {0}};
static const struct proc_entry thp_entries[] = {
    PROC_T("defrag", 0444, show_thp_defrag),       PROC_T("enabled", 0444, show_thp_enabled),
    PROC_T("hpage_pmd_size", 0444, show_thp_size), PROC_T("shmem_enabled", 0444, show_thp_shmem),
    PROC_T("use_zero_page", 0444, show_one),       {0},
};
static const struct proc_entry mm_entries[] = {PROC_D("transparent_hugepage", thp_entries), {0}};
static const struct proc_entry kernel_entries[] = {PROC_T("address_bits", 0444, show_address_bits),
                                                   PROC_D("cgroup", none),
                                                   PROC_T("cpu_byteorder", 0444, show_byteorder),
                                                   PROC_D("debug", none),
                                                   PROC_D("mm", mm_entries),
                                                   PROC_D("security", none),
                                                   PROC_D("tracing", none),
                                                   PROC_T("uevent_seqnum", 0444, show_zero),
                                                   {0}};
static const struct proc_entry fs_entries[] = {PROC_D("cgroup", none), {0}};
static const struct proc_entry class_entries[] = {
    PROC_D("block", none),        PROC_D("mem", none),
    PROC_D("misc", none),         NET(&sys_net_links),
    PROC_D("power_supply", none), PROC_D("thermal", none),
    PROC_D("tty", none),          {0}};
static const struct proc_entry dev_entries[] = {PROC_D("block", none), PROC_D("char", none), {0}};

static const struct proc_entry sys_entries[] = {
    PROC_D("block", none),
    PROC_D("bus", none),
    PROC_D("class", class_entries),
    PROC_D("dev", dev_entries),
    PROC_D("devices", devices_entries),
    PROC_D("firmware", none),
    PROC_D("fs", fs_entries),
    PROC_D("kernel", kernel_entries),
    PROC_D("module", none),
    PROC_D("power", none),
    {0},
};
static const struct proc_entry sys_root = {
    .name = "", .kind = PROC_DIR, .mode = 0555, .children = sys_entries};

static int sys_statfs(struct super *sb, struct inode *i, struct linux_statfs *ret)
{
    *ret = (struct linux_statfs){
        .f_type = LINUX_SYSFS_MAGIC, .f_bsize = 4096, .f_frsize = 4096, .f_namelen = 255};
    return 0;
}

static const struct super_ops sys_super_ops = {.statfs = sys_statfs};

static int sys_mount(struct task *t, const char *source, uint32_t flags, const char *data,
                     struct super **ret)
{
    return proc_mount_table("sysfs", &sys_super_ops, &sys_root, ret);
}

extern const struct fs_type sys_fs_type;
const struct fs_type sys_fs_type = {
    .name = "sysfs", .magic = LINUX_SYSFS_MAGIC, .nodev = true, .mount = sys_mount};
