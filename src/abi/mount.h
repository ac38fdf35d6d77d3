/* abi/mount.h - mount(2), umount2(2) and the calls that treat mounts as descriptors. */
#ifndef CVISOR_ABI_MOUNT_H
#define CVISOR_ABI_MOUNT_H

#include <assert.h>
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

/* statmount(2), listmount(2) */
#define LINUX_STATMOUNT_SB_BASIC       0x1ULL
#define LINUX_STATMOUNT_MNT_BASIC      0x2ULL
#define LINUX_STATMOUNT_MNT_ROOT       0x8ULL
#define LINUX_STATMOUNT_MNT_POINT      0x10ULL
#define LINUX_STATMOUNT_FS_TYPE        0x20ULL
#define LINUX_STATMOUNT_MNT_OPTS       0x80ULL
#define LINUX_STATMOUNT_SB_SOURCE      0x200ULL
#define LINUX_STATMOUNT_SUPPORTED_MASK 0x1000ULL
#define LINUX_STATMOUNT_STRINGS                                                                    \
    (LINUX_STATMOUNT_MNT_ROOT | LINUX_STATMOUNT_MNT_POINT | LINUX_STATMOUNT_FS_TYPE |              \
     LINUX_STATMOUNT_MNT_OPTS | LINUX_STATMOUNT_SB_SOURCE)
#define LINUX_MNT_ID_REQ_SIZE_VER0 24u
#define LINUX_MNT_UNIQUE_ID_OFFSET                                                                 \
    (1ULL << 31) /* the numbers of mounts that are never used again are above */
#define LINUX_LSMT_ROOT         UINT64_MAX
#define LINUX_LISTMOUNT_REVERSE 0x1u

struct linux_mnt_id_req {
    uint32_t size, spare;
    uint64_t mnt_id, param, mnt_ns_id;
};
static_assert(sizeof(struct linux_mnt_id_req) == 32, "struct mnt_id_req");

struct linux_statmount {
    uint32_t size, mnt_opts;
    uint64_t mask;
    uint32_t sb_dev_major, sb_dev_minor;
    uint64_t sb_magic;
    uint32_t sb_flags, fs_type;
    uint64_t mnt_id, mnt_parent_id;
    uint32_t mnt_id_old, mnt_parent_id_old;
    uint64_t mnt_attr, mnt_propagation, mnt_peer_group, mnt_master, propagate_from;
    uint32_t mnt_root, mnt_point; /* strings: places behind the structure */
    uint64_t mnt_ns_id;
    uint32_t fs_subtype, sb_source, opt_num, opt_array, opt_sec_num, opt_sec_array;
    uint64_t supported_mask, reserved[45];
};
static_assert(sizeof(struct linux_statmount) == 512, "struct statmount");

#endif
