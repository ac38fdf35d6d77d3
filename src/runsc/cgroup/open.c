/* Where the hierarchies are, and how the container's groups are called. Nothing is made here. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/str.h"
#include "runsc/cgroup/cgroup_priv.h"
#include "runsc/cgroup/systemd.h"

#define SELF_MAX ((size_t)64 * 1024)

/* "cpu" may be a directory of its own, a link to it, or part of "cpu,cpuacct". The real path, or NULL. */
static char *v1_mount_find(const char *root, const char *name)
{
    AUTO_FREE char *plain = str_format("%s/%s", root, name);
    if (plain && file_exists(plain, "cgroup.procs"))
        return realpath(plain, NULL);
    DIR *d = opendir(root);
    char *found = NULL;
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        if (!strchr(e->d_name, ',') || !word_in(e->d_name, name, ','))
            continue;
        AUTO_FREE char *path = str_format("%s/%s", root, e->d_name);
        if (path && file_exists(path, "cgroup.procs"))
            found = realpath(path, NULL);
    }
    if (d)
        (void)closedir(d);
    return found;
}

/* The name of the controller in version 2, NULL: it has no files of its own there. */
static const char *v2_name(enum controller c)
{
    switch (c) {
    case CTL_BLKIO: return "io";
    case CTL_MEMORY:
    case CTL_CPU:
    case CTL_CPUSET:
    case CTL_PIDS:
    case CTL_HUGETLB:
    case CTL_RDMA:
    case CTL_MISC: return controller_names[c];
    default: return NULL;
    }
}

/* Controllers of version 2 that version 1 does not have. */
static int v2_mounts_find(struct cgroup *cg, const char *mount)
{
    char list[512];
    ssize_t n = file_get(mount, "cgroup.controllers", list, sizeof list);
    if (n < 0)
        return (int)n;
    list[strcspn(list, "\n")] = '\0';
    for (enum controller c = 0; c < CTL_COUNT; c++) {
        const char *name = v2_name(c);
        cg->ctl[c].v2 = cg->ctl[c].v2 || cg->unified; /* what is missing is missing there */
        /* Every group of version 2 has these by itself. */
        bool core = c == CTL_UNIFIED ||
                    (cg->unified && (c == CTL_DEVICES || c == CTL_FREEZER || c == CTL_CPUACCT));
        if (cg->ctl[c].mount || !(core || (name && word_in(list, name, ' '))))
            continue;
        cg->ctl[c].v2 = true;
        cg->ctl[c].mount = strdup(mount);
        if (!cg->ctl[c].mount)
            return -ENOMEM;
    }
    return 0;
}

static int mounts_find(struct cgroup *cg, char *err)
{
    AUTO_FREE char *beside = str_format("%s/unified", cg->root);
    if (!beside)
        return -ENOMEM;
    cg->unified = file_exists(cg->root, "cgroup.controllers");
    if (!cg->unified)
        for (enum controller c = 0; c < CTL_UNIFIED; c++)
            cg->ctl[c].mount = v1_mount_find(cg->root, controller_names[c]);
    const char *v2 = cg->unified ? cg->root : beside;
    int r = file_exists(v2, "cgroup.controllers") ? v2_mounts_find(cg, v2) : 0;
    if (r < 0)
        return r;
    for (enum controller c = 0; c < CTL_COUNT; c++)
        if (cg->ctl[c].mount)
            return 0;
    cgroup_error(err, "cgroup: no hierarchy is mounted below %s; --ignore-cgroups does without",
                 cg->root);
    return -ENOENT;
}

/* The group that runsc itself is in, of the hierarchy of a controller; malloc'ed; "/" if it cannot be seen from here. */
static char *own_group(const char *self, const struct cgroup *cg, enum controller c)
{
    AUTO_FREE char *copy = strdup(self);
    char *group = NULL, *save = NULL;
    for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL; line && !group;
         line = strtok_r(NULL, "\n", &save)) {
        char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        list++;
        bool mine = cg->ctl[c].v2      ? strncmp(line, "0:", 2) == 0 && list[0] == '\0'
                    : c == CTL_SYSTEMD ? str_eq(list, "name=systemd")
                                       : word_in(list, controller_names[c], ',');
        if (mine)
            group = path;
    }
    AUTO_FREE char *dir = group ? str_format("%s%s", cg->ctl[c].mount, group) : NULL;
    return strdup(dir && access(dir, F_OK) == 0 ? group : "/");
}

/* Without "//", "." and ".."; what leads out is cut off. A first slash stays. malloc'ed. */
static char *path_tidy(const char *path)
{
    char *out = malloc(strlen(path) + 2);
    if (!out)
        return NULL;
    const size_t first = path[0] == '/';
    size_t at = first;
    out[0] = '/';
    const char *name;
    size_t len;
    while (path_component_next(&path, &name, &len)) {
        if (len == 1 && name[0] == '.')
            continue;
        if (len == 2 && name[0] == '.' && name[1] == '.') {
            while (at > first && out[at - 1] != '/')
                at--;
            at -= at > first;
            continue;
        }
        if (at > first)
            out[at++] = '/';
        memcpy(out + at, name, len);
        at += len;
    }
    out[at] = '\0';
    return out;
}

/* An absolute path counts from the top of each hierarchy; another from runsc's own group: below it, or beside it in version
 * 2, where a group with processes hands no controllers down. */
static int dir_name(struct cgroup *cg, enum controller c, const char *path, const char *self)
{
    struct cgroup_ctl *ctl = &cg->ctl[c];
    AUTO_FREE char *own = path[0] == '/' ? strdup("") : own_group(self, cg, c);
    if (!own)
        return -ENOMEM;
    if (ctl->v2 && own[0])
        *strrchr(own, '/') = '\0';
    if (str_eq(own, "/"))
        own[0] = '\0';
    ctl->dir = str_format("%s%s%s%s", ctl->mount, own, path[0] == '/' ? "" : "/", path);
    return ctl->dir ? 0 : -ENOMEM;
}

static int dirs_name(struct cgroup *cg, const struct cgroup_request *rq, char *err)
{
    AUTO_FREE char *self = calloc(1, SELF_MAX);
    AUTO_FREE char *path = path_tidy(rq->path && rq->path[0] ? rq->path : rq->id);
    if (!self || !path)
        return -ENOMEM;
    if (path[strspn(path, "/")] == '\0') {
        cgroup_error(err, "linux.cgroupsPath \"%s\" is the top of the hierarchies; name a group",
                     rq->path ? rq->path : "");
        return -EINVAL;
    }
    const char *file = rq->self ? rq->self : "/proc/self/cgroup";
    const char *slash = strrchr(file, '/');
    AUTO_FREE char *dir = strndup(file, (size_t)(slash - file));
    if (!dir)
        return -ENOMEM;
    ssize_t n = file_get(dir, slash + 1, self, SELF_MAX);
    if (n < 0) {
        cgroup_error(err, "cgroup: cannot read %s: %s", file, strerror((int)-n));
        return (int)n;
    }
    for (enum controller c = 0; c < CTL_COUNT; c++) {
        int r = cg->ctl[c].mount ? dir_name(cg, c, path, self) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

/* Root of a user namespace is nobody in particular to the host's groups. */
static bool in_user_namespace(void)
{
    uint32_t inside = 0, outside = 0, count = UINT32_MAX;
    char text[64];
    const char *p = text;
    if (file_get("/proc/self", "uid_map", text, sizeof text) < 0)
        return false;
    if (!text_u32(&p, &inside) || !text_u32(&p, &outside) || !text_u32(&p, &count))
        return true; /* a map that is empty */
    return inside != 0 || outside != 0 || count != UINT32_MAX;
}

struct cgroup *cgroup_new(void)
{
    struct cgroup *cg = calloc(1, sizeof *cg);
    if (cg && !(cg->oom_kills = calloc(1, sizeof *cg->oom_kills)))
        cg = cgroup_free(cg);
    return cg;
}

int cgroup_open(const struct cgroup_request *rq, struct cgroup **ret, char *err)
{
    struct cgroup *cg = cgroup_new();
    if (!cg)
        return -ENOMEM;
    cg->root = strdup(rq->root ? rq->root : "/sys/fs/cgroup");
    cg->rootless = rq->rootless || (!rq->root && in_user_namespace());
    int r = cg->root ? mounts_find(cg, err) : -ENOMEM;
    if (r == 0)
        r = rq->systemd ? systemd_name(cg, rq, err) : dirs_name(cg, rq, err);
    if (r < 0) {
        if (r == -ENOMEM)
            cgroup_error(err, "cgroup: out of memory");
        cgroup_free(cg);
        return r;
    }
    *ret = cg;
    return 0;
}

struct cgroup *cgroup_free(struct cgroup *cg)
{
    if (!cg)
        return NULL;
    for (enum controller c = 0; c < CTL_COUNT; c++) {
        free(cg->ctl[c].mount);
        free(cg->ctl[c].dir);
    }
    free(cg->root);
    free(cg->unit);
    free(cg->slice);
    free(cg->bus);
    free(cg->oom_kills);
    free(cg);
    return NULL;
}

bool cgroup_exists(const struct cgroup *cg) { return cg->exists; }
const char *cgroup_warning(const struct cgroup *cg) { return cg->warning; }
bool cgroup_unified(const struct cgroup *cg) { return cg->unified; }

const char *cgroup_dir(const struct cgroup *cg, const char *controller)
{
    for (enum controller c = 0; c < CTL_COUNT; c++)
        if (str_eq(controller_names[c], controller) ||
            (v2_name(c) && str_eq(v2_name(c), controller)))
            return cg->ctl[c].dir;
    return NULL;
}
