/* stub/run.c - stops and commands: the stub's whole work once the application runs. */
#include "stub/stub.h"

#include <asm/signal.h>
#include <asm/unistd_64.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

static int64_t command_run(const struct stub_cmd *c)
{
    if (c->nr == STUB_CMD_COPY) {
        uint64_t dst = c->arg[0], src = c->arg[1], n = c->arg[2];
        __asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
        return 0;
    }
    if (c->nr == STUB_CMD_WIDEN) {
        struct sock_fprog prog = {(unsigned short)stub_filter_wide_len,
                                  (struct sock_filter *)(uintptr_t)stub_filter_wide};
        stub_call(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
                  (uint64_t)(uintptr_t)&prog, 0, 0, 0);
        return 0; /* without it, calls are as slow as before */
    }
    if (c->nr == STUB_CMD_CLONE)
        return stub_clone(c->arg[0], c->arg[1], c->arg[2], c->arg[3]);
    return stub_call(c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]);
}

/* True if all of the batch went well. */
static int commands_run(volatile struct stub_ctl *ctl)
{
    uint32_t n = ctl->ncmds;
    for (uint32_t i = 0; i < n && i < STUB_CMDS; i++) {
        struct stub_cmd c;
        c.nr = ctl->cmd[i].nr;
        for (int k = 0; k < 6; k++)
            c.arg[k] = ctl->cmd[i].arg[k];
        int64_t r = command_run(&c);
        ctl->result = r;
        if (r < 0 && r > -4096) {
            ctl->failed = i + 1;
            return 0;
        }
    }
    return 1;
}

#define SPINS 600 /* 10 to 20 us: longer than a call that does not wait */

/* True if the stop was handed over and answered without a notification. */
static int post(volatile struct stub_ctl *ctl)
{
    uint32_t *hand = (uint32_t *)(uintptr_t)&ctl->hand, old = STUB_HAND_WATCHED;
    if (*hand != STUB_HAND_WATCHED ||
        !__atomic_compare_exchange_n(hand, &old, STUB_HAND_POSTED, 0, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return 0;
    for (int i = 0; i < SPINS; i++) {
        uint32_t h = __atomic_load_n(hand, __ATOMIC_ACQUIRE);
        if (h == STUB_HAND_NONE || h == STUB_HAND_WATCHED)
            return 1;
        if (h == STUB_HAND_SLEEP)
            break;
        __builtin_ia32_pause();
    }
    stub_call(STUB_NR_SLEEP, 0, 0, 0, 0, 0, 0);
    return 1;
}

/* What comes from outside, and may find the stub at work: its bit in ctl->interrupted. */
static uint32_t note_of(int signo)
{
    return signo == STUB_SIG_INTERRUPT ? STUB_NOTE_INTERRUPT
           : signo == SIGPROF          ? STUB_NOTE_PROF
           : signo == SIGVTALRM        ? STUB_NOTE_VTALRM
                                       : 0;
}

static int noted(volatile struct stub_ctl *ctl)
{
    uint32_t notes = ctl->interrupted;
    return notes & STUB_NOTE_PROF     ? SIGPROF
           : notes & STUB_NOTE_VTALRM ? SIGVTALRM
                                      : STUB_SIG_INTERRUPT;
}

static void stop(volatile struct stub_ctl *ctl, int signo, uint64_t info, uint64_t uc)
{
    ctl->signo = (uint32_t)signo;
    ctl->info = info;
    ctl->uc = uc;
    /* This is the stop that an interrupt asks for; one that comes from here on is a stop of its own. */
    (void)__atomic_fetch_and(&ctl->interrupted, ~(note_of(signo) | STUB_NOTE_INTERRUPT),
                             __ATOMIC_RELAXED);
    if (!post(ctl))
        stub_call(STUB_NR_STOP, 0, 0, 0, 0, 0, 0);
}

/* After the answer: does what the sentry asks for, and goes on with the context that it left. direct: no signal is blocked, and
 * the registers that we do not use are the application's. */
static _Noreturn void answered(volatile struct stub_ctl *ctl, int direct)
{
    for (;;) {
        int stored = stub_near_store(ctl);
        int ok = commands_run(ctl);
        ctl->done = ctl->seq;
        if (!ok || ctl->flags & STUB_FLAG_REPORT) {
            stub_call(STUB_NR_REPORT, 0, 0, 0, 0, 0, 0);
            continue;
        }
        struct stub_ucontext *uc = (struct stub_ucontext *)(uintptr_t)ctl->uc;
        int fast = 0;
        if (ctl->flags & STUB_FLAG_RETURN) {
            uc->rax = (uint64_t)ctl->ret;
            fast = direct && !(uc->rflags & 0x100 /* TF */);
        }
        if (!stored)
            uc->rax = (uint64_t)-14 /* EFAULT */;
        stub_leave(uc, ctl, fast);
        ctl->nin = ctl->nwindow = 0;
        stop(ctl, noted(ctl), ctl->info, (uint64_t)(uintptr_t)uc);
    }
}

_Noreturn void stub_run(struct stub_ctl *ctl) { answered(ctl, 0); }

static int in(uint64_t ip, const char *begin, const char *end)
{
    return ip >= (uint64_t)(uintptr_t)begin && ip < (uint64_t)(uintptr_t)end;
}

/* Calls that end in a clone: a thread that starts must have all signals blocked. */
static int clones(uint64_t nr)
{
    return nr == __NR_clone || nr == __NR_fork || nr == __NR_vfork || nr == __NR_clone3;
}

void stub_stopped(int signo, void *info, void *ucontext)
{
    struct stub_ucontext *uc = ucontext;
    uint64_t here = (uint64_t)(uintptr_t)uc & ~(uint64_t)(STUB_AREA_SIZE - 1);
    volatile struct stub_ctl *ctl = (struct stub_ctl *)(uintptr_t)here;
    int direct = signo == SIGSYS;
    if (signo == SIGVTALRM || signo == SIGPROF) {
        __atomic_fetch_or((uint32_t *)(uintptr_t)&ctl->timers, signo == SIGPROF ? 2u : 1u,
                          __ATOMIC_RELAXED);
        signo = STUB_SIG_INTERRUPT;
    }
    if (uc->rip - STUB_TEXT < STUB_TEXT_SIZE) {
        if (note_of(signo)) {
            if (uc->rip == (uint64_t)(uintptr_t)stub_leave_jump) {
                uc->rip = uc->rcx;
            } else if (in(uc->rip, (const char *)(uintptr_t)stub_leave, stub_leave_jump)) {
                uc = (struct stub_ucontext *)(uintptr_t)ctl->uc;
            } else {
                ctl->interrupted |= note_of(signo); /* the handler of these is not interrupted */
                stub_sigreturn((uint64_t)(uintptr_t)uc);
            }
        } else if (in(uc->rip, stub_user_begin, stub_user_end)) {
            uc->rip = (uint64_t)(uintptr_t)stub_user_fault;
            stub_sigreturn((uint64_t)(uintptr_t)uc);
        } else if (uc->rip == (uint64_t)(uintptr_t)stub_block) {
            info = (void *)(uintptr_t)uc->rsi;
            uc = (struct stub_ucontext *)(uintptr_t)uc->rdi;
            signo = SIGSYS;
        }
    }
    if (direct && clones(uc->rax))
        stub_block(uc, info);
    ctl->nin = ctl->nwindow = 0;
    if (direct)
        stub_near_fetch(ctl, uc);
    stop(ctl, signo, (uint64_t)(uintptr_t)info, (uint64_t)(uintptr_t)uc);
    answered(ctl, direct);
}
