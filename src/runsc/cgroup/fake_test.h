/* runsc/cgroup/fake_test.h - a tree of plain files that behaves like the host's hierarchies, for unit tests.
 *
 * What     mkdir() in it makes a group: it has the files of the group around it. rmdir() removes them. file_set() replaces a file's
 *          text, and what it wrote is remembered in order, as "memory/a/memory.max=1". All three are here in place of libc's and
 *          of the program's. Version 2: a group has the controllers that the one around it hands down.
 */
#pragma once
#include "base/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/str.h"
#include "runsc/cgroup/cgroup_priv.h"

#define LOG_MAX 512

static struct {
    char root[64];
    char *log[LOG_MAX];
    size_t count;
    const char *fail_file; /* a write to a file of this name, */
    int fail_errno;        /* gives this, once */
    int mkdir_errno;
} fake;

static inline char *fake_path(const char *dir, const char *file)
{
    static char path[1024];
    struct strbuf sb;
    strbuf_init(&sb, path, sizeof path);
    strbuf_printf(&sb, "%s/%s", dir, file);
    return path;
}

static inline void fake_put(const char *dir, const char *file, const char *text)
{
    int fd = open(fake_path(dir, file), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

/* dir is relative to the root. */
static inline void fake_set(const char *dir, const char *file, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", fake.root, dir);
    fake_put(path, file, text);
}

static inline void fake_subtree(const char *dir, const char *value)
{
    char now[256] = "", words[256];
    ssize_t n = file_get(dir, "cgroup.subtree_control", now, sizeof now);
    assert_true(n >= 0);
    now[strcspn(now, "\n")] = '\0';
    (void)snprintf(words, sizeof words, "%s", value);
    char *save = NULL;
    for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
        if (w[0] == '+' && !word_in(now, w + 1, ' ')) {
            if (now[0])
                (void)strncat(now, " ", sizeof now - strlen(now) - 1);
            (void)strncat(now, w + 1, sizeof now - strlen(now) - 1);
        }
    fake_put(dir, "cgroup.subtree_control", now);
}

int file_set(const char *dir, const char *file, const char *value)
{
    if (access(fake_path(dir, file), F_OK) < 0)
        return -errno;
    if (fake.fail_file && strcmp(fake.fail_file, file) == 0) {
        fake.fail_file = NULL;
        return -fake.fail_errno;
    }
    assert_true(fake.count < LOG_MAX);
    const char *below = dir + strlen(fake.root);
    below += below[0] == '/';
    assert_true(asprintf(&fake.log[fake.count++], "%s%s%s=%s", below, below[0] ? "/" : "", file,
                         value) > 0);
    if (strcmp(file, "cgroup.subtree_control") == 0)
        fake_subtree(dir, value);
    else
        fake_put(dir, file, value);
    return 0;
}

/* Files of controllers that are not handed down do not appear. */
static inline bool fake_given(const char *subtree, const char *file)
{
    size_t n = strcspn(file, ".");
    char name[32];
    (void)snprintf(name, sizeof name, "%.*s", (int)n, file);
    return strcmp(name, "cgroup") == 0 || word_in(subtree, name, ' ');
}

int mkdir(const char *path, mode_t mode)
{
    char parent[1024], subtree[256] = "";
    if (fake.mkdir_errno) {
        errno = fake.mkdir_errno;
        return -1;
    }
    if (mkdirat(AT_FDCWD, path, mode) < 0)
        return -1;
    (void)snprintf(parent, sizeof parent, "%s", path);
    *strrchr(parent, '/') = '\0';
    if (access(fake_path(parent, "cgroup.procs"), F_OK) < 0)
        return 0; /* the tree itself */
    bool v2 = file_get(parent, "cgroup.subtree_control", subtree, sizeof subtree) >= 0;
    DIR *d = opendir(parent);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_type != DT_REG || (v2 && !fake_given(subtree, e->d_name)))
            continue;
        fake_put(path, e->d_name,
                 strcmp(e->d_name, "cgroup.controllers") == 0 ? subtree
                 : strstr(e->d_name, "usage")                 ? "0\n"
                                                              : "");
    }
    assert_int_equal(closedir(d), 0);
    return 0;
}

int rmdir(const char *path)
{
    DIR *d = opendir(path);
    if (!d)
        return -1;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_type == DT_REG)
            (void)unlinkat(dirfd(d), e->d_name, 0);
    (void)closedir(d);
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

/* ---- trees ---- */

static inline void fake_dir(const char *name, const char *const *files)
{
    static const char *const common[] = {"cgroup.procs", NULL};
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", fake.root, name);
    assert_true(mkdirat(AT_FDCWD, path, 0755) == 0 || errno == EEXIST);
    for (size_t i = 0; common[i]; i++)
        fake_put(path, common[i], "");
    for (size_t i = 0; files[i]; i++)
        fake_put(path, files[i], "");
}

static inline void fake_start(void)
{
    (void)snprintf(fake.root, sizeof fake.root, "/tmp/cgroup-test-XXXXXX");
    assert_non_null(mkdtemp(fake.root));
}

#define FILES(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline void fake_v1(void)
{
    fake_dir("memory", FILES("memory.limit_in_bytes", "memory.memsw.limit_in_bytes",
                             "memory.soft_limit_in_bytes", "memory.kmem.tcp.limit_in_bytes",
                             "memory.swappiness", "memory.oom_control", "memory.usage_in_bytes",
                             "memory.max_usage_in_bytes", "memory.stat"));
    fake_dir("cpu,cpuacct", FILES("cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us",
                                  "cpu.cfs_burst_us", "cpu.rt_runtime_us", "cpu.rt_period_us",
                                  "cpu.idle", "cpu.stat", "cpuacct.usage"));
    fake_dir("cpuset", FILES("cpuset.cpus", "cpuset.mems", "cpuset.effective_cpus"));
    fake_dir("pids", FILES("pids.max", "pids.current"));
    fake_dir("blkio", FILES("blkio.bfq.weight", "blkio.bfq.weight_device",
                            "blkio.throttle.read_bps_device", "blkio.throttle.write_iops_device"));
    fake_dir("devices", FILES("devices.allow", "devices.deny"));
    fake_dir("freezer", FILES("freezer.state"));
    fake_dir("net_cls", FILES("net_cls.classid"));
    fake_dir("net_prio", FILES("net_prio.ifpriomap"));
    fake_dir("systemd", FILES("tasks"));
    fake_set("cpuset", "cpuset.cpus", "0-3\n");
    fake_set("cpuset", "cpuset.mems", "0\n");
    fake_set("cpuset", "cpuset.effective_cpus", "0-3\n");
}

static inline void fake_v2(const char *dir, const char *controllers)
{
    fake_dir(dir, FILES("cgroup.controllers", "cgroup.subtree_control", "cgroup.freeze",
                        "cgroup.events", "cgroup.kill", "memory.max", "memory.low", "memory.high",
                        "memory.swap.max", "memory.current", "memory.events", "memory.stat",
                        "cpu.max", "cpu.weight", "cpu.idle", "cpu.max.burst", "cpu.stat",
                        "cpuset.cpus", "cpuset.mems", "cpuset.cpus.effective", "pids.max",
                        "pids.current", "io.weight", "io.max", "io.stat", "hugetlb.2MB.max",
                        "hugetlb.2MB.rsvd.max", "hugetlb.2MB.current", "rdma.max"));
    fake_set(dir, "cgroup.controllers", controllers);
}

/* Which groups runsc is in; a path for cgroup_request.self. */
static inline const char *fake_self(const char *text)
{
    static char path[256];
    fake_set(".", "self", text);
    (void)snprintf(path, sizeof path, "%s/self", fake.root);
    return path;
}

static inline void fake_log_clear(void)
{
    for (size_t i = 0; i < fake.count; i++)
        free(fake.log[i]);
    fake.count = 0;
}

static inline int fake_remove(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        char *path = str_format("%s/%s", dir, e->d_name);
        assert_non_null(path);
        if (e->d_type == DT_DIR && e->d_name[0] != '.')
            (void)fake_remove(path);
        else if (e->d_type != DT_DIR)
            (void)unlink(path);
        free(path);
    }
    if (d)
        (void)closedir(d);
    return unlinkat(AT_FDCWD, dir, AT_REMOVEDIR);
}

static inline void fake_end(void)
{
    fake_log_clear();
    assert_int_equal(fake_remove(fake.root), 0);
    memset(&fake, 0, sizeof fake);
}

/* Where the line is in the log; -1: nowhere. */
static inline int fake_at(const char *line)
{
    for (size_t i = 0; i < fake.count; i++)
        if (strcmp(fake.log[i], line) == 0)
            return (int)i;
    return -1;
}

static inline void fake_wrote(const char *line)
{
    if (fake_at(line) >= 0)
        return;
    for (size_t i = 0; i < fake.count; i++)
        print_message("%s\n", fake.log[i]);
    fail_msg("not written: %s", line);
}

UNUSED static void fake_order(const char *first, const char *then)
{
    fake_wrote(first);
    fake_wrote(then);
    assert_true(fake_at(first) < fake_at(then));
}

UNUSED static bool fake_has(const char *dir)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", fake.root, dir);
    return access(path, F_OK) == 0;
}
