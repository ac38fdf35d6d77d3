#include "sentry/vfs/namei.h"

#include "abi/fcntl.h"
#include "abi/limits.h"
#include "abi/mount.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/usermem.h"
#include "sentry/arena/trim.h"
#include "sentry/vfs/vfs_priv.h"

#include <string.h>

#define WALK_CREATE 0x10000u /* internal: a missing last component is a result */
#define WALK_SCOPED (WALK_BENEATH | WALK_IN_ROOT)

/* What is left to walk in one string: the path itself, or the text of a link on the way. */
struct pending {
    char *buf; /* owned; NULL: the caller's path */
    const char *rest;
};

struct walker {
    struct task *t;
    const struct cred *cr;
    struct path at;    /* counted */
    struct path root;  /* counted */
    struct path start; /* counted; for RESOLVE_BENEATH */
    uint32_t flags;
    uint32_t nlinks;
    uint32_t depth; /* entries of stack in use */
    struct pending stack[LINUX_MAXSYMLINKS + 1];
};

const struct cred *task_cred_or_kernel(const struct task *t)
{
    return t && t->cred ? t->cred : vfs()->kernel_cred;
}

/* ---- path buffers ---- */

char *path_buf_new(void)
{
    struct vfs_root *v = vfs();
    return v->path_cached > 0 ? v->path_cache[--v->path_cached] : arena_alloc(LINUX_PATH_MAX);
}

void path_buf_free(char *p)
{
    struct vfs_root *v = vfs();
    if (!p)
        return;
    if (v->path_cached < PATH_CACHE_MAX)
        v->path_cache[v->path_cached++] = p;
    else
        arena_free(p, LINUX_PATH_MAX);
}

enum trim_left path_trim(bool next_period)
{
    struct vfs_root *v = vfs();
    while (v && v->path_cached > 1)
        arena_free(v->path_cache[--v->path_cached], LINUX_PATH_MAX);
    return TRIM_NOTHING;
}

int path_copy_in(struct task *t, struct uaddr a, bool allow_empty, char **ret)
{
    char *buf = path_buf_new();
    if (!buf)
        return -ENOMEM;
    ssize_t n = copy_in_string(t, buf, a, LINUX_PATH_MAX);
    if (n == 0 && !allow_empty)
        n = -ENOENT;
    if (n < 0) {
        path_buf_free(buf);
        return (int)n;
    }
    *ret = buf;
    return 0;
}

/* ---- steps ---- */

static void set_at(struct walker *w, struct mount *mnt, struct dentry *d)
{
    struct path next = {mnt, d};
    next = path_ref(&next);
    path_unref(&w->at);
    w->at = next;
}

/* The step to a child of the same mount: takes the reference to d, touches the mount's counter not at all. */
static void step_down(struct walker *w, struct dentry *d)
{
    struct dentry *old = w->at.dentry;
    w->at.dentry = d;
    dentry_unref(old);
}

/* Replaces p by what is mounted on it. */
static int cross_mounts(struct walker *w, struct path *p)
{
    while (unlikely(p->dentry->mountpoint)) {
        struct mount *m = mount_on(p->mnt, p->dentry);
        if (!m)
            break;
        if (w->flags & WALK_NO_XDEV)
            return -EXDEV;
        m->uses++;
        *p = (struct path){m, m->root};
    }
    return 0;
}

static int step_up(struct walker *w)
{
    struct path p = w->at;
    for (;;) {
        if (path_eq(&p, &w->root) || ((w->flags & WALK_BENEATH) && path_eq(&p, &w->start)))
            return w->flags & WALK_BENEATH ? -EXDEV : 0;
        if (p.dentry != p.mnt->root)
            break;
        if (!p.mnt->parent)
            return 0; /* the root of everything */
        if (w->flags & WALK_NO_XDEV)
            return -EXDEV;
        p = (struct path){p.mnt->parent, p.mnt->mountpoint};
    }
    p.dentry = p.dentry->parent;
    int r = cross_mounts(w, &p);
    if (r == 0)
        set_at(w, p.mnt, p.dentry);
    return r;
}

HOT int walk_child(struct path *dir, const char *name, size_t len, struct dentry **ret)
{
    struct dentry *parent = dir->dentry;
    if (unlikely(len > LINUX_NAME_MAX))
        return -ENAMETOOLONG;
    bool cached;
    struct dentry *d = dentry_get_child(parent, name, len, &cached);
    if (!d)
        return -ENOMEM;
    const struct inode_ops *ops = parent->inode->ops;
    if (cached && ops->revalidate && !d->mountpoint && !ops->revalidate(d)) {
        dentry_drop(d);
        dentry_unref(d);
        d = dentry_get_child(parent, name, len, &cached);
        if (!d)
            return -ENOMEM;
    }
    if (!cached) {
        /* A directory that is gone has no names. */
        int r = unlikely(parent->inode->nlink == 0) ? -ENOENT
                : ops->lookup                       ? ops->lookup(parent->inode, d)
                                                    : -ENOTDIR;
        if (r < 0) {
            dentry_unref(d);
            return r;
        }
        if (!d->hashed) {
            /* Somebody looked the same name up while our lookup had dropped the lock: one dentry for both. */
            struct dentry *other = dentry_find(parent, name, len);
            if (other) {
                dentry_unref(d);
                d = other;
            }
        }
    }
    *ret = d;
    return 0;
}

static int jump_to_root(struct walker *w)
{
    if (w->flags & WALK_BENEATH)
        return -EXDEV;
    if ((w->flags & WALK_NO_XDEV) && w->at.mnt != w->root.mnt)
        return -EXDEV;
    set_at(w, w->root.mnt, w->root.dentry);
    return 0;
}

static int follow_magic(struct walker *w, struct inode *i)
{
    if (w->flags & WALK_NO_MAGICLINKS)
        return -ELOOP;
    struct path to = {0};
    int r = i->ops->follow(i, w->t, &to);
    if (r < 0)
        return r;
    if (((w->flags & WALK_NO_XDEV) && to.mnt != w->at.mnt) || (w->flags & WALK_SCOPED)) {
        path_unref(&to);
        return -EXDEV;
    }
    path_unref(&w->at);
    w->at = to;
    return 0;
}

/* w->at is the link's directory. Pushes the link's text, or jumps. */
static int follow_link(struct walker *w, const struct mount *mnt, struct dentry *link)
{
    if (++w->nlinks > LINUX_MAXSYMLINKS || (w->flags & WALK_NO_SYMLINKS) ||
        (mnt->flags & LINUX_MS_NOSYMFOLLOW))
        return -ELOOP;
    struct inode *i = link->inode;
    if (i->ops->follow)
        return follow_magic(w, i);
    char *buf = path_buf_new();
    if (!buf)
        return -ENOMEM;
    ssize_t n = inode_readlink(i, w->t, buf, LINUX_PATH_MAX - 1);
    if (i->sb->atimes)
        path_accessed(&(struct path){(struct mount *)(uintptr_t)mnt, link});
    int r = 0;
    if (n <= 0) {
        r = n < 0 ? (int)n : -ENOENT;
    } else {
        buf[n] = 0;
        if (buf[0] == '/')
            r = jump_to_root(w);
    }
    if (r < 0) {
        path_buf_free(buf);
        return r;
    }
    w->stack[w->depth++] = (struct pending){.buf = buf, .rest = buf};
    return 0;
}

/* ---- the walk ---- */

/* Nothing but slashes is left in the strings below the top one. */
static bool is_last(const struct walker *w, bool *ret_slash)
{
    *ret_slash = false;
    for (uint32_t n = w->depth; n-- > 0;) {
        const char *p = w->stack[n].rest;
        while (*p == '/') {
            *ret_slash = true;
            p++;
        }
        if (*p)
            return false;
    }
    return true;
}

static bool next_component(struct walker *w, const char **ret_name, size_t *ret_len)
{
    while (w->depth > 0) {
        struct pending *p = &w->stack[w->depth - 1];
        if (path_component_next(&p->rest, ret_name, ret_len))
            return true;
        path_buf_free(p->buf);
        w->depth--;
    }
    return false;
}

static int result_parent(struct walk *ret, const char *name, size_t len, bool dot, bool slash)
{
    if (len > LINUX_NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(ret->last, name, len);
    ret->last[len] = 0;
    ret->last_len = (uint32_t)len;
    ret->last_dot = dot;
    ret->trailing_slash = slash;
    return 0;
}

/* One component below w->at. *ret_done: ret and *ret_new are the result. */
static int walk_component(struct walker *w, const char *name, size_t len, struct walk *ret,
                          struct dentry **ret_new, bool *ret_done)
{
    bool slash, last = is_last(w, &slash);
    bool dot = name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
    *ret_done = last;
    ret->trailing_slash = last && slash;
    if (last && (w->flags & WALK_PARENT))
        return result_parent(ret, name, len, dot, slash);
    if (dot)
        return len == 2 ? step_up(w) : 0;
    if (slash && last && (w->flags & WALK_CREATE))
        return -EISDIR; /* O_CREAT makes no directories: not even looked at */
    struct dentry *d;
    vfs()->walk_rest = w->stack[w->depth - 1].rest;
    vfs()->walk_to_read = last && (w->flags & WALK_TO_READ);
    int r = walk_child(&w->at, name, len, &d);
    vfs()->walk_rest = NULL;
    vfs()->walk_to_read = false;
    if (r < 0)
        return r;
    if (!d->inode) {
        if (!last || !(w->flags & WALK_CREATE)) {
            dentry_unref(d);
            return -ENOENT;
        }
        *ret_new = d;
        return result_parent(ret, name, len, false, slash);
    }
    struct path p = {w->at.mnt, d};
    r = cross_mounts(w, &p);
    if (r < 0) {
        dentry_unref(d);
        return r;
    }
    if (unlikely(LINUX_S_ISLNK(p.dentry->inode->mode)) &&
        (!last || slash || !(w->flags & WALK_NOFOLLOW))) {
        r = follow_link(w, p.mnt, p.dentry);
        *ret_done = false;
    } else if (likely(p.mnt == w->at.mnt)) {
        step_down(w, d);
        return 0;
    } else {
        set_at(w, p.mnt, p.dentry);
    }
    dentry_unref(d);
    return r;
}

static int walk_run(struct walker *w, struct walk *ret, struct dentry **ret_new)
{
    const char *name;
    size_t len;
    bool done = false;
    while (!done && next_component(w, &name, &len)) {
        struct inode *dir = w->at.dentry->inode;
        if (unlikely(!LINUX_S_ISDIR(dir->mode)))
            return -ENOTDIR;
        int r = inode_permission(dir, MAY_EXEC, w->cr);
        if (r == 0)
            r = walk_component(w, name, len, ret, ret_new, &done);
        if (r < 0)
            return r;
    }
    if ((w->flags & WALK_PARENT) && !done) /* "/" */
        return result_parent(ret, "", 0, true, true);
    if (!*ret_new && !(w->flags & WALK_PARENT) &&
        (ret->trailing_slash || (w->flags & WALK_DIRECTORY)) &&
        !LINUX_S_ISDIR(w->at.dentry->inode->mode))
        return -ENOTDIR;
    return 0;
}

static int walk_main(struct walker *w, const char *name, struct walk *ret, struct dentry **ret_new)
{
    w->cr = task_cred_or_kernel(w->t);
    ret->path = (struct path){0};
    ret->last_len = 0;
    ret->last[0] = 0;
    ret->last_dot = ret->trailing_slash = false;
    *ret_new = NULL;
    if (w->flags & WALK_IN_ROOT)
        w->root = path_ref(&w->at);
    else
        w->root = w->t && w->t->fs ? path_ref(w->t->fs->root) : vfs_root_path();
    if (w->flags & WALK_BENEATH)
        w->start = path_ref(&w->at);
    int r = 0;
    if (name[0] == '/')
        r = jump_to_root(w);
    w->depth = 1;
    w->stack[0] = (struct pending){.buf = NULL, .rest = name};
    if (r == 0)
        r = walk_run(w, ret, ret_new);
    while (w->depth > 0)
        path_buf_free(w->stack[--w->depth].buf);
    path_unref(&w->root);
    path_unref(&w->start);
    if (r < 0) {
        dentry_unref(TAKE(*ret_new));
        path_unref(&w->at);
        return r;
    }
    ret->path = w->at;
    return 0;
}

/* Where a relative path starts. Counted. */
static int start_of(struct task *t, int dirfd, const char *name, uint32_t flags, struct path *ret)
{
    if (name[0] == '/' && !(flags & WALK_SCOPED)) {
        *ret = path_ref(t->fs->root);
        return 0;
    }
    if (name[0] == 0 && !(flags & WALK_EMPTY))
        return -ENOENT;
    if (dirfd == LINUX_AT_FDCWD) {
        *ret = path_ref(t->fs->cwd);
        return 0;
    }
    struct file *f = fd_get(t, dirfd);
    if (!f)
        return -EBADF;
    int r = 0;
    if (name[0] != 0 && !LINUX_S_ISDIR(f->inode->mode))
        r = -ENOTDIR;
    else
        *ret = path_ref(&f->path);
    file_unref(f);
    return r;
}

static int walk_any(struct task *t, int dirfd, const char *name, uint32_t flags, struct walk *ret,
                    struct dentry **ret_new)
{
    struct walker w;
    memset(&w, 0, offsetof(struct walker, stack));
    w.t = t;
    w.flags = flags;
    int r = start_of(t, dirfd, name, flags, &w.at);
    return r < 0 ? r : walk_main(&w, name, ret, ret_new);
}

static int walk_any_from(struct task *t, const struct path *start, const char *name, uint32_t flags,
                         struct walk *ret, struct dentry **ret_new)
{
    struct walker w;
    memset(&w, 0, offsetof(struct walker, stack));
    w.t = t;
    w.flags = flags;
    w.at = path_ref(start);
    if (name[0] == 0 && !(flags & WALK_EMPTY)) {
        path_unref(&w.at);
        return -ENOENT;
    }
    return walk_main(&w, name, ret, ret_new);
}

HOT int walk_at(struct task *t, int dirfd, const char *name, uint32_t flags, struct walk *ret)
{
    struct dentry *none;
    return walk_any(t, dirfd, name, flags, ret, &none);
}

int walk_from(struct task *t, const struct path *start, const char *name, uint32_t flags,
              struct walk *ret)
{
    struct dentry *none;
    return walk_any_from(t, start, name, flags, ret, &none);
}

int walk_create(struct task *t, int dirfd, const char *name, uint32_t flags, struct walk *w,
                struct dentry **ret_new)
{
    return walk_any(t, dirfd, name, flags | WALK_CREATE, w, ret_new);
}

int walk_last(struct walk *w, struct dentry **ret)
{
    return walk_child(&w->path, w->last, w->last_len, ret);
}
