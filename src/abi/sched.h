/* abi/sched.h - creating tasks, scheduling them, processor sets.
 *
 * Spec     clone(2), clone3(2), sched(7), sched_setaffinity(2), namespaces(7).
 */
#ifndef CVISOR_ABI_SCHED_H
#define CVISOR_ABI_SCHED_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_CSIGNAL                    0xffU
#define LINUX_CLONE_VM                   0x100U
#define LINUX_CLONE_FS                   0x200U
#define LINUX_CLONE_FILES                0x400U
#define LINUX_CLONE_SIGHAND              0x800U
#define LINUX_CLONE_PIDFD                0x1000U
#define LINUX_CLONE_PTRACE               0x2000U
#define LINUX_CLONE_VFORK                0x4000U
#define LINUX_CLONE_PARENT               0x8000U
#define LINUX_CLONE_THREAD               0x10000U
#define LINUX_CLONE_NEWNS                0x20000U
#define LINUX_CLONE_SYSVSEM              0x40000U
#define LINUX_CLONE_SETTLS               0x80000U
#define LINUX_CLONE_PARENT_SETTID        0x100000U
#define LINUX_CLONE_CHILD_CLEARTID       0x200000U
#define LINUX_CLONE_DETACHED             0x400000U
#define LINUX_CLONE_UNTRACED             0x800000U
#define LINUX_CLONE_CHILD_SETTID         0x1000000U
#define LINUX_CLONE_NEWCGROUP            0x2000000U
#define LINUX_CLONE_NEWUTS               0x4000000U
#define LINUX_CLONE_NEWIPC               0x8000000U
#define LINUX_CLONE_NEWUSER              0x10000000U
#define LINUX_CLONE_NEWPID               0x20000000U
#define LINUX_CLONE_NEWNET               0x40000000U
#define LINUX_CLONE_IO                   0x80000000U
#define LINUX_CLONE_NEWTIME              0x80U
#define LINUX_CLONE_CLEAR_SIGHAND        0x100000000ULL
#define LINUX_CLONE_INTO_CGROUP          0x200000000ULL

#define LINUX_PIDFD_THREAD               0x80U /* O_EXCL */
#define LINUX_PIDFD_SIGNAL_THREAD        0x1U
#define LINUX_PIDFD_SIGNAL_THREAD_GROUP  0x2U
#define LINUX_PIDFD_SIGNAL_PROCESS_GROUP 0x4U
#define LINUX_PIDFD_SIGNAL_ALL           0x7U

#define LINUX_KCMP_FILE                  0
#define LINUX_KCMP_VM                    1
#define LINUX_KCMP_FILES                 2
#define LINUX_KCMP_FS                    3
#define LINUX_KCMP_SIGHAND               4
#define LINUX_KCMP_IO                    5
#define LINUX_KCMP_SYSVSEM               6
#define LINUX_KCMP_EPOLL_TFD             7

#define LINUX_SCHED_NORMAL               0
#define LINUX_SCHED_FIFO                 1
#define LINUX_SCHED_RR                   2
#define LINUX_SCHED_BATCH                3
#define LINUX_SCHED_IDLE                 5
#define LINUX_SCHED_DEADLINE             6
#define LINUX_SCHED_RESET_ON_FORK        0x40000000U
#define LINUX_SCHED_FLAG_RESET_ON_FORK   0x1U
#define LINUX_SCHED_FLAG_KEEP_POLICY     0x8U
#define LINUX_SCHED_FLAG_KEEP_PARAMS     0x10U
#define LINUX_SCHED_FLAG_UTIL_CLAMP_MIN  0x20U
#define LINUX_SCHED_FLAG_UTIL_CLAMP_MAX  0x40U
#define LINUX_SCHED_FLAG_ALL             0x7fU
#define LINUX_MAX_RT_PRIO                100
#define LINUX_MIN_NICE                   (-20)
#define LINUX_MAX_NICE                   19

struct linux_clone_args {
    uint64_t flags;
    uint64_t pidfd;      /* application address */
    uint64_t child_tid;  /* application address */
    uint64_t parent_tid; /* application address */
    uint64_t exit_signal;
    uint64_t stack; /* lowest byte */
    uint64_t stack_size;
    uint64_t tls;
    uint64_t set_tid; /* application address of pid_t[] */
    uint64_t set_tid_size;
    uint64_t cgroup;
};
static_assert(sizeof(struct linux_clone_args) == 88, "struct clone_args");
static_assert(offsetof(struct linux_clone_args, tls) == 56, "struct clone_args");
#define LINUX_CLONE_ARGS_SIZE_VER0 64
#define LINUX_CLONE_ARGS_SIZE_VER1 80
#define LINUX_CLONE_ARGS_SIZE_VER2 88

struct linux_sched_param {
    int32_t sched_priority;
};
static_assert(sizeof(struct linux_sched_param) == 4, "struct sched_param");

struct linux_sched_attr {
    uint32_t size;
    uint32_t sched_policy;
    uint64_t sched_flags;
    int32_t sched_nice;
    uint32_t sched_priority;
    uint64_t sched_runtime;
    uint64_t sched_deadline;
    uint64_t sched_period;
    uint32_t sched_util_min;
    uint32_t sched_util_max;
};
static_assert(sizeof(struct linux_sched_attr) == 56, "struct sched_attr");
#define LINUX_SCHED_ATTR_SIZE_VER0 48

/* Processor sets are arrays of these words, of any length. */
#define LINUX_CPU_SET_WORD_BITS 64

#endif
