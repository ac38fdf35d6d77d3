/* runsc/rootless.h - an ordinary user becomes root of a user namespace: of one id, or of those that newuidmap(1) lets it have.
 *
 * Maps     of linux.uidMappings and gidMappings, or do -uid-map and -gid-map. 0 inside is the user; of others newuidmap and newgidmap,
 *          which /etc/subuid and /etc/subgid bind, are asked. Without maps, or with one of the own id, nobody needs to be asked.
 * Spec     user_namespaces(7), newuidmap(1).
 */
#pragma once
#include "base/compiler.h"

struct oci_id_maps;

/* A user namespace and a mount namespace. maps: NULL or none: the own id. -errno with err (SANDBOX_ERROR_MAX) for what a map is
 * about, of unshare(2) without. */
NODISCARD int rootless_enter(int proc_fd, const struct oci_id_maps *uids,
                             const struct oci_id_maps *gids, char *err);

/* "INSIDE OUTSIDE COUNT[,...]"; ret->v is malloc'ed. -EINVAL, -ENOMEM with err (FLAGS_ERROR_MAX). */
NODISCARD int id_maps_read(const char *flag, const char *text, struct oci_id_maps *ret, char *err);
