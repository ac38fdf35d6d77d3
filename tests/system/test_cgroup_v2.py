"""Version 2 alone: in a mount namespace where /sys/fs/cgroup is the hierarchy of version 2 that lies beside version 1 on this host."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import uuid

import pytest

from conftest import TIMEOUT
from lifecycle import Containers

HOST = pathlib.Path("/sys/fs/cgroup/unified")
IN_V2 = ["unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup && exec "$@"', "sh"]


def usable():
    try:
        return (os.getuid() == 0 and shutil.which("unshare") and os.access(HOST / "cgroup.procs", os.W_OK)
                and "hugetlb" in (HOST / "cgroup.controllers").read_text())
    except OSError:
        return False


pytestmark = pytest.mark.skipif(not usable(), reason="no hierarchy of version 2 with a controller beside version 1")


class Unified(Containers):
    def __init__(self, directory):
        super().__init__(directory)
        self.name = f"cvisor-test-{uuid.uuid4().hex[:12]}"
        self.group = HOST / self.name / "box"

    def command(self, *args):
        return IN_V2 + super().command(*args)

    def limited(self, *argv, resources=None):
        def change(c):
            c["linux"]["cgroupsPath"] = f"/{self.name}/box"
            c["linux"]["resources"] = resources or {}
            c["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro", "nosuid", "noexec", "nodev"]})
        return self.bundle(*argv, change=change)

    def finish(self):
        left = self.end()
        exists = self.group.exists()
        top = HOST / self.name
        for d in sorted((top, *top.rglob("*")), reverse=True) if top.exists() else ():
            if d.is_dir():
                d.rmdir()
        return left, exists


@pytest.fixture
def box(tmp_path):
    b = Unified(tmp_path)
    yield b
    assert b.finish() == ([], False)


def test_life(box):
    res = {"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}], "unified": {"hugetlb.1GB.max": "0"}}
    box.quiet("run", "-detach", "-bundle", box.limited("sleep", "1000", resources=res), "one")
    state = json.loads(next(box.root.glob("*.state")).read_text())
    procs = set(map(int, (box.group / "cgroup.procs").read_text().split()))
    assert {state["sentry"]["pid"], state["gofer"]["pid"]} <= procs and len(procs) >= 3
    assert (box.group / "hugetlb.2MB.max").read_text() == "4194304\n"
    assert (box.group / "hugetlb.1GB.max").read_text() == "0\n"
    assert "hugetlb" in (HOST / box.name / "cgroup.subtree_control").read_text()
    # A mount of type cgroup is what the host has.
    assert "pids.max" in box.ok("exec", "one", "ls", "/sys/fs/cgroup").split()
    assert box.ok("exec", "one", "cat", "/proc/self/cgroup") == "0::/\n"
    data = json.loads(box.ok("events", "-stats", "one"))["data"]
    assert data["cpu"]["usage"]["total"] > 0 and data["hugetlb"]["2MB"] == {"usage": 0, "max": 0, "failcnt": 0}
    # What else lives below ends too.
    below = box.group / "a"
    below.mkdir()
    other = subprocess.Popen(["sleep", "1000"])
    try:
        (below / "cgroup.procs").write_text(str(other.pid))
        box.ok("delete", "-force", "one")
        assert other.wait(timeout=TIMEOUT) == -signal.SIGKILL
    finally:
        other.kill()
        other.wait()


TRY = """
import os, sys
open(sys.argv[1], "w").write("0")
for path, flags in (("/dev/null", os.O_RDWR), ("/dev/kmsg", os.O_RDONLY), ("/dev/zero", os.O_RDONLY)):
    try:
        os.close(os.open(path, flags))
        print(path, "opens")
    except PermissionError:
        print(path, "denied")
"""


def test_device_rules_are_enforced(box):
    res = {"devices": [{"allow": False, "access": "rwm"}, {"allow": False, "type": "c", "major": 1, "minor": 5, "access": "r"}]}
    box.quiet("run", "-detach", "-bundle", box.limited("sleep", "1000", resources=res), "one")
    r = subprocess.run(["python3", "-c", TRY, str(box.group / "cgroup.procs")], stdout=subprocess.PIPE, text=True, timeout=TIMEOUT, check=True)
    assert r.stdout.splitlines() == ["/dev/null opens", "/dev/kmsg denied", "/dev/zero opens"]  # zero is for everybody


@pytest.mark.parametrize("resources, word", [
    ({"memory": {"limit": 1 << 28}}, "no controller memory"),
    ({"pids": {"limit": 10}}, "no controller pids"),
    ({"unified": {"memory.high": "1"}}, "memory.high"),
    ({"unified": {"hugetlb.2MB.max": "x"}}, "hugetlb.2MB.max"),
    ({"hugepageLimits": [{"pageSize": "3MB", "limit": 1}]}, "hugetlb.3MB.max"),
])
def test_refusals(box, resources, word):
    r = box.runsc("run", "-bundle", box.limited("true", resources=resources), "one")
    assert r.returncode == 128 and word in r.stderr, r
    assert not box.group.exists()


def test_a_frozen_group_is_refused(box):
    box.group.mkdir(parents=True)
    (box.group / "cgroup.freeze").write_text("1")
    r = box.runsc("run", "-bundle", box.limited("true"), "one")
    assert r.returncode == 128 and "frozen" in r.stderr
    (box.group / "cgroup.freeze").write_text("0")
    assert box.runsc("run", "-bundle", box.limited("true"), "one").returncode == 0
