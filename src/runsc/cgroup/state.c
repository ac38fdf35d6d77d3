/* The groups in the container's state file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "runsc/cgroup/cgroup_priv.h"

static int text_save(json_t *o, const char *key, const char *value)
{
    return value ? json_object_set_new(o, key, json_string(value)) : 0;
}

struct json_t *cgroup_save(const struct cgroup *cg)
{
    json_t *o = json_object(), *groups = json_object();
    int bad = text_save(o, "root", cg->root);
    bad |= text_save(o, "unit", cg->unit);
    bad |= text_save(o, "slice", cg->slice);
    bad |= text_save(o, "bus", cg->bus);
    bad |= json_object_set_new(o, "unified", json_boolean(cg->unified));
    bad |= json_object_set_new(o, "rootless", json_boolean(cg->rootless));
    bad |= json_object_set_new(o, "exists", json_boolean(cg->exists));
    for (enum controller c = 0; c < CTL_COUNT; c++) {
        const struct cgroup_ctl *ctl = &cg->ctl[c];
        if (!ctl->dir)
            continue;
        json_t *g = json_object();
        bad |= text_save(g, "mount", ctl->mount);
        bad |= text_save(g, "dir", ctl->dir);
        bad |= json_object_set_new(g, "v2", json_boolean(ctl->v2));
        bad |= json_object_set_new(groups, controller_names[c], g);
    }
    bad |= json_object_set_new(o, "groups", groups);
    if (bad) {
        json_decref(o);
        return NULL;
    }
    return o;
}

struct json_t *cgroup_save_ahead(const struct cgroup *cg)
{
    for (enum controller c = 0; c < CTL_COUNT; c++)
        if (cg->ctl[c].dir && file_exists(cg->ctl[c].dir, "cgroup.procs"))
            return NULL;
    json_t *o = cgroup_save(cg);
    if (o)
        (void)json_object_set_new(o, "exists", json_true());
    return o;
}

/* A string that may be missing. */
static int text_load(const json_t *o, const char *key, char **ret)
{
    const json_t *v = json_object_get(o, key);
    if (!v)
        return 0;
    if (!json_is_string(v))
        return -EINVAL;
    *ret = strdup(json_string_value(v));
    return *ret ? 0 : -ENOMEM;
}

static int groups_load(const json_t *groups, struct cgroup *cg)
{
    for (enum controller c = 0; c < CTL_COUNT; c++) {
        const json_t *g = json_object_get(groups, controller_names[c]);
        struct cgroup_ctl *ctl = &cg->ctl[c];
        if (!g)
            continue;
        int r = text_load(g, "mount", &ctl->mount);
        if (r == 0)
            r = text_load(g, "dir", &ctl->dir);
        if (r < 0)
            return r;
        if (!ctl->dir || ctl->dir[0] != '/' || !ctl->mount ||
            strncmp(ctl->dir, ctl->mount, strlen(ctl->mount)) != 0 ||
            ctl->dir[strlen(ctl->mount)] != '/')
            return -EINVAL;
        ctl->v2 = json_is_true(json_object_get(g, "v2"));
    }
    return 0;
}

int cgroup_load(const struct json_t *saved, struct cgroup **ret)
{
    const json_t *groups = json_object_get(saved, "groups");
    if (!json_is_object(groups))
        return -EINVAL;
    struct cgroup *cg = cgroup_new();
    if (!cg)
        return -ENOMEM;
    int r = text_load(saved, "root", &cg->root);
    if (r == 0)
        r = text_load(saved, "unit", &cg->unit);
    if (r == 0)
        r = text_load(saved, "slice", &cg->slice);
    if (r == 0)
        r = text_load(saved, "bus", &cg->bus);
    if (r == 0)
        r = groups_load(groups, cg);
    cg->unified = json_is_true(json_object_get(saved, "unified"));
    cg->rootless = json_is_true(json_object_get(saved, "rootless"));
    cg->exists = json_is_true(json_object_get(saved, "exists"));
    if (r < 0) {
        cgroup_free(cg);
        return r;
    }
    *ret = cg;
    return 0;
}
