/* What programs see of the limits: those that are about to be set, and those of the groups around. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/str.h"
#include "runsc/cgroup/cgroup_priv.h"
#include "runsc/memory_limit.h"
#include "wire/boot_config.h"

#define V1_UNLIMITED (UINT64_C(1) << 62)
#define CPUS_LEAST   2 /* with fewer, programs take locks for free that they are not */

static uint64_t least(uint64_t a, uint64_t b) { return a == 0 || (b != 0 && b < a) ? b : a; }

/* "0-2,4" -> 4; 0: no such list. */
static uint32_t list_count(const char *list)
{
    uint32_t count = 0;
    for (const char *p = list; *p >= '0' && *p <= '9';) {
        char *end;
        unsigned long first = strtoul(p, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (last < first || last >= CGROUP_CPUS_MAX)
            return 0;
        count += (uint32_t)(last - first + 1);
        p = *end == ',' ? end + 1 : end;
    }
    return count;
}

static uint64_t memory_around(const struct cgroup_ctl *m)
{
    if (!m->dir)
        return 0;
    uint64_t v = memory_limit_group(m->mount, m->dir + strlen(m->mount),
                                    m->v2 ? "memory.max" : "memory.limit_in_bytes");
    return v >= V1_UNLIMITED ? 0 : v;
}

/* quota and period of one group; 0: none. */
static void quota_read(const struct cgroup_ctl *c, const char *dir, uint64_t *quota,
                       uint64_t *period)
{
    char text[64];
    *quota = 0;
    if (c->v2) {
        char *end = NULL;
        if (file_get(dir, "cpu.max", text, sizeof text) > 0 && text[0] != 'm') {
            *quota = strtoull(text, &end, 10);
            *period = strtoull(end, NULL, 10);
        }
    } else if (file_number(dir, "cpu.cfs_quota_us", quota) < 0 || (int64_t)*quota < 0 ||
               file_number(dir, "cpu.cfs_period_us", period) < 0) {
        *quota = 0;
    }
}

/* Takes the last part off a directory; false at the top. */
static bool dir_up(char *dir, const char *mount)
{
    char *slash = strrchr(dir, '/');
    if (!slash || (size_t)(slash - dir) < strlen(mount))
        return false;
    *slash = '\0';
    return true;
}

static bool share_less(uint64_t quota, uint64_t period, const struct boot_limits *l)
{
    return quota && period &&
           (!l->cpu_quota_us || quota * l->cpu_period_us < l->cpu_quota_us * period);
}

/* The least share of a CPU that holds on the way down. */
static void quota_around(const struct cgroup_ctl *c, struct boot_limits *l)
{
    AUTO_FREE char *dir = c->dir ? strdup(c->dir) : NULL;
    while (dir && dir_up(dir, c->mount)) {
        uint64_t quota, period = 0;
        quota_read(c, dir, &quota, &period);
        if (share_less(quota, period, l)) {
            l->cpu_quota_us = quota;
            l->cpu_period_us = period;
        }
    }
}

/* The nearest group that there is says what its own may use. */
static uint32_t cpus_around(const struct cgroup_ctl *c)
{
    char text[4096];
    AUTO_FREE char *dir = c->dir ? strdup(c->dir) : NULL;
    while (dir && dir_up(dir, c->mount))
        if (file_get(dir, c->v2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus", text,
                     sizeof text) > 0)
            return list_count(text);
    return 0;
}

static uint64_t number(int64_t v) { return v == OCI_UNSET || v <= 0 ? 0 : (uint64_t)v; }

static void limits_of(const struct cgroup *cg, const struct oci_resources *res,
                      struct boot_limits *l)
{
    *l = (struct boot_limits){.cgroup_v2 = cg->unified, .cpu_period_us = 100000};
    if (!res)
        return;
    const struct oci_memory *m = &res->memory;
    l->memory_bytes = number(m->limit);
    l->swap_bytes = number(m->swap);
    l->reservation_bytes = number(m->reservation);
    l->pids = number(res->pids);
    l->cpu_quota_us = number(res->cpu.quota);
    l->cpu_shares = number(res->cpu.shares);
    if (number(res->cpu.period))
        l->cpu_period_us = number(res->cpu.period);
    for (uint32_t i = 0; i < res->unified_count; i++) {
        const struct oci_pair *p = &res->unified[i];
        uint64_t v = 0;
        if (str_eq(p->key, "memory.max") && parse_u64(p->value, 10, &v) == 0)
            l->memory_bytes = least(l->memory_bytes, v);
        else if (str_eq(p->key, "pids.max") && parse_u64(p->value, 10, &v) == 0)
            l->pids = least(l->pids, v);
    }
}

static void limits_around(const struct cgroup *cg, const struct oci_resources *res,
                          struct boot_limits *l)
{
    limits_of(cg, res, l);
    l->memory_bytes = least(l->memory_bytes, memory_around(&cg->ctl[CTL_MEMORY]));
    quota_around(&cg->ctl[CTL_CPU], l);
}

static uint64_t memory_of_machine(void)
{
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

void cgroup_limits_text(const struct cgroup *cg, const struct oci_resources *res, char *buf,
                        size_t size)
{
    struct boot_limits l;
    limits_around(cg, res, &l);
    (void)snprintf(buf, size,
                   "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                   " %" PRIu64 " %" PRIu64,
                   least(memory_of_machine(), l.memory_bytes), l.memory_bytes, l.swap_bytes,
                   l.reservation_bytes, l.pids, l.cpu_quota_us, l.cpu_period_us, l.cpu_shares);
}

int cgroup_inside(const struct cgroup_request *rq, const struct oci_resources *res,
                  bool cpus_from_quota, struct boot_config *cfg, char *err)
{
    struct cgroup *cg = NULL;
    int r = cgroup_open(rq, &cg, err);
    if (r < 0)
        return r;
    struct boot_limits *l = &cfg->limits;
    limits_around(cg, res, l);
    cfg->mem_total_bytes = least(memory_of_machine(), l->memory_bytes);
    uint32_t cpus = res && res->cpu.cpus && res->cpu.cpus[0] ? list_count(res->cpu.cpus)
                                                             : cpus_around(&cg->ctl[CTL_CPUSET]);
    cfg->ncpus = (uint32_t)least(cfg->ncpus, cpus);
    if (cpus_from_quota && l->cpu_quota_us && l->cpu_period_us) {
        uint64_t share = DIV_ROUND_UP(l->cpu_quota_us, l->cpu_period_us);
        cfg->ncpus = (uint32_t)least(cfg->ncpus, MAX(share, (uint64_t)CPUS_LEAST));
    }
    cgroup_free(cg);
    return 0;
}
