/* The file system of POSIX message queues. There are no queues yet (mq_open gives ENOSYS), so that it is an empty directory in which
 * nothing can be made; configurations mount it on /dev/mqueue.
 *
 * DEVIATION: a file that is created there makes a queue on Linux, and is refused here (EPERM). */
#include "abi/dirent.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/slab.h"
#include "sentry/kernel.h"
#include "sentry/vfs/vfs.h"

static int mqueue_lookup(struct inode *dir, struct dentry *d)
{
    dentry_set_inode(d, NULL);
    return 0;
}

static int mqueue_setattr(struct inode *i, const struct iattr *a)
{
    inode_apply_attr(i, a);
    return 0;
}

static void mqueue_inode_free(struct inode *i) { SLAB_FREE(ANON_INODE, i); }

static int mqueue_readdir(struct file *f, struct dir_ctx *c)
{
    if (c->pos == 0 && c->emit(c, ".", 1, f->inode->ino, LINUX_DT_DIR, 1))
        c->pos = 1;
    if (c->pos == 1 && c->emit(c, "..", 2, f->inode->ino, LINUX_DT_DIR, 2))
        c->pos = 2;
    return 0;
}

static int64_t mqueue_llseek(struct file *f, int64_t off, int whence)
{
    return file_llseek_generic(f, off, whence, 2);
}

static int mqueue_statfs(struct super *sb, struct inode *i, struct linux_statfs *ret)
{
    *ret = (struct linux_statfs){
        .f_type = LINUX_MQUEUE_MAGIC, .f_bsize = 4096, .f_frsize = 4096, .f_namelen = 255};
    return 0;
}

static const struct inode_ops root_ops = {
    .lookup = mqueue_lookup, .setattr = mqueue_setattr, .free = mqueue_inode_free};
static const struct file_ops dir_ops = {
    .name = "mqueue", .readdir = mqueue_readdir, .llseek = mqueue_llseek};
static const struct super_ops mqueue_super_ops = {.statfs = mqueue_statfs};

static int mqueue_mount(struct task *t, const char *source, uint32_t flags, const char *data,
                        struct super **ret)
{
    if (data && *data)
        return -EINVAL;
    struct super *sb = super_new(fs_type_find("mqueue"), &mqueue_super_ops);
    struct inode *i = sb ? SLAB_NEW(ANON_INODE, struct inode) : NULL;
    if (!i) {
        super_unref(sb);
        return -ENOMEM;
    }
    inode_init(i, sb, &root_ops, &dir_ops, LINUX_S_IFDIR | LINUX_S_ISVTX | 0777);
    sb->root = dentry_new_root(i);
    if (!sb->root) {
        super_unref(sb);
        return -ENOMEM;
    }
    *ret = sb;
    return 0;
}

extern const struct fs_type mqueue_fs_type;
const struct fs_type mqueue_fs_type = {
    .name = "mqueue", .magic = LINUX_MQUEUE_MAGIC, .nodev = true, .mount = mqueue_mount};
