/* sentry/platform/stubs/near_untrusted.c - bytes of the application in a thread's area: taken from there, left there.
 *
 * Trust    in[] and window[] are words of the application about its own memory: offsets and lengths are checked, each read once.
 */
#include <errno.h>
#include <string.h>

#include "sentry/platform/space_limits.h"
#include "sentry/platform/stubs/stubs_priv.h"

void near_load(struct thread *th)
{
    th->near = true;
    th->nout = 0;
    th->near_used = STUB_AREA_COPY;
}

/* in[i], with its bytes in the area; len 0: not usable. */
static struct stub_near in_get(const struct thread *th, uint32_t i)
{
    volatile struct stub_near *p = &thread_ctl(th)->in[i];
    struct stub_near n = {p->addr, p->off, p->len};
    if (n.off < STUB_AREA_COPY || n.off > STUB_AREA_COPY + STUB_AREA_COPY_SIZE ||
        n.len > STUB_AREA_COPY + STUB_AREA_COPY_SIZE - n.off || n.addr > SPACE_END ||
        n.len > SPACE_END - n.addr)
        n.len = 0;
    return n;
}

size_t platform_near_in(struct thread *th, void *dst, struct uaddr src, size_t size_bytes)
{
    if (!th->near)
        return 0;
    uint32_t count = MIN(thread_ctl(th)->nin, (uint32_t)STUB_NEAR_IN);
    for (uint32_t i = 0; i < count; i++) {
        struct stub_near n = in_get(th, i);
        if (src.v < n.addr || src.v - n.addr >= n.len)
            continue;
        uint64_t skip = src.v - n.addr;
        size_t have = MIN(size_bytes, (size_t)(n.len - skip));
        memcpy(dst, thread_area(th) + n.off + skip, have);
        return have;
    }
    return 0;
}

/* The first free byte behind what the stub has put there. */
static uint32_t out_begin(const struct thread *th)
{
    uint32_t at = th->near_used;
    if (th->nout)
        return at;
    uint32_t count = MIN(thread_ctl(th)->nin, (uint32_t)STUB_NEAR_IN);
    for (uint32_t i = 0; i < count; i++) {
        struct stub_near n = in_get(th, i);
        if (n.len && n.off + n.len > at)
            at = n.off + n.len;
    }
    return (uint32_t)ALIGN_UP(at, 16u);
}

static bool in_window(const struct thread *th, uint64_t addr, size_t size)
{
    uint32_t count = MIN(thread_ctl(th)->nwindow, (uint32_t)STUB_NEAR_WINDOWS);
    for (uint32_t i = 0; i < count; i++) {
        volatile struct stub_near *p = &thread_ctl(th)->window[i];
        struct stub_near w = {p->addr, 0, p->len};
        if (addr >= w.addr && addr - w.addr <= w.len && size <= w.len - (addr - w.addr))
            return true;
    }
    return false;
}

bool platform_near_out(struct thread *th, struct uaddr dst, const void *src, size_t size_bytes)
{
    if (!th->near || !in_window(th, dst.v, size_bytes))
        return false;
    uint32_t at = out_begin(th);
    if (size_bytes > STUB_AREA_COPY + STUB_AREA_COPY_SIZE - at)
        return false;
    volatile struct stub_ctl *ctl = thread_ctl(th);
    volatile struct stub_near *last = th->nout ? &ctl->out[th->nout - 1] : NULL;
    uint64_t last_addr = last ? last->addr : 0;
    uint32_t last_off = last ? last->off : 0, last_len = last ? last->len : 0;
    if (last && last_addr + last_len == dst.v && last_off + last_len == at) {
        last->len = last_len + (uint32_t)size_bytes;
    } else if (th->nout < STUB_NEAR_OUT) {
        volatile struct stub_near *n = &ctl->out[th->nout++];
        n->addr = dst.v;
        n->off = at;
        n->len = (uint32_t)size_bytes;
    } else {
        return false;
    }
    memcpy(thread_area(th) + at, src, size_bytes);
    th->near_used = at + (uint32_t)size_bytes;
    return true;
}

bool platform_near_pending(struct thread *th, struct uaddr a, size_t size_bytes)
{
    for (uint32_t i = 0; th->near && i < th->nout; i++) {
        volatile struct stub_near *p = &thread_ctl(th)->out[i];
        uint64_t addr = p->addr, len = p->len;
        if (a.v < addr + len && addr < a.v + size_bytes)
            return true;
    }
    return false;
}

void platform_near_flush(struct thread *th)
{
    for (uint32_t i = 0; th->near && i < th->nout; i++) {
        volatile struct stub_near *p = &thread_ctl(th)->out[i];
        struct stub_near n = {p->addr, p->off, p->len};
        if (n.addr > SPACE_END || n.len > SPACE_END - n.addr || n.off < STUB_AREA_COPY ||
            n.off > th->near_used || n.len > th->near_used - n.off)
            continue;
        (void)platform_copy_out(th->space, UADDR(n.addr), thread_area(th) + n.off, n.len);
    }
    if (th->nout)
        th->near = false; /* what was fetched may be older */
    th->nout = 0;
}
