#include <errno.h>
#include <string.h>

#include "abi/stat.h"
#include "base/err.h"
#include "base/log.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/io/hostfile.h"
#include "sentry/kernel.h"
#include "sentry/fs/overlay/overlay.h"
#include "sentry/fs/overlay/overlay_priv.h"

#define OVERLAY_MAGIC 0x794c7630

/* Only the kernel makes overlays: not in the list of mountable types. */
static const struct fs_type overlay_type = {
    .name = "overlay", .magic = OVERLAY_MAGIC, .nodev = true};

static int ov_statfs(struct super *sb, struct inode *i, struct linux_statfs *ret)
{
    struct super *l = ov_s(sb)->lower;
    const struct tmpfs_sb *t = &ov_s(sb)->t;
    int err = l->ops->statfs ? l->ops->statfs(l, l->root->inode, ret) : 0;
    ret->f_type = OVERLAY_MAGIC;
    if (t->max_pages) {
        ret->f_bsize = ret->f_frsize = GUEST_PAGE_SIZE;
        ret->f_blocks = (int64_t)t->max_pages;
        ret->f_bfree = ret->f_bavail = (int64_t)tmpfs_room(t);
    }
    return err;
}

/* Where the host cannot make such files, memory is as good. */
static int store_new(struct super *sb, struct hostfile **ret)
{
    struct ov_super *s = ov_s(sb);
    int r = s->store_failed ? -EIO : s->options.store_file(s->options.store, ret);
    if (r == 0 || r == -ENOSPC || r == -EDQUOT || r == -ENFILE)
        return r;
    if (!s->store_failed)
        LOGW("overlay: no file for data can be made, memory is used: %s", err_name(r));
    s->store_failed = true;
    return hostfile_new_memfd("overlay", ret);
}

/* A bucket loses any number of objects with each one that is let go. */
static struct ov_inode *pinned_in(const struct hlist_head *bucket)
{
    struct ov_inode *o;
    HLIST_FOREACH (o, bucket, by_lower)
        if (ov_is(o, OV_PINNED))
            return o;
    return NULL;
}

static void ov_super_free(struct super *sb)
{
    struct ov_super *s = ov_s(sb);
    for (uint32_t b = 0; s->by_lower && b < OVERLAY_BUCKETS; b++) {
        struct ov_inode *o;
        while ((o = pinned_in(&s->by_lower[b])))
            ov_unpin(o);
    }
    if (s->mnt) {
        dentry_unref(s->mnt->root);
        SLAB_FREE(MOUNT, s->mnt);
    }
    super_unref(s->lower);
    if (s->by_lower)
        arena_free(s->by_lower, OVERLAY_BUCKETS * sizeof(struct hlist_head));
    arena_free(s, sizeof(*s));
}

static const struct super_ops ov_super_ops = {.statfs = ov_statfs, .free = ov_super_free};

/* A mount that belongs to no tree: paths below need one. */
static struct mount *lower_mount(struct super *lower)
{
    struct mount *m = SLAB_NEW(MOUNT, struct mount);
    if (!m)
        return NULL;
    ref_init(&m->ref);
    list_init(&m->node);
    m->sb = lower;
    m->root = dentry_ref(lower->root);
    return m;
}

int overlay_over(struct super *lower, const struct overlay_options *o, struct super **ret)
{
    struct ov_super *s = arena_alloc(sizeof(*s));
    if (!s)
        return -ENOMEM;
    struct super *sb = super_new(&overlay_type, &ov_super_ops);
    if (!sb) {
        arena_free(s, sizeof(*s));
        return -ENOMEM;
    }
    sb->priv = s;
    sb->posix_acl = true;
    sb->atimes = true;
    sb->next_ino = OVERLAY_INO_FIRST;
    if (o)
        s->options = *o;
    s->t.max_pages = DIV_ROUND_UP(s->options.size_bytes, GUEST_PAGE_SIZE);
    if (!s->t.max_pages && !s->options.store_file) /* memory ends, and not with -ENOSPC */
        s->t.max_pages = kern()->mem_total_bytes / GUEST_PAGE_SIZE / 4 * 3;
    s->t.max_inodes = kern()->mem_total_bytes / GUEST_PAGE_SIZE / 2; /* as tmpfs */
    s->t.store_new = s->options.store_file ? store_new : NULL;
    s->lower = super_ref(lower);
    s->by_lower = arena_alloc(OVERLAY_BUCKETS * sizeof(struct hlist_head));
    s->mnt = lower_mount(lower);
    struct ov_inode *root;
    struct ov_below below = {.d = dentry_ref(lower->root)};
    int err = s->by_lower && s->mnt ? inode_getattr(lower->root->inode, &below.st) : -ENOMEM;
    err = err ? err : ov_below_object(sb, &below, NULL, &root);
    ov_below_done(&below);
    if (!err) {
        ov_pin(root);
        sb->root = dentry_new_root(&root->t.vfs);
        err = sb->root ? 0 : -ENOMEM;
    }
    if (err) {
        super_unref(sb);
        return err;
    }
    *ret = sb;
    return 0;
}
