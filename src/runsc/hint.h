/* runsc/hint.h - what annotations say of a mount: dev.gvisor.spec.mount.NAME.{source,type,share,options}. */
#pragma once
#include "base/compiler.h"
#include "oci/spec.h"

/* A bind mount whose source has such annotations of type tmpfs becomes one in memory: the container's own, or with share=pod the same in
 * all containers of the sandbox. What they say otherwise is what a bind mount does anyway. -EINVAL with err (FLAGS_ERROR_MAX) */
NODISCARD int hint_apply(const struct oci_spec *spec, struct oci_mount *m, char *err);
