#include "shim/oom.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int open_in(const char *dir, const char *file, int flags)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, file) >= (int)sizeof path)
        return -ENAMETOOLONG;
    int fd = open(path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static uint64_t kills_read(int fd)
{
    char text[512];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n <= 0)
        return 0;
    text[n] = 0;
    const char *at = strstr(text, "oom_kill ");
    return at ? strtoull(at + strlen("oom_kill "), NULL, 10) : 0;
}

void oom_watch_check(struct oom_watch *w)
{
    uint64_t kills = w->loop ? kills_read(w->count_fd) : 0;
    if (!w->loop || kills <= w->kills)
        return;
    w->kills = kills;
    w->fn(w);
}

/* Version 1 tells before it kills: the number may be the old one still, and nobody would look again. */
static void oom_told(struct oom_watch *w, uint64_t count)
{
    w->kills = MAX(w->kills + count, kills_read(w->count_fd));
    w->fn(w);
}

static void oom_event(struct watch *watch, uint32_t events)
{
    struct oom_watch *w = container_of(watch, struct oom_watch, watch);
    uint64_t count = 0;
    char text[512];
    if (w->event_fd >= 0 && read(w->event_fd, &count, sizeof count) != sizeof count)
        count = 0;
    /* Once the group is gone nothing can be read, and the event would never end. */
    if (pread(w->count_fd, text, sizeof text, 0) < 0)
        watch_del(w->loop, &w->watch);
    else if (count > 0)
        oom_told(w, count);
    else
        oom_watch_check(w);
}

static int v1_start(struct oom_watch *w, const char *dir)
{
    w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->event_fd < 0)
        return -errno;
    w->count_fd = open_in(dir, "memory.oom_control", O_RDONLY);
    w->control_fd = open_in(dir, "cgroup.event_control", O_WRONLY);
    if (w->count_fd < 0 || w->control_fd < 0)
        return -ENODATA;
    char line[64];
    int n = snprintf(line, sizeof line, "%d %d", w->event_fd, w->count_fd);
    if (write(w->control_fd, line, (size_t)n) < 0)
        return -errno;
    return watch_add(w->loop, &w->watch, w->event_fd, EPOLLIN, oom_event);
}

static int v2_start(struct oom_watch *w, const char *dir)
{
    w->count_fd = open_in(dir, "memory.events", O_RDONLY);
    if (w->count_fd < 0)
        return -ENODATA;
    return watch_add(w->loop, &w->watch, w->count_fd, EPOLLPRI, oom_event);
}

int oom_watch_start(struct oom_watch *w, struct loop *l, const struct metrics *m,
                    void (*fn)(struct oom_watch *w))
{
    *w = (struct oom_watch){.loop = l, .event_fd = -1, .control_fd = -1, .count_fd = -1, .fn = fn};
    const char *dir = m->path[m->v2 ? 0 : METRICS_MEMORY];
    int r = !dir ? -ENODATA : m->v2 ? v2_start(w, dir) : v1_start(w, dir);
    if (r == 0)
        w->kills = kills_read(w->count_fd);
    else
        oom_watch_stop(w);
    return r;
}

void oom_watch_stop(struct oom_watch *w)
{
    if (!w->loop)
        return;
    watch_del(w->loop, &w->watch);
    const int fds[] = {w->event_fd, w->control_fd, w->count_fd};
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    w->loop = NULL;
}
