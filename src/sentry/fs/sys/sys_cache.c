/* /sys/devices/system/cpu/cpuN/cache: what the CPUID instruction tells every program about the caches. */
#include "base/err.h"
#include "sentry/fs/sys/sys_priv.h"
#include "sentry/kernel.h"

#include <cpuid.h>

struct cache {
    uint32_t type; /* 1 data, 2 instruction, 3 unified */
    uint32_t level, line, partitions, ways, sets, sharing;
};

/* The index-th cache; false: there is none. */
static bool cache_get(uint32_t index, struct cache *ret)
{
    uint32_t a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid_count(4, index, &a, &b, &c, &d) || !(a & 31))
        if (!__get_cpuid_count(0x8000001d, index, &a, &b, &c, &d) || !(a & 31))
            return false;
    *ret = (struct cache){.type = a & 31,
                          .level = a >> 5 & 7,
                          .line = (b & 0xfff) + 1,
                          .partitions = (b >> 12 & 0x3ff) + 1,
                          .ways = (b >> 22) + 1,
                          .sets = c + 1,
                          .sharing = (a >> 14 & 0xfff) + 1};
    return ret->type <= 3;
}

/* Entries of index N have value N * 16 + one of these. */
enum { F_LINE, F_ID, F_LEVEL, F_SETS, F_PARTITION, F_LIST, F_MAP, F_SIZE, F_TYPE, F_WAYS };

/* Is the cache each CPU's own, as seen from here? Those of the last level belong to all. */
static bool shared_by_all(const struct cache *k) { return k->level >= 3; }

static int show_cache(struct proc_text *x, const struct proc_ctx *c)
{
    static const char *const types[] = {"", "Data", "Instruction", "Unified"};
    struct cache k;
    if (!cache_get((uint32_t)c->e->value / 16, &k))
        return -ENOENT;
    switch (c->e->value % 16) {
    case F_LINE: proc_printf(x, "%u\n", k.line); break;
    case F_ID: proc_printf(x, "%d\n", shared_by_all(&k) ? 0 : c->fd); break;
    case F_LEVEL: proc_printf(x, "%u\n", k.level); break;
    case F_SETS: proc_printf(x, "%u\n", k.sets); break;
    case F_PARTITION: proc_printf(x, "%u\n", k.partitions); break;
    case F_LIST:
        if (shared_by_all(&k))
            return sys_show_cpu_list(x, c);
        proc_printf(x, "%d\n", c->fd);
        break;
    case F_MAP: return shared_by_all(&k) ? sys_show_cpu_map(x, c) : sys_show_own_map(x, c);
    case F_SIZE:
        proc_printf(x, "%lluK\n",
                    (unsigned long long)k.line * k.partitions * k.ways * k.sets / 1024);
        break;
    case F_TYPE: proc_printf(x, "%s\n", types[k.type]); break;
    default: proc_printf(x, "%u\n", k.ways); break;
    }
    return 0;
}

#define CACHE_T(n, what, field)                                                                    \
    {.name = n, .kind = PROC_TEXT, .mode = 0444, .show = show_cache, .value = (what) * 16 + (field)}
#define CACHE_INDEX(what)                                                                          \
    static const struct proc_entry index##what##_entries[] = {                                     \
        CACHE_T("coherency_line_size", what, F_LINE),                                              \
        CACHE_T("id", what, F_ID),                                                                 \
        CACHE_T("level", what, F_LEVEL),                                                           \
        CACHE_T("number_of_sets", what, F_SETS),                                                   \
        CACHE_T("physical_line_partition", what, F_PARTITION),                                     \
        CACHE_T("shared_cpu_list", what, F_LIST),                                                  \
        CACHE_T("shared_cpu_map", what, F_MAP),                                                    \
        CACHE_T("size", what, F_SIZE),                                                             \
        CACHE_T("type", what, F_TYPE),                                                             \
        CACHE_T("ways_of_associativity", what, F_WAYS),                                            \
        {0},                                                                                       \
    }
CACHE_INDEX(0);
CACHE_INDEX(1);
CACHE_INDEX(2);
CACHE_INDEX(3);

const struct proc_entry sys_cache_entries[] = {
    PROC_D("index0", index0_entries),
    PROC_D("index1", index1_entries),
    PROC_D("index2", index2_entries),
    PROC_D("index3", index3_entries),
    {0},
};
