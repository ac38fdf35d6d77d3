/* Changes of a file itself: data, size, mode, owner, times. Only for writable trees (I2). */
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/gofer/gofer_ops.h"
#include "sentry/io/worker.h"
#include "sentry/mm/uio.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/vfs_priv.h"
#include "wire/gofer.h"

#include <fcntl.h>
#include <sys/uio.h>

#define BUF_FAST 4096u

/* As read_host: what the page cache takes at once, else with the lock dropped. */
static ssize_t write_host(struct gofer_inode *g, void *buf, size_t n, int64_t pos, bool append)
{
    struct gofer_super *gs = gofer_super_of(g);
    int fd = hostfile_fd(g->open->whandle), flags = append ? RWF_APPEND : 0;
    struct iovec iov = {buf, n};
    if (!gs->no_nowait_write) {
        ssize_t r = host_pwritev2(fd, &iov, 1, (unsigned long)pos, 0, flags | RWF_NOWAIT);
        if (r == -EOPNOTSUPP)
            gs->no_nowait_write = true;
        else if (r != -EAGAIN)
            return r;
    }
    struct hostfile *h = hostfile_ref(g->open->whandle);
    worker_block_begin();
    ssize_t r = host_pwritev2(fd, &iov, 1, (unsigned long)pos, 0, flags);
    worker_block_end();
    hostfile_unref(h);
    return r;
}

static struct timespec ts_of(int64_t ns, bool set)
{
    if (!set)
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    int64_t sec = ns / NSEC_PER_SEC, rest = ns % NSEC_PER_SEC;
    if (rest < 0) {
        rest += NSEC_PER_SEC;
        sec--;
    }
    return (struct timespec){.tv_sec = sec, .tv_nsec = rest};
}

static int set_asking(struct gofer_inode *g, const struct iattr *a, uint32_t valid)
{
    static const struct {
        uint32_t attr, set;
    } map[] = {{ATTR_MODE, GOFER_SET_MODE},
               {ATTR_UID, GOFER_SET_UID},
               {ATTR_GID, GOFER_SET_GID},
               {ATTR_ATIME, GOFER_SET_ATIME},
               {ATTR_MTIME, GOFER_SET_MTIME}};
    struct timespec at = ts_of(a->atime_ns, true), mt = ts_of(a->mtime_ns, true);
    struct gofer_query q = {.op = GOFER_SETATTR};
    int fd;
    for (size_t n = 0; n < ARRAY_SIZE(map); n++)
        q.valid |= valid & map[n].attr ? map[n].set : 0;
    q.mode = valid & ATTR_MODE ? a->mode & LINUX_S_IALLUGO : 0;
    q.uid = valid & ATTR_UID ? a->uid : 0;
    q.gid = valid & ATTR_GID ? a->gid : 0;
    if (valid & ATTR_ATIME) {
        q.atime_sec = at.tv_sec;
        q.atime_nsec = (uint32_t)at.tv_nsec;
    }
    if (valid & ATTR_MTIME) {
        q.mtime_sec = mt.tv_sec;
        q.mtime_nsec = (uint32_t)mt.tv_nsec;
    }
    if ((valid & ATTR_MODE) && LINUX_S_ISLNK(g->vfs.mode))
        return -EOPNOTSUPP;
    int r = gofer_query_object(&q, g, &fd);
    return r < 0 ? r : gofer_ask(gofer_super_of(g), &q, fd, NULL);
}

/* The host takes set-user-ID and set-group-ID bits away from what the sentry changes, for it has no capability; whether the
 * application loses them is the kernel's decision, and it is made elsewhere. True: they were gone. */
static bool keep_suid(struct gofer_inode *g, const struct hostfile *h)
{
    struct stat st;
    uint32_t mode = g->vfs.mode;
    if (!(mode & (LINUX_S_ISUID | LINUX_S_ISGID)) || host_fstat(hostfile_fd(h), &st) < 0 ||
        (st.st_mode & ~(LINUX_S_ISUID | LINUX_S_ISGID)) !=
            (mode & ~(LINUX_S_ISUID | LINUX_S_ISGID)) ||
        st.st_mode == mode)
        return false;
    if (!gofer_there(g) ||
        set_asking(g, &(struct iattr){.valid = ATTR_MODE, .mode = mode}, ATTR_MODE) < 0)
        (void)!host_fchmod(hostfile_fd(h), mode & LINUX_S_IALLUGO);
    return true;
}

/* What is known of the file after n bytes were written; *pos behind them. */
static void wrote(struct gofer_inode *g, int64_t *pos, ssize_t n, bool append)
{
    gofer_mark(g, GOFER_STALE);
    if (append) {
        if (gofer_attr_refresh(g) == 0)
            *pos = (int64_t)g->vfs.size;
        return;
    }
    *pos += n;
    if ((uint64_t)*pos > g->vfs.size)
        g->vfs.size = (uint64_t)*pos;
}

static ssize_t write_with(struct file *f, struct uio *u, int64_t *pos, void *buf, size_t cap)
{
    struct gofer_inode *g = to_gofer(f->inode);
    bool append = file_appends(f, u);
    ssize_t done = 0;
    while (u->resid > 0) {
        struct uio start = *u;
        ssize_t got = uio_get(u, buf, MIN(u->resid, (uint64_t)cap));
        if (got <= 0)
            return done ? done : got;
        ssize_t put = write_host(g, buf, (size_t)got, *pos, append);
        if (put != got) {
            *u = start;
            uio_skip(u, put > 0 ? (size_t)put : 0);
        }
        if (put <= 0)
            return done ? done : gofer_err((int)put);
        (void)keep_suid(g, g->open->whandle);
        wrote(g, pos, put, append);
        done += put;
        if (put < got)
            break;
    }
    return done;
}

ssize_t gofer_file_write(struct file *f, struct uio *u, int64_t *pos)
{
    uint8_t fast[BUF_FAST];
    if (!GOFER_OPEN(to_gofer(f->inode), whandle))
        return -EBADF;
    if (u->resid <= sizeof(fast))
        return write_with(f, u, pos, fast, sizeof(fast));
    void *buf = gofer_buf_get();
    if (!buf)
        return -ENOMEM;
    ssize_t r = write_with(f, u, pos, buf, GOFER_BUF_SIZE);
    gofer_buf_put(buf);
    return r;
}

int gofer_file_fsync(struct file *f, bool data_only)
{
    struct gofer_inode *g = to_gofer(f->inode);
    struct hostfile *h = NULL;
    if (!gofer_super_of(g)->writable || gofer_is(g, GOFER_SYNTHETIC))
        return 0; /* nothing of it was changed here */
    int r = 0;
    if (LINUX_S_ISDIR(g->vfs.mode))
        r = gofer_dir_handle(g, true, &h);
    else if (!GOFER_OPEN(g, whandle) && !f->priv)
        return 0; /* access mode 3, and nobody has written */
    else
        h = hostfile_ref(g->open->whandle ? g->open->whandle : f->priv);
    if (r < 0)
        return r;
    int fd = hostfile_fd(h);
    worker_block_begin();
    r = data_only ? host_fdatasync(fd) : host_fsync(fd);
    worker_block_end();
    hostfile_unref(h);
    return gofer_err(r);
}

int gofer_file_fallocate(struct file *f, uint32_t mode, int64_t off, int64_t len)
{
    struct gofer_inode *g = to_gofer(f->inode);
    if (!GOFER_OPEN(g, whandle))
        return -EBADF;
    struct hostfile *h = hostfile_ref(g->open->whandle);
    int fd = hostfile_fd(h);
    worker_block_begin();
    int r = host_fallocate(fd, (int)mode, off, len);
    worker_block_end();
    (void)keep_suid(g, h); /* even if it did nothing: some file systems take the bits first */
    hostfile_unref(h);
    if (r < 0)
        return gofer_err(r);
    return gofer_attr_refresh(g);
}

/* ---- attributes ---- */

static int set_size(struct gofer_inode *g, uint64_t size)
{
    struct hostfile *h;
    if (!LINUX_S_ISREG(g->vfs.mode))
        return -EINVAL;
    int r = gofer_file_handle(g, true, &h);
    if (r < 0)
        return r;
    r = gofer_err(host_ftruncate(hostfile_fd(h), (off_t)size));
    if (r == 0)
        (void)keep_suid(g, h);
    hostfile_unref(h);
    if (!GOFER_OPEN(g, writers))
        (void)!gofer_whandle_set(g, NULL);
    return r;
}

/* How attributes reach g: by name below *ret_dir, or, without a name, as the descriptor itself (*ret_name ""). */
static int attr_target(struct gofer_inode *g, struct hostfile **ret, const char **ret_name)
{
    gofer_alias_find(g);
    *ret_name = g->at ? dentry_name(g->at) : "";
    if (g->at)
        return gofer_dir_handle(gofer_parent(g), false, ret);
    if (GOFER_OPEN(g, whandle)) {
        *ret = hostfile_ref(g->open->whandle);
        return 0;
    }
    if (LINUX_S_ISDIR(g->vfs.mode))
        return gofer_dir_handle(g, true, ret);
    if (!GOFER_OPEN(g, handle))
        return -ENOENT;
    *ret = hostfile_ref(g->open->handle);
    return 0;
}

static int set_mode(const struct gofer_inode *g, int fd, const char *name, uint32_t mode)
{
    if (LINUX_S_ISLNK(g->vfs.mode))
        return -EOPNOTSUPP;
    return name[0] ? host_fchmodat(fd, name, mode) : host_fchmod(fd, mode);
}

static int set_owner(const struct gofer_inode *g, int fd, const char *name, const struct iattr *a)
{
    uid_t uid = (a->valid & ATTR_UID) && a->uid != g->vfs.uid ? a->uid : (uid_t)-1;
    gid_t gid = (a->valid & ATTR_GID) && a->gid != g->vfs.gid ? a->gid : (gid_t)-1;
    if (uid == (uid_t)-1 && gid == (gid_t)-1)
        return 0;
    return host_fchownat(fd, name, uid, gid, AT_SYMLINK_NOFOLLOW | (name[0] ? 0 : AT_EMPTY_PATH));
}

static int set_times(int fd, const char *name, const struct iattr *a)
{
    struct timespec ts[2] = {ts_of(a->atime_ns, a->valid & ATTR_ATIME),
                             ts_of(a->mtime_ns, a->valid & ATTR_MTIME)};
    return host_utimensat(fd, name, ts, AT_SYMLINK_NOFOLLOW | (name[0] ? 0 : AT_EMPTY_PATH));
}

#define ATTR_NAMED (ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME)

/* As user 0 without capabilities. */
static int set_directly(struct gofer_inode *g, const struct iattr *a, uint32_t valid)
{
    struct hostfile *h;
    const char *name;
    int r = attr_target(g, &h, &name);
    if (r < 0)
        return r;
    int fd = hostfile_fd(h);
    if (valid & (ATTR_UID | ATTR_GID))
        r = set_owner(g, fd, name, a);
    if (r == 0 && (valid & ATTR_MODE)) /* after the owner: a change of owner takes suid away */
        r = set_mode(g, fd, name, a->mode);
    if (r == 0 && (valid & (ATTR_ATIME | ATTR_MTIME)))
        r = set_times(fd, name, a);
    hostfile_unref(h);
    return r;
}

/* The host takes S_ISGID away, without a word, from who is not in the group: then the gofer is asked at once. */
static int set_named(struct gofer_inode *g, const struct iattr *a, uint32_t valid)
{
    bool group = ((valid & ATTR_MODE) && (a->mode & LINUX_S_ISGID)) ||
                 ((valid & (ATTR_UID | ATTR_GID)) && (g->vfs.mode & LINUX_S_ISGID));
    if (gofer_super_of(g)->direct && !(group && gofer_there(g))) {
        int r = set_directly(g, a, valid);
        if ((r != -EPERM && r != -EACCES) || !gofer_there(g))
            return gofer_err(r);
    }
    return set_asking(g, a, valid);
}

int gofer_setattr(struct inode *i, const struct iattr *a)
{
    struct gofer_inode *g = to_gofer(i);
    int r = a->valid & ATTR_SIZE ? set_size(g, a->size) : 0;
    if (r < 0)
        return r;
    /* Times of now come with a change of size by themselves. */
    uint32_t valid = a->valid & ATTR_NAMED;
    if (a->valid & ATTR_SIZE)
        valid &= ~(uint32_t)(ATTR_ATIME | ATTR_MTIME);
    if (valid && !g->at && !g->vfs.nlink && !gofer_any_handle(g)) {
        inode_apply_attr(
            i, a); /* its last name is gone, and the host has no descriptor of it for us */
        return 0;
    }
    if (valid)
        r = set_named(g, a, valid);
    gofer_mark(g, GOFER_STALE);
    return r < 0 ? r : gofer_attr_refresh(g);
}
