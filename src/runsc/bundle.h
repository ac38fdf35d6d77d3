/* runsc/bundle.h - a bundle's config.json: reading it, and what of it becomes the sandbox's settings. */
#pragma once
#include "base/compiler.h"
#include "oci/spec.h"
#include "runsc/sandbox.h"

/* The whole file, malloc'ed; NULL with err (FLAGS_ERROR_MAX) filled. At most OCI_FILE_MAX. */
char *bundle_file_read(const char *path, size_t *ret_len, char *err);
/* -EINVAL with err filled, -ENOMEM. */
NODISCARD int bundle_load(const char *bundle, struct oci_spec *spec, char *err);
/* After container_init(). -EINVAL with err filled, -ENOMEM. */
NODISCARD int bundle_prepare(struct sandbox *s, struct oci_spec *spec, const char *bundle,
                             char *err);
/* A process object: of the configuration, or for exec. */
void bundle_process(struct boot_config *c, const struct oci_process *p);
void bundle_exec_cpus(struct boot_config *c, const struct oci_process *p); /* execCPUAffinity */
