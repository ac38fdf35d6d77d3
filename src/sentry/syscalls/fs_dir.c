/* Directories: reading them, the working directory, the root, umask. */
#include "abi/capability.h"
#include "abi/dirent.h"
#include "sentry/arena/arena.h"
#include "sentry/ns/user_ns.h"
#include "sentry/syscalls/fs_priv.h"

#include <string.h>

#define DIR_BUF_MAX 32768u

struct dirent_ctx {
    struct dir_ctx ctx;
    char *buf;
    uint32_t size, used;
    bool old_format; /* getdents: the type is the record's last byte */
    bool too_small;
};

static bool dirent_emit(struct dir_ctx *c, const char *name, size_t len, uint64_t ino,
                        uint32_t dt_type, int64_t next_pos)
{
    struct dirent_ctx *d = container_of(c, struct dirent_ctx, ctx);
    size_t need = d->old_format ? LINUX_DIRENT_HEADER + len + 2 : LINUX_DIRENT64_HEADER + len + 1;
    need = ALIGN_UP(need, 8);
    if (need > d->size - d->used) {
        d->too_small = d->used == 0;
        return false;
    }
    char *p = d->buf + d->used;
    memset(p + need - 16, 0, 16); /* what the name does not fill is less than that */
    if (d->old_format) {
        struct linux_dirent h = {
            .d_ino = ino, .d_off = (uint64_t)next_pos, .d_reclen = (uint16_t)need};
        memcpy(p, &h, LINUX_DIRENT_HEADER);
        memcpy(p + LINUX_DIRENT_HEADER, name, len);
        p[need - 1] = (char)dt_type;
    } else {
        struct linux_dirent64 h = {.d_ino = ino,
                                   .d_off = next_pos,
                                   .d_reclen = (uint16_t)need,
                                   .d_type = (uint8_t)dt_type};
        memcpy(p, &h, LINUX_DIRENT64_HEADER);
        memcpy(p + LINUX_DIRENT64_HEADER, name, len);
    }
    d->used += (uint32_t)need;
    return true;
}

/* The reader's buffer ends early: the records that fit whole count. Their ends are positions to go on from. */
static int64_t dirents_out(struct task *t, struct uaddr dst, const struct dirent_ctx *d,
                           int64_t *pos)
{
    ssize_t n = copy_out_some(t, dst, d->buf, d->used);
    uint32_t end = 0;
    if (n == (ssize_t)d->used)
        return n;
    for (;;) {
        struct linux_dirent64 h; /* both formats begin alike */
        memcpy(&h, d->buf + end, LINUX_DIRENT_HEADER);
        if ((ssize_t)end + h.d_reclen > n)
            break;
        end += h.d_reclen;
        *pos = h.d_off;
    }
    return end ? (int64_t)end : -EFAULT;
}

static int64_t read_dir(struct task *t, const struct sys_args *a, bool old_format)
{
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    if (!f)
        return -EBADF;
    if (!LINUX_S_ISDIR(f->inode->mode) || !f->ops->readdir)
        return -ENOTDIR;
    if (f->inode->nlink == 0)
        return -ENOENT;
    struct dirent_ctx d = {
        .ctx = {.emit = dirent_emit, .pos = f->pos},
        .size = arg_int(a, 2) < 0
                    ? 0
                    : MIN(arg_uint(a, 2), DIR_BUF_MAX), /* a negative number has no room */
        .old_format = old_format,
    };
    uint32_t alloc = MAX(d.size, 512u);
    d.buf = arena_scratch(alloc);
    if (!d.buf)
        return -ENOMEM;
    int64_t r = f->ops->readdir(f, &d.ctx);
    if (d.used > 0)
        r = dirents_out(t, arg_uaddr(a, 1), &d, &d.ctx.pos);
    else if (r >= 0)
        r = d.too_small ? -EINVAL : 0;
    if (r >= 0)
        f->pos = d.ctx.pos;
    arena_free(d.buf, alloc);
    if (r >= 0)
        notify_file(f, LINUX_IN_ACCESS);
    if (r >= 0 && !(f->flags & LINUX_O_NOATIME))
        path_accessed(&f->path);
    return r;
}

int64_t sys_getdents64(struct task *t, const struct sys_args *a) { return read_dir(t, a, false); }
int64_t sys_getdents(struct task *t, const struct sys_args *a) { return read_dir(t, a, true); }

int64_t sys_getcwd(struct task *t, const struct sys_args *a)
{
    const struct path *cwd = t->fs->cwd;
    if (!dentry_is_root(cwd->dentry) && !cwd->dentry->hashed && cwd->dentry->inode->nlink == 0)
        return -ENOENT;
    char *buf = path_buf_new();
    if (!buf)
        return -ENOMEM;
    int64_t len = path_format(t, cwd, buf, LINUX_PATH_MAX);
    if (len >= 0)
        len++;
    if (len > 0 && (uint64_t)len > a->arg[1])
        len = -ERANGE;
    if (len > 0 && copy_out(t, arg_uaddr(a, 0), buf, (size_t)len) < 0)
        len = -EFAULT;
    path_buf_free(buf);
    return len;
}

static void path_replace(struct path *where, const struct path *with)
{
    struct path old = *where;
    *where = path_ref(with);
    path_unref(&old);
}

static int64_t enter(struct task *t, const struct path *p)
{
    int r = inode_permission(p->dentry->inode, MAY_EXEC, t->cred);
    if (r == 0)
        path_replace(t->fs->cwd, p);
    return r;
}

int64_t sys_chdir(struct task *t, const struct sys_args *a)
{
    AUTO(walk) struct walk w = {0};
    int r = fs_walk_user(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), WALK_DIRECTORY, &w);
    return r < 0 ? r : enter(t, &w.path);
}

int64_t sys_fchdir(struct task *t, const struct sys_args *a)
{
    AUTO(file) struct file *f = fd_get(t, arg_int(a, 0));
    if (!f)
        return -EBADF;
    return LINUX_S_ISDIR(f->inode->mode) ? enter(t, &f->path) : -ENOTDIR;
}

int64_t sys_chroot(struct task *t, const struct sys_args *a)
{
    AUTO(walk) struct walk w = {0};
    int r = fs_walk_user(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), WALK_DIRECTORY, &w);
    if (r == 0)
        r = inode_permission(w.path.dentry->inode, MAY_EXEC, t->cred);
    if (r == 0 && !task_own_capable(t, LINUX_CAP_SYS_CHROOT))
        r = -EPERM;
    if (r == 0)
        path_replace(t->fs->root, &w.path);
    return r;
}

int64_t sys_umask(struct task *t, const struct sys_args *a)
{
    uint32_t old = t->fs->umask;
    t->fs->umask = arg_uint(a, 0) & 0777;
    return old;
}
