/* runsc/container.h - from flags and a configuration to a sandbox that can be run. */
#pragma once
#include "base/compiler.h"
#include "oci/spec.h"
#include "runsc/report.h"
#include "runsc/sandbox.h"

/* What --overlay2 says. */
struct overlay_choice {
    bool root, mounts; /* a layer over the root, over the bind mounts */
    enum { OVERLAY_IN_MEMORY, OVERLAY_IN_SELF, OVERLAY_IN_DIR } medium;
    const char *dir;     /* OVERLAY_IN_DIR */
    uint64_t size_bytes; /* 0: no limit */
};
NODISCARD int overlay_parse(const char *value, struct overlay_choice *ret,
                            char *err); /* -EINVAL; err: FLAGS_ERROR_MAX */

/* Settings of the sandbox that come from global flags and from runsc's own process. */
NODISCARD int container_init(struct sandbox *s, const struct report_files *files, const char *id,
                             char *err);

/* The first mount is the root, then those that every container gets, then the caller's. -EINVAL with err. */
NODISCARD int container_root(struct sandbox *s, const char *host_path, bool readonly,
                             const struct overlay_choice *overlay, char *err);
/* BOOT_MOUNT_* of a propagation. */
uint32_t container_propagation(enum oci_propagation p, bool tree);
/* overlay NULL: none. */
NODISCARD int container_mount(struct sandbox *s, const struct oci_mount *m,
                              const struct overlay_choice *overlay, char *err);
/* /proc, /sys, /dev, /dev/pts, /dev/shm, but those for which skip() says that the caller has its own. */
NODISCARD int container_mounts_standard(struct sandbox *s,
                                        bool (*skip)(const void *arg, const char *destination),
                                        const void *arg, char *err);

/* Removes "//", "." and ".." from an absolute path; malloc'ed, NULL if out of memory. */
char *path_clean(const char *path);

/* Which of 0, 1, 2 runsc was started without; they are /dev/null now, so that no other file gets the number. */
extern bool stdio_closed[3];

/* Runs it and reports: the exit status of runsc. */
int container_run(const struct sandbox *s);
