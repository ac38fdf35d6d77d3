/* abi/core.h - what a core file says of a process, in its notes (x86-64).
 *
 * Spec     core(5), Linux's include/uapi/linux/elfcore.h and user_regs_struct.
 */
#ifndef CVISOR_ABI_CORE_H
#define CVISOR_ABI_CORE_H

#include <assert.h>
#include <stdint.h>

#include "abi/time.h"

#define LINUX_CORE_FILTER_ANON_PRIVATE 0x01U
#define LINUX_CORE_FILTER_ANON_SHARED  0x02U
#define LINUX_CORE_FILTER_FILE_PRIVATE 0x04U
#define LINUX_CORE_FILTER_FILE_SHARED  0x08U
#define LINUX_CORE_FILTER_ELF_HEADERS  0x10U

struct linux_user_regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax;
    uint64_t rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};
static_assert(sizeof(struct linux_user_regs) == 216, "struct user_regs_struct");

struct linux_elf_prstatus {
    int32_t si_signo, si_code, si_errno;
    int16_t pr_cursig;
    int16_t pad0;
    uint64_t pr_sigpend, pr_sighold;
    int32_t pr_pid, pr_ppid, pr_pgrp, pr_sid;
    struct linux_timeval pr_utime, pr_stime, pr_cutime, pr_cstime;
    struct linux_user_regs pr_reg;
    int32_t pr_fpvalid;
    int32_t pad1;
};
static_assert(sizeof(struct linux_elf_prstatus) == 336, "struct elf_prstatus");

struct linux_elf_prpsinfo {
    int8_t pr_state, pr_sname, pr_zomb, pr_nice;
    uint32_t pad;
    uint64_t pr_flag;
    uint32_t pr_uid, pr_gid;
    int32_t pr_pid, pr_ppid, pr_pgrp, pr_sid;
    char pr_fname[16];
    char pr_psargs[80];
};
static_assert(sizeof(struct linux_elf_prpsinfo) == 136, "struct elf_prpsinfo");

#endif
