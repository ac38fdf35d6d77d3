#include "abi/capability.h"
#include "abi/limits.h"
#include "abi/mount.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/ns/mount_ns.h"
#include "sentry/vfs/vfs_priv.h"

#include <string.h>

struct mount *mount_ref(struct mount *m)
{
    ref_get(&m->ref);
    return m;
}

struct mount *mount_unref(struct mount *m)
{
    while (m && ref_put(&m->ref)) {
        struct mount *parent = m->parent;
        dentry_unref(m->root);
        dentry_unref(m->mountpoint);
        super_unref(m->sb);
        arena_strfree(m->source);
        SLAB_FREE(MOUNT, m);
        m = parent;
    }
    return NULL;
}

struct path path_ref(const struct path *p)
{
    if (p->mnt)
        mount_ref(p->mnt);
    if (p->dentry)
        dentry_ref(p->dentry);
    return *p;
}

void path_unref(struct path *p)
{
    dentry_unref(TAKE(p->dentry));
    mount_unref(TAKE(p->mnt));
}

struct mount *mount_on(const struct mount *parent, const struct dentry *at)
{
    struct mount *m;
    LIST_FOREACH_REVERSE (m, &vfs()->mounts, node)
        if (m->mountpoint == at && m->parent == parent)
            return m;
    return NULL;
}

int mount_add(struct super *sb, struct dentry *root, const struct path *at, uint32_t flags,
              const char *source, struct mount **ret)
{
    if (vfs()->nmounts >= MOUNTS_MAX)
        return -ENOSPC;
    struct mount *m = SLAB_NEW(MOUNT, struct mount);
    if (!m)
        return -ENOMEM;
    m->source = arena_strdup(source ? source : "none");
    if (!m->source) {
        SLAB_FREE(MOUNT, m);
        return -ENOMEM;
    }
    ref_init(&m->ref);
    m->id = ++vfs()->next_mnt_id;
    m->sb = super_ref(sb);
    m->root = dentry_ref(root);
    m->flags = flags;
    if (at) {
        m->parent = mount_ref(at->mnt);
        m->mountpoint = dentry_ref(at->dentry);
        m->mountpoint->mountpoint = true;
        m->ns = at->mnt->ns;
    }
    list_add_tail(&m->node, &vfs()->mounts);
    vfs()->nmounts++;
    if (ret)
        *ret = m;
    return 0;
}

/* ---- text of paths ---- */

void mount_root_format(const struct mount *m, struct strbuf *sb)
{
    const struct dentry *chain[64], *d = m->root;
    const char *outside = m->sb->outside;
    size_t n = 0;
    if (outside)
        strbuf_puts(sb, outside);
    if (outside && m->sb->outside_file)
        return;
    if (m->sb->root != d && dentry_is_root(d)) /* a namespace */
        strbuf_puts(sb, dentry_name(d));
    else if (m->sb->root == d && !outside)
        strbuf_putc(sb, '/');
    for (; !dentry_is_root(d) && n < ARRAY_SIZE(chain); d = d->parent)
        chain[n++] = d;
    while (n-- > 0) {
        strbuf_putc(sb, '/');
        strbuf_puts(sb, dentry_name(chain[n]));
    }
}

struct back_buf {
    char *buf;
    size_t pos; /* text is [pos, end) */
    bool full;
};

static void prepend(struct back_buf *b, const char *s, size_t len)
{
    if (b->full || len > b->pos) {
        b->full = true;
        return;
    }
    b->pos -= len;
    memcpy(b->buf + b->pos, s, len);
}

int path_format(struct task *t, const struct path *p, char *buf, size_t size)
{
    if (size == 0)
        return -ENAMETOOLONG;
    struct back_buf b = {.buf = buf, .pos = size - 1};
    buf[size - 1] = 0;
    struct mount *first = task_mount_ns(t)->root;
    struct path root = t && t->fs ? *t->fs->root : (struct path){first, first->root};
    const struct mount *mnt = p->mnt;
    const struct dentry *d = p->dentry;
    if (dentry_is_root(d) && d != mnt->root) { /* anonymous: the name is the text */
        prepend(&b, dentry_name(d), d->name_len);
        goto out;
    }
    if (!dentry_is_root(d) && !d->hashed)
        prepend(&b, " (deleted)", 10);
    size_t empty = b.pos;
    while (!(d == root.dentry && mnt == root.mnt)) {
        if (d == mnt->root) {
            if (!mnt->parent || !mnt->mountpoint) {
                if (b.pos == empty)
                    prepend(&b, "/", 1);
                prepend(&b, "(unreachable)", 13);
                goto out;
            }
            d = mnt->mountpoint;
            mnt = mnt->parent;
            continue;
        }
        if (dentry_is_root(d)) {
            prepend(&b, "(unreachable)", 13);
            goto out;
        }
        prepend(&b, dentry_name(d), d->name_len);
        prepend(&b, "/", 1);
        d = d->parent;
    }
    if (b.pos == empty)
        prepend(&b, "/", 1);
out:
    if (b.full)
        return -ENAMETOOLONG;
    size_t len = size - 1 - b.pos;
    memmove(buf, buf + b.pos, len + 1);
    return (int)len;
}

/* ---- start ---- */

int vfs_set_root(struct super *sb, uint32_t flags, const char *source)
{
    return mount_ns_set_root(mount_ns_initial(), sb, flags, source);
}

struct path vfs_root_path(void) { return mount_ns_top(mount_ns_initial()); }

static int make_mountpoint(struct task *t, const char *where, bool is_dir)
{
    struct path root = mount_ns_top(task_mount_ns(t));
    struct path at = path_ref(&root);
    const char *name;
    size_t len;
    int r = 0;
    while (r == 0 && path_component_next(&where, &name, &len)) {
        struct dentry *d = NULL;
        r = walk_child(&at, name, len, &d);
        if (r == 0 && !d->inode) {
            const struct inode_ops *ops = at.dentry->inode->ops;
            const char *more;
            size_t more_len;
            const char *rest = where;
            bool last = !path_component_next(&rest, &more, &more_len);
            if (ops->mountpoint)
                r = ops->mountpoint(at.dentry->inode, d,
                                    last && !is_dir ? LINUX_S_IFREG | 0644 : LINUX_S_IFDIR | 0755);
            else if (last && !is_dir)
                r = ops->create ? ops->create(at.dentry->inode, d, 0644, vfs()->kernel_cred)
                                : -EPERM;
            else
                r = ops->mkdir ? ops->mkdir(at.dentry->inode, d, 0755, vfs()->kernel_cred) : -EPERM;
        }
        if (r == 0) {
            struct path next = {at.mnt, d};
            struct mount *m;
            while ((m = next.dentry->mountpoint ? mount_on(next.mnt, next.dentry) : NULL))
                next = (struct path){m, m->root};
            next = path_ref(&next);
            path_unref(&at);
            at = next;
        }
        dentry_unref(d);
    }
    path_unref(&at);
    path_unref(&root);
    return r;
}

static int mount_dentry(struct task *t, const char *where, struct super *sb, struct dentry *root,
                        uint32_t flags, const char *source)
{
    struct walk w;
    struct path start = mount_ns_top(task_mount_ns(t));
    bool is_dir = LINUX_S_ISDIR(root->inode->mode);
    int r = walk_from(t, &start, where, 0, &w);
    if (r == -ENOENT) {
        r = make_mountpoint(t, where, is_dir);
        if (r == 0)
            r = walk_from(t, &start, where, 0, &w);
    }
    path_unref(&start);
    if (r < 0)
        return r;
    if (LINUX_S_ISDIR(w.path.dentry->inode->mode) != is_dir)
        r = -ENOTDIR;
    else
        r = mount_add(sb, root, &w.path, flags, source, NULL);
    path_unref(&w.path);
    return r;
}

int vfs_mount_super(struct task *t, const char *where, struct super *sb, uint32_t flags,
                    const char *source)
{
    return mount_dentry(t, where, sb, sb->root, flags, source);
}

int vfs_mount_name(struct task *t, const char *where, struct super *sb, const char *name,
                   uint32_t flags, const char *source)
{
    struct path root = {.dentry = sb->root};
    struct dentry *d;
    int r = walk_child(&root, name, strlen(name), &d);
    if (r < 0)
        return r;
    r = d->inode ? mount_dentry(t, where, sb, d, flags, source) : -ENOENT;
    dentry_unref(d);
    return r;
}

int vfs_mount_at(struct task *t, const char *where, const char *fstype, const char *source,
                 uint32_t flags, const char *data)
{
    const struct fs_type *type = fs_type_find(fstype);
    if (!type)
        return -ENODEV;
    struct super *sb = NULL;
    int r = type->mount(t, source, flags, data, &sb);
    if (r == 0)
        r = vfs_mount_super(t, where, sb, flags, source);
    super_unref(sb);
    return r;
}
