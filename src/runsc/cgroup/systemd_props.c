/* Limits as properties of a unit. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/str.h"
#include "runsc/cgroup/systemd.h"

#define PERIOD_US 100000

static void prop_head(struct dbus_out *o, const char *name, const char *signature)
{
    dbus_align(o, 8);
    dbus_string(o, name);
    dbus_signature(o, signature);
}

static void prop_u64(struct dbus_out *o, const char *name, uint64_t v)
{
    prop_head(o, name, "t");
    dbus_u64(o, v);
}

static void prop_bool(struct dbus_out *o, const char *name, bool v)
{
    prop_head(o, name, "b");
    dbus_bool(o, v);
}

static void prop_string(struct dbus_out *o, const char *name, const char *v)
{
    prop_head(o, name, "s");
    dbus_string(o, v);
}

/* "0-2,8" -> bits. -EINVAL */
static int prop_list(struct dbus_out *o, const char *name, const char *list)
{
    uint8_t bits[CGROUP_CPUS_MAX / 8] = {0};
    size_t used = 0;
    for (const char *p = list; *p;) {
        char *end;
        unsigned long first = strtoul(p, &end, 10), last = first;
        if (end == p)
            return -EINVAL;
        if (*end == '-') {
            p = end + 1;
            last = strtoul(p, &end, 10);
            if (end == p)
                return -EINVAL;
        }
        if (first > last || last >= CGROUP_CPUS_MAX || (*end && *end != ',' && *end != '\n'))
            return -EINVAL;
        for (unsigned long i = first; i <= last; i++)
            bits[i / 8] |= (uint8_t)(1u << i % 8);
        used = MAX(used, (size_t)last / 8 + 1);
        p = end + (*end != '\0');
    }
    prop_head(o, name, "ay");
    size_t mark = dbus_array(o, 1);
    for (size_t i = 0; i < used; i++)
        dbus_u8(o, bits[i]);
    dbus_array_end(o, mark, 1);
    return 0;
}

static bool set(int64_t v) { return v != OCI_UNSET && v != 0; }
static uint64_t or_infinity(int64_t v) { return v < 0 ? UINT64_MAX : (uint64_t)v; }

static void props_cpu(struct dbus_out *o, const struct cgroup *cg, const struct oci_cpu *c)
{
    if (set(c->shares) && c->shares > 0)
        prop_u64(o, cg->unified ? "CPUWeight" : "CPUShares",
                 cg->unified ? shares_to_weight((uint64_t)c->shares) : (uint64_t)c->shares);
    if (!set(c->quota) && !set(c->period))
        return;
    uint64_t period = set(c->period) ? (uint64_t)c->period : PERIOD_US, per_second = UINT64_MAX;
    if (set(c->quota) && c->quota > 0) {
        per_second = (uint64_t)c->quota * 1000000 / period;
        per_second = DIV_ROUND_UP(per_second, 10000) * 10000; /* it knows whole percents only */
    }
    if (set(c->period))
        prop_u64(o, "CPUQuotaPeriodUSec", period);
    if (set(c->quota))
        prop_u64(o, "CPUQuotaPerSecUSec", per_second);
}

/* Files of version 2 that are properties too. */
static void props_unified(struct dbus_out *o, const struct oci_resources *res)
{
    static const char *const names[][2] = {
        {"memory.high", "MemoryHigh"},        {"memory.low", "MemoryLow"},
        {"memory.min", "MemoryMin"},          {"memory.max", "MemoryMax"},
        {"memory.swap.max", "MemorySwapMax"}, {"pids.max", "TasksMax"},
        {"cpu.weight", "CPUWeight"},
    };
    for (uint32_t i = 0; i < res->unified_count; i++)
        for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
            uint64_t v = UINT64_MAX;
            if (str_eq(names[k][0], res->unified[i].key) &&
                (str_eq(res->unified[i].value, "max") ||
                 parse_u64(res->unified[i].value, 10, &v) == 0))
                prop_u64(o, names[k][1], v);
        }
}

static int props_limits(struct dbus_out *o, const struct cgroup *cg,
                        const struct oci_resources *res, char *err)
{
    int64_t swap = OCI_UNSET;
    if (!res)
        return 0;
    const struct oci_memory *m = &res->memory;
    if (set(m->limit))
        prop_u64(o, cg->unified ? "MemoryMax" : "MemoryLimit", or_infinity(m->limit));
    if (set(m->reservation) && cg->unified)
        prop_u64(o, "MemoryLow", or_infinity(m->reservation));
    if (cg->unified && swap_to_v2(m->limit, m->swap, &swap) == 0 && swap != OCI_UNSET)
        prop_u64(o, "MemorySwapMax", or_infinity(swap));
    props_cpu(o, cg, &res->cpu);
    if (set(res->pids))
        prop_u64(o, "TasksMax", or_infinity(pids_on_host(res->pids)));
    if (set(res->blkio.weight))
        prop_u64(o, cg->unified ? "IOWeight" : "BlockIOWeight",
                 cg->unified ? blkio_to_io_weight((uint64_t)res->blkio.weight)
                             : (uint64_t)res->blkio.weight);
    if (cg->unified) {
        const struct oci_cpu *c = &res->cpu;
        if (c->cpus && c->cpus[0] && prop_list(o, "AllowedCPUs", c->cpus) < 0) {
            cgroup_error(err, "linux.resources.cpu.cpus: \"%s\" is no list of CPUs", c->cpus);
            return -EINVAL;
        }
        if (c->mems && c->mems[0] && prop_list(o, "AllowedMemoryNodes", c->mems) < 0) {
            cgroup_error(err, "linux.resources.cpu.mems: \"%s\" is no list of memory nodes",
                         c->mems);
            return -EINVAL;
        }
        props_unified(o, res);
    }
    return 0;
}

int systemd_properties(const struct cgroup *cg, const struct oci_resources *res, pid_t pid,
                       struct dbus_out *o, char *err)
{
    size_t mark = dbus_array(o, 8);
    if (pid != 0) {
        AUTO_FREE char *what = str_format("container %s", cg->unit);
        prop_string(o, "Description", what ? what : cg->unit);
        prop_string(o, "Slice", cg->slice);
        prop_bool(o, "Delegate", true);
        prop_bool(o, "MemoryAccounting", true);
        prop_bool(o, "CPUAccounting", true);
        prop_bool(o, cg->unified ? "IOAccounting" : "BlockIOAccounting", true);
        prop_bool(o, "TasksAccounting", true);
        prop_bool(o, "DefaultDependencies", false);
        prop_head(o, "PIDs", "au");
        size_t pids = dbus_array(o, 4);
        dbus_u32(o, (uint32_t)pid);
        dbus_array_end(o, pids, 4);
    }
    int r = props_limits(o, cg, res, err);
    dbus_array_end(o, mark, 8);
    return r;
}
