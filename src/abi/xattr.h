/* abi/xattr.h - extended attributes: xattr(7), setxattr(2). */
#ifndef CVISOR_ABI_XATTR_H
#define CVISOR_ABI_XATTR_H

#define LINUX_XATTR_CREATE          0x1U
#define LINUX_XATTR_REPLACE         0x2U
#define LINUX_XATTR_NAME_MAX        255
#define LINUX_XATTR_SIZE_MAX        65536
#define LINUX_XATTR_LIST_MAX        65536

#define LINUX_XATTR_USER_PREFIX     "user."
#define LINUX_XATTR_TRUSTED_PREFIX  "trusted."
#define LINUX_XATTR_SECURITY_PREFIX "security."
#define LINUX_XATTR_SYSTEM_PREFIX   "system."
#define LINUX_XATTR_NAME_CAPS       "security.capability"

#endif
