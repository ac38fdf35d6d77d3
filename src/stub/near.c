/* stub/near.c - memory that a system call's arguments name: copied here before the stop, and back after the answer. */
#include "stub/stub.h"

#define ADDR_END   0x7ffe00000000 /* of the application */
#define STRING_MAX 1024u
#define IOVECS     4u
#define PAGE       4096u

struct fetch {
    volatile struct stub_ctl *ctl;
    uint64_t area;
    uint32_t used; /* bytes of in[] */
};

static void *place(const struct fetch *f, uint32_t off)
{
    return (void *)(uintptr_t)(f->area + off);
}

static void named(struct fetch *f, uint64_t addr, uint64_t len)
{
    volatile struct stub_near *n = &f->ctl->in[f->ctl->nin];
    n->addr = addr;
    n->off = STUB_AREA_COPY + f->used;
    n->len = (uint32_t)len;
    f->ctl->nin++;
    f->used += (uint32_t)(len + 7) & ~7u;
}

static uint32_t room(const struct fetch *f)
{
    return f->ctl->nin < STUB_NEAR_IN && f->used < STUB_NEAR_IN_MAX ? STUB_NEAR_IN_MAX - f->used
                                                                    : 0;
}

static void fetch_string(struct fetch *f, uint64_t addr)
{
    uint32_t max = room(f);
    uint64_t n = stub_copy_string(place(f, STUB_AREA_COPY + f->used), (const void *)(uintptr_t)addr,
                                  max < STRING_MAX ? max : STRING_MAX);
    if (n)
        named(f, addr, n);
}

static int fetch(struct fetch *f, uint64_t addr, uint64_t len)
{
    if (!len || len > room(f) ||
        !stub_copy(place(f, STUB_AREA_COPY + f->used), (const void *)(uintptr_t)addr, len))
        return 0;
    named(f, addr, len);
    return 1;
}

/* As much of a large buffer as a window may be: an answer is often shorter than the room for it. */
static void window(struct fetch *f, uint64_t addr, uint64_t len)
{
    uint32_t k = f->ctl->nwindow;
    if (!len || k >= STUB_NEAR_WINDOWS || addr > ADDR_END)
        return;
    if (len > STUB_NEAR_WINDOW_MAX)
        len = STUB_NEAR_WINDOW_MAX;
    for (uint64_t a = addr; a < addr + len; a = (a & ~(uint64_t)(PAGE - 1)) + PAGE) {
        if (!stub_probe(a)) {
            len = a - addr;
            break;
        }
    }
    if (!len)
        return;
    f->ctl->window[k].addr = addr;
    f->ctl->window[k].len = (uint32_t)len;
    f->ctl->nwindow = k + 1;
}

static void each(struct fetch *f, uint32_t off, uint64_t n, int out)
{
    const volatile uint64_t *v = place(f, off);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t addr = v[2 * i], len = v[2 * i + 1];
        if (out)
            window(f, addr, len);
        else if (!fetch(f, addr, len) && len)
            return;
    }
}

void stub_near_fetch(volatile struct stub_ctl *ctl, const struct stub_ucontext *uc)
{
    if (uc->rax >= stub_near_calls)
        return;
    const struct stub_near_op *op = stub_near_ops[stub_near_kind[uc->rax]];
    const uint64_t arg[6] = {uc->rdi, uc->rsi, uc->rdx, uc->r10, uc->r8, uc->r9};
    struct fetch f = {ctl, (uint64_t)(uintptr_t)ctl, 0};
    for (int i = 0; i < 4 && op[i].kind; i++) {
        uint64_t addr = arg[op[i].arg], len = op[i].size;
        if (!addr || addr >= ADDR_END)
            continue;
        if (op[i].kind & STUB_OP_LENGTH) {
            uint64_t n = arg[op[i].length_arg];
            len = n > 0x100000 ? 0x100000 : n * len;
        }
        uint32_t off = STUB_AREA_COPY + f.used;
        if (op[i].kind & STUB_OP_STRING)
            fetch_string(&f, addr);
        if (op[i].kind & STUB_OP_IN && fetch(&f, addr, len) && len <= IOVECS * 16 &&
            op[i].kind & (STUB_OP_EACH_IN | STUB_OP_EACH_OUT))
            each(&f, off, len / 16, op[i].kind & STUB_OP_EACH_OUT);
        if (op[i].kind & STUB_OP_OUT)
            window(&f, addr, len);
    }
}

int stub_near_store(volatile struct stub_ctl *ctl)
{
    uint32_t n = ctl->nout;
    int ok = 1;
    for (uint32_t i = 0; i < n && i < STUB_NEAR_OUT; i++)
        ok &= stub_copy((void *)(uintptr_t)ctl->out[i].addr,
                        (const void *)((uintptr_t)ctl + ctl->out[i].off), ctl->out[i].len);
    ctl->nout = 0;
    return ok;
}
