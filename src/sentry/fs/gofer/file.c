/* Open regular files: reading through the host's page cache. */
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/trim.h"
#include "sentry/fs/gofer/gofer_priv.h"
#include "sentry/io/worker.h"
#include "sentry/mm/uio.h"
#include "sentry/vfs/file.h"

#include <sys/uio.h>

#define BUF_FAST 4096u

/* f->priv: the host file that reads go to, counted; NULL for a description that only writes. */

void *gofer_buf_get(void)
{
    struct gofer_root *r = gofer_root();
    for (unsigned i = 0; i < GOFER_BUFS; i++)
        if (r->buf[i])
            return TAKE(r->buf[i]);
    return arena_alloc(GOFER_BUF_SIZE);
}

void gofer_buf_put(void *buf)
{
    struct gofer_root *r = gofer_root();
    for (unsigned i = 0; i < GOFER_BUFS; i++)
        if (!r->buf[i]) {
            r->buf[i] = buf;
            trim_soon();
            return;
        }
    arena_free(buf, GOFER_BUF_SIZE);
}

enum trim_left gofer_trim(bool next_period)
{
    struct gofer_root *r = gofer_root();
    for (unsigned i = 0; r && i < GOFER_BUFS; i++)
        arena_free(TAKE(r->buf[i]), GOFER_BUF_SIZE);
    if (r)
        gofer_list_forget(NULL);
    return TRIM_NOTHING;
}

/* The name that g was last seen under is gone; the one that is being opened is there. */
static void place_again(struct gofer_inode *g, const struct file *f)
{
    struct dentry *d = f->path.dentry;
    if (!g->at && !gofer_is_root(g) && d && d->inode == &g->vfs && d->hashed &&
        dentry_super(d->parent) == g->vfs.sb)
        g->at = d;
}

/* One description of g more, or less. Handles for writing are kept as long as somebody writes. */
static void count(struct gofer_inode *g, const struct file *f, int by)
{
    struct gofer_open *o = g->open;
    o->users += (uint32_t)by;
    o->writers += f->can_write ? (uint32_t)by : 0;
    gofer_root()->files += (uint32_t)by;
    if (!o->writers)
        o->whandle = hostfile_unref(o->whandle);
    if (!o->users && !g->at && !gofer_is_root(g))
        gofer_handle_drop(g); /* nobody can open it again */
    gofer_handle_idle(g);
}

static int open_regular(struct gofer_inode *g, struct file *f)
{
    struct hostfile *rd = NULL, *wr = NULL;
    if (gofer_root()->files >= GOFER_FILES_MAX)
        return -ENFILE;
    if (f->can_write && !gofer_super_of(g)->writable)
        return -EROFS;
    int r = gofer_open_make(g);
    if (r < 0)
        return r;
    place_again(g, f);
    count(g, f,
          1); /* first: opening may drop the lock, and another close must not take the handles */
    if (f->can_write)
        r = gofer_file_handle(g, true, &wr);
    if (r == 0 && (f->can_read || !f->can_write)) /* access mode 3: for ioctl, and for us */
        r = gofer_file_handle(g, false, &rd);
    hostfile_unref(wr); /* the inode keeps it */
    if (r < 0)
        count(g, f, -1);
    else
        f->priv = rd;
    return r;
}

int gofer_open(struct inode *i, struct file *f)
{
    if (LINUX_S_ISDIR(i->mode)) { /* the host may refuse the listing: open says so */
        struct hostfile *h;
        if (gofer_is(to_gofer(i), GOFER_SYNTHETIC) ||
            (!i->nlink && !GOFER_OPEN(to_gofer(i), handle)))
            return 0; /* the host has none, or none any more: nothing is in it */
        int r = gofer_dir_handle(to_gofer(i), true, &h);
        if (r == 0)
            hostfile_unref(h);
        return r;
    }
    return LINUX_S_ISREG(i->mode) ? open_regular(to_gofer(i), f) : -ENXIO;
}

static void gofer_file_release(struct file *f)
{
    f->priv = hostfile_unref(f->priv);
    count(to_gofer(f->inode), f, -1);
}

/* What the page cache has comes at once; the rest with the kernel lock dropped. */
static ssize_t read_host(struct file *f, void *buf, size_t n, int64_t pos)
{
    struct gofer_super *gs = gofer_super_of(to_gofer(f->inode));
    int fd = hostfile_fd(f->priv);
    if (!gs->no_nowait) {
        struct iovec iov = {buf, n};
        ssize_t r = host_preadv2(fd, &iov, 1, (unsigned long)pos, 0, RWF_NOWAIT);
        if (r == -EOPNOTSUPP)
            gs->no_nowait = true;
        else if (r != -EAGAIN)
            return r;
    }
    struct hostfile *h = hostfile_ref(f->priv);
    worker_block_begin();
    ssize_t r = host_pread64(fd, buf, n, pos);
    worker_block_end();
    hostfile_unref(h);
    return r;
}

/* Until n bytes or the end. The cached size saves the question whether more is there; files of size 0 may have text (/proc). */
static ssize_t read_full(struct file *f, uint8_t *buf, size_t n, int64_t pos)
{
    size_t done = 0;
    bool shared = gofer_super_of(to_gofer(f->inode))->shared;
    while (done < n) {
        if (!shared && f->inode->size && (uint64_t)pos + done >= f->inode->size)
            break;
        ssize_t r = read_host(f, buf + done, n - done, pos + (int64_t)done);
        if (r < 0)
            return done ? (ssize_t)done : gofer_err((int)r);
        done += (size_t)r;
        if (r == 0 || (!shared && !f->inode->size))
            break;
    }
    return (ssize_t)done;
}

static ssize_t read_with(struct file *f, struct uio *u, int64_t *pos, void *buf, size_t cap)
{
    ssize_t done = 0;
    while (u->resid > 0) {
        size_t n = MIN(u->resid, (uint64_t)cap);
        ssize_t got = read_full(f, buf, n, *pos);
        if (got <= 0)
            return done ? done : got;
        ssize_t put = uio_put(u, buf, (size_t)got);
        if (put <= 0)
            return done ? done : put;
        *pos += put;
        done += put;
        if (put < got || (size_t)got < n)
            break;
    }
    return done;
}

static ssize_t gofer_file_read(struct file *f, struct uio *u, int64_t *pos)
{
    uint8_t fast[BUF_FAST];
    if (u->resid <= sizeof(fast))
        return read_with(f, u, pos, fast, sizeof(fast));
    void *buf = gofer_buf_get();
    if (!buf)
        return -ENOMEM;
    ssize_t r = read_with(f, u, pos, buf, GOFER_BUF_SIZE);
    gofer_buf_put(buf);
    return r;
}

static int64_t gofer_file_llseek(struct file *f, int64_t off, int whence)
{
    struct gofer_inode *g = to_gofer(f->inode);
    int r = gofer_is(g, GOFER_STALE) || gofer_super_of(g)->shared ? gofer_attr_refresh(g) : 0;
    if (r < 0)
        return r;
    if ((whence == LINUX_SEEK_DATA || whence == LINUX_SEEK_HOLE) && off >= 0 &&
        (f->priv || g->open->whandle)) {
        /* The host's own position is used by nobody. */
        int64_t pos = host_lseek(hostfile_fd(f->priv ? f->priv : g->open->whandle), off, whence);
        if (pos < 0)
            return gofer_err((int)pos);
        f->pos = pos;
        return pos;
    }
    return file_llseek_generic(f, off, whence, f->inode->size);
}

static int gofer_file_mappable(struct file *f, bool shared, bool writable, struct hostfile **ret)
{
    struct gofer_inode *g = to_gofer(f->inode);
    if (shared && writable) {
        if (!g->open->whandle)
            return -EACCES;
        gofer_mark(g, GOFER_STALE); /* times change behind our back */
        *ret = hostfile_ref(g->open->whandle);
        return 0;
    }
    if (!f->priv)
        return -EACCES;
    *ret = hostfile_ref(f->priv);
    return 0;
}

static void gofer_file_advise(struct file *f, int64_t off, int64_t len, int advice)
{
    if (f->priv)
        (void)!host_fadvise64(hostfile_fd(f->priv), off, len, advice); /* a hint */
}

const struct file_ops gofer_file_ops = {
    .name = "gofer file",
    .read = gofer_file_read,
    .write = gofer_file_write,
    .llseek = gofer_file_llseek,
    .mappable = gofer_file_mappable,
    .fsync = gofer_file_fsync,
    .fallocate = gofer_file_fallocate,
    .advise = gofer_file_advise,
    .release = gofer_file_release,
};
