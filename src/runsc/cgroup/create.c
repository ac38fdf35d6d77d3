/* Making the groups and moving processes into them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/str.h"
#include "runsc/cgroup/cgroup_priv.h"
#include "runsc/cgroup/systemd.h"

bool dir_is_first(const struct cgroup *cg, enum controller c)
{
    if (!cg->ctl[c].dir)
        return false;
    for (enum controller b = 0; b < c; b++)
        if (cg->ctl[b].dir && str_eq(cg->ctl[b].dir, cg->ctl[c].dir))
            return false;
    return true;
}

static bool not_permitted(int r) { return r == -EACCES || r == -EPERM || r == -EROFS; }

/* Version 1: a group whose cpuset files are empty takes no process; a new one starts empty. */
static int cpuset_inherit(const char *parent, const char *dir)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char text[4096];
        ssize_t n = file_get(dir, files[i], text, sizeof text);
        if (n < 0)
            return (int)n;
        if (text[strspn(text, " \n")])
            continue;
        n = file_get(parent, files[i], text, sizeof text);
        int r = n < 0 ? (int)n : file_set(dir, files[i], text);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Makes the group and those around it. *ret_made: the last one was not there. */
static int dir_make(struct cgroup *cg, enum controller c, bool *ret_made, char *err)
{
    const struct cgroup_ctl *ctl = &cg->ctl[c];
    AUTO_FREE char *parent = strdup(ctl->mount);
    AUTO_FREE char *dir = strdup(ctl->dir);
    int r = parent && dir ? 0 : -ENOMEM;
    *ret_made = false;
    for (size_t at = strlen(ctl->mount); r == 0 && at < strlen(ctl->dir);) {
        at++;
        at += strcspn(ctl->dir + at, "/");
        memcpy(dir, ctl->dir, at);
        dir[at] = '\0';
        if (ctl->v2)
            r = v2_enable(cg, parent);
        if (r == 0) {
            r = mkdir(dir, 0755) < 0 ? -errno : 0;
            *ret_made = r == 0;
            r = r == -EEXIST ? 0 : r;
        }
        if (r == 0 && c == CTL_CPUSET && !ctl->v2)
            r = cpuset_inherit(parent, dir);
        if (r == 0) {
            free(parent);
            parent = strdup(dir);
            r = parent ? 0 : -ENOMEM;
        }
    }
    if (r < 0)
        cgroup_error(err, "cgroup: cannot make %s: %s%s", dir ? dir : ctl->dir, strerror(-r),
                     r == -EROFS ? "; --ignore-cgroups does without" : "");
    return r;
}

static int dir_join(const struct cgroup *cg, enum controller c, pid_t pid, char *err)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%d", (int)pid);
    int r = file_set(cg->ctl[c].dir, "cgroup.procs", text);
    if (r < 0)
        cgroup_error(err, "cgroup: cannot move process %d to %s: %s", (int)pid, cg->ctl[c].dir,
                     r == -ENOSPC ? "the group has no CPU or memory node (cpuset)" : strerror(-r));
    return r;
}

/* A group with processes belongs to somebody else, and so may one that is frozen: nothing would ever run in it. */
static int unused_check(const struct cgroup *cg, char *err)
{
    char text[16];
    ssize_t n = cgroup_processes(cg, NULL, 0);
    if (n > 0) {
        const char *dir = cg->ctl[cg->unified ? CTL_UNIFIED : CTL_DEVICES].dir;
        cgroup_error(err, "cgroup: the container's group %s is not empty: %zd processes live in it",
                     dir ? dir : "", n);
        return -EBUSY;
    }
    const struct cgroup_ctl *f = &cg->ctl[CTL_FREEZER];
    n = f->dir ? file_get(f->dir, f->v2 ? "cgroup.freeze" : "freezer.state", text, sizeof text) : 0;
    if (n > 0 && (text[0] == '1' || str_starts(text, "FR"))) {
        cgroup_error(err, "cgroup: the container's group %s is frozen", f->dir);
        return -EBUSY;
    }
    return 0;
}

static void dir_forget(struct cgroup *cg, enum controller c)
{
    AUTO_FREE char *dir = cg->ctl[c].dir;
    for (enum controller b = c; b < CTL_COUNT; b++)
        if (b != c && cg->ctl[b].dir && str_eq(cg->ctl[b].dir, dir)) {
            free(cg->ctl[b].dir);
            cg->ctl[b].dir = NULL;
        }
    cg->ctl[c].dir = NULL;
}

/* made: bit c of each group that was not there. */
static int dirs_make(struct cgroup *cg, uint32_t *made, char *err)
{
    for (enum controller c = 0; c < CTL_COUNT; c++) {
        if (!dir_is_first(cg, c))
            continue;
        bool is_new = false;
        int r = dir_make(cg, c, &is_new, err);
        *made |= is_new ? 1u << c : 0;
        /* Beside version 1 the other hierarchy is a courtesy, and so is what an ordinary user cannot have. */
        if (not_permitted(r) && (cg->rootless || (cg->ctl[c].v2 && !cg->unified))) {
            cgroup_warn(cg, "%s", err);
            dir_forget(cg, c);
            r = 0;
        }
        if (r < 0)
            return r;
        if (cg->ctl[c].dir)
            cg->exists = true;
    }
    return 0;
}

static int dirs_join(struct cgroup *cg, pid_t pid, char *err)
{
    for (enum controller c = 0; c < CTL_COUNT; c++) {
        if (!dir_is_first(cg, c))
            continue;
        int r = dir_join(cg, c, pid, err);
        if (not_permitted(r) && cg->rootless) {
            cgroup_warn(cg, "%s", err);
            dir_forget(cg, c);
            r = 0;
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* A group that was there is not new: its limits are whoever's made it, those that are given are set. */
static void dirs_undo(struct cgroup *cg, uint32_t made, pid_t pid)
{
    for (enum controller c = 0; c < CTL_COUNT; c++) {
        if (!dir_is_first(cg, c) || !(made & 1u << c))
            continue;
        char text[16];
        (void)snprintf(text, sizeof text, "%d", (int)pid);
        if (pid > 0)
            (void)!file_set(cg->ctl[c].mount, "cgroup.procs", text);
        (void)rmdir(cg->ctl[c].dir);
    }
    cg->exists = false;
}

/* made: as dirs_make(); started: the unit is ours to stop. */
static int create(struct cgroup *cg, const struct oci_resources *res, pid_t pid, uint32_t *made,
                  bool *started, char *err)
{
    int r = unused_check(cg, err);
    if (r == 0 && cg->unit && pid > 0) { /* there is no scope without a process */
        r = systemd_start(cg, res, pid, err);
        *started = r != -EEXIST;
    }
    if (r == 0)
        r = dirs_make(cg, made, err);
    if (r == 0 && cg->exists)
        r = v1_prepare(cg, res, err);
    if (r == 0 && pid > 0)
        r = dirs_join(cg, pid, err);
    if (r == 0 && cg->exists && res)
        r = limits_set(cg, res, err);
    return r;
}

int cgroup_create(struct cgroup *cg, const struct oci_resources *res, pid_t pid, char *err)
{
    uint32_t made = 0;
    bool started = false;
    int r = create(cg, res, pid, &made, &started, err);
    if (r < 0) {
        dirs_undo(cg, made, pid);
        if (started)
            systemd_stop(cg);
    }
    return r;
}

int cgroup_join(struct cgroup *cg, pid_t pid, char *err)
{
    return cg->exists ? dirs_join(cg, pid, err) : 0;
}

int cgroup_update(struct cgroup *cg, const struct oci_resources *res, char *err)
{
    if (!cg->exists)
        return 0;
    int r = cg->unit ? systemd_update(cg, res, err) : 0;
    if (r == 0)
        r = v1_prepare(cg, res, err);
    return r < 0 ? r : limits_set(cg, res, err);
}
