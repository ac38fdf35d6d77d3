#include "host/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

static int load_fd = -1;

int host_load_open(void)
{
    load_fd = host_openat(AT_FDCWD, "/proc/loadavg", O_RDONLY | O_CLOEXEC, 0);
    return load_fd < 0 ? load_fd : 0;
}

int host_running(void)
{
    char text[80];
    ssize_t n = load_fd < 0 ? -EBADF : host_pread64(load_fd, text, sizeof(text) - 1, 0);
    if (n < 0)
        return (int)n;
    text[n] = '\0';
    char *slash = strchr(text, '/'); /* "0.20 0.18 0.12 1/80 11206" */
    while (slash && slash > text && slash[-1] != ' ')
        slash--;
    return slash ? (int)strtol(slash, NULL, 10) : -EIO;
}
