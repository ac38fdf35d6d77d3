/* sentry/boot/pod.c - file systems in memory that the containers of a pod share: one for each name, as long as the sandbox lives. */
#include <errno.h>

#include "base/list.h"
#include "base/str.h"
#include "sentry/arena/arena.h"
#include "sentry/boot/boot_priv.h"
#include "sentry/kernel.h"
#include "sentry/vfs/vfs.h"

#define SHARED_MAX 256u /* a pod has some volumes */

struct pod_mount {
    struct list_node node;
    char *name;       /* arena */
    struct super *sb; /* counted */
};

struct pod_mounts {
    struct list_node all;
    uint32_t count;
};

static int mount_new(struct task *t, const char *name, const char *data, struct pod_mount **ret)
{
    const struct fs_type *type = fs_type_find("tmpfs");
    struct pod_mount *p = arena_alloc(sizeof(*p));
    int err = !p ? -ENOMEM : type ? type->mount(t, name, 0, data, &p->sb) : -ENODEV;
    if (!err && !(p->name = arena_strdup(name))) {
        super_unref(p->sb);
        err = -ENOMEM;
    }
    if (err)
        arena_free(p, sizeof(*p));
    else
        *ret = p;
    return err;
}

int boot_pod_super(struct task *t, const char *name, const char *data, struct super **ret)
{
    struct pod_mounts *all = kern()->pod_mounts;
    struct pod_mount *p;
    if (!all) {
        all = kern()->pod_mounts = arena_alloc(sizeof(*all));
        if (!all)
            return -ENOMEM;
        list_init(&all->all);
    }
    LIST_FOREACH (p, &all->all, node)
        if (str_eq(p->name, name)) {
            *ret = super_ref(p->sb);
            return 0;
        }
    int err = all->count < SHARED_MAX ? mount_new(t, name, data, &p) : -ENOSPC;
    if (err)
        return err;
    all->count++;
    list_add_tail(&p->node, &all->all);
    *ret = super_ref(p->sb);
    return 0;
}
