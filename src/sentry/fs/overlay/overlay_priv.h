/* sentry/fs/overlay/overlay_priv.h - shared by the files of overlay/. */
#pragma once
#include "sentry/fs/overlay/overlay.h"
#include "sentry/fs/tmpfs/tmpfs_priv.h"
#include "sentry/vfs/vfs.h"

#define OVERLAY_INO_FIRST (1ULL << 48)
#define OVERLAY_BUCKETS   4096u

struct ov_super {
    struct tmpfs_sb t;   /* first: tmpfs's functions find it */
    struct super *lower; /* counted */
    struct mount *mnt;   /* of lower, in no tree; counted */
    struct hlist_head *by_lower;
    struct overlay_options options;
    bool store_failed; /* the host cannot make files there: memory from then on */
};

struct ov_inode {
    struct tmpfs_inode t;        /* first */
    struct inode *lower;         /* counted; NULL: nothing below */
    struct dentry *lower_dentry; /* counted, of lower */
    struct hlist_node by_lower;
    bool copied;     /* regular: the data is in t */
    bool xattrs_own; /* t.xattrs has them all */
    bool pinned;     /* one reference is held because it differs from what is below */
};

static inline struct ov_inode *ov_i(struct inode *i) { return (struct ov_inode *)i; }
static inline struct ov_super *ov_s(const struct super *sb) { return sb->priv; }
static inline struct path ov_lower_path(const struct ov_inode *o)
{
    return (struct path){ov_s(o->t.vfs.sb)->mnt, o->lower_dentry};
}

extern const struct inode_ops ov_inode_ops;
extern const struct file_ops ov_reg_fops, ov_dir_fops;

/* inode.c */
NODISCARD int ov_inode_new(struct super *sb, uint32_t mode, struct ov_inode **ret);
/* The object over a lower dentry (positive), counted. -ENOMEM */
NODISCARD int ov_inode_over(struct super *sb, struct dentry *lower, struct ov_inode **ret);
void ov_pin(struct ov_inode *o);
void ov_unpin(struct ov_inode *o);
void ov_inode_free(struct inode *i);

/* dir.c */
int ov_lookup(struct inode *dir, struct dentry *d);
NODISCARD int ov_name_set(struct inode *dir, const char *name, size_t len, struct inode *i);
/* i: what the name stands for. -ENOENT: not any more. */
NODISCARD int ov_name_clear(struct inode *dir, const char *name, size_t len, const struct inode *i);
/* 0, -ENOTEMPTY, or the error of reading below. */
NODISCARD int ov_dir_check_empty(struct inode *dir, const struct cred *cr);

/* file.c */
int ov_open(struct inode *i, struct file *f);
/* The first `keep` bytes of a lower file come into memory; from then on the data is ours. */
NODISCARD int ov_copy_up(struct ov_inode *o, uint64_t keep, struct task *t);
NODISCARD int ov_xattrs_copy_up(struct ov_inode *o);
