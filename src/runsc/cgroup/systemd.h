/* runsc/cgroup/systemd.h - groups that systemd makes: a transient scope with the limits as its properties.
 *
 * What     A static program has no libsystemd: the few messages are built and read by dbus.c, over the manager's private socket
 *          (root: /run/systemd/private) or the bus. What systemd has no property for is written to the scope's files afterwards,
 *          which Delegate=yes makes ours.
 * Spec     D-Bus specification 0.42; org.freedesktop.systemd1(5), systemd.resource-control(5).
 */
#pragma once
#include "runsc/cgroup/cgroup_priv.h"
#include "runsc/cgroup/dbus.h"

/* From "slice:prefix:name" to unit, slice and, as far as can be told, directories. -EINVAL. */
NODISCARD int systemd_name(struct cgroup *cg, const struct cgroup_request *rq, char *err);
/* StartTransientUnit with pid, waits for the job, asks where the group is. -EEXIST there is such a unit; -ENOENT no systemd. */
NODISCARD int systemd_start(struct cgroup *cg, const struct oci_resources *res, pid_t pid,
                            char *err);
/* SetUnitProperties, so that systemd does not undo what is written to the files. */
NODISCARD int systemd_update(struct cgroup *cg, const struct oci_resources *res, char *err);
/* StopUnit and ResetFailedUnit; best effort. */
void systemd_stop(const struct cgroup *cg);

/* "a-b.slice" -> "/a.slice/a-b.slice", "-.slice" -> ""; malloc'ed. -EINVAL no name of a slice. */
NODISCARD int slice_expand(const char *slice, char **ret);

/* The properties of the scope, a(sv); pid 0: of the limits alone (SetUnitProperties). */
NODISCARD int systemd_properties(const struct cgroup *cg, const struct oci_resources *res,
                                 pid_t pid, struct dbus_out *o, char *err);
