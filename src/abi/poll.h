/* abi/poll.h - readiness of file descriptors. Spec: poll(2), select(2). */
#ifndef CVISOR_ABI_POLL_H
#define CVISOR_ABI_POLL_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_POLLIN     0x1U
#define LINUX_POLLPRI    0x2U
#define LINUX_POLLOUT    0x4U
#define LINUX_POLLERR    0x8U
#define LINUX_POLLHUP    0x10U
#define LINUX_POLLNVAL   0x20U
#define LINUX_POLLRDNORM 0x40U
#define LINUX_POLLRDBAND 0x80U
#define LINUX_POLLWRNORM 0x100U
#define LINUX_POLLWRBAND 0x200U
#define LINUX_POLLMSG    0x400U
#define LINUX_POLLREMOVE 0x1000U
#define LINUX_POLLRDHUP  0x2000U

struct linux_pollfd {
    int32_t fd;
    int16_t events;
    int16_t revents;
};
static_assert(sizeof(struct linux_pollfd) == 8, "struct pollfd");
static_assert(offsetof(struct linux_pollfd, revents) == 6, "struct pollfd");

/* Most descriptors that glibc's fd_set can name; the kernel's own sets may be longer. */
#define LINUX_FD_SETSIZE 1024

/* The sixth argument of pselect6(2) points to this. */
struct linux_pselect_sigmask {
    uint64_t ss;
    uint64_t ss_len;
};
static_assert(sizeof(struct linux_pselect_sigmask) == 16, "pselect6 argument");

#endif
