/* Hearing of the host's kills when memory runs out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/heap.h"
#include "runsc/cgroup/cgroup_priv.h"

/* Version 1: an eventfd is tied to memory.oom_control; it counts once more when the group goes. */
static int v1_open(const char *dir)
{
    AUTO_FREE char *path = str_format("%s/memory.oom_control", dir);
    char text[64];
    if (!path)
        return -ENOMEM;
    int control = open(path, O_RDONLY | O_CLOEXEC);
    if (control < 0)
        return -errno;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = fd < 0 ? -errno : 0;
    if (r == 0) {
        (void)snprintf(text, sizeof text, "%d %d", fd, control);
        r = file_set(dir, "cgroup.event_control", text);
    }
    (void)close(control); /* the kernel keeps what it needs */
    if (r < 0 && fd >= 0)
        (void)close(fd);
    return r < 0 ? r : fd;
}

/* Version 2: memory.events changes. cgroup.events tells of the end of the last process, and so of the group's. */
static int v2_open(const char *dir)
{
    AUTO_FREE char *memory = str_format("%s/memory.events", dir);
    AUTO_FREE char *events = str_format("%s/cgroup.events", dir);
    if (!memory || !events)
        return -ENOMEM;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return -errno;
    int r = inotify_add_watch(fd, memory, IN_MODIFY) < 0 ? -errno : 0;
    if (r == 0 && inotify_add_watch(fd, events, IN_MODIFY) < 0)
        r = -errno;
    if (r < 0)
        (void)close(fd);
    return r < 0 ? r : fd;
}

int cgroup_oom_open(const struct cgroup *cg)
{
    const struct cgroup_ctl *m = &cg->ctl[CTL_MEMORY];
    if (!cg->exists || !m->dir)
        return -ENOENT;
    return m->v2 ? v2_open(m->dir) : v1_open(m->dir);
}

/* Version 1 tells before it kills: the number may be the old one still, and who compares would never hear of this one. */
int cgroup_oom_read(const struct cgroup *cg, int fd, uint64_t *ret_kills, bool *ret_gone)
{
    const struct cgroup_ctl *m = &cg->ctl[CTL_MEMORY];
    union {
        char text[4096];
        uint64_t count;
    } u;
    uint64_t told = 0;
    if (!m->dir)
        return -ENOENT;
    for (ssize_t n; (n = read(fd, &u, sizeof u)) > 0;)
        told += m->v2 || n != sizeof u.count ? 0 : u.count;
    ssize_t n = file_get(m->dir, m->v2 ? "memory.events" : "memory.oom_control", u.text, sizeof u);
    if (n < 0 && n != -ENOENT && n != -ENODEV)
        return (int)n;
    *ret_gone = n < 0;
    if (n >= 0)
        *cg->oom_kills = MAX(*cg->oom_kills + told, text_number(u.text, "oom_kill", 0));
    *ret_kills = *cg->oom_kills;
    return 0;
}
