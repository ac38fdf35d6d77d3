/* runsc/hooks.h - programs that config.json wants to be run along a container's life.
 *
 * What     each gets the state as JSON on stdin, its own arguments and environment, and a time-out. Standard output and error are
 *          dropped into the message if it fails.
 * Where    prestart, createRuntime, poststart, poststop: in runsc's namespaces. createContainer: in those of the sandbox's processes
 *          (network, IPC, UTS) with runsc's files. startContainer: inside the container.
 * Spec     runtime-spec 1.2.1, config.md "POSIX-platform Hooks".
 */
#pragma once
#include "base/compiler.h"
#include "oci/spec.h"
#include "runsc/state.h"

/* All of the kind in order, with status st. The first that fails ends it: -errno with err (FLAGS_ERROR_MAX). */
NODISCARD int hooks_run(const struct oci_spec *spec, enum oci_hook_kind kind, const struct state *s,
                        enum state_status st, char *err);
/* Is anything to be done between create and the program's first instruction, or with it? */
bool hooks_before_start(const struct oci_spec *spec);
