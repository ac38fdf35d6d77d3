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

/* void stub_leave(uc, ctl, fast). From its first instruction to stub_leave_jump, an interrupt stops in the context at uc; at
 * stub_leave_jump all registers are the application's but the one that holds its address. %rcx and %r11 are lost in every call. */
    .globl stub_leave
stub_leave:
    cmpl $0, STUB_CTL_INTERRUPTED(%rsi)
    jne 2f
    test %edx, %edx
    jnz 1f
    mov %rdi, %rsp
    mov $15, %eax
    syscall
    ud2
1:  mov 224(%rdi), %rcx             /* the host has given the handler a fresh vector state */
    mov $-1, %eax
    mov %eax, %edx
    xrstor64 (%rcx)
    pushq 176(%rdi)
    popfq
    mov %rdi, %r11
    mov 40(%r11), %r8
    mov 48(%r11), %r9
    mov 56(%r11), %r10
    mov 72(%r11), %r12
    mov 80(%r11), %r13
    mov 88(%r11), %r14
    mov 96(%r11), %r15
    mov 104(%r11), %rdi
    mov 112(%r11), %rsi
    mov 120(%r11), %rbp
    mov 128(%r11), %rbx
    mov 136(%r11), %rdx
    mov 144(%r11), %rax
    mov 168(%r11), %rcx
    mov 160(%r11), %rsp
    .globl stub_leave_jump
stub_leave_jump:
    jmp *%rcx
2:  ret

    .globl stub_block
stub_block:
    mov 0, %eax                     /* nothing is mapped there; an undefined instruction is an exit of a virtual machine */

/* The application's bytes: a fault in here continues at stub_user_fault. No stack is used. */
    .globl stub_user_begin
stub_user_begin:
    .globl stub_copy
stub_copy:
    mov %rdx, %rcx
    rep movsb
    mov $1, %eax
    ret
    .globl stub_copy_string
stub_copy_string:
    xor %ecx, %ecx
1:  cmp %rdx, %rcx
    jae stub_user_fault
    mov (%rsi,%rcx), %al
    mov %al, (%rdi,%rcx)
    inc %rcx
    test %al, %al
    jnz 1b
    mov %rcx, %rax
    ret
    .globl stub_probe
stub_probe:
    lock orb $0, (%rdi)
    mov $1, %eax
    ret
    .globl stub_user_fault
stub_user_fault:
    xor %eax, %eax
    ret
    .globl stub_user_end
stub_user_end:

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
