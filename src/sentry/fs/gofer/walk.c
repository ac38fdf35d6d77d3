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

static void batch_fill(struct batch *b, const char *name, size_t len, const char *rest)
{
    *b = (struct batch){.name[0] = name, .len[0] = len, .count = 1};
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
    r = r < 0 ? r : gofer_inode_get(dir->sb, d, &st, &child);
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

/* What a name is on the host. */
struct found {
    bool missing;
    struct stat st; /* of the name, unless it is missing */
    struct batch b; /* of the question, if the gofer was asked */
};

static int find_asking(struct gofer_inode *dir, const char *name, size_t len, struct found *ret)
{
    struct gofer_super *gs = gofer_super_of(dir);
    struct gofer_query q = {.op = GOFER_WALK};
    batch_fill(&ret->b, name, len, gs->shared ? NULL : vfs()->walk_rest);
    int r = batch_path(&q, dir, &ret->b);
    if (r < 0)
        return r; /* -ENOENT too: the directory is gone */
    r = gofer_ask(gs, &q, -1, NULL);
    if (r < 0 && r != -ENOENT)
        return r;
    bool none = gofer_root()->reply->attr_count == 0;
    ret->missing = r == -ENOENT; /* the name, or one behind it */
    if (none)
        return ret->missing ? 0 : -EIO;
    return gofer_answer_stat(0, &ret->st);
}

static int find(struct gofer_inode *dir, const char *name, size_t len, struct found *ret)
{
    ret->st.st_mode = 0;
    ret->b.count = 0;
    if (!gofer_super_of(dir)->direct)
        return find_asking(dir, name, len, ret);
    int r = gofer_stat_child(dir, name, &ret->st);
    ret->missing = r == -ENOENT;
    return ret->missing ? 0 : r;
}

/* What was found becomes d's; st_mode 0: nothing. */
static int found_enter(struct inode *dir, struct dentry *d, const struct found *f)
{
    struct gofer_inode *child;
    if (!f->st.st_mode) {
        dentry_set_inode(d, NULL);
        return 0;
    }
    int r = gofer_inode_get(dir->sb, d, &f->st, &child);
    if (r < 0)
        return r;
    dentry_set_inode(d, &child->vfs);
    if (f->b.count > 1)
        walk_prefetch(d, &f->b, f->missing);
    return 0;
}

int gofer_lookup(struct inode *dir, struct dentry *d)
{
    struct found f;
    int r = find(to_gofer(dir), dentry_name(d), d->name_len, &f);
    return r < 0 ? r : found_enter(dir, d, &f);
}

int gofer_peek(struct dentry *dir, const char *name, size_t len, struct kstat *ret,
               struct dentry **ret_d)
{
    struct found f;
    bool cached;
    struct gofer_inode *g = to_gofer(dir->inode);
    if (vfs()->walk_to_read && gofer_super_of(g)->direct && gofer_list_regular(g, name, len)) {
        struct dentry *d = dentry_get_child(dir, name, len, &cached);
        int r = !d ? -ENOMEM : cached ? 0 : gofer_lookup_read(dir->inode, d);
        if (r < 0)
            dentry_unref(d);
        else
            *ret_d = d;
        return r;
    }
    int r = find(g, name, len, &f);
    if (r < 0)
        return r;
    if ((S_ISREG(f.st.st_mode) || S_ISLNK(f.st.st_mode)) && f.st.st_nlink == 1) {
        gofer_stat_fill(&f.st, ret);
        *ret_d = NULL;
        return 0;
    }
    struct dentry *d = dentry_get_child(dir, name, len, &cached);
    if (!d)
        return -ENOMEM;
    r = cached ? 0 : found_enter(dir->inode, d, &f);
    if (r < 0)
        dentry_unref(d);
    else
        *ret_d = d;
    return r;
}

/* Opened instead of asked for: what the descriptor says is what is there. */
int gofer_lookup_read(struct inode *dir, struct dentry *d)
{
    struct gofer_inode *g = to_gofer(dir), *child;
    struct hostfile *h;
    struct stat st;
    if (!gofer_super_of(g)->direct || gofer_child_open(g, dentry_name(d), &h, &st) < 0)
        return gofer_lookup(dir, d);
    int r = gofer_inode_get(dir->sb, d, &st, &child);
    if (r < 0) {
        hostfile_unref(h);
        return r;
    }
    if (GOFER_OPEN(child, handle))
        hostfile_unref(h);
    else
        (void)!gofer_handle_set(child, h, false); /* else it is opened again */
    dentry_set_inode(d, &child->vfs);
    return 0;
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
    if (g && gofer_is(g, GOFER_SYNTHETIC))
        return true;
    if (((const struct gofer_super *)dentry_super(d)->priv)->shared && !still_there(d))
        return false;
    if (g && !g->at && g->vfs.nlink)
        g->at = d;
    return true;
}
