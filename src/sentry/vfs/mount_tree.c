/* Changes of the mount tree: umount, bind, move, remount, pivot_root. */
#include "abi/mount.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/ns/mount_ns.h"
#include "sentry/vfs/propagate.h"
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

void mount_detach(struct mount *m)
{
    propagate_leave(m);
    m->ns = NULL;
    list_del_init(&m->node);
    vfs()->nmounts--;
    unhang(m);
    mount_unref(m);
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
                mount_detach(m);
                again = true;
                break;
            }
        }
    }
    mount_detach(top);
}

void vfs_tree_end(struct mount *root) { detach_tree(root); }

static bool is_mount_root(const struct path *p)
{
    return p->dentry == p->mnt->root && list_is_linked(&p->mnt->node);
}

static int copy_gone(struct mount *copy)
{
    detach_tree(copy);
    return 0;
}

static int copy_busy(struct mount *copy) { return ref_count(&copy->ref) > 1 ? -EBUSY : 0; }

int vfs_umount(const struct path *p, uint32_t flags)
{
    struct mount *m = p->mnt;
    if (!is_mount_root(p))
        return -EINVAL;
    if (m->locked)
        return -EINVAL;
    if (mount_is_root(m))
        return flags & LINUX_MNT_DETACH ? -EINVAL : -EBUSY;
    if (flags & LINUX_MNT_DETACH) {
        (void)propagate_each(m, copy_gone);
        detach_tree(m);
        return 0;
    }
    if (ref_count(&m->ref) > 2 || /* the list's and the caller's are no use of it */
        propagate_each(m, copy_busy) < 0)
        return -EBUSY;
    if (flags & LINUX_MNT_EXPIRE) {
        bool marked = m->expire_uses &&
                      m->expire_uses == m->uses - 1; /* this call's own walk came here too */
        m->expire_uses = m->uses;
        if (!marked)
            return -EAGAIN;
    }
    if (m->sb->ops && m->sb->ops->sync && !mount_readonly(m)) {
        int r = m->sb->ops->sync(m->sb);
        if (r < 0)
            LOGD("vfs: sync at umount: %s", err_name(r));
        if (ref_count(&m->ref) > 2 || !list_is_linked(&m->node))
            return -EBUSY; /* somebody came while the sync had dropped the lock */
    }
    (void)propagate_each(m, copy_gone);
    mount_detach(m);
    return 0;
}

static int same_kind(const struct dentry *a, const struct dentry *b)
{
    return LINUX_S_ISDIR(a->inode->mode) == LINUX_S_ISDIR(b->inode->mode) ? 0 : -ENOTDIR;
}

int vfs_mount_new(struct super *sb, const struct path *at, uint32_t flags, const char *source)
{
    struct mount *m;
    int r = mount_add(sb, sb->root, at, flags, source, &m);
    if (r < 0)
        return r;
    r = propagate_attach(m);
    if (r < 0)
        mount_detach(m);
    return r;
}

/* Copies of what was mounted below `below` in from (mounts up to id last) hang in its copy `to`. */
static int bind_children(const struct mount *from, struct mount *to, const struct dentry *below,
                         int32_t last)
{
    struct mount *m;
    LIST_FOREACH (m, &vfs()->mounts, node) {
        if (m->id > last || m->unbindable || m->parent != from ||
            !dentry_is_below(m->mountpoint, below))
            continue;
        struct path at = {to, m->mountpoint};
        struct mount *copy;
        int r = mount_add(m->sb, m->root, &at, m->flags, m->source, &copy);
        if (r < 0)
            return r;
        propagate_copy(copy, m);
        copy->locked = m->locked;
        copy->bind_of = m;
    }
    return 0;
}

/* The one that came last lies on top, and parents come before their children. */
static void to_tail(const struct mount *top)
{
    struct list_node *n = vfs()->mounts.next;
    for (uint32_t left = vfs()->nmounts; left > 0; left--) {
        struct list_node *next = n->next;
        if (mount_is_below(list_entry(n, struct mount, node), top)) {
            list_del(n);
            list_add_tail(n, &vfs()->mounts);
        }
        n = next;
    }
}

/* Copies into top what is mounted below from. */
static int copy_children(struct mount *top, struct mount *from, int32_t last)
{
    int r = 0;
    top->bind_of = from;
    /* Copies are appended to the list that is being walked, so their children come in turn. */
    for (struct list_node *n = &top->node; r == 0 && n != &vfs()->mounts; n = n->next) {
        struct mount *m = list_entry(n, struct mount, node);
        if (m->bind_of)
            r = bind_children(TAKE(m->bind_of), m, m->root, last);
    }
    return r;
}

/* Is something mounted below p that a copy without it would uncover? */
static bool hides_locked(const struct path *p)
{
    struct mount *m;
    LIST_FOREACH (m, &vfs()->mounts, node)
        if (m->locked && m->parent == p->mnt && dentry_is_below(m->mountpoint, p->dentry))
            return true;
    return false;
}

/* at NULL: in no place. */
static int copy_mounts(const struct path *from, const struct path *at, bool recursive,
                       struct mount **ret)
{
    int32_t last = vfs()->next_mnt_id;
    struct mount *top;
    if (from->mnt->unbindable || (!recursive && hides_locked(from)))
        return -EINVAL;
    int r = mount_add(from->mnt->sb, from->dentry, at, from->mnt->flags, from->mnt->source, &top);
    if (r < 0)
        return r;
    propagate_copy(top, from->mnt);
    if (recursive)
        r = copy_children(top, from->mnt, last);
    if (r < 0) {
        detach_tree(top);
        return r;
    }
    *ret = top;
    return 0;
}

int vfs_bind(const struct path *from, const struct path *at, bool recursive)
{
    struct mount *top;
    int r = same_kind(from->dentry, at->dentry);
    if (r == 0)
        r = copy_mounts(from, at, recursive, &top);
    if (r < 0)
        return r;
    r = propagate_attach(top);
    if (r < 0)
        detach_tree(top);
    return r;
}

int vfs_clone_tree(const struct path *from, bool recursive, struct mount **ret)
{
    return copy_mounts(from, NULL, recursive, ret);
}

void vfs_dissolve(struct mount *m)
{
    if (!m->parent && !mount_is_root(m) && list_is_linked(&m->node))
        detach_tree(m);
}

/* top, and all below it, is in the tree of mn. */
static void tree_belongs(const struct mount *top, struct mount_ns *mn)
{
    struct mount *m;
    LIST_FOREACH (m, &vfs()->mounts, node)
        if (mount_is_below(m, top))
            m->ns = mn;
}

int vfs_place(struct mount *m, const struct path *at)
{
    if (m->parent || mount_is_root(m) || !list_is_linked(&m->node) ||
        (at->mnt->peer && mount_tree_unbindable(m)))
        return -EINVAL;
    int r = same_kind(m->root, at->dentry);
    if (r == 0 && mount_is_below(at->mnt, m))
        r = -ELOOP;
    if (r < 0)
        return r;
    hang(m, at->mnt, at->dentry);
    to_tail(m);
    tree_belongs(m, at->mnt->ns);
    r = propagate_attach(m);
    if (r < 0) {
        unhang(m);
        tree_belongs(m, NULL);
    }
    return r;
}

int vfs_move(const struct path *from, const struct path *at)
{
    struct mount *m = from->mnt;
    if (!is_mount_root(from) || !m->parent || m->parent->peer || m->locked ||
        (at->mnt->peer && mount_tree_unbindable(m)))
        return -EINVAL;
    int r = same_kind(m->root, at->dentry);
    if (r < 0)
        return r;
    if (mount_is_below(at->mnt, m))
        return -ELOOP;
    unhang(m);
    hang(m, at->mnt, at->dentry);
    to_tail(m);
    return propagate_attach(m);
}

bool mount_may_become(const struct mount *m, uint32_t flags)
{
    const uint32_t times = LINUX_MS_NOATIME | LINUX_MS_NODIRATIME | LINUX_MS_RELATIME;
    const uint32_t kept = LINUX_MS_RDONLY | LINUX_MS_NODEV | LINUX_MS_NOSUID | LINUX_MS_NOEXEC;
    return !m->flags_locked || (!(m->flags & kept & ~flags) && !((m->flags ^ flags) & times));
}

int vfs_remount(const struct path *p, uint32_t mnt_flags)
{
    if (!is_mount_root(p))
        return -EINVAL;
    if (!mount_may_become(p->mnt, mnt_flags))
        return -EPERM;
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
    if (new_root->mnt->locked)
        return -EINVAL;
    if (!dentry_is_root(new_root->dentry) && !new_root->dentry->hashed)
        return -ENOENT;
    if (put_old->mnt->peer || (new_root->mnt->parent && new_root->mnt->parent->peer) ||
        (root->mnt->parent && root->mnt->parent->peer))
        return -EINVAL;
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
            nm->ns->root = nm;
        hang(om, put_old->mnt, put_old->dentry);
        nm->locked = om->locked;
        om->locked = false;
        if (base)
            path_unref(&at);
        roots_follow(&root, new_root);
    }
    path_unref(&root);
    return r;
}
