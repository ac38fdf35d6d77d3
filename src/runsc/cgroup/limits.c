/* Limits, each in the version that its controller is of. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "runsc/cgroup/cgroup_priv.h"

#define RWM (OCI_DEVICE_READ | OCI_DEVICE_WRITE | OCI_DEVICE_MKNOD)

const struct oci_device_rule devices_default[] = {
    {true, 'c', OCI_ANY, OCI_ANY, OCI_DEVICE_MKNOD},
    {true, 'b', OCI_ANY, OCI_ANY, OCI_DEVICE_MKNOD},
    {true, 'c', 1, 3, RWM},         /* null */
    {true, 'c', 1, 5, RWM},         /* zero */
    {true, 'c', 1, 7, RWM},         /* full */
    {true, 'c', 1, 8, RWM},         /* random */
    {true, 'c', 1, 9, RWM},         /* urandom */
    {true, 'c', 5, 0, RWM},         /* tty */
    {true, 'c', 5, 2, RWM},         /* ptmx */
    {true, 'c', 136, OCI_ANY, RWM}, /* pts */
};
const uint32_t devices_default_count = ARRAY_SIZE(devices_default);

static bool given(int64_t v) { return v != OCI_UNSET; }

static int cpuset_set(struct cgroup *cg, const struct oci_cpu *c, char *err)
{
    int r = 0;
    if (!cg->ctl[CTL_CPUSET].v2)
        return 0; /* done by v1_prepare() */
    if (c->cpus && c->cpus[0])
        r = ctl_set(cg, CTL_CPUSET, "cpuset.cpus", c->cpus, err);
    if (r == 0 && c->mems && c->mems[0])
        r = ctl_set(cg, CTL_CPUSET, "cpuset.mems", c->mems, err);
    return r;
}

/* The sandbox has a few threads of its own, which must find room under a limit for a handful of programs. The programs are
 * counted by the kernel inside, which has the limit itself. */
int64_t pids_on_host(int64_t pids)
{
    enum { SMALL = 64, ROOM = 32 };
    return pids > 0 && pids < SMALL ? pids + ROOM : pids;
}

static int pids_set(struct cgroup *cg, int64_t pids, char *err)
{
    if (!given(pids))
        return 0;
    return pids <= 0 ? ctl_set(cg, CTL_PIDS, "pids.max", "max", err)
                     : ctl_set_int(cg, CTL_PIDS, "pids.max", pids_on_host(pids), err);
}

static int hugetlb_set(struct cgroup *cg, const struct oci_resources *res, char *err)
{
    const struct cgroup_ctl *ctl = &cg->ctl[CTL_HUGETLB];
    for (uint32_t i = 0; i < res->hugepage_count; i++) {
        const struct oci_hugepage *h = &res->hugepages[i];
        char file[96], reserved[96], value[24];
        const char *what = ctl->v2 ? "max" : "limit_in_bytes";
        (void)snprintf(file, sizeof file, "hugetlb.%.32s.%s", h->size, what);
        (void)snprintf(reserved, sizeof reserved, "hugetlb.%.32s.rsvd.%s", h->size, what);
        (void)snprintf(value, sizeof value, "%" PRIu64, h->limit_bytes);
        int r = ctl_set(cg, CTL_HUGETLB, file, value, err);
        if (r == 0 && file_exists(ctl->dir, reserved)) /* since Linux 5.7 */
            r = ctl_set(cg, CTL_HUGETLB, reserved, value, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int rdma_set(struct cgroup *cg, const struct oci_resources *res, char *err)
{
    for (uint32_t i = 0; i < res->rdma_count; i++) {
        const struct oci_rdma *d = &res->rdma[i];
        char text[160], handles[24] = "max", objects[24] = "max";
        if (given(d->handles))
            (void)snprintf(handles, sizeof handles, "%" PRId64, d->handles);
        if (given(d->objects))
            (void)snprintf(objects, sizeof objects, "%" PRId64, d->objects);
        (void)snprintf(text, sizeof text, "%.64s hca_handle=%s hca_object=%s", d->device, handles,
                       objects);
        int r = ctl_set(cg, CTL_RDMA, "rdma.max", text, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int network_set(struct cgroup *cg, const struct oci_resources *res, char *err)
{
    if (!cg->unified)
        return v1_network(cg, res, err);
    if ((given(res->net_class_id) && res->net_class_id != 0) || res->net_priority_count)
        cgroup_warn(
            cg, "linux.resources.network has no counterpart in cgroup version 2 and is left out");
    return 0;
}

/* A group without device rules allows everything. */
int limits_set(struct cgroup *cg, const struct oci_resources *res, char *err)
{
    int r = cg->ctl[CTL_MEMORY].v2 ? v2_memory(cg, &res->memory, err)
                                   : v1_memory(cg, &res->memory, err);
    if (r == 0)
        r = cpuset_set(cg, &res->cpu, err);
    if (r == 0)
        r = cg->ctl[CTL_CPU].v2 ? v2_cpu(cg, &res->cpu, err) : v1_cpu(cg, &res->cpu, err);
    if (r == 0)
        r = pids_set(cg, res->pids, err);
    if (r == 0)
        r = cg->ctl[CTL_BLKIO].v2 ? v2_blkio(cg, &res->blkio, err) : v1_blkio(cg, &res->blkio, err);
    if (r == 0)
        r = hugetlb_set(cg, res, err);
    if (r == 0)
        r = rdma_set(cg, res, err);
    if (r == 0)
        r = network_set(cg, res, err);
    if (r == 0 && res->device_count && !cg->rootless)
        r = cg->ctl[CTL_DEVICES].v2 ? v2_devices(cg, res, err) : v1_devices(cg, res, err);
    if (r == 0)
        r = v2_unified(cg, res, err);
    return r;
}
