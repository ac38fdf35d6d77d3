#include "runsc/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "host/host.h"
#include "runsc/sandbox_priv.h"

#define MAP_TEXT_MAX 4096 /* the kernel's limit */

struct text {
    char buf[MAP_TEXT_MAX];
    size_t len;
};

static int line_add(struct text *t, uint64_t inside, uint64_t outside, uint64_t count)
{
    int n = snprintf(t->buf + t->len, sizeof t->buf - t->len, "%llu %llu %llu\n",
                     (unsigned long long)inside, (unsigned long long)outside,
                     (unsigned long long)count);
    if (n < 0 || (size_t)n >= sizeof t->buf - t->len)
        return -E2BIG;
    t->len += (size_t)n;
    return 0;
}

/* The part of m whose ids of the host the container has, as its own. */
static int part_add(struct text *t, const struct oci_id_map *m, const struct oci_id_map *space)
{
    uint64_t from = MAX(m->host_id, space->host_id);
    uint64_t end = MIN((uint64_t)m->host_id + m->size, (uint64_t)space->host_id + space->size);
    if (from >= end)
        return 0;
    return line_add(t, m->container_id + (from - m->host_id),
                    space->container_id + (from - space->host_id), end - from);
}

static int map_text(const struct oci_id_maps *maps, const struct oci_id_maps *space,
                    struct text *ret)
{
    static const struct oci_id_map all = {.size = UINT32_MAX};
    int r = 0;
    ret->len = 0;
    for (uint32_t i = 0; r == 0 && i < maps->count; i++) {
        if (space->count == 0)
            r = part_add(ret, &maps->v[i], &all);
        for (uint32_t k = 0; r == 0 && k < space->count; k++)
            r = part_add(ret, &maps->v[i], &space->v[k]);
    }
    return r < 0 ? r : ret->len ? 0 : -EINVAL;
}

/* A descriptor of a user namespace with these maps. A process makes it and is ended. */
static int space_new(const struct text *uids, const struct text *gids, int proc_fd)
{
    char path[64];
    int wait[2];
    int r = host_pipe2(wait, O_CLOEXEC);
    if (r < 0)
        return r;
    pid_t pid = host_clone(CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0);
    if (pid == 0) {
        char c;
        (void)!host_close(wait[1]);
        (void)!host_read(wait[0], &c, 1); /* until it is killed, or runsc is gone */
        for (;;)
            (void)!host_exit_group(0);
    }
    (void)!host_close(wait[0]);
    r = pid < 0 ? pid : 0;
    if (r == 0) {
        (void)snprintf(path, sizeof path, "%d/uid_map", pid);
        r = spawn_file_write(proc_fd, path, uids->buf);
    }
    if (r == 0) {
        (void)snprintf(path, sizeof path, "%d/gid_map", pid);
        r = spawn_file_write(proc_fd, path, gids->buf);
    }
    if (r == 0) {
        (void)snprintf(path, sizeof path, "%d/ns/user", pid);
        r = host_openat(proc_fd, path, O_RDONLY | O_CLOEXEC, 0);
    }
    (void)!host_close(wait[1]);
    if (pid > 0) {
        (void)!host_kill(pid, SIGKILL);
        while (host_wait4(pid, NULL, __WALL, NULL) == -EINTR) {
        }
    }
    return r;
}

int idmap_apply(int mount, bool tree, const struct oci_id_maps *uids,
                const struct oci_id_maps *gids, const struct oci_id_maps *space_uids,
                const struct oci_id_maps *space_gids, int proc_fd)
{
    static struct text uid_text, gid_text;
    int r = map_text(uids, space_uids, &uid_text);
    if (r == 0)
        r = map_text(gids, space_gids, &gid_text);
    int fd = r < 0 ? r : space_new(&uid_text, &gid_text, proc_fd);
    if (fd < 0)
        return fd;
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)fd};
    r = host_mount_setattr(mount, "", AT_EMPTY_PATH | (tree ? AT_RECURSIVE : 0), &attr,
                           sizeof attr);
    (void)!host_close(fd);
    return r;
}
