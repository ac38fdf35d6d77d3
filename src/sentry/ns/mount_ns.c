#include "sentry/ns/mount_ns.h"

#include "abi/mount.h"
#include "base/err.h"
#include "sentry/arena/slab.h"
#include "sentry/ns/ns_priv.h"
#include "sentry/vfs/propagate.h"
#include "sentry/vfs/vfs_priv.h"

struct mount_ns *mount_ns_make(struct user_ns *owner)
{
    struct mount_ns *mn = SLAB_NEW(MOUNT_NS, struct mount_ns);
    if (mn) {
        ns_setup(&mn->ns, NS_MNT, owner);
        mn->origin = mn->ns.inum;
    }
    return mn;
}

void mount_ns_free(struct mount_ns *mn)
{
    if (mn->root)
        vfs_tree_end(TAKE(mn->root));
    SLAB_FREE(MOUNT_NS, mn);
}

struct mount_ns *mount_ns_initial(void) { return (struct mount_ns *)kern()->ns->init->of[NS_MNT]; }

struct mount_ns *task_mount_ns(const struct task *t)
{
    return (struct mount_ns *)task_ns(t, NS_MNT);
}

bool mount_is_root(const struct mount *m) { return m->ns && m->ns->root == m; }

int mount_ns_set_root(struct mount_ns *mn, struct super *sb, uint32_t flags, const char *source)
{
    struct mount *m;
    if (mn->root)
        return -EBUSY;
    int r = mount_add(sb, sb->root, NULL, flags, source, &m);
    if (r < 0)
        return r;
    m->ns = mn;
    mn->root = m;
    return 0;
}

struct path mount_ns_top(const struct mount_ns *mn)
{
    struct path p = {mn->root, mn->root->root};
    struct mount *m;
    while ((m = p.dentry->mountpoint ? mount_on(p.mnt, p.dentry) : NULL))
        p = (struct path){m, m->root};
    return path_ref(&p);
}

int mount_ns_enter(const struct mount_ns *mn, struct fsctx *fs)
{
    if (!mn->root)
        return -ENOENT;
    struct path root = *fs->root, cwd = *fs->cwd;
    *fs->root = mount_ns_top(mn);
    *fs->cwd = path_ref(fs->root);
    path_unref(&root);
    path_unref(&cwd);
    return 0;
}

/* ---- copies ---- */

static struct mount *copy_of(const struct mount *m, const struct mount_ns *mn)
{
    struct mount *c;
    LIST_FOREACH (c, &vfs()->mounts, node)
        if (c->ns == mn && c->copy_of == m)
            return c;
    return NULL;
}

static int copy_one(struct mount *m, const struct path *at, struct mount_ns *mn, bool less)
{
    struct mount *c;
    int r = mount_add(m->sb, m->root, at, m->flags, m->source, &c);
    if (r < 0)
        return r;
    c->ns = mn;
    c->copy_of = m;
    c->unbindable = m->unbindable;
    propagate_copy(c, m);
    c->locked = m->locked;
    if (less) { /* events of the more privileged come here, and none goes back */
        propagate_set(c, LINUX_MS_SLAVE, false);
        c->locked = at != NULL;
        c->flags_locked = true;
    }
    if (!at)
        mn->root = c;
    return 0;
}

/* A namespace of mounts that is mounted somewhere is not in copies: they are younger than it may be. */
static bool holds_mounts(struct mount *m)
{
    const struct path p = {m, m->root};
    const struct ns *ns = nsfs_ns(&p);
    return ns && ns->kind == NS_MNT;
}

/* Parents before children, whatever the order of the list. */
static int copy_tree(const struct mount_ns *old, struct mount_ns *mn, bool less)
{
    int32_t last = vfs()->next_mnt_id;
    int r = copy_one(old->root, NULL, mn, less);
    bool more = true;
    while (r == 0 && more) {
        struct mount *m, *parent;
        more = false;
        LIST_FOREACH (m, &vfs()->mounts, node) {
            if (m->ns != old || holds_mounts(m) || m->id > last || !m->parent || copy_of(m, mn) ||
                !(parent = copy_of(m->parent, mn)))
                continue;
            struct path at = {parent, m->mountpoint};
            r = copy_one(m, &at, mn, less);
            more = true;
            if (r < 0)
                break;
        }
    }
    return r;
}

static void follow(struct path *p, const struct mount_ns *mn)
{
    struct mount *c = p->mnt ? copy_of(p->mnt, mn) : NULL;
    if (!c)
        return;
    struct path old = *p, new = {c, p->dentry};
    *p = path_ref(&new);
    path_unref(&old);
}

int mount_ns_copy(struct mount_ns *old, struct user_ns *owner, struct fsctx *fs, struct ns **ret)
{
    struct mount_ns *mn = mount_ns_make(owner);
    struct mount *m;
    if (!mn)
        return -ENOMEM;
    mn->origin = old->origin;
    int r = old->root ? copy_tree(old, mn, owner != old->ns.owner) : 0;
    if (r == 0 && fs) {
        follow(fs->root, mn);
        follow(fs->cwd, mn);
    }
    LIST_FOREACH (m, &vfs()->mounts, node)
        m->copy_of = NULL;
    if (r < 0) {
        ns_unref(&mn->ns);
        return r;
    }
    *ret = &mn->ns;
    return 0;
}
