/* runsc/cgroup/devices_bpf.h - device rules as a program; for its test. */
#pragma once
#include <stddef.h>

#include "runsc/cgroup/cgroup_priv.h"

struct bpf_insn;

/* The caller frees *ret. -ENOMEM. */
NODISCARD int devices_program(const struct oci_resources *res, struct bpf_insn **ret,
                              size_t *ret_count);
