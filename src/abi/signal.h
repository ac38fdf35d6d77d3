/* abi/signal.h - signals, their codes, and the frame that delivery builds on the stack.
 *
 * Spec     signal(7), sigaction(2), sigaltstack(2), rt_sigreturn(2), timer_create(2).
 */
#ifndef CVISOR_ABI_SIGNAL_H
#define CVISOR_ABI_SIGNAL_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_SIGHUP            1
#define LINUX_SIGINT            2
#define LINUX_SIGQUIT           3
#define LINUX_SIGILL            4
#define LINUX_SIGTRAP           5
#define LINUX_SIGABRT           6
#define LINUX_SIGIOT            6
#define LINUX_SIGBUS            7
#define LINUX_SIGFPE            8
#define LINUX_SIGKILL           9
#define LINUX_SIGUSR1           10
#define LINUX_SIGSEGV           11
#define LINUX_SIGUSR2           12
#define LINUX_SIGPIPE           13
#define LINUX_SIGALRM           14
#define LINUX_SIGTERM           15
#define LINUX_SIGSTKFLT         16
#define LINUX_SIGCHLD           17
#define LINUX_SIGCONT           18
#define LINUX_SIGSTOP           19
#define LINUX_SIGTSTP           20
#define LINUX_SIGTTIN           21
#define LINUX_SIGTTOU           22
#define LINUX_SIGURG            23
#define LINUX_SIGXCPU           24
#define LINUX_SIGXFSZ           25
#define LINUX_SIGVTALRM         26
#define LINUX_SIGPROF           27
#define LINUX_SIGWINCH          28
#define LINUX_SIGIO             29
#define LINUX_SIGPOLL           29
#define LINUX_SIGPWR            30
#define LINUX_SIGSYS            31
#define LINUX_SIGRTMIN          32
#define LINUX_SIGRTMAX          64
#define LINUX_NSIG              64

#define LINUX_SIG_DFL           0ULL
#define LINUX_SIG_IGN           1ULL
#define LINUX_SIG_BLOCK         0
#define LINUX_SIG_UNBLOCK       1
#define LINUX_SIG_SETMASK       2

#define LINUX_SA_NOCLDSTOP      0x1U
#define LINUX_SA_NOCLDWAIT      0x2U
#define LINUX_SA_SIGINFO        0x4U
#define LINUX_SA_UNSUPPORTED    0x400U
#define LINUX_SA_EXPOSE_TAGBITS 0x800U
#define LINUX_SA_RESTORER       0x4000000U
#define LINUX_SA_ONSTACK        0x8000000U
#define LINUX_SA_RESTART        0x10000000U
#define LINUX_SA_NODEFER        0x40000000U
#define LINUX_SA_RESETHAND      0x80000000U
#define LINUX_SA_KNOWN                                                                             \
    (LINUX_SA_NOCLDSTOP | LINUX_SA_NOCLDWAIT | LINUX_SA_SIGINFO | LINUX_SA_ONSTACK |               \
     LINUX_SA_RESTART | LINUX_SA_NODEFER | LINUX_SA_RESETHAND | LINUX_SA_EXPOSE_TAGBITS |          \
     LINUX_SA_RESTORER)

/* Signal n is bit n - 1. */
#define LINUX_SIGMASK(signo) (1ULL << ((signo) - 1))
#define LINUX_SIGSET_SIZE    8

struct linux_sigaction {
    uint64_t handler;
    uint64_t flags;
    uint64_t restorer;
    uint64_t mask;
};
static_assert(sizeof(struct linux_sigaction) == 32, "struct sigaction");
static_assert(offsetof(struct linux_sigaction, mask) == 24, "struct sigaction");

/* si_code. */
#define LINUX_SI_USER           0
#define LINUX_SI_KERNEL         128
#define LINUX_SI_QUEUE          (-1)
#define LINUX_SI_TIMER          (-2)
#define LINUX_SI_MESGQ          (-3)
#define LINUX_SI_ASYNCIO        (-4)
#define LINUX_SI_SIGIO          (-5)
#define LINUX_SI_TKILL          (-6)
#define LINUX_SI_DETHREAD       (-7)
#define LINUX_SI_ASYNCNL        (-60)
#define LINUX_ILL_ILLOPC        1
#define LINUX_ILL_ILLOPN        2
#define LINUX_ILL_ILLADR        3
#define LINUX_ILL_ILLTRP        4
#define LINUX_ILL_PRVOPC        5
#define LINUX_ILL_PRVREG        6
#define LINUX_ILL_COPROC        7
#define LINUX_ILL_BADSTK        8
#define LINUX_FPE_INTDIV        1
#define LINUX_FPE_INTOVF        2
#define LINUX_FPE_FLTDIV        3
#define LINUX_FPE_FLTOVF        4
#define LINUX_FPE_FLTUND        5
#define LINUX_FPE_FLTRES        6
#define LINUX_FPE_FLTINV        7
#define LINUX_FPE_FLTSUB        8
#define LINUX_SEGV_MAPERR       1
#define LINUX_SEGV_ACCERR       2
#define LINUX_SEGV_BNDERR       3
#define LINUX_SEGV_PKUERR       4
#define LINUX_BUS_ADRALN        1
#define LINUX_BUS_ADRERR        2
#define LINUX_BUS_OBJERR        3
#define LINUX_BUS_MCEERR_AR     4
#define LINUX_BUS_MCEERR_AO     5
#define LINUX_TRAP_BRKPT        1
#define LINUX_TRAP_TRACE        2
#define LINUX_TRAP_BRANCH       3
#define LINUX_TRAP_HWBKPT       4
#define LINUX_TRAP_UNK          5
#define LINUX_CLD_EXITED        1
#define LINUX_CLD_KILLED        2
#define LINUX_CLD_DUMPED        3
#define LINUX_CLD_TRAPPED       4
#define LINUX_CLD_STOPPED       5
#define LINUX_CLD_CONTINUED     6
#define LINUX_POLL_IN           1
#define LINUX_POLL_OUT          2
#define LINUX_POLL_MSG          3
#define LINUX_POLL_ERR          4
#define LINUX_POLL_PRI          5
#define LINUX_POLL_HUP          6
#define LINUX_SYS_SECCOMP       1
#define LINUX_SYS_USER_DISPATCH 2

union linux_sigval {
    int32_t sival_int;
    uint64_t sival_ptr;
};

struct linux_siginfo {
    int32_t si_signo;
    int32_t si_errno;
    int32_t si_code;
    uint32_t pad0;
    union {
        struct {
            int32_t pid;
            uint32_t uid;
        } kill;
        struct {
            int32_t timerid;
            int32_t overrun;
            union linux_sigval value;
            int32_t sys_private;
        } timer;
        struct {
            int32_t pid;
            uint32_t uid;
            union linux_sigval value;
        } rt;
        struct {
            int32_t pid;
            uint32_t uid;
            int32_t status;
            uint32_t pad1;
            int64_t utime; /* ticks of LINUX_USER_HZ */
            int64_t stime;
        } chld;
        struct {
            uint64_t addr;
            int16_t addr_lsb;
            int16_t pad2[3];
            uint64_t lower;
            uint64_t upper;
        } fault;
        struct {
            int64_t band;
            int32_t fd;
        } poll;
        struct {
            uint64_t call_addr;
            int32_t syscall;
            uint32_t arch;
        } sys;
        uint8_t bytes[112];
    };
};
static_assert(sizeof(struct linux_siginfo) == 128, "siginfo_t");
static_assert(offsetof(struct linux_siginfo, kill.pid) == 16, "siginfo_t");
static_assert(offsetof(struct linux_siginfo, timer.value) == 24, "siginfo_t");
static_assert(offsetof(struct linux_siginfo, rt.value) == 24, "siginfo_t");
static_assert(offsetof(struct linux_siginfo, chld.utime) == 32, "siginfo_t");
static_assert(offsetof(struct linux_siginfo, fault.lower) == 32, "siginfo_t");
static_assert(offsetof(struct linux_siginfo, sys.syscall) == 24, "siginfo_t");

struct linux_sigevent {
    union linux_sigval sigev_value;
    int32_t sigev_signo;
    int32_t sigev_notify;
    union {
        int32_t tid; /* SIGEV_THREAD_ID */
        uint8_t bytes[48];
    };
};
static_assert(sizeof(struct linux_sigevent) == 64, "struct sigevent");
static_assert(offsetof(struct linux_sigevent, tid) == 16, "struct sigevent");
#define LINUX_SIGEV_SIGNAL    0
#define LINUX_SIGEV_NONE      1
#define LINUX_SIGEV_THREAD    2
#define LINUX_SIGEV_THREAD_ID 4

/* The alternate stack. */
struct linux_stack {
    uint64_t ss_sp;
    int32_t ss_flags;
    uint32_t pad0;
    uint64_t ss_size;
};
static_assert(sizeof(struct linux_stack) == 24, "stack_t");
#define LINUX_SS_ONSTACK    0x1U
#define LINUX_SS_DISABLE    0x2U
#define LINUX_SS_AUTODISARM 0x80000000U
#define LINUX_MINSIGSTKSZ   2048
#define LINUX_SIGSTKSZ      8192

/* Registers as a handler sees them in ucontext. */
struct linux_sigcontext {
    uint64_t r8;
    uint64_t r9;
    uint64_t r10;
    uint64_t r11;
    uint64_t r12;
    uint64_t r13;
    uint64_t r14;
    uint64_t r15;
    uint64_t rdi;
    uint64_t rsi;
    uint64_t rbp;
    uint64_t rbx;
    uint64_t rdx;
    uint64_t rax;
    uint64_t rcx;
    uint64_t rsp;
    uint64_t rip;
    uint64_t eflags;
    uint16_t cs;
    uint16_t gs;
    uint16_t fs;
    uint16_t ss;
    uint64_t err;
    uint64_t trapno;
    uint64_t oldmask;
    uint64_t cr2;
    uint64_t fpstate; /* application address of the FXSAVE or XSAVE image */
    uint64_t reserved[8];
};
static_assert(sizeof(struct linux_sigcontext) == 256, "struct sigcontext");
static_assert(offsetof(struct linux_sigcontext, rip) == 128, "struct sigcontext");
static_assert(offsetof(struct linux_sigcontext, cs) == 144, "struct sigcontext");
static_assert(offsetof(struct linux_sigcontext, fpstate) == 184, "struct sigcontext");

#define LINUX_UC_FP_XSTATE         0x1U
#define LINUX_UC_SIGCONTEXT_SS     0x2U
#define LINUX_UC_STRICT_RESTORE_SS 0x4U

struct linux_ucontext {
    uint64_t uc_flags;
    uint64_t uc_link;
    struct linux_stack uc_stack;
    struct linux_sigcontext uc_mcontext;
    uint64_t uc_sigmask;
};
static_assert(sizeof(struct linux_ucontext) == 304, "struct ucontext");
static_assert(offsetof(struct linux_ucontext, uc_mcontext) == 40, "struct ucontext");
static_assert(offsetof(struct linux_ucontext, uc_sigmask) == 296, "struct ucontext");

/* What rt_sigreturn(2) finds at rsp - 8 once the handler has returned through the restorer. The
 * frame is placed so that rsp + 8 is a multiple of 16 at the handler's first instruction. */
struct linux_rt_sigframe {
    uint64_t pretcode; /* return address: sa_restorer */
    struct linux_ucontext uc;
    struct linux_siginfo info;
};
static_assert(sizeof(struct linux_rt_sigframe) == 440, "struct rt_sigframe");
static_assert(offsetof(struct linux_rt_sigframe, info) == 312, "struct rt_sigframe");

/* Bytes below the stack pointer that leaf functions use. */
#define LINUX_REDZONE_SIZE 128

/* The last 48 bytes of the FXSAVE part describe the XSAVE image; MAGIC2 follows that image. */
#define LINUX_FP_XSTATE_MAGIC1      0x46505853U
#define LINUX_FP_XSTATE_MAGIC2      0x46505845U
#define LINUX_FP_XSTATE_MAGIC2_SIZE 4

struct linux_fpx_sw_bytes {
    uint32_t magic1;
    uint32_t extended_size; /* whole area: XSAVE image and MAGIC2 */
    uint64_t xfeatures;
    uint32_t xstate_size; /* XSAVE image alone */
    uint32_t padding[7];
};
static_assert(sizeof(struct linux_fpx_sw_bytes) == 48, "struct _fpx_sw_bytes");

struct linux_fpstate {
    uint16_t cwd;
    uint16_t swd;
    uint16_t twd;
    uint16_t fop;
    uint64_t rip;
    uint64_t rdp;
    uint32_t mxcsr;
    uint32_t mxcr_mask;
    uint32_t st_space[32];
    uint32_t xmm_space[64];
    uint32_t reserved[12];
    struct linux_fpx_sw_bytes sw_reserved;
};
static_assert(sizeof(struct linux_fpstate) == 512, "struct _fpstate");
static_assert(offsetof(struct linux_fpstate, sw_reserved) == 464, "struct _fpstate");

/* Follows the FXSAVE image in an XSAVE image. */
struct linux_xstate_header {
    uint64_t xfeatures;
    uint64_t reserved1[2];
    uint64_t reserved2[5];
};
static_assert(sizeof(struct linux_xstate_header) == 64, "struct _header");

#endif
