/* Host descriptors of directories and files: opened on demand from the directory above, kept for a while. */
#include "base/err.h"
#include "host/host.h"
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
    case ESTALE: return err;
    case EMFILE: return -ENFILE;
    default: return -EIO;
    }
}

static void lru_remove(struct gofer_inode *g)
{
    if (!list_is_linked(&g->lru))
        return;
    list_del_init(&g->lru);
    gofer_root()->lru_count--;
}

void gofer_handle_drop(struct gofer_inode *g)
{
    lru_remove(g);
    g->handle = hostfile_unref(g->handle);
    g->dir_readable = false;
}

/* Handles that are in use, those of roots and of directories without a name are not on the list. */
static void lru_touch(struct gofer_inode *g)
{
    struct gofer_root *r = gofer_root();
    lru_remove(g);
    if (!g->handle || g->users || !g->parent)
        return;
    list_add_tail(&g->lru, &r->lru);
    r->lru_count++;
    while (r->lru_count > GOFER_HANDLES_MAX)
        gofer_handle_drop(list_first_entry(&r->lru, struct gofer_inode, lru));
}

void gofer_handle_idle(struct gofer_inode *g) { lru_touch(g); }

/* Takes h. */
static void handle_set(struct gofer_inode *g, struct hostfile *h, bool readable)
{
    hostfile_unref(g->handle);
    g->handle = h;
    g->dir_readable = readable;
    lru_touch(g);
}

void gofer_handle_set(struct gofer_inode *g, struct hostfile *h)
{
    if (g->handle)
        hostfile_unref(h);
    else
        handle_set(g, h, false);
}

static int adopt(int fd, struct hostfile **ret)
{
    return fd < 0 ? gofer_err(fd) : hostfile_adopt(fd, ret);
}

/* One step: g from its directory, whose handle is there. */
static int dir_open_directly(struct gofer_inode *g, bool list)
{
    int how = O_DIRECTORY | OPEN_ALWAYS | (list ? O_RDONLY : O_PATH);
    return list && g->handle ? host_openat(hostfile_fd(g->handle), ".", how, 0)
                             : host_openat(hostfile_fd(g->parent->handle), g->name, how, 0);
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
    if (r == 0)
        handle_set(g, h, list);
    return r;
}

int gofer_dir_handle(struct gofer_inode *g, bool list, struct hostfile **ret)
{
    bool direct = gofer_super_of(g)->direct;
    while (!g->handle || (list && !g->dir_readable)) {
        struct gofer_inode *a = g;
        while (direct && !a->handle && a->parent && !a->parent->handle)
            a = a->parent;
        if (!a->handle && !a->parent && !gofer_is_root(a))
            return -ENOENT; /* removed */
        int r = dir_open(a, list && a == g);
        if (r < 0)
            return r;
    }
    lru_touch(g);
    *ret = hostfile_ref(g->handle);
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
    if (!g->parent && !gofer_is_root(g))
        return -ENOENT;
    if (g->parent && gofer_super_of(g)->direct) {
        int r = gofer_dir_handle(g->parent, false, &dir);
        if (r < 0)
            return r;
        int fd = host_openat(hostfile_fd(dir), g->name,
                             (write ? O_RDWR : O_RDONLY) | O_NONBLOCK | OPEN_ALWAYS, 0);
        hostfile_unref(dir);
        if (fd != -EACCES)
            return adopt(fd, ret);
    }
    return gofer_ask_open(g, NULL, GOFER_OPEN_READ | (write ? GOFER_OPEN_WRITE : 0u), ret);
}

int gofer_file_handle(struct gofer_inode *g, bool write, struct hostfile **ret)
{
    struct hostfile **slot = write ? &g->whandle : &g->handle, *h;
    if (!write && !g->handle && g->whandle && !g->parent)
        slot = &g->whandle; /* it has no name any more */
    if (*slot) {
        *ret = hostfile_ref(*slot);
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
    if (write) {
        hostfile_unref(g->whandle);
        g->whandle = h;
    } else {
        handle_set(g, h, false);
    }
    *ret = hostfile_ref(h);
    return 0;
}
