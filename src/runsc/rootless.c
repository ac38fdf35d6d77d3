#include "runsc/rootless.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "oci/spec.h"
#include "runsc/flags.h"
#include "runsc/sandbox_priv.h"

#define MAPS_MAX 340u /* of a user namespace */

/* newuidmap or newgidmap, started before the namespaces are made: it must be in the old one. */
struct helper {
    const char *program;
    pid_t pid;
    int go; /* one byte: they are made */
};

static bool is_own(const struct oci_id_maps *m, uint32_t own)
{
    return !m || m->count == 0 ||
           (m->count == 1 && m->v[0].container_id == 0 && m->v[0].host_id == own &&
            m->v[0].size == 1);
}

static bool root_is_own(const struct oci_id_maps *m, uint32_t own)
{
    for (uint32_t i = 0; i < m->count; i++)
        if (m->v[i].container_id == 0)
            return m->v[i].host_id == own;
    return false;
}

static _Noreturn void helper_run(const char *program, const struct oci_id_maps *m, int go)
{
    static char numbers[1 + 3 * MAPS_MAX][12];
    char *argv[3 + 3 * MAPS_MAX], byte;
    size_t n = 0;
    argv[n++] = (char *)(uintptr_t)program;
    for (size_t i = 0; i <= 3 * (size_t)m->count; i++) {
        const struct oci_id_map *v = i ? &m->v[(i - 1) / 3] : NULL;
        uint32_t number = !v           ? (uint32_t)getppid()
                          : i % 3 == 1 ? v->container_id
                          : i % 3 == 2 ? v->host_id
                                       : v->size;
        (void)snprintf(numbers[i], sizeof numbers[i], "%u", number);
        argv[n++] = numbers[i];
    }
    argv[n] = NULL;
    if (read(go, &byte, 1) == 1)
        (void)execvp(program, argv);
    _exit(127);
}

static int helper_start(struct helper *h, const struct oci_id_maps *m)
{
    int link[2];
    if (pipe2(link, O_CLOEXEC) < 0)
        return -errno;
    h->pid = fork();
    int r = h->pid < 0 ? -errno : 0;
    if (h->pid == 0) {
        (void)close(link[1]);
        helper_run(h->program, m, link[0]);
    }
    (void)close(link[0]);
    h->go = link[1];
    return r;
}

/* It goes on, or, if not, ends. */
static int helper_end(struct helper *h, bool go, char *err)
{
    int status = -1;
    if (h->pid <= 0)
        return 0;
    if (go)
        (void)!write(h->go, "", 1);
    (void)close(h->go);
    while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!go || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return 0;
    sandbox_error(err, "%s %s: are the ids of linux.uidMappings and gidMappings the user's in %s?",
                  h->program,
                  WIFEXITED(status) && WEXITSTATUS(status) == 127
                      ? "cannot be started (package uidmap)"
                      : "refuses the map",
                  str_eq(h->program, "newuidmap") ? "/etc/subuid" : "/etc/subgid");
    return -EPERM;
}

static int map_own(int proc_fd, const char *file, uint32_t own)
{
    char text[64];
    (void)snprintf(text, sizeof text, "0 %u 1", own);
    int fd = openat(proc_fd, file, O_WRONLY | O_CLOEXEC);
    int r = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
    if (fd >= 0)
        (void)close(fd);
    return r;
}

static int setgroups_deny(int proc_fd)
{
    int fd = openat(proc_fd, "self/setgroups", O_WRONLY | O_CLOEXEC);
    int r = fd < 0 || write(fd, "deny", 4) < 0 ? -errno : 0;
    if (fd >= 0)
        (void)close(fd);
    return r;
}

int rootless_enter(int proc_fd, const struct oci_id_maps *uids, const struct oci_id_maps *gids,
                   char *err)
{
    uint32_t uid = geteuid(), gid = getegid();
    bool own_uid = is_own(uids, uid), own_gid = is_own(gids, gid);
    struct helper u = {.program = "newuidmap"}, g = {.program = "newgidmap"};
    if ((!own_uid && (!root_is_own(uids, uid) || uids->count > MAPS_MAX)) ||
        (!own_gid && (!root_is_own(gids, gid) || gids->count > MAPS_MAX))) {
        sandbox_error(
            err,
            "linux.uidMappings, gidMappings: 0 of the container must be %u and %u here: the "
            "user that runs it and its group; at most %u lines",
            uid, gid, MAPS_MAX);
        return -EINVAL;
    }
    int r = own_uid ? 0 : helper_start(&u, uids);
    if (r == 0 && !own_gid)
        r = helper_start(&g, gids);
    if (r == 0)
        r = host_unshare(CLONE_NEWUSER | CLONE_NEWNS);
    bool apart = r == 0;
    int failed = helper_end(&u, r == 0, err);
    failed = helper_end(&g, r == 0 && failed == 0, err) < 0 ? -EPERM : failed;
    r = r < 0 ? r : failed;
    if (r == 0 && own_uid)
        r = map_own(proc_fd, "self/uid_map", uid);
    if (r == -EPERM && apart && failed == 0 && uid == 0) /* since Linux 5.12 */
        sandbox_error(err,
                      "root cannot be mapped into a user namespace without CAP_SETFCAP; add it "
                      "(Docker: --cap-add=SETFCAP), or be another user");
    if (r == 0 && own_gid) { /* who may not change groups must first promise not to */
        (void)!setgroups_deny(proc_fd);
        r = map_own(proc_fd, "self/gid_map", gid);
    }
    return r;
}

/* ---- maps as text ---- */

static bool number(const char **at, uint32_t *ret)
{
    char *end;
    *at += strspn(*at, " ");
    unsigned long long v = strtoull(*at, &end, 10);
    if (end == *at || **at == '-' || v > UINT32_MAX)
        return false;
    *at = end;
    *ret = (uint32_t)v;
    return true;
}

int id_maps_read(const char *flag, const char *text, struct oci_id_maps *ret, char *err)
{
    struct oci_id_maps m = {.v = calloc(MAPS_MAX, sizeof *m.v)};
    const char *p = text;
    bool ok = m.v && *p;
    while (ok && *p) {
        struct oci_id_map *v = &m.v[m.count];
        ok = number(&p, &v->container_id) && number(&p, &v->host_id) && number(&p, &v->size) &&
             v->size > 0;
        p += strspn(p, " ");
        ok = ok && (*p == ',' || !*p) && (*p != ',' || p[1]) && ++m.count < MAPS_MAX;
        p += *p == ',';
    }
    if (ok) {
        *ret = m;
        return 0;
    }
    (void)snprintf(err, FLAGS_ERROR_MAX,
                   "-%s \"%.100s\": write \"INSIDE OUTSIDE COUNT\", several with commas", flag,
                   text);
    int r = m.v ? -EINVAL : -ENOMEM;
    free(m.v);
    return r;
}
