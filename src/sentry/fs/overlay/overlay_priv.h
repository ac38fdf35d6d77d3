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
    struct tmpfs_inode t;     /* first; t.data is made when something of the object is in memory */
    union {                   /* NULL: nothing is below */
        struct dentry *lower; /* OV_HOLDS: what is below; counted */
        struct dentry *at;    /* light: the name in the overlay that this is the object of */
    };
    struct hlist_node by_lower; /* OV_HOLDS */
};
/* inode.fs_flags */
enum {
    OV_HOLDS = 1,      /* else, if something is below, the object is light */
    OV_COPIED = 2,     /* regular: the data is in t */
    OV_XATTRS_OWN = 4, /* t has them all */
    OV_PINNED = 8,     /* one reference is held because it differs from what is below */
};

static inline struct ov_inode *ov_i(struct inode *i) { return (struct ov_inode *)i; }
static inline struct ov_super *ov_s(const struct super *sb) { return sb->priv; }
static inline bool ov_is(const struct ov_inode *o, uint16_t flag)
{
    return o->t.vfs.fs_flags & flag;
}
static inline bool ov_is_light(const struct ov_inode *o) { return !ov_is(o, OV_HOLDS) && o->at; }
/* A directory with something below: it holds it. */
static inline struct path ov_lower_dir(const struct ov_inode *o)
{
    return (struct path){ov_s(o->t.vfs.sb)->mnt, o->lower};
}

extern const struct inode_ops ov_inode_ops;
extern const struct file_ops ov_reg_fops, ov_dir_fops;

/* object.c: objects and what is below them */
NODISCARD int ov_inode_new(struct super *sb, uint32_t mode, struct ov_inode **ret);
NODISCARD int ov_data_make(struct ov_inode *o); /* t.data is there. -ENOMEM */
/* What is below a name. */
struct ov_below {
    bool there;
    struct dentry *d; /* counted, maybe negative; NULL: nothing, or what may be light */
    struct kstat st;  /* there: unless an object is over d already */
};
/* dir has a directory below. Errors of the file system there. */
NODISCARD int ov_below(struct inode *dir, const char *name, size_t len, struct ov_below *ret);
/* The object over what is there, counted; at: its dentry. -ENOMEM */
NODISCARD int ov_below_object(struct super *sb, struct ov_below *b, struct dentry *at,
                              struct ov_inode **ret);
void ov_below_done(struct ov_below *b);
/* What is below o, counted; read: it will be opened at once. -ESTALE the host has put something else there, or the error below. */
NODISCARD int ov_lower_get(struct ov_inode *o, bool read, struct dentry **ret);
/* Before a name of o or o itself is changed: no longer light. Errors as ov_lower_get. */
NODISCARD int ov_hold(struct ov_inode *o);
void ov_pin(struct ov_inode *o); /* o is not light */
void ov_unpin(struct ov_inode *o);
void ov_inode_free(struct inode *i);

/* dir.c */
int ov_lookup(struct inode *dir, struct dentry *d);
NODISCARD int ov_name_set(struct inode *dir, const char *name, size_t len, struct inode *i);
/* i: what the name stands for. -ENOENT: not any more. */
NODISCARD int ov_name_clear(struct inode *dir, const char *name, size_t len, struct inode *i);
/* 0, -ENOTEMPTY, or the error of reading below. */
NODISCARD int ov_dir_check_empty(struct inode *dir, const struct cred *cr);

/* file.c */
int ov_open(struct inode *i, struct file *f);
/* The first `keep` bytes of a lower file come into memory; from then on the data is ours. */
NODISCARD int ov_copy_up(struct ov_inode *o, uint64_t keep, struct task *t);
NODISCARD int ov_xattrs_copy_up(struct ov_inode *o);
