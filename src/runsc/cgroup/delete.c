/* The processes in the groups, stopping them, ending them, removing the groups. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/str.h"
#include "host/host.h"
#include "runsc/cgroup/cgroup_priv.h"
#include "runsc/cgroup/systemd.h"

#define WAIT_MS  ((int64_t)10 * 1000)
#define PIDS_MAX 4096

static int64_t now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- walking the groups below one ---- */

/* Calls visit for every group below dir, deepest first, then for dir. -ENOENT: dir is not there. */
static int dirs_walk(const char *dir, unsigned depth, int (*visit)(const char *dir, void *arg),
                     void *arg)
{
    DIR *d = opendir(dir);
    if (!d)
        return -errno;
    int r = 0;
    for (struct dirent *e; r >= 0 && depth < DIR_MAX_DEPTH && (e = readdir(d));) {
        if (e->d_type != DT_DIR || e->d_name[0] == '.')
            continue;
        AUTO_FREE char *child = str_format("%s/%s", dir, e->d_name);
        r = child ? dirs_walk(child, depth + 1, visit, arg) : -ENOMEM;
        r = r == -ENOENT ? 0 : r; /* removed meanwhile */
    }
    (void)closedir(d);
    return r < 0 ? r : visit(dir, arg);
}

struct pid_list {
    pid_t *v;
    size_t count, max;
};

static bool pid_listed(const struct pid_list *list, pid_t pid)
{
    for (size_t i = 0; i < list->count && i < list->max; i++)
        if (list->v[i] == pid)
            return true;
    return false;
}

static void pid_add(struct pid_list *list, pid_t pid)
{
    if (pid_listed(list, pid))
        return;
    if (list->count < list->max)
        list->v[list->count] = pid;
    list->count++;
}

static int dir_processes(const char *dir, void *arg)
{
    AUTO_FREE char *path = str_format("%s/cgroup.procs", dir);
    FILE *f = path ? fopen(path, "re") : NULL;
    if (!f)
        return path ? -errno : -ENOMEM;
    char line[32];
    int r = 0;
    while (r == 0 && fgets(line, sizeof line, f))
        pid_add(arg, (pid_t)strtol(line, NULL, 10)); /* 0: of another pid namespace */
    r = ferror(f) ? -EIO : 0; /* a threaded group: its processes are in the one around it */
    (void)fclose(f);
    return r == -EIO ? 0 : r;
}

static int all_processes(const struct cgroup *cg, struct pid_list *list)
{
    for (enum controller c = 0; c < CTL_COUNT; c++) {
        if (!dir_is_first(cg, c))
            continue;
        int r = dirs_walk(cg->ctl[c].dir, 0, dir_processes, list);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    return 0;
}

ssize_t cgroup_processes(const struct cgroup *cg, pid_t *ret, size_t max)
{
    pid_t some[PIDS_MAX];
    struct pid_list list = {.v = ret, .max = max};
    if (!ret) /* to see each but once */
        list = (struct pid_list){.v = some, .max = PIDS_MAX};
    int r = all_processes(cg, &list);
    return r < 0 ? r : (ssize_t)list.count;
}

/* ---- freezing ---- */

/* Until the file of version 2 says so: it is an event. */
static int v2_frozen_wait(const char *dir, bool frozen)
{
    AUTO_FREE char *path = str_format("%s/cgroup.events", dir);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return path ? -errno : -ENOMEM;
    int r = -ETIMEDOUT;
    for (int64_t end = now_ms() + WAIT_MS, now; (now = now_ms()) < end;) {
        char text[256];
        ssize_t n = pread(fd, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        if (text_number(text, "frozen", 0) == frozen) {
            r = 0;
            break;
        }
        struct pollfd p = {.fd = fd, .events = POLLPRI};
        (void)poll(&p, 1, (int)(end - now));
    }
    (void)close(fd);
    return r;
}

/* Version 1 has no event; reading the state is what makes it look again. */
static int v1_freeze(const char *dir, bool frozen)
{
    const char *want = frozen ? "FROZEN" : "THAWED";
    char text[16];
    int64_t end = now_ms() + WAIT_MS;
    for (struct timespec pause = {.tv_nsec = 20000};;
         pause.tv_nsec *= pause.tv_nsec < 10000000 ? 2 : 1) {
        int r = file_set(dir, "freezer.state", want);
        ssize_t n = r < 0 ? r : file_get(dir, "freezer.state", text, sizeof text);
        if (n < 0)
            return (int)n;
        if (str_starts(text, want))
            return 0;
        if (now_ms() > end)
            return -ETIMEDOUT;
        (void)nanosleep(&pause, NULL);
    }
}

int cgroup_freeze(struct cgroup *cg, bool frozen, char *err)
{
    const struct cgroup_ctl *ctl = &cg->ctl[CTL_FREEZER];
    if (!cg->exists)
        return 0;
    if (!ctl->dir) {
        cgroup_error(err, "cgroup: the host has no controller freezer");
        return -ENOENT;
    }
    int r = 0;
    if (ctl->v2) {
        r = file_set(ctl->dir, "cgroup.freeze", frozen ? "1" : "0");
        if (r == 0)
            r = v2_frozen_wait(ctl->dir, frozen);
        if (r == -ETIMEDOUT)
            (void)!file_set(ctl->dir, "cgroup.freeze", "0");
    } else {
        r = v1_freeze(ctl->dir, frozen);
        if (r == -ETIMEDOUT)
            (void)!file_set(ctl->dir, "freezer.state", "THAWED");
    }
    if (r < 0)
        cgroup_error(err, "cgroup: cannot %s %s: %s", frozen ? "freeze" : "thaw", ctl->dir,
                     strerror(-r));
    return r;
}

/* ---- the end ---- */

/* Kills what is there and waits for it, but for those whose end is no event for us. */
static void kill_round(const struct cgroup *cg, int64_t end)
{
    pid_t pids[PIDS_MAX], again[PIDS_MAX];
    struct pid_list list = {.v = pids, .max = PIDS_MAX};
    struct pid_list now = {.v = again, .max = PIDS_MAX};
    int fds[PIDS_MAX];
    const char *v2 = cg->unified ? cg->ctl[CTL_UNIFIED].dir : NULL;
    if (all_processes(cg, &list) < 0)
        return;
    size_t n = MIN(list.count, list.max);
    for (size_t i = 0; i < n; i++)
        fds[i] = pids[i] > 0 && pids[i] != getpid() ? host_pidfd_open(pids[i], 0) : -1;
    bool killed = v2 && file_set(v2, "cgroup.kill", "1") == 0; /* since Linux 5.14 */
    /* A number may have gone to a process of somebody else before it was opened; one that is in the list still has not. */
    if (!killed && all_processes(cg, &now) < 0)
        now.count = 0;
    for (size_t i = 0; i < n && !killed; i++)
        if (fds[i] >= 0 && pid_listed(&now, pids[i]))
            (void)!host_pidfd_send_signal(fds[i], SIGKILL, NULL, 0);
    /* What is frozen in version 1 dies when it goes on. */
    const struct cgroup_ctl *f = &cg->ctl[CTL_FREEZER];
    if (f->dir && !f->v2)
        (void)!file_set(f->dir, "freezer.state", "THAWED");
    for (size_t i = 0; i < n; i++) {
        if (fds[i] < 0)
            continue;
        int64_t left = end - now_ms();
        struct pollfd p = {.fd = fds[i], .events = POLLIN};
        if (left > 0)
            (void)poll(&p, 1, (int)left);
        (void)close(fds[i]);
    }
}

struct removal {
    const struct cgroup *cg;
    int64_t end;
};

/* A group is busy for a moment after its last process has gone; version 2 says when it is empty. */
static void busy_wait(const char *dir, unsigned attempt)
{
    AUTO_FREE char *path = str_format("%s/cgroup.events", dir);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    int ms = attempt < 8 ? 1 << attempt : 200;
    struct pollfd p = {.fd = fd, .events = POLLPRI};
    char text[256];
    if (fd >= 0)
        (void)!read(fd, text, sizeof text);
    (void)poll(&p, 1, ms); /* no fd: just the time */
    if (fd >= 0)
        (void)close(fd);
}

static int dir_remove(const char *dir, void *arg)
{
    const struct removal *rm = arg;
    for (unsigned attempt = 0;; attempt++) {
        if (rmdir(dir) == 0 || errno == ENOENT)
            return 0;
        int r = -errno;
        if (r != -EBUSY || now_ms() > rm->end)
            return r;
        kill_round(rm->cg, rm->end);
        if (rmdir(dir) == 0 || errno == ENOENT)
            return 0;
        busy_wait(dir, attempt);
    }
}

int cgroup_delete(struct cgroup *cg, char *err)
{
    struct removal rm = {.cg = cg, .end = now_ms() + WAIT_MS};
    if (!cg->exists)
        return 0;
    kill_round(cg, rm.end);
    if (cg->unit)
        systemd_stop(cg);
    int result = 0;
    for (enum controller c = 0; c < CTL_COUNT; c++) {
        if (!dir_is_first(cg, c))
            continue;
        int r = dirs_walk(cg->ctl[c].dir, 0, dir_remove, &rm);
        if (r < 0 && r != -ENOENT && result == 0) {
            cgroup_error(err, "cgroup: cannot remove %s: %s", cg->ctl[c].dir, strerror(-r));
            result = r;
        }
    }
    if (result == 0)
        cg->exists = false;
    return result;
}
