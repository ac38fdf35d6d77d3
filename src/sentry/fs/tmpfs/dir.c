#include <errno.h>
#include <string.h>

#include "abi/dirent.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/tmpfs/tmpfs_priv.h"

#define BUCKETS_FIRST 16u

static uint32_t bucket_of(const struct tmpfs_inode *d, const char *name, size_t len)
{
    return (uint32_t)hash_bytes((uint64_t)(uintptr_t)d, name, len) & (d->data->dir.nbuckets - 1);
}

void tmpfs_dir_init(struct tmpfs_inode *d)
{
    rb_root_init(&d->data->dir.order);
    d->data->dir.next_cookie = 2; /* behind "." and ".." */
}

static void buckets_resize(struct tmpfs_inode *d, uint32_t n)
{
    struct hlist_head *b = arena_alloc(n * sizeof(*b));
    if (!b)
        return; /* longer chains will do */
    struct hlist_head *old = d->data->dir.buckets;
    uint32_t old_n = d->data->dir.nbuckets;
    d->data->dir.buckets = b;
    d->data->dir.nbuckets = n;
    for (struct rb_node *r = rb_first(&d->data->dir.order); r; r = rb_next(r)) {
        struct tmpfs_entry *e = rb_entry(r, struct tmpfs_entry, node);
        hlist_add_head(&e->hash, &b[bucket_of(d, e->name, e->len)]);
    }
    if (old)
        arena_free(old, old_n * sizeof(*old));
}

static int by_cookie(const struct rb_node *a, const struct rb_node *b)
{
    int64_t x = rb_entry(a, struct tmpfs_entry, node)->cookie,
            y = rb_entry(b, struct tmpfs_entry, node)->cookie;
    return x < y ? -1 : x > y;
}

struct tmpfs_entry *tmpfs_dir_find(struct tmpfs_inode *d, const char *name, size_t len)
{
    if (!d->data->dir.nbuckets)
        return NULL;
    struct tmpfs_entry *e;
    HLIST_FOREACH (e, &d->data->dir.buckets[bucket_of(d, name, len)], hash) {
        if (e->len == len && memcmp(e->name, name, len) == 0)
            return e;
    }
    return NULL;
}

int tmpfs_dir_add(struct tmpfs_inode *d, const char *name, size_t len, struct inode *i)
{
    if (d->data->dir.count >= d->data->dir.nbuckets)
        buckets_resize(d, d->data->dir.nbuckets ? d->data->dir.nbuckets * 2 : BUCKETS_FIRST);
    if (!d->data->dir.nbuckets)
        return -ENOMEM;
    struct tmpfs_entry *e = arena_alloc(sizeof(*e) + len + 1);
    if (!e)
        return -ENOMEM;
    memcpy(e->name, name, len);
    e->len = (uint16_t)len;
    e->inode = i ? inode_ref(i) : NULL; /* NULL: a whiteout of an overlay */
    e->cookie = d->data->dir.next_cookie++;
    hlist_add_head(&e->hash, &d->data->dir.buckets[bucket_of(d, name, len)]);
    (void)rb_insert(&d->data->dir.order, &e->node, by_cookie);
    d->data->dir.count++;
    return 0;
}

void tmpfs_dir_remove(struct tmpfs_inode *d, struct tmpfs_entry *e)
{
    hlist_del_init(&e->hash);
    rb_erase(&d->data->dir.order, &e->node);
    d->data->dir.count--;
    inode_unref(e->inode);
    arena_free(e, sizeof(*e) + e->len + 1);
    if (d->data->dir.count == 0 && d->data->dir.nbuckets > BUCKETS_FIRST) {
        arena_free(d->data->dir.buckets, d->data->dir.nbuckets * sizeof(*d->data->dir.buckets));
        d->data->dir.buckets = NULL;
        d->data->dir.nbuckets = 0;
    } else if (d->data->dir.nbuckets > 16 * BUCKETS_FIRST &&
               d->data->dir.count < d->data->dir.nbuckets / 16) {
        buckets_resize(d, d->data->dir.nbuckets / 8);
    }
}

/* A tree may be deeper than the stack: directories that go meanwhile only queue their entries. */
static void drain(struct tmpfs_sb *s)
{
    if (s->draining)
        return;
    s->draining = true;
    while (!hlist_empty(&s->dying)) {
        struct tmpfs_entry *e = container_of(s->dying.first, struct tmpfs_entry, hash);
        hlist_del_init(&e->hash);
        inode_unref(e->inode);
        arena_free(e, sizeof(*e) + e->len + 1);
    }
    s->draining = false;
}

void tmpfs_dir_free(struct tmpfs_inode *d)
{
    struct tmpfs_sb *s = tmpfs_s(d->vfs.sb);
    struct rb_node *r;
    while ((r = rb_first(&d->data->dir.order))) {
        struct tmpfs_entry *e = rb_entry(r, struct tmpfs_entry, node);
        rb_erase(&d->data->dir.order, &e->node);
        hlist_del_init(&e->hash);
        hlist_add_head(&e->hash, &s->dying);
    }
    if (d->data->dir.buckets)
        arena_free(d->data->dir.buckets, d->data->dir.nbuckets * sizeof(*d->data->dir.buckets));
    drain(s);
}

struct tmpfs_entry *tmpfs_dir_from(struct tmpfs_inode *d, int64_t pos)
{
    struct rb_node *r = d->data->dir.order.node;
    struct tmpfs_entry *best = NULL;
    while (r) {
        struct tmpfs_entry *e = rb_entry(r, struct tmpfs_entry, node);
        if (e->cookie >= pos) {
            best = e;
            r = r->left;
        } else {
            r = r->right;
        }
    }
    return best;
}

static int dir_readdir(struct file *f, struct dir_ctx *c)
{
    struct tmpfs_inode *d = tmpfs_i(f->inode);
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
    for (struct tmpfs_entry *e = tmpfs_dir_from(d, c->pos); e;
         e = rb_entry_or_null(rb_next(&e->node), struct tmpfs_entry, node)) {
        if (!c->emit(c, e->name, e->len, e->inode->ino, (e->inode->mode >> 12) & 15, e->cookie + 1))
            return 0;
        c->pos = e->cookie + 1;
    }
    return 0;
}

static int64_t dir_llseek(struct file *f, int64_t off, int whence)
{
    if (whence > 1) /* from the start or from here only */
        return -EINVAL;
    return file_llseek_generic(f, off, whence, (uint64_t)tmpfs_i(f->inode)->data->dir.next_cookie);
}

const struct file_ops tmpfs_dir_fops = {
    .name = "tmpfs-dir", .readdir = dir_readdir, .llseek = dir_llseek, .fsync = file_fsync_noop};
