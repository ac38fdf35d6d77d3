/* From what a request names to descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "gofer/serve_priv.h"

#define RESOLVE_FLAGS (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
#define TRIES         3

/* I1. The host gives -EAGAIN when something is renamed while it makes sure that ".." is not passed. */
int beneath_open(int dir, const char *path, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC | O_NOFOLLOW, .resolve = RESOLVE_FLAGS};
    int fd = -EAGAIN;
    for (int i = 0; i < TRIES && fd == -EAGAIN; i++)
        fd = host_openat2(dir, path, &how, sizeof how);
    return fd == -EXDEV ? -ELOOP : fd;
}

int path_open(const struct server *s, const struct gofer_path *p, uint64_t flags)
{
    return beneath_open(s->mounts[s->request.q.mount].fd, p->count ? p->text : ".", flags);
}

int parent_open(const struct server *s, const struct gofer_path *p, const char **ret_name)
{
    char dir[GOFER_PATH_BYTES_MAX + 1] = ".";
    if (p->last > 0) {
        memcpy(dir, p->text, p->last - 1);
        dir[p->last - 1] = 0;
    }
    *ret_name = p->text + p->last;
    return beneath_open(s->mounts[s->request.q.mount].fd, dir, O_PATH | O_DIRECTORY);
}

/* Only what was opened below our mounts: the sentry has other descriptors (runsc's stdio), and lacks our capabilities. */
static int attached_check(const struct server *s)
{
    struct statx stx;
    if (s->attached < 0)
        return -EBADF;
    int r = host_statx(s->attached, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
                       STATX_BASIC_STATS | STATX_MNT_ID, &stx);
    if (r < 0)
        return r;
    if (!(stx.stx_mask & STATX_MNT_ID) || (!S_ISREG(stx.stx_mode) && !S_ISDIR(stx.stx_mode)))
        return -EPERM;
    uint64_t id = s->mounts[s->request.q.mount].mount_id;
    return id && stx.stx_mnt_id == id ? 0 : -EPERM;
}

int object_open(const struct server *s, uint64_t flags)
{
    if (s->request.q.flags & GOFER_ATTACHED) {
        int r = attached_check(s);
        return r < 0 ? r : s->attached;
    }
    return path_open(s, &s->request.path, flags);
}

void fd_done(const struct server *s, int fd)
{
    if (fd >= 0 && fd != s->attached)
        (void)!host_close(fd);
}

void attr_add(struct server *s, const struct stat *st)
{
    s->reply.attr[s->reply.attr_count++] = (struct gofer_attr){
        .dev = st->st_dev,
        .ino = st->st_ino,
        .nlink = st->st_nlink,
        .size_bytes = (uint64_t)st->st_size,
        .blocks = (uint64_t)st->st_blocks,
        .mode = st->st_mode,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .blksize = (uint32_t)st->st_blksize,
        .rdev = st->st_rdev,
        .atime_sec = st->st_atim.tv_sec,
        .mtime_sec = st->st_mtim.tv_sec,
        .ctime_sec = st->st_ctim.tv_sec,
        .atime_nsec = (uint32_t)st->st_atim.tv_nsec,
        .mtime_nsec = (uint32_t)st->st_mtim.tv_nsec,
        .ctime_nsec = (uint32_t)st->st_ctim.tv_nsec,
    };
}

int attr_of(struct server *s, int fd)
{
    struct stat st;
    int r = host_fstat(fd, &st);
    if (r == 0)
        attr_add(s, &st);
    return r;
}
