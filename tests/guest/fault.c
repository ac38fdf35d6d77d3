/* Tests of faults: signal, si_code, si_addr and machine context of every kind; vector state in frames; the alternate stack. */
#include "guest.h"

#include <fenv.h>
#include <immintrin.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

static sigjmp_buf back;
static siginfo_t seen;
static volatile unsigned long trapno, errcode, cr2, rip;

static void on_fault(int signo, siginfo_t *info, void *ctx)
{
    ucontext_t *uc = ctx;
    seen = *info;
    trapno = (unsigned long)uc->uc_mcontext.gregs[REG_TRAPNO];
    errcode = (unsigned long)uc->uc_mcontext.gregs[REG_ERR];
    cr2 = (unsigned long)uc->uc_mcontext.gregs[REG_CR2];
    rip = (unsigned long)uc->uc_mcontext.gregs[REG_RIP];
    siglongjmp(back, signo);
}

static void catch_all(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    for (unsigned i = 0; i < 5; i++)
        CHECK_OK(sigaction(signals[i], &sa, NULL));
}

#define FAULT(statement)                                                                           \
    __extension__({                                                                                \
        int signo_ = sigsetjmp(back, 1);                                                           \
        if (!signo_) {                                                                             \
            statement;                                                                             \
            FAIL("no fault: %s", #statement);                                                      \
        }                                                                                          \
        signo_;                                                                                    \
    })

TEST(not_mapped)
{
    catch_all();
    char *p = CHECK_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_OK(munmap(p, 4096));
    CHECK_EQ(FAULT((void)*(volatile char *)(p + 5)), SIGSEGV);
    CHECK_EQ(seen.si_code, SEGV_MAPERR);
    CHECK_EQ((uintptr_t)seen.si_addr, (uintptr_t)p + 5);
    CHECK_EQ(trapno, 14);
    CHECK_EQ(errcode & 2, 0);
    CHECK_EQ(cr2, (uintptr_t)p + 5);
    CHECK_EQ(FAULT(*(volatile char *)(p + 6) = 1), SIGSEGV);
    CHECK_EQ(errcode & 2, 2);
}

TEST(not_permitted)
{
    catch_all();
    char *p = CHECK_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_EQ(FAULT(*(volatile char *)(p + 7) = 1), SIGSEGV);
    CHECK_EQ(seen.si_code, SEGV_ACCERR);
    CHECK_EQ((uintptr_t)seen.si_addr, (uintptr_t)p + 7);
    CHECK_OK(mprotect(p, 4096, PROT_NONE));
    CHECK_EQ(FAULT((void)*(volatile char *)p), SIGSEGV);
    CHECK_EQ(seen.si_code, SEGV_ACCERR);
    CHECK_EQ(FAULT(((void (*)(void))p)()), SIGSEGV); /* no execution */
    CHECK_EQ(seen.si_code, SEGV_ACCERR);
    CHECK_EQ((uintptr_t)seen.si_addr, (uintptr_t)p);
    CHECK_EQ(rip, (uintptr_t)p);
}

TEST(not_canonical)
{
    catch_all();
    CHECK_EQ(FAULT((void)*(volatile char *)0x8000000000000123UL), SIGSEGV);
    CHECK_EQ(seen.si_code, SI_KERNEL);
    CHECK_EQ((uintptr_t)seen.si_addr, 0);
    CHECK_EQ(trapno, 13);
}

TEST(privileged_instruction)
{
    catch_all();
    CHECK_EQ(FAULT(__asm__ volatile("hlt")), SIGSEGV);
    CHECK_EQ(seen.si_code, SI_KERNEL);
}

TEST(beyond_the_end_of_a_file)
{
    catch_all();
    char name[100];
    snprintf(name, sizeof(name), "%s/f", guest_dir());
    int fd = CHECK_OK(open(name, O_RDWR | O_CREAT, 0600));
    CHECK_OK(ftruncate(fd, 10));
    char *p = CHECK_OK(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    CHECK_EQ(*(volatile char *)(p + 4095), 0);
    CHECK_EQ(FAULT((void)*(volatile char *)(p + 4100)), SIGBUS);
    CHECK_EQ(seen.si_code, BUS_ADRERR);
    CHECK_EQ((uintptr_t)seen.si_addr & ~4095UL, (uintptr_t)p + 4096);
    CHECK_OK(ftruncate(fd, 0));
    CHECK_EQ(FAULT((void)*(volatile char *)p), SIGBUS);
}

static void on_unaligned(int signo, siginfo_t *info, void *ctx)
{
    ((ucontext_t *)ctx)->uc_mcontext.gregs[REG_EFL] &= ~0x40000;
    seen.si_code = info->si_code;
}

TEST(alignment_check)
{
    static char text[32] __attribute__((aligned(16)));
    struct sigaction sa = {.sa_sigaction = on_unaligned, .sa_flags = SA_SIGINFO};
    unsigned long v;
    CHECK_OK(sigaction(SIGBUS, &sa, NULL));
    __asm__ volatile("pushfq\n orl $0x40000, (%%rsp)\n popfq\n mov (%1), %0"
                     : "=r"(v)
                     : "r"(text + 1)
                     : "memory", "cc");
    CHECK_EQ(seen.si_code, BUS_ADRALN);
}

TEST(arithmetic)
{
    catch_all();
    volatile int zero = 0, one = 1;
    CHECK_EQ(FAULT(one = one / zero), SIGFPE);
    CHECK_EQ(seen.si_code, FPE_INTDIV);
    CHECK_EQ((uintptr_t)seen.si_addr, rip);
    volatile double dz = 0, big = 1e300, tiny = 1e-300, three = 3;
    volatile double r = 0;
    CHECK(feenableexcept(FE_DIVBYZERO) != -1);
    CHECK_EQ(FAULT(r = 1.0 / dz), SIGFPE);
    CHECK_EQ(seen.si_code, FPE_FLTDIV);
    CHECK(feenableexcept(FE_OVERFLOW) != -1);
    CHECK_EQ(FAULT(r = big * big), SIGFPE);
    CHECK_EQ(seen.si_code, FPE_FLTOVF);
    CHECK(feenableexcept(FE_UNDERFLOW) != -1);
    CHECK_EQ(FAULT(r = tiny * tiny), SIGFPE);
    CHECK_EQ(seen.si_code, FPE_FLTUND);
    CHECK(feenableexcept(FE_INVALID) != -1);
    CHECK_EQ(FAULT(r = dz / dz), SIGFPE);
    CHECK_EQ(seen.si_code, FPE_FLTINV);
    CHECK(feenableexcept(FE_INEXACT) != -1);
    CHECK_EQ(FAULT(r = (1 + dz) / three), SIGFPE);
    CHECK_EQ(seen.si_code, FPE_FLTRES);
    CHECK(r == 0);
}

TEST(instructions)
{
    catch_all();
    CHECK_EQ(FAULT(__asm__ volatile("ud2")), SIGILL);
    CHECK_EQ(seen.si_code, ILL_ILLOPN);
    CHECK_EQ((uintptr_t)seen.si_addr, rip);
    CHECK_EQ(trapno, 6);
}

TEST(traps)
{
    catch_all();
    CHECK_EQ(FAULT(__asm__ volatile("int3")), SIGTRAP);
    CHECK_EQ(seen.si_code, SI_KERNEL);
    CHECK_EQ(trapno, 3);
    CHECK_EQ(FAULT(__asm__ volatile(
                 "pushfq\n orl $0x100, (%%rsp)\n popfq\n nop\n nop" :: : "memory", "cc")),
             SIGTRAP);
    CHECK_EQ(seen.si_code, TRAP_TRACE);
    CHECK_EQ(trapno, 1);
}

static _Atomic int steps;
static void on_step(int signo, siginfo_t *info, void *ctx)
{
    ucontext_t *uc = ctx;
    if (++steps == 50)
        uc->uc_mcontext.gregs[REG_EFL] &= ~0x100;
}

/* A single-stepped program makes system calls too. */
TEST(stepping_over_calls)
{
    struct sigaction sa = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    CHECK_OK(sigaction(SIGTRAP, &sa, NULL));
    __asm__ volatile("pushfq\n orl $0x100, (%%rsp)\n popfq" ::: "memory", "cc");
    pid_t a = 0;
    for (int i = 0; i < 40; i++)
        a = (pid_t)syscall(SYS_getppid);
    CHECK_EQ(a, getppid());
    CHECK_EQ(steps, 50);
}

static void dies(void (*how)(void), int signo)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        how();
        _exit(0);
    }
    check_child(pid, 128 + signo);
}

static void by_null(void) { *(volatile int *)0 = 1; }
static void by_trap(void) { __asm__ volatile("int3"); }
static void by_ud(void) { __asm__ volatile("ud2"); }
static void by_ignored_null(void)
{
    signal(SIGSEGV, SIG_IGN);
    by_null();
}
static void by_blocked_null(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    by_null();
}

TEST(deadly_without_handler)
{
    dies(by_null, SIGSEGV);
    dies(by_trap, SIGTRAP);
    dies(by_ud, SIGILL);
    dies(by_ignored_null, SIGSEGV);
    dies(by_blocked_null, SIGSEGV);
}

/* ---- vector state ---- */

static _Atomic int ticks;
__attribute__((target("avx"))) static void clobber(int signo)
{
    __m256i v = _mm256_set1_epi32(-1);
    __asm__ volatile(
        "vmovdqu %0, %%ymm0\n vmovdqa %%ymm0, %%ymm5\n vmovdqa %%ymm0, %%ymm15" ::"m"(v)
        : "xmm0", "xmm5", "xmm15");
    ticks++;
}

__attribute__((target("avx"))) static void spin_with_vectors(void)
{
    uint64_t in[4] = {1, 2, 3, 4}, out[4] = {0};
    while (ticks < 5) {
        __asm__ volatile("vmovdqu %1, %%ymm5\n"
                         "mov $20000, %%ecx\n"
                         "1: dec %%ecx\n"
                         "jnz 1b\n"
                         "vmovdqu %%ymm5, %0"
                         : "=m"(out)
                         : "m"(in)
                         : "xmm5", "ecx");
        CHECK(memcmp(in, out, sizeof(in)) == 0);
    }
}

TEST(vectors_survive_handlers)
{
    if (!__builtin_cpu_supports("avx"))
        SKIP("no AVX");
    struct sigaction sa = {.sa_handler = clobber};
    struct itimerval tv = {{0, 3000}, {0, 3000}};
    CHECK_OK(sigaction(SIGALRM, &sa, NULL));
    CHECK_OK(setitimer(ITIMER_REAL, &tv, NULL));
    spin_with_vectors();
}

static void change_xmm(int signo, siginfo_t *info, void *ctx)
{
    ucontext_t *uc = ctx;
    uc->uc_mcontext.fpregs->_xmm[7].element[0] = 0x1234;
    uc->uc_mcontext.gregs[REG_RIP] += 2; /* over ud2 */
}

TEST(handlers_may_change_vectors)
{
    struct sigaction sa = {.sa_sigaction = change_xmm, .sa_flags = SA_SIGINFO};
    uint64_t v = 0;
    CHECK_OK(sigaction(SIGILL, &sa, NULL));
    __asm__ volatile("movq %0, %%xmm7\n ud2\n movq %%xmm7, %0" : "+r"(v) : : "xmm7");
    CHECK_EQ(v, 0x1234);
}

/* ---- the alternate stack ---- */

static char stack[65536] __attribute__((aligned(16)));
static stack_t inside;
static void look_at_stack(int signo)
{
    char here;
    CHECK_OK(sigaltstack(NULL, &inside));
    CHECK(&here > stack && &here < stack + sizeof(stack));
}

TEST(autodisarm)
{
    struct sigaction sa = {.sa_handler = look_at_stack, .sa_flags = SA_ONSTACK};
    stack_t st = {.ss_sp = stack, .ss_size = sizeof(stack), .ss_flags = (int)(1U << 31)}, got;
    CHECK_OK(sigaltstack(&st, NULL));
    CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
    CHECK_OK(raise(SIGUSR1));
    CHECK_EQ(inside.ss_flags, SS_DISABLE); /* off inside, so that it may be changed there */
    CHECK_OK(sigaltstack(NULL, &got));
    CHECK_EQ(got.ss_flags, (int)(1U << 31));
    CHECK_EQ((uintptr_t)got.ss_sp, (uintptr_t)stack);
}

TEST(altstack_errors)
{
    stack_t st = {.ss_sp = stack, .ss_size = 100}, got;
    CHECK_ERR(sigaltstack(&st, NULL), ENOMEM);
    st.ss_size = 2048;
    CHECK_OK(sigaltstack(&st, NULL));
    CHECK_OK(sigaltstack(NULL, &got));
    CHECK_EQ(got.ss_size, 2048);
    CHECK_EQ(got.ss_flags, 0);
    st.ss_flags = 77;
    CHECK_ERR(sigaltstack(&st, NULL), EINVAL);
    CHECK_ERR(sigaltstack((void *)1, NULL), EFAULT);
    CHECK_ERR(sigaltstack(NULL, (void *)1), EFAULT);
    st.ss_flags = SS_DISABLE;
    CHECK_OK(sigaltstack(&st, NULL));
    CHECK_OK(sigaltstack(NULL, &got));
    CHECK_EQ(got.ss_flags, SS_DISABLE);
}

static void too_big(int signo) { _exit(3); }
TEST(a_frame_that_does_not_fit_kills)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        struct sigaction sa = {.sa_handler = too_big, .sa_flags = SA_ONSTACK};
        stack_t st = {.ss_sp = stack, .ss_size = 2048};
        CHECK_OK(sigaltstack(&st, NULL));
        CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
        raise(SIGUSR1);
        _exit(0);
    }
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    /* With little vector state the frame fits. */
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) ||
          (WIFEXITED(status) && WEXITSTATUS(status) == 3));
}

TEST(core_bit_needs_a_core)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0)
        abort();
    int status;
    siginfo_t info = {0};
    CHECK_OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK_EQ(info.si_code, WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED);
    CHECK_EQ(info.si_status, SIGABRT);
}
