/* sentry/platform/stubs/context_untrusted.c - signal frames in shared areas: reading, writing, making, copying.
 *
 * Every offset is computed from addresses that the application may have forged and is checked against the area; every field is
 * read once.
 */
#include "sentry/platform/stubs/stubs_priv.h"

#include <errno.h>
#include <string.h>

#define USER_CS 0x33
#define USER_SS 0x2b

static struct linux_ucontext *frame(const struct thread *th)
{
    return (struct linux_ucontext *)(void *)(thread_area(th) + th->uc_off);
}

/* Address in the stub to offset in th's area with n bytes behind it, or -EINVAL. */
static int64_t area_offset(const struct thread *th, uint64_t addr, uint64_t n)
{
    uint64_t off = addr - thread_area_addr(th);
    if (addr < thread_area_addr(th) || off < STUB_AREA_STACK || off >= STUB_AREA_SIZE ||
        n > STUB_AREA_SIZE - off)
        return -EINVAL;
    return (int64_t)off;
}

int context_load(struct thread *th)
{
    int64_t off = area_offset(th, thread_ctl(th)->uc, sizeof(struct linux_ucontext));
    if (off < 0 || off % 8)
        return -EINVAL;
    th->uc_off = (uint32_t)off;
    if (!th->regs && !(th->regs = SLAB_NEW(REGS, struct regs)))
        return -ENOMEM;
    struct linux_sigcontext c;
    memcpy(&c, &frame(th)->uc_mcontext, sizeof(c));
    *th->regs = (struct regs){.r15 = c.r15,
                              .r14 = c.r14,
                              .r13 = c.r13,
                              .r12 = c.r12,
                              .r11 = c.r11,
                              .r10 = c.r10,
                              .r9 = c.r9,
                              .r8 = c.r8,
                              .rax = c.rax,
                              .rbx = c.rbx,
                              .rcx = c.rcx,
                              .rdx = c.rdx,
                              .rsi = c.rsi,
                              .rdi = c.rdi,
                              .rbp = c.rbp,
                              .rsp = c.rsp,
                              .rip = c.rip,
                              .rflags = c.eflags};
    memcpy(&th->regs->cs_gs_fs, &c.cs, sizeof(th->regs->cs_gs_fs));
    return 0;
}

void context_store(struct thread *th)
{
    const struct regs *r = th->regs;
    struct linux_sigcontext *c = &frame(th)->uc_mcontext;
    c->r15 = r->r15, c->r14 = r->r14, c->r13 = r->r13, c->r12 = r->r12, c->r11 = r->r11,
    c->r10 = r->r10;
    c->r9 = r->r9, c->r8 = r->r8, c->rax = r->rax, c->rbx = r->rbx, c->rcx = r->rcx,
    c->rdx = r->rdx;
    c->rsi = r->rsi, c->rdi = r->rdi, c->rbp = r->rbp, c->rsp = r->rsp, c->rip = r->rip,
    c->eflags = r->rflags;
    frame(th)->uc_sigmask = 0;
}

static void frame_here(struct thread *th)
{
    struct linux_ucontext *uc = frame(th);
    uc->uc_stack = (struct linux_stack){.ss_sp = thread_area_addr(th) + STUB_AREA_STACK,
                                        .ss_size = STUB_AREA_SIZE - STUB_AREA_STACK};
    uc->uc_sigmask = 0;
    volatile struct stub_ctl *ctl = thread_ctl(th);
    ctl->uc = thread_area_addr(th) + th->uc_off;
    ctl->sp = (thread_area_addr(th) + th->uc_off - 256) & ~15ULL;
}

void context_fresh(struct thread *th)
{
    th->uc_off = STUB_AREA_FRAME;
    struct linux_ucontext *uc = frame(th);
    memset(uc, 0, sizeof(*uc));
    uc->uc_flags = LINUX_UC_SIGCONTEXT_SS | LINUX_UC_STRICT_RESTORE_SS;
    uc->uc_mcontext.cs = USER_CS;
    uc->uc_mcontext.ss = USER_SS;
    frame_here(th);
    *th->regs = (struct regs){.rflags = 0x202};
    memcpy(&th->regs->cs_gs_fs, &uc->uc_mcontext.cs, sizeof(th->regs->cs_gs_fs));
}

void context_copy(const struct thread *from, struct thread *to)
{
    to->uc_off = from->uc_off;
    uint32_t start = from->uc_off - 8;
    memcpy(thread_area(to) + start, thread_area(from) + start, STUB_AREA_SIZE - start);
    struct linux_ucontext *uc = frame(to);
    uint64_t fp = uc->uc_mcontext.fpstate;
    int64_t off = area_offset(from, fp, sizeof(struct linux_fpstate));
    uc->uc_mcontext.fpstate = off < 0 ? 0 : thread_area_addr(to) + (uint64_t)off;
    frame_here(to);
    *to->regs = *from->regs;
}

void context_drop(struct thread *th) { SLAB_FREE(REGS, TAKE(th->regs)); }

int context_fault(struct thread *th, uint32_t *ret_signo, struct fault *ret)
{
    volatile struct stub_ctl *ctl = thread_ctl(th);
    *ret_signo = ctl->signo;
    int64_t off = area_offset(th, ctl->info, sizeof(struct linux_siginfo));
    if (off < 0)
        return -EINVAL;
    struct linux_siginfo info;
    memcpy(&info, thread_area(th) + off, sizeof(info));
    struct linux_sigcontext c;
    memcpy(&c, &frame(th)->uc_mcontext, sizeof(c));
    *ret = (struct fault){.signo = (int)*ret_signo,
                          .code = info.si_code,
                          .addr = info.fault.addr,
                          .trapno = c.trapno,
                          .err = c.err,
                          .cr2 = c.cr2};
    return 0;
}

/* Offset and size of the frame's vector state; -EINVAL if it has none. */
static int64_t fpstate_find(const struct thread *th, size_t *ret_size)
{
    uint64_t addr = frame(th)->uc_mcontext.fpstate;
    int64_t off = area_offset(th, addr, sizeof(struct linux_fpstate));
    if (off < 0)
        return off;
    struct linux_fpx_sw_bytes sw;
    memcpy(&sw, thread_area(th) + off + offsetof(struct linux_fpstate, sw_reserved), sizeof(sw));
    size_t size = sizeof(struct linux_fpstate);
    if (sw.magic1 == LINUX_FP_XSTATE_MAGIC1 && sw.extended_size > size &&
        sw.extended_size <= STUB_AREA_SIZE - (uint64_t)off)
        size = sw.extended_size;
    *ret_size = size;
    return off;
}

size_t platform_fpstate(struct thread *th, const void **ret)
{
    size_t size;
    int64_t off = fpstate_find(th, &size);
    *ret = off < 0 ? NULL : thread_area(th) + off;
    return off < 0 ? 0 : size;
}

int platform_set_fpstate(struct thread *th, const void *p, size_t size_bytes)
{
    struct linux_ucontext *uc = frame(th);
    th->pristine = false;
    if (!size_bytes) {
        uc->uc_mcontext.fpstate = 0; /* the host loads the initial state */
        return 0;
    }
    size_t have;
    int64_t off = fpstate_find(th, &have);
    if (off < 0) { /* the frame lost its state to a reset in this very stop */
        off = (int64_t)ALIGN_UP(th->uc_off + 0x400, 64);
        have = STUB_AREA_SIZE - (size_t)off;
    }
    if (size_bytes < sizeof(struct linux_fpstate) || size_bytes > have)
        return -EINVAL;
    struct linux_fpstate head;
    memcpy(&head, p, sizeof(head));
    if (head.mxcsr & ~0xffffu)
        return -EINVAL;
    bool extended = size_bytes > sizeof(head) &&
                    head.sw_reserved.magic1 == LINUX_FP_XSTATE_MAGIC1 &&
                    head.sw_reserved.extended_size == size_bytes;
    if (extended && size_bytes >= sizeof(head) + sizeof(struct linux_xstate_header)) {
        struct linux_xstate_header h;
        memcpy(&h, (const uint8_t *)p + sizeof(head), sizeof(h));
        if (h.xfeatures & ~head.sw_reserved.xfeatures || h.reserved1[0] || h.reserved1[1])
            return -EINVAL;
    }
    if (!extended)
        memset(&head.sw_reserved, 0, sizeof(head.sw_reserved));
    uint8_t *to = thread_area(th) + off;
    memcpy(to, p, extended ? size_bytes : sizeof(head));
    memcpy(to, &head, sizeof(head));
    uc->uc_mcontext.fpstate = thread_area_addr(th) + (uint64_t)off;
    return 0;
}
