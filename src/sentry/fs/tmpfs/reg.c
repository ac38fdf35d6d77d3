#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "abi/fcntl.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/tmpfs/tmpfs_priv.h"
#include "sentry/io/hostfile.h"
#include "sentry/io/worker.h"

#define BOUNCE 65536u
#define LONG_FALLOCATE                                                                             \
    (16 << 20) /* bytes: from here on, clearing them takes long enough to let others go on */

static uint64_t pages(uint64_t bytes) { return DIV_ROUND_UP(bytes, GUEST_PAGE_SIZE); }

void tmpfs_reg_free(struct tmpfs_inode *r)
{
    if (r->data->reg.mem)
        arena_free(r->data->reg.mem, r->data->reg.cap);
    hostfile_unref(r->data->reg.host);
}

static int write_all(struct hostfile *h, const uint8_t *p, size_t from, size_t end)
{
    while (from < end) {
        ssize_t w = host_pwrite64(hostfile_fd(h), p + from, end - from, (off_t)from);
        if (w == -EINTR)
            continue;
        if (w <= 0)
            return w < 0 ? (int)w : -EIO;
        from += (size_t)w;
    }
    return 0;
}

/* The pages of mem that bytes [at, end) touch. */
static uint16_t mask_of(uint64_t at, uint64_t end)
{
    uint64_t first = at / GUEST_PAGE_SIZE, behind = MIN(pages(end), (uint64_t)TMPFS_MASK_PAGES);
    return first < behind ? (uint16_t)((1u << behind) - (1u << first)) : 0;
}

static bool mem_present(const struct tmpfs_inode *r, uint64_t page)
{
    return page >= TMPFS_MASK_PAGES || (r->data->reg.present >> page & 1);
}

/* Pages that are there now, however they came. */
static uint64_t reg_pages(const struct tmpfs_inode *r)
{
    struct stat st;
    if (r->data->reg.host)
        return host_fstat(hostfile_fd(r->data->reg.host), &st) == 0 ? (uint64_t)st.st_blocks / 8
                                                                    : r->data->charged_pages;
    uint64_t n = pages(r->vfs.size);
    return (uint64_t)__builtin_popcount(r->data->reg.present) +
           (n > TMPFS_MASK_PAGES ? n - TMPFS_MASK_PAGES : 0);
}

static void recharge(struct tmpfs_inode *r) { tmpfs_charge(&r->vfs, reg_pages(r)); }

/* Holes stay holes. */
static int mem_write_out(const struct tmpfs_inode *r, struct hostfile *h)
{
    int err = host_ftruncate(hostfile_fd(h), (off_t)r->vfs.size);
    uint64_t n = pages(r->vfs.size), first = 0;
    while (err == 0 && first < n) {
        if (!mem_present(r, first)) {
            first++;
            continue;
        }
        uint64_t behind = first;
        while (behind < n && mem_present(r, behind))
            behind++;
        err = write_all(h, r->data->reg.mem, first * GUEST_PAGE_SIZE,
                        MIN(behind * GUEST_PAGE_SIZE, r->vfs.size));
        first = behind;
    }
    return err;
}

/* From the arena to a memfd; for good. */
static int to_host(struct tmpfs_inode *r)
{
    if (r->data->reg.host)
        return 0;
    struct hostfile *h;
    struct super *sb = r->vfs.sb;
    int err =
        tmpfs_s(sb)->store_new ? tmpfs_s(sb)->store_new(sb, &h) : hostfile_new_memfd("tmpfs", &h);
    if (err)
        return err;
    err = mem_write_out(r, h);
    if (err) {
        hostfile_unref(h);
        return err;
    }
    if (r->data->reg.mem)
        arena_free(r->data->reg.mem, r->data->reg.cap);
    r->data->reg.mem = NULL;
    r->data->reg.cap = 0;
    r->data->reg.present = 0;
    r->data->reg.host = h;
    return 0;
}

/* Room for size bytes in a memfd, or in the arena: when small, or when the host has no more descriptors. */
static int reserve(struct tmpfs_inode *r, uint64_t size)
{
    if (r->data->reg.host || size <= r->data->reg.cap)
        return 0;
    if (size > TMPFS_MEM_MAX) {
        int err = to_host(r);
        if (err != -ENFILE || size > TMPFS_MEM_LAST)
            return err;
    }
    size_t cap = r->data->reg.cap ? r->data->reg.cap : 64;
    while (cap < size)
        cap *= 2;
    uint8_t *p = arena_realloc(r->data->reg.mem, r->data->reg.cap, cap);
    if (!p)
        return -ENOMEM;
    r->data->reg.mem = p;
    r->data->reg.cap = cap;
    return 0;
}

int tmpfs_reg_resize(struct tmpfs_inode *r, uint64_t size)
{
    uint64_t old = r->vfs.size;
    int err = size > old ? reserve(r, size) : 0;
    if (err)
        return err;
    if (r->data->reg.host) {
        int t = host_ftruncate(hostfile_fd(r->data->reg.host), (off_t)size);
        if (t < 0)
            return t == -EINVAL ? -EFBIG : t;
    } else if (size < old) {
        memset(r->data->reg.mem + size, 0, old - size);
        r->data->reg.present &= mask_of(0, size);
        if (size == 0 && r->data->reg.mem) {
            arena_free(r->data->reg.mem, r->data->reg.cap);
            r->data->reg.mem = NULL;
            r->data->reg.cap = 0;
        }
    }
    r->vfs.size = size;
    if (size <= old) /* what was reserved behind the end goes too */
        recharge(r);
    return 0;
}

void tmpfs_reg_stat(struct tmpfs_inode *r, struct kstat *ret)
{
    recharge(r); /* pages came through mappings, perhaps */
    ret->blocks = r->data->charged_pages * 8;
}

/* How far bytes [at, end) can be filled with `room` new pages: at least what is there already. */
static uint64_t room_end(const struct tmpfs_inode *r, uint64_t from, uint64_t end, uint64_t room)
{
    uint64_t at = GUEST_PAGE_DOWN(from);
    while (at < end) {
        uint64_t page = at / GUEST_PAGE_SIZE, data = at, next;
        if (r->data->reg.host) {
            int64_t to = host_lseek(hostfile_fd(r->data->reg.host), (off_t)at, LINUX_SEEK_DATA);
            data = to < 0 ? end : (uint64_t)to;
        } else if (page >= pages(r->vfs.size) || !mem_present(r, page)) {
            data = (page + 1) * GUEST_PAGE_SIZE;
        }
        if (data <= at) { /* there already: to the next hole */
            int64_t hole = (int64_t)((page + 1) * GUEST_PAGE_SIZE);
            if (r->data->reg.host)
                hole = host_lseek(hostfile_fd(r->data->reg.host), (off_t)at, LINUX_SEEK_HOLE);
            next = hole > (int64_t)at ? GUEST_PAGE_UP((uint64_t)hole) : end;
        } else {
            uint64_t need = pages(MIN(data, end)) - page;
            if (need > room)
                return MAX(from, (page + room) * GUEST_PAGE_SIZE);
            room -= need;
            next = MIN(data, end);
        }
        at = next;
    }
    return end;
}

/* Moves n bytes at off between the memfd and u. Bytes, or -errno if none. */
static ssize_t host_move(struct hostfile *h, struct uio *u, int64_t off, size_t n, bool out)
{
    size_t cap = MIN((size_t)ALIGN_UP(n, GUEST_PAGE_SIZE), (size_t)BOUNCE);
    uint8_t *buf = arena_scratch(cap);
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
    ssize_t got = r->data->reg.host ? host_move(r->data->reg.host, u, *pos, n, false)
                                    : uio_put(u, r->data->reg.mem + *pos, n);
    if (got > 0)
        *pos += got;
    return got;
}

static ssize_t reg_write(struct file *f, struct uio *u, int64_t *pos)
{
    struct tmpfs_inode *r = tmpfs_i(f->inode);
    if (file_appends(f, u))
        *pos = (int64_t)r->vfs.size;
    uint64_t at = (uint64_t)*pos, n = u->resid, end;
    if (!n)
        return 0;
    int sealed = tmpfs_seal_write(r, at, &n);
    if (sealed)
        return sealed;
    if (__builtin_add_overflow(at, n, &end) || end > INT64_MAX)
        return -EFBIG;
    uint64_t room = tmpfs_room(tmpfs_s(r->vfs.sb));
    if (pages(end) - at / GUEST_PAGE_SIZE > room) { /* as much as fits */
        end = room_end(r, at, end, room);
        if (end <= at)
            return -ENOSPC;
        n = end - at;
    }
    int err = reserve(r, end);
    if (err)
        return err;
    ssize_t got = r->data->reg.host ? host_move(r->data->reg.host, u, *pos, (size_t)n, true)
                                    : uio_get(u, r->data->reg.mem + at, (size_t)n);
    if (got > 0) {
        inode_touch(&r->vfs, ATTR_MTIME | ATTR_CTIME);
        *pos += got;
        if ((uint64_t)*pos > r->vfs.size)
            r->vfs.size = (uint64_t)*pos;
        if (!r->data->reg.host)
            r->data->reg.present |= mask_of(at, (uint64_t)*pos);
        recharge(r);
    } else if (r->data->reg.mem && end > r->vfs.size) {
        /* a fault may have written part of the room behind the end */
        uint64_t from = MAX(at, r->vfs.size);
        memset(r->data->reg.mem + from, 0, end - from);
    }
    return got;
}

static int64_t mem_seek(const struct tmpfs_inode *r, int64_t off, bool data)
{
    uint64_t page = (uint64_t)off / GUEST_PAGE_SIZE, n = pages(r->vfs.size);
    if (mem_present(r, page) == data)
        return off;
    do
        page++;
    while (page < n && mem_present(r, page) != data);
    if (page < n)
        return (int64_t)(page * GUEST_PAGE_SIZE);
    return data ? -ENXIO : (int64_t)r->vfs.size;
}

static int64_t reg_llseek(struct file *f, int64_t off, int whence)
{
    struct tmpfs_inode *r = tmpfs_i(f->inode);
    if (whence != LINUX_SEEK_DATA && whence != LINUX_SEEK_HOLE)
        return file_llseek_generic(f, off, whence, r->vfs.size);
    if (off < 0 || (uint64_t)off >= r->vfs.size)
        return -ENXIO;
    int64_t at = r->data->reg.host ? host_lseek(hostfile_fd(r->data->reg.host), off, whence)
                                   : mem_seek(r, off, whence == LINUX_SEEK_DATA);
    if (at >= 0)
        f->pos = at;
    return at;
}

static int reg_mappable(struct file *f, bool shared, bool writable, struct hostfile **ret)
{
    struct tmpfs_inode *r = tmpfs_i(f->inode);
    int err = to_host(r);
    if (!err)
        *ret = hostfile_ref(r->data->reg.host);
    return err;
}

/* The host clears the pages while others go on; what comes of it counts when the lock is held again. */
static void allocate_ahead(struct tmpfs_inode *r, int64_t off, int64_t len)
{
    struct hostfile *h = hostfile_ref(r->data->reg.host);
    worker_block_begin();
    (void)!host_fallocate(hostfile_fd(h), LINUX_FALLOC_FL_KEEP_SIZE, off, len);
    worker_block_end();
    hostfile_unref(h);
}

static int reg_fallocate(struct file *f, uint32_t mode, int64_t off, int64_t len)
{
    struct tmpfs_inode *r = tmpfs_i(f->inode);
    if (mode & ~(uint32_t)(LINUX_FALLOC_FL_KEEP_SIZE | LINUX_FALLOC_FL_PUNCH_HOLE))
        return -EOPNOTSUPP;
    uint64_t end = (uint64_t)off + (uint64_t)len;
    bool punch = mode & LINUX_FALLOC_FL_PUNCH_HOLE;
    int err = tmpfs_seal_fallocate(r, mode, end);
    if (err)
        return err;
    uint64_t room = tmpfs_room(tmpfs_s(r->vfs.sb)),
             need = pages(end) - (uint64_t)off / GUEST_PAGE_SIZE;
    if (!punch && need > room &&
        (need - room > r->data->charged_pages || room_end(r, (uint64_t)off, end, room) < end))
        return -ENOSPC;
    err = to_host(r);
    if (!err && !punch && len >= LONG_FALLOCATE) {
        allocate_ahead(r, off, len);
        err = tmpfs_seal_fallocate(r, mode, end);
    }
    if (!err)
        err = host_fallocate(hostfile_fd(r->data->reg.host), (int)mode, off, len);
    if (err)
        return err;
    if (!(mode & LINUX_FALLOC_FL_KEEP_SIZE) && end > r->vfs.size)
        r->vfs.size = end;
    inode_touch(f->inode, ATTR_MTIME | ATTR_CTIME);
    recharge(r);
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
