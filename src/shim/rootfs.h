/* shim/rootfs.h - the mounts that make a container's root: what containerd's snapshotter asks for.
 *
 * Spec     options as mount(8) writes them; "bind" and "rbind" are flags, what is not a flag goes to the file system. A read-only bind
 *          is a second call. Overlays with more layers than fit in a page are mounted from the directory that their paths share.
 * Context  may sleep in the host (mount(2)); changes the working directory for a moment.
 */
#pragma once
#include <stddef.h>

#include "base/compiler.h"
#include "shim/pb.h"

struct mount_options {
    unsigned long flags, propagation;
    char *data; /* malloc; "" if there is none */
};

/* -ENOMEM, -EOPNOTSUPP loop devices. */
NODISCARD int mount_options_parse(char *const *options, size_t count, struct mount_options *ret);

/* For an overlay's data that does not fit in limit bytes: the longest directory that all absolute paths of lowerdir share, and
 * the data with these made relative to it. Both malloc. -E2BIG it does not help, -ENOMEM. */
NODISCARD int overlay_shorten(const char *data, size_t limit, char **ret_dir, char **ret_data);

/* All of them onto target, in order; nothing stays mounted on failure. -errno; *ret_failed is the mount's index. */
NODISCARD int rootfs_mount(Pb__Mount *const *mounts, size_t count, const char *target,
                           size_t *ret_failed);
/* Everything that is mounted on target itself, detached. 0 if nothing is. -errno of umount2. */
NODISCARD int rootfs_unmount(const char *target);
