/* From names to inodes: one at a time below a descriptor, or, when the gofer is asked, as many as the path being walked has. */
#include "abi/stat.h"
#include "base/err.h"
#include "base/str.h"
#include "sentry/fs/gofer/gofer_ops.h"
#include "sentry/vfs/vfs_priv.h"
#include "wire/gofer.h"

#include <string.h>

/* Names of one question: d's, and those behind it in the path that is being walked. */
struct batch {
    const char *name[GOFER_WALK_MAX];
    size_t len[GOFER_WALK_MAX];
    uint32_t count;
};

static void batch_fill(struct batch *b, const struct dentry *d, const char *rest)
{
    *b = (struct batch){.name[0] = dentry_name(d), .len[0] = d->name_len, .count = 1};
    const char *name;
    size_t len;
    while (rest && b->count < GOFER_WALK_MAX && path_component_next(&rest, &name, &len)) {
        if (len > GOFER_NAME_MAX || str_eq_n(".", name, len) || str_eq_n("..", name, len))
            return;
        b->name[b->count] = name;
        b->len[b->count++] = len;
    }
}

/* dir's path and the batch behind it; as much of it as fits. *ret_first: components of dir. */
static int batch_path(struct gofer_query *q, const struct gofer_inode *dir, struct batch *b)
{
    char *buf = gofer_root()->to; /* gofer_query_path uses the other */
    int r = gofer_query_path(q, dir, NULL);
    if (r < 0)
        return r;
    size_t n = strlen(q->path);
    memcpy(buf, q->path, n);
    q->flags = n ? 1 : 0;
    for (size_t i = 0; i < n; i++)
        q->flags += buf[i] == '/';
    for (uint32_t i = 0; i < b->count; i++) {
        if (n + b->len[i] + 1 >= GOFER_PATH_BYTES_MAX) {
            if (i == 0)
                return -ENAMETOOLONG;
            b->count = i;
            break;
        }
        if (n)
            buf[n++] = '/';
        memcpy(buf + n, b->name[i], b->len[i]);
        n += b->len[i];
    }
    buf[n] = 0;
    q->path = buf;
    return 0;
}

/* Answer n is what at (dir) is called name: into the dentry d. */
static int walk_enter(struct inode *dir, struct dentry *d, uint32_t n)
{
    struct gofer_inode *child;
    struct stat st;
    int r = gofer_answer_stat(n, &st);
    r = r < 0 ? r : gofer_inode_get(dir->sb, to_gofer(dir), dentry_name(d), &st, &child);
    if (r == 0)
        dentry_set_inode(d, &child->vfs);
    return r;
}

/* The names behind d, which exist or not: the walk that goes on finds them in the cache. Without memory it asks again. */
static void walk_prefetch(struct dentry *d, const struct batch *b, bool missing)
{
    uint32_t have = gofer_root()->reply->attr_count;
    struct dentry *at = dentry_ref(d);
    for (uint32_t n = 1; n < b->count && n < have + missing; n++) {
        bool cached;
        if (!at->inode || !LINUX_S_ISDIR(at->inode->mode))
            break;
        struct dentry *next = dentry_get_child(at, b->name[n], b->len[n], &cached);
        if (!next)
            break;
        if (!cached && n >= have)
            dentry_set_inode(next, NULL);
        bool stop = !cached && n < have && walk_enter(at->inode, next, n) < 0;
        dentry_unref(at);
        at = next;
        if (stop)
            break;
    }
    dentry_unref(at);
}

static int lookup_asking(struct inode *dir, struct dentry *d)
{
    struct gofer_super *gs = gofer_super_of(to_gofer(dir));
    struct gofer_query q = {.op = GOFER_WALK};
    struct batch b;
    batch_fill(&b, d, gs->shared ? NULL : vfs()->walk_rest);
    int r = batch_path(&q, to_gofer(dir), &b);
    if (r < 0)
        return r; /* -ENOENT too: the directory is gone */
    r = gofer_ask(gs, &q, -1, NULL);
    if (r < 0 && r != -ENOENT)
        return r;
    bool missing = r == -ENOENT;
    if (gofer_root()->reply->attr_count == 0) {
        dentry_set_inode(d, NULL);
        return missing ? 0 : -EIO;
    }
    r = walk_enter(dir, d, 0);
    if (r == 0)
        walk_prefetch(d, &b, missing);
    return r;
}

int gofer_lookup(struct inode *dir, struct dentry *d)
{
    struct gofer_inode *g = to_gofer(dir), *child;
    struct stat st;
    if (!gofer_super_of(g)->direct)
        return lookup_asking(dir, d);
    int r = gofer_stat_child(g, dentry_name(d), &st);
    if (r == -ENOENT) {
        dentry_set_inode(d, NULL);
        return 0;
    }
    if (r == 0)
        r = gofer_inode_get(dir->sb, g, dentry_name(d), &st, &child);
    if (r == 0)
        dentry_set_inode(d, &child->vfs);
    return r;
}

/* Whether the host still has at d what we know; then its attributes are fresh. */
static bool still_there(struct dentry *d)
{
    struct gofer_inode *dir = to_gofer(d->parent->inode), *g;
    struct stat st;
    int r = gofer_stat_child(dir, dentry_name(d), &st);
    if (r < 0 || !d->inode)
        return r == -ENOENT && !d->inode;
    g = to_gofer(d->inode);
    if (st.st_ino != g->vfs.ino || st.st_dev != g->host_dev ||
        (st.st_mode & LINUX_S_IFMT) != (g->vfs.mode & LINUX_S_IFMT))
        return false;
    gofer_attr_set(g, &st);
    return true;
}

/* A file with several names is reached by the one that was looked up last. If that one was removed, it is reached by the one
 * that is walked now. */
bool gofer_revalidate(struct dentry *d)
{
    struct gofer_inode *g = d->inode ? to_gofer(d->inode) : NULL;
    if (g && g->synthetic)
        return true;
    if (((const struct gofer_super *)dentry_super(d)->priv)->shared && !still_there(d))
        return false;
    if (!g || g->parent || !g->vfs.nlink)
        return true;
    return gofer_inode_place(g, to_gofer(d->parent->inode), dentry_name(d)) == 0;
}
