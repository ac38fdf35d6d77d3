#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/heap.h"
#include "base/str.h"
#include "shim/file.h"
#include "shim/metrics.h"

#define IO_ENTRIES_MAX      256

#define SAME(type_, field_) {#field_, offsetof(type_, field_)}
static const struct metrics_key cpu_keys[] = {
    SAME(Pb__V2Cpu, usage_usec), SAME(Pb__V2Cpu, user_usec),    SAME(Pb__V2Cpu, system_usec),
    SAME(Pb__V2Cpu, nr_periods), SAME(Pb__V2Cpu, nr_throttled), SAME(Pb__V2Cpu, throttled_usec),
};

static const struct metrics_key memory_keys[] = {
    SAME(Pb__V2Memory, anon),
    SAME(Pb__V2Memory, file),
    SAME(Pb__V2Memory, kernel_stack),
    SAME(Pb__V2Memory, slab),
    SAME(Pb__V2Memory, sock),
    SAME(Pb__V2Memory, shmem),
    SAME(Pb__V2Memory, file_mapped),
    SAME(Pb__V2Memory, file_dirty),
    SAME(Pb__V2Memory, file_writeback),
    SAME(Pb__V2Memory, anon_thp),
    SAME(Pb__V2Memory, inactive_anon),
    SAME(Pb__V2Memory, active_anon),
    SAME(Pb__V2Memory, inactive_file),
    SAME(Pb__V2Memory, active_file),
    SAME(Pb__V2Memory, unevictable),
    SAME(Pb__V2Memory, slab_reclaimable),
    SAME(Pb__V2Memory, slab_unreclaimable),
    SAME(Pb__V2Memory, pgfault),
    SAME(Pb__V2Memory, pgmajfault),
    {"workingset_refault_file", offsetof(Pb__V2Memory, workingset_refault)},
    {"workingset_activate_file", offsetof(Pb__V2Memory, workingset_activate)},
    SAME(Pb__V2Memory, workingset_nodereclaim),
    SAME(Pb__V2Memory, pgrefill),
    SAME(Pb__V2Memory, pgscan),
    SAME(Pb__V2Memory, pgsteal),
    SAME(Pb__V2Memory, pgactivate),
    SAME(Pb__V2Memory, pgdeactivate),
    SAME(Pb__V2Memory, pglazyfree),
    SAME(Pb__V2Memory, pglazyfreed),
    SAME(Pb__V2Memory, thp_fault_alloc),
    SAME(Pb__V2Memory, thp_collapse_alloc),
};

static const struct metrics_key event_keys[] = {
    SAME(Pb__V2MemoryEvents, low),      SAME(Pb__V2MemoryEvents, high),
    SAME(Pb__V2MemoryEvents, max),      SAME(Pb__V2MemoryEvents, oom),
    SAME(Pb__V2MemoryEvents, oom_kill),
};

static const struct metrics_key io_keys[] = {
    SAME(Pb__V2IoEntry, rbytes),
    SAME(Pb__V2IoEntry, wbytes),
    SAME(Pb__V2IoEntry, rios),
    SAME(Pb__V2IoEntry, wios),
};

struct io {
    Pb__V2IoEntry entries[IO_ENTRIES_MAX], *list[IO_ENTRIES_MAX];
    size_t count;
};

/* "rbytes=1 wbytes=2 ..." */
static void io_line(char *line, Pb__V2IoEntry *e)
{
    for (char *rest = line, *word; (word = strsep(&rest, " "));) {
        char *value = strchr(word, '=');
        uint64_t v;
        if (!value)
            continue;
        *value++ = 0;
        for (size_t i = 0; i < ARRAY_SIZE(io_keys); i++)
            if (str_eq(io_keys[i].key, word) && parse_u64(value, 10, &v) == 0)
                memcpy((char *)e + io_keys[i].offset, &v, sizeof v);
    }
}

static void io_read(const char *dir, struct io *io)
{
    AUTO_FREE char *text = NULL;
    char path[PATH_MAX];
    size_t len;
    if (snprintf(path, sizeof path, "%s/io.stat", dir) >= (int)sizeof path ||
        file_read(AT_FDCWD, path, 1 << 20, &text, &len) < 0)
        return;
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) && io->count < IO_ENTRIES_MAX;) {
        Pb__V2IoEntry *e = &io->entries[io->count];
        uint64_t major, minor;
        if (!metrics_device(&line, &major, &minor))
            continue;
        *e = (Pb__V2IoEntry)PB__V2_IO_ENTRY__INIT;
        e->major = major;
        e->minor = minor;
        io_line(line, e);
        io->list[io->count++] = e;
    }
}

struct hugetlb {
    struct metrics_pages pages;
    Pb__V2Hugetlb entries[METRICS_PAGES_MAX], *list[METRICS_PAGES_MAX];
};

static void hugetlb_read(const char *dir, struct hugetlb *h)
{
    metrics_read_pages(dir, "current", &h->pages);
    for (size_t i = 0; i < h->pages.count; i++) {
        char file[48];
        Pb__V2Hugetlb *e = h->list[i] = &h->entries[i];
        *e = (Pb__V2Hugetlb)PB__V2_HUGETLB__INIT;
        (void)snprintf(file, sizeof file, "hugetlb.%s.current", h->pages.sizes[i]);
        e->current = metrics_read_number(dir, file);
        (void)snprintf(file, sizeof file, "hugetlb.%s.max", h->pages.sizes[i]);
        e->max = metrics_read_number(dir, file);
        e->pagesize = h->pages.sizes[i];
    }
}

/* The fields that stay 0 are those of nobody: the group's are the gofer's. */
static void memory_inside(Pb__V2Memory *memory, const struct metrics_inside *inside)
{
    uint64_t limit = memory->usage_limit, swap_limit = memory->swap_limit;
    uint64_t cache = MIN(inside->cache, inside->memory);
    *memory = (Pb__V2Memory)PB__V2_MEMORY__INIT;
    memory->usage_limit = limit;
    memory->swap_limit = swap_limit;
    memory->usage = inside->memory;
    memory->max_usage = inside->memory_max;
    memory->file = memory->active_file = cache;
    memory->anon = memory->active_anon = inside->memory - cache;
}

static void cpu_inside(Pb__V2Cpu *cpu, const struct metrics_inside *inside)
{
    cpu->user_usec = inside->cpu_user_ns / 1000;
    cpu->system_usec = inside->cpu_system_ns / 1000;
    cpu->usage_usec = cpu->user_usec + cpu->system_usec;
}

int metrics_v2_pack(const struct metrics *m, const struct metrics_inside *inside, Pb__Any *ret_any)
{
    AUTO_FREE struct io *io = calloc(1, sizeof *io);
    if (!io)
        return -ENOMEM;
    const char *dir = m->path[0];
    Pb__V2Pids pids = PB__V2_PIDS__INIT;
    pids.current = metrics_read_number(dir, "pids.current");
    pids.limit = metrics_read_number(dir, "pids.max");
    Pb__V2Cpu cpu = PB__V2_CPU__INIT;
    metrics_read_keys(dir, "cpu.stat", cpu_keys, ARRAY_SIZE(cpu_keys), &cpu);
    Pb__V2Memory memory = PB__V2_MEMORY__INIT;
    metrics_read_keys(dir, "memory.stat", memory_keys, ARRAY_SIZE(memory_keys), &memory);
    memory.usage = metrics_read_number(dir, "memory.current");
    memory.usage_limit = metrics_read_number(dir, "memory.max");
    memory.swap_usage = metrics_read_number(dir, "memory.swap.current");
    memory.swap_limit = metrics_read_number(dir, "memory.swap.max");
    memory.max_usage = metrics_read_number(dir, "memory.peak");
    memory.swap_max_usage = metrics_read_number(dir, "memory.swap.peak");
    Pb__V2MemoryEvents events = PB__V2_MEMORY_EVENTS__INIT;
    metrics_read_keys(dir, "memory.events", event_keys, ARRAY_SIZE(event_keys), &events);
    if (inside) {
        cpu_inside(&cpu, inside);
        memory_inside(&memory, inside);
        pids.current = inside->pids;
        events.oom_kill = inside->oom_kills;
    }
    io_read(dir, io);
    Pb__V2Io usage = PB__V2_IO__INIT;
    usage.usage = io->list;
    usage.n_usage = io->count;
    Pb__V2Metrics all = PB__V2_METRICS__INIT;
    all.pids = &pids;
    all.cpu = &cpu;
    all.memory = &memory;
    all.memory_events = &events;
    all.io = &usage;
    struct hugetlb hugetlb;
    hugetlb_read(dir, &hugetlb);
    all.hugetlb = hugetlb.list;
    all.n_hugetlb = hugetlb.pages.count;
    return pb_any(ret_any, "io.containerd.cgroups.v2.Metrics", &all.base);
}
