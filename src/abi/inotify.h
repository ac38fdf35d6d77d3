/* abi/inotify.h - inotify(7). */
#ifndef CVISOR_ABI_INOTIFY_H
#define CVISOR_ABI_INOTIFY_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_IN_CLOEXEC       02000000U
#define LINUX_IN_NONBLOCK      04000U
#define LINUX_IN_ACCESS        0x1U
#define LINUX_IN_MODIFY        0x2U
#define LINUX_IN_ATTRIB        0x4U
#define LINUX_IN_CLOSE_WRITE   0x8U
#define LINUX_IN_CLOSE_NOWRITE 0x10U
#define LINUX_IN_OPEN          0x20U
#define LINUX_IN_MOVED_FROM    0x40U
#define LINUX_IN_MOVED_TO      0x80U
#define LINUX_IN_CREATE        0x100U
#define LINUX_IN_DELETE        0x200U
#define LINUX_IN_DELETE_SELF   0x400U
#define LINUX_IN_MOVE_SELF     0x800U
#define LINUX_IN_UNMOUNT       0x2000U
#define LINUX_IN_Q_OVERFLOW    0x4000U
#define LINUX_IN_IGNORED       0x8000U
#define LINUX_IN_ONLYDIR       0x1000000U
#define LINUX_IN_DONT_FOLLOW   0x2000000U
#define LINUX_IN_EXCL_UNLINK   0x4000000U
#define LINUX_IN_MASK_CREATE   0x10000000U
#define LINUX_IN_MASK_ADD      0x20000000U
#define LINUX_IN_ISDIR         0x40000000U
#define LINUX_IN_ONESHOT       0x80000000U
#define LINUX_IN_ALL_EVENTS    0xfffU

struct linux_inotify_event {
    int32_t wd;
    uint32_t mask;
    uint32_t cookie;
    uint32_t len; /* of name with its padding */
    char name[];
};
static_assert(sizeof(struct linux_inotify_event) == 16, "struct inotify_event");

#endif
