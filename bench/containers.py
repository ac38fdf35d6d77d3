#!/usr/bin/env python3
"""Figures of containers, docs/benchmarks-containers.md: runc, crun, gVisor and cvisor side by side, in one run.

usage: containers.py [--rounds N] [--idle N] [--seconds N] [--no-docker] [--no-write]

What is measured: `run` of a bundle with `true` by command line, without cgroups and with; `docker run --rm` of `true`; `exec true` in a
running container; the memory (PSS) of an idle container and of many, and the CPU time these use. Every exit status is checked: a start
that fails is fast. Each round runs every figure once for every peer in turn; medians are reported. A peer that cannot do a figure has no
number: runc makes cgroups always; crun runs here only without cgroups, in a mount namespace whose /sys/fs/cgroup is a plain cgroup2.
"""
import argparse
import ctypes
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import io
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "engines"))
import engines  # noqa: E402
from cri import archive  # noqa: E402

PAGE = os.path.join(ROOT, "docs", "benchmarks-containers.md")
TICK = os.sysconf("SC_CLK_TCK")
LIBC = ctypes.CDLL(None, use_errno=True)
ROWS = {
    "run": ("run of a bundle with `true`, no cgroups asked for, ms", [("crun", 1.5), ("runc", 1), ("gVisor", 0.2)]),
    "run_cgroups": ("the same in a cgroup with limits, ms", [("runc", 1), ("gVisor", 0.2)]),
    "docker": ("`docker run --rm` of `true`, ms", [("runc", 1.1)]),
    "exec": ("`exec true` in a running container, ms", [("runc", 0.7)]),
    "pss": ("memory of an idle container (PSS), KiB", [("bar", 6 * 1024)]),
    "pss_shim": ("the same with containerd's shim, KiB", [("bar", 9 * 1024)]),
}


def mount_namespace():
    """A descriptor of a mount namespace whose /sys/fs/cgroup is a plain cgroup2."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        ok = LIBC.unshare(0x00020000) == 0 and LIBC.mount(b"none", b"/", None, 0x44000, None) == 0 and \
            LIBC.mount(b"none", b"/sys/fs/cgroup", b"cgroup2", 0, None) == 0
        os.write(write, b"1" if ok else b"0")
        os.close(write)
        time.sleep(3600)
        os._exit(0)
    os.close(write)
    ok = os.read(read, 1) == b"1"
    os.close(read)
    fd = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY) if ok else None
    os.kill(pid, 9)
    return fd


class Peer:
    def __init__(self, work, name, argv, flags=(), without=(), namespace=None):
        self.name, self.work, self.without, self.ns = name, work, list(without), namespace
        self.argv = [*argv, "--root", work.path("state-" + name), *flags]
        self.n = 0

    def run(self, cgroups, *args, want=0):
        """Milliseconds that a command takes."""
        argv = [*self.argv, *([] if cgroups else self.without), *map(str, args)]

        def enter():  # every peer starts by the same fork
            if self.ns is not None:
                LIBC.setns(self.ns, 0)
        begin = time.perf_counter()
        p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=enter)
        if "-d" in args or "--detach" in args:
            err = b""  # the container keeps stderr
            p.wait()
        else:
            err = p.communicate()[1]
        took = (time.perf_counter() - begin) * 1e3
        if p.returncode != want:
            raise RuntimeError(f"{' '.join(argv)}: status {p.returncode} {err.decode(errors='replace')[-300:]}")
        return took

    def bundle(self, *command, cgroups=False):
        """A bundle of the shared root directory and the name of its container."""
        self.n += 1
        name = f"b{os.getpid()}-{self.name}-{self.n}"
        d = self.work.path(name)
        os.mkdir(d)
        subprocess.run(["runc", "spec", "--bundle", d], check=True)
        with open(d + "/config.json", encoding="utf-8") as f:
            c = json.load(f)
        c["process"].update(args=list(command), terminal=False, rlimits=[])
        c["root"] = {"path": self.work.path("rootfs"), "readonly": True}
        c["mounts"] = [m for m in c["mounts"] if m["type"] != "mqueue" and m["destination"] != "/sys/fs/cgroup"]
        c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "cgroup"]
        c["linux"].pop("resources", None)
        if cgroups:
            c["linux"]["cgroupsPath"] = f"/{self.work.cgroup}/{name}"
            c["linux"]["resources"] = {"memory": {"limit": 256 << 20}, "cpu": {"shares": 512}, "pids": {"limit": 200}}
        with open(d + "/config.json", "w", encoding="utf-8") as f:
            json.dump(c, f)
        return d, name


def peers_found(work):
    found = {}
    if shutil.which("runc"):
        found["runc"] = Peer(work, "runc", ["runc"])
    ns = mount_namespace() if shutil.which("crun") else None
    if ns is not None:
        found["crun"] = Peer(work, "crun", ["crun", "--cgroup-manager=disabled"], namespace=ns)
    packed = os.path.join(ROOT, "..", "shared", "peers", "gvisor-runsc.xz")
    gvisor = shutil.which("gvisor-runsc")
    if os.path.exists(packed):
        gvisor = work.path("gvisor-runsc")
        with open(gvisor, "wb") as f:
            subprocess.run(["xz", "-dkc", packed], stdout=f, check=True)
        os.chmod(gvisor, 0o755)
    if gvisor:
        found["gVisor"] = Peer(work, "gVisor", [gvisor], ["--network=none"], ["--ignore-cgroups"])
        work.gvisor = gvisor
    found["cvisor"] = Peer(work, "cvisor", [engines.RUNSC], ["--network=none"], ["--ignore-cgroups"])
    for name in ("runc", "crun", "gVisor"):
        if name not in found:
            print(f"{name} is not there or does not run here: left out")
    return found


# ------------------------------------------------------------------ start and exec
def run_true(peer, cgroups):
    d, name = peer.bundle("true", cgroups=cgroups)
    try:
        return peer.run(cgroups, "run", "--bundle", d, name)
    finally:
        shutil.rmtree(d)


class Running:
    """Containers that sleep, started by command line; what belongs to them is what has come below this process's reaper."""

    def __init__(self, peer, count, cgroups=True):
        self.peer, self.cgroups = peer, cgroups and peer.name != "crun"
        before = set(engines.descendants(os.getppid()))
        self.names = []
        for _ in range(count):
            d, name = peer.bundle("sleep", "100000", cgroups=self.cgroups)
            self.names.append((d, name))
            peer.run(self.cgroups, "run", "--detach", "--bundle", d, name)
        self.pids = [p for p in engines.descendants(os.getppid()) if p not in before and engines.state(p) not in (None, "Z")]

    def close(self):
        for d, name in self.names:
            self.peer.run(self.cgroups, "delete", "--force", name)
            shutil.rmtree(d)


def pss_kib(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
        except (OSError, AttributeError):
            pass
    return total


def cpu_s(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / TICK


def available_kib():
    with open("/proc/meminfo", encoding="ascii") as f:
        return int(re.search(r"^MemAvailable:\s+(\d+)", f.read(), re.M).group(1))


def many(peer, count, seconds):
    """(PSS KiB, growth of the host's used memory KiB, CPU ms over `seconds`, start s) of `count` idle containers."""
    free = available_kib()
    begin = time.perf_counter()
    r = Running(peer, count)
    started = time.perf_counter() - begin
    try:
        time.sleep(1)
        used = free - available_kib()
        a = cpu_s(r.pids)
        time.sleep(seconds)
        b = cpu_s(r.pids)
        return pss_kib(r.pids), used, (b - a) * 1e3, started
    finally:
        r.close()


# ------------------------------------------------------------------ with engines
def docker_runs(work, tar, rounds, data):
    d = engines.Docker(work)
    with open(d.config, encoding="ascii") as f:
        config = json.load(f)
    names = {"runc": "runc", "cvisor": "runsc"}
    if hasattr(work, "gvisor"):
        config["runtimes"]["gvisor"] = {"path": work.gvisor, "runtimeArgs": ["--network=none"]}
        names["gVisor"] = "gvisor"
    with open(d.config, "w", encoding="ascii") as f:
        json.dump(config, f)
    d.start()
    try:
        d.load(tar)
        for n in range(rounds + 1):
            for peer, runtime in names.items():
                begin = time.perf_counter()
                d("run", "--rm", "--runtime", runtime, "--network", "none", engines.IMAGE, "true")
                if n:  # the first warms caches
                    data.setdefault(("docker", peer), []).append((time.perf_counter() - begin) * 1e3)
    finally:
        d.remove_all()
        d.stop()


def with_shim(work, tar, data):
    """An idle container under containerd: all that belongs to it, the shim too."""
    c = engines.Containerd(work, "bench-ctr")
    with open(work.path("shim.toml"), "w", encoding="ascii") as f:
        f.write(f'binary_name = "{engines.RUNSC}"\nroot = "{work.path("shim-root")}"\n[runsc_config]\n  network = "none"\n')
    kinds = {"runc": ["--runtime", "io.containerd.runc.v2"]}
    if os.access(engines.SHIM, os.X_OK):
        kinds["cvisor"] = ["--runtime", "io.containerd.runsc.v1", "--runtime-config-path", work.path("shim.toml")]
    c.start()
    try:
        c.ctr("images", "import", "-", input=archive({engines.IMAGE: {"Cmd": ["sh"]}}, tar), text=False)
        for peer, flags in kinds.items():
            before = set(engines.descendants(os.getppid()))
            c.ctr("run", *flags, "--cgroup", f"/{work.cgroup}/shim-{peer}", "-d", engines.IMAGE, "t-" + peer, "sleep", "100000")
            time.sleep(1)
            data[("pss_shim", peer)] = [pss_kib(p for p in engines.descendants(os.getppid()) if p not in before)]
            c.ctr("task", "kill", "-s", "KILL", "t-" + peer)
            engines.poll(lambda p=peer: c.ctr("task", "rm", "t-" + p, want=None).returncode == 0 or p not in c.ctr("task", "ls").stdout)
            c.ctr("containers", "rm", "t-" + peer)
    finally:
        c.stop()


def number(v):
    return f"{v:,.0f}" if v >= 100 else f"{v:.1f}"


def report_make(a, names, data, idle):
    med = {k: statistics.median(v) for k, v in data.items()}
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        cpu = re.search(r"model name\s*:\s*(.*)", f.read()).group(1)
    out = ["# Benchmarks of containers", "",
           f"Made by `bench/containers.py` (`make bench`): medians of {a.rounds} rounds, all peers in one run. {os.cpu_count()} CPUs ({cpu}, a virtual machine), "
           f"Linux {platform.release().split('-')[0]}. Load average at the end {os.getloadavg()[0]:.1f}.", "",
           "| | " + " | ".join(names) + " | bar |", "|---" * (len(names) + 2) + "|"]
    for key, (label, bars) in ROWS.items():
        cells = [number(med[key, p]) if (key, p) in med else "-" for p in names]
        said = []
        for peer, factor in bars:
            if (key, "cvisor") not in med:
                continue
            if peer == "bar":
                said.append(f"{factor:,}: {'holds' if med[key, 'cvisor'] <= factor else '**missed**'}")
            elif (key, peer) in med:
                got = med[key, "cvisor"] / med[key, peer]
                said.append(f"{got:.2f} of {peer}, bar {factor:g}: {'holds' if got <= factor else '**missed**'}")
        out.append(f"| {label} | " + " | ".join(cells) + " | " + "; ".join(said) + " |")
    out += ["", f"## {a.idle} idle containers", "", f"| | PSS, MiB | growth of the host's used memory, MiB | CPU in {a.seconds} s, ms | started in, s |", "|---|---|---|---|---|"]
    for peer, (pss, used, ms, started) in idle.items():
        out.append(f"| {peer} | {pss / 1024:.1f} | {used / 1024:.1f} | {ms:.0f} | {started:.1f} |")
    return "\n".join(out) + "\n"


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rounds", type=int, default=15)
    ap.add_argument("--idle", type=int, default=100, help="how many idle containers")
    ap.add_argument("--seconds", type=int, default=10, help="how long they are watched")
    ap.add_argument("--no-docker", action="store_true", help="without dockerd and containerd")
    ap.add_argument("--no-write", action="store_true", help="print only")
    a = ap.parse_args()
    engines.adopt_orphans()
    work = engines.Work()
    try:
        tar = engines.image_tar()
        os.mkdir(work.path("rootfs"))
        with tarfile.open(fileobj=io.BytesIO(tar)) as t:
            t.extractall(work.path("rootfs"))
        peers = peers_found(work)
        data, idle = {}, {}
        for n in range(a.rounds + 1):
            for name, peer in peers.items():
                for key, cgroups in (("run", False), ("run_cgroups", True)):
                    if name == "crun" and cgroups:
                        continue
                    took = run_true(peer, cgroups)
                    if n:
                        data.setdefault((key, name), []).append(took)
        for name, peer in peers.items():
            r = Running(peer, 1)
            try:
                for n in range(a.rounds + 1):
                    took = peer.run(r.cgroups, "exec", r.names[0][1], "true")
                    if n:
                        data.setdefault(("exec", name), []).append(took)
            finally:
                r.close()
            r = Running(peer, 1)
            try:
                time.sleep(1)
                data[("pss", name)] = [pss_kib(r.pids)]
            finally:
                r.close()
        if not a.no_docker:
            docker_runs(work, tar, a.rounds, data)
            with_shim(work, tar, data)
        for name, peer in peers.items():
            idle[name] = many(peer, a.idle, a.seconds)
        report = report_make(a, list(peers), data, idle)
    finally:
        work.close()
    print(report)
    if not a.no_write:
        with open(PAGE, "w", encoding="utf-8") as f:
            f.write(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
