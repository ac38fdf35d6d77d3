#include "runsc/memory_file.h"

#include <errno.h>
#include <linux/memfd.h>

#include "host/host.h"

int memory_file(const char *name, const void *buf, size_t len)
{
    int fd = host_memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return fd;
    ssize_t n = host_write(fd, buf, len);
    int r = n == (ssize_t)len ? 0 : n < 0 ? (int)n : -ENOSPC;
    if (r == 0)
        r = host_fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    if (r < 0) {
        (void)!host_close(fd);
        return r;
    }
    return fd;
}
