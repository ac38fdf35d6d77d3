#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "abi/fcntl.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/tmpfs/tmpfs_priv.h"
#include "sentry/io/hostfile.h"

#define BOUNCE 65536u

static uint64_t pages(uint64_t bytes) { return DIV_ROUND_UP(bytes, GUEST_PAGE_SIZE); }

void tmpfs_reg_free(struct tmpfs_inode *r)
{
    if (r->reg.mem)
        arena_free(r->reg.mem, r->reg.cap);
    hostfile_unref(r->reg.host);
}

static int write_all(struct hostfile *h, const uint8_t *p, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t w = host_pwrite64(hostfile_fd(h), p + done, n - done, (off_t)done);
        if (w == -EINTR)
            continue;
        if (w <= 0)
            return w < 0 ? (int)w : -EIO;
        done += (size_t)w;
    }
    return 0;
}

/* From the arena to a memfd; for good. */
static int to_host(struct tmpfs_inode *r)
{
    if (r->reg.host)
        return 0;
    struct hostfile *h;
    int err = hostfile_new_memfd("tmpfs", &h);
    if (err)
        return err;
    int t = host_ftruncate(hostfile_fd(h), (off_t)r->vfs.size);
    err = t < 0 ? t : write_all(h, r->reg.mem, r->vfs.size);
    if (err) {
        hostfile_unref(h);
        return err;
    }
    if (r->reg.mem)
        arena_free(r->reg.mem, r->reg.cap);
    r->reg.mem = NULL;
    r->reg.cap = 0;
    r->reg.host = h;
    return 0;
}

/* Room for size bytes in a memfd, or in the arena: when small, or when the host has no more descriptors. */
static int reserve(struct tmpfs_inode *r, uint64_t size)
{
    if (r->reg.host || size <= r->reg.cap)
        return 0;
    if (size > TMPFS_MEM_MAX) {
        int err = to_host(r);
        if (err != -ENFILE || size > TMPFS_MEM_LAST)
            return err;
    }
    size_t cap = r->reg.cap ? r->reg.cap : 64;
    while (cap < size)
        cap *= 2;
    uint8_t *p = arena_realloc(r->reg.mem, r->reg.cap, cap);
    if (!p)
        return -ENOMEM;
    r->reg.mem = p;
    r->reg.cap = cap;
    return 0;
}

int tmpfs_reg_resize(struct tmpfs_inode *r, uint64_t size)
{
    uint64_t old = r->vfs.size;
    if (size > old && r->charged_pages < pages(size) && tmpfs_s(r->vfs.sb)->max_pages &&
        r->reg.host == NULL && size <= TMPFS_MEM_MAX) {
        int err = tmpfs_charge(&r->vfs, pages(size));
        if (err)
            return err;
    }
    int err = size > old ? reserve(r, size) : 0;
    if (err)
        return err;
    if (r->reg.host) {
        int t = host_ftruncate(hostfile_fd(r->reg.host), (off_t)size);
        if (t < 0)
            return t == -EINVAL ? -EFBIG : t;
    } else if (size < old) {
        memset(r->reg.mem + size, 0, old - size);
        if (size == 0 && r->reg.mem) {
            arena_free(r->reg.mem, r->reg.cap);
            r->reg.mem = NULL;
            r->reg.cap = 0;
        }
    }
    r->vfs.size = size;
    if (size < old && r->charged_pages > pages(size))
        return tmpfs_charge(&r->vfs, pages(size));
    return 0;
}

void tmpfs_reg_stat(struct tmpfs_inode *r, struct kstat *ret)
{
    struct stat st;
    if (!r->reg.host)
        ret->blocks = pages(r->vfs.size) * 8;
    else if (host_fstat(hostfile_fd(r->reg.host), &st) == 0)
        ret->blocks = (uint64_t)st.st_blocks;
}

/* Moves n bytes at off between the memfd and u. Bytes, or -errno if none. */
static ssize_t host_move(struct hostfile *h, struct uio *u, int64_t off, size_t n, bool out)
{
    size_t cap = MIN((size_t)ALIGN_UP(n, GUEST_PAGE_SIZE), (size_t)BOUNCE);
    uint8_t *buf = arena_alloc(cap);
    if (!buf)
        return -ENOMEM;
    ssize_t done = 0, r = 0;
    while ((size_t)done < n) {
        size_t k = MIN(n - (size_t)done, cap);
        if (out) {
            r = uio_get(u, buf, k);
            if (r > 0)
                r = host_pwrite64(hostfile_fd(h), buf, (size_t)r, off + done);
        } else {
            r = host_pread64(hostfile_fd(h), buf, k, off + done);
            if (r > 0)
                r = uio_put(u, buf, (size_t)r);
        }
        if (r <= 0)
            break;
        done += r;
        if ((size_t)r < k)
            break;
    }
    arena_free(buf, cap);
    return done ? done : r;
}

static ssize_t reg_read(struct file *f, struct uio *u, int64_t *pos)
{
    struct tmpfs_inode *r = tmpfs_i(f->inode);
    if ((uint64_t)*pos >= r->vfs.size)
        return 0;
    size_t n = (size_t)MIN(u->resid, r->vfs.size - (uint64_t)*pos);
    ssize_t got =
        r->reg.host ? host_move(r->reg.host, u, *pos, n, false) : uio_put(u, r->reg.mem + *pos, n);
    if (got > 0)
        *pos += got;
    return got;
}

static ssize_t reg_write(struct file *f, struct uio *u, int64_t *pos)
{
    struct tmpfs_inode *r = tmpfs_i(f->inode);
    if ((f->flags & LINUX_O_APPEND) || u->append)
        *pos = (int64_t)r->vfs.size;
    uint64_t at = (uint64_t)*pos, n = u->resid, end;
    if (!n)
        return 0;
    int sealed = tmpfs_seal_write(r, at, &n);
    if (sealed)
        return sealed;
    if (__builtin_add_overflow(at, n, &end) || end > INT64_MAX)
        return -EFBIG;
    struct tmpfs_sb *s = tmpfs_s(r->vfs.sb);
    if (s->max_pages && pages(end) > r->charged_pages && tmpfs_charge(&r->vfs, pages(end))) {
        /* As much as fits. */
        uint64_t left = s->used_pages < s->max_pages ? s->max_pages - s->used_pages : 0;
        uint64_t room = (r->charged_pages + left) * GUEST_PAGE_SIZE;
        if (room <= at)
            return -ENOSPC;
        n = MIN(n, room - at);
        end = at + n;
        int err = tmpfs_charge(&r->vfs, pages(end));
        if (err)
            return err;
    }
    int err = reserve(r, end);
    if (err)
        return err;
    ssize_t got = r->reg.host ? host_move(r->reg.host, u, *pos, (size_t)n, true)
                              : uio_get(u, r->reg.mem + at, (size_t)n);
    if (got > 0) {
        inode_touch(&r->vfs, ATTR_MTIME | ATTR_CTIME);
        *pos += got;
        if ((uint64_t)*pos > r->vfs.size)
            r->vfs.size = (uint64_t)*pos;
    } else if (r->reg.mem && end > r->vfs.size) {
        /* a fault may have written part of the room behind the end */
        uint64_t from = MAX(at, r->vfs.size);
        memset(r->reg.mem + from, 0, end - from);
    }
    return got;
}

static int64_t reg_llseek(struct file *f, int64_t off, int whence)
{
    struct tmpfs_inode *r = tmpfs_i(f->inode);
    if (whence != LINUX_SEEK_DATA && whence != LINUX_SEEK_HOLE)
        return file_llseek_generic(f, off, whence, r->vfs.size);
    if (off < 0 || (uint64_t)off >= r->vfs.size)
        return -ENXIO;
    int64_t at = whence == LINUX_SEEK_DATA ? off : (int64_t)r->vfs.size;
    if (r->reg.host)
        at = host_lseek(hostfile_fd(r->reg.host), off, whence);
    if (at >= 0)
        f->pos = at;
    return at;
}

static int reg_mappable(struct file *f, bool shared, bool writable, struct hostfile **ret)
{
    struct tmpfs_inode *r = tmpfs_i(f->inode);
    int err = to_host(r);
    if (!err)
        *ret = hostfile_ref(r->reg.host);
    return err;
}

static int reg_fallocate(struct file *f, uint32_t mode, int64_t off, int64_t len)
{
    struct tmpfs_inode *r = tmpfs_i(f->inode);
    uint32_t known =
        LINUX_FALLOC_FL_KEEP_SIZE | LINUX_FALLOC_FL_PUNCH_HOLE | LINUX_FALLOC_FL_ZERO_RANGE;
    if (mode & ~known)
        return -EOPNOTSUPP;
    uint64_t end = (uint64_t)off + (uint64_t)len;
    struct tmpfs_sb *s = tmpfs_s(r->vfs.sb);
    int sealed = tmpfs_seal_fallocate(r, mode, end);
    if (sealed)
        return sealed;
    bool punch = mode & LINUX_FALLOC_FL_PUNCH_HOLE;
    if (!punch && s->max_pages && pages(end) > r->charged_pages) {
        int err = tmpfs_charge(&r->vfs, pages(end));
        if (err)
            return err;
    }
    int err = to_host(r);
    if (err)
        return err;
    int fd = hostfile_fd(r->reg.host), keep = (int)(mode & LINUX_FALLOC_FL_KEEP_SIZE);
    int x = 0;
    if (mode & LINUX_FALLOC_FL_ZERO_RANGE) /* memfds have no such operation: a hole, then pages */
        x = host_fallocate(fd, LINUX_FALLOC_FL_PUNCH_HOLE | LINUX_FALLOC_FL_KEEP_SIZE, off, len);
    if (x == 0)
        x = host_fallocate(fd, punch ? (int)mode : keep, off, len);
    if (x < 0)
        return x;
    if (!(mode & LINUX_FALLOC_FL_KEEP_SIZE) && end > r->vfs.size)
        r->vfs.size = end;
    inode_touch(f->inode, ATTR_MTIME | ATTR_CTIME);
    return 0;
}

static int reg_fsync(struct file *f, bool data_only) { return 0; }

const struct file_ops tmpfs_reg_fops = {
    .name = "tmpfs",
    .read = reg_read,
    .write = reg_write,
    .llseek = reg_llseek,
    .mappable = reg_mappable,
    .fallocate = reg_fallocate,
    .fsync = reg_fsync,
    .fcntl = tmpfs_reg_fcntl,
};
