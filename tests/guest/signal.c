/* Handlers, masks, queues, restarts, alternate stacks, signalfd.
   tests: rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
   rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo signalfd4 tgkill tkill */
#include "guest.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

static volatile sig_atomic_t got, got_code, depth;
static volatile pid_t got_pid;
static volatile int got_value;

static void note(int sig, siginfo_t *si, void *uc)
{
    (void)uc;
    got = sig;
    got_code = si->si_code;
    got_pid = si->si_pid;
    got_value = si->si_value.sival_int;
}

static void handle(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
    struct sigaction sa = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&sa.sa_mask);
    CHECK_OK(sigaction(sig, &sa, NULL));
    got = 0;
}

static sigset_t set_of(int a, int b)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, a);
    if (b)
        sigaddset(&s, b);
    return s;
}

TEST(handler_gets_siginfo)
{
    handle(SIGUSR1, note, 0);
    CHECK_OK(kill(getpid(), SIGUSR1));
    CHECK_EQ(got, SIGUSR1);
    CHECK_EQ(got_code, SI_USER);
    CHECK_EQ(got_pid, getpid());
    got = 0;
    CHECK_OK(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1));
    CHECK_EQ(got_code, SI_TKILL);
    CHECK_OK(syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR1));
}

TEST(send_errors)
{
    CHECK_ERR(kill(getpid(), 65), EINVAL);
    CHECK_ERR(kill(getpid(), -1), EINVAL);
    CHECK_ERR(kill(32766, 0), ESRCH);
    CHECK_ERR(syscall(SYS_tgkill, -1, 1, 0), EINVAL);
    CHECK_ERR(syscall(SYS_tkill, 0, 0), EINVAL);
    CHECK_ERR(syscall(SYS_tgkill, getpid(), 32766, 0), ESRCH);
    CHECK_OK(kill(getpid(), 0));
    struct sigaction sa = {.sa_handler = SIG_IGN};
    CHECK_ERR(sigaction(SIGKILL, &sa, NULL), EINVAL);
    CHECK_ERR(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), EINVAL);
    CHECK_ERR(syscall(SYS_rt_sigaction, 1, NULL, NULL, 4), EINVAL);
    CHECK_ERR(syscall(SYS_rt_sigprocmask, 7, &sa, NULL, 8), EINVAL);
}

static void nested(int sig, siginfo_t *si, void *uc)
{
    (void)si;
    (void)uc;
    depth++;
    if (depth < 3)
        raise(sig);
    depth += 10;
}

TEST(nodefer_and_resethand)
{
    handle(SIGUSR1, nested, SA_NODEFER);
    depth = 0;
    raise(SIGUSR1);
    CHECK_EQ(depth, 33);
    handle(SIGUSR2, note, SA_RESETHAND);
    raise(SIGUSR2);
    struct sigaction sa;
    CHECK_OK(sigaction(SIGUSR2, NULL, &sa));
    CHECK(sa.sa_handler == SIG_DFL);
}

TEST(mask_and_pending)
{
    sigset_t s = set_of(SIGUSR1, SIGRTMIN), pend, old;
    handle(SIGUSR1, note, 0);
    CHECK_OK(sigprocmask(SIG_BLOCK, &s, NULL));
    raise(SIGUSR1);
    CHECK_EQ(got, 0);
    CHECK_OK(sigpending(&pend));
    CHECK(sigismember(&pend, SIGUSR1));
    CHECK(!sigismember(&pend, SIGUSR2));
    CHECK_OK(sigprocmask(SIG_UNBLOCK, &s, &old));
    CHECK(sigismember(&old, SIGUSR1));
    CHECK_EQ(got, SIGUSR1);
    CHECK_OK(sigpending(&pend));
    CHECK(!sigismember(&pend, SIGUSR1));
}

TEST(ignoring_drops_pending)
{
    sigset_t s = set_of(SIGUSR1, 0), pend;
    CHECK_OK(sigprocmask(SIG_BLOCK, &s, NULL));
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    CHECK_OK(sigpending(&pend));
    CHECK(!sigismember(&pend, SIGUSR1));
}

TEST(queue_order_and_values)
{
    sigset_t s = set_of(SIGRTMIN + 1, SIGRTMIN + 2);
    siginfo_t si;
    sigaddset(&s, SIGUSR1);
    CHECK_OK(sigprocmask(SIG_BLOCK, &s, NULL));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = i}));
        CHECK_OK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 10 + i}));
    }
    raise(SIGUSR1);
    raise(SIGUSR1);
    CHECK_EQ(sigwaitinfo(&s, &si), SIGUSR1);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(sigwaitinfo(&s, &si), SIGRTMIN + 1);
        CHECK_EQ(si.si_value.sival_int, 10 + i);
        CHECK_EQ(si.si_code, SI_QUEUE);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(sigwaitinfo(&s, &si), SIGRTMIN + 2);
        CHECK_EQ(si.si_value.sival_int, i);
    }
    struct timespec zero = {0}, bad = {.tv_nsec = 1000000000}, little = {.tv_nsec = 10000000};
    CHECK_ERR(sigtimedwait(&s, &si, &zero), EAGAIN);
    CHECK_ERR(sigtimedwait(&s, &si, &little), EAGAIN);
    CHECK_ERR(sigtimedwait(&s, &si, &bad), EINVAL);
}

TEST(queueinfo_permissions)
{
    siginfo_t si = {.si_code = SI_USER};
    sigset_t s = set_of(SIGUSR1, 0);
    CHECK_OK(sigprocmask(SIG_BLOCK, &s, NULL));
    CHECK_OK(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &si));
    CHECK_ERR(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &si), EPERM);
    si.si_code = SI_QUEUE;
    CHECK_OK(syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGUSR1, &si));
}

TEST(sigsuspend_restores_the_mask)
{
    sigset_t s = set_of(SIGUSR1, 0), none, now;
    sigemptyset(&none);
    handle(SIGUSR1, note, 0);
    CHECK_OK(sigprocmask(SIG_BLOCK, &s, NULL));
    raise(SIGUSR1);
    CHECK_EQ(got, 0);
    CHECK_ERR(sigsuspend(&none), EINTR);
    CHECK_EQ(got, SIGUSR1);
    CHECK_OK(sigprocmask(SIG_BLOCK, NULL, &now));
    CHECK(sigismember(&now, SIGUSR1));
}

/* A child that sends sig to its parent when the parent sleeps. */
static pid_t sender(int sig, int times)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        for (int i = 0; i < times; i++) {
            usleep(30000);
            kill(getppid(), sig);
        }
        _exit(0);
    }
    return pid;
}

TEST(pause_ends)
{
    handle(SIGUSR1, note, SA_RESTART);
    pid_t pid = sender(SIGUSR1, 1);
    CHECK_ERR(pause(), EINTR);
    check_child(pid, 0);
}

TEST(read_is_interrupted)
{
    int p[2];
    char c;
    CHECK_OK(pipe(p));
    handle(SIGUSR1, note, 0);
    pid_t pid = sender(SIGUSR1, 1);
    CHECK_ERR(read(p[0], &c, 1), EINTR);
    CHECK_EQ(got, SIGUSR1);
    check_child(pid, 0);
}

static int write_end;
static void writes(int sig, siginfo_t *si, void *uc)
{
    (void)si;
    (void)uc;
    got = sig;
    (void)!write(write_end, "z", 1);
}

TEST(read_is_restarted)
{
    int p[2];
    char c = 0;
    CHECK_OK(pipe(p));
    write_end = p[1];
    handle(SIGUSR1, writes, SA_RESTART);
    pid_t pid = sender(SIGUSR1, 1);
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(c, 'z');
    CHECK_EQ(got, SIGUSR1);
    check_child(pid, 0);
}

TEST(ignored_signal_does_not_interrupt)
{
    signal(SIGUSR1, SIG_IGN);
    struct timespec ts = {.tv_nsec = 150000000}, a, b;
    pid_t pid = sender(SIGUSR1, 2);
    clock_gettime(CLOCK_MONOTONIC, &a);
    CHECK_OK(nanosleep(&ts, NULL));
    clock_gettime(CLOCK_MONOTONIC, &b);
    CHECK((b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec >= 150000000);
    check_child(pid, 0);
}

TEST(sleep_tells_what_was_left)
{
    handle(SIGUSR1, note, SA_RESTART);
    struct timespec ts = {.tv_sec = 5}, rem = {0};
    pid_t pid = sender(SIGUSR1, 1);
    CHECK_ERR(nanosleep(&ts, &rem), EINTR);
    CHECK(rem.tv_sec == 4 && rem.tv_nsec > 0);
    check_child(pid, 0);
}

static sigjmp_buf jump;
static volatile void *fault_addr;
static void on_fault(int sig, siginfo_t *si, void *uc)
{
    (void)uc;
    got = sig;
    got_code = si->si_code;
    fault_addr = si->si_addr;
    siglongjmp(jump, 1);
}

TEST(segv_with_address)
{
    char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    handle(SIGSEGV, on_fault, 0);
    if (!sigsetjmp(jump, 1)) {
        *(volatile char *)(p + 5) = 1;
        FAIL("a read-only page was written");
    }
    CHECK_EQ(got_code, SEGV_ACCERR);
    CHECK(fault_addr == p + 5);
    munmap(p, 4096);
    if (!sigsetjmp(jump, 1)) {
        *(volatile char *)(p + 7) = 1;
        FAIL("an unmapped page was written");
    }
    CHECK_EQ(got_code, SEGV_MAPERR);
    CHECK(fault_addr == p + 7);
}

TEST(division_by_zero_and_illegal)
{
    handle(SIGFPE, on_fault, 0);
    if (!sigsetjmp(jump, 1)) {
        __asm__ volatile("xor %%edx, %%edx; mov $1, %%eax; xor %%ecx, %%ecx; div %%ecx" ::
                             : "eax", "ecx", "edx");
        FAIL("no fault");
    }
    CHECK_EQ(got, SIGFPE);
    CHECK_EQ(got_code, FPE_INTDIV);
    handle(SIGILL, on_fault, 0);
    if (!sigsetjmp(jump, 1))
        __asm__ volatile("ud2");
    CHECK_EQ(got, SIGILL);
    handle(SIGTRAP, note, 0);
    __asm__ volatile("int3");
    CHECK_EQ(got, SIGTRAP);
}

TEST(blocked_fault_kills)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        sigset_t s = set_of(SIGSEGV, 0);
        handle(SIGSEGV, note, 0);
        sigprocmask(SIG_BLOCK, &s, NULL);
        char *volatile bad = (char *)8;
        *bad = 1;
        _exit(0);
    }
    check_child(pid, 128 + SIGSEGV);
}

static char alt[65536];
static volatile int on_alt, alt_flags;
static void where(int sig, siginfo_t *si, void *uc)
{
    char here;
    stack_t st;
    (void)si;
    (void)uc;
    got = sig;
    on_alt = &here >= alt && &here < alt + sizeof(alt);
    sigaltstack(NULL, &st);
    alt_flags = st.ss_flags;
}

TEST(alternate_stack)
{
    stack_t st = {.ss_sp = alt, .ss_size = sizeof(alt)}, old;
    CHECK_OK(sigaltstack(&st, &old));
    CHECK_EQ(old.ss_flags, SS_DISABLE);
    handle(SIGUSR1, where, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK_EQ(on_alt, 1);
    CHECK_EQ(alt_flags, SS_ONSTACK);
    handle(SIGUSR2, where, 0);
    raise(SIGUSR2);
    CHECK_EQ(on_alt, 0);
    CHECK_OK(sigaltstack(NULL, &old));
    CHECK_EQ(old.ss_flags, 0);
    st.ss_size = 100;
    CHECK_ERR(sigaltstack(&st, NULL), ENOMEM);
    st.ss_flags = 77;
    CHECK_ERR(sigaltstack(&st, NULL), EINVAL);
    st = (stack_t){.ss_sp = alt, .ss_size = sizeof(alt), .ss_flags = (int)(1u << 31)};
    CHECK_OK(sigaltstack(&st, NULL));
    raise(SIGUSR1);
    CHECK_EQ(on_alt, 1);
    CHECK_EQ(alt_flags, SS_DISABLE); /* SS_AUTODISARM */
    CHECK_OK(sigaltstack(NULL, &old));
    CHECK(old.ss_sp == alt);
}

static void recurse(int n)
{
    volatile char big[4096];
    big[0] = (char)n;
    if (n > 0)
        recurse(n - 1);
    big[1] = big[0];
}

TEST(stack_overflow_is_caught)
{
    stack_t st = {.ss_sp = alt, .ss_size = sizeof(alt)};
    CHECK_OK(sigaltstack(&st, NULL));
    handle(SIGSEGV, on_fault, SA_ONSTACK);
    if (!sigsetjmp(jump, 1))
        recurse(1 << 20);
    CHECK_EQ(got, SIGSEGV);
}

static void edits(int sig, siginfo_t *si, void *uc)
{
    ucontext_t *u = uc;
    (void)si;
    got = sig;
    u->uc_mcontext.gregs[REG_RBX] = 0x1234567;
    sigaddset(&u->uc_sigmask, SIGUSR2);
}

TEST(context_is_restored)
{
    uint64_t rbx, r12 = 0, xmm = 0;
    handle(SIGUSR1, edits, 0);
    long pid = getpid();
    __asm__ volatile("mov $42, %%r12\n movq %%r12, %%xmm7\n mov $62, %%eax\n mov %3, %%rdi\n mov "
                     "$10, %%esi\n syscall\n"
                     "mov %%rbx, %0\n mov %%r12, %1\n movq %%xmm7, %2\n"
                     : "=&r"(rbx), "=&r"(r12), "=&r"(xmm)
                     : "r"(pid)
                     : "rax", "rbx", "rcx", "rdi", "rsi", "r11", "r12", "xmm7", "memory");
    CHECK_EQ(got, SIGUSR1);
    CHECK_EQ(rbx, 0x1234567);
    CHECK_EQ(r12, 42);
    CHECK_EQ(xmm, 42);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    CHECK(sigismember(&now, SIGUSR2));
    CHECK(!sigismember(&now, SIGUSR1));
}

static volatile uint32_t mxcsr_seen;
static void sees_mxcsr(int sig, siginfo_t *si, void *uc)
{
    uint32_t m;
    (void)si;
    (void)uc;
    got = sig;
    __asm__ volatile("stmxcsr %0" : "=m"(m));
    mxcsr_seen = m;
}

TEST(handler_has_a_fresh_vector_state)
{
    uint32_t odd = 0x1f80 | 0x8000, after = 0;
    handle(SIGUSR1, sees_mxcsr, 0);
    long pid = getpid();
    __asm__ volatile(
        "ldmxcsr %1\n mov $62, %%eax\n mov %2, %%rdi\n mov $10, %%esi\n syscall\n stmxcsr %0"
        : "=m"(after)
        : "m"(odd), "r"(pid)
        : "rax", "rcx", "rdi", "rsi", "r11", "memory");
    CHECK_EQ(got, SIGUSR1);
    CHECK_EQ(mxcsr_seen, 0x1f80);
    CHECK_EQ(after, odd);
}

static void *spins(void *p)
{
    while (!*(volatile int *)p) {
    }
    return NULL;
}

static void clobbers(int sig, siginfo_t *si, void *uc)
{
    (void)si;
    (void)uc;
    got = sig;
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0; pcmpeqd %%xmm15, %%xmm15" ::: "xmm0", "xmm15");
}

TEST(running_code_is_interrupted)
{
    handle(SIGUSR1, clobbers, 0);
    pid_t pid = sender(SIGUSR1, 3);
    double x = 1;
    unsigned n = 0;
    while (!got) {
        x = x * 1.0000001;
        n++;
    }
    CHECK(x >= 1 && n > 0);
    check_child(pid, 0);
}

TEST(thread_signals)
{
    volatile int stop = 0;
    pthread_t th;
    handle(SIGUSR1, note, 0);
    CHECK_EQ(pthread_create(&th, NULL, spins, (void *)&stop), 0);
    CHECK_EQ(pthread_kill(th, SIGUSR1), 0);
    for (int i = 0; i < 2000 && !got; i++)
        usleep(1000);
    CHECK_EQ(got, SIGUSR1);
    stop = 1;
    pthread_join(th, NULL);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *locks(void *p)
{
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    return p;
}

TEST(futex_wait_survives_signals)
{
    pthread_t th;
    handle(SIGUSR1, note, SA_RESTART);
    pthread_mutex_lock(&mutex);
    CHECK_EQ(pthread_create(&th, NULL, locks, NULL), 0);
    usleep(30000);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(pthread_kill(th, SIGUSR1), 0);
        usleep(5000);
    }
    CHECK_EQ(got, SIGUSR1);
    pthread_mutex_unlock(&mutex);
    CHECK_EQ(pthread_join(th, NULL), 0);
}

TEST(group_signal_goes_to_a_thread_that_can)
{
    volatile int stop = 0;
    pthread_t th;
    sigset_t s = set_of(SIGUSR1, 0);
    handle(SIGUSR1, note, 0);
    CHECK_EQ(pthread_create(&th, NULL, spins, (void *)&stop), 0);
    pthread_sigmask(SIG_BLOCK, &s, NULL);
    CHECK_OK(kill(getpid(), SIGUSR1));
    for (int i = 0; i < 2000 && !got; i++)
        usleep(1000);
    CHECK_EQ(got, SIGUSR1);
    stop = 1;
    pthread_join(th, NULL);
}

TEST(signalfd_reads)
{
    sigset_t s = set_of(SIGUSR1, SIGRTMIN);
    struct signalfd_siginfo si[3];
    CHECK_OK(sigprocmask(SIG_BLOCK, &s, NULL));
    int fd = CHECK_OK(signalfd(-1, &s, SFD_NONBLOCK | SFD_CLOEXEC));
    CHECK_ERR(read(fd, si, sizeof(si)), EAGAIN);
    CHECK_ERR(read(fd, si, 10), EINVAL);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    CHECK_EQ(poll(&p, 1, 0), 0);
    raise(SIGUSR1);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 4});
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(read(fd, si, sizeof(si)), 2 * sizeof(si[0]));
    CHECK_EQ(si[0].ssi_signo, SIGUSR1);
    CHECK_EQ(si[0].ssi_pid, getpid());
    CHECK_EQ(si[1].ssi_signo, SIGRTMIN);
    CHECK_EQ(si[1].ssi_int, 4);
    CHECK_OK(fcntl(fd, F_SETFL, 0));
    pid_t pid = sender(SIGUSR1, 1);
    CHECK_EQ(read(fd, si, sizeof(si)), sizeof(si[0]));
    CHECK_EQ(si[0].ssi_pid, pid);
    check_child(pid, 0);
    CHECK_ERR(signalfd(0, &s, 0), EINVAL);
    CHECK_ERR(syscall(SYS_signalfd4, -1, &s, 8, 1), EINVAL);
    CHECK_ERR(syscall(SYS_signalfd, -1, &s, 4), EINVAL);
}

static uint64_t bad_rip, bad_rsp, more_flags, bad_fp;
static void spoils(int sig, siginfo_t *si, void *uc)
{
    ucontext_t *u = uc;
    (void)sig;
    (void)si;
    if (bad_rip)
        u->uc_mcontext.gregs[REG_RIP] = (long long)bad_rip;
    if (bad_rsp)
        u->uc_mcontext.gregs[REG_RSP] = (long long)bad_rsp;
    if (bad_fp)
        u->uc_mcontext.fpregs = (void *)bad_fp;
    u->uc_mcontext.gregs[REG_EFL] |= (long long)more_flags;
}

static void spoiled(uint64_t rip, uint64_t rsp, uint64_t flags, uint64_t fp, int want)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        bad_rip = rip;
        bad_rsp = rsp;
        more_flags = flags;
        bad_fp = fp;
        handle(SIGUSR1, spoils, 0);
        raise(SIGUSR1);
        _exit(0);
    }
    check_child(pid, want);
}

TEST(spoiled_contexts)
{
    spoiled(0x8000000000000000, 0, 0, 0, 128 + SIGSEGV);
    spoiled(0xffffffff81000000, 0, 0, 0, 128 + SIGSEGV);
    spoiled(8, 0, 0, 0, 128 + SIGSEGV);
    spoiled(8, 8, 0, 0, 128 + SIGSEGV);
    spoiled(0, 0, 0x100, 0, 128 + SIGTRAP);         /* TF */
    spoiled(0, 0, 0x3000 | 0x4000 | 0x20000, 0, 0); /* IOPL, NT, VM: not the application's */
    spoiled(0, 0, 0, 8, 128 + SIGSEGV);
    spoiled(0, 0, 0, 0xffffffff81000000, 128 + SIGSEGV);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        __asm__ volatile("mov $15, %%eax\n mov $64, %%esp\n syscall" ::
                             : "rax", "rcx", "r11", "memory");
        _exit(0);
    }
    check_child(pid, 128 + SIGSEGV);
}

TEST(child_signal)
{
    siginfo_t si;
    sigset_t s = set_of(SIGCHLD, 0);
    CHECK_OK(sigprocmask(SIG_BLOCK, &s, NULL));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0)
        _exit(3);
    CHECK_EQ(sigwaitinfo(&s, &si), SIGCHLD);
    CHECK_EQ(si.si_pid, pid);
    CHECK_EQ(si.si_code, CLD_EXITED);
    CHECK_EQ(si.si_status, 3);
    check_child(pid, 3);
}

TEST(frame_layout)
{
    /* The siginfo and the context that a handler gets lie on the stack where unwinders look for them. */
    handle(SIGUSR1, note, 0);
    raise(SIGUSR1);
    CHECK_EQ(got, SIGUSR1);
    CHECK_EQ(syscall(SYS_rt_sigpending, &(uint64_t){0}, 8), 0);
    CHECK_ERR(syscall(SYS_rt_sigsuspend, NULL, 4), EINVAL);
    CHECK_ERR(syscall(SYS_rt_sigtimedwait, NULL, NULL, NULL, 4), EINVAL);
}
