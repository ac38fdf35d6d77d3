/* Changes of the mount tree: umount, bind, move, remount, pivot_root. One mount namespace; all mounts are private. */
#include "abi/mount.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/vfs/vfs_priv.h"

/* After at lost a mount: is another one still on it? */
static void mountpoint_recheck(struct dentry *at)
{
    bool used = false;
    struct mount *m;
    LIST_FOREACH (m, &vfs()->mounts, node)
        used = used || m->mountpoint == at;
    at->mountpoint = used;
}

static void unhang(struct mount *m)
{
    struct mount *parent = TAKE(m->parent);
    struct dentry *at = TAKE(m->mountpoint);
    if (at) {
        mountpoint_recheck(at);
        dentry_unref(at);
    }
    mount_unref(parent);
}

static void hang(struct mount *m, struct mount *parent, struct dentry *at)
{
    m->parent = mount_ref(parent);
    m->mountpoint = dentry_ref(at);
    at->mountpoint = true;
}

/* Takes m out of the tree; open files may keep it alive. */
static void detach(struct mount *m)
{
    list_del_init(&m->node);
    vfs()->nmounts--;
    unhang(m);
    mount_unref(m);
}

static bool mount_is_below(const struct mount *m, const struct mount *ancestor)
{
    for (; m; m = m->parent)
        if (m == ancestor)
            return true;
    return false;
}

static void detach_tree(struct mount *top)
{
    struct mount *m;
    bool again = true;
    while (again) { /* leaves first */
        again = false;
        LIST_FOREACH_REVERSE (m, &vfs()->mounts, node) {
            struct mount *c;
            bool leaf = true;
            if (m == top || !mount_is_below(m, top))
                continue;
            LIST_FOREACH (c, &vfs()->mounts, node)
                leaf = leaf && c->parent != m;
            if (leaf) {
                detach(m);
                again = true;
                break;
            }
        }
    }
    detach(top);
}

static bool is_mount_root(const struct path *p)
{
    return p->dentry == p->mnt->root && list_is_linked(&p->mnt->node);
}

int vfs_umount(const struct path *p, uint32_t flags)
{
    struct mount *m = p->mnt;
    if (!is_mount_root(p))
        return -EINVAL;
    if (m == vfs()->root)
        return flags & LINUX_MNT_DETACH ? -EINVAL : -EBUSY;
    if (flags & LINUX_MNT_DETACH) {
        detach_tree(m);
        return 0;
    }
    if (ref_count(&m->ref) > 2) /* the list's and the caller's are no use of it */
        return -EBUSY;
    if (m->sb->ops && m->sb->ops->sync && !mount_readonly(m)) {
        int r = m->sb->ops->sync(m->sb);
        if (r < 0)
            LOGD("vfs: sync at umount: %s", err_name(r));
        if (ref_count(&m->ref) > 2 || !list_is_linked(&m->node))
            return -EBUSY; /* somebody came while the sync had dropped the lock */
    }
    detach(m);
    return 0;
}

static int same_kind(const struct dentry *a, const struct dentry *b)
{
    return LINUX_S_ISDIR(a->inode->mode) == LINUX_S_ISDIR(b->inode->mode) ? 0 : -ENOTDIR;
}

/* Copies of what was mounted below `below` in from (mounts up to id last) hang in its copy `to`. */
static int bind_children(const struct mount *from, struct mount *to, const struct dentry *below,
                         int32_t last)
{
    struct mount *m;
    LIST_FOREACH (m, &vfs()->mounts, node) {
        if (m->id > last || m->parent != from || !dentry_is_below(m->mountpoint, below))
            continue;
        struct path at = {to, m->mountpoint};
        struct mount *copy;
        int r = mount_add(m->sb, m->root, &at, m->flags, m->source, &copy);
        if (r < 0)
            return r;
        copy->bind_of = m;
    }
    return 0;
}

int vfs_bind(const struct path *from, const struct path *at, bool recursive)
{
    int r = same_kind(from->dentry, at->dentry);
    int32_t last = vfs()->next_mnt_id;
    struct mount *top;
    if (r == 0)
        r = mount_add(from->mnt->sb, from->dentry, at, from->mnt->flags, from->mnt->source, &top);
    if (r < 0 || !recursive)
        return r;
    top->bind_of = from->mnt;
    /* Copies are appended to the list that is being walked, so their children come in turn. */
    for (struct list_node *n = &top->node; r == 0 && n != &vfs()->mounts; n = n->next) {
        struct mount *m = list_entry(n, struct mount, node);
        if (m->bind_of)
            r = bind_children(TAKE(m->bind_of), m, m->root, last);
    }
    if (r < 0)
        detach_tree(top);
    return r;
}

int vfs_move(const struct path *from, const struct path *at)
{
    struct mount *m = from->mnt;
    if (!is_mount_root(from) || !m->parent)
        return -EINVAL;
    int r = same_kind(m->root, at->dentry);
    if (r < 0)
        return r;
    if (mount_is_below(at->mnt, m))
        return -ELOOP;
    unhang(m);
    hang(m, at->mnt, at->dentry);
    return 0;
}

int vfs_remount(const struct path *p, uint32_t mnt_flags)
{
    if (!is_mount_root(p))
        return -EINVAL;
    p->mnt->flags = mnt_flags;
    return 0;
}

static void path_follow(struct path *p, const struct path *from, const struct path *to)
{
    if (!path_eq(p, from))
        return;
    struct path old = *p;
    *p = path_ref(to);
    path_unref(&old);
}

/* Everybody whose root or working directory was the old root has the new one. */
static void roots_follow(const struct path *from, const struct path *to)
{
    for (struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid)) {
        struct task *t;
        LIST_FOREACH (t, &tg->tasks, tg_node) {
            if (!t->fs)
                continue;
            path_follow(t->fs->root, from, to);
            path_follow(t->fs->cwd, from, to);
        }
    }
}

/* Is p at or below root, over mounts? */
static bool path_reaches(struct path p, const struct path *root)
{
    while (p.mnt != root->mnt && p.mnt->parent)
        p = (struct path){p.mnt->parent, p.mnt->mountpoint};
    return p.mnt == root->mnt && dentry_is_below(p.dentry, root->dentry);
}

static int pivot_allowed(const struct path *root, const struct path *new_root,
                         const struct path *put_old)
{
    if (!dentry_is_root(new_root->dentry) && !new_root->dentry->hashed)
        return -ENOENT;
    if (new_root->mnt == root->mnt || put_old->mnt == root->mnt)
        return -EBUSY;
    /* The sandbox's first root may be left: it is what a container's root is on Linux, a mount on top of another. */
    if (!is_mount_root(root) || !is_mount_root(new_root) || !new_root->mnt->parent)
        return -EINVAL;
    return path_reaches(*put_old, new_root) && path_reaches(*new_root, root) ? 0 : -EINVAL;
}

int vfs_pivot_root(struct task *t, const struct path *new_root, const struct path *put_old)
{
    struct path root = path_ref(t->fs->root);
    struct mount *om = root.mnt, *nm = new_root->mnt, *base = om->parent;
    int r = pivot_allowed(&root, new_root, put_old);
    if (r == 0) {
        struct path at = {base, om->mountpoint};
        if (base)
            at = path_ref(&at);
        unhang(nm);
        unhang(om);
        if (base)
            hang(nm, at.mnt, at.dentry);
        else
            vfs()->root = nm;
        hang(om, put_old->mnt, put_old->dentry);
        if (base)
            path_unref(&at);
        roots_follow(&root, new_root);
    }
    path_unref(&root);
    return r;
}
