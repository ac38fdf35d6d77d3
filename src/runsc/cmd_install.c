/* runsc install, uninstall: enter this program as a runtime into the configuration of Docker and of containerd, and take it out
 * again. Both may be run as often as one likes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "runsc/command.h"
#include "runsc/engine_config.h"
#include "runsc/report.h"

#define FILE_MAX   ((size_t)4 << 20)
#define DOCKER     "/etc/docker/daemon.json"
#define CONTAINERD "/etc/containerd/config.toml"

enum install_flag {
    IN_CONFIG_FILE,
    IN_CONTAINERD,
    IN_RUNTIME,
    IN_EXPERIMENTAL,
    IN_CLOBBER,
    IN_CGROUPDRIVER
};
#define COMMON_FLAGS                                                                               \
    [IN_CONFIG_FILE] = {.name = "config_file",                                                     \
                        .kind = FLAG_STRING,                                                       \
                        .value = DOCKER,                                                           \
                        .help = "Docker's configuration; empty: leave it alone"},                  \
    [IN_CONTAINERD] =                                                                              \
        {.name = "containerd_config",                                                              \
         .kind = FLAG_STRING,                                                                      \
         .value = CONTAINERD,                                                                      \
         .help = "containerd's configuration, if its directory is there; empty: leave it alone"},  \
    [IN_RUNTIME] = {                                                                               \
        .name = "runtime", .kind = FLAG_STRING, .value = "runsc", .help = "name of the runtime"}
static struct flag install_flags[] = {
    COMMON_FLAGS,
    [IN_EXPERIMENTAL] = {.name = "experimental",
                         .kind = FLAG_BOOL,
                         .value = "false",
                         .help = "enable Docker's experimental functions"},
    [IN_CLOBBER] = {.name = "clobber",
                    .kind = FLAG_BOOL,
                    .value = "true",
                    .help = "replace another runtime of that name"},
    [IN_CGROUPDRIVER] = {.name = "cgroupdriver",
                         .kind = FLAG_STRING,
                         .value = "",
                         .help = "Docker's driver for cgroups: cgroupfs or systemd"},
};
static struct flag uninstall_flags[] = {COMMON_FLAGS};

/* The whole file, malloc'ed, in *ret; NULL there if it does not exist. */
static int file_read(const char *path, char **ret, mode_t *ret_mode, char *err)
{
    *ret = NULL;
    *ret_mode = 0644;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    struct stat st = {0};
    int r = fd < 0 || fstat(fd, &st) < 0                            ? -errno
            : !S_ISREG(st.st_mode) || (size_t)st.st_size > FILE_MAX ? -EINVAL
                                                                    : 0;
    char *text = r ? NULL : malloc((size_t)st.st_size + 1);
    ssize_t n = text ? read(fd, text, (size_t)st.st_size) : -1;
    if (r == 0 && n != st.st_size)
        r = text ? -EIO : -ENOMEM;
    if (fd >= 0)
        (void)close(fd);
    if (r < 0) {
        (void)snprintf(err, ENGINE_ERROR_MAX, "cannot read %.300s: %s", path, strerrordesc_np(-r));
        free(text);
        return r;
    }
    text[n] = '\0';
    *ret = text;
    *ret_mode = st.st_mode & 07777;
    return 0;
}

/* In one step, so that an engine never reads half of it. */
static int file_write(const char *path, const char *text, mode_t mode, char *err)
{
    char temp[4096];
    size_t len = strlen(text);
    int n = snprintf(temp, sizeof temp, "%s.runsc.%d", path, getpid());
    int fd = n > 0 && (size_t)n < sizeof temp
                 ? open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
                 : -1;
    bool ok = fd >= 0 && fchmod(fd, mode) == 0 && write(fd, text, len) == (ssize_t)len &&
              fsync(fd) == 0 && rename(temp, path) == 0;
    int r = ok ? 0 : -errno;
    if (fd >= 0)
        (void)close(fd);
    if (!ok) {
        if (fd >= 0)
            (void)unlink(temp);
        (void)snprintf(err, ENGINE_ERROR_MAX, "cannot write %.300s: %s", path, strerrordesc_np(-r));
    }
    return r;
}

static int directory_make(const char *path, char *err)
{
    char dir[4096];
    (void)snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (!slash || slash == dir)
        return 0;
    *slash = '\0';
    if (mkdir(dir, 0755) == 0 || errno == EEXIST)
        return 0;
    int r = -errno;
    (void)snprintf(err, ENGINE_ERROR_MAX, "cannot make the directory %.300s: %s", dir,
                   strerrordesc_np(-r));
    return r;
}

static bool directory_there(const char *path)
{
    char dir[4096];
    struct stat st;
    (void)snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
    return stat(slash && dir[0] ? dir : "/", &st) == 0;
}

/* Makes of the file what change() says; tells the user. */
static int file_change(const char *path, const struct engine_runtime *rt, bool add, bool docker,
                       char *err)
{
    char *text, *now = NULL;
    mode_t mode;
    int r = file_read(path, &text, &mode, err);
    if (r < 0)
        return r;
    if (!text && !add)
        return 0;
    if (docker)
        r = add ? engine_docker_add(text, rt, &now, err)
                : engine_docker_remove(text, rt->name, &now, err);
    else
        r = add ? engine_containerd_add(text, rt, &now, err)
                : engine_containerd_remove(text, rt->name, &now, err);
    if (r == 0 && text && str_eq(text, now)) {
        (void)printf("%s: nothing to change\n", path);
    } else if (r == 0) {
        r = add && !text ? directory_make(path, err) : 0;
        if (r == 0 && !add && !docker && !now[0])
            r = unlink(path) < 0 ? -errno : 0;
        else if (r == 0)
            r = file_write(path, now, mode, err);
        if (r == 0)
            (void)printf("%s: runtime %s %s; restart %s to use it\n", path, rt->name,
                         add ? "added" : "removed", docker ? "Docker" : "containerd");
    }
    free(text);
    free(now);
    return r;
}

static int change_both(const struct flag *flags, const struct engine_runtime *rt, bool add)
{
    char err[ENGINE_ERROR_MAX] = "";
    const char *docker = flags[IN_CONFIG_FILE].value, *containerd = flags[IN_CONTAINERD].value;
    int r = docker[0] ? file_change(docker, rt, add, true, err) : 0;
    if (r == 0 && containerd[0] && (flags[IN_CONTAINERD].given || directory_there(containerd)))
        r = file_change(containerd, rt, add, false, err);
    return r < 0 ? report_fatal("%s: %s", add ? "install" : "uninstall",
                                err[0] ? err : strerrordesc_np(-r))
                 : 0;
}

static int install_run(int argc, char **argv)
{
    static char path[4096];
    const char *driver = install_flags[IN_CGROUPDRIVER].value;
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return report_fatal("install: cannot read /proc/self/exe: %s; mount /proc",
                            strerrordesc_np(errno));
    path[n] = '\0';
    if (driver[0] && !str_eq(driver, "cgroupfs") && !str_eq(driver, "systemd"))
        return report_fatal("install: -cgroupdriver=%.60s: use cgroupfs or systemd", driver);
    struct engine_runtime rt = {
        .name = install_flags[IN_RUNTIME].value,
        .path = path,
        .args = (const char *const *)argv,
        .arg_count = (size_t)argc,
        .cgroup_driver = driver,
        .experimental = flag_true(&install_flags[IN_EXPERIMENTAL]),
        .clobber = flag_true(&install_flags[IN_CLOBBER]),
    };
    return change_both(install_flags, &rt, true);
}

static int uninstall_run(int argc, char **argv)
{
    if (argc)
        return report_fatal("uninstall: takes no words; -runtime names what is removed");
    struct engine_runtime rt = {.name = uninstall_flags[IN_RUNTIME].value, .cgroup_driver = ""};
    return change_both(uninstall_flags, &rt, false);
}

const struct command command_install = {
    .name = "install",
    .usage = "[flags] [-- ARGUMENT...]",
    .help = "enter this runsc into the configuration of Docker and containerd; Docker passes it "
            "the arguments",
    .flags = install_flags,
    .flag_count = ARRAY_SIZE(install_flags),
    .run = install_run,
};

const struct command command_uninstall = {
    .name = "uninstall",
    .usage = "[flags]",
    .help = "take it out of the configuration of Docker and containerd again",
    .flags = uninstall_flags,
    .flag_count = ARRAY_SIZE(uninstall_flags),
    .run = uninstall_run,
};
