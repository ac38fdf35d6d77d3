/* abi/signalfd.h - records read from a signalfd(2). */
#ifndef CVISOR_ABI_SIGNALFD_H
#define CVISOR_ABI_SIGNALFD_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_SFD_CLOEXEC  02000000U
#define LINUX_SFD_NONBLOCK 04000U

struct linux_signalfd_siginfo {
    uint32_t ssi_signo;
    int32_t ssi_errno;
    int32_t ssi_code;
    uint32_t ssi_pid;
    uint32_t ssi_uid;
    int32_t ssi_fd;
    uint32_t ssi_tid;
    uint32_t ssi_band;
    uint32_t ssi_overrun;
    uint32_t ssi_trapno;
    int32_t ssi_status;
    int32_t ssi_int;
    uint64_t ssi_ptr;
    uint64_t ssi_utime;
    uint64_t ssi_stime;
    uint64_t ssi_addr;
    uint16_t ssi_addr_lsb;
    uint16_t pad0;
    int32_t ssi_syscall;
    uint64_t ssi_call_addr;
    uint32_t ssi_arch;
    uint8_t pad1[28];
};
static_assert(sizeof(struct linux_signalfd_siginfo) == 128, "struct signalfd_siginfo");
static_assert(offsetof(struct linux_signalfd_siginfo, ssi_ptr) == 48, "struct signalfd_siginfo");

#endif
