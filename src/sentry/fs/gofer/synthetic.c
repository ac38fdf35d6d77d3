/* Mount points that the host's tree does not have: names of the sandbox alone, for as long as something is mounted there. */
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/slab.h"
#include "sentry/fs/gofer/gofer_ops.h"
#include "sentry/vfs/dentry.h"

static int synthetic_lookup(struct inode *dir, struct dentry *d)
{
    dentry_set_inode(d, NULL);
    return 0;
}

static const struct inode_ops synthetic_ops = {
    .lookup = synthetic_lookup,
    .name_gone = gofer_name_gone,
    .mountpoint = gofer_mountpoint,
    .open = gofer_open,
    .free = gofer_free,
};

int gofer_mountpoint(struct inode *dir, struct dentry *d, uint32_t mode)
{
    struct gofer_inode *g = SLAB_NEW(GOFER_INODE, struct gofer_inode);
    if (!g)
        return -ENOMEM;
    inode_init(&g->vfs, dir->sb, &synthetic_ops, LINUX_S_ISDIR(mode) ? &gofer_dir_ops : NULL, mode);
    g->vfs.ino |= GOFER_INO_SYNTHETIC;
    g->host_dev = gofer_super_of(g)->host_dev;
    gofer_mark(g, GOFER_SYNTHETIC);
    gofer_mark(to_gofer(dir), GOFER_OVER_SYNTHETIC);
    gofer_list_forget(to_gofer(dir));
    g->at = d;
    dentry_set_inode(d, &g->vfs);
    return 0;
}
