/* What was used: files of both versions into one structure. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/str.h"
#include "runsc/cgroup/cgroup_priv.h"

#define TEXT_MAX ((size_t)32 * 1024)
/* version 1 says "none" as the largest multiple of a page */
#define V1_UNLIMITED (UINT64_C(0x7fffffffffffffff) & ~UINT64_C(4095))

static uint64_t number_or(const char *dir, const char *file, uint64_t none)
{
    uint64_t v = none;
    return dir && file_number(dir, file, &v) == 0 ? v : none;
}

static bool text_get(const char *dir, const char *file, char *text)
{
    text[0] = '\0';
    return dir && file_get(dir, file, text, TEXT_MAX) > 0;
}

/* ---- cpu ---- */

static void v1_cpu_read(const struct cgroup *cg, char *text, struct cgroup_stats *s)
{
    const char *acct = cg->ctl[CTL_CPUACCT].dir, *cpu = cg->ctl[CTL_CPU].dir;
    s->cpu_total_ns = number_or(acct, "cpuacct.usage", 0);
    s->cpu_user_ns = number_or(acct, "cpuacct.usage_user", 0);
    s->cpu_system_ns = number_or(acct, "cpuacct.usage_sys", 0);
    if (text_get(acct, "cpuacct.usage_percpu", text))
        for (char *p = text, *end; s->cpus < CGROUP_CPUS_MAX; p = end) {
            uint64_t v = strtoull(p, &end, 10);
            if (end == p)
                break;
            s->cpu_ns[s->cpus++] = v;
        }
    if (text_get(cpu, "cpu.stat", text)) {
        s->periods = text_number(text, "nr_periods", 0);
        s->throttled_periods = text_number(text, "nr_throttled", 0);
        s->throttled_ns = text_number(text, "throttled_time", 0);
    }
}

static void v2_cpu_read(const struct cgroup *cg, char *text, struct cgroup_stats *s)
{
    if (!text_get(cg->ctl[CTL_CPUACCT].dir, "cpu.stat", text))
        return;
    s->cpu_total_ns = text_number(text, "usage_usec", 0) * 1000;
    s->cpu_user_ns = text_number(text, "user_usec", 0) * 1000;
    s->cpu_system_ns = text_number(text, "system_usec", 0) * 1000;
    s->periods = text_number(text, "nr_periods", 0);
    s->throttled_periods = text_number(text, "nr_throttled", 0);
    s->throttled_ns = text_number(text, "throttled_usec", 0) * 1000;
}

/* ---- memory ---- */

/* prefix: "memory", "memory.memsw", ... */
static void v1_memory_group(const char *dir, const char *prefix, struct cgroup_memory *m)
{
    char file[64];
    (void)snprintf(file, sizeof file, "%s.usage_in_bytes", prefix);
    m->usage = number_or(dir, file, 0);
    (void)snprintf(file, sizeof file, "%s.max_usage_in_bytes", prefix);
    m->max_usage = number_or(dir, file, 0);
    (void)snprintf(file, sizeof file, "%s.failcnt", prefix);
    m->failcnt = number_or(dir, file, 0);
    (void)snprintf(file, sizeof file, "%s.limit_in_bytes", prefix);
    m->limit = number_or(dir, file, UINT64_MAX);
    if (m->limit >= V1_UNLIMITED)
        m->limit = UINT64_MAX;
}

static void v1_memory_read(const struct cgroup *cg, char *text, struct cgroup_stats *s)
{
    const char *dir = cg->ctl[CTL_MEMORY].dir;
    v1_memory_group(dir, "memory", &s->memory);
    v1_memory_group(dir, "memory.memsw", &s->swap);
    v1_memory_group(dir, "memory.kmem", &s->kernel);
    v1_memory_group(dir, "memory.kmem.tcp", &s->kernel_tcp);
    if (text_get(dir, "memory.stat", text)) {
        s->cache = text_number(text, "total_cache", 0);
        s->rss = text_number(text, "total_rss", 0);
        s->mapped_file = text_number(text, "total_mapped_file", 0);
        s->inactive_file = text_number(text, "total_inactive_file", 0);
        s->pgfault = text_number(text, "total_pgfault", 0);
        s->pgmajfault = text_number(text, "total_pgmajfault", 0);
    }
    if (text_get(dir, "memory.oom_control", text))
        s->oom_kills = text_number(text, "oom_kill", 0);
}

static void v2_memory_read(const struct cgroup *cg, char *text, struct cgroup_stats *s)
{
    const char *dir = cg->ctl[CTL_MEMORY].dir;
    s->memory.usage = number_or(dir, "memory.current", 0);
    s->memory.max_usage = number_or(dir, "memory.peak", 0);
    s->memory.limit = number_or(dir, "memory.max", UINT64_MAX);
    /* Swap is counted by itself; the structure has both together. */
    uint64_t swap_limit = number_or(dir, "memory.swap.max", UINT64_MAX);
    s->swap.usage = s->memory.usage + number_or(dir, "memory.swap.current", 0);
    s->swap.max_usage = s->memory.max_usage + number_or(dir, "memory.swap.peak", 0);
    s->swap.limit = s->memory.limit == UINT64_MAX || swap_limit == UINT64_MAX
                        ? UINT64_MAX
                        : s->memory.limit + swap_limit;
    s->kernel.limit = s->kernel_tcp.limit = UINT64_MAX;
    if (text_get(dir, "memory.events", text)) {
        s->memory.failcnt = text_number(text, "max", 0);
        s->oom_kills = text_number(text, "oom_kill", 0);
    }
    if (text_get(dir, "memory.stat", text)) {
        s->cache = text_number(text, "file", 0);
        s->rss = text_number(text, "anon", 0);
        s->mapped_file = text_number(text, "file_mapped", 0);
        s->inactive_file = text_number(text, "inactive_file", 0);
        s->pgfault = text_number(text, "pgfault", 0);
        s->pgmajfault = text_number(text, "pgmajfault", 0);
        s->kernel.usage = text_number(text, "kernel", 0);
        s->kernel_tcp.usage = text_number(text, "sock", 0);
    }
}

/* ---- disks ---- */

static struct cgroup_disk *disk_at(struct cgroup_stats *s, uint32_t major, uint32_t minor)
{
    for (uint32_t i = 0; i < s->disk_count; i++)
        if (s->disks[i].major == major && s->disks[i].minor == minor)
            return &s->disks[i];
    if (s->disk_count == CGROUP_DISKS_MAX)
        return NULL;
    s->disks[s->disk_count] = (struct cgroup_disk){.major = major, .minor = minor};
    return &s->disks[s->disk_count++];
}

/* "8:0" */
static bool disk_number(const char **text, uint32_t *major, uint32_t *minor)
{
    if (!text_u32(text, major) || **text != ':')
        return false;
    (*text)++;
    return text_u32(text, minor);
}

/* "8:0 Read 4096" */
static void v1_disk_lines(const char *text, bool bytes, struct cgroup_stats *s)
{
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        uint32_t major, minor;
        const char *p = line;
        bool reads;
        if (!disk_number(&p, &major, &minor))
            continue;
        if (!(reads = str_starts(p, " Read ")) && !str_starts(p, " Write "))
            continue;
        uint64_t v = strtoull(strchr(p + 1, ' '), NULL, 10);
        struct cgroup_disk *d = disk_at(s, major, minor);
        if (d && reads)
            *(bytes ? &d->read_bytes : &d->reads) = v;
        else if (d)
            *(bytes ? &d->write_bytes : &d->writes) = v;
    }
}

static void v1_disks_read(const char *dir, char *text, struct cgroup_stats *s)
{
    static const char *const sets[][2] = {
        {"blkio.bfq.io_service_bytes_recursive", "blkio.bfq.io_serviced_recursive"},
        {"blkio.io_service_bytes_recursive", "blkio.io_serviced_recursive"},
        {"blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_serviced_recursive"},
        {"blkio.throttle.io_service_bytes", "blkio.throttle.io_serviced"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(sets) && s->disk_count == 0; i++) {
        if (text_get(dir, sets[i][0], text))
            v1_disk_lines(text, true, s);
        if (text_get(dir, sets[i][1], text))
            v1_disk_lines(text, false, s);
    }
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0" */
static void v2_disks_read(const char *dir, char *text, struct cgroup_stats *s)
{
    if (!text_get(dir, "io.stat", text))
        return;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        uint32_t major, minor;
        const char *p = line;
        if (!disk_number(&p, &major, &minor))
            continue;
        struct cgroup_disk *d = disk_at(s, major, minor);
        char *words = NULL;
        for (char *w = strtok_r(line + (p - line), " ", &words); d && w;
             w = strtok_r(NULL, " ", &words)) {
            char *eq = strchr(w, '=');
            if (!eq)
                continue;
            *eq++ = '\0';
            uint64_t v = strtoull(eq, NULL, 10);
            if (str_eq(w, "rbytes"))
                d->read_bytes = v;
            else if (str_eq(w, "wbytes"))
                d->write_bytes = v;
            else if (str_eq(w, "rios"))
                d->reads = v;
            else if (str_eq(w, "wios"))
                d->writes = v;
        }
    }
}

/* ---- huge pages ---- */

/* The sizes are in the names of the files: hugetlb.2MB.max, hugetlb.2MB.limit_in_bytes. */
static void hugetlb_read(const struct cgroup_ctl *ctl, char *text, struct cgroup_stats *s)
{
    const char *limit = ctl->v2 ? ".max" : ".limit_in_bytes";
    DIR *d = ctl->dir ? opendir(ctl->dir) : NULL;
    for (struct dirent *e; d && s->hugetlb_count < CGROUP_PAGES_MAX && (e = readdir(d));) {
        struct cgroup_hugetlb *h = &s->hugetlb[s->hugetlb_count];
        char file[64];
        const char *size = e->d_name + strlen("hugetlb.");
        if (!str_starts(e->d_name, "hugetlb."))
            continue;
        size_t n = strcspn(size, ".");
        if (!str_eq(size + n, limit) || n >= sizeof h->page_size)
            continue;
        memcpy(h->page_size, size, n);
        h->page_size[n] = '\0';
        (void)snprintf(file, sizeof file, "hugetlb.%s.%s", h->page_size,
                       ctl->v2 ? "current" : "usage_in_bytes");
        h->usage = number_or(ctl->dir, file, 0);
        if (ctl->v2) {
            (void)snprintf(file, sizeof file, "hugetlb.%s.events", h->page_size);
            if (text_get(ctl->dir, file, text))
                h->failcnt = text_number(text, "max", 0);
        } else {
            (void)snprintf(file, sizeof file, "hugetlb.%s.failcnt", h->page_size);
            h->failcnt = number_or(ctl->dir, file, 0);
            (void)snprintf(file, sizeof file, "hugetlb.%s.max_usage_in_bytes", h->page_size);
            h->max_usage = number_or(ctl->dir, file, 0);
        }
        s->hugetlb_count++;
    }
    if (d)
        (void)closedir(d);
}

int cgroup_stats_read(const struct cgroup *cg, struct cgroup_stats *ret)
{
    AUTO_FREE char *text = malloc(TEXT_MAX);
    if (!cg->exists)
        return -ENOENT;
    if (!text)
        return -ENOMEM;
    memset(ret, 0, sizeof *ret);
    ret->memory.limit = ret->swap.limit = ret->pids_limit = UINT64_MAX;
    ret->kernel.limit = ret->kernel_tcp.limit = UINT64_MAX;
    bool gone = true;
    for (enum controller c = 0; c < CTL_COUNT; c++)
        gone = gone && !(cg->ctl[c].dir && access(cg->ctl[c].dir, F_OK) == 0);
    if (gone)
        return -ENOENT;
    cg->ctl[CTL_CPUACCT].v2 ? v2_cpu_read(cg, text, ret) : v1_cpu_read(cg, text, ret);
    cg->ctl[CTL_MEMORY].v2 ? v2_memory_read(cg, text, ret) : v1_memory_read(cg, text, ret);
    ret->pids = number_or(cg->ctl[CTL_PIDS].dir, "pids.current", 0);
    ret->pids_limit = number_or(cg->ctl[CTL_PIDS].dir, "pids.max", UINT64_MAX);
    const struct cgroup_ctl *io = &cg->ctl[CTL_BLKIO];
    io->v2 ? v2_disks_read(io->dir, text, ret) : v1_disks_read(io->dir, text, ret);
    hugetlb_read(&cg->ctl[CTL_HUGETLB], text, ret);
    return 0;
}
