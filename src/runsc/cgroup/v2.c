/* Limits as files of version 2. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "runsc/cgroup/cgroup_priv.h"

/* All at once; if that is refused (a controller that is busy in version 1, a threaded group), one by one what can be. */
int v2_enable(const struct cgroup *cg, const char *dir)
{
    char list[512], all[640], one[64];
    struct strbuf sb;
    ssize_t n = file_get(dir, "cgroup.controllers", list, sizeof list);
    if (n < 0)
        return (int)n;
    list[strcspn(list, "\n")] = '\0';
    strbuf_init(&sb, all, sizeof all);
    char *save = NULL;
    char again[512];
    memcpy(again, list, sizeof again);
    for (char *w = strtok_r(list, " ", &save); w; w = strtok_r(NULL, " ", &save))
        strbuf_printf(&sb, "%s+%s", sb.len ? " " : "", w);
    if (sb.len == 0 || file_set(dir, "cgroup.subtree_control", all) == 0)
        return 0;
    for (char *w = strtok_r(again, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        (void)snprintf(one, sizeof one, "+%.60s", w);
        (void)!file_set(dir, "cgroup.subtree_control",
                        one); /* a limit on it will say that it is missing */
    }
    return 0;
}

uint64_t shares_to_weight(uint64_t shares)
{
    if (shares == 0)
        return 0;
    shares = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
    return 1 + (shares - 2) * 9999 / 262142;
}

uint64_t blkio_to_io_weight(uint64_t weight)
{
    return weight == 0 ? 0 : 1 + (weight - 10) * 9999 / 990;
}

int swap_to_v2(int64_t memory, int64_t both, int64_t *ret)
{
    bool memory_given = memory != OCI_UNSET && memory != 0;
    if (both == OCI_UNSET ||
        both == 0) { /* as version 1 does: no limit on memory is none on swap */
        *ret = memory == -1 ? -1 : OCI_UNSET;
        return 0;
    }
    if (both == -1) {
        *ret = -1;
        return 0;
    }
    if (!memory_given || memory == -1 || memory < 0 || both < memory)
        return -EINVAL;
    *ret = both - memory;
    return 0;
}

/* A number, or "max" for a negative one. */
static int limit_set(struct cgroup *cg, enum controller c, const char *file, int64_t v, char *err)
{
    return v < 0 ? ctl_set(cg, c, file, "max", err) : ctl_set_int(cg, c, file, v, err);
}

int v2_memory(struct cgroup *cg, const struct oci_memory *m, char *err)
{
    int64_t swap = OCI_UNSET;
    int r = swap_to_v2(m->limit, m->swap, &swap);
    if (r < 0) {
        cgroup_error(err,
                     m->limit == OCI_UNSET || m->limit <= 0
                         ? "cgroup: cannot set a limit on swap of %" PRId64 " without one on memory"
                         : "cgroup: memory and swap (%" PRId64
                           ") must be at least as much as memory",
                     m->swap);
        return r;
    }
    if (m->check_before_update == 1 && m->limit != OCI_UNSET && m->limit > 0) {
        uint64_t used = 0;
        const char *dir = cg->ctl[CTL_MEMORY].dir;
        if (dir && file_number(dir, "memory.current", &used) == 0 && used > (uint64_t)m->limit) {
            cgroup_error(err,
                         "cgroup: the new limit of memory %" PRId64 " is below its use %" PRIu64,
                         m->limit, used);
            return -EBUSY;
        }
    }
    if (swap != OCI_UNSET) {
        const char *dir = cg->ctl[CTL_MEMORY].dir;
        /* A host without swap has no such file; none and unlimited are true there all the same. */
        if (!dir || swap > 0 || file_exists(dir, "memory.swap.max"))
            r = limit_set(cg, CTL_MEMORY, "memory.swap.max", swap, err);
    }
    if (r == 0 && m->limit != OCI_UNSET && m->limit != 0)
        r = limit_set(cg, CTL_MEMORY, "memory.max", m->limit, err);
    if (r == 0 && m->reservation != OCI_UNSET && m->reservation != 0)
        r = limit_set(cg, CTL_MEMORY, "memory.low", m->reservation, err);
    if (m->swappiness != OCI_UNSET || m->oom_kill_disable == 1 ||
        (m->kernel_tcp != OCI_UNSET && m->kernel_tcp > 0))
        cgroup_warn(cg, "linux.resources.memory: swappiness, disableOOMKiller and kernelTCP have "
                        "no counterpart in cgroup version 2 and are left out");
    return r;
}

static int cpu_max(struct cgroup *cg, const struct oci_cpu *c, char *err)
{
    char text[64], old[64] = "";
    if (c->quota == OCI_UNSET && c->period == OCI_UNSET)
        return 0;
    struct strbuf sb;
    strbuf_init(&sb, text, sizeof text);
    /* What is not given stays as it is. */
    const char *dir = cg->ctl[CTL_CPU].dir;
    if (dir && file_get(dir, "cpu.max", old, sizeof old) < 0)
        old[0] = '\0';
    char *period = strchr(old, ' ');
    if (period)
        *period++ = '\0';
    if (c->quota != OCI_UNSET && c->quota > 0)
        strbuf_printf(&sb, "%" PRId64, c->quota);
    else
        strbuf_puts(&sb, c->quota == OCI_UNSET && old[0] ? old : "max");
    if (c->period != OCI_UNSET && c->period > 0)
        strbuf_printf(&sb, " %" PRId64, c->period);
    else if (period && strtok(period, "\n"))
        strbuf_printf(&sb, " %s", period);
    else
        strbuf_puts(&sb, " 100000");
    return ctl_set(cg, CTL_CPU, "cpu.max", text, err);
}

int v2_cpu(struct cgroup *cg, const struct oci_cpu *c, char *err)
{
    int r = 0;
    if (c->idle != OCI_UNSET)
        r = ctl_set_int(cg, CTL_CPU, "cpu.idle", c->idle, err);
    /* A group that is idle has no weight: the kernel refuses it. */
    if (r == 0 && c->shares != OCI_UNSET && c->shares > 0 && c->idle != 1)
        r = ctl_set_int(cg, CTL_CPU, "cpu.weight", (int64_t)shares_to_weight((uint64_t)c->shares),
                        err);
    /* A burst is at most the quota: which is first depends on which grows. */
    char ignored[CGROUP_ERROR_MAX];
    bool burst = c->burst != OCI_UNSET, late = false;
    if (r == 0 && burst)
        late = ctl_set_int(cg, CTL_CPU, "cpu.max.burst", c->burst, ignored) < 0;
    if (r == 0)
        r = cpu_max(cg, c, err);
    if (r == 0 && late)
        r = ctl_set_int(cg, CTL_CPU, "cpu.max.burst", c->burst, err);
    if ((c->realtime_period != OCI_UNSET && c->realtime_period > 0) ||
        (c->realtime_runtime != OCI_UNSET && c->realtime_runtime > 0))
        cgroup_warn(cg, "linux.resources.cpu: realtimePeriod and realtimeRuntime have no "
                        "counterpart in cgroup version 2 and are left out");
    return r;
}

int v2_blkio(struct cgroup *cg, const struct oci_blkio *b, char *err)
{
    static const char *const keys[OCI_THROTTLES] = {"rbps", "wbps", "riops", "wiops"};
    char text[96];
    const char *dir = cg->ctl[CTL_BLKIO].dir;
    bool bfq = dir && file_exists(dir, "io.bfq.weight");
    int r = 0;
    if (b->weight != OCI_UNSET && b->weight > 0) {
        if (bfq)
            r = ctl_set_int(cg, CTL_BLKIO, "io.bfq.weight", b->weight, err);
        else
            r = ctl_set_int(cg, CTL_BLKIO, "io.weight",
                            (int64_t)blkio_to_io_weight((uint64_t)b->weight), err);
    }
    for (uint32_t i = 0; r == 0 && i < b->device_count; i++) {
        const struct oci_block_weight *w = &b->devices[i];
        if (w->weight == OCI_UNSET || w->weight == 0)
            continue;
        uint64_t v = bfq ? (uint64_t)w->weight : blkio_to_io_weight((uint64_t)w->weight);
        (void)snprintf(text, sizeof text, "%" PRId64 ":%" PRId64 " %" PRIu64, w->major, w->minor,
                       v);
        r = ctl_set(cg, CTL_BLKIO, bfq ? "io.bfq.weight" : "io.weight", text, err);
    }
    for (int k = 0; k < OCI_THROTTLES; k++)
        for (uint32_t i = 0; r == 0 && i < b->throttles[k].count; i++) {
            const struct oci_block_throttle *t = &b->throttles[k].v[i];
            char rate[24] = "max"; /* version 1's 0 */
            if (t->rate)
                (void)snprintf(rate, sizeof rate, "%" PRIu64, t->rate);
            (void)snprintf(text, sizeof text, "%" PRId64 ":%" PRId64 " %s=%s", t->major, t->minor,
                           keys[k], rate);
            r = ctl_set(cg, CTL_BLKIO, "io.max", text, err);
        }
    return r;
}

/* Files by name, each line a write. */
int v2_unified(struct cgroup *cg, const struct oci_resources *res, char *err)
{
    const char *dir = cg->ctl[CTL_UNIFIED].dir;
    if (res->unified_count && !cg->unified) {
        cgroup_error(err, "cgroup: linux.resources.unified needs cgroup version 2");
        return -EINVAL;
    }
    for (uint32_t i = 0; i < res->unified_count; i++) {
        const struct oci_pair *p = &res->unified[i];
        const char *dot = strchr(p->key, '.');
        if (strchr(p->key, '/') || !dot || dot == p->key) {
            cgroup_error(err,
                         "cgroup: linux.resources.unified: \"%s\" is no file name of the form "
                         "CONTROLLER.PARAMETER",
                         p->key);
            return -EINVAL;
        }
        for (const char *line = p->value; *line;) {
            char text[4096];
            size_t n = strcspn(line, "\n");
            (void)snprintf(text, sizeof text, "%.*s", (int)n, line);
            int r = n >= sizeof text ? -E2BIG : file_set(dir, p->key, text);
            if (r == -ENOENT) {
                cgroup_error(
                    err,
                    "cgroup: linux.resources.unified: %s cannot be set to %s: no such file; "
                    "is the controller %.*s there?",
                    p->key, text, (int)(dot - p->key), p->key);
                return r;
            }
            if (r < 0) {
                ctl_error(cg, CTL_UNIFIED, p->key, text, r, err);
                return r;
            }
            line += n + (line[n] == '\n');
        }
    }
    return 0;
}
