/* open, close, dup and their families. */
#include "sentry/syscalls/fs_priv.h"
#include "sentry/vfs/open.h"

#include <string.h>

#define OPEN_FLAGS                                                                                 \
    (LINUX_O_ACCMODE | LINUX_O_CREAT | LINUX_O_EXCL | LINUX_O_NOCTTY | LINUX_O_TRUNC |             \
     LINUX_O_APPEND | LINUX_O_NONBLOCK | LINUX_O_DSYNC | LINUX_FASYNC | LINUX_O_DIRECT |           \
     LINUX_O_LARGEFILE | LINUX_O_DIRECTORY | LINUX_O_NOFOLLOW | LINUX_O_NOATIME |                  \
     LINUX_O_CLOEXEC | LINUX_O_SYNC | LINUX_O_PATH | LINUX_O_TMPFILE)
#define RESOLVE_FLAGS                                                                              \
    (LINUX_RESOLVE_NO_XDEV | LINUX_RESOLVE_NO_MAGICLINKS | LINUX_RESOLVE_NO_SYMLINKS |             \
     LINUX_RESOLVE_BENEATH | LINUX_RESOLVE_IN_ROOT | LINUX_RESOLVE_CACHED)

static int64_t do_open(struct task *t, int dirfd, struct uaddr name, uint32_t flags, uint32_t mode,
                       uint32_t walk)
{
    AUTO(pathbuf) char *path = NULL;
    int r = open_flags_check(&flags);
    if (r == 0)
        r = path_copy_in(t, name, false, &path);
    if (r == 0)
        r = fd_check_free(t);
    struct file *f;
    if (r == 0)
        r = file_open_walk(t, dirfd, path, flags, mode, walk, &f);
    if (r != 0)
        return r;
    return fd_install(t, f, flags & LINUX_O_CLOEXEC);
}

int64_t sys_open(struct task *t, const struct sys_args *a)
{
    return do_open(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), arg_uint(a, 1) & OPEN_FLAGS, arg_uint(a, 2),
                   0);
}

int64_t sys_openat(struct task *t, const struct sys_args *a)
{
    return do_open(t, arg_int(a, 0), arg_uaddr(a, 1), arg_uint(a, 2) & OPEN_FLAGS, arg_uint(a, 3),
                   0);
}

int64_t sys_creat(struct task *t, const struct sys_args *a)
{
    return do_open(t, LINUX_AT_FDCWD, arg_uaddr(a, 0),
                   LINUX_O_CREAT | LINUX_O_WRONLY | LINUX_O_TRUNC, arg_uint(a, 1), 0);
}

/* A struct that may be longer than ours if the rest is zero. */
static int how_copy_in(struct task *t, struct uaddr src, uint64_t size, struct linux_open_how *ret)
{
    if (size < LINUX_OPEN_HOW_SIZE_VER0)
        return -EINVAL;
    if (size > LINUX_PAGE_SIZE)
        return -E2BIG;
    int r = copy_in(t, ret, src, sizeof(*ret));
    for (uint64_t off = sizeof(*ret); r == 0 && off < size; off += 64) {
        uint8_t rest[64];
        size_t n = MIN(size - off, sizeof(rest));
        r = copy_in(t, rest, uaddr_plus(src, off), n);
        for (size_t i = 0; r == 0 && i < n; i++)
            if (rest[i])
                r = -E2BIG;
    }
    return r;
}

static int how_check(const struct linux_open_how *how)
{
    if ((how->flags & ~(uint64_t)OPEN_FLAGS) || (how->resolve & ~(uint64_t)RESOLVE_FLAGS))
        return -EINVAL;
    if ((how->resolve & LINUX_RESOLVE_BENEATH) && (how->resolve & LINUX_RESOLVE_IN_ROOT))
        return -EINVAL;
    bool makes =
        (how->flags & LINUX_O_CREAT) || (how->flags & LINUX_O_TMPFILE & ~LINUX_O_DIRECTORY);
    if (makes ? (how->mode & ~(uint64_t)LINUX_S_IALLUGO) != 0 : how->mode != 0)
        return -EINVAL;
    if ((how->flags & LINUX_O_PATH) &&
        (how->flags &
         ~(uint64_t)(LINUX_O_PATH | LINUX_O_DIRECTORY | LINUX_O_NOFOLLOW | LINUX_O_CLOEXEC)))
        return -EINVAL;
    /* Whether a walk needs the disk is not known before it is done; Linux allows -EAGAIN always. */
    return how->resolve & LINUX_RESOLVE_CACHED ? -EAGAIN : 0;
}

int64_t sys_openat2(struct task *t, const struct sys_args *a)
{
    struct linux_open_how how;
    int r = how_copy_in(t, arg_uaddr(a, 2), a->arg[3], &how);
    if (r == 0)
        r = how_check(&how);
    if (r != 0)
        return r;
    static const struct {
        uint32_t resolve, walk;
    } map[] = {
        {LINUX_RESOLVE_NO_XDEV, WALK_NO_XDEV},
        {LINUX_RESOLVE_NO_MAGICLINKS, WALK_NO_MAGICLINKS},
        {LINUX_RESOLVE_BENEATH, WALK_BENEATH},
        {LINUX_RESOLVE_NO_SYMLINKS, WALK_NO_SYMLINKS | WALK_NO_MAGICLINKS},
        {LINUX_RESOLVE_IN_ROOT, WALK_IN_ROOT},
    };
    uint32_t walk = 0;
    for (size_t i = 0; i < ARRAY_SIZE(map); i++)
        if (how.resolve & map[i].resolve)
            walk |= map[i].walk;
    return do_open(t, arg_int(a, 0), arg_uaddr(a, 1), (uint32_t)how.flags, (uint32_t)how.mode,
                   walk);
}

int64_t sys_close(struct task *t, const struct sys_args *a) { return fd_close(t, arg_int(a, 0)); }

int64_t sys_close_range(struct task *t, const struct sys_args *a)
{
    uint32_t first = arg_uint(a, 0), last = arg_uint(a, 1), flags = arg_uint(a, 2);
    if ((flags & ~(LINUX_CLOSE_RANGE_UNSHARE | LINUX_CLOSE_RANGE_CLOEXEC)) || first > last)
        return -EINVAL;
    if ((flags & LINUX_CLOSE_RANGE_UNSHARE) && fdtable_refs(t->files) > 1) {
        struct fdtable *own = fdtable_dup(t->files);
        if (!own)
            return -ENOMEM;
        fdtable_unref(t->files);
        t->files = own;
    }
    int fd = first > INT32_MAX ? -1 : fdtable_next(t->files, (int)first, NULL);
    for (; fd >= 0 && (uint32_t)fd <= last; fd = fdtable_next(t->files, fd + 1, NULL)) {
        if (flags & LINUX_CLOSE_RANGE_CLOEXEC)
            fd_set_cloexec(t, fd, true);
        else
            (void)fd_close(t, fd);
    }
    return 0;
}

int64_t sys_dup(struct task *t, const struct sys_args *a)
{
    struct file *f = fd_get(t, arg_int(a, 0));
    return f ? fd_install(t, f, false) : -EBADF;
}

static int64_t dup_to(struct task *t, int from, int to, bool cloexec)
{
    struct file *f = fd_get(t, from);
    return f ? fd_install_at(t, f, cloexec, to) : -EBADF;
}

int64_t sys_dup2(struct task *t, const struct sys_args *a)
{
    int from = arg_int(a, 0), to = arg_int(a, 1);
    if (from == to) {
        AUTO(file) struct file *f = fd_get(t, from);
        return f ? to : -EBADF;
    }
    return dup_to(t, from, to, false);
}

int64_t sys_dup3(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 2);
    if ((flags & ~LINUX_O_CLOEXEC) || arg_int(a, 0) == arg_int(a, 1))
        return -EINVAL;
    return dup_to(t, arg_int(a, 0), arg_int(a, 1), flags & LINUX_O_CLOEXEC);
}
