/* abi_files_test.c - what abi_test.c compares: fcntl, stat, dirent, uio, xattr, mman, random. */
#include "abi/abi_test.h"

#include "abi/dirent.h"
#include "abi/fcntl.h"
#include "abi/limits.h"
#include "abi/mman.h"
#include "abi/random.h"
#include "abi/stat.h"
#include "abi/uio.h"
#include "abi/xattr.h"

/* The kernel's headers, after those of the C library where the two know of each other. */
/* clang-format off */
#include <sys/stat.h>
#include <dirent.h>
#include <sys/uio.h>
#include <sys/statvfs.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/falloc.h>
#include <linux/close_range.h>
#include <linux/fs.h>
#include <linux/fadvise.h>
#include <linux/magic.h>
#include <linux/mman.h>
#include <linux/memfd.h>
#include <linux/stat.h>
#include <linux/mount.h>
#include <linux/xattr.h>
#include <linux/limits.h>
#include <linux/fiemap.h>
#include <linux/random.h>
#include <asm/statfs.h>

const struct abi_row abi_files_rows[] = {
    /* fcntl */
    C(O_ACCMODE), C(O_RDONLY), C(O_WRONLY), C(O_RDWR), C(O_CREAT), C(O_EXCL), C(O_NOCTTY),
    C(O_TRUNC), C(O_APPEND), C(O_NONBLOCK), C(O_NDELAY), C(O_DSYNC), C(FASYNC), C(O_DIRECT),
    C(O_LARGEFILE), C(O_DIRECTORY), C(O_NOFOLLOW), C(O_NOATIME), C(O_CLOEXEC), C(O_SYNC), C(O_PATH),
    C(O_TMPFILE), C(AT_FDCWD), C(AT_SYMLINK_NOFOLLOW), C(AT_EACCESS), C(AT_REMOVEDIR),
    C(AT_SYMLINK_FOLLOW), C(AT_NO_AUTOMOUNT), C(AT_EMPTY_PATH), C(AT_STATX_SYNC_TYPE),
    C(AT_STATX_SYNC_AS_STAT), C(AT_STATX_FORCE_SYNC), C(AT_STATX_DONT_SYNC), C(AT_RECURSIVE),
    C(F_DUPFD), C(F_GETFD), C(F_SETFD), C(F_GETFL), C(F_SETFL), C(F_GETLK), C(F_SETLK), C(F_SETLKW),
    C(F_SETOWN), C(F_GETOWN), C(F_SETSIG), C(F_GETSIG), C(F_SETOWN_EX), C(F_GETOWN_EX),
    C(F_GETOWNER_UIDS), C(F_OFD_GETLK), C(F_OFD_SETLK), C(F_OFD_SETLKW), C(F_SETLEASE),
    C(F_GETLEASE), C(F_NOTIFY), C(F_CANCELLK), C(F_DUPFD_CLOEXEC), C(F_SETPIPE_SZ), C(F_GETPIPE_SZ),
    C(F_ADD_SEALS), C(F_GET_SEALS), C(F_GET_RW_HINT), C(F_SET_RW_HINT), C(F_GET_FILE_RW_HINT),
    C(F_SET_FILE_RW_HINT), C(FD_CLOEXEC), C(F_RDLCK), C(F_WRLCK), C(F_UNLCK), C(F_OWNER_TID),
    C(F_OWNER_PID), C(F_OWNER_PGRP), C(F_SEAL_SEAL), C(F_SEAL_SHRINK), C(F_SEAL_GROW),
    C(F_SEAL_WRITE), C(F_SEAL_FUTURE_WRITE), C(LOCK_SH), C(LOCK_EX), C(LOCK_NB), C(LOCK_UN),
    C(SEEK_SET), C(SEEK_CUR), C(SEEK_END), C(SEEK_DATA), C(SEEK_HOLE), C(RWF_HIPRI), C(RWF_DSYNC),
    C(RWF_SYNC), C(RWF_NOWAIT), C(RWF_APPEND), C(RWF_NOAPPEND), C(CLOSE_RANGE_UNSHARE),
    C(CLOSE_RANGE_CLOEXEC), C(RENAME_NOREPLACE), C(RENAME_EXCHANGE), C(RENAME_WHITEOUT),
    C(FALLOC_FL_KEEP_SIZE), C(FALLOC_FL_PUNCH_HOLE), C(FALLOC_FL_COLLAPSE_RANGE),
    C(FALLOC_FL_ZERO_RANGE), C(FALLOC_FL_INSERT_RANGE), C(FALLOC_FL_UNSHARE_RANGE),
    C(POSIX_FADV_NORMAL), C(POSIX_FADV_RANDOM), C(POSIX_FADV_SEQUENTIAL), C(POSIX_FADV_WILLNEED),
    C(POSIX_FADV_DONTNEED), C(POSIX_FADV_NOREUSE), C(RESOLVE_NO_XDEV), C(RESOLVE_NO_MAGICLINKS),
    C(RESOLVE_NO_SYMLINKS), C(RESOLVE_BENEATH), C(RESOLVE_IN_ROOT), C(RESOLVE_CACHED),
    C(SYNC_FILE_RANGE_WAIT_BEFORE), C(SYNC_FILE_RANGE_WRITE), C(SYNC_FILE_RANGE_WAIT_AFTER),
    /* stat */
    C(S_IFMT), C(S_IFSOCK), C(S_IFLNK), C(S_IFREG), C(S_IFBLK), C(S_IFDIR), C(S_IFCHR), C(S_IFIFO),
    C(S_ISUID), C(S_ISGID), C(S_ISVTX), C(S_IRWXU), C(S_IRUSR), C(S_IWUSR), C(S_IXUSR), C(S_IRWXG),
    C(S_IRGRP), C(S_IWGRP), C(S_IXGRP), C(S_IRWXO), C(S_IROTH), C(S_IWOTH), C(S_IXOTH),
    C(STATX_TYPE), C(STATX_MODE), C(STATX_NLINK), C(STATX_UID), C(STATX_GID), C(STATX_ATIME),
    C(STATX_MTIME), C(STATX_CTIME), C(STATX_INO), C(STATX_SIZE), C(STATX_BLOCKS),
    C(STATX_BASIC_STATS), C(STATX_BTIME), C(STATX_ALL), C(STATX_MNT_ID), C(STATX_DIOALIGN),
    C(STATX__RESERVED), C(STATX_ATTR_COMPRESSED), C(STATX_ATTR_IMMUTABLE), C(STATX_ATTR_APPEND),
    C(STATX_ATTR_NODUMP), C(STATX_ATTR_ENCRYPTED), C(STATX_ATTR_AUTOMOUNT),
    C(STATX_ATTR_MOUNT_ROOT), C(STATX_ATTR_VERITY), C(STATX_ATTR_DAX), C(ST_RDONLY), C(ST_NOSUID),
    C(ST_NODEV), C(ST_NOEXEC), C(ST_SYNCHRONOUS), C(ST_MANDLOCK), C(ST_NOATIME), C(ST_NODIRATIME),
    C(ST_RELATIME), C(ADFS_SUPER_MAGIC), C(ANON_INODE_FS_MAGIC), C(BINFMTFS_MAGIC),
    C(BTRFS_SUPER_MAGIC), C(CGROUP_SUPER_MAGIC), C(CGROUP2_SUPER_MAGIC), C(DEVPTS_SUPER_MAGIC),
    C(EXT4_SUPER_MAGIC), C(NFS_SUPER_MAGIC), C(NSFS_MAGIC), C(OVERLAYFS_SUPER_MAGIC),
    C(PIPEFS_MAGIC), C(PROC_SUPER_MAGIC), C(RAMFS_MAGIC), C(SOCKFS_MAGIC), C(SYSFS_MAGIC),
    C(TMPFS_MAGIC), C(V9FS_MAGIC), C(XFS_SUPER_MAGIC), C(HUGETLBFS_MAGIC),
    /* dirent */
    C(DT_UNKNOWN), C(DT_FIFO), C(DT_CHR), C(DT_DIR), C(DT_BLK), C(DT_REG), C(DT_LNK), C(DT_SOCK),
    C(DT_WHT),
    /* xattr */
    C(XATTR_CREATE), C(XATTR_REPLACE), C(XATTR_NAME_MAX), C(XATTR_SIZE_MAX), C(XATTR_LIST_MAX),
    /* mman */
    C(PROT_NONE), C(PROT_READ), C(PROT_WRITE), C(PROT_EXEC), C(PROT_SEM), C(PROT_GROWSDOWN),
    C(PROT_GROWSUP), C(MAP_TYPE), C(MAP_SHARED), C(MAP_PRIVATE), C(MAP_SHARED_VALIDATE),
    C(MAP_FIXED), C(MAP_ANONYMOUS), C(MAP_32BIT), C(MAP_GROWSDOWN), C(MAP_DENYWRITE),
    C(MAP_EXECUTABLE), C(MAP_LOCKED), C(MAP_NORESERVE), C(MAP_POPULATE), C(MAP_NONBLOCK),
    C(MAP_STACK), C(MAP_HUGETLB), C(MAP_SYNC), C(MAP_FIXED_NOREPLACE), C(MAP_HUGE_SHIFT),
    C(MAP_HUGE_MASK), C(MREMAP_MAYMOVE), C(MREMAP_FIXED), C(MREMAP_DONTUNMAP), C(MS_ASYNC),
    C(MS_INVALIDATE), C(MS_SYNC), C(MCL_CURRENT), C(MCL_FUTURE), C(MCL_ONFAULT), C(MLOCK_ONFAULT),
    C(MADV_NORMAL), C(MADV_RANDOM), C(MADV_SEQUENTIAL), C(MADV_WILLNEED), C(MADV_DONTNEED),
    C(MADV_FREE), C(MADV_REMOVE), C(MADV_DONTFORK), C(MADV_DOFORK), C(MADV_MERGEABLE),
    C(MADV_UNMERGEABLE), C(MADV_HUGEPAGE), C(MADV_NOHUGEPAGE), C(MADV_DONTDUMP), C(MADV_DODUMP),
    C(MADV_WIPEONFORK), C(MADV_KEEPONFORK), C(MADV_COLD), C(MADV_PAGEOUT), C(MADV_POPULATE_READ),
    C(MADV_POPULATE_WRITE), C(MADV_DONTNEED_LOCKED), C(MADV_COLLAPSE), C(MADV_HWPOISON),
    C(MADV_SOFT_OFFLINE), C(MFD_CLOEXEC), C(MFD_ALLOW_SEALING), C(MFD_HUGETLB),
    /* random */
    C(GRND_NONBLOCK), C(GRND_RANDOM), C(GRND_INSECURE),
    /* layouts */
    S(linux_flock, struct flock),
    F(linux_flock, l_type, struct flock, l_type),
    F(linux_flock, l_whence, struct flock, l_whence),
    F(linux_flock, l_start, struct flock, l_start),
    F(linux_flock, l_len, struct flock, l_len),
    F(linux_flock, l_pid, struct flock, l_pid),
    S(linux_f_owner_ex, struct f_owner_ex),
    F(linux_f_owner_ex, type, struct f_owner_ex, type),
    F(linux_f_owner_ex, pid, struct f_owner_ex, pid),
    S(linux_open_how, struct open_how),
    F(linux_open_how, flags, struct open_how, flags),
    F(linux_open_how, mode, struct open_how, mode),
    F(linux_open_how, resolve, struct open_how, resolve),
    S(linux_stat, struct stat),
    F(linux_stat, st_dev, struct stat, st_dev),
    F(linux_stat, st_ino, struct stat, st_ino),
    F(linux_stat, st_nlink, struct stat, st_nlink),
    F(linux_stat, st_mode, struct stat, st_mode),
    F(linux_stat, st_uid, struct stat, st_uid),
    F(linux_stat, st_gid, struct stat, st_gid),
    F(linux_stat, st_rdev, struct stat, st_rdev),
    F(linux_stat, st_size, struct stat, st_size),
    F(linux_stat, st_blksize, struct stat, st_blksize),
    F(linux_stat, st_blocks, struct stat, st_blocks),
    F(linux_stat, st_atime_sec, struct stat, st_atim.tv_sec),
    F(linux_stat, st_atime_nsec, struct stat, st_atim.tv_nsec),
    F(linux_stat, st_mtime_sec, struct stat, st_mtim.tv_sec),
    F(linux_stat, st_ctime_sec, struct stat, st_ctim.tv_sec),
    F(linux_stat, st_ctime_nsec, struct stat, st_ctim.tv_nsec),
    S(linux_statx_timestamp, struct statx_timestamp),
    F(linux_statx_timestamp, tv_sec, struct statx_timestamp, tv_sec),
    F(linux_statx_timestamp, tv_nsec, struct statx_timestamp, tv_nsec),
    S(linux_statx, struct statx),
    F(linux_statx, stx_mask, struct statx, stx_mask),
    F(linux_statx, stx_blksize, struct statx, stx_blksize),
    F(linux_statx, stx_attributes, struct statx, stx_attributes),
    F(linux_statx, stx_nlink, struct statx, stx_nlink),
    F(linux_statx, stx_uid, struct statx, stx_uid),
    F(linux_statx, stx_gid, struct statx, stx_gid),
    F(linux_statx, stx_mode, struct statx, stx_mode),
    F(linux_statx, stx_ino, struct statx, stx_ino),
    F(linux_statx, stx_size, struct statx, stx_size),
    F(linux_statx, stx_blocks, struct statx, stx_blocks),
    F(linux_statx, stx_attributes_mask, struct statx, stx_attributes_mask),
    F(linux_statx, stx_atime, struct statx, stx_atime),
    F(linux_statx, stx_btime, struct statx, stx_btime),
    F(linux_statx, stx_ctime, struct statx, stx_ctime),
    F(linux_statx, stx_mtime, struct statx, stx_mtime),
    F(linux_statx, stx_rdev_major, struct statx, stx_rdev_major),
    F(linux_statx, stx_rdev_minor, struct statx, stx_rdev_minor),
    F(linux_statx, stx_dev_major, struct statx, stx_dev_major),
    F(linux_statx, stx_dev_minor, struct statx, stx_dev_minor),
    F(linux_statx, stx_mnt_id, struct statx, stx_mnt_id),
    F(linux_statx, stx_dio_mem_align, struct statx, stx_dio_mem_align),
    F(linux_statx, stx_dio_offset_align, struct statx, stx_dio_offset_align),
    S(linux_statfs, struct statfs),
    F(linux_statfs, f_type, struct statfs, f_type),
    F(linux_statfs, f_bsize, struct statfs, f_bsize),
    F(linux_statfs, f_blocks, struct statfs, f_blocks),
    F(linux_statfs, f_bfree, struct statfs, f_bfree),
    F(linux_statfs, f_bavail, struct statfs, f_bavail),
    F(linux_statfs, f_files, struct statfs, f_files),
    F(linux_statfs, f_ffree, struct statfs, f_ffree),
    F(linux_statfs, f_fsid, struct statfs, f_fsid),
    F(linux_statfs, f_namelen, struct statfs, f_namelen),
    F(linux_statfs, f_frsize, struct statfs, f_frsize),
    F(linux_statfs, f_flags, struct statfs, f_flags),
    F(linux_dirent64, d_ino, struct dirent64, d_ino),
    F(linux_dirent64, d_off, struct dirent64, d_off),
    F(linux_dirent64, d_reclen, struct dirent64, d_reclen),
    F(linux_dirent64, d_type, struct dirent64, d_type),
    F(linux_dirent64, d_name, struct dirent64, d_name),
    S(linux_iovec, struct iovec),
    F(linux_iovec, iov_base, struct iovec, iov_base),
    F(linux_iovec, iov_len, struct iovec, iov_len),
};
const size_t abi_files_count = ARRAY_SIZE(abi_files_rows);
