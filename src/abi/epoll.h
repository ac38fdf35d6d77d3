/* abi/epoll.h - epoll(7) instances. */
#ifndef CVISOR_ABI_EPOLL_H
#define CVISOR_ABI_EPOLL_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_EPOLL_CLOEXEC  02000000U
#define LINUX_EPOLL_CTL_ADD  1
#define LINUX_EPOLL_CTL_DEL  2
#define LINUX_EPOLL_CTL_MOD  3
#define LINUX_EPOLLIN        0x1U
#define LINUX_EPOLLPRI       0x2U
#define LINUX_EPOLLOUT       0x4U
#define LINUX_EPOLLERR       0x8U
#define LINUX_EPOLLHUP       0x10U
#define LINUX_EPOLLNVAL      0x20U
#define LINUX_EPOLLRDNORM    0x40U
#define LINUX_EPOLLRDBAND    0x80U
#define LINUX_EPOLLWRNORM    0x100U
#define LINUX_EPOLLWRBAND    0x200U
#define LINUX_EPOLLMSG       0x400U
#define LINUX_EPOLLRDHUP     0x2000U
#define LINUX_EPOLLEXCLUSIVE 0x10000000U
#define LINUX_EPOLLWAKEUP    0x20000000U
#define LINUX_EPOLLONESHOT   0x40000000U
#define LINUX_EPOLLET        0x80000000U

/* Packed on x86-64 only. */
struct linux_epoll_event {
    uint32_t events;
    uint64_t data;
} __attribute__((packed));
static_assert(sizeof(struct linux_epoll_event) == 12, "struct epoll_event");
static_assert(offsetof(struct linux_epoll_event, data) == 4, "struct epoll_event");

/* kcmp(KCMP_EPOLL_TFD): a target of an epoll instance. */
struct linux_kcmp_epoll_slot {
    uint32_t efd, tfd, toff;
};
static_assert(sizeof(struct linux_kcmp_epoll_slot) == 12, "struct kcmp_epoll_slot");

#endif
