#include "abi/capability.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/fs/anon/anon.h"
#include "sentry/io/hostfile.h"
#include "sentry/ns/ns.h"
#include "sentry/vfs/notify.h"
#include "sentry/vfs/vfs_priv.h"

#define FS_TYPE(var) extern const struct fs_type var;
#include "sentry/vfs/fs_types.def"
#undef FS_TYPE

static const struct fs_type *const types[] = {
#define FS_TYPE(var) &(var),
#include "sentry/vfs/fs_types.def"
#undef FS_TYPE
    NULL,
};

const struct fs_type *fs_type_next(unsigned *pos) { return types[*pos] ? types[(*pos)++] : NULL; }

const struct fs_type *fs_type_find(const char *name)
{
    unsigned pos = 0;
    const struct fs_type *ft;
    while ((ft = fs_type_next(&pos)))
        if (str_eq(ft->name, name))
            return ft;
    return NULL;
}

struct super *super_new(const struct fs_type *type, const struct super_ops *ops)
{
    struct super *sb = SLAB_NEW(SUPER, struct super);
    if (!sb)
        return NULL;
    ref_init(&sb->ref);
    sb->type = type;
    sb->ops = ops;
    sb->magic = type ? type->magic : 0;
    sb->dev = linux_makedev(0, ++vfs()->next_dev);
    sb->next_ino = 1;
    sb->case_stable = true;
    return sb;
}

struct super *super_ref(struct super *sb)
{
    ref_get(&sb->ref);
    return sb;
}

struct super *super_unref(struct super *sb)
{
    if (!sb || !ref_put(&sb->ref))
        return NULL;
    notify_super_gone(sb);
    dentry_prune_super(sb);
    dentry_unref(TAKE(sb->root));
    if (sb->ops && sb->ops->free)
        sb->ops->free(sb);
    arena_strfree(sb->outside);
    SLAB_FREE(SUPER, sb);
    return NULL;
}

static struct cred *make_kernel_cred(void)
{
    struct cred *c = SLAB_NEW(CRED, struct cred);
    if (c) {
        ref_init(&c->ref);
        c->cap_eff = c->cap_perm = c->cap_bset = LINUX_CAP_FULL;
    }
    return c;
}

int vfs_init(void)
{
    struct vfs_root *v = arena_alloc(sizeof(*v));
    if (!v)
        return -ENOMEM;
    v->buckets = arena_alloc(DENTRY_BUCKETS * sizeof(v->buckets[0]));
    v->kernel_cred = make_kernel_cred();
    if (!v->buckets || !v->kernel_cred)
        return -ENOMEM;
    if (host_random(&v->seed, sizeof(v->seed)))
        return -EIO;
    v->hashings = 1;
    list_init(&v->lru);
    list_init(&v->mounts);
    list_init(&v->locks);
    list_init(&v->lock_waits);
    list_init(&v->marks);
    kern()->vfs = v;
    int err = ns_init();
    if (err)
        return err;
    return anon_init(&v->anon);
}
