#include "sentry/fs/anon/anon.h"

#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/vfs/vfs_priv.h"

#include <string.h>

static int anon_statfs(struct super *sb, struct inode *i, struct linux_statfs *ret)
{
    *ret = (struct linux_statfs){
        .f_type = LINUX_S_ISFIFO(i->mode)   ? LINUX_PIPEFS_MAGIC
                  : LINUX_S_ISSOCK(i->mode) ? LINUX_SOCKFS_MAGIC
                                            : LINUX_ANON_INODE_FS_MAGIC,
        .f_bsize = 4096,
        .f_frsize = 4096,
        .f_namelen = 255,
    };
    return 0;
}

static const struct super_ops anon_super_ops = {.statfs = anon_statfs};

static int anon_setattr(struct inode *i, const struct iattr *a)
{
    if (a->valid & ATTR_SIZE)
        return -EINVAL;
    inode_apply_attr(i, a);
    return 0;
}

static void anon_free(struct inode *i) { SLAB_FREE(ANON_INODE, i); }

/* Through /proc/self/fd: there is nothing to open again (pipes are, by their FIFO side). */
static int anon_open(struct inode *i, struct file *f) { return -ENXIO; }

static const struct inode_ops anon_inode_ops = {
    .setattr = anon_setattr, .open = anon_open, .free = anon_free};

int anon_init(struct mount **ret)
{
    struct super *sb = super_new(NULL, &anon_super_ops);
    struct mount *m = SLAB_NEW(MOUNT, struct mount);
    struct inode *i = SLAB_NEW(ANON_INODE, struct inode);
    if (!sb || !m || !i)
        return -ENOMEM; /* the kernel does not start */
    inode_init(i, sb, &anon_inode_ops, NULL, LINUX_S_IFDIR | 0555);
    sb->root = dentry_new_root(i);
    if (!sb->root)
        return -ENOMEM;
    ref_init(&m->ref);
    list_init(&m->node);
    m->sb = sb;
    m->root = dentry_ref(sb->root);
    *ret = m;
    return 0;
}

int file_new_anon(const char *name, uint32_t type, const struct file_ops *ops, void *priv,
                  uint32_t flags, struct task *t, struct file **ret)
{
    struct mount *m = vfs()->anon;
    struct inode *i = SLAB_NEW(ANON_INODE, struct inode);
    if (!i)
        return -ENOMEM;
    inode_init(i, m->sb, &anon_inode_ops, ops, type | (LINUX_S_ISSOCK(type) ? 0777 : 0600));
    const struct cred *cr = task_cred_or_kernel(t);
    i->uid = cr->fsuid;
    i->gid = cr->fsgid;
    char text[64];
    struct strbuf sb;
    strbuf_init(&sb, text, sizeof(text));
    if (type)
        strbuf_printf(&sb, "%s:[%llu]", LINUX_S_ISFIFO(type) ? "pipe" : "socket",
                      (unsigned long long)i->ino);
    else
        strbuf_puts(&sb, name);
    struct path p = {m, dentry_new_unlinked(NULL, i, sb.buf, sb.len)};
    if (!p.dentry)
        return -ENOMEM;
    int r = file_new(&p, ops, flags, cr, ret);
    dentry_unref(p.dentry);
    if (r == 0)
        (*ret)->priv = priv;
    return r;
}
