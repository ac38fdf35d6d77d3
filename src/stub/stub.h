/* stub/stub.h - inside the stub: C and assembly of one small program. */
#pragma once
#include <linux/filter.h>
#include <stdint.h>

#include "stub/stub_abi.h"

/* Where the host keeps what we need of a ucontext. */
struct stub_ucontext {
    uint64_t flags, link, stack[3];
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip,
        rflags;
};

/* near.py: an operation on an argument. */
#define STUB_OP_STRING   1
#define STUB_OP_IN       2
#define STUB_OP_OUT      4
#define STUB_OP_LENGTH   8
#define STUB_OP_EACH_IN  16
#define STUB_OP_EACH_OUT 32
struct stub_near_op {
    uint8_t kind, arg, length_arg, pad;
    uint16_t size;
};
extern const unsigned stub_near_calls;
extern const uint8_t stub_near_kind[];
extern const struct stub_near_op stub_near_ops[][4];

/* near.c */
void stub_near_fetch(volatile struct stub_ctl *ctl, const struct stub_ucontext *uc);
int stub_near_store(volatile struct stub_ctl *ctl); /* 0: something could not be written */

int64_t stub_call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                  uint64_t f);
_Noreturn void stub_sigreturn(uint64_t uc);
int64_t stub_clone(uint64_t flags, uint64_t slot, uint64_t child_tid, uint64_t tls);
void stub_handler(int signo);
/* Bytes of the application. 0: there is none at these addresses. */
int stub_copy(void *dst, const void *src, uint64_t n);
uint64_t stub_copy_string(void *dst, const void *src,
                          uint64_t max); /* length with its NUL; 0 also if longer than max */
int stub_probe(uint64_t addr);           /* may be written */
/* To the context at uc, with rt_sigreturn or (fast: only rax has changed since its system call) without. Returns if the thread was
 * interrupted. */
void stub_leave(struct stub_ucontext *uc, volatile struct stub_ctl *ctl, int fast);
/* Raises SIGSEGV, whose handler has all signals blocked and goes on as that of the trap whose frame uc is. */
_Noreturn void stub_block(struct stub_ucontext *uc, void *info);
/* Labels. */
extern const char stub_user_begin[], stub_user_end[], stub_user_fault[], stub_leave_jump[];
void stub_restorer(void);

/* From assembly. */
void stub_main(const uint64_t *stack);
void stub_stopped(int signo, void *info, void *uc);
_Noreturn void stub_run(struct stub_ctl *ctl); /* a thread that starts */

/* The seccomp filter of all stubs (filter.c). */
extern const struct sock_filter stub_filter[], stub_filter_wide[], stub_filter_trace[];
extern const unsigned stub_filter_len, stub_filter_wide_len, stub_filter_trace_len;
