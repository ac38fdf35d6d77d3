/* stub_asm.S - the stub's ways into the host kernel, and the start of threads. Only registers until a stack is there. */
#include "stub/stub_abi.h"

    .section .text.entry, "ax"
    .globl _start
_start:
    mov %rsp, %rdi
    and $-16, %rsp
    call stub_main
    ud2

    .text
/* int64_t stub_call(nr, a, b, c, d, e, f): the C convention to the system call convention. */
    .globl stub_call
stub_call:
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %rcx, %rdx
    mov %r8, %r10
    mov %r9, %r8
    mov 8(%rsp), %r9
    syscall
    ret

/* void stub_sigreturn(uint64_t uc): never returns. */
    .globl stub_sigreturn
stub_sigreturn:
    mov %rdi, %rsp
    .globl stub_restorer
stub_restorer:
    mov $15, %eax
    syscall
    ud2

    .globl stub_handler
stub_handler:
    jmp stub_stopped

/* int64_t stub_clone(flags, slot, child_tid, tls): the child has no stack of its own until it has mapped its area, with a
 * call that the sentry awaits; the answer comes when it may run. */
    .globl stub_clone
stub_clone:
    push %rbx
    push %r12
    push %r13
    mov %rsi, %r12
    shl $16, %r12                   /* offset in the memfd: slot * STUB_AREA_SIZE */
    movabs $STUB_AREAS, %rbx
    add %r12, %rbx
    mov %rdx, %r10
    mov %rcx, %r8
    xor %esi, %esi
    xor %edx, %edx
    mov $56, %eax
    syscall
    test %rax, %rax
    jz 1f
    pop %r13
    pop %r12
    pop %rbx
    ret
1:  mov $9, %eax
    mov %rbx, %rdi
    mov $STUB_AREA_SIZE, %esi
    mov $3, %edx                    /* PROT_READ|PROT_WRITE */
    mov $0x11, %r10d                /* MAP_SHARED|MAP_FIXED */
    mov $STUB_FD_AREAS, %r8d
    mov %r12, %r9
    syscall
    cmp %rbx, %rax
    jne 2f
    mov $28, %eax
    mov %rbx, %rdi
    mov $STUB_AREA_SIZE, %esi
    mov $10, %edx                   /* MADV_DONTFORK */
    syscall
    mov STUB_CTL_SP(%rbx), %rsp
    xor %ebp, %ebp
    mov %rbx, %rdi
    call stub_run
2:  ud2

    .section .note.GNU-stack, "", @progbits
