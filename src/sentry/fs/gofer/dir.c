/* Directories: link texts, and listings that are read once for an open directory. */
#include "abi/dirent.h"
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "base/err.h"
#include "base/str.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/trim.h"
#include "sentry/fs/gofer/gofer_ops.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/vfs_priv.h"

#include <string.h>

#define LIST_MAX  (256u << 20) /* bytes of one directory's listing: -ENOMEM beyond */
#define LIST_LOOK 16u          /* records that gofer_list_regular() looks at */

/* Records of getdents64 one behind the other. Positions: 0 ".", 1 "..", then the record's offset + 2. */
struct listing {
    char *buf; /* arena, len bytes */
    size_t len;
    size_t next; /* where gofer_list_regular() begins: names are mostly asked for in their order */
    uint32_t refs;
    struct gofer_inode *of; /* while it is kept: not counted, forgotten with the inode */
};

static int link_read(struct gofer_inode *g)
{
    char *buf = arena_alloc(GOFER_PATH_TEXT);
    if (!buf)
        return -ENOMEM;
    ssize_t n = gofer_read_link(g, buf, GOFER_PATH_TEXT);
    struct gofer_more *m = n > 0 ? gofer_more(g) : NULL;
    if (m && !m->link) {
        m->link = arena_memdup(buf, (size_t)n);
        m->link_len = (uint32_t)n;
    }
    if (n > 0 && !(m && m->link))
        n = -ENOMEM;
    arena_free(buf, GOFER_PATH_TEXT);
    return n > 0 ? 0 : n < 0 ? (int)n : -EIO;
}

ssize_t gofer_readlink(struct inode *i, char *buf, size_t size)
{
    struct gofer_inode *g = to_gofer(i);
    int r = g->more && g->more->link ? 0 : link_read(g);
    if (r < 0)
        return r;
    size_t n = MIN(size, (size_t)g->more->link_len);
    memcpy(buf, g->more->link, n);
    return (ssize_t)n;
}

static void listing_unref(struct listing *l)
{
    if (!l || --l->refs)
        return;
    if (l->buf)
        arena_free(l->buf, l->len);
    arena_free(l, sizeof(*l));
}

/* Nothing that the kernel did not do itself changes the directory: neither the host nor we. */
static bool list_may_be_kept(const struct gofer_inode *g)
{
    const struct gofer_super *gs = gofer_super_of(g);
    return !gs->shared && !gs->writable && !gofer_is(g, GOFER_OVER_SYNTHETIC);
}

static struct listing *list_kept(const struct gofer_inode *g)
{
    struct gofer_root *r = gofer_root();
    for (uint32_t i = 0; i < GOFER_LISTS; i++)
        if (r->list[i] && r->list[i]->of == g)
            return r->list[i];
    return NULL;
}

static void list_keep(struct gofer_inode *g, struct listing *l)
{
    struct gofer_root *r = gofer_root();
    if (l->len > GOFER_LIST_SIZE || list_kept(g))
        return;
    struct listing **at = &r->list[r->list_next++ % GOFER_LISTS];
    if (*at)
        (*at)->of = NULL;
    listing_unref(*at);
    *at = l;
    l->of = g;
    l->refs++;
    trim_soon();
}

void gofer_list_forget(const struct gofer_inode *g)
{
    struct gofer_root *r = gofer_root();
    for (uint32_t i = 0; i < GOFER_LISTS; i++)
        if (r->list[i] && (!g || r->list[i]->of == g)) {
            r->list[i]->of = NULL;
            listing_unref(TAKE(r->list[i]));
        }
}

/* The record at `at`; false: there is none. */
static bool record_at(const struct listing *l, size_t at, struct linux_dirent64 *ret,
                      const char **ret_name, size_t *ret_len)
{
    if (at >= l->len || l->len - at <= LINUX_DIRENT64_HEADER)
        return false;
    memcpy(ret, l->buf + at, LINUX_DIRENT64_HEADER);
    /* A position that an application made up may lie within a record. */
    if (ret->d_reclen <= LINUX_DIRENT64_HEADER || ret->d_reclen > l->len - at)
        return false;
    *ret_name = l->buf + at + LINUX_DIRENT64_HEADER;
    *ret_len = strnlen(*ret_name, ret->d_reclen - LINUX_DIRENT64_HEADER);
    return true;
}

bool gofer_list_regular(const struct gofer_inode *g, const char *name, size_t len)
{
    struct listing *l = list_may_be_kept(g) ? list_kept(g) : NULL;
    struct linux_dirent64 e;
    const char *at;
    size_t n, pos = l ? l->next : 0;
    for (unsigned i = 0; l && i < LIST_LOOK && record_at(l, pos, &e, &at, &n); i++) {
        pos += e.d_reclen;
        if (n == len && memcmp(at, name, len) == 0) {
            l->next = pos;
            return e.d_type == LINUX_DT_REG;
        }
    }
    return false;
}

static int listing_append(struct listing *l, const char *from, size_t n)
{
    if (n > LIST_MAX - l->len)
        return -ENOMEM;
    char *buf = arena_realloc(l->buf, l->len, l->len + n);
    if (!buf)
        return -ENOMEM;
    memcpy(buf + l->len, from, n);
    l->buf = buf;
    l->len += n;
    return 0;
}

static int listing_fill(struct listing *l, int fd)
{
    if (host_lseek(fd, 0, SEEK_SET) < 0)
        return -EIO;
    char *buf = gofer_buf_get();
    if (!buf)
        return -ENOMEM;
    int r;
    do {
        ssize_t n = host_getdents64(fd, buf, GOFER_BUF_SIZE);
        r = n > 0 ? listing_append(l, buf, (size_t)n) : gofer_err((int)n);
        if (n <= 0)
            break;
    } while (r == 0);
    gofer_buf_put(buf);
    return r;
}

/* The entry of d on the way to where m is mounted; NULL: it is not below d. */
static const struct dentry *way_to(const struct dentry *d, const struct mount *m)
{
    const struct dentry *c = m->mountpoint;
    while (c && c->parent != d && c->parent != c)
        c = c->parent;
    return c && c->parent == d && c != d ? c : NULL;
}

static int listing_add_name(struct listing *l, const struct dentry *c)
{
    char rec[LINUX_DIRENT64_HEADER + 256 + 8] = {0};
    size_t len = ALIGN_UP(LINUX_DIRENT64_HEADER + c->name_len + 1u, 8u);
    struct linux_dirent64 e = {.d_ino = c->inode->ino,
                               .d_reclen = (uint16_t)len,
                               .d_type = (uint8_t)((c->inode->mode >> 12) & 15)};
    memcpy(rec, &e, LINUX_DIRENT64_HEADER);
    memcpy(rec + LINUX_DIRENT64_HEADER, dentry_name(c), c->name_len);
    return listing_append(l, rec, len);
}

/* Mount points below d that the host does not list: the mounts hold their dentries. */
static int listing_add_synthetic(struct listing *l, const struct dentry *d)
{
    const struct mount *m, *before;
    int r = 0;
    LIST_FOREACH (m, &vfs()->mounts, node) {
        const struct dentry *c = way_to(d, m);
        if (r < 0 || !c || !c->hashed || !c->inode ||
            !gofer_is(to_gofer(c->inode), GOFER_SYNTHETIC))
            continue;
        bool known = false;
        LIST_FOREACH (before, &vfs()->mounts, node) {
            if (before == m)
                break;
            known |= way_to(d, before) == c;
        }
        if (!known)
            r = listing_add_name(l, c);
    }
    return r;
}

/* Replaces what was read before: an open directory that is rewound sees the present. */
static int listing_read(struct file *f)
{
    struct hostfile *h = NULL;
    struct gofer_inode *g = to_gofer(f->inode);
    bool synthetic = gofer_is(g, GOFER_SYNTHETIC);
    struct listing *known = list_may_be_kept(g) ? list_kept(g) : NULL;
    if (known) {
        known->refs++;
        listing_unref(f->priv);
        f->priv = known;
        return 0;
    }
    int r = synthetic ? 0 : gofer_dir_handle(g, true, &h);
    if (r < 0)
        return r;
    struct listing *l = arena_alloc(sizeof(*l));
    if (l)
        l->refs = 1;
    r = !l ? -ENOMEM : synthetic ? 0 : listing_fill(l, hostfile_fd(h));
    hostfile_unref(h);
    if (r == 0 && gofer_is(g, GOFER_OVER_SYNTHETIC))
        r = listing_add_synthetic(l, f->path.dentry);
    if (r < 0) {
        listing_unref(l);
        return r;
    }
    listing_unref(f->priv);
    f->priv = l;
    if (list_may_be_kept(g))
        list_keep(g, l);
    return 0;
}

static uint64_t parent_ino(const struct file *f)
{
    const struct gofer_inode *g = to_gofer(f->inode);
    return g->at ? g->at->parent->inode->ino : f->path.dentry->parent->inode->ino;
}

static bool emit_dots(struct file *f, struct dir_ctx *c)
{
    if (c->pos == 0) {
        if (!c->emit(c, ".", 1, f->inode->ino, LINUX_DT_DIR, 1))
            return false;
        c->pos = 1;
    }
    if (c->pos == 1) {
        if (!c->emit(c, "..", 2, parent_ino(f), LINUX_DT_DIR, 2))
            return false;
        c->pos = 2;
    }
    return true;
}

static bool is_dot(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static int gofer_readdir(struct file *f, struct dir_ctx *c)
{
    if (c->pos == 0 || !f->priv) {
        int r = listing_read(f);
        if (r < 0)
            return r;
    }
    const struct listing *l = f->priv;
    if (c->pos < 0 || !emit_dots(f, c))
        return 0;
    size_t at = (size_t)c->pos - 2;
    struct linux_dirent64 e;
    const char *name;
    size_t len;
    while (record_at(l, at, &e, &name, &len)) {
        size_t next = at + e.d_reclen;
        if (!is_dot(name) && !c->emit(c, name, len, e.d_ino, e.d_type, (int64_t)next + 2))
            break;
        at = next;
        c->pos = (int64_t)at + 2;
    }
    return 0;
}

static int64_t gofer_dir_llseek(struct file *f, int64_t off, int whence)
{
    const struct listing *l = f->priv;
    if (whence > 1) /* from the start or from here only */
        return -EINVAL;
    return file_llseek_generic(f, off, whence, l ? l->len + 2 : 0);
}

static void gofer_dir_release(struct file *f)
{
    listing_unref(f->priv);
    f->priv = NULL;
}

const struct file_ops gofer_dir_ops = {
    .name = "gofer directory",
    .readdir = gofer_readdir,
    .llseek = gofer_dir_llseek,
    .fsync = gofer_file_fsync,
    .release = gofer_dir_release,
};
