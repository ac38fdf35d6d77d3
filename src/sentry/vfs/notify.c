#include "sentry/vfs/notify.h"

#include "sentry/vfs/vfs_priv.h"

void notify_self(struct inode *i, uint32_t mask) { (void)i, (void)mask; }
void notify_dentry(const struct dentry *d, uint32_t mask) { (void)d, (void)mask; }
void notify_file(const struct file *f, uint32_t mask) { (void)f, (void)mask; }
void notify_dir(struct inode *dir, const char *name, uint32_t mask, uint32_t cookie)
{
    (void)dir, (void)name, (void)mask, (void)cookie;
}
void notify_inode_gone(struct inode *i) { (void)i; }
