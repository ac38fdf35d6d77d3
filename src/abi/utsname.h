/* abi/utsname.h - uname(2). */
#ifndef CVISOR_ABI_UTSNAME_H
#define CVISOR_ABI_UTSNAME_H

#include <assert.h>

#define LINUX_UTS_LEN 64

struct linux_utsname {
    char sysname[LINUX_UTS_LEN + 1];
    char nodename[LINUX_UTS_LEN + 1];
    char release[LINUX_UTS_LEN + 1];
    char version[LINUX_UTS_LEN + 1];
    char machine[LINUX_UTS_LEN + 1];
    char domainname[LINUX_UTS_LEN + 1];
};
static_assert(sizeof(struct linux_utsname) == 390, "struct new_utsname");

#endif
