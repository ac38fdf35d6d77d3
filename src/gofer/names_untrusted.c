/* Requests that change directories. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>

#include "gofer/serve_priv.h"

/* A name that was just made gets owner and mode, whatever the host gave it (a setgid directory's group). */
int owner_fix(struct server *s, int dir, const char *name, int fd)
{
    const struct gofer_query *q = &s->request.q;
    struct stat st;
    int at = fd >= 0 ? fd : dir;
    const char *what = fd >= 0 ? "" : name;
    int empty = AT_SYMLINK_NOFOLLOW | (fd >= 0 ? AT_EMPTY_PATH : 0);
    int r = host_newfstatat(at, what, &st, empty);
    if (r < 0)
        return r;
    if (st.st_uid != q->uid || st.st_gid != q->gid)
        r = host_fchownat(at, what, q->uid, q->gid, empty);
    uint32_t mode = q->mode & 07777;
    if (r == 0 && !S_ISLNK(st.st_mode) && ((st.st_mode & 07777) != mode || (mode & 06000)))
        r = fd >= 0 ? host_fchmod(fd, mode) : mode_set(s, dir, name, mode);
    if (r == 0)
        r = host_newfstatat(at, what, &st, empty);
    if (r == 0)
        attr_add(s, &st);
    return r;
}

int do_create(struct server *s)
{
    const char *name;
    int dir = parent_open(s, &s->request.path, &name);
    if (dir < 0)
        return dir;
    struct open_how how = {.flags = O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC,
                           .mode = s->request.q.mode & 0777,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = host_openat2(dir, name, &how, sizeof how);
    int r = fd < 0 ? fd : owner_fix(s, dir, name, fd);
    if (r < 0 && fd >= 0) {
        (void)!host_unlinkat(dir, name, 0);
        (void)!host_close(fd);
    }
    (void)!host_close(dir);
    return r < 0 ? r : fd;
}

int do_tmpfile(struct server *s)
{
    int dir = path_open(s, &s->request.path, O_PATH | O_DIRECTORY);
    if (dir < 0)
        return dir;
    struct open_how how = {.flags = O_TMPFILE | O_RDWR | O_CLOEXEC,
                           .mode = s->request.q.mode & 0777,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = host_openat2(dir, ".", &how, sizeof how);
    int r = fd < 0 ? fd : owner_fix(s, dir, ".", fd);
    if (r < 0 && fd >= 0)
        (void)!host_close(fd);
    (void)!host_close(dir);
    return r < 0 ? r : fd;
}

/* The kinds of name without a descriptor. I3 */
static int name_make(const struct server *s, int dir, const char *name)
{
    const struct gofer_query *q = &s->request.q;
    char target[4096];
    switch (q->op) {
    case GOFER_MKDIR: return host_mkdirat(dir, name, q->mode & 0777);
    case GOFER_MKNOD:
        if (!S_ISREG(q->mode) && !S_ISFIFO(q->mode) && !S_ISSOCK(q->mode))
            return -EPERM;
        return host_mknodat(dir, name, q->mode & (S_IFMT | 0777), 0);
    default:
        memcpy(target, q->data, q->data_len);
        target[q->data_len] = 0;
        return host_symlinkat(target, dir, name);
    }
}

int do_make(struct server *s)
{
    const char *name;
    int dir = parent_open(s, &s->request.path, &name);
    if (dir < 0)
        return dir;
    int r = name_make(s, dir, name);
    if (r == 0) {
        r = owner_fix(s, dir, name, -1);
        if (r < 0)
            (void)!host_unlinkat(dir, name, s->request.q.op == GOFER_MKDIR ? AT_REMOVEDIR : 0);
    }
    (void)!host_close(dir);
    return r;
}

int do_link(struct server *s)
{
    const char *from_name = "", *name;
    bool attached = s->request.q.flags & GOFER_ATTACHED;
    int from = attached ? object_open(s, 0) : parent_open(s, &s->request.path, &from_name);
    if (from < 0)
        return from;
    int dir = parent_open(s, &s->request.to, &name);
    int r = dir < 0 ? dir : host_linkat(from, from_name, dir, name, attached ? AT_EMPTY_PATH : 0);
    if (r == 0) {
        struct stat st;
        if (host_newfstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            attr_add(s, &st);
    }
    if (dir >= 0)
        (void)!host_close(dir);
    fd_done(s, from);
    return r;
}

int do_unlink(struct server *s)
{
    const char *name;
    int dir = parent_open(s, &s->request.path, &name);
    if (dir < 0)
        return dir;
    int r = host_unlinkat(dir, name, s->request.q.flags & GOFER_UNLINK_DIR ? AT_REMOVEDIR : 0);
    (void)!host_close(dir);
    return r;
}

int do_rename(struct server *s)
{
    static_assert(GOFER_RENAME_NOREPLACE == RENAME_NOREPLACE &&
                      GOFER_RENAME_EXCHANGE == RENAME_EXCHANGE,
                  "the host's numbers");
    const char *from_name, *name;
    int from = parent_open(s, &s->request.path, &from_name);
    if (from < 0)
        return from;
    int dir = parent_open(s, &s->request.to, &name);
    int r = dir < 0 ? dir : host_renameat2(from, from_name, dir, name, s->request.q.flags);
    if (dir >= 0)
        (void)!host_close(dir);
    (void)!host_close(from);
    return r;
}
