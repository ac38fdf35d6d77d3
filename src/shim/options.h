/* shim/options.h - what the engine configured for this runtime.
 *
 * Owner    an options structure owns its strings; options_done() frees them.
 * Spec     The configuration file has the keys of gVisor's shim: shim_cgroup, io_uid, io_gid, binary_name, root, log_level,
 *          log_path, grouping, systemd_cgroup, and a table runsc_config whose pairs become `--key=value` before the command.
 *          Options arrive as containerd.runc.v1.Options or as runtimeoptions.v1.Options, which names the file or has its text.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "shim/toml.h"

#define OPTIONS_ERROR_MAX (TOML_ERROR_MAX + 512)

struct options_flag {
    char *name, *value;
};

struct options {
    char *binary_name, *root, *log_path, *log_level, *shim_cgroup; /* NULL: default */
    uint32_t io_uid, io_gid;
    bool grouping, systemd_cgroup;
    struct options_flag *flags;
    size_t flag_count;
};

void options_init(struct options *o);
void options_done(struct options *o);

/* From a packed google.protobuf.Any; an empty one, or one without a file, means /etc/containerd/runsc.toml if that exists.
 * -EINVAL, -ENOMEM, -errno of reading the file; err (OPTIONS_ERROR_MAX) is set. */
NODISCARD int options_load(struct options *o, const void *any, size_t len, char *err);

/* "%ID%" replaced by id. NULL: out of memory. The caller frees it. */
NODISCARD char *options_expand(const char *text, const char *id);
