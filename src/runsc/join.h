/* runsc/join.h - a further container in a sandbox that is there: what its annotations say, and how it gets in.
 *
 * What     Kubernetes' engines make a pod's sandbox as its first container and name it in the annotations of the others. Such a
 *          one gets a gofer of its own, which stands for it on the host; everything else is in the sandbox (CALL_CREATE).
 * Trust    the configuration is checked as any; what the sandbox answers is not trusted.
 */
#pragma once
#include <stdbool.h>

#include "base/compiler.h"
#include "oci/spec.h"

struct create;
struct state;

/* The id of the sandbox that the container belongs into, NULL: it has its own. Borrowed from spec. */
const char *join_sandbox(const struct oci_spec *spec);
/* It is a sandbox that others will join. */
bool join_is_pod(const struct oci_spec *spec);
/* Takes from such a one's configuration what is meant for its first program alone (docs/decisions/0011-pods.md). */
void join_adapt_pod(struct oci_spec *spec);

/* Fills s, which is the new container's, from its sandbox's first: processes, socket. -errno with err: there is none that runs. */
NODISCARD int join_open(struct state *s, char *err);
/* CALL_CREATE; link, which is closed: as of sandbox_join(). -errno with c->err. */
NODISCARD int join_create(struct create *c, int link);
/* A process of its own for the console: what is typed there, and its size, come as signals to it. The sentry has one for the first
 * container's. -errno with c->err. */
NODISCARD int join_console(struct create *c);
/* Its end, as create_wait(). */
NODISCARD int join_wait(struct create *c, int *ret_status);
