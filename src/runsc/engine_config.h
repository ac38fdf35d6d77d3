/* runsc/engine_config.h - the configuration files of Docker and containerd, as texts with and without a runtime of ours.
 *
 * Owner    texts are malloc'ed.
 * Context  pure but for the heap.
 * Spec     dockerd(8) daemon.json; containerd's plugins/cri/config.md.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

#define ENGINE_ERROR_MAX 512

struct engine_runtime {
    const char *name; /* of letters, digits, "-", "_", "." */
    const char *path; /* of the program */
    const char *const *args;
    size_t arg_count;
    const char *cgroup_driver; /* "" as it is, "cgroupfs", "systemd" */
    bool experimental;         /* Docker's experimental functions */
    bool clobber;              /* a runtime of that name is replaced */
};

/* text: the file, NULL if there is none. 0: *ret is what it shall be. -EEXIST: it has another runtime of the name, and clobber is not
 * set. -EINVAL: not a configuration, or a name that none may have. -ENOMEM. err (ENGINE_ERROR_MAX) says what and how to mend it. */
NODISCARD int engine_docker_add(const char *text, const struct engine_runtime *r, char **ret,
                                char *err);
NODISCARD int engine_docker_remove(const char *text, const char *name, char **ret, char *err);
/* What is added lies between two lines of comment. -EEXIST also where somebody else has written the runtime's table. After remove *ret
 * is "" if nothing is left. */
NODISCARD int engine_containerd_add(const char *text, const struct engine_runtime *r, char **ret,
                                    char *err);
NODISCARD int engine_containerd_remove(const char *text, const char *name, char **ret, char *err);
