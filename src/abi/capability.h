/* abi/capability.h - capabilities(7), capget(2), securebits. */
#ifndef CVISOR_ABI_CAPABILITY_H
#define CVISOR_ABI_CAPABILITY_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_CAP_CHOWN                          0
#define LINUX_CAP_DAC_OVERRIDE                   1
#define LINUX_CAP_DAC_READ_SEARCH                2
#define LINUX_CAP_FOWNER                         3
#define LINUX_CAP_FSETID                         4
#define LINUX_CAP_KILL                           5
#define LINUX_CAP_SETGID                         6
#define LINUX_CAP_SETUID                         7
#define LINUX_CAP_SETPCAP                        8
#define LINUX_CAP_LINUX_IMMUTABLE                9
#define LINUX_CAP_NET_BIND_SERVICE               10
#define LINUX_CAP_NET_BROADCAST                  11
#define LINUX_CAP_NET_ADMIN                      12
#define LINUX_CAP_NET_RAW                        13
#define LINUX_CAP_IPC_LOCK                       14
#define LINUX_CAP_IPC_OWNER                      15
#define LINUX_CAP_SYS_MODULE                     16
#define LINUX_CAP_SYS_RAWIO                      17
#define LINUX_CAP_SYS_CHROOT                     18
#define LINUX_CAP_SYS_PTRACE                     19
#define LINUX_CAP_SYS_PACCT                      20
#define LINUX_CAP_SYS_ADMIN                      21
#define LINUX_CAP_SYS_BOOT                       22
#define LINUX_CAP_SYS_NICE                       23
#define LINUX_CAP_SYS_RESOURCE                   24
#define LINUX_CAP_SYS_TIME                       25
#define LINUX_CAP_SYS_TTY_CONFIG                 26
#define LINUX_CAP_MKNOD                          27
#define LINUX_CAP_LEASE                          28
#define LINUX_CAP_AUDIT_WRITE                    29
#define LINUX_CAP_AUDIT_CONTROL                  30
#define LINUX_CAP_SETFCAP                        31
#define LINUX_CAP_MAC_OVERRIDE                   32
#define LINUX_CAP_MAC_ADMIN                      33
#define LINUX_CAP_SYSLOG                         34
#define LINUX_CAP_WAKE_ALARM                     35
#define LINUX_CAP_BLOCK_SUSPEND                  36
#define LINUX_CAP_AUDIT_READ                     37
#define LINUX_CAP_PERFMON                        38
#define LINUX_CAP_BPF                            39
#define LINUX_CAP_CHECKPOINT_RESTORE             40
#define LINUX_CAP_LAST_CAP                       40
#define LINUX_CAP_BIT(cap)                       (1ULL << (cap))
#define LINUX_CAP_FULL                           ((1ULL << (LINUX_CAP_LAST_CAP + 1)) - 1)

#define LINUX_CAPABILITY_VERSION_1               0x19980330U
#define LINUX_CAPABILITY_VERSION_2               0x20071026U
#define LINUX_CAPABILITY_VERSION_3               0x20080522U
#define LINUX_SECBIT_NOROOT                      0x1U
#define LINUX_SECBIT_NOROOT_LOCKED               0x2U
#define LINUX_SECBIT_NO_SETUID_FIXUP             0x4U
#define LINUX_SECBIT_NO_SETUID_FIXUP_LOCKED      0x8U
#define LINUX_SECBIT_KEEP_CAPS                   0x10U
#define LINUX_SECBIT_KEEP_CAPS_LOCKED            0x20U
#define LINUX_SECBIT_NO_CAP_AMBIENT_RAISE        0x40U
#define LINUX_SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED 0x80U
#define LINUX_SECURE_ALL_BITS                    0x55U
#define LINUX_SECURE_ALL_LOCKS                   0xaaU

struct linux_cap_header {
    uint32_t version;
    int32_t pid;
};
static_assert(sizeof(struct linux_cap_header) == 8, "struct __user_cap_header_struct");

/* Versions 2 and 3 carry two of these: low and high 32 bits. */
struct linux_cap_data {
    uint32_t effective;
    uint32_t permitted;
    uint32_t inheritable;
};
static_assert(sizeof(struct linux_cap_data) == 12, "struct __user_cap_data_struct");

/* security.capability extended attribute. */
#define LINUX_VFS_CAP_REVISION_MASK   0xff000000U
#define LINUX_VFS_CAP_FLAGS_EFFECTIVE 0x1U
#define LINUX_VFS_CAP_REVISION_1      0x1000000U
#define LINUX_VFS_CAP_REVISION_2      0x2000000U
#define LINUX_VFS_CAP_REVISION_3      0x3000000U

struct linux_vfs_cap_data {
    uint32_t magic_etc;
    struct {
        uint32_t permitted;
        uint32_t inheritable;
    } data[2];
};
static_assert(sizeof(struct linux_vfs_cap_data) == 20, "struct vfs_cap_data");

#endif
