/* abi/seccomp.h - seccomp(2) as programs ask for it, with the classic BPF it is written in. */
#ifndef CVISOR_ABI_SECCOMP_H
#define CVISOR_ABI_SECCOMP_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_SECCOMP_MODE_DISABLED            0
#define LINUX_SECCOMP_MODE_STRICT              1
#define LINUX_SECCOMP_MODE_FILTER              2
#define LINUX_SECCOMP_SET_MODE_STRICT          0
#define LINUX_SECCOMP_SET_MODE_FILTER          1
#define LINUX_SECCOMP_GET_ACTION_AVAIL         2
#define LINUX_SECCOMP_GET_NOTIF_SIZES          3
#define LINUX_SECCOMP_FILTER_FLAG_TSYNC        0x1U
#define LINUX_SECCOMP_FILTER_FLAG_LOG          0x2U
#define LINUX_SECCOMP_FILTER_FLAG_SPEC_ALLOW   0x4U
#define LINUX_SECCOMP_FILTER_FLAG_NEW_LISTENER 0x8U
#define LINUX_SECCOMP_FILTER_FLAG_TSYNC_ESRCH  0x10U
#define LINUX_SECCOMP_RET_KILL_PROCESS         0x80000000U
#define LINUX_SECCOMP_RET_KILL_THREAD          0x0U
#define LINUX_SECCOMP_RET_TRAP                 0x30000U
#define LINUX_SECCOMP_RET_ERRNO                0x50000U
#define LINUX_SECCOMP_RET_USER_NOTIF           0x7fc00000U
#define LINUX_SECCOMP_RET_TRACE                0x7ff00000U
#define LINUX_SECCOMP_RET_LOG                  0x7ffc0000U
#define LINUX_SECCOMP_RET_ALLOW                0x7fff0000U
#define LINUX_SECCOMP_RET_ACTION_FULL          0xffff0000U
#define LINUX_SECCOMP_RET_DATA                 0xffffU
#define LINUX_AUDIT_ARCH_X86_64                0xc000003eU
#define LINUX_AUDIT_ARCH_AARCH64               0xc00000b7U

struct linux_seccomp_data {
    int32_t nr;
    uint32_t arch;
    uint64_t instruction_pointer;
    uint64_t args[6];
};
static_assert(sizeof(struct linux_seccomp_data) == 64, "struct seccomp_data");

struct linux_sock_filter {
    uint16_t code;
    uint8_t jt;
    uint8_t jf;
    uint32_t k;
};
static_assert(sizeof(struct linux_sock_filter) == 8, "struct sock_filter");

struct linux_sock_fprog {
    uint16_t len; /* instructions */
    uint16_t pad0[3];
    uint64_t filter;
};
static_assert(sizeof(struct linux_sock_fprog) == 16, "struct sock_fprog");

#endif
