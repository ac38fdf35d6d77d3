/* abi/stat.h - file status, file system status, modes and device numbers.
 *
 * Spec     stat(2), statx(2), statfs(2), inode(7).
 */
#ifndef CVISOR_ABI_STAT_H
#define CVISOR_ABI_STAT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_S_IFMT                0170000U
#define LINUX_S_IFSOCK              0140000U
#define LINUX_S_IFLNK               0120000U
#define LINUX_S_IFREG               0100000U
#define LINUX_S_IFBLK               060000U
#define LINUX_S_IFDIR               040000U
#define LINUX_S_IFCHR               020000U
#define LINUX_S_IFIFO               010000U
#define LINUX_S_ISUID               04000U
#define LINUX_S_ISGID               02000U
#define LINUX_S_ISVTX               01000U
#define LINUX_S_IRWXU               0700U
#define LINUX_S_IRUSR               0400U
#define LINUX_S_IWUSR               0200U
#define LINUX_S_IXUSR               0100U
#define LINUX_S_IRWXG               070U
#define LINUX_S_IRGRP               040U
#define LINUX_S_IWGRP               020U
#define LINUX_S_IXGRP               010U
#define LINUX_S_IRWXO               07U
#define LINUX_S_IROTH               04U
#define LINUX_S_IWOTH               02U
#define LINUX_S_IXOTH               01U
#define LINUX_S_IALLUGO             07777U
#define LINUX_S_IRWXUGO             0777U

#define LINUX_S_ISREG(m)            (((m) & LINUX_S_IFMT) == LINUX_S_IFREG)
#define LINUX_S_ISDIR(m)            (((m) & LINUX_S_IFMT) == LINUX_S_IFDIR)
#define LINUX_S_ISLNK(m)            (((m) & LINUX_S_IFMT) == LINUX_S_IFLNK)
#define LINUX_S_ISCHR(m)            (((m) & LINUX_S_IFMT) == LINUX_S_IFCHR)
#define LINUX_S_ISBLK(m)            (((m) & LINUX_S_IFMT) == LINUX_S_IFBLK)
#define LINUX_S_ISFIFO(m)           (((m) & LINUX_S_IFMT) == LINUX_S_IFIFO)
#define LINUX_S_ISSOCK(m)           (((m) & LINUX_S_IFMT) == LINUX_S_IFSOCK)

#define LINUX_STATX_TYPE            0x1U
#define LINUX_STATX_MODE            0x2U
#define LINUX_STATX_NLINK           0x4U
#define LINUX_STATX_UID             0x8U
#define LINUX_STATX_GID             0x10U
#define LINUX_STATX_ATIME           0x20U
#define LINUX_STATX_MTIME           0x40U
#define LINUX_STATX_CTIME           0x80U
#define LINUX_STATX_INO             0x100U
#define LINUX_STATX_SIZE            0x200U
#define LINUX_STATX_BLOCKS          0x400U
#define LINUX_STATX_BASIC_STATS     0x7ffU
#define LINUX_STATX_BTIME           0x800U
#define LINUX_STATX_ALL             0xfffU
#define LINUX_STATX_MNT_ID          0x1000U
#define LINUX_STATX_DIOALIGN        0x2000U
#define LINUX_STATX_MNT_ID_UNIQUE   0x4000U
#define LINUX_STATX__RESERVED       0x80000000U
#define LINUX_STATX_ATTR_COMPRESSED 0x4U
#define LINUX_STATX_ATTR_IMMUTABLE  0x10U
#define LINUX_STATX_ATTR_APPEND     0x20U
#define LINUX_STATX_ATTR_NODUMP     0x40U
#define LINUX_STATX_ATTR_ENCRYPTED  0x800U
#define LINUX_STATX_ATTR_AUTOMOUNT  0x1000U
#define LINUX_STATX_ATTR_MOUNT_ROOT 0x2000U
#define LINUX_STATX_ATTR_VERITY     0x100000U
#define LINUX_STATX_ATTR_DAX        0x200000U

struct linux_stat {
    uint64_t st_dev;
    uint64_t st_ino;
    uint64_t st_nlink;
    uint32_t st_mode;
    uint32_t st_uid;
    uint32_t st_gid;
    uint32_t pad0;
    uint64_t st_rdev;
    int64_t st_size;
    int64_t st_blksize;
    int64_t st_blocks;
    int64_t st_atime_sec;
    int64_t st_atime_nsec;
    int64_t st_mtime_sec;
    int64_t st_mtime_nsec;
    int64_t st_ctime_sec;
    int64_t st_ctime_nsec;
    int64_t reserved[3];
};
static_assert(sizeof(struct linux_stat) == 144, "struct stat");
static_assert(offsetof(struct linux_stat, st_mode) == 24, "struct stat");
static_assert(offsetof(struct linux_stat, st_rdev) == 40, "struct stat");
static_assert(offsetof(struct linux_stat, st_atime_sec) == 72, "struct stat");

struct linux_statx_timestamp {
    int64_t tv_sec;
    uint32_t tv_nsec;
    int32_t reserved;
};
static_assert(sizeof(struct linux_statx_timestamp) == 16, "struct statx_timestamp");

struct linux_statx {
    uint32_t stx_mask;
    uint32_t stx_blksize;
    uint64_t stx_attributes;
    uint32_t stx_nlink;
    uint32_t stx_uid;
    uint32_t stx_gid;
    uint16_t stx_mode;
    uint16_t pad0;
    uint64_t stx_ino;
    uint64_t stx_size;
    uint64_t stx_blocks;
    uint64_t stx_attributes_mask;
    struct linux_statx_timestamp stx_atime;
    struct linux_statx_timestamp stx_btime;
    struct linux_statx_timestamp stx_ctime;
    struct linux_statx_timestamp stx_mtime;
    uint32_t stx_rdev_major;
    uint32_t stx_rdev_minor;
    uint32_t stx_dev_major;
    uint32_t stx_dev_minor;
    uint64_t stx_mnt_id;
    uint32_t stx_dio_mem_align;
    uint32_t stx_dio_offset_align;
    uint64_t reserved[12];
};
static_assert(sizeof(struct linux_statx) == 256, "struct statx");
static_assert(offsetof(struct linux_statx, stx_ino) == 32, "struct statx");
static_assert(offsetof(struct linux_statx, stx_atime) == 64, "struct statx");
static_assert(offsetof(struct linux_statx, stx_rdev_major) == 128, "struct statx");
static_assert(offsetof(struct linux_statx, stx_mnt_id) == 144, "struct statx");

struct linux_ustat { /* of ustat(2) */
    int32_t f_tfree;
    uint64_t f_tinode;
    char f_fname[6], f_fpack[6];
};

struct linux_statfs {
    int64_t f_type;
    int64_t f_bsize;
    int64_t f_blocks;
    int64_t f_bfree;
    int64_t f_bavail;
    int64_t f_files;
    int64_t f_ffree;
    int32_t f_fsid[2];
    int64_t f_namelen;
    int64_t f_frsize;
    int64_t f_flags;
    int64_t f_spare[4];
};
static_assert(sizeof(struct linux_statfs) == 120, "struct statfs");
static_assert(offsetof(struct linux_statfs, f_fsid) == 56, "struct statfs");
static_assert(offsetof(struct linux_statfs, f_flags) == 80, "struct statfs");

/* statfs f_flags. */
#define LINUX_ST_RDONLY      0x0001U
#define LINUX_ST_NOSUID      0x0002U
#define LINUX_ST_NODEV       0x0004U
#define LINUX_ST_NOEXEC      0x0008U
#define LINUX_ST_SYNCHRONOUS 0x0010U
#define LINUX_ST_VALID       0x0020U
#define LINUX_ST_MANDLOCK    0x0040U
#define LINUX_ST_NOATIME     0x0400U
#define LINUX_ST_NODIRATIME  0x0800U
#define LINUX_ST_RELATIME    0x1000U
#define LINUX_ST_NOSYMFOLLOW 0x2000U

/* statfs f_type. */
#define LINUX_ADFS_SUPER_MAGIC      0xadf5U
#define LINUX_ANON_INODE_FS_MAGIC   0x9041934U
#define LINUX_BINFMTFS_MAGIC        0x42494e4dU
#define LINUX_BTRFS_SUPER_MAGIC     0x9123683eU
#define LINUX_CGROUP_SUPER_MAGIC    0x27e0ebU
#define LINUX_CGROUP2_SUPER_MAGIC   0x63677270U
#define LINUX_DEVPTS_SUPER_MAGIC    0x1cd1U
#define LINUX_EXT4_SUPER_MAGIC      0xef53U
#define LINUX_MQUEUE_MAGIC          0x19800202U
#define LINUX_NFS_SUPER_MAGIC       0x6969U
#define LINUX_NSFS_MAGIC            0x6e736673U
#define LINUX_OVERLAYFS_SUPER_MAGIC 0x794c7630U
#define LINUX_PID_FS_MAGIC          0x50494446U
#define LINUX_PIPEFS_MAGIC          0x50495045U
#define LINUX_PROC_SUPER_MAGIC      0x9fa0U
#define LINUX_RAMFS_MAGIC           0x858458f6U
#define LINUX_SOCKFS_MAGIC          0x534f434bU
#define LINUX_SYSFS_MAGIC           0x62656572U
#define LINUX_TMPFS_MAGIC           0x1021994U
#define LINUX_V9FS_MAGIC            0x1021997U
#define LINUX_XFS_SUPER_MAGIC       0x58465342U
#define LINUX_HUGETLBFS_MAGIC       0x958458f6U

/* Device numbers as stat(2) and mknod(2) carry them: 12 bits of major, 20 of minor, interleaved. */
static inline uint32_t linux_makedev(uint32_t major, uint32_t minor)
{
    return (minor & 0xffU) | ((major & 0xfffU) << 8) | ((minor & 0xfff00U) << 12);
}

static inline uint32_t linux_major(uint64_t dev) { return (uint32_t)(dev >> 8) & 0xfffU; }

static inline uint32_t linux_minor(uint64_t dev)
{
    return ((uint32_t)dev & 0xffU) | (((uint32_t)dev >> 12) & 0xfff00U);
}

/* The same as a constant expression. */
#define LINUX_MKDEV(major, minor)                                                                  \
    (((minor) & 0xffU) | (((major) & 0xfffU) << 8) | (((minor) & 0xfff00U) << 12))

#endif
