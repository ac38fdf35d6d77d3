/* abi/limits.h - sizes that programs rely upon. */
#ifndef CVISOR_ABI_LIMITS_H
#define CVISOR_ABI_LIMITS_H

#define LINUX_PATH_MAX        4096 /* with the NUL */
#define LINUX_NAME_MAX        255
#define LINUX_PIPE_BUF        4096
#define LINUX_IOV_MAX         1024
#define LINUX_NGROUPS_MAX     65536
#define LINUX_TASK_COMM_LEN   16
#define LINUX_MAXSYMLINKS     40
#define LINUX_LINK_MAX        127
#define LINUX_NR_OPEN         (1024 * 1024)
#define LINUX_MAX_ARG_STRLEN  (32 * 4096)
#define LINUX_MAX_ARG_STRINGS 0x7fffffff
#define LINUX_ARG_MAX         131072
#define LINUX_PAGE_SIZE       4096
#define LINUX_MAX_RW_COUNT    0x7ffff000 /* most bytes that one read or write moves */
#define LINUX_USER_HZ         100

#endif
