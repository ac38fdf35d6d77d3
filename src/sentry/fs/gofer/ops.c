/* Hook tables: of trees that are only read, and of trees that are written. */
#include "sentry/fs/gofer/gofer_ops.h"

const struct inode_ops gofer_inode_ops = {
    .lookup = gofer_lookup,
    .peek = gofer_peek,
    .lookup_read = gofer_lookup_read,
    .revalidate = gofer_revalidate,
    .name_gone = gofer_name_gone,
    .mountpoint = gofer_mountpoint,
    .readlink = gofer_readlink,
    .getattr = gofer_getattr,
    .getxattr = gofer_getxattr,
    .listxattr = gofer_listxattr,
    .open = gofer_open,
    .free = gofer_free,
};

const struct inode_ops gofer_inode_ops_rw = {
    .lookup = gofer_lookup,
    .revalidate = gofer_revalidate,
    .name_gone = gofer_name_gone,
    .create = gofer_create,
    .mkdir = gofer_mkdir,
    .mknod = gofer_mknod,
    .symlink = gofer_symlink,
    .link = gofer_link,
    .tmpfile = gofer_tmpfile,
    .mountpoint = gofer_mountpoint,
    .unlink = gofer_unlink,
    .rmdir = gofer_rmdir,
    .rename = gofer_rename,
    .readlink = gofer_readlink,
    .getattr = gofer_getattr,
    .setattr = gofer_setattr,
    .getxattr = gofer_getxattr,
    .setxattr = gofer_setxattr,
    .listxattr = gofer_listxattr,
    .removexattr = gofer_removexattr,
    .open = gofer_open,
    .free = gofer_free,
};
