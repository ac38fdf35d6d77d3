/* sentry/fs/tmpfs/tmpfs_priv.h - shared by the files of tmpfs/.
 *
 * I1  a directory's entries are in its hash (by name) and in its tree (by cookie); cookies only grow, so that a listing that is
 *     interrupted goes on where it was whatever was removed.
 * I2  a regular file's content is in mem (size <= cap, bytes beyond size are zero) unless host is set; then in host's file alone.
 * I3  a page of mem that is not present is zero, and is not charged. Pages behind TMPFS_MASK_PAGES are present.
 */
#pragma once
#include "base/hash.h"
#include "base/rbtree.h"
#include "sentry/vfs/vfs.h"

#define TMPFS_MEM_MAX    65536u
#define TMPFS_MASK_PAGES (TMPFS_MEM_MAX / GUEST_PAGE_SIZE)
#define TMPFS_MEM_LAST   (64u << 20) /* without a memfd */
#define TMPFS_NAME_MAX   255u
#define TMPFS_SHORT_LINK 127u /* bytes of a link that need no page */

struct tmpfs_sb {
    /* A new, empty file of the host for the data of a larger file. NULL: a memfd. */
    int (*store_new)(struct super *sb, struct hostfile **ret);
    uint64_t max_pages, used_pages;         /* 0: no limit */
    uint64_t max_inodes, used_inodes;       /* 0: no limit */
    uint32_t root_mode, root_uid, root_gid; /* as mounted, for mountinfo */
    struct hlist_head dying; /* entries of directories that go, being dropped one by one */
    bool draining;
};

struct tmpfs_entry {
    struct hlist_node hash;
    struct rb_node node;
    struct inode *inode; /* counted */
    int64_t cookie;
    uint16_t len;
    char name[];
};

struct tmpfs_xattr {
    struct tmpfs_xattr *next;
    char *name;
    void *value; /* NULL if size is 0 */
    size_t size;
};

struct tmpfs_data {
    struct tmpfs_xattr *xattrs;
    uint64_t charged_pages;
    uint32_t seals; /* LINUX_F_SEAL_* of a regular file */
    union {
        struct {
            struct hlist_head *buckets;
            uint32_t nbuckets, count;
            struct rb_root order;
            int64_t next_cookie;
        } dir;
        struct {
            uint8_t *mem;
            size_t cap;
            uint16_t
                present; /* of mem: which of the first TMPFS_MASK_PAGES pages are no holes (I3) */
            struct hostfile *host;
        } reg;
        char *target;
    };
};

struct tmpfs_inode {
    struct inode vfs;
    struct tmpfs_data *data; /* NULL: an overlay has nothing of the object in memory */
};

static inline struct tmpfs_inode *tmpfs_i(struct inode *i) { return (struct tmpfs_inode *)i; }
static inline struct tmpfs_sb *tmpfs_s(const struct super *sb) { return sb->priv; }

extern const struct file_ops tmpfs_dir_fops, tmpfs_reg_fops;

/* inode.c */
NODISCARD int tmpfs_inode_new(struct super *sb, uint32_t mode, struct tmpfs_inode **ret);
/* Charges or gives back pages so that i has `pages`, whatever the limit. */
void tmpfs_charge(struct inode *i, uint64_t pages);
/* Pages that may still be charged: the mount's, and three quarters of the memory for the data of all that are kept in it. */
uint64_t tmpfs_room(const struct tmpfs_sb *s);

/* dir.c */
void tmpfs_dir_init(struct tmpfs_inode *d);
void tmpfs_dir_free(struct tmpfs_inode *d);
struct tmpfs_entry *tmpfs_dir_find(struct tmpfs_inode *d, const char *name, size_t len);
/* The first entry whose cookie is >= pos, or NULL. */
struct tmpfs_entry *tmpfs_dir_from(struct tmpfs_inode *d, int64_t pos);
NODISCARD int tmpfs_dir_add(struct tmpfs_inode *d, const char *name, size_t len,
                            struct inode *i); /* takes a reference. -ENOMEM */
void tmpfs_dir_remove(struct tmpfs_inode *d, struct tmpfs_entry *e);

/* reg.c */
void tmpfs_reg_free(struct tmpfs_inode *r);
NODISCARD int tmpfs_reg_resize(struct tmpfs_inode *r, uint64_t size);
void tmpfs_reg_stat(struct tmpfs_inode *r, struct kstat *ret);

/* memfd.c: seals. *n is cut to what may be written. -EPERM */
int64_t tmpfs_reg_fcntl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg);
NODISCARD int tmpfs_seal_write(const struct tmpfs_inode *r, uint64_t at, uint64_t *n);
NODISCARD int tmpfs_seal_attr(const struct tmpfs_inode *r, const struct iattr *a);
NODISCARD int tmpfs_seal_fallocate(const struct tmpfs_inode *r, uint32_t mode, uint64_t end);

/* xattr.c */
ssize_t tmpfs_getxattr(struct inode *i, const char *name, void *buf, size_t size);
int tmpfs_setxattr(struct inode *i, const char *name, const void *v, size_t size, uint32_t flags);
ssize_t tmpfs_listxattr(struct inode *i, char *buf, size_t size);
int tmpfs_removexattr(struct inode *i, const char *name);
void tmpfs_xattrs_free(struct tmpfs_inode *i);
