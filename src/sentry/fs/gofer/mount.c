/* The superblock of a mount, and attributes that need no name. */
#include "abi/mount.h"
#include "abi/stat.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/boot/boot.h"
#include "sentry/fs/gofer/gofer.h"
#include "sentry/fs/gofer/gofer_ops.h"
#include "sentry/vfs/dentry.h"
#include "wire/gofer.h"

#include <fcntl.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

/* A file of another host file system below the mount: a device number of its own, which no superblock of ours has. */
#define FOREIGN_MAJOR     0x800u

#define GOFER_MESSAGE_MAX MAX(GOFER_REQUEST_MAX, GOFER_REPLY_MAX)

int gofer_getattr(struct inode *i, struct kstat *ret)
{
    struct gofer_inode *g = to_gofer(i);
    const struct gofer_super *gs = gofer_super_of(g);
    int r = gofer_is(g, GOFER_STALE) || gs->shared ? gofer_attr_refresh(g) : 0;
    if (r < 0)
        return r;
    inode_fill_stat(i, ret);
    if (g->host_dev != gs->host_dev && !gs->file)
        ret->dev = linux_makedev(FOREIGN_MAJOR | (major(g->host_dev) & (FOREIGN_MAJOR - 1)),
                                 minor(g->host_dev));
    return 0;
}

void gofer_free(struct inode *i)
{
    struct gofer_inode *g = to_gofer(i);
    gofer_handle_drop(g);
    (void)!gofer_whandle_set(g, NULL);
    if (g->more) {
        hlist_del_init(&g->more->by_ino);
        arena_free(g->more->link, g->more->link_len);
        gofer_alias_free(g);
        SLAB_FREE(GOFER_MORE, g->more);
    }
    gofer_list_forget(g);
    SLAB_FREE(GOFER_INODE, g);
}

/* ---- superblock ---- */

static int gofer_statfs(struct super *sb, struct inode *i, struct linux_statfs *ret)
{
    const struct gofer_super *gs = sb->priv;
    struct gofer_inode *g = to_gofer(sb->root->inode);
    struct gofer_statfs st;
    struct statfs host;
    if (GOFER_OPEN(g, handle) && !gs->file) {
        if (host_fstatfs(hostfile_fd(g->open->handle), &host) < 0)
            return -EIO;
        st = GOFER_STATFS_OF(&host);
    } else {
        struct gofer_query q = {.op = GOFER_STATFS, .path = gs->file ? GOFER_FILE_NAME : ""};
        int r = gofer_ask(gs, &q, -1, NULL);
        if (r < 0 || gofer_root()->reply->data_len != sizeof st)
            return -EIO;
        memcpy(&st, gofer_root()->reply->data, sizeof st);
    }
    *ret = (struct linux_statfs){
        .f_type = sb->magic,
        .f_bsize = (int64_t)st.bsize,
        .f_blocks = (int64_t)st.blocks,
        .f_bfree = (int64_t)st.bfree,
        .f_bavail = (int64_t)st.bavail,
        .f_files = (int64_t)st.files,
        .f_ffree = (int64_t)st.ffree,
        .f_namelen = (int64_t)st.namelen,
        .f_frsize = (int64_t)st.frsize,
    };
    return 0;
}

static void gofer_super_free(struct super *sb)
{
    struct gofer_super *gs = sb->priv;
    gofer_conn_unref(gs->conn);
    arena_free(gs->by_ino, GOFER_BUCKETS * sizeof(gs->by_ino[0]));
    arena_free(gs, sizeof(*gs));
}

static const struct super_ops super_ops = {.statfs = gofer_statfs, .free = gofer_super_free};
static const struct fs_type gofer_type = {.name = "9p", .magic = LINUX_V9FS_MAGIC, .nodev = true};

/* With the first container: without it the sandbox does not start. */
static int root_init(void)
{
    if (gofer_root())
        return 0;
    struct gofer_root *r = arena_alloc(sizeof(*r));
    if (!r)
        return -ENOMEM;
    list_init(&r->conns);
    list_init(&r->lru);
    kern()->gofer = r;
    r->message = arena_alloc(GOFER_MESSAGE_MAX);
    r->reply = arena_alloc(sizeof(*r->reply));
    return r->message && r->reply ? 0 : -ENOMEM;
}

int gofer_conn_open(const struct boot_config *cfg, struct gofer_conn **ret)
{
    int r = root_init();
    struct gofer_conn *c = r < 0 ? NULL : arena_alloc(sizeof(*c));
    if (!c)
        return -ENOMEM;
    if (cfg->gofer_fd >= 0) {
        int fd = host_fcntl(cfg->gofer_fd, F_DUPFD_CLOEXEC, 0);
        r = fd < 0 ? -EIO : hostfile_adopt(fd, &c->file);
    }
    if (r < 0) {
        arena_free(c, sizeof(*c));
        return r;
    }
    c->refs = 1;
    c->id = ++gofer_root()->last_id;
    c->store_first = cfg->gofer_dir_count;
    if (c->id == 1)
        gofer_root()->uds = cfg->gofer_access;
    c->access = gofer_root()->uds ? cfg->gofer_access : 0;
    list_add_tail(&c->node, &gofer_root()->conns);
    *ret = c;
    return 0;
}

void gofer_conn_dirs_close(const struct boot_config *cfg, const struct gofer_conn *c)
{
    for (uint32_t i = 0; cfg->directfs && i < cfg->gofer_dir_count; i++)
        if (!(c->taken & UINT64_C(1) << i))
            (void)!host_close(cfg->gofer_dir_fd[i]);
}

struct hostfile *gofer_conn_file(const struct gofer_conn *c) { return c->file; }

struct gofer_conn *gofer_conn_unref(struct gofer_conn *c)
{
    if (!c || --c->refs > 0)
        return NULL;
    list_del_init(&c->node);
    hostfile_unref(c->file);
    arena_free(c, sizeof(*c));
    return NULL;
}

static struct gofer_super *super_priv_new(void)
{
    struct gofer_super *gs = arena_alloc(sizeof(*gs));
    if (!gs)
        return NULL;
    gs->by_ino = arena_alloc(GOFER_BUCKETS * sizeof(gs->by_ino[0]));
    if (gs->by_ino && host_getrandom(&gs->seed, sizeof(gs->seed), 0) == (ssize_t)sizeof(gs->seed))
        return gs;
    if (gs->by_ino)
        arena_free(gs->by_ino, GOFER_BUCKETS * sizeof(gs->by_ino[0]));
    arena_free(gs, sizeof(*gs));
    return NULL;
}

/* sb->root, over the mount's descriptor; h NULL: the gofer says what it is. */
static int root_dentry(struct super *sb, struct hostfile *h)
{
    struct gofer_super *gs = sb->priv;
    struct gofer_inode *g;
    struct stat st;
    int r;
    if (h) {
        r = host_fstat(hostfile_fd(h), &st);
    } else {
        struct gofer_query q = {.op = GOFER_STAT};
        r = gofer_ask(gs, &q, -1, NULL);
        r = r < 0 ? r : gofer_answer_stat(0, &st);
    }
    if (r < 0)
        return -EIO;
    gs->host_dev = st.st_dev;
    r = gofer_inode_get(sb, NULL, &st, &g);
    if (r < 0)
        return r;
    sb->root = dentry_new_root(&g->vfs);
    if (!sb->root)
        return -ENOMEM;
    return h ? gofer_handle_set(g, hostfile_ref(h), false) : 0;
}

int gofer_mount_root(const struct boot_config *cfg, struct gofer_conn *c,
                     const struct boot_mount *m, struct super **ret)
{
    struct hostfile *h = NULL;
    c->taken |= UINT64_C(1) << m->gofer_index;
    int r = cfg->directfs ? hostfile_adopt(cfg->gofer_dir_fd[m->gofer_index], &h) : 0;
    if (r < 0)
        return r;
    struct super *sb = super_new(&gofer_type, &super_ops);
    struct gofer_super *gs = sb ? super_priv_new() : NULL;
    r = -ENOMEM;
    if (gs) {
        sb->priv = gs;
        gs->conn = c;
        c->refs++;
        gs->mount = (uint32_t)m->gofer_index;
        gs->direct = cfg->directfs;
        gs->file = m->is_file;
        gs->slave = (m->flags & (BOOT_MOUNT_SLAVE | BOOT_MOUNT_SHARED)) != 0;
        gs->shared = m->shared && m->overlay == BOOT_OVERLAY_NONE;
        gs->writable =
            m->overlay == BOOT_OVERLAY_NONE && !(m->flags & BOOT_MOUNT_RDONLY) && cfg->fs_write;
        if (!gs->writable)
            sb->flags |= LINUX_MS_RDONLY;
        r = root_dentry(sb, h);
    }
    hostfile_unref(h);
    if (r < 0) {
        if (sb && !gs)
            sb->ops = NULL;
        super_unref(sb);
        return r;
    }
    *ret = sb;
    return 0;
}
