/* abi_libc_test.c - what abi_test.c compares: mount and other libc values. */
#include "abi/abi_test.h"

#include "abi/fcntl.h"
#include "abi/limits.h"
#include "abi/mount.h"
#include "abi/socket.h"
#include "abi/time.h"

/* The kernel's headers, after those of the C library where the two know of each other. */
/* clang-format off */
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

const struct abi_row abi_libc_rows[] = {
    /* mount */
    C(MS_RDONLY), C(MS_NOSUID), C(MS_NODEV), C(MS_NOEXEC), C(MS_SYNCHRONOUS), C(MS_REMOUNT),
    C(MS_MANDLOCK), C(MS_DIRSYNC), C(MS_NOSYMFOLLOW), C(MS_NOATIME), C(MS_NODIRATIME), C(MS_BIND),
    C(MS_MOVE), C(MS_REC), C(MS_SILENT), C(MS_POSIXACL), C(MS_UNBINDABLE), C(MS_PRIVATE),
    C(MS_SLAVE), C(MS_SHARED), C(MS_RELATIME), C(MS_KERNMOUNT), C(MS_I_VERSION), C(MS_STRICTATIME),
    C(MS_LAZYTIME), C(MNT_FORCE), C(MNT_DETACH), C(MNT_EXPIRE), C(UMOUNT_NOFOLLOW),
    C(OPEN_TREE_CLONE), C(OPEN_TREE_CLOEXEC), C(MOVE_MOUNT_F_SYMLINKS), C(MOVE_MOUNT_F_EMPTY_PATH),
    C(MOVE_MOUNT_T_EMPTY_PATH), C(FSOPEN_CLOEXEC), C(FSMOUNT_CLOEXEC),
    /* libc */
    C(F_OK), C(X_OK), C(W_OK), C(R_OK), C(SPLICE_F_MOVE), C(SPLICE_F_NONBLOCK), C(SPLICE_F_MORE),
    C(SPLICE_F_GIFT), C(SOL_TCP), C(SOL_UDP), C(TCP_ESTABLISHED), C(TCP_SYN_SENT), C(TCP_SYN_RECV),
    C(TCP_FIN_WAIT1), C(TCP_FIN_WAIT2), C(TCP_TIME_WAIT), C(TCP_CLOSE), C(TCP_CLOSE_WAIT),
    C(TCP_LAST_ACK), C(TCP_LISTEN), C(TCP_CLOSING), C(UTIME_NOW), C(UTIME_OMIT), C(NAME_MAX),
    C(PATH_MAX), C(PIPE_BUF), C(IOV_MAX), C(NGROUPS_MAX),
};
const size_t abi_libc_count = ARRAY_SIZE(abi_libc_rows);
