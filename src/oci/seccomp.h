/* oci/seccomp.h - linux.seccomp as a classic BPF program for the sandbox's kernel.
 *
 * What     a search tree over the numbers of x86-64; rules with arguments become blocks of comparisons, first match wins, and a rule
 *          without arguments is their end. Calls that are newer than all that the profile names get -ENOSYS where the default
 *          forbids, as runc does it, so that libraries fall back. Names that are not known are left out, as everywhere.
 * Context  pure.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "abi/seccomp.h"
#include "base/compiler.h"

struct oci_seccomp;

#define OCI_SECCOMP_PROGRAM_MAX 4096

/* *ret_len instructions into out, which has room for OCI_SECCOMP_PROGRAM_MAX. -E2BIG: more are needed; -ENOMEM. */
NODISCARD int oci_seccomp_compile(const struct oci_seccomp *s, struct linux_sock_filter *out,
                                  size_t *ret_len);
