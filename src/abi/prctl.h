/* abi/prctl.h - prctl(2) and arch_prctl(2). */
#ifndef CVISOR_ABI_PRCTL_H
#define CVISOR_ABI_PRCTL_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_PR_SET_PDEATHSIG             1
#define LINUX_PR_GET_PDEATHSIG             2
#define LINUX_PR_GET_DUMPABLE              3
#define LINUX_PR_SET_DUMPABLE              4
#define LINUX_PR_GET_UNALIGN               5
#define LINUX_PR_SET_UNALIGN               6
#define LINUX_PR_GET_KEEPCAPS              7
#define LINUX_PR_SET_KEEPCAPS              8
#define LINUX_PR_GET_FPEMU                 9
#define LINUX_PR_SET_FPEMU                 10
#define LINUX_PR_GET_FPEXC                 11
#define LINUX_PR_SET_FPEXC                 12
#define LINUX_PR_GET_TIMING                13
#define LINUX_PR_SET_TIMING                14
#define LINUX_PR_SET_NAME                  15
#define LINUX_PR_GET_NAME                  16
#define LINUX_PR_GET_ENDIAN                19
#define LINUX_PR_SET_ENDIAN                20
#define LINUX_PR_GET_SECCOMP               21
#define LINUX_PR_SET_SECCOMP               22
#define LINUX_PR_CAPBSET_READ              23
#define LINUX_PR_CAPBSET_DROP              24
#define LINUX_PR_GET_TSC                   25
#define LINUX_PR_SET_TSC                   26
#define LINUX_PR_GET_SECUREBITS            27
#define LINUX_PR_SET_SECUREBITS            28
#define LINUX_PR_SET_TIMERSLACK            29
#define LINUX_PR_GET_TIMERSLACK            30
#define LINUX_PR_TASK_PERF_EVENTS_DISABLE  31
#define LINUX_PR_TASK_PERF_EVENTS_ENABLE   32
#define LINUX_PR_MCE_KILL                  33
#define LINUX_PR_MCE_KILL_GET              34
#define LINUX_PR_SET_MM                    35
#define LINUX_PR_SET_CHILD_SUBREAPER       36
#define LINUX_PR_GET_CHILD_SUBREAPER       37
#define LINUX_PR_SET_NO_NEW_PRIVS          38
#define LINUX_PR_GET_NO_NEW_PRIVS          39
#define LINUX_PR_GET_TID_ADDRESS           40
#define LINUX_PR_SET_THP_DISABLE           41
#define LINUX_PR_GET_THP_DISABLE           42
#define LINUX_PR_CAP_AMBIENT               47
#define LINUX_PR_GET_SPECULATION_CTRL      52
#define LINUX_PR_SET_SPECULATION_CTRL      53
#define LINUX_PR_SET_IO_FLUSHER            57
#define LINUX_PR_GET_IO_FLUSHER            58
#define LINUX_PR_SET_SYSCALL_USER_DISPATCH 59
#define LINUX_PR_SCHED_CORE                62
#define LINUX_PR_SET_MDWE                  65
#define LINUX_PR_GET_MDWE                  66
#define LINUX_PR_SET_MEMORY_MERGE          67
#define LINUX_PR_GET_MEMORY_MERGE          68
#define LINUX_PR_SET_PTRACER               0x59616d61U
#define LINUX_PR_SET_VMA                   0x53564d41U
#define LINUX_PR_GET_AUXV                  0x41555856U
#define LINUX_PR_SET_PTRACER_ANY           0xffffffffffffffffULL
#define LINUX_PR_SET_VMA_ANON_NAME         0
#define LINUX_PR_CAP_AMBIENT_IS_SET        1
#define LINUX_PR_CAP_AMBIENT_RAISE         2
#define LINUX_PR_CAP_AMBIENT_LOWER         3
#define LINUX_PR_CAP_AMBIENT_CLEAR_ALL     4
#define LINUX_PR_MDWE_REFUSE_EXEC_GAIN     1U
#define LINUX_PR_MDWE_NO_INHERIT           2U
#define LINUX_PR_TSC_ENABLE                1
#define LINUX_PR_TIMING_STATISTICAL        0
#define LINUX_PR_MCE_KILL_CLEAR            0
#define LINUX_PR_MCE_KILL_SET              1
#define LINUX_PR_MCE_KILL_LATE             0
#define LINUX_PR_MCE_KILL_EARLY            1
#define LINUX_PR_MCE_KILL_DEFAULT          2
#define LINUX_PR_SPEC_L1D_FLUSH            2
#define LINUX_PR_SPEC_ENABLE               (1U << 1)
#define LINUX_PR_TSC_SIGSEGV               2
#define LINUX_PR_SET_MM_START_CODE         1
#define LINUX_PR_SET_MM_END_CODE           2
#define LINUX_PR_SET_MM_START_DATA         3
#define LINUX_PR_SET_MM_END_DATA           4
#define LINUX_PR_SET_MM_START_STACK        5
#define LINUX_PR_SET_MM_START_BRK          6
#define LINUX_PR_SET_MM_BRK                7
#define LINUX_PR_SET_MM_ARG_START          8
#define LINUX_PR_SET_MM_ARG_END            9
#define LINUX_PR_SET_MM_ENV_START          10
#define LINUX_PR_SET_MM_ENV_END            11
#define LINUX_PR_SET_MM_AUXV               12
#define LINUX_PR_SET_MM_EXE_FILE           13
#define LINUX_PR_SET_MM_MAP                14
#define LINUX_PR_SET_MM_MAP_SIZE           15

struct linux_prctl_mm_map {
    uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
    uint64_t arg_start, arg_end, env_start, env_end;
    uint64_t auxv; /* application address */
    uint32_t auxv_size;
    uint32_t exe_fd; /* UINT32_MAX: as it is */
};
static_assert(sizeof(struct linux_prctl_mm_map) == 104, "struct prctl_mm_map");

#define LINUX_ARCH_SET_GS         0x1001U
#define LINUX_ARCH_SET_FS         0x1002U
#define LINUX_ARCH_GET_FS         0x1003U
#define LINUX_ARCH_GET_GS         0x1004U
#define LINUX_ARCH_GET_CPUID      0x1011U
#define LINUX_ARCH_SET_CPUID      0x1012U
#define LINUX_ARCH_GET_XCOMP_SUPP 0x1021U
#define LINUX_ARCH_GET_XCOMP_PERM 0x1022U
#define LINUX_ARCH_REQ_XCOMP_PERM 0x1023U
#define LINUX_ARCH_MAP_VDSO_64    0x2003U

#endif
