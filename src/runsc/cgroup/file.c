/* Files of the cgroup file systems, and the lines that say what went wrong. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/heap.h"
#include "runsc/cgroup/cgroup_priv.h"

const char *const controller_names[CTL_COUNT] = {
    [CTL_MEMORY] = "memory",     [CTL_CPU] = "cpu",
    [CTL_CPUACCT] = "cpuacct",   [CTL_CPUSET] = "cpuset",
    [CTL_PIDS] = "pids",         [CTL_BLKIO] = "blkio",
    [CTL_HUGETLB] = "hugetlb",   [CTL_DEVICES] = "devices",
    [CTL_FREEZER] = "freezer",   [CTL_NET_CLS] = "net_cls",
    [CTL_NET_PRIO] = "net_prio", [CTL_RDMA] = "rdma",
    [CTL_MISC] = "misc",         [CTL_PERF_EVENT] = "perf_event",
    [CTL_SYSTEMD] = "systemd",   [CTL_UNIFIED] = "unified",
};

void cgroup_error(char *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(err, CGROUP_ERROR_MAX, fmt, ap);
    va_end(ap);
}

void cgroup_warn(struct cgroup *cg, const char *fmt, ...)
{
    va_list ap;
    if (cg->warning[0])
        return;
    va_start(ap, fmt);
    (void)vsnprintf(cg->warning, sizeof cg->warning, fmt, ap);
    va_end(ap);
}

char *str_format(const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    return n < 0 ? NULL : s;
}

int file_open(const char *dir, const char *file, int flags)
{
    AUTO_FREE char *path = str_format("%s/%s", dir, file);
    if (!path)
        return -ENOMEM;
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

ssize_t file_get(const char *dir, const char *file, char *buf, size_t cap)
{
    int fd = file_open(dir, file, O_RDONLY);
    if (fd < 0)
        return fd;
    size_t len = 0;
    ssize_t n = 0;
    while (len < cap - 1 && (n = read(fd, buf + len, cap - 1 - len)) > 0)
        len += (size_t)n;
    int r = n < 0 ? -errno : 0;
    (void)close(fd);
    buf[len] = '\0';
    return r < 0 ? r : (ssize_t)len;
}

int file_number(const char *dir, const char *file, uint64_t *ret)
{
    char text[64];
    ssize_t n = file_get(dir, file, text, sizeof text);
    if (n < 0)
        return (int)n;
    if (strncmp(text, "max", 3) == 0) {
        *ret = UINT64_MAX;
        return 0;
    }
    char *end;
    uint64_t v = text[0] == '-' ? (uint64_t)strtoll(text, &end, 10) : strtoull(text, &end, 10);
    if (end == text)
        return -EINVAL;
    *ret = v;
    return 0;
}

uint64_t text_number(const char *text, const char *key, uint64_t none)
{
    size_t len = strlen(key);
    for (const char *line = text; line && *line;) {
        if (strncmp(line, key, len) == 0 && line[len] == ' ') {
            if (strncmp(line + len + 1, "max", 3) == 0)
                return UINT64_MAX;
            return strtoull(line + len + 1, NULL, 10);
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return none;
}

bool text_u32(const char **text, uint32_t *ret)
{
    const char *p = *text;
    while (*p == ' ')
        p++;
    char *end;
    unsigned long v = *p >= '0' && *p <= '9' ? strtoul(p, &end, 10) : ULONG_MAX;
    if (v > UINT32_MAX)
        return false;
    *text = end;
    *ret = (uint32_t)v;
    return true;
}

bool file_exists(const char *dir, const char *file)
{
    AUTO_FREE char *path = str_format("%s/%s", dir, file);
    return path && access(path, F_OK) == 0;
}

bool word_in(const char *list, const char *word, char sep)
{
    size_t len = strlen(word);
    for (const char *p = list; p;) {
        if (strncmp(p, word, len) == 0 && (p[len] == sep || p[len] == '\0' || p[len] == '\n'))
            return true;
        p = strchr(p, sep);
        p = p ? p + 1 : NULL;
    }
    return false;
}

void ctl_error(const struct cgroup *cg, enum controller c, const char *file, const char *value,
               int r, char *err)
{
    const char *dir = cg->ctl[c].dir;
    if (!dir)
        cgroup_error(err, "cgroup: cannot set %s to %s: the host has no controller %s", file, value,
                     controller_names[c]);
    else if (r == -ENOENT)
        cgroup_error(err, "cgroup: cannot set %s to %s: no such file in %s", file, value, dir);
    else
        cgroup_error(err, "cgroup: cannot write %s to %s/%s: %s", value, dir, file, strerror(-r));
}

int ctl_set(struct cgroup *cg, enum controller c, const char *file, const char *value, char *err)
{
    int r = cg->ctl[c].dir ? file_set(cg->ctl[c].dir, file, value) : -ENOENT;
    if (r < 0)
        ctl_error(cg, c, file, value, r, err);
    return r;
}

int ctl_set_int(struct cgroup *cg, enum controller c, const char *file, int64_t value, char *err)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    return ctl_set(cg, c, file, text, err);
}
