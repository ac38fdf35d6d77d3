/* runsc/idmap.h - id-mapped mounts: the owners of a bind mount's files are others inside.
 *
 * What     The maps of a mount say which id of the file system is which id of the host; those of the container's user namespace, which
 *          of the container. Its processes have the host's ids here, so that one map of both is made.
 * Context  runsc, single-threaded; the mount is detached.
 * Spec     mount_setattr(2) "ID-mapped mounts", runtime-spec config.md "mounts".
 */
#pragma once
#include "base/compiler.h"
#include "oci/spec.h"

/* mount: descriptor of open_tree(2). uids, gids: the mount's; space_uids, space_gids: the container's, empty: it has none.
 * -EINVAL: the file system cannot, or no id is left; -EPERM; -E2BIG. */
NODISCARD int idmap_apply(int mount, bool tree, const struct oci_id_maps *uids,
                          const struct oci_id_maps *gids, const struct oci_id_maps *space_uids,
                          const struct oci_id_maps *space_gids, int proc_fd);
