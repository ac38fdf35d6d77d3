/* The frame that a handler finds on its stack (x86-64), and the way back. Layout: abi/signal.h. */
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/usermem.h"
#include "sentry/platform/space_limits.h"
#include "sentry/signal/frame.h"
#include "sentry/signal/signal_priv.h"

#include <string.h>

#define FLAG_TF 0x100u
#define FLAG_DF 0x400u
#define FLAG_RF 0x10000u
/* What sigreturn may change: CF PF AF ZF SF TF DF OF AC RF. */
#define FLAGS_USER  0x50dd5u
#define USER_CS     0x33u
#define USER_SS     0x2bu
#define FXSAVE_SIZE 512u
#define FPSTATE_MAX 65536u

bool altstack_on(const struct task *t, uint64_t sp)
{
    if (t->altstack_autodisarm)
        return false;
    return t->altstack_size && sp > t->altstack_sp && sp - t->altstack_sp <= t->altstack_size;
}

void altstack_get(const struct task *t, uint64_t sp, struct linux_stack *ret)
{
    uint32_t flags = !t->altstack_size        ? LINUX_SS_DISABLE
                     : t->altstack_autodisarm ? LINUX_SS_AUTODISARM
                                              : 0;
    if (altstack_on(t, sp))
        flags |= LINUX_SS_ONSTACK;
    *ret = (struct linux_stack){
        .ss_sp = t->altstack_sp, .ss_size = t->altstack_size, .ss_flags = (int32_t)flags};
}

int altstack_set(struct task *t, uint64_t sp, const struct linux_stack *st, uint64_t min_size)
{
    if (altstack_on(t, sp))
        return -EPERM;
    uint32_t flags = (uint32_t)st->ss_flags, mode = flags & ~LINUX_SS_AUTODISARM;
    if (mode != LINUX_SS_DISABLE && mode != LINUX_SS_ONSTACK && mode != 0)
        return -EINVAL;
    if (mode == LINUX_SS_DISABLE) {
        t->altstack_sp = t->altstack_size = 0;
        t->altstack_autodisarm = (flags & LINUX_SS_AUTODISARM) != 0;
        return 0;
    }
    if (st->ss_size < min_size)
        return -ENOMEM;
    t->altstack_sp = st->ss_sp;
    t->altstack_size = st->ss_size;
    t->altstack_autodisarm = (flags & LINUX_SS_AUTODISARM) != 0;
    return 0;
}

bool frame_place(struct task *t, const struct linux_sigaction *act, struct frame_place *pl)
{
    uint64_t sp = platform_regs(t->thread)->rsp;
    bool on_alt = altstack_on(t, sp);
    bool enter_alt = (act->flags & LINUX_SA_ONSTACK) && t->altstack_size && !on_alt;
    pl->top = enter_alt ? t->altstack_sp + t->altstack_size : sp - LINUX_REDZONE_SIZE;
    pl->fp_size = platform_fpstate(t->thread, &pl->fp_state);
    pl->fp = ALIGN_DOWN(pl->top - pl->fp_size, 64);
    pl->frame = ALIGN_DOWN(pl->fp - sizeof(struct linux_rt_sigframe), 16) - 8;
    if (pl->frame > pl->top || pl->frame < SPACE_MIN || pl->top > SPACE_END)
        return false;
    return !(on_alt || enter_alt) || pl->frame >= t->altstack_sp;
}

static void save_regs(const struct task *t, struct linux_sigcontext *c, uint64_t mask)
{
    const struct regs *r = platform_regs(t->thread);
    *c = (struct linux_sigcontext){
        .r8 = r->r8,
        .r9 = r->r9,
        .r10 = r->r10,
        .r11 = r->r11,
        .r12 = r->r12,
        .r13 = r->r13,
        .r14 = r->r14,
        .r15 = r->r15,
        .rdi = r->rdi,
        .rsi = r->rsi,
        .rbp = r->rbp,
        .rbx = r->rbx,
        .rdx = r->rdx,
        .rax = r->rax,
        .rcx = r->rcx,
        .rsp = r->rsp,
        .rip = r->rip,
        .eflags = r->rflags,
        .cs = USER_CS,
        .ss = USER_SS,
        .err = t->last_fault.err,
        .trapno = t->last_fault.trapno,
        .cr2 = t->last_fault.cr2,
        .oldmask = mask,
    };
}

int frame_build(struct task *t, const struct linux_sigaction *act, const struct linux_siginfo *info,
                uint64_t mask, const struct frame_place *pl)
{
    struct regs *r = platform_regs(t->thread);
    if (!(act->flags & LINUX_SA_RESTORER))
        return -EFAULT;
    struct linux_rt_sigframe f = {.pretcode = act->restorer, .info = *info};
    f.uc.uc_flags = LINUX_UC_SIGCONTEXT_SS | LINUX_UC_STRICT_RESTORE_SS |
                    (pl->fp_size > FXSAVE_SIZE ? LINUX_UC_FP_XSTATE : 0);
    altstack_get(t, r->rsp, &f.uc.uc_stack);
    save_regs(t, &f.uc.uc_mcontext, mask);
    f.uc.uc_mcontext.fpstate = pl->fp_size ? pl->fp : 0;
    f.uc.uc_sigmask = mask;
    if (pl->fp_size && copy_out(t, UADDR(pl->fp), pl->fp_state, pl->fp_size))
        return -EFAULT;
    if (copy_out(t, UADDR(pl->frame), &f, sizeof(f)))
        return -EFAULT;
    r->rdi = (uint64_t)info->si_signo;
    r->rsi = pl->frame + offsetof(struct linux_rt_sigframe, info);
    r->rdx = pl->frame + offsetof(struct linux_rt_sigframe, uc);
    r->rax = 0;
    r->rsp = pl->frame;
    r->rip = act->handler;
    r->rflags &= ~(uint64_t)(FLAG_DF | FLAG_RF | FLAG_TF);
    /* The handler starts with a fresh vector state. */
    return platform_set_fpstate(t->thread, NULL, 0);
}

/* The vector state of a frame, whose sizes the application may have changed. */
static int restore_fp(struct task *t, uint64_t fp)
{
    if (!fp)
        return platform_set_fpstate(t->thread, NULL, 0);
    if (!IS_ALIGNED(fp, 64))
        return -EFAULT;
    struct linux_fpstate fx;
    if (copy_in(t, &fx, UADDR(fp), sizeof(fx)))
        return -EFAULT;
    const void *now;
    size_t full = platform_fpstate(t->thread, &now), size = FXSAVE_SIZE;
    if (fx.sw_reserved.magic1 == LINUX_FP_XSTATE_MAGIC1 && fx.sw_reserved.extended_size <= full &&
        fx.sw_reserved.extended_size > FXSAVE_SIZE)
        size = fx.sw_reserved.extended_size;
    if (size > FPSTATE_MAX)
        return -EFAULT;
    void *buf = arena_alloc(size);
    if (!buf)
        return -ENOMEM;
    int err = copy_in(t, buf, UADDR(fp), size);
    memcpy(buf, &fx, sizeof(fx)); /* what was checked */
    if (!err)
        err = platform_set_fpstate(t->thread, buf, size);
    arena_free(buf, size);
    return err;
}

int frame_restore(struct task *t)
{
    struct regs *r = platform_regs(t->thread);
    struct linux_rt_sigframe f;
    if (copy_in(t, &f, UADDR(r->rsp - 8), sizeof(f)))
        return -EFAULT;
    const struct linux_sigcontext *c = &f.uc.uc_mcontext;
    if (restore_fp(t, c->fpstate))
        return -EFAULT;
    signal_set_mask(t, f.uc.uc_sigmask);
    *r = (struct regs){
        .r8 = c->r8,
        .r9 = c->r9,
        .r10 = c->r10,
        .r11 = c->r11,
        .r12 = c->r12,
        .r13 = c->r13,
        .r14 = c->r14,
        .r15 = c->r15,
        .rdi = c->rdi,
        .rsi = c->rsi,
        .rbp = c->rbp,
        .rbx = c->rbx,
        .rdx = c->rdx,
        .rax = c->rax,
        .rcx = c->rcx,
        .rsp = c->rsp,
        .rip = c->rip,
        .cs_gs_fs = r->cs_gs_fs,
        .rflags = (r->rflags & ~(uint64_t)FLAGS_USER) | (c->eflags & FLAGS_USER),
    };
    (void)!altstack_set(t, c->rsp, &f.uc.uc_stack, 0); /* as Linux: a bad one is no error here */
    return 0;
}
