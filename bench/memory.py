#!/usr/bin/env python3
"""What the kernel's own objects cost: memory a parked task, an open file, a cached name.

usage: memory.py [--json] [RUNSC]

Each row is the growth of the sentry's private memory (Pss_Anon: the arena) while a program of tests/system/memory_use.c holds
N of them, divided by N. What the sentry shares with the stub (one area a thread) and what the stub process itself costs the host
are in columns of their own: those are the price of a host thread, not of a kernel object.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# name, what memory_use does, how many, bar in bytes (None: no bar)
ROWS = [
    ("parked thread", "threads {n}", 5000, 1024),
    ("parked process", "processes {n}", 1000, None),
    ("open file (tmpfs)", "open /mnt/f {n}", 20000, 256),
    ("open file (container root)", "open /etc/passwd {n}", 20000, 256),
    ("cached name (tmpfs, file exists there)", "files /mnt/d {n}", 30000, None),
    ("cached name (gofer)", "walk {many}", 30000, 256),
    ("cached name (overlay over gofer)", "walk {many}", 30000, 256),
]


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(p) for p in f.read().split()]


def rollup(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return {k: 1024 * int(v) for k, v in re.findall(r"^(\w+): +(\d+) kB$", f.read(), re.M)}


def stubs(sentry):
    """Private memory of the stub processes, page tables and kernel stacks not counted."""
    total = 0
    for pid in children(sentry):
        try:
            total += rollup(pid)["Pss_Anon"]
        except OSError:
            pass
    return total


class Sandbox:
    def __init__(self, runsc, flags):
        shell = 'mount -t tmpfs none /mnt; : >/mnt/f; echo ready; while read -r c; do eval "$c"; echo "done $?"; done'
        self.proc = subprocess.Popen([runsc, *flags, "do", "-quiet", *(["-force-overlay=false"] if flags else []), "sh", "-c", shell], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, bufsize=0)
        self.expect(b"ready\n")
        self.sentry = next(p for p in children(self.proc.pid)
                           if open(f"/proc/{p}/cmdline", "rb").read().startswith(b"runsc-sandbox"))

    def expect(self, line):
        got = b""
        while not got.endswith(b"\n"):
            c = self.proc.stdout.read(1)
            if not c:
                raise RuntimeError(f"the sandbox ended: {got!r}")
            got += c
        if got != line:
            raise RuntimeError(f"wanted {line!r}, not {got!r}")

    def do(self, command):
        self.proc.stdin.write(command.encode() + b"\n")

    def close(self):
        self.proc.stdin.close()
        self.proc.wait()


def measure(runsc, program, many):
    out = []
    for name, what, n, bar in ROWS:
        s = Sandbox(runsc, ["--overlay2=none"] if name.endswith("(gofer)") else [])
        what = what.format(n=n, many=many)
        small = re.sub(r" \d+$", " 10", what) if "walk" not in what else "walk /etc"
        s.do(f"{program} {small}")
        s.expect(b"done 0\n")
        before = rollup(s.sentry), stubs(s.sentry)
        s.do(f"{program} {what} hold")
        s.expect(b"up\n")
        after = rollup(s.sentry), stubs(s.sentry)
        out.append({"what": name, "n": n, "bytes": (after[0]["Pss_Anon"] - before[0]["Pss_Anon"]) / n,
                    "shared": (after[0]["Pss_Shmem"] - before[0]["Pss_Shmem"]) / n, "stub": (after[1] - before[1]) / n,
                    "bar": bar})
        s.close()
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--json", action="store_true")
    p.add_argument("runsc", nargs="?", default=os.path.join(ROOT, "out", "runsc"))
    a = p.parse_args()
    with tempfile.TemporaryDirectory(prefix="cvisor-memory-") as work:
        program, many = os.path.join(work, "memory_use"), os.path.join(work, "many")
        subprocess.run(["gcc", "-std=gnu17", "-O1", "-static", "-pthread",
                        os.path.join(ROOT, "tests", "system", "memory_use.c"), "-o", program], check=True)
        os.mkdir(many)
        for i in range(30000):
            with open(os.path.join(many, f"file-{i}"), "w", encoding="ascii"):
                pass
        rows = measure(a.runsc, program, many)
    if a.json:
        print(json.dumps(rows))
        return 0
    print(f"{'bytes each':42} {'kernel':>8} {'bar':>6} {'area':>8} {'stub':>8}")
    for r in rows:
        print(f"{r['what']:42} {r['bytes']:8.0f} {r['bar'] or '':>6} {r['shared']:8.0f} {r['stub']:8.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
