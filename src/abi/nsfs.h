/* abi/nsfs.h - ioctl_ns(2). */
#pragma once

#define LINUX_NS_GET_USERNS    0xb701U
#define LINUX_NS_GET_PARENT    0xb702U
#define LINUX_NS_GET_NSTYPE    0xb703U
#define LINUX_NS_GET_OWNER_UID 0xb704U
