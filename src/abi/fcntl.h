/* abi/fcntl.h - files as x86-64 Linux programs open and control them.
 *
 * Spec     open(2), openat2(2), fcntl(2), flock(2), renameat2(2), fallocate(2), preadv2(2),
 *          close_range(2).
 */
#ifndef CVISOR_ABI_FCNTL_H
#define CVISOR_ABI_FCNTL_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_O_ACCMODE             03U
#define LINUX_O_RDONLY              0U
#define LINUX_O_WRONLY              01U
#define LINUX_O_RDWR                02U
#define LINUX_O_CREAT               0100U
#define LINUX_O_EXCL                0200U
#define LINUX_O_NOCTTY              0400U
#define LINUX_O_TRUNC               01000U
#define LINUX_O_APPEND              02000U
#define LINUX_O_NONBLOCK            04000U
#define LINUX_O_NDELAY              04000U
#define LINUX_O_DSYNC               010000U
#define LINUX_FASYNC                020000U
#define LINUX_O_DIRECT              040000U
#define LINUX_O_LARGEFILE           0100000U
#define LINUX_O_DIRECTORY           0200000U
#define LINUX_O_NOFOLLOW            0400000U
#define LINUX_O_NOATIME             01000000U
#define LINUX_O_CLOEXEC             02000000U
#define LINUX_O_SYNC                04010000U
#define LINUX_O_PATH                010000000U
#define LINUX_O_TMPFILE             020200000U

#define LINUX_AT_FDCWD              (-100)
#define LINUX_AT_SYMLINK_NOFOLLOW   0x100U
#define LINUX_AT_EACCESS            0x200U
#define LINUX_AT_REMOVEDIR          0x200U
#define LINUX_AT_SYMLINK_FOLLOW     0x400U
#define LINUX_AT_NO_AUTOMOUNT       0x800U
#define LINUX_AT_EMPTY_PATH         0x1000U
#define LINUX_AT_STATX_SYNC_TYPE    0x6000U
#define LINUX_AT_STATX_SYNC_AS_STAT 0x0U
#define LINUX_AT_STATX_FORCE_SYNC   0x2000U
#define LINUX_AT_STATX_DONT_SYNC    0x4000U
#define LINUX_AT_RECURSIVE          0x8000U
#define LINUX_AT_HANDLE_FID         0x200U /* of name_to_handle_at */
#define LINUX_MAX_HANDLE_SZ         128U

/* fcntl(2) commands. */
#define LINUX_F_DUPFD            0
#define LINUX_F_GETFD            1
#define LINUX_F_SETFD            2
#define LINUX_F_GETFL            3
#define LINUX_F_SETFL            4
#define LINUX_F_GETLK            5
#define LINUX_F_SETLK            6
#define LINUX_F_SETLKW           7
#define LINUX_F_SETOWN           8
#define LINUX_F_GETOWN           9
#define LINUX_F_SETSIG           10
#define LINUX_F_GETSIG           11
#define LINUX_F_SETOWN_EX        15
#define LINUX_F_GETOWN_EX        16
#define LINUX_F_GETOWNER_UIDS    17
#define LINUX_F_OFD_GETLK        36
#define LINUX_F_OFD_SETLK        37
#define LINUX_F_OFD_SETLKW       38
#define LINUX_F_SETLEASE         1024
#define LINUX_F_GETLEASE         1025
#define LINUX_F_NOTIFY           1026
#define LINUX_F_CANCELLK         1029
#define LINUX_F_DUPFD_CLOEXEC    1030
#define LINUX_F_SETPIPE_SZ       1031
#define LINUX_F_GETPIPE_SZ       1032
#define LINUX_F_ADD_SEALS        1033
#define LINUX_F_GET_SEALS        1034
#define LINUX_F_GET_RW_HINT      1035
#define LINUX_F_SET_RW_HINT      1036
#define LINUX_F_GET_FILE_RW_HINT 1037
#define LINUX_F_SET_FILE_RW_HINT 1038
#define LINUX_FD_CLOEXEC         1
#define LINUX_F_RDLCK            0
#define LINUX_F_WRLCK            1
#define LINUX_F_UNLCK            2
/* F_NOTIFY. */
#define LINUX_DN_ACCESS                   0x1U
#define LINUX_DN_MODIFY                   0x2U
#define LINUX_DN_CREATE                   0x4U
#define LINUX_DN_DELETE                   0x8U
#define LINUX_DN_RENAME                   0x10U
#define LINUX_DN_ATTRIB                   0x20U
#define LINUX_DN_MULTISHOT                0x80000000U
#define LINUX_F_OWNER_TID                 0
#define LINUX_F_OWNER_PID                 1
#define LINUX_F_OWNER_PGRP                2
#define LINUX_F_SEAL_SEAL                 0x1U
#define LINUX_F_SEAL_SHRINK               0x2U
#define LINUX_F_SEAL_GROW                 0x4U
#define LINUX_F_SEAL_WRITE                0x8U
#define LINUX_F_SEAL_FUTURE_WRITE         0x10U
#define LINUX_F_SEAL_EXEC                 0x20U
#define LINUX_LOCK_SH                     1
#define LINUX_LOCK_EX                     2
#define LINUX_LOCK_NB                     4
#define LINUX_LOCK_UN                     8

#define LINUX_SEEK_SET                    0
#define LINUX_SEEK_CUR                    1
#define LINUX_SEEK_END                    2
#define LINUX_SEEK_DATA                   3
#define LINUX_SEEK_HOLE                   4
#define LINUX_F_OK                        0
#define LINUX_X_OK                        1
#define LINUX_W_OK                        2
#define LINUX_R_OK                        4

#define LINUX_RWF_HIPRI                   0x1U
#define LINUX_RWF_DSYNC                   0x2U
#define LINUX_RWF_SYNC                    0x4U
#define LINUX_RWF_NOWAIT                  0x8U
#define LINUX_RWF_APPEND                  0x10U
#define LINUX_RWF_NOAPPEND                0x20U
#define LINUX_CLOSE_RANGE_UNSHARE         0x2U
#define LINUX_CLOSE_RANGE_CLOEXEC         0x4U
#define LINUX_RENAME_NOREPLACE            0x1U
#define LINUX_RENAME_EXCHANGE             0x2U
#define LINUX_RENAME_WHITEOUT             0x4U
#define LINUX_FALLOC_FL_KEEP_SIZE         0x1U
#define LINUX_FALLOC_FL_PUNCH_HOLE        0x2U
#define LINUX_FALLOC_FL_COLLAPSE_RANGE    0x8U
#define LINUX_FALLOC_FL_ZERO_RANGE        0x10U
#define LINUX_FALLOC_FL_INSERT_RANGE      0x20U
#define LINUX_FALLOC_FL_UNSHARE_RANGE     0x40U
#define LINUX_POSIX_FADV_NORMAL           0
#define LINUX_POSIX_FADV_RANDOM           1
#define LINUX_POSIX_FADV_SEQUENTIAL       2
#define LINUX_POSIX_FADV_WILLNEED         3
#define LINUX_POSIX_FADV_DONTNEED         4
#define LINUX_POSIX_FADV_NOREUSE          5
#define LINUX_RESOLVE_NO_XDEV             0x1U
#define LINUX_RESOLVE_NO_MAGICLINKS       0x2U
#define LINUX_RESOLVE_NO_SYMLINKS         0x4U
#define LINUX_RESOLVE_BENEATH             0x8U
#define LINUX_RESOLVE_IN_ROOT             0x10U
#define LINUX_RESOLVE_CACHED              0x20U
#define LINUX_SPLICE_F_MOVE               0x01U
#define LINUX_SPLICE_F_NONBLOCK           0x02U
#define LINUX_SPLICE_F_MORE               0x04U
#define LINUX_SPLICE_F_GIFT               0x08U
#define LINUX_SYNC_FILE_RANGE_WAIT_BEFORE 0x1U
#define LINUX_SYNC_FILE_RANGE_WRITE       0x2U
#define LINUX_SYNC_FILE_RANGE_WAIT_AFTER  0x4U

struct linux_flock {
    int16_t l_type;
    int16_t l_whence;
    uint32_t pad0;
    int64_t l_start;
    int64_t l_len;
    int32_t l_pid;
    uint32_t pad1;
};
static_assert(sizeof(struct linux_flock) == 32, "struct flock");
static_assert(offsetof(struct linux_flock, l_start) == 8, "struct flock");
static_assert(offsetof(struct linux_flock, l_pid) == 24, "struct flock");

struct linux_f_owner_ex {
    int32_t type;
    int32_t pid;
};
static_assert(sizeof(struct linux_f_owner_ex) == 8, "struct f_owner_ex");

struct linux_open_how {
    uint64_t flags;
    uint64_t mode;
    uint64_t resolve;
};
static_assert(sizeof(struct linux_open_how) == 24, "struct open_how");
#define LINUX_OPEN_HOW_SIZE_VER0 24

#endif
