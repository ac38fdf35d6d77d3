/* oci/spec_priv.h - shared by the files of oci/. */
#pragma once
#include <stdint.h>

#include "base/compiler.h"

NODISCARD int oci_rlimit(const char *name); /* "RLIMIT_NOFILE" -> 7; -EINVAL */
uint32_t oci_namespace(const char *name);   /* "pid" -> OCI_NS_PID; 0: unknown */
