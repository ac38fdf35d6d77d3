"""Control groups of version 1 on this host: limits, what programs see of them, out of memory, update, events, removal."""
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import uuid

import pytest

from conftest import TIMEOUT
from lifecycle import Containers

HOST = pathlib.Path("/sys/fs/cgroup")
MIB = 1 << 20
NEEDED = ("memory", "cpu", "cpuset", "pids", "freezer", "devices")


def writable():
    try:
        return os.getuid() == 0 and all(os.access(HOST / c / "cgroup.procs", os.W_OK) for c in NEEDED)
    except OSError:
        return False


pytestmark = pytest.mark.skipif(not writable(), reason="no hierarchies of version 1 to write to")


class Groups(Containers):
    def __init__(self, directory):
        super().__init__(directory)
        self.name = f"cvisor-test-{uuid.uuid4().hex[:12]}"
        self.path = f"/{self.name}/box"

    def limited(self, *argv, resources=None, path=None, mount="cgroup", change=lambda c: None):
        def all_changes(c):
            c["linux"]["cgroupsPath"] = self.path if path is None else path
            c["linux"]["resources"] = {} if resources is None else resources
            c["mounts"] = [m for m in c["mounts"] if m["destination"] != "/sys/fs/cgroup"]
            if mount:
                c["mounts"].append({"destination": "/sys/fs/cgroup", "type": mount, "source": "cgroup",
                                    "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]})
            change(c)
        return self.bundle(*argv, change=all_changes)

    def file(self, name, path=None):
        return HOST / name.split(".")[0] / (path or self.path).lstrip("/") / name

    def get(self, name, path=None):
        return self.file(name, path).read_text().strip()

    def groups(self, path=None):
        return sorted(str(d.relative_to(HOST)) for d in HOST.glob(f"*/{(path or self.path).lstrip('/')}"))

    def finish(self):
        left = self.end()
        groups = self.groups()
        for d in HOST.glob(f"*/{self.name}"):
            for below in sorted((d, *d.rglob("*")), reverse=True):
                if below.is_dir():
                    below.rmdir()
        return left, groups


@pytest.fixture
def box(tmp_path):
    b = Groups(tmp_path)
    yield b
    assert b.finish() == ([], [])


def inside(box, name, *argv):
    return box.ok("exec", name, *argv).strip()


def test_all_limits(box):
    res = {"memory": {"limit": 200 * MIB, "swap": 300 * MIB, "reservation": 100 * MIB, "swappiness": 10},
           "cpu": {"shares": 512, "quota": 150000, "period": 100000, "cpus": "0", "mems": "0"},
           "pids": {"limit": 500}, "blockIO": {"weight": 100},
           "devices": [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 10, "minor": 200, "access": "rw"}]}
    box.quiet("run", "-detach", "-bundle", box.limited("sleep", "1000", resources=res), "one")
    assert box.get("memory.limit_in_bytes") == str(200 * MIB)
    assert box.get("memory.memsw.limit_in_bytes") == str(300 * MIB)
    assert box.get("memory.soft_limit_in_bytes") == str(100 * MIB)
    assert box.get("memory.swappiness") == "10"
    assert (box.get("cpu.shares"), box.get("cpu.cfs_quota_us"), box.get("cpu.cfs_period_us")) == ("512", "150000", "100000")
    assert (box.get("cpuset.cpus"), box.get("cpuset.mems")) == ("0", "0")
    assert box.get("pids.max") == "500"
    rules = box.get("devices.list").splitlines()
    assert "c 10:200 rw" in rules and "c 1:3 rwm" in rules and not any(r.startswith("a") for r in rules)


def test_all_processes_are_in_the_groups(box):
    box.quiet("create", "-bundle", box.limited("sleep", "1000"), "one")
    state = json.loads(next(box.root.glob("*.state")).read_text())
    for d in box.groups():
        procs = set(map(int, (HOST / d / "cgroup.procs").read_text().split()))
        assert {state["sentry"]["pid"], state["gofer"]["pid"]} <= procs, d
    box.ok("start", "one")
    for d in box.groups():  # a stub is there now
        assert len((HOST / d / "cgroup.procs").read_text().split()) >= 3, d
    assert all(f"{c}{box.path}" in box.groups() for c in NEEDED)


def test_what_programs_see(box):
    res = {"memory": {"limit": 200 * MIB, "swap": 200 * MIB}, "cpu": {"shares": 512, "quota": 50000, "period": 100000},
           "pids": {"limit": 100}}
    box.quiet("run", "-detach", "-bundle", box.limited("sleep", "1000", resources=res), "one")
    see = lambda path: inside(box, "one", "cat", path)
    assert f"MemTotal: {200 * 1024} kB" in " ".join(see("/proc/meminfo").split())
    assert see("/sys/fs/cgroup/memory/memory.limit_in_bytes") == str(200 * MIB)
    assert 0 < int(see("/sys/fs/cgroup/memory/memory.usage_in_bytes")) < 200 * MIB
    assert see("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") == "50000"
    assert see("/sys/fs/cgroup/cpu,cpuacct/cpu.shares") == "512"
    assert int(see("/sys/fs/cgroup/cpuacct/cpuacct.usage")) > 0
    assert see("/sys/fs/cgroup/pids/pids.max") == "100"
    assert see("/sys/fs/cgroup/pids/pids.current") == "2"
    assert see("/sys/fs/cgroup/memory/cgroup.procs").split()[0] == "1"
    groups = see("/proc/self/cgroup").splitlines()
    assert all(line.endswith(":/") for line in groups) and any(":memory:" in line for line in groups)
    info = see("/proc/self/mountinfo").splitlines()
    for controllers in ("memory", "cpu,cpuacct", "cpuset", "pids"):
        assert any(f" /sys/fs/cgroup/{controllers} " in line and line.endswith(f" - cgroup cgroup ro,{controllers}") for line in info)
    r = box.runsc("exec", "one", "sh", "-c", "echo 1 >/sys/fs/cgroup/memory/memory.limit_in_bytes")
    assert r.returncode != 0 and "Read-only file system" in r.stderr


def test_version_2_inside(box):
    res = {"memory": {"limit": 200 * MIB, "swap": 250 * MIB}, "cpu": {"quota": 50000, "period": 200000}, "pids": {"limit": 100}}
    box.quiet("run", "-detach", "-bundle", box.limited("sleep", "1000", resources=res, mount="cgroup2"), "one")
    see = lambda path: inside(box, "one", "cat", "/sys/fs/cgroup/" + path)
    assert see("cgroup.controllers") == "cpuset cpu memory pids"
    assert (see("memory.max"), see("memory.swap.max")) == (str(200 * MIB), str(50 * MIB))
    assert (see("cpu.max"), see("pids.max")) == ("50000 200000", "100")
    assert see("cgroup.procs").split()[0] == "1"
    assert "oom_kill 0" in see("memory.events").splitlines()
    assert inside(box, "one", "cat", "/proc/self/cgroup") == "0::/"
    assert 'enabled' in inside(box, "one", "cat", "/proc/cgroups")


def test_version_2_by_flag(box):
    bundle = box.limited("cat", "/sys/fs/cgroup/memory.max", "/proc/self/cgroup", resources={"memory": {"limit": 200 * MIB}})
    r = box.runsc("--mount-cgroup-v2", "run", "-bundle", bundle, "one")
    assert r.stdout.split() == [str(200 * MIB), "0::/"], r


@pytest.mark.parametrize("quota, cpus, want", [(None, None, None), (None, "0", 1), (50000, None, 2), (250000, None, 3)])
def test_number_of_cpus(box, quota, cpus, want):
    here = len(os.sched_getaffinity(0))
    cpu = {k: v for k, v in (("quota", quota), ("cpus", cpus)) if v is not None}
    r = box.runsc("run", "-bundle", box.limited("nproc", resources={"cpu": cpu}), "one")
    assert r.stdout.strip() == str(min(want or here, here)), r.stderr
    assert box.groups() == []


def test_a_process_is_killed_and_the_sandbox_is_not(box):
    script = "python3 -c 'x = bytearray(1 << 29)'; echo $?; grep oom_kill.[0-9] /sys/fs/cgroup/memory/memory.oom_control; exit 5"
    bundle = box.limited("sh", "-c", script, resources={"memory": {"limit": 128 * MIB, "swap": 128 * MIB}})
    r = box.runsc("run", "-bundle", bundle, "one")
    assert (r.returncode, r.stdout) == (5, "137\noom_kill 1\n"), r.stderr


def test_events(box):
    bundle = box.limited("sleep", "1000", resources={"memory": {"limit": 128 * MIB, "swap": 128 * MIB}, "pids": {"limit": 200}})
    box.quiet("run", "-detach", "-bundle", bundle, "one")
    stats = json.loads(box.ok("events", "-stats", "one"))
    assert (stats["type"], stats["id"]) == ("stats", "one")
    data = stats["data"]
    assert data["memory"]["usage"]["limit"] == 128 * MIB and 0 < data["memory"]["usage"]["usage"] < 128 * MIB
    assert data["cpu"]["throttling"]["periods"] == 0 and data["hugetlb"] is not None and "ioServicedRecursive" in data["blkio"]
    assert data["cpu"]["usage"]["total"] > 0 and data["pids"] == {"current": 1, "limit": 200}
    p = subprocess.Popen(box.command("events", "-interval=50ms", "one"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert json.loads(p.stdout.readline())["type"] == "stats"
        assert box.runsc("exec", "one", "python3", "-c", "x = bytearray(1 << 29)").returncode == 137
        for _ in range(100):
            event = json.loads(p.stdout.readline())
            if event["type"] == "oom":
                break
        assert event == {"type": "oom", "id": "one"}
        box.ok("kill", "one", "KILL")
        p.communicate(timeout=TIMEOUT)
        assert p.returncode == 0
    finally:
        p.kill()
        p.wait()
    r = box.runsc("events", "-stats", "one")
    assert r.returncode == 128 and "not running" in r.stderr


def test_update(box):
    bundle = box.limited("sleep", "1000", resources={"memory": {"limit": 128 * MIB, "swap": 128 * MIB}, "pids": {"limit": 200}})
    box.quiet("run", "-detach", "-bundle", bundle, "one")
    box.ok("update", "--memory", "256M", "--memory-swap=0.5G", "--pids-limit", "300", "--cpu-quota", "70000", "--cpu-share=2048",
           "--cpuset-cpus", "0", "one")
    assert (box.get("memory.limit_in_bytes"), box.get("memory.memsw.limit_in_bytes")) == (str(256 * MIB), str(512 * MIB))
    assert (box.get("pids.max"), box.get("cpu.cfs_quota_us"), box.get("cpu.shares"), box.get("cpuset.cpus")) == ("300", "70000", "2048", "0")
    assert f"MemTotal: {256 * 1024} kB" in " ".join(inside(box, "one", "cat", "/proc/meminfo").split())
    assert inside(box, "one", "cat", "/sys/fs/cgroup/pids/pids.max") == "300"
    box.ok("update", "-resources", "-", "one", stdin=None, input='{"memory": {"limit": 134217728, "swap": 134217728}, "cpu": {"quota": 0}}')
    assert (box.get("memory.limit_in_bytes"), box.get("memory.memsw.limit_in_bytes"), box.get("pids.max")) == (str(128 * MIB), str(128 * MIB), "300")
    assert box.get("cpu.cfs_quota_us") == "70000"  # 0 is what is not given
    for args, word in ((("--memory", "4k"), "in use"), (("--memory", "12q"), "no size"), (("--cpu-quota", "x"), "no number"),
                       (("--l3-cache-schema", "x"), "not supported"), (("-r", "/none"), "cannot open"),
                       (("--cpu-share", "1"), "cpu.shares"), (("--blkio-weight", "5"), "weight")):
        r = box.runsc("update", *args, "one")
        assert r.returncode == 128 and word in r.stderr, (args, r.stderr)
    assert box.get("memory.limit_in_bytes") == str(128 * MIB)


FORKS = """
import os, signal
n = 0
try:
    while True:
        if os.fork() == 0:
            signal.pause()
        n += 1
except BlockingIOError:
    print(n, open("/sys/fs/cgroup/pids/pids.current").read(), open("/sys/fs/cgroup/pids/pids.events").read())
"""


@pytest.mark.parametrize("limit", [3, 12, 40])
def test_small_limit_of_tasks(box, limit):
    """The sandbox's own threads do not use it up."""
    r = box.runsc("run", "-bundle", box.limited("python3", "-c", FORKS, resources={"pids": {"limit": limit}}), "one")
    assert r.stdout.split() == [str(limit - 1), str(limit), "max", "1"], (r.stdout, r.stderr)


def test_somebody_else_lives_there(box):
    other = subprocess.Popen(["sleep", "1000"])
    group = HOST / "memory" / box.path.lstrip("/")
    try:
        group.mkdir(parents=True)
        (group / "cgroup.procs").write_text(str(other.pid))
        r = box.runsc("run", "-bundle", box.limited("true"), "one")
        assert r.returncode == 128 and "not empty" in r.stderr
        assert other.poll() is None and group.exists()
        assert box.groups() == [f"memory{box.path}"]
    finally:
        other.kill()
        other.wait()
    r = box.runsc("run", "-bundle", box.limited("true"), "one")  # an empty one is used again
    assert r.returncode == 0, r.stderr
    assert box.groups() == []


@pytest.mark.parametrize("resources, path, word", [
    ({"hugepageLimits": [{"pageSize": "3MB", "limit": 1}]}, None, "hugetlb.3MB"),
    ({"unified": {"memory.high": "1000000"}}, None, "version 2"),
    ({"rdma": {"mlx": {"hcaHandles": 1}}}, None, "rdma.max"),
    ({"cpu": {"shares": 1}}, None, "cpu.shares"),
    ({"cpu": {"cpus": "4000"}}, None, "cpuset.cpus"),
    ({}, "/", "top of the hierarchies"),
    ({}, "/../..", "top of the hierarchies"),
])
def test_refusals(box, resources, path, word):
    r = box.runsc("run", "-bundle", box.limited("true", resources=resources, path=path), "one")
    assert r.returncode == 128 and word in r.stderr, r
    assert box.groups() == [] and box.names() == []


def test_paths_stay_below_the_hierarchies(box):
    bundle = box.limited("true", path=f"/../../{box.name}/../{box.name}//box")
    assert box.runsc("run", "-bundle", bundle, "one").returncode == 0
    assert any(HOST.glob(f"*/{box.name}"))


def test_groups_below_are_removed_with_what_lives_there(box):
    box.quiet("run", "-detach", "-bundle", box.limited("sleep", "1000"), "one")
    below = HOST / "memory" / box.path.lstrip("/") / "a" / "b"
    below.mkdir(parents=True)
    other = subprocess.Popen(["sleep", "1000"])
    try:
        (below / "cgroup.procs").write_text(str(other.pid))
        box.ok("delete", "-force", "one")
        assert other.wait(timeout=TIMEOUT) == -signal.SIGKILL
    finally:
        other.kill()
        other.wait()
    assert box.groups() == []


def test_the_sandbox_is_killed_from_outside(box):
    box.quiet("run", "-detach", "-bundle", box.limited("sleep", "1000"), "one")
    pid = box.state("one")["pid"]
    fd = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    assert select.select([fd], [], [], TIMEOUT)[0]
    os.close(fd)
    box.ok("delete", "-force", "one")
    assert box.groups() == []


def test_ignored_groups(box):
    bundle = box.limited("true", resources={"memory": {"limit": 128 * MIB}})
    r = box.runsc("--ignore-cgroups", "run", "-bundle", bundle, "one")
    assert r.returncode == 0 and not any(HOST.glob(f"*/{box.name}"))


def test_limits_of_the_pod_are_seen(box):
    pod = HOST / "memory" / box.name
    pod.mkdir()
    (pod / "memory.limit_in_bytes").write_text(str(96 * MIB))
    bundle = box.limited("grep", "MemTotal", "/proc/meminfo", resources={"memory": {"limit": 128 * MIB}})
    r = box.runsc("run", "-bundle", bundle, "one")
    assert r.stdout.split() == ["MemTotal:", str(96 * 1024), "kB"], r.stderr


def test_an_ordinary_user(box):
    """Has no groups; is told so, and runs."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="cvisor-test-"))
    try:
        user = Containers(directory)
        bundle = user.bundle("id", "-u", change=lambda c: c["linux"].update(cgroupsPath=box.path, resources={"memory": {"limit": 256 * MIB}}))
        subprocess.run(["chown", "-R", "1000:1000", directory], check=True)
        r = user.runsc("run", "-bundle", bundle, "one", user=1000, group=1000, extra_groups=[])
        assert (r.returncode, r.stdout) == (0, "0\n"), r
        assert "warning" in r.stderr and "Permission denied" in r.stderr
        r = user.runsc("--ignore-cgroups", "run", "-bundle", bundle, "one", user=1000, group=1000, extra_groups=[])
        assert (r.returncode, r.stdout, r.stderr) == (0, "0\n", "")
    finally:
        shutil.rmtree(directory)


def test_a_pod(box):
    """The pause program's share of the CPU is not the pod's; a further container has its group, with its gofer in it."""
    marks = {"io.kubernetes.cri.sandbox-id": "pod"}
    first = box.limited("sleep", "1000", resources={"cpu": {"shares": 2}, "memory": {"limit": 512 * MIB}}, mount=None,
                        change=lambda c: c.update(annotations={**marks, "io.kubernetes.cri.container-type": "sandbox"}))
    box.quiet("run", "-detach", "-bundle", first, "pod")
    assert box.get("cpu.shares") == "1024" and box.get("memory.limit_in_bytes") == str(512 * MIB)
    other = f"/{box.name}/other"
    bundle = box.limited("sleep", "1000", resources={"memory": {"limit": 100 * MIB}, "cpu": {"shares": 300}}, path=other, mount=None,
                         change=lambda c: c.update(annotations={**marks, "io.kubernetes.cri.container-type": "container"}))
    box.quiet("run", "-detach", "-bundle", bundle, "one")
    pid = box.state("one")["pid"]
    assert box.get("memory.limit_in_bytes", other) == str(100 * MIB) and box.get("cpu.shares", other) == "300"
    members = (HOST / "pids" / other[1:] / "cgroup.procs").read_text().split()
    assert str(pid) in members and str(box.state("pod")["pid"]) not in members
    box.ok("update", "-memory", "120M", "one")
    assert box.get("memory.limit_in_bytes", other) == str(120 * MIB) and box.get("memory.limit_in_bytes") == str(512 * MIB)
    box.ok("update", "-memory", "600M", "pod")
    assert box.get("memory.limit_in_bytes") == str(600 * MIB) and box.get("cpu.shares") == "1024"
    assert json.loads(box.ok("events", "-stats", "one"))["data"]["pids"]["current"] == 1
    box.ok("kill", "one", "KILL")
    box.ok("delete", "-force", "one")
    assert box.groups(other) == [] and box.state("pod")["status"] == "running"
