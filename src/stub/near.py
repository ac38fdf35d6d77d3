"""Which system calls copy their arguments through the thread's area, from the kinds of arguments in abi/syscalls.def.

near(path) gives number -> operations; an operation is (kind, argument, length argument, size): the bytes are size, or size
times the length argument when there is one (LEN). The stub copies IN and STR before the stop, and makes sure that OUT can be
written; the sentry need not reach into the process then.
"""
import re

STR, IN, OUT = 1, 2, 4      # INOUT = IN | OUT
LEN = 8                     # the length is an argument
EACH_IN, EACH_OUT = 16, 32  # an array of iovecs: what they point to, as IN or OUT
FIXED_IN = {"SIGSET": 8, "SIGACTION": 32, "TIMESPEC": 16, "TIMESPEC_PAIR": 32, "TIMEVAL": 16, "ITIMERVAL": 32, "ITIMERSPEC": 32,
            "RLIMIT": 16, "EPOLL_EVENT": 12, "OPENHOW": 24}
FIXED_OUT = {"STATBUF": 144, "STATXBUF": 256, "UTSNAME_OUT": 390, "FDPAIR_OUT": 8, "SIGSET_OUT": 8, "SIGACTION_OUT": 32,
             "SIGINFO_OUT": 128, "TIMESPEC_OUT": 16, "TIMEVAL_OUT": 16, "ITIMERVAL_OUT": 32, "ITIMERSPEC_OUT": 32, "RUSAGE_OUT": 144,
             "RLIMIT_OUT": 16, "WSTATUS": 4, "UINTPTR_OUT": 4}
BY_LENGTH = {"BUF_IN": (IN, 1), "SOCKADDR": (IN, 1), "BUF_OUT": (OUT, 1), "STR_OUT": (OUT, 1), "POLLFDS": (IN | OUT, 8),
             "EPOLL_EVENTS_OUT": (OUT, 12), "IOVEC_IN": (IN | EACH_IN, 16), "IOVEC_OUT": (IN | EACH_OUT, 16)}
# Where the kinds say less than there is to know.
MORE = {"getdents": [(OUT | LEN, 1, 2, 1)], "getdents64": [(OUT | LEN, 1, 2, 1)], "sysinfo": [(OUT, 0, 0, 112)], "times": [(OUT, 0, 0, 32)],
        "statfs": [(OUT, 1, 0, 120)], "fstatfs": [(OUT, 1, 0, 120)], "utime": [(IN, 1, 0, 16)], "utimes": [(IN, 1, 0, 32)],
        "futimesat": [(IN, 2, 0, 32)], "recvfrom": [(IN | OUT, 5, 0, 4)], "getsockname": [(IN | OUT, 2, 0, 4)],
        "getpeername": [(IN | OUT, 2, 0, 4)], "accept": [(IN | OUT, 2, 0, 4)], "accept4": [(IN | OUT, 2, 0, 4)]}
# They are traps of their own, or never come here.
NOT = {"execve", "execveat", "clone3", "rt_sigreturn", "futex", "clock_gettime", "clock_getres", "gettimeofday", "time", "getcpu",
       "sigaltstack", "process_vm_readv", "process_vm_writev", "vmsplice", "rt_sigsuspend", "pause", "nanosleep", "clock_nanosleep"}
OPS_MAX = 4
# Programs always give these: where there are two of them in a call, a trap costs less than two reaches into the process.
SURE = {"PATH", "STR", "BUF_IN", "BUF_OUT", "STATBUF", "STATXBUF", "EPOLL_EVENTS_OUT", "FDPAIR_OUT"}
SURE_TWICE = {"POLLFDS", "IOVEC_IN", "IOVEC_OUT"}


def near(path):
    """number -> operations, and the numbers of calls for which they save two reaches."""
    found, two = {}, set()
    with open(path, encoding="utf-8") as f:
        for m in re.finditer(r"^SYS\((\w+), X86\((\d+)\)[^,]*, ARGS\(([^)]*)\), (\w+),", f.read(), re.M):
            name, nr, kinds, status = m.group(1), int(m.group(2)), [k.strip() for k in m.group(3).split(",")], m.group(4)
            if status not in ("FULL", "PARTIAL") or name in NOT:
                continue
            ops = []
            for i, k in enumerate(kinds):
                if k in ("PATH", "STR"):
                    ops.append((STR, i, 0, 0))
                elif k in FIXED_IN:
                    ops.append((IN, i, 0, FIXED_IN[k]))
                elif k in FIXED_OUT:
                    ops.append((OUT, i, 0, FIXED_OUT[k]))
                elif k in BY_LENGTH:
                    kind, size = BY_LENGTH[k]
                    ops.append((kind | LEN, i, i + 1, size))
            ops = (ops + MORE.get(name, []))[:OPS_MAX]
            if ops:
                found[nr] = ops
                if sum(k in SURE for k in kinds) + 2 * sum(k in SURE_TWICE for k in kinds) > 1:
                    two.add(nr)
    return found, two
