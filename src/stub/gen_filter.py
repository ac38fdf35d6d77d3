#!/usr/bin/env python3
"""Writes filter.c: the seccomp filters of stub processes (DESIGN.md 3.1, 3.5). stub_filter hands a call to the sentry as a
notification, or as a trap where that saves two reaches into the process; stub_filter_trace as a stop of the tracer.
stub_filter_wide is put on top of the first where a worker attaches (docs/decisions/0005-attached-worker.md): every call that would
come to the sentry is a trap then. The host takes the stricter answer of two filters, and a trap is stricter than a notification.

From the stub's text: what the sentry's commands need, natively when the arguments keep it to the application's own memory,
else as a notification that the sentry answers with "continue" only if it asked this thread for exactly this call.
From anywhere else: futexes on its own memory, clocks, yield and %fs are native; calls that need the whole context or a
host call in this process are always traps.

Address rule: start and length lie below the stub. With hi() the upper 32 bits, hi(start) + hi(len) + 2 <= hi(STUB_TEXT)
bounds the end however the lower halves add up.
"""
import re
import sys

import near

NR, ARCH, IP_LO, IP_HI = 0, 4, 8, 12
STUB_HI, TEXT_SIZE = 0x7fff, 0x4000          # checked against stub_abi.h by the output's _Static_assert
lo = lambda n: 16 + 8 * n
hi = lambda n: 20 + 8 * n

prog, labels = [], {}
hand_over, wide = "USER_NOTIF", False


def emit(code, k, t=None, f=None):
    prog.append((code, k, t, f))


def label(name):
    labels[name] = len(prog)


def ld(off): emit("BPF_LD | BPF_W | BPF_ABS", off)
def ret(action): emit("BPF_RET | BPF_K", f"SECCOMP_RET_{action}")
def jmp(op, k, t=None, f=None): emit(f"BPF_JMP | BPF_{op} | BPF_K", k, t, f)
def alu(op, k): emit(f"BPF_ALU | BPF_{op}", k)


def on(nr, target):
    jmp("JEQ", nr, target)


def tree(actions):
    """Jumps to actions[number], else to "other", by halving: the accumulator holds the number."""
    edges = []   # (first number, label): from there on
    for nr, target in sorted(actions.items()):
        if edges and edges[-1][0] == nr:
            edges.pop()
        if not edges or edges[-1][1] != target:
            edges.append((nr, target))
        edges.append((nr + 1, "other"))
    merged = [(0, "other")]
    for nr, target in edges:
        if merged[-1][0] == nr:
            merged.pop()
        if not merged or merged[-1][1] != target:
            merged.append((nr, target))

    def half(part):
        if len(part) == 1:
            leaf(part[0][1])
            return
        mid = len(part) // 2
        here = f"t{part[mid][0]}"
        jmp("JGE", part[mid][0], here)
        half(part[:mid])
        label(here)
        half(part[mid:])

    half(merged)


def leaf(target):
    """The special ones are far away: an unconditional jump reaches them."""
    if target == "other":
        ret("TRAP" if wide else hand_over)
    elif wide:
        ret("ALLOW")
    elif target == "allow":
        ret("ALLOW")
    elif target == "trap":
        ret("TRAP")
    else:
        emit("BPF_JMP | BPF_JA", target)


def check_range(arg):
    ld(hi(arg)); jmp("JGE", STUB_HI, "s_kill")
    emit("BPF_MISC | BPF_TAX", 0)
    ld(hi(arg + 1)); jmp("JGE", STUB_HI, "s_kill")
    alu("ADD | BPF_X", 0); alu("ADD | BPF_K", 2)
    jmp("JGE", STUB_HI + 1, "s_kill", "s_allow")


TRAPS = """mmap mprotect munmap brk clone fork vfork execve rt_sigreturn exit madvise mremap clone3 execveat
set_tid_address rseq getrusage prctl seccomp timer_settime timer_gettime sigaltstack msync mincore mlock mlock2 munlock mlockall munlockall shmat shmdt remap_file_pages pkey_mprotect""".split()

def program(kind):
    global hand_over, wide
    trace, wide = kind == "trace", kind == "wide"
    hand_over = "TRACE" if trace else "USER_NOTIF"
    prog.clear()
    labels.clear()
    if wide:   # the filter below decides about what is allowed here
        ld(IP_HI); jmp("JEQ", STUB_HI, "s_allow")
        ld(NR)
        tree({number[n]: "allow" for n in (*NATIVE, *HOST, *SPECIAL)})
        label("s_allow"); ret("ALLOW")
        return
    ld(ARCH); jmp("JEQ", "AUDIT_ARCH_X86_64", None, "s_kill")
    ld(IP_HI); jmp("JEQ", STUB_HI, None, "app")
    ld(IP_LO); jmp("JGE", TEXT_SIZE, "app")

    # the stub
    ld(NR)
    for nr in ("STUB_NR_STOP", "STUB_NR_REPORT", "STUB_NR_ZYGOTE", "STUB_NR_SLEEP"):
        on(nr, "s_notif")
    for nr in ("rt_sigreturn", "exit", "set_tid_address"):
        on("__NR_" + nr, "s_allow")
    if not trace:   # there the sentry must know which descriptors a process has: it hands them over one by one
        on("__NR_close", "s_allow")
    on("__NR_futex", "s_futex"); on("__NR_arch_prctl", "s_arch_prctl")
    on("__NR_munmap", "range0"); on("__NR_mprotect", "range0"); on("__NR_madvise", "s_madvise"); on("__NR_mmap", "s_mmap")
    ret(hand_over)
    label("s_madvise"); ld(lo(2)); jmp("JEQ", "10 /* MADV_DONTFORK: its own areas */", "s_allow", "range0")
    label("s_mmap"); ld(lo(3)); jmp("JSET", "0x20 /* MAP_ANONYMOUS */", "s_fixed")
    if not trace:
        ld(lo(4)); jmp("JEQ", "STUB_FD_GIVEN", None, "s_notif"); ld(lo(3))
        jmp("JSET", "0x10 /* MAP_FIXED */", "range0", "s_kill")
    else:
        ret(hand_over)
    label("s_fixed")
    jmp("JSET", "0x10 /* MAP_FIXED */", None, "s_kill")
    label("range0"); check_range(0)
    label("s_notif"); ret(hand_over)    # conditional jumps reach 255 instructions, and the tree is longer
    label("s_allow"); ret("ALLOW")
    label("s_kill"); ret("KILL_PROCESS")
    label("s_futex"); emit("BPF_JMP | BPF_JA", "futex")
    label("s_arch_prctl"); emit("BPF_JMP | BPF_JA", "arch_prctl")

    # the application
    label("app"); ld(NR)
    actions = {nr: "trap" for nr in near_two if not trace}
    actions.update({number[n]: "trap" for n in TRAPS if n in number})
    actions.update({number[n]: "allow" for n in (*NATIVE, *HOST)})
    actions.update({number[n]: n for n in ("futex", "membarrier", "arch_prctl")})
    actions.update({number[n]: "clock" for n in ("clock_gettime", "clock_getres")})
    actions.update({number[n]: "itimer" for n in ("setitimer", "getitimer")})
    tree(actions)
    label("futex"); ld(lo(1)); alu("AND | BPF_K", "0xfffffe7f /* without PRIVATE and CLOCK_REALTIME */")
    for op in (0, 1, 3, 4, 5, 9, 10):   # WAIT WAKE REQUEUE CMP_REQUEUE WAKE_OP WAIT_BITSET WAKE_BITSET
        on(op, "allow")
    for op in (6, 8, 12, 13):           # LOCK_PI TRYLOCK_PI CMP_REQUEUE_PI LOCK_PI2: the thread itself marks the word
        on(op, "trap")
    ret(hand_over)
    label("membarrier"); ld(lo(0)); alu("AND | BPF_K", "0x154 /* the REGISTER_ commands: the kernel is told */")
    jmp("JEQ", 0, "allow", "trap")
    label("clock"); ld(lo(0)); jmp("JGE", 8, "trap", "allow")   # fixed clocks; others name guest ids or alarm clocks
    label("itimer"); ld(lo(0)); jmp("JEQ", 0, "notif", "trap")   # those of CPU time are the host's
    label("arch_prctl"); ld(lo(0)); jmp("JGE", 0x1001, None, "notif"); jmp("JGE", 0x1005, "notif", "allow")

    label("notif"); ret(hand_over)
    label("allow"); ret("ALLOW")
    label("trap"); ret("TRAP")


_, near_two = near.near(sys.argv[1])
with open(sys.argv[1], encoding="utf-8") as f:
    number = {n: int(nr) for n, nr in re.findall(r"^SYS\((\w+), X86\((\d+)\)", f.read(), re.M)}
# What may be native is known to sentry/seccomp/filter.c too.
HOST = "futex_waitv futex_wake futex_wait futex_requeue".split()
NATIVE = "sched_yield getcpu gettimeofday time".split()
SPECIAL = "futex membarrier arch_prctl clock_gettime clock_getres".split()   # it depends on their arguments

out = ["/* Made by gen_filter.py. */", '#include "stub/stub.h"', "", "#include <asm/unistd_64.h>", "#include <linux/audit.h>",
       "#include <linux/filter.h>", "#include <linux/seccomp.h>", "",
       f'_Static_assert(STUB_TEXT >> 32 == {STUB_HI:#x} && STUB_TEXT_SIZE == {TEXT_SIZE:#x}, "gen_filter.py");', ""]
for name, kind in (("stub_filter", "notify"), ("stub_filter_wide", "wide"), ("stub_filter_trace", "trace")):
    program(kind)
    out.append(f"const struct sock_filter {name}[] = {{")
    for pc, (code, k, t, f) in enumerate(prog):
        d = [0 if x is None else labels[x] - pc - 1 for x in (t, f)]
        assert all(0 <= x < 256 for x in d), (pc, d)
        k = labels[k] - pc - 1 if k in labels else k
        out.append(f"    {{{code}, {d[0]}, {d[1]}, {k}}},")
    out += ["};", f"const unsigned {name}_len = sizeof {name} / sizeof {name}[0];", ""]
open(sys.argv[2], "w", encoding="ascii").write("\n".join(out))
