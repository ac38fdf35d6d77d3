#!/usr/bin/env python3
"""Every host call of the sentry and of the gofer, and every allocation of its kernel, fails once, while a workload runs.

usage: faults.py [--full] [--jobs N] [--only REGEX] RUNSC     RUNSC: of a build with -Dfaults=true

First a run without a failure counts the calls. Then, for each call, each errno that it can have and some of its
occurrences (--full: many more), a run in which that one fails. Each must end well: the workload gets to its end and has seen
nothing but what Linux documents, or its process was killed as if memory had run out, or the sandbox did not start and
says why. Crashes, hangs, silent ends and objects that are left over are failures. One line a failure; the last line counts.
"""
import argparse
import concurrent.futures
import errno
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = struct.Struct("=Q200Q200Q8Q96Q")
TIMEOUT = 20
# What a call can have on a host that has run out of something, was interrupted, or whose disk fails.
ERRORS = {
    "read": "EIO EINTR", "write": "EIO EINTR ENOSPC", "readv": "EIO EINTR", "writev": "EIO EINTR ENOSPC",
    "pread64": "EIO ENOMEM", "pwrite64": "EIO ENOSPC", "preadv": "EIO", "pwritev": "EIO ENOSPC", "preadv2": "EIO ENOMEM",
    "pwritev2": "EIO ENOSPC", "lseek": "EIO", "fsync": "EIO", "fdatasync": "EIO", "openat": "ENOMEM EMFILE ENFILE EIO",
    "openat2": "ENOMEM EMFILE EIO EINTR", "close": "EIO EINTR", "fstat": "EIO ENOMEM", "newfstatat": "EIO ENOMEM",
    "statx": "EIO ENOMEM", "fstatfs": "EIO ENOMEM", "readlinkat": "EIO ENOMEM", "getdents64": "EIO ENOMEM", "ftruncate":
    "EIO EINTR ENOSPC", "fallocate": "ENOSPC EINTR EIO", "fgetxattr": "EIO ENOMEM", "flistxattr": "EIO ENOMEM", "unlinkat":
    "EIO ENOMEM", "mkdirat": "EIO ENOSPC", "mknodat": "EIO ENOSPC", "symlinkat": "EIO ENOSPC", "linkat": "EIO ENOSPC",
    "renameat2": "EIO ENOSPC", "utimensat": "EIO", "fchmod": "EIO ENOMEM", "fchmodat": "EIO ENOMEM", "fchownat":
    "EIO ENOMEM", "memfd_create": "ENOMEM EMFILE", "fcntl": "EMFILE ENOMEM", "dup": "EMFILE", "dup3": "EMFILE EINTR",
    "pipe2": "EMFILE", "mmap": "ENOMEM", "munmap": "ENOMEM", "mprotect": "ENOMEM", "madvise": "ENOMEM EAGAIN", "mremap":
    "ENOMEM", "process_vm_readv": "ENOMEM", "process_vm_writev": "ENOMEM", "futex": "EINTR", "epoll_create1":
    "EMFILE ENOMEM", "epoll_ctl": "ENOMEM ENOSPC", "epoll_pwait": "EINTR", "ppoll": "EINTR ENOMEM", "timerfd_create":
    "EMFILE ENOMEM", "eventfd2": "EMFILE ENOMEM", "ioctl": "EINTR", "pidfd_open": "EMFILE ENOMEM", "pidfd_getfd":
    "EMFILE", "clone": "EAGAIN ENOMEM", "execveat": "ENOMEM", "getrandom": "EINTR", "prlimit64": "EPERM", "sendmsg":
    "ENOMEM EINTR", "recvmsg": "ENOMEM EINTR", "sendto": "ENOMEM EINTR", "recvfrom": "ENOMEM EINTR", "seccomp": "ENOMEM",
    "unshare": "ENOMEM ENOSPC", "fsopen": "ENOMEM EMFILE", "fsconfig": "ENOMEM", "fsmount": "ENOMEM EMFILE",
    "move_mount": "ENOMEM", "pivot_root": "ENOMEM", "rt_sigaction": "EINVAL", "wait4": "EINTR", "rt_sigtimedwait": "EINTR", "socketpair": "EMFILE", "accept4": "EMFILE ENOMEM", "signalfd4": "EMFILE ENOMEM", "arena": "ENOMEM",
}
# Objects that are there only while somebody uses them; the rest are caches.
USED = ("task", "thread group", "process group", "session", "memory map", "VMA", "address space", "platform thread",
        "open file", "pipe", "eventfd", "timerfd", "epoll instance", "epoll registration", "socket", "unix socket",
        "unix message", "descriptor table", "queued signal", "pseudo terminal", "exec in progress", "waiter", "file lock")


def slabs():
    with open(os.path.join(ROOT, "src", "sentry", "arena", "slabs.def"), encoding="ascii") as f:
        return re.findall(r'^SLAB\(\w+, "(.*)"\)', f.read(), re.M)


def calls():
    with open(os.path.join(ROOT, "src", "host", "calls.def"), encoding="utf-8") as f:
        return (re.findall(r"^HOSTCALL\((\w+),", f.read(), re.M) + 199 * [""])[:199] + ["arena"]


class Run:
    def __init__(self, runsc, program, work, flags, plan=""):
        self.dir = tempfile.mkdtemp(dir=work)
        tree, page = os.path.join(self.dir, "tree"), os.path.join(self.dir, "page")
        os.makedirs(os.path.join(tree, "sub", "deep"))
        for name in ("lower", "sub/deep/file"):
            with open(os.path.join(tree, name), "w", encoding="ascii") as f:
                f.write("hello\n")
        os.symlink("lower", os.path.join(tree, "link"))
        with open(page, "wb") as f:
            f.write(bytes(8192))
        env = {**os.environ, "CVISOR_FAULT": page + plan}
        p = subprocess.Popen([runsc, *[f for f in flags if f.startswith("--")], "do",
                              *[f for f in flags if not f.startswith("--")], program, tree], env=env, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.hung = False
        try:
            out, err = p.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.hung = True
            p.kill()
            out, err = p.communicate()
        self.status, self.out, self.err = p.returncode, out.decode(errors="replace"), err.decode(errors="replace")
        with open(page, "rb") as f:
            v = PAGE.unpack(f.read(PAGE.size))
        self.fired, self.count = v[0], {"sentry": v[1:201], "gofer": v[201:401]}
        self.trace, self.live = v[401:409], v[409:]
        shutil.rmtree(self.dir, ignore_errors=True)

    def verdict(self, clean, name):
        """None, or what is wrong."""
        if self.hung:
            return "hangs"
        if self.status == 5 and ("write" in name or "process_vm" in name):
            return None  # it was the program's own output
        if name.startswith("process_vm"):  # no memory to reach the program's: as if it were not mapped
            self.out = re.sub("bad: line .*: EFAULT\n", "", self.out)
        if "bad:" in self.out:
            return self.out[self.out.index("bad:"):].split("\n")[0]
        if "killed by signal" in self.err or "without a word" in self.err or "forbids" in self.err:
            return "the sandbox died: " + self.err.strip()[-200:]
        if "begin" not in self.out:
            return None if self.status and self.err.strip() or self.status == 137 else "no start, and silent"
        if re.search("^runsc: ", self.err, re.M):
            return "ended: " + self.err.strip()[-200:]
        if "end" not in self.out.split():
            return None if self.status == 137 else f"status {self.status} before the end"
        if self.status:
            return f"status {self.status}"
        for name, a, b in zip(slabs(), clean.live, self.live):
            if name in USED and b > a:
                return f"{b - a} more at the end: {name}"
        return None


def where(runsc, r):
    """Functions that the call was made from."""
    p = subprocess.run(["addr2line", "-fs", "-e", runsc, *(f"{a - 1:#x}" for a in r.trace if a)], stdout=subprocess.PIPE,
                       text=True, check=False)
    return " < ".join(dict.fromkeys(p.stdout.split("\n")[::2][1:]))


def occurrences(name, n, full):
    if name == "arena":
        return range(1, n + 1) if full else range(1, n + 1, max(n // 60, 1))
    if full:
        return sorted({*range(1, min(n, 40) + 1), *range(1, n + 1, max(n // 40, 1)), n})
    return sorted({1, max(n // 2, 1), n})


def plans(clean, full, only):
    for process in ("sentry", "gofer"):
        for name, n in zip(calls(), clean.count[process]):
            for e in ERRORS.get(name, "").split() if n else ():
                for k in occurrences(name, n, full):
                    if re.search(only, f"{process} {name} {e}"):
                        yield process, name, k, e


def sweep(runsc, full=False, jobs=2, only="", flags=(), say=print):
    """Failures as text, and how many runs there were."""
    work = tempfile.mkdtemp(prefix="cvisor-faults-")
    try:
        program = os.path.join(work, "faults_work")
        subprocess.run(["gcc", "-D_GNU_SOURCE", "-std=gnu17", "-O1", "-static", "-pthread",
                        os.path.join(ROOT, "tests", "system", "faults_work.c"), "-o", program, "-lutil"], check=True)
        clean = Run(runsc, program, work, flags)
        if clean.out != "begin\nend\n" or not any(clean.count["gofer"]):
            say(f"without a failure: {clean.out} {clean.err}")
            return [""], 1

        def one(plan):
            process, name, k, e = plan
            for _ in range(2):  # what is left over may be on its way out
                r = Run(runsc, program, work, flags, f":{process}:{name}:{k}:{getattr(errno, e)}")
                v = r.verdict(clean, name) if r.fired else None
                if not v or "more at the end" not in v:
                    break
            return r, v and f"{process} {name} {e} #{k} at {where(runsc, r)}: {v}"

        wrong, n = [], 0
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for r, v in pool.map(one, plans(clean, full, only)):
                n += bool(r.fired)
                if v:
                    wrong.append(v)
                    say(v)
        return wrong, n
    finally:
        shutil.rmtree(work, ignore_errors=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--full", action="store_true")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--only", default="")
    p.add_argument("--flag", action="append", default=[], help="of runsc (--x), or of its command do (-x)")
    p.add_argument("runsc")
    a = p.parse_args()
    wrong, n = sweep(a.runsc, a.full, a.jobs, a.only, a.flag, lambda s: print(s, flush=True))
    print(f"{n} failures of a host call, {len(wrong)} not handled")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
