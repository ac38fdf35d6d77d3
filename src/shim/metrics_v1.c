#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/heap.h"
#include "shim/file.h"
#include "shim/metrics.h"

#define BLKIO_ENTRIES_MAX    256
#define CPUS_MAX             1024

#define MEMORY(key_, field_) {key_, offsetof(Pb__V1Memory, field_)}
static const struct metrics_key memory_keys[] = {
    MEMORY("cache", cache),
    MEMORY("rss", rss),
    MEMORY("rss_huge", rss_huge),
    MEMORY("mapped_file", mapped_file),
    MEMORY("dirty", dirty),
    MEMORY("writeback", writeback),
    MEMORY("pgpgin", pg_pg_in),
    MEMORY("pgpgout", pg_pg_out),
    MEMORY("pgfault", pg_fault),
    MEMORY("pgmajfault", pg_maj_fault),
    MEMORY("inactive_anon", inactive_anon),
    MEMORY("active_anon", active_anon),
    MEMORY("inactive_file", inactive_file),
    MEMORY("active_file", active_file),
    MEMORY("unevictable", unevictable),
    MEMORY("hierarchical_memory_limit", hierarchical_memory_limit),
    MEMORY("hierarchical_memsw_limit", hierarchical_swap_limit),
    MEMORY("total_cache", total_cache),
    MEMORY("total_rss", total_rss),
    MEMORY("total_rss_huge", total_rss_huge),
    MEMORY("total_mapped_file", total_mapped_file),
    MEMORY("total_dirty", total_dirty),
    MEMORY("total_writeback", total_writeback),
    MEMORY("total_pgpgin", total_pg_pg_in),
    MEMORY("total_pgpgout", total_pg_pg_out),
    MEMORY("total_pgfault", total_pg_fault),
    MEMORY("total_pgmajfault", total_pg_maj_fault),
    MEMORY("total_inactive_anon", total_inactive_anon),
    MEMORY("total_active_anon", total_active_anon),
    MEMORY("total_inactive_file", total_inactive_file),
    MEMORY("total_active_file", total_active_file),
    MEMORY("total_unevictable", total_unevictable),
};

static const struct metrics_key throttle_keys[] = {
    {"nr_periods", offsetof(Pb__V1Throttle, periods)},
    {"nr_throttled", offsetof(Pb__V1Throttle, throttled_periods)},
    {"throttled_time", offsetof(Pb__V1Throttle, throttled_time)},
};

static const struct metrics_key oom_keys[] = {
    {"oom_kill_disable", offsetof(Pb__V1OomControl, oom_kill_disable)},
    {"under_oom", offsetof(Pb__V1OomControl, under_oom)},
    {"oom_kill", offsetof(Pb__V1OomControl, oom_kill)},
};

static Pb__V1MemoryEntry entry_read(const char *dir, const char *prefix)
{
    Pb__V1MemoryEntry e = PB__V1_MEMORY_ENTRY__INIT;
    const struct {
        const char *name;
        uint64_t *to;
    } files[] = {{"limit_in_bytes", &e.limit},
                 {"usage_in_bytes", &e.usage},
                 {"max_usage_in_bytes", &e.max},
                 {"failcnt", &e.failcnt}};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s.%s", prefix, files[i].name);
        *files[i].to = metrics_read_number(dir, name);
    }
    return e;
}

static size_t percpu_read(const char *dir, uint64_t *per_cpu)
{
    AUTO_FREE char *text = NULL;
    char path[PATH_MAX];
    size_t len, count = 0;
    if (snprintf(path, sizeof path, "%s/cpuacct.usage_percpu", dir) >= (int)sizeof path ||
        file_read(AT_FDCWD, path, 65536, &text, &len) < 0)
        return 0;
    for (char *p = text, *end; count < CPUS_MAX; p = end) {
        unsigned long long v = strtoull(p, &end, 10);
        if (end == p)
            break;
        per_cpu[count++] = v;
    }
    return count;
}

struct hugetlb {
    struct metrics_pages pages;
    Pb__V1Hugetlb entries[METRICS_PAGES_MAX], *list[METRICS_PAGES_MAX];
};

static void hugetlb_read(const char *dir, struct hugetlb *h)
{
    metrics_read_pages(dir, "usage_in_bytes", &h->pages);
    for (size_t i = 0; i < h->pages.count; i++) {
        char prefix[32];
        (void)snprintf(prefix, sizeof prefix, "hugetlb.%s", h->pages.sizes[i]);
        Pb__V1MemoryEntry e = entry_read(dir, prefix);
        h->entries[i] = (Pb__V1Hugetlb)PB__V1_HUGETLB__INIT;
        h->entries[i].usage = e.usage;
        h->entries[i].max = e.max;
        h->entries[i].failcnt = e.failcnt;
        h->entries[i].pagesize = h->pages.sizes[i];
        h->list[i] = &h->entries[i];
    }
}

struct blkio {
    Pb__V1BlkioEntry entries[BLKIO_ENTRIES_MAX], *list[BLKIO_ENTRIES_MAX];
    char ops[BLKIO_ENTRIES_MAX][16];
    size_t count;
};

/* Lines "MAJOR:MINOR OPERATION BYTES"; the last, a total, has no device. */
static void blkio_read(const char *dir, const char *file, struct blkio *b)
{
    AUTO_FREE char *text = NULL;
    char path[PATH_MAX];
    size_t len;
    b->count = 0;
    if (!dir || snprintf(path, sizeof path, "%s/%s", dir, file) >= (int)sizeof path ||
        file_read(AT_FDCWD, path, 1 << 20, &text, &len) < 0)
        return;
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) && b->count < BLKIO_ENTRIES_MAX;) {
        Pb__V1BlkioEntry *e = &b->entries[b->count];
        uint64_t major, minor;
        char *number = metrics_device(&line, &major, &minor) ? strchr(line, ' ') : NULL;
        if (!number)
            continue;
        *e = (Pb__V1BlkioEntry)PB__V1_BLKIO_ENTRY__INIT;
        e->op = b->ops[b->count];
        (void)snprintf(e->op, sizeof b->ops[0], "%.*s", (int)(number - line), line);
        e->major = major;
        e->minor = minor;
        e->value = strtoull(number + 1, NULL, 10);
        b->list[b->count++] = e;
    }
}

static void cpu_inside(Pb__V1CpuUsage *usage, const struct metrics_inside *inside)
{
    usage->user = inside->cpu_user_ns;
    usage->kernel = inside->cpu_system_ns;
    usage->total = usage->user + usage->kernel;
    usage->n_per_cpu = 0;
}

/* The fields that stay 0 are those of nobody: the group's are the gofer's. */
static void memory_inside(Pb__V1Memory *memory, const struct metrics_inside *inside)
{
    uint64_t limit = memory->hierarchical_memory_limit, swap = memory->hierarchical_swap_limit;
    uint64_t cache = MIN(inside->cache, inside->memory);
    *memory = (Pb__V1Memory)PB__V1_MEMORY__INIT;
    memory->hierarchical_memory_limit = limit;
    memory->hierarchical_swap_limit = swap;
    memory->cache = memory->total_cache = cache;
    memory->rss = memory->total_rss = inside->memory - cache;
    memory->active_anon = memory->total_active_anon = inside->memory - cache;
    memory->active_file = memory->total_active_file = cache;
}

static int v1_pack(const struct metrics *m, const struct metrics_inside *inside,
                   struct blkio *bytes, struct blkio *ops, uint64_t *per_cpu, Pb__Any *ret_any)
{
    Pb__V1Metrics all = PB__V1_METRICS__INIT;
    Pb__V1Pids pids = PB__V1_PIDS__INIT;
    pids.current =
        inside ? inside->pids : metrics_read_number(m->path[METRICS_PIDS], "pids.current");
    pids.limit = metrics_read_number(m->path[METRICS_PIDS], "pids.max");
    if (pids.limit == UINT64_MAX)
        pids.limit = 0; /* as containerd has it */
    Pb__V1CpuUsage usage = PB__V1_CPU_USAGE__INIT;
    usage.total = metrics_read_number(m->path[METRICS_CPUACCT], "cpuacct.usage");
    usage.user = metrics_read_number(m->path[METRICS_CPUACCT], "cpuacct.usage_user");
    usage.kernel = metrics_read_number(m->path[METRICS_CPUACCT], "cpuacct.usage_sys");
    usage.per_cpu = per_cpu;
    usage.n_per_cpu = m->path[METRICS_CPUACCT] ? percpu_read(m->path[METRICS_CPUACCT], per_cpu) : 0;
    if (inside)
        cpu_inside(&usage, inside);
    Pb__V1Throttle throttling = PB__V1_THROTTLE__INIT;
    metrics_read_keys(m->path[METRICS_CPU], "cpu.stat", throttle_keys, ARRAY_SIZE(throttle_keys),
                      &throttling);
    Pb__V1Cpu cpu = PB__V1_CPU__INIT;
    cpu.usage = &usage;
    cpu.throttling = &throttling;
    const char *memory_dir = m->path[METRICS_MEMORY];
    Pb__V1Memory memory = PB__V1_MEMORY__INIT;
    metrics_read_keys(memory_dir, "memory.stat", memory_keys, ARRAY_SIZE(memory_keys), &memory);
    Pb__V1MemoryEntry e[] = {
        entry_read(memory_dir, "memory"), entry_read(memory_dir, "memory.memsw"),
        entry_read(memory_dir, "memory.kmem"), entry_read(memory_dir, "memory.kmem.tcp")};
    if (inside) {
        memory_inside(&memory, inside);
        e[0].usage = inside->memory;
        e[0].max = inside->memory_max;
    }
    memory.usage = &e[0];
    memory.swap = &e[1];
    memory.kernel = &e[2];
    memory.kernel_tcp = &e[3];
    Pb__V1OomControl oom = PB__V1_OOM_CONTROL__INIT;
    metrics_read_keys(memory_dir, "memory.oom_control", oom_keys, ARRAY_SIZE(oom_keys), &oom);
    if (inside)
        oom.oom_kill = inside->oom_kills;
    struct hugetlb hugetlb;
    hugetlb_read(m->path[METRICS_HUGETLB], &hugetlb);
    all.hugetlb = hugetlb.list;
    all.n_hugetlb = hugetlb.pages.count;
    Pb__V1Blkio blkio = PB__V1_BLKIO__INIT;
    blkio_read(m->path[METRICS_BLKIO], "blkio.throttle.io_service_bytes_recursive", bytes);
    blkio_read(m->path[METRICS_BLKIO], "blkio.throttle.io_serviced_recursive", ops);
    blkio.io_service_bytes_recursive = bytes->list;
    blkio.n_io_service_bytes_recursive = bytes->count;
    blkio.io_serviced_recursive = ops->list;
    blkio.n_io_serviced_recursive = ops->count;
    all.pids = m->path[METRICS_PIDS] ? &pids : NULL;
    all.cpu = &cpu;
    all.memory = memory_dir ? &memory : NULL;
    all.memory_oom_control = memory_dir ? &oom : NULL;
    all.blkio = m->path[METRICS_BLKIO] ? &blkio : NULL;
    return pb_any(ret_any, "io.containerd.cgroups.v1.Metrics", &all.base);
}

int metrics_v1_pack(const struct metrics *m, const struct metrics_inside *inside, Pb__Any *ret_any)
{
    AUTO_FREE struct blkio *io = calloc(2, sizeof *io);
    AUTO_FREE uint64_t *per_cpu = calloc(CPUS_MAX, sizeof *per_cpu);
    if (!io || !per_cpu)
        return -ENOMEM;
    return v1_pack(m, inside, &io[0], &io[1], per_cpu, ret_any);
}
