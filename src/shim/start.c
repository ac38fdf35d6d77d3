/* `start`: which shim serves this container, and its start. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/str.h"
#include "shim/cli.h"
#include "shim/file.h"
#include "shim/sha256.h"

#define OPTIONS_MAX ((size_t)1 << 20)

static const char *const group_keys[] = {"io.kubernetes.cri.sandbox-id",
                                         "io.containerd.runc.v2.group"};

/* The id that names the shim: the pod's, or the container's own. NULL: out of memory. */
static char *group_of(const struct cli *c, const struct options *o)
{
    const char *group = c->id;
    json_t *config = json_load_file("config.json", 0, NULL);
    json_t *annotations = json_object_get(config, "annotations");
    for (size_t i = 0; i < ARRAY_SIZE(group_keys) && o->grouping && group == c->id; i++) {
        const char *v = json_string_value(json_object_get(annotations, group_keys[i]));
        if (v && v[0])
            group = v;
    }
    char *copy = strdup(group);
    json_decref(config);
    return copy;
}

/* As containerd's own shims name it. */
static int socket_name(const struct cli *c, const char *group, struct sockaddr_un *ret)
{
    AUTO_FREE char *text = NULL;
    if (asprintf(&text, "%s/%s/%s", c->address, c->namespace, group) < 0) {
        text = NULL;
        return -ENOMEM;
    }
    char hex[SHA256_HEX_BYTES];
    sha256_hex(text, strlen(text), hex);
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(ret->sun_path, sizeof ret->sun_path, SOCKET_FOLDER "/%s", hex);
    return 0;
}

/* 1: a shim answers there; 0: nobody does any more. */
static int socket_is_served(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int r = connect(fd, (const struct sockaddr *)a, sizeof *a) == 0 ? 1
            : errno == ECONNREFUSED || errno == ENOENT              ? 0
                                                                    : -errno;
    (void)close(fd);
    return r;
}

static int socket_listen(const struct sockaddr_un *a)
{
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0)
        return -errno;
    int fd = fcntl(made, F_DUPFD_CLOEXEC, SPAWN_FD_MIN);
    (void)close(made);
    if (fd < 0)
        return -errno;
    mode_t old = umask(0177);
    int r =
        bind(fd, (const struct sockaddr *)a, sizeof *a) < 0 || listen(fd, 128) < 0 ? -errno : fd;
    (void)umask(old);
    if (r < 0)
        (void)close(fd);
    return r;
}

/* The descriptor to listen on, or -EADDRINUSE: another shim does. */
static int socket_make(const struct sockaddr_un *a)
{
    if ((mkdir("/run/containerd", 0711) < 0 && errno != EEXIST) ||
        (mkdir(SOCKET_FOLDER, 0711) < 0 && errno != EEXIST))
        return -errno;
    int fd = socket_listen(a);
    if (fd != -EADDRINUSE)
        return fd;
    int served = socket_is_served(a);
    if (served != 0)
        return served < 0 ? served : -EADDRINUSE;
    (void)unlink(a->sun_path);
    return socket_listen(a);
}

static int daemon_spawn(const struct cli *c, const char *socket, int fd, int starter,
                        pid_t *ret_pid)
{
    const char *args[20] = {"containerd-shim-runsc-v1",
                            "-namespace",
                            c->namespace,
                            "-id",
                            c->id,
                            "-address",
                            c->address,
                            "-socket",
                            socket};
    size_t n = 9;
    if (c->publish_binary) {
        args[n++] = "-publish-binary";
        args[n++] = c->publish_binary;
    }
    if (c->debug)
        args[n++] = "-debug";
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    if (posix_spawn_file_actions_init(&fa) != 0 || posix_spawnattr_init(&at) != 0)
        return -ENOMEM;
    int r = 0;
    for (int i = 0; i < 3 && r == 0; i++)
        r = posix_spawn_file_actions_addopen(&fa, i, "/dev/null", O_RDWR, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&fa, fd, SOCKET_FD);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&fa, starter, STARTER_FD);
    if (r == 0)
        r = posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSID);
    if (r == 0)
        r = posix_spawn(ret_pid, "/proc/self/exe", &fa, &at, (char *const *)(uintptr_t)args,
                        environ);
    (void)posix_spawnattr_destroy(&at);
    (void)posix_spawn_file_actions_destroy(&fa);
    return -r;
}

/* The host should rather end the shim than containerd, and neither before the containers. */
static void oom_score_adjust(pid_t pid)
{
    char path[64], text[16];
    (void)snprintf(path, sizeof path, "/proc/%d/oom_score_adj", getppid());
    AUTO_FREE char *parent = NULL;
    size_t len;
    if (file_read(AT_FDCWD, path, 64, &parent, &len) < 0)
        return;
    long score = strtol(parent, NULL, 10) + 1;
    (void)snprintf(path, sizeof path, "/proc/%d/oom_score_adj", pid);
    int n = snprintf(text, sizeof text, "%ld", MIN(score, 1000L));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!write(fd, text, (size_t)n);
    (void)close(fd);
}

/* The configured cgroup, which exists, in every hierarchy that has it. */
static int shim_cgroup_join(const char *path, pid_t pid)
{
    static const char *const roots[] = {"",         "/unified", "/cpu",    "/cpuacct",
                                        "/cpuset",  "/memory",  "/pids",   "/blkio",
                                        "/freezer", "/devices", "/systemd"};
    bool joined = false;
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        char file[PATH_MAX], text[16];
        (void)snprintf(file, sizeof file, "/sys/fs/cgroup%s/%s/cgroup.procs", roots[i], path);
        int fd = open(file, O_WRONLY | O_CLOEXEC);
        int n = snprintf(text, sizeof text, "%d", pid);
        if (fd < 0)
            continue;
        joined |= write(fd, text, (size_t)n) == n;
        (void)close(fd);
    }
    return joined ? 0 : -ENOENT;
}

/* *ret_tell stays open, also after a failure: a byte in it says that our caller has the address. */
static int start_new(const struct cli *c, const struct options *o, const char *socket, int fd,
                     int *ret_tell)
{
    pid_t pid;
    int pair[2];
    int r = pipe2(pair, O_CLOEXEC) < 0 ? -errno : 0;
    if (r == 0) {
        int starter = fcntl(pair[0], F_DUPFD_CLOEXEC, SPAWN_FD_MIN);
        r = starter < 0 ? -errno : daemon_spawn(c, socket, fd, starter, &pid);
        (void)close(pair[0]);
        if (starter >= 0)
            (void)close(starter);
        *ret_tell = pair[1];
    }
    if (r < 0)
        return cli_fail("start: %s", strerror(-r));
    oom_score_adjust(pid);
    r = o->shim_cgroup && o->shim_cgroup[0] ? shim_cgroup_join(o->shim_cgroup, pid) : 0;
    return r < 0 ? cli_fail("shim_cgroup %s: %s", o->shim_cgroup, strerror(-r)) : 0;
}

static int start_group(const struct cli *c, const struct options *o, const char *group)
{
    struct sockaddr_un a;
    int r = socket_name(c, group, &a);
    if (r < 0)
        return cli_fail("%s", strerror(-r));
    /* Written first: by it `delete` finds the socket if we die on the way. */
    char address[sizeof a.sun_path + 8];
    int n = snprintf(address, sizeof address, "unix://%s", a.sun_path);
    r = file_write("address", address, (size_t)n);
    if (r < 0)
        return cli_fail("address: %s", strerror(-r));
    int fd = socket_make(&a), tell = -1;
    if (fd < 0 && fd != -EADDRINUSE)
        return cli_fail("%s: %s", a.sun_path, strerror(-fd));
    if (fd >= 0) {
        r = start_new(c, o, a.sun_path, fd, &tell);
        (void)close(fd);
        if (r)
            (void)unlink(a.sun_path);
    }
    if (!r)
        r = printf("%s", address) == n && fflush(stdout) == 0 ? 0 : 1;
    if (!r && tell >= 0 && write(tell, "", 1) != 1)
        r = cli_fail("the shim has ended");
    if (tell >= 0)
        (void)close(tell);
    return r;
}

int cli_start(const struct cli *c)
{
    struct options o;
    options_init(&o);
    AUTO_FREE char *packed = NULL;
    size_t len = 0;
    char err[OPTIONS_ERROR_MAX];
    if (!isatty(0) && file_read(AT_FDCWD, "/proc/self/fd/0", OPTIONS_MAX, &packed, &len) < 0)
        len = 0;
    int r = options_load(&o, packed, len, err);
    AUTO_FREE char *group = r == 0 ? group_of(c, &o) : NULL;
    int status = r < 0   ? cli_fail("%s", err)
                 : group ? start_group(c, &o, group)
                         : cli_fail("%s", strerror(ENOMEM));
    options_done(&o);
    return status;
}
