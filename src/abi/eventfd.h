/* abi/eventfd.h - eventfd2(2) flags. */
#ifndef CVISOR_ABI_EVENTFD_H
#define CVISOR_ABI_EVENTFD_H

#define LINUX_EFD_SEMAPHORE 01U
#define LINUX_EFD_CLOEXEC   02000000U
#define LINUX_EFD_NONBLOCK  04000U

#endif
