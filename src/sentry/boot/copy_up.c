/* sentry/boot/copy_up.c - tmpcopyup: what the image has where a tmpfs is mounted is copied into it.
 *
 * Owner    a job holds both of its paths. Directories wait in a list, so that depth costs no stack.
 */
#include <errno.h>
#include <string.h>

#include "abi/fcntl.h"
#include "abi/limits.h"
#include "abi/stat.h"
#include "sentry/arena/arena.h"
#include "sentry/boot/boot_priv.h"
#include "sentry/syscalls/fs_priv.h"
#include "sentry/task/task.h"
#include "sentry/vfs/vfs_priv.h"

#define CHUNK      65536u
#define NAMES_SIZE 32768u

struct job {
    struct job *next;
    struct path from, to; /* directories */
};

static void job_free(struct job *j)
{
    path_unref(&j->from);
    path_unref(&j->to);
    arena_free(j, sizeof(*j));
}

static int job_add(struct job **list, const struct path *from, const struct path *to)
{
    struct job *j = arena_alloc(sizeof(*j));
    if (!j)
        return -ENOMEM;
    j->from = *from;
    j->to = *to;
    path_ref(&j->from);
    path_ref(&j->to);
    j->next = *list;
    *list = j;
    return 0;
}

/* Names of a directory, each with its NUL. */
struct names {
    struct dir_ctx c;
    char *buf;
    size_t used;
};

static bool names_emit(struct dir_ctx *c, const char *name, size_t len, uint64_t ino,
                       uint32_t dt_type, int64_t next_pos)
{
    struct names *n = container_of(c, struct names, c);
    if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
        return true;
    if (n->used + len + 1 > NAMES_SIZE)
        return false;
    memcpy(n->buf + n->used, name, len);
    n->buf[n->used + len] = 0;
    n->used += len + 1;
    return true;
}

static int data_copy(struct task *t, struct file *from, struct file *to)
{
    uint8_t *buf = arena_alloc(CHUNK);
    int64_t off = 0;
    ssize_t n = buf ? 1 : -ENOMEM;
    while (n > 0 && (n = file_pread_kernel(t, from, buf, CHUNK, off)) > 0) {
        struct uio u;
        int64_t at = off;
        uio_kernel(&u, t, buf, (size_t)n);
        u.positioned = true;
        ssize_t done = to->ops->write ? to->ops->write(to, &u, &at) : -EINVAL;
        if (done <= 0)
            n = done < 0 ? done : -EIO;
        else
            off += done;
    }
    if (buf)
        arena_free(buf, CHUNK);
    return n < 0 ? (int)n : 0;
}

static int file_copy(struct task *t, const struct path *from, const struct path *to)
{
    AUTO(file) struct file *src = NULL;
    AUTO(file) struct file *dst = NULL;
    int err = file_open_path(t, from, LINUX_O_RDONLY, &src);
    err = err ? err : file_open_path(t, to, LINUX_O_WRONLY, &dst);
    return err ? err : data_copy(t, src, dst);
}

static int link_make(struct inode *dir, struct dentry *d, struct inode *from, const struct cred *cr)
{
    char *text = path_buf_new();
    ssize_t n = !text                 ? -ENOMEM
                : from->ops->readlink ? from->ops->readlink(from, text, LINUX_PATH_MAX - 1)
                                      : -EINVAL;
    if (n >= 0) {
        text[n] = 0;
        n = dir->ops->symlink ? dir->ops->symlink(dir, d, text, cr) : -EPERM;
    }
    path_buf_free(text);
    return (int)n;
}

static int node_make(struct task *t, struct inode *dir, struct dentry *d, struct inode *from)
{
    uint32_t mode = from->mode & LINUX_S_IALLUGO;
    if (LINUX_S_ISDIR(from->mode))
        return dir->ops->mkdir(dir, d, mode, t->cred);
    if (LINUX_S_ISREG(from->mode))
        return dir->ops->create(dir, d, mode, t->cred);
    if (LINUX_S_ISLNK(from->mode))
        return link_make(dir, d, from, t->cred);
    return dir->ops->mknod(dir, d, from->mode, from->rdev, t->cred);
}

static int one_copy(struct task *t, const struct job *j, const char *name, struct job **list)
{
    AUTO(walk) struct walk src = {0};
    AUTO(walk) struct walk w = {0};
    AUTO(dentry) struct dentry *d = NULL;
    int err = walk_from(t, &j->from, name, WALK_NOFOLLOW, &src);
    err = err ? err : walk_from(t, &j->to, name, WALK_PARENT, &w);
    err = err ? err : walk_last(&w, &d);
    if (err || d->inode) /* another mount has made it there */
        return err;
    struct inode *from = src.path.dentry->inode;
    err = node_make(t, w.path.dentry->inode, d, from);
    if (err || !d->inode)
        return err;
    const struct path to = {.mnt = w.path.mnt, .dentry = d};
    if (LINUX_S_ISREG(from->mode))
        err = file_copy(t, &src.path, &to);
    const struct iattr a = {.valid =
                                ATTR_UID | ATTR_GID | (LINUX_S_ISLNK(from->mode) ? 0 : ATTR_MODE),
                            .mode = from->mode & LINUX_S_IALLUGO,
                            .uid = from->uid,
                            .gid = from->gid};
    if (!err && d->inode->ops->setattr)
        err = d->inode->ops->setattr(d->inode, &a);
    return !err && LINUX_S_ISDIR(from->mode) ? job_add(list, &src.path, &to) : err;
}

static int dir_copy(struct task *t, const struct job *j, struct job **list)
{
    AUTO(file) struct file *f = NULL;
    struct names n = {.c = {.emit = names_emit}};
    int err = file_open_path(t, &j->from, LINUX_O_RDONLY | LINUX_O_DIRECTORY, &f);
    if (err)
        return err;
    if (!(n.buf = arena_alloc(NAMES_SIZE)))
        return -ENOMEM;
    do {
        n.used = 0;
        err = f->ops->readdir ? f->ops->readdir(f, &n.c) : -ENOTDIR;
        for (size_t at = 0; !err && at < n.used; at += strlen(n.buf + at) + 1)
            err = one_copy(t, j, n.buf + at, list);
    } while (!err && n.used > 0);
    arena_free(n.buf, NAMES_SIZE);
    return err;
}

int boot_copy_up(struct task *t, const char *where)
{
    AUTO(walk) struct walk w = {0};
    struct job *list = NULL;
    int err = walk_at(t, LINUX_AT_FDCWD, where, 0, &w);
    if (err)
        return err;
    const struct mount *m = w.path.mnt;
    if (!m->parent || w.path.dentry != m->root)
        return -EINVAL;
    const struct path under = {.mnt = m->parent, .dentry = m->mountpoint};
    err = job_add(&list, &under, &w.path);
    while (list) {
        struct job *j = list;
        list = j->next;
        if (!err)
            err = dir_copy(t, j, &list);
        job_free(j);
    }
    return err;
}
