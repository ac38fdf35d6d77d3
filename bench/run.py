#!/usr/bin/env python3
"""The figures of docs/benchmarks.md: native, runc, gVisor and cvisor side by side, in one run.

usage: run.py [--rounds N] [--sleep SECONDS] [--no-write]

Each round runs every figure once for every peer, in turn, so that a change of the machine hits all alike; the median of the
rounds is reported (at least 5). Exit codes are checked: a peer that fails to start would be fast. CPU time is that of a
cgroup around everything that a run starts, so that processes that nobody waits for are in it. A peer that is not there is left
out with a word. gVisor's binary is looked for in ../shared/peers and in PATH (gvisor-runsc), runc in PATH.
"""
import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import files  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RUNSC = os.environ.get("RUNSC", os.path.join(ROOT, "out", "runsc"))
# Where a cgroup counts CPU time, and how: the file and what follows from its text. Version 1, then 2.
CGROUPS = [(d, "cpuacct.usage", lambda text: int(text) / 1e9) for d in ("/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/cpu,cpuacct")] + [
    ("/sys/fs/cgroup", "cpu.stat", lambda text: int(re.search(r"^usage_usec (\d+)", text, re.M).group(1)) / 1e6)]
CPUACCT, CPU_FILE, CPU_SECONDS = next((c for c in CGROUPS if os.path.exists(os.path.join(c[0], c[1])) and os.access(c[0], os.W_OK)),
                                      (None, None, None))

def home():
    """The cgroup that this process came from."""
    with open("/proc/self/cgroup", encoding="ascii") as f:
        for line in f:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            if ("cpuacct" in controllers.split(",")) if CPU_FILE == "cpuacct.usage" else controllers == "":
                return CPUACCT + path
    return CPUACCT


HOME = home() if CPUACCT else None

CALLS = 200000   # of micro's notified_calls

MICRO = {
    "notified_call": "a system call that the sentry answers (getppid)",
    "clock_gettime": "clock_gettime",
    "futex_hand_over": "futex hand-over between two threads",
    "touch_page_of_64MiB": "64 MiB mapped and touched, a page",
    "map_touch_unmap": "map, touch, unmap one page",
    "fork_exit_wait": "fork + exit + wait",
    "fork_exec_wait": "fork + exec + wait",
    "notified_call_1cpu": "the same call with one CPU for everything (nobody can spin on another)",
    "futex_hand_over_1cpu": "the same hand-over with one CPU for everything",
    "notified_call_cpu": "CPU time of the call, all processes",
    "notified_call_ptrace": "the same call, --platform=ptrace",
    "pipe_byte": "one byte through a pipe, write + read",
    "pipe_ping_pong": "pipe ping-pong of two processes",
    "stat": "stat of a cached path",
    "open_close": "open + close of a cached path",
    "getdents": "a directory of 100 names listed (getdents64 until its end, lseek)",
    "create_unlink": "create + unlink (open, close, unlink)",
    "posix_spawn_wait": "posix_spawn + wait",
}
# bar: (peer, factor): cvisor must be <= factor * peer
BARS = {
    "notified_call": ("gVisor", 0.7), "notified_call_1cpu": ("gVisor", 0.7), "futex_hand_over_1cpu": ("native", 1.1), "clock_gettime": ("native", 1.1), "futex_hand_over": ("native", 1.1),
    "touch_page_of_64MiB": ("native", 1.5), "map_touch_unmap": ("native", 1.5), "fork_exit_wait": ("native", 2.5),
    "fork_exec_wait": ("native", 2.5), "stat": ("gVisor", 1), "open_close": ("gVisor", 1), "getdents": ("gVisor", 1),
    "create_unlink": ("gVisor", 1), "pipe_ping_pong": ("gVisor", 1), "true": ("gVisor", 0.125), "gcc": ("gVisor", 1), "python": ("gVisor", 1),
    "shell_loop": ("gVisor", 1), "gcc_cpu": ("gVisor", 1), "python_cpu": ("gVisor", 1), "shell_loop_cpu": ("gVisor", 1),
}


class Peers:
    def __init__(self, work):
        self.work = work
        self.list = {"native": self.native}
        if shutil.which("runc"):
            self.list["runc"] = self.runc
        else:
            print("runc is not installed: left out")
        self.gvisor = self.find_gvisor()
        if self.gvisor:
            self.list["gVisor"] = lambda argv: [self.gvisor, "--platform=systrap", "--network=none", "--ignore-cgroups", "do", *argv]
        else:
            print("gVisor's binary is not there: left out")
        self.list["cvisor"] = lambda argv: [RUNSC, "--network=none", "do", *argv]
        self.ptrace = {"cvisor": [RUNSC, "--platform=ptrace", "--network=none", "do"]}
        if self.gvisor:
            self.ptrace["gVisor"] = [self.gvisor, "--platform=ptrace", "--network=none", "--ignore-cgroups", "do"]
        self.n = 0

    def native(self, argv):
        return list(argv)

    def find_gvisor(self):
        packed = os.path.join(ROOT, "..", "shared", "peers", "gvisor-runsc.xz")
        if os.path.exists(packed):
            path = os.path.join(self.work, "gvisor-runsc")
            with open(path, "wb") as f:
                subprocess.run(["xz", "-dkc", packed], stdout=f, check=True)
            os.chmod(path, 0o755)
            return path
        return shutil.which("gvisor-runsc")

    def runc(self, argv):
        """A bundle of the host's directories, with a /tmp of its own."""
        self.n += 1
        bundle = os.path.join(self.work, f"bundle{self.n}")
        os.makedirs(bundle)
        subprocess.run(["runc", "spec", "--bundle", bundle], check=True)
        path = os.path.join(bundle, "config.json")
        with open(path, encoding="utf-8") as f:
            c = json.load(f)
        c["process"].update(args=list(argv), terminal=False, cwd=os.getcwd(), env=[f"{k}={v}" for k, v in os.environ.items()])
        os.mkdir(os.path.join(bundle, "rootfs"))
        c["root"] = {"path": "rootfs", "readonly": False}
        c["mounts"] = [m for m in c["mounts"] if m["destination"] in ("/proc", "/dev", "/dev/pts", "/dev/shm")]
        c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]})
        for d in ("/usr", "/etc", self.work):
            c["mounts"].append({"destination": d, "type": "bind", "source": d, "options": ["rbind", "rw" if d == self.work else "ro"]})
        for link in ("bin", "lib", "lib64", "sbin"):
            if os.path.islink("/" + link):
                os.symlink(os.readlink("/" + link), os.path.join(bundle, "rootfs", link))
        with open(path, "w", encoding="utf-8") as f:
            json.dump(c, f)
        return ["runc", "--root", os.path.join(self.work, "runc"), "run", "--bundle", bundle, f"bench{os.getpid()}-{self.n}"]


class Cgroup:
    def __enter__(self):
        self.dir = None
        if CPUACCT:
            self.dir = tempfile.mkdtemp(prefix="bench-", dir=CPUACCT)
        return self

    def join(self):
        """Moving takes the host kernel milliseconds: done before the clock starts, by this process, whose children follow."""
        if self.dir:
            with open(self.dir + "/cgroup.procs", "w", encoding="ascii") as f:
                f.write("0")

    def leave(self):
        if self.dir:
            with open(HOME + "/cgroup.procs", "w", encoding="ascii") as f:
                f.write("0")

    def cpu_s(self):
        if not self.dir:
            return float("nan")
        with open(os.path.join(self.dir, CPU_FILE), encoding="ascii") as f:
            return CPU_SECONDS(f.read())

    def pids(self):
        if not self.dir:
            return []
        with open(self.dir + "/cgroup.procs", encoding="ascii") as f:
            return f.read().split()

    def __exit__(self, *exc):
        for _ in range(200):
            try:
                if self.dir:
                    os.rmdir(self.dir)
                return
            except OSError:
                time.sleep(0.01)   # its last processes are on their way out


def run(argv, out=subprocess.DEVNULL, cpus=None):
    """(wall s, cpu s, stdout); cpus: what the run and everything that it starts may use."""
    if cpus:
        argv = ["taskset", "-c", cpus, *argv]
    with Cgroup() as cg:
        cg.join()
        try:
            cpu, own, t = cg.cpu_s(), time.process_time(), time.perf_counter()
            r = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, check=False)
            wall = time.perf_counter() - t
            cpu = cg.cpu_s() - cpu - (time.process_time() - own)
        finally:
            cg.leave()
        if r.returncode:
            raise RuntimeError(f"{argv[:4]}.. ended with {r.returncode}: {r.stderr.decode(errors='replace')[-300:]}")
        return wall, cpu, r.stdout


def idle(peers, name, seconds):
    """PSS of everything that an idle sandbox consists of, in KiB, and the CPU ms it uses in `seconds`."""
    with Cgroup() as cg:
        cg.join()
        try:
            p = subprocess.Popen(peers.list[name](["sleep", str(seconds + 3)]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        finally:
            cg.leave()
        time.sleep(1.5)
        pss = 0
        front = str(p.pid)
        for pid in cg.pids():
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    cmd = f.read()
                with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                    if pid != front and cmd.split(b"\0")[0] not in (b"sleep", b"runc"):
                        pss += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
            except (OSError, AttributeError):
                pass
        a = cg.cpu_s()
        time.sleep(seconds)
        b = cg.cpu_s()
        p.wait()
    return pss, (b - a) * 1000


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--file-rounds", type=int, default=3, help="rounds of the workloads over many files")
    ap.add_argument("--sleep", type=int, default=60, help="seconds of the idle measurement")
    ap.add_argument("--no-write", action="store_true", help="print only")
    a = ap.parse_args()
    work = tempfile.mkdtemp(prefix="cvisor-bench-", dir="/var/tmp")
    try:
        os.chdir(work)
        report = measure(a, work)
    finally:
        os.chdir("/")
        shutil.rmtree(work, ignore_errors=True)
    print(report)
    if not a.no_write:
        with open(os.path.join(ROOT, "docs", "benchmarks.md"), "w", encoding="utf-8") as f:
            f.write(report)
    return 0


def measure(a, work):
    peers = Peers(work)
    if not CPUACCT:
        print("no cgroup can be made: no CPU times, no idle figures")
    micro = os.path.join(work, "micro")
    subprocess.run(["gcc", "-O2", "-static", "-o", micro, os.path.join(ROOT, "bench", "src", "micro.c"), "-lpthread"], check=True)
    with open("prog.c", "w", encoding="utf-8") as f:
        f.write("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n")
        for i in range(200):
            f.write(f"int f{i}(int x) {{ char b[64]; snprintf(b, sizeof b, \"%d\", x * {i}); return (int)strlen(b) + atoi(b); }}\n")
        f.write("int main(void) { return f1(2) == 0; }\n")
    wholes = {
        "true": (["/bin/true"], "start and end: `true`"),
        "gcc": (["gcc", "-O1", "-c", work + "/prog.c", "-o", work + "/prog.o"], "gcc compiling 200 functions"),
        "python": (["/usr/bin/python3", "-c", "import json, subprocess, re"], "python3 start with three imports"),
        "shell_loop": (["sh", "-c", "i=0; while [ $i -lt 500 ]; do /bin/true; i=$((i+1)); done"], "shell loop of 500 /bin/true"),
    }
    files.prepare()
    counts = {name: files.calls(command) for name, (command, _) in files.available().items()}
    data = {}
    for n in range(a.rounds):
        for peer, wrap in peers.list.items():
            _, _, out = run(wrap(["env", "TMPDIR=" + files.out_dir(peer), micro]), subprocess.PIPE)
            for line in out.decode().splitlines():
                name, ns = line.split()
                data.setdefault((name, peer), []).append(float(ns))
            for name in ("notified_call", "futex_hand_over"):
                _, cpu, out = run(wrap([micro, name]), subprocess.PIPE, "0")
                data.setdefault((name + "_1cpu", peer), []).append(float(out.split()[1]))
            _, cpu, _ = run(wrap([micro, "notified_calls"]))
            _, start, _ = run(wrap([micro, "nothing"]))
            data.setdefault(("notified_call_cpu", peer), []).append((cpu - start) * 1e9 / CALLS)
            if peer in peers.ptrace:
                _, _, out = run([*peers.ptrace[peer], micro, "notified_call"], subprocess.PIPE)
                data.setdefault(("notified_call_ptrace", peer), []).append(float(out.split()[1]))
            for name, (argv, _) in wholes.items():
                for _ in range(3 if name == "true" else 1):
                    wall, cpu, _ = run(wrap(argv))
                    data.setdefault((name, peer), []).append(wall * 1e3)
                    data.setdefault((name + "_cpu", peer), []).append(cpu * 1e3)
            for name, (command, _) in files.available().items() if n < a.file_rounds else ():
                wall, cpu, _ = run(wrap(["sh", "-c", command.format(out=files.out_dir(peer))]))
                files.clean()
                data.setdefault((name, peer), []).append(wall * 1e3)
                data.setdefault((name + "_cpu", peer), []).append(cpu * 1e3)
        print(f"round {n + 1} of {a.rounds}", file=sys.stderr, flush=True)
    resting = {p: idle(peers, p, a.sleep if p == "cvisor" else min(a.sleep, 10)) for p in peers.list if CPUACCT and p not in ("native", "runc")}
    return report_make(a, list(peers.list), {k: statistics.median(v) for k, v in data.items()}, wholes, resting, counts)


def number(v):
    if v != v:
        return "-"
    return f"{v:,.0f}" if v >= 100 else f"{v:.1f}"


def row(name, label, names, med):
    cells = [number(med[name, p]) if (name, p) in med else "-" for p in names]
    ratio, bar = "-", ""
    if ("native" in names) and med.get((name, "native")):
        ratio = f"{med[name, 'cvisor'] / med[name, 'native']:.2f}"
    if name in BARS and (name, BARS[name][0]) in med:
        peer, factor = BARS[name]
        got = med[name, "cvisor"] / med[name, peer]
        bar = f"{got:.2f} of {peer}, bar {factor:g}: {'holds' if got <= factor else '**missed**'}"
    return f"| {label} | " + " | ".join(cells) + f" | {ratio} | {bar} |"


def report_make(a, names, med, wholes, resting, counts):
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        cpu = re.search(r"model name\s*:\s*(.*)", f.read()).group(1)
    out = ["# Benchmarks", "",
           f"Made by `make bench`: medians of {a.rounds} rounds, all peers in one run. {os.cpu_count()} CPUs ({cpu}, a virtual machine), "
           f"Linux {platform.release().split('-')[0]}. Load average at the end {os.getloadavg()[0]:.1f}.", "",
           "## Micro-benchmarks, ns", "",
           "| | " + " | ".join(names) + " | cvisor : native | bar |", "|---" * (len(names) + 3) + "|"]
    out += [row(n, label, names, med) for n, label in MICRO.items()]
    out += ["", "## Whole programs, ms", "", "| | " + " | ".join(names) + " | cvisor : native | bar |", "|---" * (len(names) + 3) + "|"]
    for n, (_, label) in wholes.items():
        out.append(row(n, label + ", wall", names, med))
        out.append(row(n + "_cpu", label + ", CPU", names, med))
    out += files.report(names, med, counts)
    out += ["", "## An idle sandbox", "", "| | PSS of sentry, gofer, stubs, KiB | CPU, ms | over s |", "|---|---|---|---|"]
    for p, (pss, ms) in resting.items():
        out.append(f"| {p} | {pss:,} | {ms:.2f} | {a.sleep if p == 'cvisor' else min(a.sleep, 10)} |")
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    sys.exit(main())
