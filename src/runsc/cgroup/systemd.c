/* Groups that systemd makes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/str.h"
#include "runsc/cgroup/systemd.h"

int slice_expand(const char *slice, char **ret)
{
    size_t len = strlen(slice);
    if (len <= strlen(".slice") || !str_eq(slice + len - strlen(".slice"), ".slice") ||
        strchr(slice, '/'))
        return -EINVAL;
    size_t name = len - strlen(".slice");
    if (str_eq(slice, "-.slice")) {
        *ret = strdup("");
        return *ret ? 0 : -ENOMEM;
    }
    if (slice[0] == '-' || slice[name - 1] == '-' || strstr(slice, "--"))
        return -EINVAL;
    char *out = calloc(1, (len + 1) * (len + 1)); /* one component for each dash and the end */
    if (!out)
        return -ENOMEM;
    struct strbuf sb;
    strbuf_init(&sb, out, (len + 1) * (len + 1));
    for (size_t i = 1; i <= name; i++)
        if (i == name || slice[i] == '-') {
            strbuf_putc(&sb, '/');
            strbuf_add(&sb, slice, i);
            strbuf_puts(&sb, ".slice");
        }
    *ret = out;
    return 0;
}

static int parts_split(char *path, char *parts[3])
{
    for (int i = 0; i < 3; i++) {
        parts[i] = path;
        char *colon = path ? strchr(path, ':') : NULL;
        if ((i < 2) != (colon != NULL))
            return -EINVAL;
        if (colon)
            *colon++ = '\0';
        path = colon;
    }
    return parts[2][0] ? 0 : -EINVAL;
}

int systemd_name(struct cgroup *cg, const struct cgroup_request *rq, char *err)
{
    AUTO_FREE char *copy = rq->path && rq->path[0] ? strdup(rq->path) : str_format("::%s", rq->id);
    AUTO_FREE char *below = NULL;
    char *parts[3];
    if (!copy)
        return -ENOMEM;
    if (parts_split(copy, parts) < 0) {
        cgroup_error(err,
                     "linux.cgroupsPath must be \"slice:prefix:name\" with --systemd-cgroup, not "
                     "\"%s\"",
                     rq->path);
        return -EINVAL;
    }
    bool default_prefix = !rq->path || !rq->path[0];
    const char *slice = parts[0][0]                   ? parts[0]
                        : rq->rootless && cg->unified ? "user.slice"
                                                      : "system.slice";
    const char *prefix = default_prefix ? "runsc" : parts[1];
    int r = slice_expand(slice, &below);
    if (r == -EINVAL)
        cgroup_error(err, "linux.cgroupsPath: \"%s\" is no name of a slice", slice);
    if (r < 0)
        return r;
    cg->slice = strdup(slice);
    cg->unit = str_format("%s%s%s.scope", prefix, prefix[0] ? "-" : "", parts[2]);
    if (!cg->slice || !cg->unit)
        return -ENOMEM;
    if (rq->bus && !(cg->bus = strdup(rq->bus)))
        return -ENOMEM;
    for (enum controller c = 0; c < CTL_COUNT; c++) {
        struct cgroup_ctl *ctl = &cg->ctl[c];
        if (!ctl->mount)
            continue;
        ctl->dir = str_format("%s%s/%s", ctl->mount, below, cg->unit);
        if (!ctl->dir)
            return -ENOMEM;
    }
    return 0;
}

int systemd_start(struct cgroup *cg, const struct oci_resources *res, pid_t pid, char *err)
{
    cgroup_error(err, "--systemd-cgroup is not there yet");
    return -ENOSYS;
}

int systemd_update(struct cgroup *cg, const struct oci_resources *res, char *err)
{
    cgroup_error(err, "--systemd-cgroup is not there yet");
    return -ENOSYS;
}

void systemd_stop(const struct cgroup *cg) {}
