/* memfd_create. */
#include "abi/mman.h"
#include "sentry/fs/tmpfs/tmpfs.h"
#include "sentry/syscalls/fs_priv.h"

#define MEMFD_NAME_MAX 249 /* what is left of NAME_MAX after "memfd:" */

int64_t sys_memfd_create(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 1);
    char name[MEMFD_NAME_MAX + 1];
    if (flags &
        ~(LINUX_MFD_CLOEXEC | LINUX_MFD_ALLOW_SEALING | LINUX_MFD_NOEXEC_SEAL | LINUX_MFD_EXEC))
        return -EINVAL; /* huge pages too: there are none */
    if ((flags & LINUX_MFD_NOEXEC_SEAL) && (flags & LINUX_MFD_EXEC))
        return -EINVAL;
    ssize_t n = copy_in_string(t, name, arg_uaddr(a, 0), sizeof(name));
    if (n < 0)
        return n == -ENAMETOOLONG ? -EINVAL : n;
    bool noexec = flags & LINUX_MFD_NOEXEC_SEAL;
    uint32_t seals = noexec                              ? LINUX_F_SEAL_EXEC
                     : (flags & LINUX_MFD_ALLOW_SEALING) ? 0
                                                         : LINUX_F_SEAL_SEAL;
    int r = fd_check_free(t);
    struct file *f = NULL;
    if (r == 0)
        r = tmpfs_file_new(t, name, noexec ? 0666 : 0777, seals, &f);
    return r != 0 ? r : fd_install(t, f, flags & LINUX_MFD_CLOEXEC);
}
