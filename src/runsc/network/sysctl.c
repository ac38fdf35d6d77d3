/* The net.* sysctls of a configuration, for the host's kernel to keep (--network=host). */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "host/host.h"
#include "runsc/network/network.h"

bool network_sysctl_is(const char *key)
{
    return str_starts(key, "net.") || str_starts(key, "net/");
}

/* "net.ipv4.ip_forward" or "net/ipv4/ip_forward": the file. -EINVAL: it would be elsewhere. */
static int sysctl_path(const char *key, char *path, size_t size)
{
    bool slashes = key[strcspn(key, "./")] == '/'; /* the first separator is it */
    const char *name;
    size_t len;
    int n = snprintf(path, size, "/proc/sys/%s", key);
    if (n < 0 || (size_t)n >= size)
        return -EINVAL;
    for (char *c = path + strlen("/proc/sys/"); !slashes && *c; c++)
        *c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
    for (const char *rest = path; path_component_next(&rest, &name, &len);)
        if (str_eq_n(".", name, len) || str_eq_n("..", name, len))
            return -EINVAL;
    return 0;
}

static int sysctl_write(const struct boot_sysctl *s)
{
    char path[256];
    int r = sysctl_path(s->key, path, sizeof path);
    int fd = r < 0 ? r : host_openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    ssize_t n = host_write(fd, s->value, strlen(s->value));
    (void)!host_close(fd);
    return n < 0 ? (int)n : 0;
}

static bool same_namespace(int a, int b)
{
    struct stat x, y;
    return host_fstat(a, &x) == 0 && host_fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

int network_sysctls(int netns, const struct boot_sysctl *v, uint32_t count, char *err)
{
    int own = host_openat(AT_FDCWD, "/proc/self/ns/net", O_RDONLY | O_CLOEXEC, 0);
    int r = own < 0 ? own : same_namespace(own, netns) ? -EBUSY : host_setns(netns, CLONE_NEWNET);
    if (r < 0)
        (void)snprintf(err, NETWORK_ERROR_MAX,
                       "linux.sysctl: the container's network namespace %s%s",
                       r == -EBUSY ? "is the host's, whose values are not a container's to set"
                                   : "cannot be entered: ",
                       r == -EBUSY ? "" : strerrordesc_np(-r));
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        if (!network_sysctl_is(v[i].key))
            continue;
        r = sysctl_write(&v[i]);
        if (r < 0)
            (void)snprintf(err, NETWORK_ERROR_MAX, "linux.sysctl: %.200s: %s", v[i].key,
                           strerrordesc_np(-r));
    }
    int back = own < 0 ? 0 : host_setns(own, CLONE_NEWNET);
    if (back < 0 && r == 0) {
        (void)snprintf(err, NETWORK_ERROR_MAX,
                       "linux.sysctl: cannot return to runsc's network namespace: %s",
                       strerrordesc_np(-back));
        r = back;
    }
    if (own >= 0)
        (void)!host_close(own);
    return r;
}
