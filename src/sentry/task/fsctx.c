#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/task/task.h"
#include "sentry/vfs/vfs.h"

struct fsctx *fsctx_ref(struct fsctx *fs)
{
    ref_get(&fs->ref);
    return fs;
}

struct fsctx *fsctx_unref(struct fsctx *fs)
{
    if (!fs || !ref_put(&fs->ref))
        return NULL;
    for (struct path **p = &fs->root; p; p = p == &fs->root ? &fs->cwd : NULL) {
        if (!*p)
            continue;
        if ((*p)->dentry)
            path_unref(*p);
        arena_free(*p, sizeof(struct path));
    }
    SLAB_FREE(FSCTX, fs);
    return NULL;
}

static struct fsctx *alloc(void)
{
    struct fsctx *fs = SLAB_NEW(FSCTX, struct fsctx);
    if (!fs)
        return NULL;
    ref_init(&fs->ref);
    fs->root = arena_alloc(sizeof(struct path));
    fs->cwd = arena_alloc(sizeof(struct path));
    return fs->root && fs->cwd ? fs : fsctx_unref(fs);
}

struct fsctx *fsctx_dup(const struct fsctx *old)
{
    struct fsctx *fs = alloc();
    if (!fs)
        return NULL;
    *fs->root = path_ref(old->root);
    *fs->cwd = path_ref(old->cwd);
    fs->umask = old->umask;
    return fs;
}

struct fsctx *fsctx_new(void)
{
    struct fsctx *fs = alloc();
    if (!fs)
        return NULL;
    *fs->root = vfs_root_path();
    *fs->cwd = vfs_root_path();
    fs->umask = 022;
    return fs;
}
