/* Device rules of version 2: a program that the kernel asks about each open and mknod. */
#include <errno.h>

#include "runsc/cgroup/cgroup_priv.h"

int v2_devices(struct cgroup *cg, const struct oci_resources *res, char *err)
{
    cgroup_error(err, "cgroup: device rules of version 2 are not there yet");
    return -ENOSYS;
}
