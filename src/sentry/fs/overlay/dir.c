#include <errno.h>
#include <string.h>

#include "abi/dirent.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/overlay/overlay_priv.h"
#include "sentry/vfs/vfs_priv.h"

/* Positions of a listing from LOWER_POS on belong to the directory below. */
#define LOWER_POS (1LL << 62)

static bool has_below(struct inode *dir) { return ov_is(ov_i(dir), OV_HOLDS); }

int ov_lookup(struct inode *dir, struct dentry *d)
{
    struct tmpfs_entry *e = tmpfs_dir_find(tmpfs_i(dir), dentry_name(d), d->name_len);
    struct ov_below b = {0};
    struct ov_inode *o;
    int err = e || !has_below(dir) ? 0 : ov_below(dir, dentry_name(d), d->name_len, &b);
    if (err)
        return err;
    /* the lock may have been dropped below: the table has the last word */
    if (!e)
        e = tmpfs_dir_find(tmpfs_i(dir), dentry_name(d), d->name_len);
    if (e)
        dentry_set_inode(d, e->inode ? inode_ref(e->inode) : NULL);
    else if (!b.there)
        dentry_set_inode(d, NULL);
    else if (!(err = ov_below_object(dir->sb, &b, d, &o)))
        dentry_set_inode(d, &o->t.vfs);
    ov_below_done(&b);
    return err;
}

int ov_name_set(struct inode *dir, const char *name, size_t len, struct inode *i)
{
    struct tmpfs_entry *e = tmpfs_dir_find(tmpfs_i(dir), name, len);
    ov_pin(ov_i(dir));
    if (!e)
        return tmpfs_dir_add(tmpfs_i(dir), name, len, i);
    struct inode *old = e->inode;
    e->inode = i ? inode_ref(i) : NULL;
    inode_unref(old);
    return 0;
}

/* Whether something below has this name, of which i is an object or is not. */
static int is_below(struct inode *dir, const char *name, size_t len, struct inode *i, bool *ret)
{
    struct dentry *l;
    *ret = ov_is_light(ov_i(i)); /* then its name was never changed */
    if (*ret || !has_below(dir))
        return 0;
    struct path p = ov_lower_dir(ov_i(dir));
    int err = walk_child(&p, name, len, &l);
    if (err)
        return err == -ENOENT ? 0 : err;
    *ret = l->inode;
    dentry_unref(l);
    return 0;
}

int ov_name_clear(struct inode *dir, const char *name, size_t len, struct inode *i)
{
    bool below;
    int err = is_below(dir, name, len, i, &below);
    if (err)
        return err;
    /* the lock may have been dropped below: somebody else may have taken the name away */
    struct tmpfs_entry *e = tmpfs_dir_find(tmpfs_i(dir), name, len);
    if (e ? e->inode != i : !below)
        return -ENOENT;
    if (below)
        return ov_name_set(dir, name, len, NULL); /* a whiteout */
    if (e)
        tmpfs_dir_remove(tmpfs_i(dir), e);
    return 0;
}

/* ---- listings ---- */

/* What readdir below hands on. */
struct below {
    struct dir_ctx ctx; /* first */
    struct dir_ctx *out;
    struct inode *dir;
    bool found; /* for the emptiness check: out is NULL */
};

static bool below_emit(struct dir_ctx *c, const char *name, size_t len, uint64_t ino,
                       uint32_t dt_type, int64_t next_pos)
{
    struct below *b = (struct below *)c;
    if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
        return true;
    if (tmpfs_dir_find(tmpfs_i(b->dir), name, len))
        return true; /* covered, or whited out */
    if (!b->out) {
        b->found = true;
        return false;
    }
    if (!b->out->emit(b->out, name, len, ino, dt_type, LOWER_POS + next_pos))
        return false;
    b->out->pos = LOWER_POS + next_pos;
    return true;
}

static int open_below(struct inode *dir, const struct cred *cr, struct file **ret)
{
    struct path p = ov_lower_dir(ov_i(dir));
    struct inode *l = p.dentry->inode;
    struct file *f;
    int err = file_new(&p, l->fops, 0, cr, &f);
    if (err)
        return err;
    err = l->ops->open ? l->ops->open(l, f) : 0;
    if (err) {
        f->ops = NULL;
        file_unref(f);
        return err;
    }
    *ret = f;
    return 0;
}

int ov_dir_check_empty(struct inode *dir, const struct cred *cr)
{
    struct below b = {.ctx = {.emit = below_emit}, .dir = dir};
    if (has_below(dir)) {
        struct file *f;
        int err = open_below(dir, cr ? cr : task_cred_or_kernel(NULL), &f);
        if (err)
            return err;
        err = f->ops->readdir ? f->ops->readdir(f, &b.ctx) : 0;
        file_unref(f);
        if (err)
            return err;
    }
    /* last: the lock may have been dropped below */
    for (struct rb_node *r = rb_first(&tmpfs_i(dir)->data->dir.order); r && !b.found;
         r = rb_next(r))
        b.found = rb_entry(r, struct tmpfs_entry, node)->inode;
    return b.found ? -ENOTEMPTY : 0;
}

static int list_own(struct file *f, struct dir_ctx *c)
{
    struct tmpfs_entry *e = tmpfs_dir_from(tmpfs_i(f->inode), c->pos);
    for (; e; e = rb_entry_or_null(rb_next(&e->node), struct tmpfs_entry, node)) {
        if (e->inode &&
            !c->emit(c, e->name, e->len, e->inode->ino, (e->inode->mode >> 12) & 15, e->cookie + 1))
            return 1;
        c->pos = e->cookie + 1;
    }
    c->pos = LOWER_POS;
    return 0;
}

static int ov_readdir(struct file *f, struct dir_ctx *c)
{
    if (c->pos == 0) {
        if (!c->emit(c, ".", 1, f->inode->ino, LINUX_DT_DIR, 1))
            return 0;
        c->pos = 1;
    }
    if (c->pos == 1) {
        const struct inode *up = f->path.dentry->parent ? f->path.dentry->parent->inode : NULL;
        if (!c->emit(c, "..", 2, up ? up->ino : f->inode->ino, LINUX_DT_DIR, 2))
            return 0;
        c->pos = 2;
    }
    if (c->pos < LOWER_POS && list_own(f, c))
        return 0;
    if (!has_below(f->inode))
        return 0;
    struct file *l = f->priv;
    if (!l) {
        int err = open_below(f->inode, f->cred, &l);
        if (err)
            return err;
        if (f->priv) { /* somebody was faster */
            file_unref(l);
            l = f->priv;
        }
        f->priv = l;
    }
    struct below b = {
        .ctx = {.emit = below_emit, .pos = c->pos - LOWER_POS}, .out = c, .dir = f->inode};
    (void)file_ref(l); /* the lock may be dropped, and f rewound, meanwhile */
    int err = l->ops->readdir ? l->ops->readdir(l, &b.ctx) : 0;
    file_unref(l);
    return err;
}

static void ov_dir_release(struct file *f) { f->priv = file_unref(f->priv); }

static int64_t ov_dir_llseek(struct file *f, int64_t off, int whence)
{
    if (whence == 0 && off == 0)
        ov_dir_release(f); /* rewinddir: a fresh listing */
    if (whence > 1)        /* from the start or from here only */
        return -EINVAL;
    return file_llseek_generic(f, off, whence, 0);
}

const struct file_ops ov_dir_fops = {
    .name = "overlay-dir",
    .readdir = ov_readdir,
    .llseek = ov_dir_llseek,
    .fsync = file_fsync_noop,
    .release = ov_dir_release,
};
