/* Limits as files of version 1. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "runsc/cgroup/cgroup_priv.h"

#define MEMORY_FILE "memory.limit_in_bytes"
#define SWAP_FILE   "memory.memsw.limit_in_bytes"

/* Real time must be given before a process with that policy comes, CPUs and nodes before any. */
int v1_prepare(struct cgroup *cg, const struct oci_resources *res, char *err)
{
    if (!res || cg->ctl[CTL_CPUSET].v2)
        return 0;
    const struct oci_cpu *c = &res->cpu;
    int r = 0;
    if (!cg->ctl[CTL_CPU].v2) {
        if (c->realtime_period != OCI_UNSET && c->realtime_period > 0)
            r = ctl_set_int(cg, CTL_CPU, "cpu.rt_period_us", c->realtime_period, err);
        if (r == 0 && c->realtime_runtime != OCI_UNSET && c->realtime_runtime != 0)
            r = ctl_set_int(cg, CTL_CPU, "cpu.rt_runtime_us", c->realtime_runtime, err);
    }
    if (r == 0 && c->cpus && c->cpus[0])
        r = ctl_set(cg, CTL_CPUSET, "cpuset.cpus", c->cpus, err);
    if (r == 0 && c->mems && c->mems[0])
        r = ctl_set(cg, CTL_CPUSET, "cpuset.mems", c->mems, err);
    return r;
}

static int memory_limit_set(struct cgroup *cg, int64_t limit, char *err)
{
    int r = ctl_set_int(cg, CTL_MEMORY, MEMORY_FILE, limit, err);
    const char *dir = cg->ctl[CTL_MEMORY].dir;
    uint64_t used = 0, peak = 0;
    if (r == -EBUSY && file_number(dir, "memory.usage_in_bytes", &used) == 0 &&
        file_number(dir, "memory.max_usage_in_bytes", &peak) == 0)
        cgroup_error(err,
                     "cgroup: cannot set the limit of memory to %" PRId64 " (in use: %" PRIu64
                     ", at most so far: %" PRIu64 ")",
                     limit, used, peak);
    return r;
}

/* Memory is never more than memory and swap together: which is written first depends on which way they move. */
static int memory_and_swap(struct cgroup *cg, const struct oci_memory *m, char *err)
{
    bool has_limit = m->limit != OCI_UNSET && m->limit != 0;
    bool has_swap = m->swap != OCI_UNSET && m->swap != 0;
    int64_t swap = m->swap;
    const char *dir = cg->ctl[CTL_MEMORY].dir;
    if (has_limit && !has_swap && m->limit == -1 && dir && file_exists(dir, SWAP_FILE)) {
        has_swap = true; /* no limit on memory is none on swap */
        swap = -1;
    }
    uint64_t now = UINT64_MAX;
    if (has_limit && has_swap && dir && file_number(dir, SWAP_FILE, &now) < 0)
        now = UINT64_MAX;
    bool swap_first = has_limit && has_swap && (m->limit == -1 || (uint64_t)m->limit > now);
    int r = 0;
    if (swap_first)
        r = ctl_set_int(cg, CTL_MEMORY, SWAP_FILE, swap, err);
    if (r == 0 && has_limit)
        r = memory_limit_set(cg, m->limit, err);
    if (r == 0 && has_swap && !swap_first)
        r = ctl_set_int(cg, CTL_MEMORY, SWAP_FILE, swap, err);
    return r;
}

int v1_memory(struct cgroup *cg, const struct oci_memory *m, char *err)
{
    if (m->swappiness != OCI_UNSET && (m->swappiness < 0 || m->swappiness > 100)) {
        cgroup_error(err, "cgroup: memory.swappiness cannot be %" PRId64 ": 0 to 100 are valid",
                     m->swappiness);
        return -EINVAL;
    }
    if (m->check_before_update == 1 && m->limit != OCI_UNSET && m->limit > 0) {
        const char *dir = cg->ctl[CTL_MEMORY].dir;
        uint64_t used = 0;
        if (dir && file_number(dir, "memory.usage_in_bytes", &used) == 0 &&
            used > (uint64_t)m->limit) {
            cgroup_error(err,
                         "cgroup: the new limit of memory %" PRId64 " is below its use %" PRIu64,
                         m->limit, used);
            return -EBUSY;
        }
    }
    int r = memory_and_swap(cg, m, err);
    if (r == 0 && m->reservation != OCI_UNSET && m->reservation != 0)
        r = ctl_set_int(cg, CTL_MEMORY, "memory.soft_limit_in_bytes", m->reservation, err);
    if (r == 0 && m->kernel_tcp != OCI_UNSET && m->kernel_tcp != 0)
        r = ctl_set_int(cg, CTL_MEMORY, "memory.kmem.tcp.limit_in_bytes", m->kernel_tcp, err);
    if (r == 0 && m->oom_kill_disable == 1)
        r = ctl_set(cg, CTL_MEMORY, "memory.oom_control", "1", err);
    if (r == 0 && m->swappiness != OCI_UNSET)
        r = ctl_set_int(cg, CTL_MEMORY, "memory.swappiness", m->swappiness, err);
    if (r == 0 && m->kernel != OCI_UNSET && m->kernel > 0)
        cgroup_warn(cg, "linux.resources.memory.kernel is left out: Linux has given it up");
    return r;
}

static int cpu_shares(struct cgroup *cg, int64_t shares, char *err)
{
    int r = ctl_set_int(cg, CTL_CPU, "cpu.shares", shares, err);
    uint64_t got = 0;
    if (r < 0 || file_number(cg->ctl[CTL_CPU].dir, "cpu.shares", &got) < 0)
        return r;
    if ((uint64_t)shares == got)
        return 0;
    /* The kernel takes the nearest number silently. */
    cgroup_error(err, "cgroup: cpu.shares cannot be %" PRId64 ": at %s %" PRIu64, shares,
                 (uint64_t)shares > got ? "most" : "least", got);
    return -EINVAL;
}

int v1_cpu(struct cgroup *cg, const struct oci_cpu *c, char *err)
{
    char ignored[CGROUP_ERROR_MAX];
    int r = 0;
    if (c->shares != OCI_UNSET && c->shares != 0)
        r = cpu_shares(cg, c->shares, err);
    if (r == 0 && c->idle != OCI_UNSET)
        r = ctl_set_int(cg, CTL_CPU, "cpu.idle", c->idle, err);
    bool burst = c->burst != OCI_UNSET, late_burst = false, late_period = false;
    bool quota = c->quota != OCI_UNSET && c->quota != 0;
    /* Burst is at most the quota, and quota to period at most the parent's: each may have to wait for the other. */
    if (r == 0 && burst)
        late_burst = ctl_set_int(cg, CTL_CPU, "cpu.cfs_burst_us", c->burst, ignored) < 0;
    if (r == 0 && c->period != OCI_UNSET && c->period != 0) {
        late_period =
            quota && ctl_set_int(cg, CTL_CPU, "cpu.cfs_period_us", c->period, ignored) < 0;
        if (!quota)
            r = ctl_set_int(cg, CTL_CPU, "cpu.cfs_period_us", c->period, err);
    }
    if (r == 0 && quota)
        r = ctl_set_int(cg, CTL_CPU, "cpu.cfs_quota_us", c->quota, err);
    if (r == 0 && late_period)
        r = ctl_set_int(cg, CTL_CPU, "cpu.cfs_period_us", c->period, err);
    if (r == 0 && late_burst)
        r = ctl_set_int(cg, CTL_CPU, "cpu.cfs_burst_us", c->burst, err);
    return r;
}

static int blkio_line(struct cgroup *cg, const char *file, int64_t major, int64_t minor, uint64_t v,
                      char *err)
{
    char text[96];
    (void)snprintf(text, sizeof text, "%" PRId64 ":%" PRId64 " %" PRIu64, major, minor, v);
    return ctl_set(cg, CTL_BLKIO, file, text, err);
}

int v1_blkio(struct cgroup *cg, const struct oci_blkio *b, char *err)
{
    static const char *const files[OCI_THROTTLES] = {
        [OCI_READ_BPS] = "blkio.throttle.read_bps_device",
        [OCI_WRITE_BPS] = "blkio.throttle.write_bps_device",
        [OCI_READ_IOPS] = "blkio.throttle.read_iops_device",
        [OCI_WRITE_IOPS] = "blkio.throttle.write_iops_device",
    };
    const char *dir = cg->ctl[CTL_BLKIO].dir;
    /* CFQ's names; kernels since 5.0 have BFQ's. */
    bool bfq = dir && !file_exists(dir, "blkio.weight") && file_exists(dir, "blkio.bfq.weight");
    const char *weight = bfq ? "blkio.bfq.weight" : "blkio.weight";
    const char *weight_device = bfq ? "blkio.bfq.weight_device" : "blkio.weight_device";
    int r = 0;
    if (b->weight != OCI_UNSET && b->weight != 0)
        r = ctl_set_int(cg, CTL_BLKIO, weight, b->weight, err);
    if (r == 0 && b->leaf_weight != OCI_UNSET && b->leaf_weight != 0)
        r = ctl_set_int(cg, CTL_BLKIO, "blkio.leaf_weight", b->leaf_weight, err);
    for (uint32_t i = 0; i < b->device_count; i++) {
        const struct oci_block_weight *w = &b->devices[i];
        if (r == 0 && w->weight != OCI_UNSET && w->weight != 0)
            r = blkio_line(cg, weight_device, w->major, w->minor, (uint64_t)w->weight, err);
        if (r == 0 && w->leaf_weight != OCI_UNSET && w->leaf_weight != 0)
            r = blkio_line(cg, "blkio.leaf_weight_device", w->major, w->minor,
                           (uint64_t)w->leaf_weight, err);
    }
    for (int k = 0; k < OCI_THROTTLES; k++)
        for (uint32_t i = 0; r == 0 && i < b->throttles[k].count; i++) {
            const struct oci_block_throttle *t = &b->throttles[k].v[i];
            r = blkio_line(cg, files[k], t->major, t->minor, t->rate, err);
        }
    return r;
}

int v1_network(struct cgroup *cg, const struct oci_resources *res, char *err)
{
    char text[128];
    int r = 0;
    if (res->net_class_id != OCI_UNSET && res->net_class_id != 0)
        r = ctl_set_int(cg, CTL_NET_CLS, "net_cls.classid", res->net_class_id, err);
    for (uint32_t i = 0; r == 0 && i < res->net_priority_count; i++) {
        const struct oci_net_priority *p = &res->net_priorities[i];
        (void)snprintf(text, sizeof text, "%.64s %" PRIu32, p->interface, p->priority);
        r = ctl_set(cg, CTL_NET_PRIO, "net_prio.ifpriomap", text, err);
    }
    return r;
}

/* "c 1:3 rwm"; a star for any number. */
static void device_text(const struct oci_device_rule *d, char *buf, size_t cap)
{
    struct strbuf sb;
    strbuf_init(&sb, buf, cap);
    strbuf_printf(&sb, "%c ", d->type);
    d->major == OCI_ANY ? strbuf_puts(&sb, "*") : strbuf_printf(&sb, "%" PRId64, d->major);
    strbuf_putc(&sb, ':');
    d->minor == OCI_ANY ? strbuf_puts(&sb, "*") : strbuf_printf(&sb, "%" PRId64, d->minor);
    strbuf_printf(&sb, " %s%s%s", d->access & OCI_DEVICE_READ ? "r" : "",
                  d->access & OCI_DEVICE_WRITE ? "w" : "", d->access & OCI_DEVICE_MKNOD ? "m" : "");
}

static int device_rule_set(struct cgroup *cg, const struct oci_device_rule *d, char *err)
{
    char text[80];
    const char *file = d->allow ? "devices.allow" : "devices.deny";
    if (d->type == 'a' && d->major == OCI_ANY && d->minor == OCI_ANY)
        return ctl_set(cg, CTL_DEVICES, file, "a", err);
    struct oci_device_rule one = *d;
    int r = 0;
    for (const char *t = d->type == 'a' ? "bc" : (char[]){d->type, 0}; r == 0 && *t; t++) {
        one.type = *t;
        device_text(&one, text, sizeof text);
        r = ctl_set(cg, CTL_DEVICES, file, text, err);
    }
    return r;
}

int v1_devices(struct cgroup *cg, const struct oci_resources *res, char *err)
{
    /* What no rule speaks of is denied; a new group allows all. */
    int r = ctl_set(cg, CTL_DEVICES, "devices.deny", "a", err);
    for (uint32_t i = 0; r == 0 && i < res->device_count; i++)
        r = device_rule_set(cg, &res->devices[i], err);
    for (uint32_t i = 0; r == 0 && i < devices_default_count; i++)
        r = device_rule_set(cg, &devices_default[i], err);
    return r;
}
