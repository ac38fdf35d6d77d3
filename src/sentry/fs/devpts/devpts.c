/* devpts: the names of the pseudo terminals. Names appear and go with the terminals; nothing else can be made here. */
#include "abi/dirent.h"
#include "abi/stat.h"
#include "base/err.h"
#include "base/str.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/kernel.h"
#include "sentry/task/task.h"
#include "sentry/tty/pty.h"
#include "sentry/vfs/vfs.h"

#include <stdio.h>
#include <string.h>

#define INO_ROOT 1u
#define INO_PTMX 2u
#define INO_PTS  3u /* + number */

/* What mount's options say; in super.priv as three small numbers. */
struct devpts_opts {
    struct pts *pts; /* first: pts_of finds it. Counted */
    uint32_t gid, mode, ptmxmode;
    bool has_gid;
};

struct devpts_inode {
    struct inode i;
    uint64_t serial; /* of the pty that it names */
};

static void inode_free(struct inode *i)
{
    SLAB_FREE(DEVPTS_INODE, container_of(i, struct devpts_inode, i));
}

/* NULL: i names no pty, or one that is gone (its number may be another's now). */
static struct pty *pty_of(struct inode *i)
{
    struct pty *p =
        i->ino >= INO_PTS ? pty_find(pts_of(i->sb), (uint32_t)(i->ino - INO_PTS)) : NULL;
    return p && p->serial == container_of(i, struct devpts_inode, i)->serial ? p : NULL;
}

static int node_setattr(struct inode *i, const struct iattr *a)
{
    inode_apply_attr(i, a);
    /* The inode may be forgotten before the terminal is. */
    struct pty *p = pty_of(i);
    if (p) {
        p->uid = (int32_t)i->uid;
        p->gid = (int32_t)i->gid;
        p->node_mode = i->mode & LINUX_S_IALLUGO;
        p->node_changed = true;
    }
    return 0;
}

static const struct inode_ops node_ops = {.setattr = node_setattr, .free = inode_free};

static int devpts_lookup(struct inode *dir, struct dentry *d)
{
    const struct devpts_opts *o = dir->sb->priv;
    uint64_t n;
    struct inode *i = NULL;
    bool ptmx = str_eq_n("ptmx", dentry_name(d), d->name_len);
    struct pty *p = NULL;
    if (!ptmx && parse_u64(dentry_name(d), 10, &n) == 0 && n < PTY_MAX &&
        (n == 0 || dentry_name(d)[0] != '0'))
        p = pty_find(o->pts, (uint32_t)n);
    if (ptmx || p) {
        struct devpts_inode *di = SLAB_NEW(DEVPTS_INODE, struct devpts_inode);
        if (!di)
            return -ENOMEM;
        i = &di->i;
        di->serial = p ? p->serial : 0;
        inode_init(i, dir->sb, &node_ops, NULL, LINUX_S_IFCHR | (ptmx ? o->ptmxmode : o->mode));
        i->ino = ptmx ? INO_PTMX : INO_PTS + n;
        i->rdev = (uint32_t)(ptmx ? TTY_RDEV(5, 2) : TTY_RDEV(136, n));
        if (p) {
            i->uid = (uint32_t)p->uid;
            i->gid = o->has_gid && !p->node_changed ? o->gid : (uint32_t)p->gid;
            if (p->node_changed)
                i->mode = LINUX_S_IFCHR | p->node_mode;
        }
    }
    dentry_set_inode(d, i);
    return 0;
}

static bool devpts_revalidate(struct dentry *d)
{
    if (!d->inode)
        return false;
    return d->inode->ino < INO_PTS || pty_of(d->inode);
}

static int devpts_readdir(struct file *f, struct dir_ctx *c)
{
    if (c->pos == 0 && c->emit(c, ".", 1, INO_ROOT, LINUX_DT_DIR, 1))
        c->pos = 1;
    if (c->pos == 1 && c->emit(c, "..", 2, INO_ROOT, LINUX_DT_DIR, 2))
        c->pos = 2;
    if (c->pos == 2 && c->emit(c, "ptmx", 4, INO_PTMX, LINUX_DT_CHR, 3))
        c->pos = 3;
    for (; c->pos >= 3 && c->pos < 3 + (int64_t)PTY_MAX; c->pos++) {
        uint32_t n = (uint32_t)(c->pos - 3);
        char name[16];
        if (!pty_find(pts_of(f->inode->sb), n))
            continue;
        int len = snprintf(name, sizeof(name), "%u", n);
        if (!c->emit(c, name, (size_t)len, INO_PTS + n, LINUX_DT_CHR, c->pos + 1))
            break;
    }
    return 0;
}

static int64_t devpts_llseek(struct file *f, int64_t off, int whence)
{
    return file_llseek_generic(f, off, whence, 3 + PTY_MAX);
}

static const struct inode_ops root_ops = {.lookup = devpts_lookup,
                                          .setattr = node_setattr,
                                          .revalidate = devpts_revalidate,
                                          .free = inode_free};
static const struct file_ops dir_ops = {
    .name = "devpts", .readdir = devpts_readdir, .llseek = devpts_llseek};

static int devpts_statfs(struct super *sb, struct inode *i, struct linux_statfs *ret)
{
    *ret = (struct linux_statfs){
        .f_type = LINUX_DEVPTS_SUPER_MAGIC, .f_bsize = 4096, .f_frsize = 4096, .f_namelen = 255};
    return 0;
}

static void devpts_free(struct super *sb)
{
    struct devpts_opts *o = sb->priv;
    if (o)
        pts_unref(o->pts);
    if (o)
        arena_free(sb->priv, sizeof(struct devpts_opts));
}

static const struct super_ops devpts_super_ops = {.statfs = devpts_statfs, .free = devpts_free};

static void opts_parse(struct devpts_opts *o, const char *data)
{
    while (data && *data) {
        const char *end = strchr(data, ',');
        char word[64];
        uint64_t v;
        size_t len = end ? (size_t)(end - data) : strlen(data);
        if (len < sizeof(word)) {
            memcpy(word, data, len);
            word[len] = 0;
            if (str_starts(word, "gid=") && parse_u64(word + 4, 10, &v) == 0) {
                o->gid = (uint32_t)v;
                o->has_gid = true;
            } else if (str_starts(word, "mode=") && parse_u64(word + 5, 8, &v) == 0) {
                o->mode = (uint32_t)v & 0777;
            } else if (str_starts(word, "ptmxmode=") && parse_u64(word + 9, 8, &v) == 0) {
                o->ptmxmode = (uint32_t)v & 0777;
            }
        }
        data = end ? end + 1 : NULL;
    }
}

static int devpts_mount(struct task *t, const char *source, uint32_t flags, const char *data,
                        struct super **ret)
{
    struct super *sb = super_new(fs_type_find("devpts"), &devpts_super_ops);
    if (!sb)
        return -ENOMEM;
    struct devpts_opts *o = arena_alloc(sizeof(*o));
    struct devpts_inode *di = o ? SLAB_NEW(DEVPTS_INODE, struct devpts_inode) : NULL;
    sb->priv = o;
    if (o)
        o->pts = pts_new();
    if (!di || !o->pts) {
        SLAB_FREE(DEVPTS_INODE, di);
        super_unref(sb);
        return -ENOMEM;
    }
    o->mode = 0600;
    opts_parse(o, data);
    if (!o->ptmxmode)
        o->ptmxmode = 0666; /* of no use without: /dev/ptmx is a link to it */
    struct inode *i = &di->i;
    sb->case_stable = false;
    inode_init(i, sb, &root_ops, &dir_ops, LINUX_S_IFDIR | 0755);
    i->ino = INO_ROOT;
    sb->root = dentry_new_root(i);
    if (!sb->root) {
        super_unref(sb);
        return -ENOMEM;
    }
    *ret = sb;
    return 0;
}

extern const struct fs_type devpts_fs_type;
const struct fs_type devpts_fs_type = {
    .name = "devpts", .magic = LINUX_DEVPTS_SUPER_MAGIC, .nodev = true, .mount = devpts_mount};
