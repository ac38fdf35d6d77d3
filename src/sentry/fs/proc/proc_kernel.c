/* Files of the system about a machine that a sandbox has not: their heads, and zeroes. And /proc/locks. */
#include "base/err.h"
#include "sentry/fs/proc/proc_priv.h"
#include "sentry/kernel.h"
#include "sentry/vfs/locks.h"
#include "sentry/vfs/vfs.h"

#include <stdio.h>

static int show_nothing(struct proc_text *x, const struct proc_ctx *c)
{
    (void)x, (void)c;
    return 0;
}

static void cpu_columns(struct proc_text *x, int indent)
{
    proc_printf(x, "%*s", indent, "");
    for (uint32_t i = 0; i < kern()->ncpus; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "CPU%u", i);
        proc_printf(x, "%-11s", name);
    }
    proc_printf(x, "\n");
}

static int show_interrupts(struct proc_text *x, const struct proc_ctx *c)
{
    (void)c;
    cpu_columns(x, 11);
    return 0;
}

static int show_softirqs(struct proc_text *x, const struct proc_ctx *c)
{
    static const char *const names[] = {"HI",       "TIMER",   "NET_TX", "NET_RX",  "BLOCK",
                                        "IRQ_POLL", "TASKLET", "SCHED",  "HRTIMER", "RCU"};
    (void)c;
    cpu_columns(x, 20);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        proc_printf(x, "%12s:", names[i]);
        for (uint32_t cpu = 0; cpu < kern()->ncpus; cpu++)
            proc_printf(x, " %10d", 0);
        proc_printf(x, "\n");
    }
    return 0;
}

static int show_zoneinfo(struct proc_text *x, const struct proc_ctx *c)
{
    unsigned long long total = kern()->mem_total_bytes / 4096, used = MIN(proc_used_pages(), total);
    (void)c;
    proc_printf(x,
                "Node 0, zone   Normal\n  per-node stats\n      nr_inactive_anon 0\n"
                "      nr_active_anon %llu\n      nr_inactive_file 0\n      nr_active_file 0\n",
                used);
    proc_printf(x,
                "  pages free     %llu\n        boost    0\n        min      0\n"
                "        low      0\n        high     0\n        spanned  %llu\n"
                "        present  %llu\n        managed  %llu\n        cma      0\n"
                "        protection: (0)\n",
                total - used, total, total, total);
    proc_printf(x, "  pagesets\n  node_unreclaimable:  0\n  start_pfn:           0\n");
    return 0;
}

/* One zone, and what is free of it in the largest pieces. */
static int show_buddyinfo(struct proc_text *x, const struct proc_ctx *c)
{
    unsigned long long total = kern()->mem_total_bytes / 4096, used = MIN(proc_used_pages(), total);
    (void)c;
    proc_printf(x, "Node 0, zone   Normal ");
    for (int order = 0; order < 10; order++)
        proc_printf(x, "%6d ", 0);
    proc_printf(x, "%6llu \n", (total - used) >> 10);
    return 0;
}

static int show_execdomains(struct proc_text *x, const struct proc_ctx *c)
{
    (void)c;
    proc_printf(x, "0-0\tLinux           \t[kernel]\n");
    return 0;
}

static int show_slabinfo(struct proc_text *x, const struct proc_ctx *c)
{
    (void)c;
    proc_printf(x, "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> "
                   "<objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : "
                   "slabdata <active_slabs> <num_slabs> <sharedavail>\n");
    return 0;
}

struct locks_out {
    struct proc_text *x;
    unsigned n;
};

static void put_lock(void *arg, const struct lock_info *l)
{
    struct locks_out *out = arg;
    uint64_t dev = l->inode->sb->dev;
    char end[24] = "EOF";
    if (l->end != INT64_MAX)
        (void)snprintf(end, sizeof(end), "%lld", (long long)l->end);
    proc_printf(out->x, "%u: %-6s ADVISORY  %-5s %d %02x:%02x:%llu %lld %s\n", ++out->n, l->kind,
                l->write ? "WRITE" : "READ", l->pid, (unsigned)(dev >> 8 & 0xfff),
                (unsigned)((dev & 0xff) | (dev >> 12 & 0xfff00)), (unsigned long long)l->inode->ino,
                (long long)l->start, end);
}

static int show_locks(struct proc_text *x, const struct proc_ctx *c)
{
    struct locks_out out = {.x = x};
    (void)c;
    locks_walk(put_lock, &out);
    return 0;
}

const struct proc_entry proc_kernel_entries[] = {
    PROC_T("buddyinfo", 0444, show_buddyinfo),
    PROC_T("consoles", 0444, show_nothing),
    PROC_T("crypto", 0444, show_nothing),
    PROC_T("dma", 0444, show_nothing),
    PROC_T("execdomains", 0444, show_execdomains),
    PROC_T("interrupts", 0444, show_interrupts),
    PROC_T("iomem", 0444, show_nothing),
    PROC_T("ioports", 0444, show_nothing),
    PROC_T("kallsyms", 0444, show_nothing),
    PROC_T("key-users", 0444, show_nothing),
    PROC_T("keys", 0444, show_nothing),
    PROC_T("locks", 0444, show_locks),
    PROC_T("misc", 0444, show_nothing),
    PROC_T("slabinfo", 0400, show_slabinfo),
    PROC_T("softirqs", 0444, show_softirqs),
    PROC_T("vmallocinfo", 0400, show_nothing),
    PROC_T("zoneinfo", 0444, show_zoneinfo),
    {0},
};
