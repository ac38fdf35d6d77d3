/* The file system of namespaces: an inode stands for one, and holds it. */
#include "abi/nsfs.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/slab.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/ns_priv.h"
#include "sentry/ns/user_ns.h"
#include "sentry/vfs/vfs_priv.h"

struct nsfs_inode {
    struct inode i;
    struct ns *ns; /* counted */
};

static const struct inode_ops nsfs_inode_ops;

static int nsfs_statfs(struct super *sb, struct inode *i, struct linux_statfs *ret)
{
    (void)sb, (void)i;
    *ret = (struct linux_statfs){
        .f_type = LINUX_NSFS_MAGIC, .f_bsize = 4096, .f_frsize = 4096, .f_namelen = 255};
    return 0;
}

static const struct super_ops nsfs_super_ops = {.statfs = nsfs_statfs};

/* The mount is the kernel's: made with the first file, then for good. */
static int nsfs_mount(struct mount **ret)
{
    struct ns_root *r = kern()->ns;
    if (!r->nsfs) {
        struct super *sb = super_new(NULL, &nsfs_super_ops);
        struct mount *m = sb ? SLAB_NEW(MOUNT, struct mount) : NULL;
        struct inode *i = m ? SLAB_NEW(ANON_INODE, struct inode) : NULL;
        if (i) {
            static const struct inode_ops root_ops = {0};
            inode_init(i, sb, &root_ops, NULL, LINUX_S_IFDIR | 0555);
            sb->root = dentry_new_root(i);
        }
        if (!i || !sb->root) {
            SLAB_FREE(MOUNT, m);
            super_unref(sb);
            return -ENOMEM;
        }
        ref_init(&m->ref);
        list_init(&m->node);
        m->sb = sb;
        m->root = dentry_ref(sb->root);
        r->nsfs = m;
    }
    *ret = r->nsfs;
    return 0;
}

int nsfs_path(struct ns *ns, struct path *ret)
{
    struct mount *m;
    int r = nsfs_mount(&m);
    struct nsfs_inode *n = r ? NULL : SLAB_NEW(NSFS_INODE, struct nsfs_inode);
    if (!n)
        return -ENOMEM;
    inode_init(&n->i, m->sb, &nsfs_inode_ops, NULL, LINUX_S_IFREG | 0444);
    n->i.ino = ns->inum;
    n->ns = ns_ref(ns);
    char text[32];
    struct strbuf sb;
    strbuf_init(&sb, text, sizeof(text));
    strbuf_printf(&sb, "%s:[%u]", ns_kinds[ns->kind].name, ns->inum);
    struct dentry *d = dentry_new_unlinked(NULL, &n->i, sb.buf, sb.len);
    if (!d)
        return -ENOMEM;
    struct path p = {m, d};
    *ret = path_ref(&p);
    dentry_unref(d);
    return 0;
}

struct ns *nsfs_ns(const struct path *p)
{
    const struct inode *i = p->dentry ? p->dentry->inode : NULL;
    return i && i->ops == &nsfs_inode_ops ? container_of(i, struct nsfs_inode, i)->ns : NULL;
}

bool nsfs_is(const struct path *p) { return nsfs_ns(p) != NULL; }

/* A descriptor of ns, or -errno. */
static int64_t open_ns(struct task *t, struct ns *ns)
{
    struct path p;
    struct file *f;
    int r = nsfs_path(ns, &p);
    if (r < 0)
        return r;
    r = file_open_path(t, &p, LINUX_O_RDONLY, &f);
    path_unref(&p);
    return r < 0 ? r : fd_install(t, f, true);
}

/* Is u the caller's own user namespace, or one below it? */
static bool user_visible(const struct task *t, const struct user_ns *u)
{
    const struct user_ns *mine = cred_user_ns(t->cred);
    while (u && u != mine)
        u = u->ns.owner;
    return u != NULL;
}

static int64_t ioctl_parent(struct task *t, struct ns *ns)
{
    struct ns *up = ns_parent(ns);
    if (ns->kind != NS_USER && ns->kind != NS_PID)
        return -EINVAL;
    if (!up ||
        (ns->kind == NS_USER ? !user_visible(t, (struct user_ns *)up) : !ns_pid_visible(t, up)))
        return -EPERM;
    return open_ns(t, up);
}

static int64_t nsfs_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    struct ns *ns = f->priv;
    switch (cmd) {
    case LINUX_NS_GET_USERNS:
        return ns->owner && user_visible(t, ns->owner) ? open_ns(t, user_ns_common(ns->owner))
                                                       : -EPERM;
    case LINUX_NS_GET_PARENT: return ioctl_parent(t, ns);
    case LINUX_NS_GET_NSTYPE: return ns_kinds[ns->kind].flag;
    case LINUX_NS_GET_OWNER_UID: {
        if (ns->kind != NS_USER)
            return -EINVAL;
        const struct user_ns *u = (const struct user_ns *)ns;
        return copy_out_u32(t, UADDR(arg), uid_seen(t, u->owner_uid)) ? -EFAULT : 0;
    }
    default: return -ENOTTY;
    }
}

static const struct file_ops nsfs_fops = {.name = "nsfs", .ioctl = nsfs_ioctl};

static int nsfs_open(struct inode *i, struct file *f)
{
    f->ops = &nsfs_fops;
    f->priv = container_of(i, struct nsfs_inode, i)->ns;
    return 0;
}

static void nsfs_free(struct inode *i)
{
    struct nsfs_inode *n = container_of(i, struct nsfs_inode, i);
    ns_unref(TAKE(n->ns));
    SLAB_FREE(NSFS_INODE, n);
}

static const struct inode_ops nsfs_inode_ops = {.open = nsfs_open, .free = nsfs_free};
