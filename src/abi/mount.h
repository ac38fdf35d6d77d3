/* abi/mount.h - mount(2), umount2(2) and the calls that treat mounts as descriptors. */
#ifndef CVISOR_ABI_MOUNT_H
#define CVISOR_ABI_MOUNT_H

#include <stdint.h>

/* LINUX_MS_SYNC belongs to msync(2); mount's synchronous flag is LINUX_MS_SYNCHRONOUS. */
#define LINUX_MS_RDONLY               0x1U
#define LINUX_MS_NOSUID               0x2U
#define LINUX_MS_NODEV                0x4U
#define LINUX_MS_NOEXEC               0x8U
#define LINUX_MS_SYNCHRONOUS          0x10U
#define LINUX_MS_REMOUNT              0x20U
#define LINUX_MS_MANDLOCK             0x40U
#define LINUX_MS_DIRSYNC              0x80U
#define LINUX_MS_NOSYMFOLLOW          0x100U
#define LINUX_MS_NOATIME              0x400U
#define LINUX_MS_NODIRATIME           0x800U
#define LINUX_MS_BIND                 0x1000U
#define LINUX_MS_MOVE                 0x2000U
#define LINUX_MS_REC                  0x4000U
#define LINUX_MS_SILENT               0x8000U
#define LINUX_MS_POSIXACL             0x10000U
#define LINUX_MS_UNBINDABLE           0x20000U
#define LINUX_MS_PRIVATE              0x40000U
#define LINUX_MS_SLAVE                0x80000U
#define LINUX_MS_SHARED               0x100000U
#define LINUX_MS_RELATIME             0x200000U
#define LINUX_MS_KERNMOUNT            0x400000U
#define LINUX_MS_I_VERSION            0x800000U
#define LINUX_MS_STRICTATIME          0x1000000U
#define LINUX_MS_LAZYTIME             0x2000000U
#define LINUX_MS_MGC_VAL              0xc0ed0000U
#define LINUX_MS_MGC_MSK              0xffff0000U
#define LINUX_MNT_FORCE               0x1U
#define LINUX_MNT_DETACH              0x2U
#define LINUX_MNT_EXPIRE              0x4U
#define LINUX_UMOUNT_NOFOLLOW         0x8U
#define LINUX_OPEN_TREE_CLONE         0x1U
#define LINUX_OPEN_TREE_CLOEXEC       0x80000U
#define LINUX_MOVE_MOUNT_F_SYMLINKS   0x1U
#define LINUX_MOVE_MOUNT_F_EMPTY_PATH 0x4U
#define LINUX_MOVE_MOUNT_T_EMPTY_PATH 0x40U
#define LINUX_FSOPEN_CLOEXEC          0x1U
#define LINUX_FSMOUNT_CLOEXEC         0x1U
#define LINUX_MOVE_MOUNT_F_AUTOMOUNTS 0x2U
#define LINUX_MOVE_MOUNT_T_SYMLINKS   0x10U
#define LINUX_MOVE_MOUNT_T_AUTOMOUNTS 0x20U
#define LINUX_FSPICK_CLOEXEC          0x1U
#define LINUX_FSPICK_SYMLINK_NOFOLLOW 0x2U
#define LINUX_FSPICK_NO_AUTOMOUNT     0x4U
#define LINUX_FSPICK_EMPTY_PATH       0x8U
#define LINUX_MOUNT_ATTR_RDONLY       0x1U
#define LINUX_MOUNT_ATTR_NOSUID       0x2U
#define LINUX_MOUNT_ATTR_NODEV        0x4U
#define LINUX_MOUNT_ATTR_NOEXEC       0x8U
#define LINUX_MOUNT_ATTR_NOATIME      0x10U
#define LINUX_MOUNT_ATTR_STRICTATIME  0x20U
#define LINUX_MOUNT_ATTR_ATIME        0x70U /* one of: 0 relatime, and the two above */
#define LINUX_MOUNT_ATTR_NODIRATIME   0x80U
#define LINUX_MOUNT_ATTR_IDMAP        0x100000U
#define LINUX_MOUNT_ATTR_NOSYMFOLLOW  0x200000U
enum {
    LINUX_FSCONFIG_SET_FLAG,
    LINUX_FSCONFIG_SET_STRING,
    LINUX_FSCONFIG_SET_BINARY,
    LINUX_FSCONFIG_SET_PATH,
    LINUX_FSCONFIG_SET_PATH_EMPTY,
    LINUX_FSCONFIG_SET_FD,
    LINUX_FSCONFIG_CMD_CREATE,
    LINUX_FSCONFIG_CMD_RECONFIGURE,
    LINUX_FSCONFIG_CMD_CREATE_EXCL,
};
struct linux_mount_attr {
    uint64_t attr_set, attr_clr, propagation, userns_fd;
};

#endif
