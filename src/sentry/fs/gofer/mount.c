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

#include <fcntl.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

/* A file of another host file system below the mount: a device number of its own, which no superblock of ours has. */
#define FOREIGN_MAJOR 0x800u

int gofer_getattr(struct inode *i, struct kstat *ret)
{
    struct gofer_inode *g = to_gofer(i);
    const struct gofer_super *gs = gofer_super_of(g);
    int r = g->stale ? gofer_attr_refresh(g) : 0;
    if (r < 0)
        return r;
    inode_fill_stat(i, ret);
    if (g->host_dev != gs->host_dev)
        ret->dev = linux_makedev(FOREIGN_MAJOR | (major(g->host_dev) & (FOREIGN_MAJOR - 1)),
                                 minor(g->host_dev));
    return 0;
}

void gofer_free(struct inode *i)
{
    struct gofer_inode *g = to_gofer(i);
    hlist_del_init(&g->by_ino);
    gofer_handle_drop(g);
    hostfile_unref(g->whandle);
    if (g->link)
        arena_free(g->link, g->link_len);
    (void)!gofer_inode_place(g, NULL, NULL);
    SLAB_FREE(GOFER_INODE, g);
}

/* ---- extended attributes: those of users ---- */

static bool is_user_name(const char *name) { return strncmp(name, "user.", 5) == 0; }

static int xattr_handle(struct gofer_inode *g, struct hostfile **ret)
{
    if (LINUX_S_ISDIR(g->vfs.mode))
        return gofer_dir_handle(g, true, ret);
    return LINUX_S_ISREG(g->vfs.mode) ? gofer_file_handle(g, false, ret) : -EOPNOTSUPP;
}

ssize_t gofer_getxattr(struct inode *i, const char *name, void *buf, size_t size)
{
    struct hostfile *h;
    if (!is_user_name(name))
        return -EOPNOTSUPP;
    int r = xattr_handle(to_gofer(i), &h);
    if (r < 0)
        return r;
    ssize_t n = host_fgetxattr(hostfile_fd(h), name, buf, size);
    hostfile_unref(h);
    return n < 0 ? gofer_err((int)n) : n;
}

/* Only the names that getxattr knows. Bytes kept. */
static size_t keep_user_names(char *list, size_t len)
{
    size_t kept = 0;
    for (size_t at = 0, n; at < len; at += n) {
        n = strnlen(list + at, len - at) + 1;
        if (n > len - at)
            break;
        if (is_user_name(list + at)) {
            memmove(list + kept, list + at, n);
            kept += n;
        }
    }
    return kept;
}

ssize_t gofer_listxattr(struct inode *i, char *buf, size_t size)
{
    struct hostfile *h;
    int r = xattr_handle(to_gofer(i), &h);
    if (r < 0)
        return r == -EOPNOTSUPP ? 0 : r;
    const size_t cap = 65536; /* XATTR_LIST_MAX */
    char *list = arena_alloc(cap);
    ssize_t n = list ? host_flistxattr(hostfile_fd(h), list, cap) : -ENOMEM;
    hostfile_unref(h);
    if (n > 0)
        n = (ssize_t)keep_user_names(list, (size_t)n);
    if (n > 0 && size) {
        if ((size_t)n > size)
            n = -ERANGE;
        else
            memcpy(buf, list, (size_t)n);
    }
    if (list)
        arena_free(list, cap);
    return n < 0 ? gofer_err((int)n) : n;
}

/* ---- superblock ---- */

static int gofer_statfs(struct super *sb, struct inode *i, struct linux_statfs *ret)
{
    struct statfs st;
    struct gofer_inode *g = to_gofer(sb->root->inode);
    int r = g->handle ? host_fstatfs(hostfile_fd(g->handle), &st) : -EIO;
    if (r < 0)
        return -EIO;
    *ret = (struct linux_statfs){
        .f_type = sb->magic,
        .f_bsize = st.f_bsize,
        .f_blocks = (int64_t)st.f_blocks,
        .f_bfree = (int64_t)st.f_bfree,
        .f_bavail = (int64_t)st.f_bavail,
        .f_files = (int64_t)st.f_files,
        .f_ffree = (int64_t)st.f_ffree,
        .f_namelen = st.f_namelen,
        .f_frsize = st.f_frsize,
    };
    return 0;
}

static void gofer_super_free(struct super *sb)
{
    struct gofer_super *gs = sb->priv;
    arena_free(gs->by_ino, GOFER_BUCKETS * sizeof(gs->by_ino[0]));
    arena_free(gs, sizeof(*gs));
}

static const struct super_ops super_ops = {.statfs = gofer_statfs, .free = gofer_super_free};
static const struct fs_type gofer_type = {.name = "9p", .magic = LINUX_V9FS_MAGIC, .nodev = true};

static int root_init(const struct boot_config *cfg)
{
    if (gofer_root())
        return 0;
    struct gofer_root *r = arena_alloc(sizeof(*r));
    if (!r)
        return -ENOMEM;
    list_init(&r->lru);
    kern()->gofer = r;
    if (cfg->gofer_fd < 0)
        return 0;
    int fd = host_fcntl(cfg->gofer_fd, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? -EIO : hostfile_adopt(fd, &r->conn);
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

/* sb->root, over the mount's descriptor. */
static int root_dentry(struct super *sb, struct hostfile *h)
{
    struct gofer_super *gs = sb->priv;
    struct gofer_inode *g;
    struct stat st;
    if (host_fstat(hostfile_fd(h), &st) < 0)
        return -EIO;
    gs->host_dev = st.st_dev;
    int r = gofer_inode_get(sb, NULL, NULL, &st, &g);
    if (r < 0)
        return r;
    g->handle = hostfile_ref(h);
    sb->root = dentry_new_root(sb, &g->vfs);
    return sb->root ? 0 : -ENOMEM;
}

int gofer_mount_root(const struct boot_config *cfg, int index, bool overlay_memory, bool readonly,
                     struct super **ret)
{
    struct hostfile *h;
    int r = root_init(cfg);
    if (r < 0)
        return r;
    r = hostfile_adopt(cfg->gofer_dir_fd[index], &h);
    if (r < 0)
        return r;
    struct super *sb = super_new(&gofer_type, &super_ops);
    struct gofer_super *gs = sb ? super_priv_new() : NULL;
    r = -ENOMEM;
    if (gs) {
        sb->priv = gs;
        gs->mount = (uint32_t)index;
        gs->writable = !overlay_memory && !readonly && cfg->fs_write;
        if (!gs->writable)
            sb->flags |= LINUX_MS_RDONLY;
        r = root_dentry(sb, h);
    }
    hostfile_unref(h);
    if (r < 0)
        return r; /* the sandbox does not start */
    *ret = sb;
    return 0;
}
