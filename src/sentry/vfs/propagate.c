#include "sentry/vfs/propagate.h"

#include "abi/mount.h"
#include "base/err.h"
#include "sentry/vfs/vfs_priv.h"

#define ALL_MOUNTS(m) LIST_FOREACH (m, &vfs()->mounts, node)

static struct mount *group_member(int32_t group, const struct mount *but)
{
    struct mount *m;
    ALL_MOUNTS(m)
    if (m->peer == group && m != but)
        return m;
    return NULL;
}

void propagate_copy(struct mount *copy, const struct mount *src)
{
    copy->peer = src->peer;
    copy->master = src->master;
    copy->flags_locked = src->flags_locked;
}

void propagate_leave(struct mount *m)
{
    int32_t group = m->peer;
    m->peer = 0;
    if (group && !group_member(group, m)) {
        struct mount *s;
        ALL_MOUNTS(s)
        if (s->master == group)
            s->master = m->master;
    }
    m->master = 0;
}

static void set_one(struct mount *m, uint32_t type)
{
    m->unbindable = type == LINUX_MS_UNBINDABLE;
    if (type == LINUX_MS_SHARED) {
        if (!m->peer)
            m->peer = ++vfs()->next_group;
        return;
    }
    int32_t master = m->master;
    if (type == LINUX_MS_SLAVE && m->peer && group_member(m->peer, m))
        master = m->peer;
    propagate_leave(m);
    if (type == LINUX_MS_SLAVE)
        m->master = master;
}

bool mount_is_below(const struct mount *m, const struct mount *ancestor)
{
    for (; m; m = m->parent)
        if (m == ancestor)
            return true;
    return false;
}

void propagate_set(struct mount *top, uint32_t type, bool rec)
{
    struct mount *m;
    ALL_MOUNTS(m)
    if (m == top || (rec && mount_is_below(m, top)))
        set_one(m, type);
}

bool mount_tree_unbindable(const struct mount *top)
{
    struct mount *m;
    ALL_MOUNTS(m)
    if (m->unbindable && mount_is_below(m, top))
        return true;
    return false;
}

/* ---- where events go ---- */

/* Does m receive what happens in this group, as a member or over any number of masters? */
static bool receives(const struct mount *m, int32_t group)
{
    if (m->peer == group)
        return true;
    int32_t g = m->master;
    while (g && g != group) {
        const struct mount *x = group_member(g, NULL);
        g = x ? x->master : 0;
    }
    return g == group;
}

/* Has m the place `at` of parent too? */
static bool has_place(const struct mount *m, const struct mount *parent, const struct dentry *at)
{
    return m != parent && m->sb == parent->sb && dentry_is_below(at, m->root);
}

int propagate_each(const struct mount *gone, int (*fn)(struct mount *copy))
{
    struct mount *parent = gone->parent, *m, *next;
    int r = 0;
    if (!parent || !parent->peer)
        return 0;
    LIST_FOREACH_SAFE (m, next, &vfs()->mounts, node) {
        if (!receives(m, parent->peer) || !has_place(m, parent, gone->mountpoint))
            continue;
        struct mount *copy = mount_on(m, gone->mountpoint);
        if (copy && copy != gone && copy->sb == gone->sb && copy->root == gone->root)
            r = r ? r : fn(copy);
        next = m->node.next == &vfs()->mounts ? next : list_entry(m->node.next, struct mount, node);
    }
    return r;
}

/* ---- copies ---- */

/* The group of the copies of src that hang on members of group; 0: there are none yet. */
static int32_t copies_group(const struct mount *src, const struct mount *src_parent, int32_t group)
{
    struct mount *c;
    if (group == src_parent->peer)
        return src->peer;
    ALL_MOUNTS(c)
    if (c->copy_of == src && c->on_group == group)
        return c->peer;
    return 0;
}

static void copy_type(struct mount *copy, const struct mount *src, const struct mount *parent,
                      const struct mount *target)
{
    copy->copy_of = src;
    copy->on_group = target->peer;
    if (target->peer == parent->peer) {
        propagate_copy(copy, src);
        return;
    }
    copy->master = copies_group(src, parent, target->master);
    if (target->peer) {
        int32_t g = copies_group(src, parent, target->peer);
        copy->peer = g ? g : ++vfs()->next_group;
    }
}

/* A copy of the tree `top` on target; *ret: its first mount, also when it failed in the middle. */
static int copy_tree(const struct mount *top, struct mount *target, int32_t last,
                     struct mount **ret)
{
    struct path at = {target, top->mountpoint};
    struct mount *m;
    int r = mount_add(top->sb, top->root, &at, top->flags, top->source, ret);
    if (r < 0)
        return r;
    copy_type(*ret, top, top->parent, target);
    /* Parents come before their children in the list. */
    ALL_MOUNTS(m)
    {
        struct mount *p, *copy;
        if (m->id > last || m == top || !mount_is_below(m, top))
            continue;
        ALL_MOUNTS(p)
        if (p->copy_of == m->parent && mount_is_below(p, *ret))
            break;
        if (&p->node == &vfs()->mounts)
            continue;
        at = (struct path){p, m->mountpoint};
        r = mount_add(m->sb, m->root, &at, m->flags, m->source, &copy);
        if (r < 0)
            return r;
        copy_type(copy, m, top->parent, target);
    }
    return 0;
}

static void forget_copies(void)
{
    struct mount *m;
    ALL_MOUNTS(m)
    {
        m->copy_of = NULL;
        m->on_group = 0;
        m->receives = false;
    }
}

/* Those whose master's copies are made come next; false: none is left. */
static struct mount *next_target(const struct mount *parent)
{
    struct mount *m, *x;
    ALL_MOUNTS(m)
    {
        if (!m->receives)
            continue;
        if (m->peer == parent->peer || m->master == parent->peer)
            return m;
        bool waits = false;
        ALL_MOUNTS(x)
        waits = waits || (x->receives && x->peer && x->peer == m->master);
        if (!waits)
            return m;
    }
    return NULL;
}

int propagate_attach(struct mount *top)
{
    struct mount *parent = top->parent, *m;
    int32_t last = vfs()->next_mnt_id;
    int r = 0;
    if (!parent || !parent->peer)
        return 0;
    propagate_set(top, LINUX_MS_SHARED, true);
    ALL_MOUNTS(m)
    m->receives = receives(m, parent->peer) && has_place(m, parent, top->mountpoint) &&
                  !mount_is_below(m, top);
    while (r == 0 && (m = next_target(parent))) {
        struct mount *copy = NULL;
        m->receives = false;
        r = copy_tree(top, m, last, &copy);
    }
    if (r < 0) { /* what has appeared goes again */
        bool again = true;
        while (again) {
            again = false;
            LIST_FOREACH_REVERSE (m, &vfs()->mounts, node)
                if (m->copy_of) {
                    m->copy_of = NULL;
                    mount_detach(m);
                    again = true;
                    break;
                }
        }
    }
    forget_copies();
    return r;
}
