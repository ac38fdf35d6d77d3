/* sentry/fs/gofer/gofer_priv.h - shared by the files of fs/gofer. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "base/list.h"
#include "sentry/io/hostfile.h"
#include "sentry/kernel.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/inode.h"
#include "wire/boot_config.h"

struct file;

#define GOFER_HANDLES_MAX                                                                          \
    1000u /* descriptors of directories and files kept though nobody uses them */
#define GOFER_FILES_MAX     262144u /* open files */
#define GOFER_BUCKETS       4096u
#define GOFER_BUF_SIZE      (256u << 10)
#define GOFER_BUFS          2u
#define GOFER_PATH_TEXT     4096u
#define GOFER_LISTS         16u         /* listings of directories kept for a second */
#define GOFER_LIST_SIZE     (64u << 10) /* .. of at most so many bytes */
#define GOFER_INO_SYNTHETIC (UINT64_C(1) << 62)

struct gofer_query;
struct gofer_reply;
struct listing;

/* One a container: its gofer process. */
struct gofer_conn {
    struct list_node node; /* gofer_root.conns */
    uint32_t refs;         /* the opener's and each superblock's */
    struct hostfile *file; /* NULL: there is no such process, or not any more */
    uint32_t id;           /* from 1, never given twice */
    uint32_t tag;
    uint32_t store_first; /* number of the gofer's first store */
    uint32_t access;      /* GOFER_ACCESS_* */
    uint64_t taken;       /* bit n: directory n of the configuration is a superblock's */
};
static_assert(BOOT_GOFER_DIRS_MAX <= 64, "bits");
#define GOFER_STORE_BITS 8 /* of a store's number; the rest is its gofer's */
static_assert(1u << GOFER_STORE_BITS >= BOOT_STORES_MAX, "room for all");

/* One a sandbox. */
struct gofer_root {
    struct list_node conns;
    uint32_t last_id;
    bool uds;                  /* the sentry's filter lets it use what GOFER_ACCESS_* permits */
    uint8_t *message;          /* of the exchange: used between a question and the next */
    struct gofer_reply *reply; /* the last answer */
    char path[GOFER_PATH_TEXT], to[GOFER_PATH_TEXT];
    struct list_node lru; /* struct gofer_open with a handle; oldest first */
    uint32_t lru_count;
    uint32_t files;
    void *buf[GOFER_BUFS]; /* spare bounce buffers */
    struct listing
        *list[GOFER_LISTS]; /* of directories that nobody changes; NULL or counted, none twice */
    uint32_t list_next;     /* the one to give up next */
};

/* One a mount: super.priv. */
struct gofer_super {
    struct gofer_conn *conn; /* counted */
    uint32_t mount;          /* number in messages */
    bool writable;           /* I2 */
    bool
        direct; /* directfs: the sentry walks by itself; else it has no directories, and the gofer is asked */
    bool file; /* the mount is one file: GOFER_FILE_NAME below the root */
    bool
        shared; /* others change the files too: what is known of them is asked again before it is used */
    bool slave; /* the host's mounts come and go below it: what is on one does not keep it busy */
    bool no_nowait; /* the host's file system does not know RWF_NOWAIT */
    bool no_nowait_write;
    uint64_t host_dev; /* of the root */
    uint64_t seed;
    struct hlist_head *by_ino; /* files with several names */
};

struct gofer_inode {
    struct inode vfs; /* first; ino is the host's; fs_flags: GOFER_STALE.. */
    uint64_t host_dev;
    struct dentry *at;       /* where it is; not counted. NULL: the root, or no name is known */
    struct gofer_open *open; /* owned; NULL: nothing of it is open on the host */
    struct gofer_more *more; /* owned; NULL: none of it */
};
static_assert(sizeof(struct gofer_inode) == 160, "docs/decisions/0008-dentry-memory.md");

/* inode.fs_flags */
enum {
    GOFER_SYNTHETIC = 1,      /* the host has no such name: a mount point made by the kernel */
    GOFER_OVER_SYNTHETIC = 2, /* directory: there are such names in it */
    GOFER_STALE = 4,          /* the host's attributes have changed: getattr asks */
};

/* What is open of it on the host, while it is in use or has a handle. */
struct gofer_open {
    struct gofer_inode *of;
    struct list_node lru;     /* while handle is set */
    struct hostfile *handle;  /* directory: to walk from; regular file: to read */
    struct hostfile *whandle; /* regular file: to write, while open for it */
    uint32_t users, writers;  /* open descriptions; those that write */
    bool dir_readable;        /* handle may be listed */
};
#define GOFER_OPEN(g, field) ((g)->open ? (g)->open->field : 0)
static inline struct hostfile *gofer_any_handle(const struct gofer_inode *g)
{
    struct hostfile *w = GOFER_OPEN(g, whandle);
    return w ? w : GOFER_OPEN(g, handle);
}

/* Further names of a file that has several. They may be gone: looked at only when the name that it is known by is. */
struct gofer_alias {
    struct dentry *dir; /* counted; NULL: free */
    char *name;         /* arena */
};
#define GOFER_ALIASES 4u

/* What few of them have. */
struct gofer_more {
    struct gofer_inode *of;
    struct hlist_node by_ino; /* files with several names */
    struct gofer_alias aliases[GOFER_ALIASES];
    char *link; /* text of a symbolic link, arena; NULL: not read yet */
    uint32_t link_len;
};

static inline struct gofer_inode *to_gofer(struct inode *i) { return (struct gofer_inode *)i; }
static inline struct gofer_super *gofer_super_of(const struct gofer_inode *g)
{
    return g->vfs.sb->priv;
}
static inline struct gofer_root *gofer_root(void) { return kern()->gofer; }

static inline bool gofer_is(const struct gofer_inode *g, uint16_t flag)
{
    return g->vfs.fs_flags & flag;
}
static inline void gofer_mark(struct gofer_inode *g, uint16_t flag) { g->vfs.fs_flags |= flag; }
static inline struct gofer_inode *gofer_parent(const struct gofer_inode *g)
{
    return g->at ? to_gofer(g->at->parent->inode) : NULL;
}

static inline bool gofer_is_root(const struct gofer_inode *g)
{
    return g->vfs.sb->root && g->vfs.sb->root->inode == &g->vfs;
}

/* client.c. Errors as gofer_err(), -EACCES also if there is no gofer, -ENAMETOOLONG a path too long for a message. */
static inline bool gofer_there(const struct gofer_inode *g)
{
    return gofer_super_of(g)->conn->file != NULL;
}
/* q's path becomes that of (g, name); name NULL: g itself. Lives until the next one. -ENOENT: it has no name any more. */
NODISCARD int gofer_query_path(struct gofer_query *q, const struct gofer_inode *g,
                               const char *name);
NODISCARD int gofer_query_to(struct gofer_query *q, const struct gofer_inode *g, const char *name);
/* By path if g has one, else g's descriptor goes along: *ret_fd, -1 if by path. -ENOENT it has neither. */
NODISCARD int gofer_query_object(struct gofer_query *q, struct gofer_inode *g, int *ret_fd);
/* One question about gs's mount; attach: a descriptor to send along, or -1; ret_fd NULL: none is expected. 0, or what the
 * gofer answered; gofer_root()->reply is the answer. Keeps the kernel lock: paths and answers are of one moment. */
NODISCARD int gofer_ask(const struct gofer_super *gs, struct gofer_query *q, int attach,
                        int *ret_fd);
/* Attributes n of the last answer. -EIO there are fewer. */
NODISCARD int gofer_answer_stat(uint32_t n, struct stat *ret);
NODISCARD int gofer_ask_open(struct gofer_inode *g, const char *name, uint32_t open_flags,
                             struct hostfile **ret);

/* remote.c: the host's side of an operation, by the sentry itself where it may and else by the gofer. */
struct gofer_new { /* what shall be made */
    uint32_t mode; /* with the type */
    uint32_t uid, gid;
    const char *target; /* of a link */
};
NODISCARD int gofer_stat_child(struct gofer_inode *dir, const char *name,
                               struct stat *ret);                  /* -ENOENT if there is nothing */
NODISCARD int gofer_stat(struct gofer_inode *g, struct stat *ret); /* by its name */
NODISCARD ssize_t gofer_read_link(struct gofer_inode *g, char *buf, size_t size);
/* A new regular file, open for reading and writing. */
NODISCARD int gofer_make_file(struct gofer_inode *dir, const char *name, const struct gofer_new *n,
                              struct hostfile **ret, struct stat *ret_st);
NODISCARD int gofer_make_tmpfile(struct gofer_inode *dir, const struct gofer_new *n,
                                 struct hostfile **ret, struct stat *ret_st);
NODISCARD int gofer_make(struct gofer_inode *dir, const char *name, const struct gofer_new *n,
                         struct stat *ret_st);
NODISCARD int gofer_link_name(struct gofer_inode *g, struct gofer_inode *dir, const char *name);
NODISCARD int gofer_remove(struct gofer_inode *dir, const char *name, bool is_dir);
NODISCARD int gofer_move(struct gofer_inode *from, const char *name, struct gofer_inode *to,
                         const char *to_name, uint32_t flags);

/* names.c: for what is made elsewhere. */
/* Owner and mode as Linux would give them. */
struct gofer_new gofer_new_of(const struct inode *dir, uint32_t mode, const struct cred *cr);
/* The name could not be made: err, and our cache looks again if it thought otherwise. */
int gofer_name_failed(struct dentry *d, int err);
/* (dir, d) was just made on the host: gets an inode. -ENOMEM: the name is gone again. */
NODISCARD int gofer_new_finish(struct inode *dir, struct dentry *d, const struct stat *st);

/* handle.c */
int gofer_err(int err); /* what of the host's errors passes; others are -EIO */
/* The directory's handle, counted. list: it may be listed. May drop the lock. */
NODISCARD int gofer_dir_handle(struct gofer_inode *g, bool list, struct hostfile **ret);
/* The file's handle, counted. May drop the lock. -EACCES. */
NODISCARD int gofer_file_handle(struct gofer_inode *g, bool write, struct hostfile **ret);
/* The regular file (dir, name), open for reading, without asking the gofer; dir's tree is direct. Any error: it cannot be had so. */
NODISCARD int gofer_child_open(struct gofer_inode *dir, const char *name, struct hostfile **ret,
                               struct stat *ret_st);
NODISCARD int gofer_open_make(struct gofer_inode *g); /* g->open is there. -ENOMEM */
void gofer_open_settle(struct gofer_inode *g);        /* it goes if it says nothing */
/* These take h. -ENOMEM h is let go */
NODISCARD int gofer_handle_set(struct gofer_inode *g, struct hostfile *h, bool readable);
NODISCARD int gofer_whandle_set(struct gofer_inode *g, struct hostfile *h);
void gofer_handle_drop(struct gofer_inode *g);
void gofer_handle_idle(struct gofer_inode *g); /* users changed */

/* alias.c */
void gofer_alias_add(struct gofer_inode *g, const struct dentry *d);
/* A file without a place that has names left is placed at one of them. */
void gofer_alias_find(struct gofer_inode *g);
void gofer_alias_free(struct gofer_inode *g);

/* inode.c */
/* The inode of what st describes, at d, or nowhere: a known one with several names, or a new one. Counted. -ENOMEM */
NODISCARD int gofer_inode_get(struct super *sb, struct dentry *d, const struct stat *st,
                              struct gofer_inode **ret);
NODISCARD struct gofer_more *gofer_more(
    struct gofer_inode *g); /* made on demand. NULL: no memory */
void gofer_attr_set(struct gofer_inode *g, const struct stat *st);
void gofer_stat_fill(const struct stat *st, struct kstat *ret); /* without the device */
NODISCARD int gofer_attr_refresh(struct gofer_inode *g);        /* asks the host */
void gofer_hash_in(struct gofer_inode *g);

/* file.c, dir.c: open files */
extern const struct file_ops gofer_file_ops, gofer_dir_ops;
NODISCARD int gofer_open(struct inode *i, struct file *f);
void *gofer_buf_get(void); /* GOFER_BUF_SIZE bytes, or NULL */
void gofer_buf_put(void *buf);
/* dir.c: what is kept of directory g's listing is of no use any more; NULL: of all. */
void gofer_list_forget(const struct gofer_inode *g);
/* What is kept says that name in g is a regular file. */
bool gofer_list_regular(const struct gofer_inode *g, const char *name, size_t len);
/* write.c */
extern const struct inode_ops gofer_inode_ops, gofer_inode_ops_rw;
NODISCARD ssize_t gofer_file_write(struct file *f, struct uio *u, int64_t *pos);
NODISCARD int gofer_file_fsync(struct file *f, bool data_only);
NODISCARD int gofer_file_fallocate(struct file *f, uint32_t mode, int64_t off, int64_t len);
