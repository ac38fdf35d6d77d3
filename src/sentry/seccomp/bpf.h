/* sentry/seccomp/bpf.h - classic BPF as seccomp(2) has it: check once, then run over a struct linux_seccomp_data.
 *
 * Trust    programs are the application's: nothing is run that bpf_check() has not passed.
 * Context  pure.
 *
 * I1  a checked program ends: jumps go forward, and the last instruction returns.
 * I2  it reads no scratch word that it has not written on the way there.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "abi/seccomp.h"
#include "base/compiler.h"

/* What Linux accepts for seccomp. -EINVAL. n: 1 to LINUX_BPF_MAXINSNS */
NODISCARD int bpf_check(const struct linux_sock_filter *prog, uint32_t n);

/* The program's answer: LINUX_SECCOMP_RET_* with data. */
uint32_t bpf_run(const struct linux_sock_filter *prog, uint32_t n,
                 const struct linux_seccomp_data *d);

/* True if the answer depends on nr and arch alone; *ret is it then. Only the usual instructions are followed: false may be wrong. */
bool bpf_constant(const struct linux_sock_filter *prog, uint32_t n, uint32_t nr, uint32_t arch,
                  uint32_t *ret);
