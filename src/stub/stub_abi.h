/* stub/stub_abi.h - what the stub and the sentry share: addresses, the pages of a thread, the calls between them.
 *
 * Layout   STUB_TEXT: the stub's code and constants, read-only. STUB_AREAS: one area a guest thread, a shared mapping of the
 *          sentry's memfd at slot * STUB_AREA_SIZE; only the areas of its own threads are mapped in a process.
 *          The host's vdso and the first stack lie above (address randomisation is off), unused memory is the kernel's.
 * Trust    the sentry reads an area as hostile data. The stub believes what it reads there: the application could write it,
 *          but nothing that the stub does for it is more than the seccomp filter allows to the application itself.
 * Way      a signal handler (trap, fault, interrupt) fills stop/uc/info and makes the call STUB_NR_STOP; when that returns,
 *          out[0..nout) are copied, cmd[0..ncmds) are run in order, then the context at uc is restored. A failed command, or
 *          STUB_FLAG_REPORT, makes STUB_NR_REPORT first.
 * Signals  the handlers of faults and interrupts block all others; that of traps blocks none, so that the stub's own copies may
 *          fault and the way back needs no call. An interrupt that lands in the stub's text is a stop at its exit.
 */
#pragma once

#define STUB_TEXT           0x7fff00000000
#define STUB_TEXT_SIZE      0x4000
#define STUB_AREAS          0x7fff10000000
#define STUB_AREA_SIZE      0x10000
#define STUB_SLOTS          16384
#define STUB_AREA_COPY      0x1000 /* data of STUB_CMD_COPY; else what is near */
#define STUB_AREA_COPY_SIZE 0x4000
#define STUB_AREA_STACK     0x5000 /* signal stack, up to the end */
#define STUB_AREA_FRAME                                                                            \
    0xc000 /* where the sentry builds the first frame of a thread in a new space */

#define STUB_AREA_PASS                                                                             \
    0xf00 /* STUB_MODE_TRACE: header of the message that brings a descriptor; end of the control page */
#define STUB_AREA_PASS_SIZE 0x100

#define STUB_FD_AREAS       3 /* the memfd of areas, in every stub process */
#define STUB_FD_PASS        4 /* STUB_MODE_TRACE: where descriptors come from */
#define STUB_FD_GIVEN                                                                              \
    5 /* STUB_MODE_NOTIFY: a file open for reading, which may be mapped without asking */
#define STUB_FD_PASSED 0 /* .. and the number that one gets: the lowest, which is free */
#define STUB_FD_MAP    8 /* + slot: the file of a mapping under way */

/* Calls that the filter turns into notifications when made from the stub's text. */
#define STUB_NR_STOP      0x7100
#define STUB_NR_REPORT    0x7101
#define STUB_NR_ZYGOTE    0x7102 /* answer: the slot of a new space, or STUB_ZYGOTE_SPLIT */
#define STUB_NR_SLEEP     0x7103 /* a stop was posted in `hand` and is not answered yet: wait here */

#define STUB_ZYGOTE_SPLIT (-4000) /* one more zygote, which begins with a call of its own */

/* Commands beyond host calls by number. */
#define STUB_CMD_COPY    0x7200 /* dst, src, size */
#define STUB_CMD_CLONE   0x7201 /* flags, slot, child_tid, tls */
#define STUB_CMD_WIDEN   0x7203 /* from now on all calls of the process are traps */

#define STUB_FLAG_REPORT 1u
#define STUB_FLAG_RETURN 2u /* the call returns `ret`; nothing else in its context has changed */

/* How the zygote's filter hands a call to the sentry. */
#define STUB_MODE_NOTIFY   0u /* seccomp user notification */
#define STUB_MODE_TRACE    1u /* the tracer's stop */

#define STUB_SIG_INTERRUPT 10 /* SIGUSR1 of the host */
/* That, and the host's timers of CPU time, where they came while the stub itself was at work. */
#define STUB_NOTE_INTERRUPT 1u
#define STUB_NOTE_PROF      2u
#define STUB_NOTE_VTALRM    4u

#define STUB_CMDS           56

/* Near memory. Before the stop of a call the stub copies what the arguments point to (stub/near.py) and names it in in[]: these
 * bytes at addr are those at off in the area. window[]: may be written, as far as the stub could find out. The sentry takes bytes
 * from there, and names in out[] what the stub shall copy before it goes on. A word about addresses that is not true harms only
 * the application that has forged it. */
#define STUB_NEAR_IN      10
#define STUB_NEAR_WINDOWS 8
#define STUB_NEAR_OUT     8
#define STUB_NEAR_IN_MAX  0x2000 /* bytes of all */
#define STUB_NEAR_WINDOW_MAX                                                                       \
    0x1000 /* of each: what is made writable and not used costs a page fault */

/* stub_ctl.hand: a stop without a notification. WATCHED (sentry: a worker spins on it) -> POSTED (stub: the stop is complete;
 * it spins) -> TAKEN (sentry) -> NONE, WATCHED (sentry: answered), or SLEEP (sentry: this lasts). A stub that sees SLEEP, or has spun
 * long enough, makes the call STUB_NR_SLEEP, which may find the stop answered. NONE -> a notification. */
#define STUB_HAND_NONE    0u
#define STUB_HAND_WATCHED 1u
#define STUB_HAND_POSTED  2u
#define STUB_HAND_TAKEN   3u
#define STUB_HAND_SLEEP   4u

/* Offsets for assembly. */
#define STUB_CTL_SP          0
#define STUB_CTL_UC          8
#define STUB_CTL_INTERRUPTED 76

#ifndef __ASSEMBLER__
#include <stdint.h>

struct stub_cmd {
    uint64_t nr;
    uint64_t arg[6];
};

struct stub_near {
    uint64_t addr;
    uint32_t off, len;
};

struct stub_ctl {
    uint64_t sp; /* sentry: stack of a thread that starts */
    uint64_t
        uc; /* the context to restore; by the handler, or by the sentry for a thread that starts */
    uint64_t info;   /* stub: siginfo of the stop */
    uint32_t signo;  /* stub: signal of the stop */
    uint32_t flags;  /* sentry: STUB_FLAG_* */
    uint32_t ncmds;  /* sentry */
    uint32_t failed; /* stub: index + 1 of the command that failed */
    int64_t result;  /* stub: result of the last command that was run */
    uint32_t seq;    /* sentry: number of this batch */
    uint32_t done;   /* stub: number of the last batch that is finished */
    int32_t
        listener; /* zygote, at start: its descriptor + 1 (1: none in this mode), or -errno; 0: not yet */
    uint32_t mode;         /* sentry, before the zygote: STUB_MODE_* */
    uint64_t vdso;         /* zygote, at start: the host's vdso */
    uint32_t attached;     /* sentry: the zygote may make its first call */
    uint32_t interrupted;  /* stub: STUB_NOTE_* that are to become a stop before it goes on */
    int64_t ret;           /* sentry: STUB_FLAG_RETURN */
    uint32_t nin, nwindow; /* stub */
    uint32_t nout;         /* sentry */
    uint32_t timers; /* stub: 1 SIGVTALRM, 2 SIGPROF has come. The sentry takes them at any stop */
    struct stub_near in[STUB_NEAR_IN], window[STUB_NEAR_WINDOWS], out[STUB_NEAR_OUT];
    struct stub_cmd cmd[STUB_CMDS];
    uint32_t hand __attribute__((aligned(64))); /* a cache line that others do not touch */
};
_Static_assert(sizeof(struct stub_ctl) <= STUB_AREA_PASS, "control page");
_Static_assert(__builtin_offsetof(struct stub_ctl, uc) == STUB_CTL_UC, "offset");
_Static_assert(__builtin_offsetof(struct stub_ctl, interrupted) == STUB_CTL_INTERRUPTED, "offset");
#endif
