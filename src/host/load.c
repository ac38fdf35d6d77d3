#include "host/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

static int load_fd = -1, cpus;

/* How many numbers "0-3,6" has. */
static int list_count(const char *text)
{
    int n = 0;
    while (*text >= '0' && *text <= '9') {
        char *end;
        long first = strtol(text, &end, 10), last = *end == '-' ? strtol(end + 1, &end, 10) : first;
        n += last >= first && last < 65536 ? (int)(last - first) + 1 : 0;
        text = *end == ',' ? end + 1 : end;
    }
    return n;
}

static int cpus_read(void)
{
    char text[512];
    int fd = host_openat(AT_FDCWD, "/sys/devices/system/cpu/online", O_RDONLY | O_CLOEXEC, 0);
    ssize_t n = fd < 0 ? -1 : host_pread64(fd, text, sizeof(text) - 1, 0);
    if (fd >= 0)
        (void)!host_close(fd);
    if (n < 0)
        return 0;
    text[n] = '\0';
    return list_count(text);
}

int host_cpus(void) { return cpus; }

int host_load_open(void)
{
    cpus = cpus_read();
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
