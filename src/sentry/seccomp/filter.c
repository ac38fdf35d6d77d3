/* Filters as objects: making them, with what the host needs of each; a task's list. */
#include <errno.h>
#include <string.h>

#include "abi/filter.h"
#include "abi/prctl.h"
#include "abi/syscall_nr.h"
#include "sentry/arena/arena.h"
#include "sentry/seccomp/bpf.h"
#include "sentry/seccomp/seccomp.h"
#include "wire/boot_config.h"

#define PATH_MAX_INSNS 32768u /* Linux's limit for all filters of a task, .. */
#define PATH_EXTRA     4u     /* .. with so many for each filter beyond its own */

/* Calls that the stubs' filter lets through to the host, for some arguments at least: NATIVE, HOST and SPECIAL of
 * stub/gen_filter.py. */
static const uint16_t native[] = {
    LINUX_SYS_sched_yield,   LINUX_SYS_gettimeofday, LINUX_SYS_time,       LINUX_SYS_getcpu,
    LINUX_SYS_futex,         LINUX_SYS_futex_waitv,  LINUX_SYS_futex_wake, LINUX_SYS_futex_wait,
    LINUX_SYS_futex_requeue, LINUX_SYS_membarrier,   LINUX_SYS_arch_prctl, LINUX_SYS_clock_gettime,
    LINUX_SYS_clock_getres,
};

static bool lets_pass(uint32_t answer)
{
    uint32_t action = answer & LINUX_SECCOMP_RET_ACTION_FULL;
    return action == LINUX_SECCOMP_RET_ALLOW || action == LINUX_SECCOMP_RET_LOG;
}

static struct linux_sock_filter insn(uint32_t code, uint32_t k, size_t jt, size_t jf)
{
    return (struct linux_sock_filter){
        .code = (uint16_t)code, .k = k, .jt = (uint8_t)jt, .jf = (uint8_t)jf};
}

#define RET_K(k) insn(LINUX_BPF_RET | LINUX_BPF_K, k, 0, 0)
#define LD_NR    insn(LINUX_BPF_LD | LINUX_BPF_W | LINUX_BPF_ABS, 0, 0, 0)
#define JEQ      (LINUX_BPF_JMP | LINUX_BPF_JEQ | LINUX_BPF_K)

/* The program with the two answers that the host needs. Jumps stay as they are: one instruction for one, and a tail for what
 * returns a computed value. */
static size_t host_copy(const struct linux_sock_filter *prog, uint32_t n,
                        struct linux_sock_filter *out)
{
    for (uint32_t i = 0; i < n; i++) {
        out[i] = prog[i];
        if (prog[i].code == (LINUX_BPF_RET | LINUX_BPF_K))
            out[i].k = lets_pass(prog[i].k) ? LINUX_SECCOMP_RET_ALLOW : LINUX_SECCOMP_RET_TRAP;
        else if (prog[i].code == (LINUX_BPF_RET | LINUX_BPF_A))
            out[i] = insn(LINUX_BPF_JMP | LINUX_BPF_JA, n - i - 1, 0, 0);
    }
    out += n;
    out[0] = insn(LINUX_BPF_ALU | LINUX_BPF_AND | LINUX_BPF_K, LINUX_SECCOMP_RET_ACTION_FULL, 0, 0);
    out[1] = insn(JEQ, LINUX_SECCOMP_RET_ALLOW, 2, 0);
    out[2] = insn(JEQ, LINUX_SECCOMP_RET_LOG, 1, 0);
    out[3] = RET_K(LINUX_SECCOMP_RET_TRAP);
    out[4] = RET_K(LINUX_SECCOMP_RET_ALLOW);
    return n + 5;
}

/* Which of the native calls may be forbidden: always, or by their arguments. */
struct native_rules {
    uint16_t always[ARRAY_SIZE(native)], sometimes[ARRAY_SIZE(native)];
    size_t always_n, sometimes_n;
};

static struct native_rules native_find(const struct linux_sock_filter *prog, uint32_t n)
{
    struct native_rules r = {.always_n = 0};
    for (size_t i = 0; i < ARRAY_SIZE(native); i++) {
        uint32_t answer;
        if (!bpf_constant(prog, n, native[i], LINUX_AUDIT_ARCH_X86_64, &answer))
            r.sometimes[r.sometimes_n++] = native[i];
        else if (!lets_pass(answer))
            r.always[r.always_n++] = native[i];
    }
    return r;
}

static size_t host_len(const struct native_rules *r, uint32_t n)
{
    if (r->always_n + r->sometimes_n == 0)
        return 0;
    return r->always_n + r->sometimes_n + 3 + (r->sometimes_n ? n + 6 : 0);
}

static void host_write(const struct native_rules *r, const struct linux_sock_filter *prog,
                       uint32_t n, struct linux_sock_filter *out)
{
    size_t tests = r->always_n + r->sometimes_n;
    size_t at = 0;
    out[at++] = LD_NR;
    for (size_t i = 0; i < r->always_n; i++, at++)
        out[at] = insn(JEQ, r->always[i], tests - at + 1, 0);
    for (size_t i = 0; i < r->sometimes_n; i++, at++)
        out[at] = insn(JEQ, r->sometimes[i], tests - at + 2, 0);
    out[at++] = RET_K(LINUX_SECCOMP_RET_ALLOW);
    out[at++] = RET_K(LINUX_SECCOMP_RET_TRAP);
    if (r->sometimes_n == 0)
        return;
    out[at++] = insn(LINUX_BPF_LD | LINUX_BPF_IMM, 0, 0, 0); /* as programs begin */
    (void)host_copy(prog, n, out + at);
}

/* I1 */
static void allow_fill(struct seccomp_filter *f)
{
    for (uint32_t nr = 0; nr < SECCOMP_NRS; nr++) {
        uint32_t answer;
        if (f->before && !(f->before->allow[nr / 64] >> (nr % 64) & 1))
            continue;
        if (bpf_constant(f->insn, f->len, nr, LINUX_AUDIT_ARCH_X86_64, &answer) &&
            (answer & LINUX_SECCOMP_RET_ACTION_FULL) == LINUX_SECCOMP_RET_ALLOW)
            f->allow[nr / 64] |= UINT64_C(1) << (nr % 64);
    }
}

static size_t filter_bytes(const struct seccomp_filter *f)
{
    return sizeof(*f) + ((size_t)f->len + f->host_len) * sizeof(f->insn[0]);
}

int seccomp_filter_new(struct seccomp_filter *before, const struct linux_sock_filter *prog,
                       uint32_t n, bool log, struct seccomp_filter **ret)
{
    int err = bpf_check(prog, n);
    if (err)
        return err;
    struct native_rules rules = native_find(prog, n);
    struct seccomp_filter head = {
        .before = before,
        .len = n,
        .host_len = (uint32_t)host_len(&rules, n),
        .path_len = n + (before ? before->path_len + PATH_EXTRA : 0),
        .depth = before ? before->depth + 1 : 1,
        .log = log,
    };
    if (head.path_len > PATH_MAX_INSNS || head.host_len > PLATFORM_FILTER_MAX)
        return -ENOMEM;
    struct seccomp_filter *f = arena_alloc(filter_bytes(&head));
    if (!f)
        return -ENOMEM;
    *f = head;
    ref_init(&f->ref);
    if (before)
        (void)seccomp_filter_ref(before);
    memcpy(f->insn, prog, n * sizeof(*prog));
    if (f->host_len)
        host_write(&rules, prog, n, f->insn + n);
    allow_fill(f);
    *ret = f;
    return 0;
}

struct seccomp_filter *seccomp_filter_ref(struct seccomp_filter *f)
{
    ref_get(&f->ref);
    return f;
}

struct seccomp_filter *seccomp_filter_unref(struct seccomp_filter *f)
{
    while (f && ref_put(&f->ref)) {
        struct seccomp_filter *before = f->before;
        arena_free(f, filter_bytes(f));
        f = before;
    }
    return NULL;
}

void seccomp_attach(struct task *t, struct seccomp_filter *f)
{
    seccomp_filter_unref(t->seccomp); /* f holds its own */
    t->seccomp = f;
    if (!t->seccomp_mode)
        t->seccomp_mode = LINUX_SECCOMP_MODE_FILTER;
}

int seccomp_strict(struct task *t)
{
    static const uint16_t calls[] = {LINUX_SYS_read, LINUX_SYS_write, LINUX_SYS_exit,
                                     LINUX_SYS_rt_sigreturn};
    struct linux_sock_filter prog[ARRAY_SIZE(calls) + 3] = {LD_NR};
    size_t n = 1;
    if (t->seccomp_mode == LINUX_SECCOMP_MODE_STRICT)
        return 0;
    if (t->seccomp_mode)
        return -EINVAL;
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++, n++)
        prog[n] = insn(JEQ, calls[i], ARRAY_SIZE(calls) - i, 0);
    prog[n++] = RET_K(LINUX_SECCOMP_RET_KILL_THREAD);
    prog[n++] = RET_K(LINUX_SECCOMP_RET_ALLOW);
    struct seccomp_filter *f;
    int err = seccomp_filter_new(NULL, prog, (uint32_t)n, false, &f);
    if (err)
        return err;
    t->seccomp_mode = LINUX_SECCOMP_MODE_STRICT;
    seccomp_attach(t, f);
    return 0;
}

void seccomp_inherit(struct task *child, const struct task *parent)
{
    if (!parent->seccomp)
        return;
    child->seccomp = seccomp_filter_ref(parent->seccomp);
    child->seccomp_host = parent->seccomp_host;
    child->seccomp_mode = parent->seccomp_mode;
}

void seccomp_drop(struct task *t)
{
    t->seccomp = seccomp_filter_unref(t->seccomp);
    t->seccomp_host = NULL;
}

int seccomp_from_config(struct task *t, const struct boot_config *cfg)
{
    struct seccomp_filter *f;
    if (cfg->filter_len == 0)
        return 0;
    struct linux_sock_filter *prog = arena_alloc(cfg->filter_len * sizeof(*prog));
    if (!prog)
        return -ENOMEM;
    memcpy(prog, cfg->filter, cfg->filter_len * sizeof(*prog)); /* aligned */
    int err = seccomp_filter_new(t->seccomp, prog, cfg->filter_len, false, &f);
    arena_free(prog, cfg->filter_len * sizeof(*prog));
    if (!err)
        seccomp_attach(t, f);
    return err;
}
