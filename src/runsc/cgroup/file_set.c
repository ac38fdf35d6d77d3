/* The one way to change something in a group; unit tests have their own in its place. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "runsc/cgroup/cgroup_priv.h"

int file_set(const char *dir, const char *file, const char *value)
{
    int fd = file_open(dir, file, O_WRONLY);
    if (fd < 0)
        return fd;
    ssize_t n;
    do
        n = write(fd, value, strlen(value));
    while (n < 0 &&
           errno == EINTR); /* a limit below what is in use: interrupted while it reclaims */
    int r = n < 0 ? -errno : 0;
    (void)close(fd);
    return r;
}
