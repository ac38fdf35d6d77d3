/* runsc/flag_annotations.h - dev.gvisor.flag.NAME annotations of config.json: global flags for one container.
 *
 * Trust    who writes annotations (of a pod) need not be who configured the runtime: without --allow-flag-override only flags that
 *          give nobody more than the configuration does are taken, and of some only some values.
 */
#pragma once
#include "base/compiler.h"

struct json_t;

/* Into global_flags, whose values then point into doc. -EINVAL, -EPERM with err (FLAGS_ERROR_MAX) filled. */
NODISCARD int flag_annotations_take(const struct json_t *doc, char *err);
