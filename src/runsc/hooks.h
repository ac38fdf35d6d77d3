/* runsc/hooks.h - programs that config.json wants to be run along a container's life.
 *
 * What     each gets the state as JSON on stdin, its own arguments and environment, and a time-out. Standard output and error are
 *          dropped into the message if it fails.
 * Where    prestart, createRuntime, poststart, poststop: in runsc's namespaces. createContainer: in those of the sandbox's processes
 *          (network, IPC, UTS), with runsc's files in a mount namespace of its own. startContainer: inside the container.
 * Mounts   that the first two or createContainer make below the root are seen in the container; not those of an ordinary user's, or in a
 *          chroot.
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

/* The hooks that may make mounts, in order: prestart, createRuntime, createContainer; is there one? */
bool hooks_before_mounts(const struct oci_spec *spec);
/* Runs them. After the last kind this process is in a mount namespace of its own, until hooks_mounts_end(). */
struct hooks_mounts {
    int ns, root, cwd; /* to return; -1: it never left */
};
NODISCARD int hooks_mounts_begin(const struct oci_spec *spec, const struct state *s,
                                 struct hooks_mounts *ret, char *err);
void hooks_mounts_end(struct hooks_mounts *m);
