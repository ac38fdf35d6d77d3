/* stub/main.c - the zygote: handlers, the filter, then a new process whenever the sentry asks for one.
 *
 * Context  the first stub process, before any application code exists; only what runs after the filter is in run.c.
 */
#include "stub/stub.h"

#include <asm/signal.h>
#include <asm/unistd_64.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#define AT_SYSINFO_EHDR 33

struct stub_sigaction {
    void (*handler)(int);
    uint64_t flags;
    void (*restorer)(void);
    uint64_t mask;
};

static uint64_t arg(const void *p) { return (uint64_t)(uintptr_t)p; }

static uint64_t find_vdso(const uint64_t *sp)
{
    uint64_t argc = *sp++;
    sp += argc + 1;
    while (*sp)
        sp++;
    for (sp++; sp[0]; sp += 2) {
        if (sp[0] == AT_SYSINFO_EHDR)
            return sp[1];
    }
    return 0;
}

static void handlers_install(void)
{
    static const uint8_t signals[] = {
        SIGSYS, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, STUB_SIG_INTERRUPT, SIGVTALRM, SIGPROF};
    /* SA_RESTART: a call that was interrupted before the sentry saw it, or a native futex wait, shows as not yet made. */
    for (unsigned i = 0; i < sizeof signals; i++) {
        int trap = signals[i] == SIGSYS;
        const struct stub_sigaction sa = {stub_handler,
                                          SA_SIGINFO | SA_ONSTACK | SA_RESTART | 0x04000000 |
                                              (trap ? SA_NODEFER : 0),
                                          stub_restorer, trap ? 0 : ~(uint64_t)0};
        stub_call(__NR_rt_sigaction, signals[i], arg(&sa), 0, 8, 0, 0);
    }
    /* A new process has no stack for signals until its first context is loaded, which unblocks them. */
    const uint64_t all = ~(uint64_t)0;
    stub_call(__NR_rt_sigprocmask, SIG_SETMASK, arg(&all), 0, 8, 0, 0);
}

static int64_t filter_install(const struct sock_filter *code, unsigned len, uint64_t flags)
{
    struct sock_fprog prog = {(unsigned short)len, (struct sock_filter *)(uintptr_t)code};
    return stub_call(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, arg(&prog), 0, 0, 0);
}

void stub_main(const uint64_t *stack)
{
    int64_t r = stub_call(__NR_mmap, STUB_AREAS, STUB_AREA_SIZE, 3, 0x11, STUB_FD_AREAS, 0);
    if (r < 0)
        stub_call(__NR_exit_group, 1, 0, 0, 0, 0, 0);
    volatile struct stub_ctl *ctl = (struct stub_ctl *)(uintptr_t)STUB_AREAS;
    ctl->vdso = find_vdso(stack);
    handlers_install();
    stub_call(__NR_madvise, STUB_AREAS, STUB_AREA_SIZE, 10, 0, 0, 0);
    stub_call(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
    int trace = ctl->mode == STUB_MODE_TRACE;
    int64_t listener = trace ? filter_install(stub_filter_trace, stub_filter_trace_len, 0)
                             : filter_install(stub_filter, stub_filter_len,
                                              SECCOMP_FILTER_FLAG_NEW_LISTENER |
                                                  (1UL << 5) /* WAIT_KILLABLE_RECV */);
    __atomic_store_n(&ctl->listener, (int32_t)(listener < 0 ? listener : listener + 1),
                     __ATOMIC_RELEASE);
    stub_call(__NR_futex, STUB_AREAS + __builtin_offsetof(struct stub_ctl, listener), 1 /* WAKE */,
              1, 0, 0, 0);
    if (listener < 0)
        for (;;)
            stub_call(__NR_exit_group, 1, 0, 0, 0, 0, 0);
    while (!ctl->attached)
        stub_call(__NR_futex, STUB_AREAS + __builtin_offsetof(struct stub_ctl, attached),
                  0 /* WAIT */, 0, 0, 0, 0);
    int64_t slot = stub_call(STUB_NR_ZYGOTE, 1, 0, 0, 0, 0, 0);
    if (!trace)
        stub_call(__NR_close, (uint64_t)listener, 0, 0, 0, 0, 0);
    for (;;) {
        if (slot > 0)
            r = stub_clone(0x8000 /* CLONE_PARENT */, (uint64_t)slot, 0, 0);
        else if (slot == STUB_ZYGOTE_SPLIT) /* the child, which goes on here, is one more zygote */
            r = stub_call(__NR_clone, 0x8000, 0, 0, 0, 0, 0);
        slot = stub_call(STUB_NR_ZYGOTE, 0, (uint64_t)r, 0, 0, 0, 0);
    }
}
