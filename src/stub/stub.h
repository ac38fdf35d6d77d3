/* stub/stub.h - inside the stub: C and assembly of one small program. */
#pragma once
#include <linux/filter.h>
#include <stdint.h>

#include "stub/stub_abi.h"

int64_t stub_call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                  uint64_t f);
_Noreturn void stub_sigreturn(uint64_t uc);
int64_t stub_clone(uint64_t flags, uint64_t slot, uint64_t child_tid, uint64_t tls);
void stub_handler(int signo);
void stub_restorer(void);

/* From assembly. */
void stub_main(const uint64_t *stack);
void stub_stopped(int signo, void *info, void *uc);
_Noreturn void stub_run(struct stub_ctl *ctl);

/* The seccomp filter of all stubs (filter.c). */
extern const struct sock_filter stub_filter[], stub_filter_trace[];
extern const unsigned stub_filter_len, stub_filter_trace_len;
