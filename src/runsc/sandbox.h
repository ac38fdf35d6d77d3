/* runsc/sandbox.h - one sandbox: its gofer, its sentry, and the end of both.
 *
 * Owner    runsc holds the only control sockets; both children die with it (parent-death signal, end of file), and they with
 *          each other. sandbox_run() returns when all processes are gone.
 * Trust    what the children send is data (wire/control.h).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "wire/boot_config.h"

#define SANDBOX_ERROR_MAX  1200
#define SANDBOX_DETACH_MAX 64

/* A host directory that the gofer gives to the sentry. */
struct sandbox_mount {
    const char *source; /* host path */
    bool read_only;     /* the host enforces it */
    bool recursive;     /* with what is mounted below */
};

struct sandbox {
    struct boot_config config; /* descriptors: stdio, log and debug log of runsc, or -1 */
    struct sandbox_mount mounts[BOOT_GOFER_DIRS_MAX]; /* config.gofer_dir_count; [0] is the root */
    struct sandbox_mount stores[BOOT_STORES_MAX];     /* config.store_count */
    const char *detach
        [SANDBOX_DETACH_MAX]; /* paths in the root where the sentry mounts something of its own */
    uint32_t detach_count;
};

/* Runs it to its end. 0: *ret_status is the exit status for runsc (128+n if a signal n killed the container). -errno: err
 * (SANDBOX_ERROR_MAX) says what failed, in one line; nothing is left. */
NODISCARD int sandbox_run(const struct sandbox *s, int *ret_status, char *err);
