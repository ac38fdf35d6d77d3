/* Host descriptors of directories and files: opened on demand from the directory above, kept for a while. */
#include "base/err.h"
#include "host/host.h"
#include "sentry/arena/slab.h"
#include "sentry/fs/gofer/gofer_priv.h"
#include "wire/gofer.h"

#include <fcntl.h>

#define OPEN_ALWAYS (O_NOFOLLOW | O_CLOEXEC | O_NOCTTY)

int gofer_err(int err)
{
    if (err >= 0)
        return err; /* a count */
    switch (-err) {
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case ELOOP:
    case ENAMETOOLONG:
    case EIO:
    case ENOMEM:
    case ENFILE:
    case EEXIST:
    case ENOTEMPTY:
    case EXDEV:
    case EMLINK:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EPERM:
    case EROFS:
    case EISDIR:
    case EINVAL:
    case EBUSY:
    case ETXTBSY:
    case EOPNOTSUPP:
    case ENODATA:
    case ERANGE:
    case EAGAIN:
    case ENXIO:
    case ECONNREFUSED:
    case EPROTOTYPE:
    case EADDRINUSE:
    case ESTALE: return err;
    case EMFILE: return -ENFILE;
    default: return -EIO;
    }
}

int gofer_open_make(struct gofer_inode *g)
{
    if (g->open)
        return 0;
    struct gofer_open *o = SLAB_NEW(GOFER_OPEN, struct gofer_open);
    if (!o)
        return -ENOMEM;
    o->of = g;
    list_init(&o->lru);
    g->open = o;
    return 0;
}

void gofer_open_settle(struct gofer_inode *g)
{
    if (g->open && !g->open->handle && !g->open->whandle && !g->open->users)
        SLAB_FREE(GOFER_OPEN, TAKE(g->open));
}

static void lru_remove(struct gofer_open *o)
{
    if (!list_is_linked(&o->lru))
        return;
    list_del_init(&o->lru);
    gofer_root()->lru_count--;
}

void gofer_handle_drop(struct gofer_inode *g)
{
    if (!g->open)
        return;
    lru_remove(g->open);
    g->open->handle = hostfile_unref(g->open->handle);
    g->open->dir_readable = false;
    gofer_open_settle(g);
}

/* Handles that are in use, those of roots and of directories without a name are not on the list. */
void gofer_handle_idle(struct gofer_inode *g)
{
    struct gofer_root *r = gofer_root();
    struct gofer_open *o = g->open;
    if (!o)
        return;
    lru_remove(o);
    if (!o->handle || o->users || !g->at) {
        gofer_open_settle(g);
        return;
    }
    list_add_tail(&o->lru, &r->lru);
    r->lru_count++;
    while (r->lru_count > GOFER_HANDLES_MAX)
        gofer_handle_drop(list_first_entry(&r->lru, struct gofer_open, lru)->of);
}

int gofer_handle_set(struct gofer_inode *g, struct hostfile *h, bool readable)
{
    if (gofer_open_make(g) < 0) {
        hostfile_unref(h);
        return -ENOMEM;
    }
    hostfile_unref(g->open->handle);
    g->open->handle = h;
    g->open->dir_readable = readable;
    gofer_handle_idle(g);
    return 0;
}

int gofer_whandle_set(struct gofer_inode *g, struct hostfile *h)
{
    if (h && gofer_open_make(g) < 0) {
        hostfile_unref(h);
        return -ENOMEM;
    }
    if (g->open) {
        hostfile_unref(g->open->whandle);
        g->open->whandle = h;
        gofer_open_settle(g);
    }
    return 0;
}

static int adopt(int fd, struct hostfile **ret)
{
    return fd < 0 ? gofer_err(fd) : hostfile_adopt(fd, ret);
}

/* One step: g from its directory, whose handle is there. */
static int dir_open_directly(struct gofer_inode *g, bool list)
{
    int how = O_DIRECTORY | OPEN_ALWAYS | (list ? O_RDONLY : O_PATH);
    const struct hostfile *own = GOFER_OPEN(g, handle);
    return list && own ? host_openat(hostfile_fd(own), ".", how, 0)
                       : host_openat(hostfile_fd(gofer_parent(g)->open->handle), dentry_name(g->at),
                                     how, 0);
}

static int dir_open(struct gofer_inode *g, bool list)
{
    struct hostfile *h;
    int fd = gofer_super_of(g)->direct ? dir_open_directly(g, list) : -EACCES;
    int r =
        fd == -EACCES
            ? gofer_ask_open(g, NULL,
                             GOFER_OPEN_DIRECTORY | (list ? GOFER_OPEN_READ : GOFER_OPEN_PATH), &h)
            : adopt(fd, &h);
    return r < 0 ? r : gofer_handle_set(g, h, list);
}

int gofer_dir_handle(struct gofer_inode *g, bool list, struct hostfile **ret)
{
    bool direct = gofer_super_of(g)->direct;
    while (!GOFER_OPEN(g, handle) || (list && !g->open->dir_readable)) {
        struct gofer_inode *a = g;
        while (direct && !GOFER_OPEN(a, handle) && a->at && !GOFER_OPEN(gofer_parent(a), handle))
            a = gofer_parent(a);
        if (!GOFER_OPEN(a, handle) && !a->at && !gofer_is_root(a))
            return -ENOENT; /* removed */
        int r = dir_open(a, list && a == g);
        if (r < 0)
            return r;
    }
    *ret = hostfile_ref(g->open->handle);
    gofer_handle_idle(g);
    return 0;
}

int gofer_child_open(struct gofer_inode *dir, const char *name, struct hostfile **ret,
                     struct stat *ret_st)
{
    struct hostfile *h;
    int r = gofer_dir_handle(dir, false, &h);
    if (r < 0)
        return r;
    int fd = host_openat(hostfile_fd(h), name, O_RDONLY | O_NONBLOCK | OPEN_ALWAYS, 0);
    hostfile_unref(h);
    r = adopt(fd, &h);
    if (r < 0)
        return r;
    r = host_fstat(hostfile_fd(h), ret_st);
    if (r < 0 || !S_ISREG(ret_st->st_mode)) {
        hostfile_unref(h);
        return r < 0 ? r : -ESTALE;
    }
    *ret = h;
    return 0;
}

/* A descriptor of the regular file g. The host may have put something else there meanwhile. */
static int file_open_host(struct gofer_inode *g, bool write, struct hostfile **ret)
{
    struct hostfile *dir;
    gofer_alias_find(g);
    if (!g->at && !gofer_is_root(g))
        return -ENOENT;
    if (g->at && gofer_super_of(g)->direct) {
        int r = gofer_dir_handle(gofer_parent(g), false, &dir);
        if (r < 0)
            return r;
        int fd = host_openat(hostfile_fd(dir), dentry_name(g->at),
                             (write ? O_RDWR : O_RDONLY) | O_NONBLOCK | OPEN_ALWAYS, 0);
        hostfile_unref(dir);
        if (fd != -EACCES)
            return adopt(fd, ret);
    }
    return gofer_ask_open(g, NULL, GOFER_OPEN_READ | (write ? GOFER_OPEN_WRITE : 0u), ret);
}

int gofer_file_handle(struct gofer_inode *g, bool write, struct hostfile **ret)
{
    struct hostfile *w = GOFER_OPEN(g, whandle), *known = write ? w : GOFER_OPEN(g, handle), *h;
    if (!known && !g->at)
        known = w; /* it has no name any more */
    if (known) {
        *ret = hostfile_ref(known);
        return 0;
    }
    int r = file_open_host(g, write, &h);
    if (r < 0)
        return r;
    struct stat st;
    r = host_fstat(hostfile_fd(h), &st);
    if (r < 0 || !S_ISREG(st.st_mode) || st.st_ino != g->vfs.ino) {
        hostfile_unref(h);
        return r < 0 ? -EIO : -ESTALE;
    }
    gofer_attr_set(g, &st);
    *ret = hostfile_ref(h);
    r = write ? gofer_whandle_set(g, h) : gofer_handle_set(g, h, false);
    if (r < 0)
        hostfile_unref(*ret);
    return r;
}
