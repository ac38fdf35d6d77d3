/* Files of the system. */
#include "abi/limits.h"
#include "base/bitmap.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/cgroup/cgroup.h"
#include "sentry/fs/proc/proc_priv.h"
#include "sentry/kernel.h"
#include "sentry/mm/mm.h"
#include "sentry/syscalls/uts.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/vfs.h"

#include <cpuid.h>
#include <stdio.h>
#include <string.h>

int64_t proc_uptime_ns(void) { return clock_monotonic_ns() - kern()->boot_monotonic_ns; }

#define TICK_NS (NSEC_PER_SEC / LINUX_USER_HZ)

static void cpu_total(int64_t *user, int64_t *sys)
{
    *user = *sys = 0;
    for (struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid)) {
        int64_t u, s;
        tgroup_cpu_ns(tg, &u, &s);
        *user += u;
        *sys += s;
    }
}

uint64_t proc_used_pages(void) { return mm_used_pages() + kern()->memory_file_pages; }

static int show_meminfo(struct proc_text *x, const struct proc_ctx *c)
{
    uint64_t total = kern()->mem_total_bytes / 1024, used = proc_used_pages() * 4;
    uint64_t free_kb = total - MIN(used, total), file_kb = kern()->memory_file_pages * 4;
    static const char *const zeros[] = {
        "SwapCached",   "Active",         "Inactive",    "Active(anon)", "Inactive(anon)",
        "Active(file)", "Inactive(file)", "Unevictable", "Mlocked",      "SwapTotal",
        "SwapFree",     "Zswap",          "Zswapped",    "Dirty",        "Writeback"};
    static const char *const more[] = {
        "KReclaimable:", "Slab:",          "SReclaimable:", "SUnreclaim:", "KernelStack:",
        "PageTables:",   "SecPageTables:", "NFS_Unstable:", "Bounce:",     "WritebackTmp:"};
    static const char *const huge[] = {"Percpu:",         "AnonHugePages:", "ShmemHugePages:",
                                       "ShmemPmdMapped:", "FileHugePages:", "FilePmdMapped:"};
    proc_printf(x, "%-15s %8llu kB\n", "MemTotal:", (unsigned long long)total);
    proc_printf(x, "%-15s %8llu kB\n", "MemFree:", (unsigned long long)free_kb);
    proc_printf(x, "%-15s %8llu kB\n", "MemAvailable:", (unsigned long long)free_kb);
    proc_printf(x, "%-15s %8d kB\n%-15s %8llu kB\n", "Buffers:", 0,
                "Cached:", (unsigned long long)file_kb);
    for (size_t i = 0; i < ARRAY_SIZE(zeros); i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%s:", zeros[i]);
        proc_printf(x, "%-15s %8d kB\n", name, 0);
    }
    proc_printf(x, "%-15s %8llu kB\n",
                "AnonPages:", (unsigned long long)(used - MIN(file_kb, used)));
    proc_printf(x, "%-15s %8d kB\n%-15s %8llu kB\n", "Mapped:", 0,
                "Shmem:", (unsigned long long)file_kb);
    for (size_t i = 0; i < ARRAY_SIZE(more); i++)
        proc_printf(x, "%-15s %8d kB\n", more[i], 0);
    proc_printf(x, "%-15s %8llu kB\n%-15s %8llu kB\n", "CommitLimit:", (unsigned long long)total,
                "Committed_AS:", (unsigned long long)used);
    proc_printf(x, "VmallocTotal:   34359738367 kB\nVmallocUsed:           0 kB\nVmallocChunk:     "
                   "     0 kB\n");
    for (size_t i = 0; i < ARRAY_SIZE(huge); i++)
        proc_printf(x, "%-15s %8d kB\n", huge[i], 0);
    proc_printf(
        x,
        "HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        "
        "0\nHugePages_Surp:        0\nHugepagesize:       2048 kB\nHugetlb:               0 kB\n");
    return 0;
}

/* Names of CPU features by leaf, register and bit: what the instruction tells every program anyway. */
static const struct {
    uint32_t leaf;
    uint8_t reg, bit; /* 0..3: eax ebx ecx edx */
    const char *name;
} features[] = {
    {1, 3, 0, "fpu"},
    {1, 3, 3, "pse"},
    {1, 3, 4, "tsc"},
    {1, 3, 5, "msr"},
    {1, 3, 6, "pae"},
    {1, 3, 8, "cx8"},
    {1, 3, 9, "apic"},
    {1, 3, 11, "sep"},
    {1, 3, 15, "cmov"},
    {1, 3, 19, "clflush"},
    {1, 3, 23, "mmx"},
    {1, 3, 24, "fxsr"},
    {1, 3, 25, "sse"},
    {1, 3, 26, "sse2"},
    {1, 3, 28, "ht"},
    {0x80000001, 3, 11, "syscall"},
    {0x80000001, 3, 20, "nx"},
    {0x80000001, 3, 26, "pdpe1gb"},
    {0x80000001, 3, 27, "rdtscp"},
    {0x80000001, 3, 29, "lm"},
    {1, 2, 0, "pni"},
    {1, 2, 1, "pclmulqdq"},
    {1, 2, 9, "ssse3"},
    {1, 2, 12, "fma"},
    {1, 2, 13, "cx16"},
    {1, 2, 19, "sse4_1"},
    {1, 2, 20, "sse4_2"},
    {1, 2, 22, "movbe"},
    {1, 2, 23, "popcnt"},
    {1, 2, 25, "aes"},
    {1, 2, 26, "xsave"},
    {1, 2, 28, "avx"},
    {1, 2, 29, "f16c"},
    {1, 2, 30, "rdrand"},
    {1, 2, 31, "hypervisor"},
    {0x80000001, 2, 0, "lahf_lm"},
    {0x80000001, 2, 5, "abm"},
    {0x80000001, 2, 8, "3dnowprefetch"},
    {7, 1, 0, "fsgsbase"},
    {7, 1, 3, "bmi1"},
    {7, 1, 5, "avx2"},
    {7, 1, 7, "smep"},
    {7, 1, 8, "bmi2"},
    {7, 1, 9, "erms"},
    {7, 1, 16, "avx512f"},
    {7, 1, 17, "avx512dq"},
    {7, 1, 18, "rdseed"},
    {7, 1, 19, "adx"},
    {7, 1, 20, "smap"},
    {7, 1, 23, "clflushopt"},
    {7, 1, 24, "clwb"},
    {7, 1, 28, "avx512cd"},
    {7, 1, 29, "sha_ni"},
    {7, 1, 30, "avx512bw"},
    {7, 1, 31, "avx512vl"},
    {7, 2, 8, "gfni"},
    {7, 2, 9, "vaes"},
};

static void cpu_flags(struct proc_text *x)
{
    for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
        uint32_t r[4] = {0};
        if (__get_cpuid_count(features[i].leaf, 0, &r[0], &r[1], &r[2], &r[3]) &&
            (r[features[i].reg] >> features[i].bit & 1))
            proc_printf(x, " %s", features[i].name);
    }
}

static void cpu_model(char name[49])
{
    uint32_t r[12] = {0};
    for (uint32_t i = 0; i < 3; i++)
        (void)__get_cpuid(0x80000002 + i, &r[i * 4], &r[i * 4 + 1], &r[i * 4 + 2], &r[i * 4 + 3]);
    memcpy(name, r, 48);
    name[48] = 0;
}

/* The rate of the time stamp counter since the first proc was mounted: the only speed that can be seen from here. */
struct proc_root {
    uint64_t tsc;
    int64_t at_ns;
};

int proc_root_init(void)
{
    if (kern()->proc)
        return 0;
    struct proc_root *r = arena_alloc(sizeof(*r));
    if (!r)
        return -ENOMEM;
    *r = (struct proc_root){__builtin_ia32_rdtsc(), clock_monotonic_ns()};
    kern()->proc = r;
    return 0;
}

static uint64_t cpu_khz(void)
{
    const struct proc_root *r = kern()->proc;
    int64_t ns = r ? clock_monotonic_ns() - r->at_ns : 0;
    return ns > 0 ? (uint64_t)((double)(__builtin_ia32_rdtsc() - r->tsc) * 1e6 / (double)ns) : 0;
}

static int show_cpuinfo(struct proc_text *x, const struct proc_ctx *c)
{
    uint32_t a = 0, b = 0, cx = 0, d = 0, vendor[3] = {0};
    char model[49];
    uint32_t level = 0, sizes = 0x3028; /* 40 bits physical, 48 virtual if the CPU does not say */
    (void)__get_cpuid(0, &level, &vendor[0], &vendor[2], &vendor[1]);
    (void)__get_cpuid(0x80000008, &sizes, &b, &cx, &d);
    (void)__get_cpuid(1, &a, &b, &cx, &d);
    cpu_model(model);
    uint32_t family = (a >> 8 & 15) == 15 ? 15 + (a >> 20 & 255) : a >> 8 & 15;
    uint32_t number = (a >> 4 & 15) | (a >> 12 & 0xf0);
    uint64_t khz = cpu_khz();
    for (uint32_t i = 0; i < kern()->ncpus; i++) {
        proc_printf(x,
                    "processor\t: %u\nvendor_id\t: %.12s\ncpu family\t: %u\nmodel\t\t: %u\nmodel "
                    "name\t: %s\nstepping\t: %u\n",
                    i, (const char *)vendor, family, number, model[0] ? model : "unknown", a & 15);
        proc_printf(
            x,
            "cpu MHz\t\t: %llu.%03llu\nphysical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu "
            "cores\t: %u\napicid\t\t: %u\n",
            (unsigned long long)(khz / 1000), (unsigned long long)(khz % 1000), kern()->ncpus, i,
            kern()->ncpus, i);
        proc_printf(
            x, "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\nflags\t\t:",
            level);
        cpu_flags(x);
        proc_printf(x,
                    "\nbogomips\t: %llu.%02llu\nclflush size\t: %u\ncache_alignment\t: 64\naddress "
                    "sizes\t: %u bits physical, %u bits virtual\npower management:\n\n",
                    (unsigned long long)(khz / 500), (unsigned long long)(khz / 5 % 100),
                    (b >> 8 & 255) * 8, sizes & 255, sizes >> 8 & 255);
    }
    return 0;
}

static int show_stat(struct proc_text *x, const struct proc_ctx *c)
{
    int64_t user, sys, up = proc_uptime_ns();
    uint32_t n = kern()->ncpus;
    cpu_total(&user, &sys);
    int64_t idle = MAX(up * (int64_t)n - user - sys, INT64_C(0));
    proc_printf(x, "cpu  %lld 0 %lld %lld 0 0 0 0 0 0\n", (long long)(user / TICK_NS),
                (long long)(sys / TICK_NS), (long long)(idle / TICK_NS));
    for (uint32_t i = 0; i < n; i++)
        proc_printf(x, "cpu%u %lld 0 %lld %lld 0 0 0 0 0 0\n", i, (long long)(user / n / TICK_NS),
                    (long long)(sys / n / TICK_NS), (long long)(idle / n / TICK_NS));
    proc_printf(x,
                "intr 0\nctxt 0\nbtime %lld\nprocesses %llu\nprocs_running 1\nprocs_blocked "
                "0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
                (long long)((clock_realtime_ns() - up) / NSEC_PER_SEC),
                (unsigned long long)kern()->tasks->forks);
    return 0;
}

static int show_uptime(struct proc_text *x, const struct proc_ctx *c)
{
    int64_t user, sys, up = proc_uptime_ns();
    cpu_total(&user, &sys);
    int64_t idle = MAX(up * (int64_t)kern()->ncpus - user - sys, INT64_C(0));
    proc_printf(x, "%lld.%02lld %lld.%02lld\n", (long long)(up / NSEC_PER_SEC),
                (long long)(up / 10000000 % 100), (long long)(idle / NSEC_PER_SEC),
                (long long)(idle / 10000000 % 100));
    return 0;
}

static int show_loadavg(struct proc_text *x, const struct proc_ctx *c)
{
    uint32_t running = 0, all = task_count();
    for (struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid)) {
        struct task *t;
        LIST_FOREACH (t, &tg->tasks, tg_node)
            running += t->state == TASK_RUNNING || t->state == TASK_QUEUED;
    }
    uint64_t avg[3];
    loadavg_get(avg);
    for (int i = 0; i < 3; i++) {
        uint64_t v = avg[i] + 65536 / 200;
        proc_printf(x, "%llu.%02llu ", (unsigned long long)(v >> 16),
                    (unsigned long long)((v & 65535) * 100 >> 16));
    }
    proc_printf(x, "%u/%u %d\n", running, all,
                c->ns->parent ? c->ns->last : kern()->tasks->last_pid);
    return 0;
}

static int show_version(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%s version %s (cvisor@cvisor) (cc) %s\n", UTS_SYSNAME, UTS_RELEASE,
                UTS_VERSION);
    return 0;
}

static int show_cmdline(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "cvisor\n");
    return 0;
}

static int show_filesystems(struct proc_text *x, const struct proc_ctx *c)
{
    unsigned pos = 0;
    const struct fs_type *ft;
    while ((ft = fs_type_next(&pos)))
        proc_printf(x, "%s\t%s\n", ft->nodev ? "nodev" : "", ft->name);
    return 0;
}

static int show_swaps(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    return 0;
}

static int show_devices(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 "
                   "/dev/ptmx\n136 pts\n\nBlock devices:\n");
    return 0;
}

/* Paging is the host's and not counted here. */
static int show_vmstat(struct proc_text *x, const struct proc_ctx *c)
{
    static const char *const zeros[] = {"nr_dirty", "nr_writeback", "pgpgin",  "pgpgout",
                                        "pswpin",   "pswpout",      "pgfault", "pgmajfault"};
    uint64_t total = kern()->mem_total_bytes / LINUX_PAGE_SIZE;
    proc_printf(x, "nr_free_pages %llu\n",
                (unsigned long long)(total - MIN(proc_used_pages(), total)));
    for (size_t i = 0; i < ARRAY_SIZE(zeros); i++)
        proc_printf(x, "%s 0\n", zeros[i]);
    return 0;
}

static int show_partitions(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "major minor  #blocks  name\n\n");
    return 0;
}

static int show_empty(struct proc_text *x, const struct proc_ctx *c) { return 0; }

static ssize_t link_self(const struct proc_ctx *c, char *buf, size_t size)
{
    if (!c->reader)
        return -ENOENT;
    int32_t pid = pid_ns_seen(c->ns, c->reader->tg->pid);
    if (!pid)
        return -ENOENT;
    int n = snprintf(buf, size, "%d", pid);
    return MIN(n, (int)size);
}

static ssize_t link_thread_self(const struct proc_ctx *c, char *buf, size_t size)
{
    if (!c->reader)
        return -ENOENT;
    int32_t pid = pid_ns_seen(c->ns, c->reader->tg->pid);
    if (!pid)
        return -ENOENT;
    int n = snprintf(buf, size, "%d/task/%d", pid, pid_ns_seen(c->ns, c->reader->tid));
    return MIN(n, (int)size);
}

static ssize_t link_mounts(const struct proc_ctx *c, char *buf, size_t size)
{
    int n = snprintf(buf, size, "self/mounts");
    return MIN(n, (int)size);
}

static ssize_t link_net(const struct proc_ctx *c, char *buf, size_t size)
{
    int n = snprintf(buf, size, "self/net");
    return MIN(n, (int)size);
}

const struct proc_entry proc_root_entries[] = {
    PROC_T("cgroups", 0444, cgroup_show_controllers),
    PROC_T("cmdline", 0444, show_cmdline),
    PROC_T("cpuinfo", 0444, show_cpuinfo),
    PROC_T("devices", 0444, show_devices),
    PROC_T("diskstats", 0444, show_empty),
    PROC_T("filesystems", 0444, show_filesystems),
    PROC_T("loadavg", 0444, show_loadavg),
    PROC_T("meminfo", 0444, show_meminfo),
    PROC_T("modules", 0444, show_empty),
    {.name = "mounts", .kind = PROC_LINK, .mode = 0777, .link = link_mounts},
    {.name = "net", .kind = PROC_LINK, .mode = 0777, .link = link_net},
    PROC_T("partitions", 0444, show_partitions),
    {.name = "self", .kind = PROC_LINK, .mode = 0777, .link = link_self},
    PROC_T("stat", 0444, show_stat),
    PROC_T("swaps", 0444, show_swaps),
    PROC_D("sys", proc_sys_entries),
    {.name = "thread-self", .kind = PROC_LINK, .mode = 0777, .link = link_thread_self},
    PROC_T("uptime", 0444, show_uptime),
    PROC_T("version", 0444, show_version),
    PROC_T("vmstat", 0444, show_vmstat),
    {0},
};
