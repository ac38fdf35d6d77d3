/* Inodes: made from what the host says once, found again by number when a file has several names. */
#include "abi/stat.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/fs/gofer/gofer_priv.h"
#include "sentry/vfs/vfs_priv.h"

#include <fcntl.h>

static int64_t ns_of(const struct timespec *ts) { return ts->tv_sec * NSEC_PER_SEC + ts->tv_nsec; }

void gofer_attr_set(struct gofer_inode *g, const struct stat *st)
{
    struct inode *i = &g->vfs;
    i->mode = st->st_mode;
    i->uid = st->st_uid;
    i->gid = st->st_gid;
    i->nlink = (uint32_t)st->st_nlink;
    i->rdev = (uint32_t)st->st_rdev;
    i->size = (uint64_t)st->st_size;
    if (!S_ISFIFO(st->st_mode) && !S_ISSOCK(st->st_mode))
        i->blocks = (uint64_t)st->st_blocks;
    i->atime_ns = ns_of(&st->st_atim);
    i->mtime_ns = ns_of(&st->st_mtim);
    i->ctime_ns = ns_of(&st->st_ctim);
    i->btime_ns = 0;
    i->fs_flags &= (uint16_t)~GOFER_STALE;
}

void gofer_stat_fill(const struct stat *st, struct kstat *ret)
{
    *ret = (struct kstat){
        .ino = st->st_ino,
        .nlink = st->st_nlink,
        .rdev = st->st_rdev,
        .size = (uint64_t)st->st_size,
        .blocks = (uint64_t)st->st_blocks,
        .mode = st->st_mode,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .atime_ns = ns_of(&st->st_atim),
        .mtime_ns = ns_of(&st->st_mtim),
        .ctime_ns = ns_of(&st->st_ctim),
    };
}

static struct hlist_head *bucket_of(const struct gofer_super *gs, uint64_t dev, uint64_t ino)
{
    return &gs->by_ino[hash_u64(gs->seed ^ dev, ino) % GOFER_BUCKETS];
}

struct gofer_more *gofer_more(struct gofer_inode *g)
{
    if (!g->more) {
        g->more = SLAB_NEW(GOFER_MORE, struct gofer_more);
        if (g->more)
            g->more->of = g;
    }
    return g->more;
}

/* Without memory its names are files of their own until one of them is looked up again. */
void gofer_hash_in(struct gofer_inode *g)
{
    struct gofer_more *m = LINUX_S_ISDIR(g->vfs.mode) ? NULL : gofer_more(g);
    if (m && !hlist_is_linked(&m->by_ino))
        hlist_add_head(&m->by_ino, bucket_of(gofer_super_of(g), g->host_dev, g->vfs.ino));
}

static struct gofer_inode *hash_find(const struct gofer_super *gs, const struct stat *st)
{
    struct gofer_more *m;
    HLIST_FOREACH (m, bucket_of(gs, st->st_dev, st->st_ino), by_ino)
        if (m->of->vfs.ino == st->st_ino && m->of->host_dev == st->st_dev)
            return m->of;
    return NULL;
}

int gofer_inode_get(struct super *sb, struct dentry *d, const struct stat *st,
                    struct gofer_inode **ret)
{
    struct gofer_super *gs = sb->priv;
    bool many = st->st_nlink > 1 && !S_ISDIR(st->st_mode);
    struct gofer_inode *g = many ? hash_find(gs, st) : NULL;
    if (g) {
        inode_ref(&g->vfs);
        gofer_attr_set(g, st);
        if (g->at && d && g->at != d)
            gofer_alias_add(g, g->at);
    } else {
        g = SLAB_NEW(GOFER_INODE, struct gofer_inode);
        if (!g)
            return -ENOMEM;
        const struct file_ops *fops = S_ISREG(st->st_mode)   ? &gofer_file_ops
                                      : S_ISDIR(st->st_mode) ? &gofer_dir_ops
                                                             : NULL;
        inode_init(&g->vfs, sb, gs->writable ? &gofer_inode_ops_rw : &gofer_inode_ops, fops,
                   st->st_mode);
        g->vfs.ino = st->st_ino;
        g->host_dev = st->st_dev;
        g->vfs.uncached = gs->slave && st->st_dev != gs->host_dev;
        gofer_attr_set(g, st);
        if (many)
            gofer_hash_in(g);
    }
    if (d)
        g->at = d;
    *ret = g;
    return 0;
}

int gofer_attr_refresh(struct gofer_inode *g)
{
    struct stat st;
    struct hostfile *h = gofer_any_handle(g);
    int r = h ? gofer_err(host_fstat(hostfile_fd(h), &st)) : gofer_stat(g, &st);
    if (r == -ENOENT && !h && !g->at)
        return 0; /* nobody can see it any more */
    if (r == 0 && st.st_ino == g->vfs.ino)
        gofer_attr_set(g, &st);
    return r;
}
