/* abi/xattr.h - extended attributes: xattr(7), setxattr(2). */
#ifndef CVISOR_ABI_XATTR_H
#define CVISOR_ABI_XATTR_H

#include <stdint.h>

#define LINUX_XATTR_CREATE           0x1U
#define LINUX_XATTR_REPLACE          0x2U
#define LINUX_XATTR_NAME_MAX         255
#define LINUX_XATTR_SIZE_MAX         65536
#define LINUX_XATTR_LIST_MAX         65536

#define LINUX_XATTR_USER_PREFIX      "user."
#define LINUX_XATTR_TRUSTED_PREFIX   "trusted."
#define LINUX_XATTR_SECURITY_PREFIX  "security."
#define LINUX_XATTR_SYSTEM_PREFIX    "system."
#define LINUX_XATTR_NAME_CAPS        "security.capability"
#define LINUX_XATTR_NAME_ACL_ACCESS  "system.posix_acl_access"
#define LINUX_XATTR_NAME_ACL_DEFAULT "system.posix_acl_default"

/* The value of an access control list: a header, then entries. */
#define LINUX_ACL_VERSION   2U
#define LINUX_ACL_USER_OBJ  0x01U
#define LINUX_ACL_USER      0x02U
#define LINUX_ACL_GROUP_OBJ 0x04U
#define LINUX_ACL_GROUP     0x08U
#define LINUX_ACL_MASK      0x10U
#define LINUX_ACL_OTHER     0x20U
struct linux_xattr_args { /* of setxattrat, getxattrat */
    uint64_t value;
    uint32_t size, flags;
};
struct linux_acl_header {
    uint32_t a_version;
};
struct linux_acl_entry {
    uint16_t e_tag, e_perm;
    uint32_t e_id;
};

#endif
