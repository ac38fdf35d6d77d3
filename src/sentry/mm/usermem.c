#include "sentry/mm/usermem.h"

#include "abi/limits.h"
#include "base/err.h"
#include "sentry/mm/mm.h"
#include "sentry/platform/platform.h"
#include "sentry/platform/space_limits.h"
#include "sentry/task/task.h"

#include <string.h>

static const uint8_t zeros[GUEST_PAGE_SIZE];

/* The space to use, or NULL if the range leaves the application's part. */
static struct space *space_for(const struct mm *mm, struct uaddr a, size_t size)
{
    if (!mm || a.v > SPACE_END || size > SPACE_END - a.v)
        return NULL;
    return mm->space;
}

ssize_t mm_copy_in_some(struct mm *mm, void *dst, struct uaddr src, size_t size_bytes)
{
    if (size_bytes == 0)
        return 0;
    struct space *s = space_for(mm, src, size_bytes);
    return s ? platform_copy_in(s, dst, src, size_bytes) : -EFAULT;
}

ssize_t mm_copy_out_some(struct mm *mm, struct uaddr dst, const void *src, size_t size_bytes)
{
    if (size_bytes == 0)
        return 0;
    struct space *s = space_for(mm, dst, size_bytes);
    return s ? platform_copy_out(s, dst, src, size_bytes) : -EFAULT;
}

/* The thread whose stop may have brought bytes of t's memory along, or NULL. */
static struct thread *near_of(const struct task *t)
{
    return t->thread && t->mm && platform_space(t->thread) == t->mm->space ? t->thread : NULL;
}

/* The first bytes at src that came with the stop: how many. What was written there since is in memory after this. */
static size_t near_in(struct task *t, void *dst, struct uaddr src, size_t size_bytes)
{
    struct thread *th = near_of(t);
    if (!th || !space_for(t->mm, src, size_bytes))
        return 0;
    if (!platform_near_pending(th, src, size_bytes))
        return platform_near_in(th, dst, src, size_bytes);
    platform_near_flush(th);
    return 0;
}

ssize_t copy_in_some(struct task *t, void *dst, struct uaddr src, size_t size_bytes)
{
    if (near_in(t, dst, src, size_bytes) == size_bytes)
        return (ssize_t)size_bytes;
    return mm_copy_in_some(t->mm, dst, src, size_bytes);
}

ssize_t copy_out_some(struct task *t, struct uaddr dst, const void *src, size_t size_bytes)
{
    struct thread *th = near_of(t);
    if (th && space_for(t->mm, dst, size_bytes)) {
        if (size_bytes && platform_near_out(th, dst, src, size_bytes))
            return (ssize_t)size_bytes;
        if (platform_near_pending(th, dst, size_bytes))
            platform_near_flush(th); /* in their order */
    }
    return mm_copy_out_some(t->mm, dst, src, size_bytes);
}

int copy_in(struct task *t, void *dst, struct uaddr src, size_t size_bytes)
{
    ssize_t n = copy_in_some(t, dst, src, size_bytes);
    return n == (ssize_t)size_bytes ? 0 : -EFAULT;
}

int copy_out(struct task *t, struct uaddr dst, const void *src, size_t size_bytes)
{
    ssize_t n = copy_out_some(t, dst, src, size_bytes);
    return n == (ssize_t)size_bytes ? 0 : -EFAULT;
}

ssize_t copy_in_string(struct task *t, char *dst, struct uaddr src, size_t size_bytes)
{
    size_t done = 0;
    while (done < size_bytes) {
        /* Not past the page's end: the next page may be missing. Within it, more bytes cost no more. */
        size_t chunk =
            MIN(size_bytes - done, (size_t)(GUEST_PAGE_SIZE - GUEST_PAGE_OFFSET(src.v + done)));
        if (src.v >= SPACE_END - done)
            return -EFAULT;
        size_t got = near_in(t, dst + done, uaddr_plus(src, done), chunk);
        const char *nul = memchr(dst + done, '\0', got);
        if (!nul && got < chunk) {
            struct uaddr rest = uaddr_plus(src, done + got);
            ssize_t n = mm_copy_in_some(t->mm, dst + done + got, rest, chunk - got);
            if (n <= 0)
                return -EFAULT;
            got += (size_t)n;
            nul = memchr(dst + done, '\0', got);
        }
        if (nul)
            return nul - dst;
        if (got < chunk)
            return -EFAULT;
        done += chunk;
    }
    return -ENAMETOOLONG;
}

int copy_in_u32(struct task *t, uint32_t *ret, struct uaddr src)
{
    uint32_t v;
    if (copy_in(t, &v, src, sizeof(v)))
        return -EFAULT;
    *ret = v;
    return 0;
}

int copy_in_u64(struct task *t, uint64_t *ret, struct uaddr src)
{
    uint64_t v;
    if (copy_in(t, &v, src, sizeof(v)))
        return -EFAULT;
    *ret = v;
    return 0;
}

int copy_out_u32(struct task *t, struct uaddr dst, uint32_t v)
{
    return copy_out(t, dst, &v, sizeof(v));
}

int copy_out_u64(struct task *t, struct uaddr dst, uint64_t v)
{
    return copy_out(t, dst, &v, sizeof(v));
}

int zero_out(struct task *t, struct uaddr dst, size_t size_bytes)
{
    while (size_bytes > 0) {
        size_t n = MIN(size_bytes, sizeof(zeros));
        if (copy_out(t, dst, zeros, n))
            return -EFAULT;
        dst = uaddr_plus(dst, n);
        size_bytes -= n;
    }
    return 0;
}

void copy_out_flush(struct task *t)
{
    if (t->thread)
        platform_near_flush(t->thread);
}

void mm_reach(const struct task *other)
{
    enum { TRIES = 100 };
    for (int i = 0; i < TRIES && other->mm && other->mm->space; i++) {
        if (platform_space_is_there(other->mm->space))
            return;
        platform_space_wait();
    }
}
