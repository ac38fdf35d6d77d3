/* sentry/fs/gofer/gofer_ops.h - the hooks behind the tables in ops.c. */
#pragma once
#include "sentry/fs/gofer/gofer_priv.h"

/* walk.c */
NODISCARD int gofer_lookup(struct inode *dir, struct dentry *d);
bool gofer_revalidate(struct dentry *d);
void gofer_name_gone(struct dentry *d);
NODISCARD int gofer_peek(struct dentry *dir, const char *name, size_t len, struct kstat *ret,
                         struct dentry **ret_d);
NODISCARD int gofer_lookup_read(struct inode *dir, struct dentry *d);
/* synthetic.c: mount points that the host's tree does not have. They are not written to it. */
NODISCARD int gofer_mountpoint(struct inode *dir, struct dentry *d, uint32_t mode);
/* dir.c */
NODISCARD ssize_t gofer_readlink(struct inode *i, char *buf, size_t size);
/* mount.c */
NODISCARD int gofer_getattr(struct inode *i, struct kstat *ret);
NODISCARD ssize_t gofer_getxattr(struct inode *i, const char *name, void *buf, size_t size);
NODISCARD ssize_t gofer_listxattr(struct inode *i, char *buf, size_t size);
NODISCARD int gofer_setxattr(struct inode *i, const char *name, const void *v, size_t size,
                             uint32_t flags);
NODISCARD int gofer_removexattr(struct inode *i, const char *name);
void gofer_free(struct inode *i);
/* fifo.c */
NODISCARD int gofer_fifo_open(struct inode *i, struct file *f, struct task *t);
/* unix.c */
NODISCARD int gofer_sock_connect(struct inode *i, uint32_t type, const struct cred *cr,
                                 struct hostfile **ret);
NODISCARD int gofer_sock_bind(struct inode *dir, struct dentry *d, uint32_t mode, uint32_t type,
                              const struct cred *cr, struct hostfile **ret);
/* write.c, names.c: only for writable trees */
NODISCARD int gofer_setattr(struct inode *i, const struct iattr *a);
NODISCARD int gofer_create(struct inode *dir, struct dentry *d, uint32_t mode,
                           const struct cred *cr);
NODISCARD int gofer_mkdir(struct inode *dir, struct dentry *d, uint32_t mode,
                          const struct cred *cr);
NODISCARD int gofer_mknod(struct inode *dir, struct dentry *d, uint32_t mode, uint64_t rdev,
                          const struct cred *cr);
NODISCARD int gofer_symlink(struct inode *dir, struct dentry *d, const char *target,
                            const struct cred *cr);
NODISCARD int gofer_tmpfile(struct inode *dir, uint32_t mode, const struct cred *cr,
                            struct inode **ret);
NODISCARD int gofer_link(struct inode *dir, struct dentry *d, struct inode *target);
NODISCARD int gofer_unlink(struct inode *dir, struct dentry *d);
NODISCARD int gofer_rmdir(struct inode *dir, struct dentry *d);
NODISCARD int gofer_rename(struct inode *odir, struct dentry *od, struct inode *ndir,
                           struct dentry *nd, uint32_t flags);
