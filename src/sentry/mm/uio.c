#include "sentry/mm/uio.h"

#include "abi/limits.h"
#include "abi/uio.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/usermem.h"
#include "sentry/platform/space_limits.h"

#include <string.h>

static_assert(sizeof(struct uio_seg) == sizeof(struct linux_iovec), "copied as it is");

static void uio_one(struct uio *u, struct task *t, uint64_t base, size_t len, bool kernel)
{
    *u = (struct uio){.task = t, .nsegs = 1, .kernel = kernel, .resid = len, .one = {base, len}};
    u->seg = &u->one;
}

void uio_user(struct uio *u, struct task *t, struct uaddr buf, size_t len)
{
    uio_one(u, t, buf.v, len, false);
}

void uio_kernel(struct uio *u, struct task *t, void *buf, size_t len)
{
    uio_one(u, t, (uint64_t)(uintptr_t)buf, len, true);
}

void uio_user_vec(struct uio *u, struct task *t, const struct uio_seg *segs, uint32_t nsegs,
                  uint64_t total)
{
    *u = (struct uio){.task = t, .seg = segs, .nsegs = nsegs, .resid = total};
}

int uio_copy_iovec(struct task *t, struct uaddr iov, uint64_t count, struct uio_seg fast[UIO_FAST],
                   struct uio_seg **ret_segs, uint64_t *ret_total)
{
    if (count > LINUX_IOV_MAX)
        return -EINVAL;
    size_t bytes = count * sizeof(struct uio_seg);
    struct uio_seg *segs = count <= UIO_FAST ? fast : arena_alloc(bytes);
    if (!segs)
        return -ENOMEM;
    int err = copy_in(t, segs, iov, bytes);
    for (uint64_t i = 0; !err && i < count; i++)
        if (segs[i].len > INT64_MAX)
            err = -EINVAL;
    uint64_t total = 0;
    for (uint64_t i = 0; !err && i < count; i++) {
        if (segs[i].base > SPACE_END || segs[i].len > SPACE_END - segs[i].base) {
            err = -EFAULT;
            break;
        }
        segs[i].len = MIN(segs[i].len, (uint64_t)LINUX_MAX_RW_COUNT - total);
        total += segs[i].len;
    }
    if (err) {
        uio_vec_free(segs, count, fast);
        return err;
    }
    *ret_segs = segs;
    *ret_total = total;
    return 0;
}

void uio_vec_free(struct uio_seg *segs, uint64_t count, const struct uio_seg fast[UIO_FAST])
{
    if (segs != fast)
        arena_free(segs, count * sizeof(struct uio_seg));
}

/* What one step moves: dst or src is the kernel's end; both NULL only skips. */
struct uio_end {
    void *dst;
    const void *src;
};

static ssize_t uio_step(struct uio *u, struct uio_end end, uint64_t addr, size_t n)
{
    if (u->kernel) {
        if (end.dst)
            memcpy(end.dst, (const void *)(uintptr_t)addr, n);
        else if (end.src)
            memcpy((void *)(uintptr_t)addr, end.src, n);
        return (ssize_t)n;
    }
    if (end.dst)
        return copy_in_some(u->task, end.dst, UADDR(addr), n);
    if (end.src)
        return copy_out_some(u->task, UADDR(addr), end.src, n);
    return (ssize_t)n;
}

static ssize_t uio_move(struct uio *u, struct uio_end end, size_t n)
{
    size_t want = MIN(n, (size_t)u->resid), done = 0;
    while (done < want && u->nsegs > 0) {
        uint64_t room = u->seg->len - u->seg_off;
        if (room == 0) {
            u->seg++;
            u->nsegs--;
            u->seg_off = 0;
            continue;
        }
        size_t chunk = MIN(want - done, (size_t)room);
        ssize_t got = uio_step(u, end, u->seg->base + u->seg_off, chunk);
        if (got <= 0)
            return done ? (ssize_t)done : -EFAULT;
        u->seg_off += (uint64_t)got;
        u->resid -= (uint64_t)got;
        done += (size_t)got;
        if ((size_t)got < chunk)
            break;
        if (end.dst)
            end.dst = (char *)end.dst + got;
        if (end.src)
            end.src = (const char *)end.src + got;
    }
    return (ssize_t)done;
}

ssize_t uio_put(struct uio *u, const void *src, size_t n)
{
    return uio_move(u, (struct uio_end){.src = src}, n);
}

ssize_t uio_get(struct uio *u, void *dst, size_t n)
{
    return uio_move(u, (struct uio_end){.dst = dst}, n);
}

ssize_t uio_zero(struct uio *u, size_t n)
{
    static const uint8_t zeros[GUEST_PAGE_SIZE];
    size_t done = 0;
    while (done < n && u->resid > 0) {
        size_t chunk = MIN(n - done, sizeof(zeros));
        ssize_t got = uio_put(u, zeros, chunk);
        if (got <= 0)
            return done ? (ssize_t)done : got;
        done += (size_t)got;
        if ((size_t)got < chunk)
            break;
    }
    return (ssize_t)done;
}

void uio_skip(struct uio *u, size_t n) { (void)uio_move(u, (struct uio_end){0}, n); }
