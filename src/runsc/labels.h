/* runsc/labels.h - labels of the host's security modules: whether this host can apply those of config.json.
 *
 * Spec     as runc: a label that the host has no module for is an error, "unconfined" for AppArmor is none.
 */
#pragma once
#include "base/compiler.h"

struct boot_config;
struct oci_spec;

/* Into config, which points into spec. sysfs: "/sys". -EINVAL with err (FLAGS_ERROR_MAX): the module is not there. */
NODISCARD int labels_take(struct boot_config *config, const struct oci_spec *spec,
                          const char *sysfs, char *err);
