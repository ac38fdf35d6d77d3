"""--systemd-cgroup with a real manager: systemd as a user's, in a mount namespace and in groups of its own, at the place of the system's."""
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import uuid

import pytest

from conftest import TIMEOUT
from lifecycle import Containers

HOST = pathlib.Path("/sys/fs/cgroup")
SYSTEMD = next((p for p in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd") if os.path.exists(p)), None)
START = """
mount -t tmpfs none /run && mkdir -p /run/systemd/system /run/user/0 && ln -s /run/user/0/systemd/private /run/systemd/private || exit
for d in unified systemd; do mkdir -p /sys/fs/cgroup/$d/$NAME && echo $$ >/sys/fs/cgroup/$d/$NAME/cgroup.procs || exit; done
[ $MODE = hybrid ] || mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup || exit
XDG_RUNTIME_DIR=/run/user/0 exec $SYSTEMD --user --log-target=null
"""


def usable():
    return (os.getuid() == 0 and SYSTEMD and shutil.which("systemctl") and shutil.which("nsenter") and os.path.isdir(HOST / "unified")
            and os.access(HOST / "systemd" / "cgroup.procs", os.W_OK) and not os.path.isdir("/run/systemd/system"))


pytestmark = pytest.mark.skipif(not usable(), reason="needs systemd that is not running, and hierarchies of both versions")


def remove(top):
    for d in sorted((top, *top.rglob("*")), reverse=True):
        if d.is_dir():
            d.rmdir()


class Managed(Containers):
    def __init__(self, directory, mode):
        super().__init__(directory)
        self.name = f"cvisor-test-{uuid.uuid4().hex[:12]}"
        self.mode = mode
        env = dict(os.environ, NAME=self.name, MODE=mode, SYSTEMD=SYSTEMD)
        self.manager = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", START], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
        for _ in range(TIMEOUT * 100):
            if os.path.exists(f"/proc/{self.manager.pid}/root/run/user/0/systemd/private"):
                return
            assert self.manager.poll() is None, "the manager did not start"
            select.select([], [], [], 0.01)
        raise AssertionError("the manager has no socket")

    def enter(self, *argv):
        return ["nsenter", "-t", str(self.manager.pid), "-m", *argv]

    def command(self, *args):
        return self.enter(*super().command("--systemd-cgroup", *args))

    def show(self, unit):
        r = subprocess.run(self.enter("env", "XDG_RUNTIME_DIR=/run/user/0", "systemctl", "--user", "show", unit), stdout=subprocess.PIPE, text=True,
                           timeout=TIMEOUT, check=True)
        return dict(line.split("=", 1) for line in r.stdout.splitlines())

    def scope(self, *argv, path, resources=None):
        def change(c):
            c["linux"]["cgroupsPath"] = path
            c["linux"]["resources"] = resources or {}
        return self.bundle(*argv, change=change)

    def scopes(self):
        return sorted(d.name for d in HOST.glob(f"*/{self.name}/**/*.scope") if d.name != "init.scope")

    def finish(self):
        left = self.end(), self.scopes()
        self.manager.send_signal(signal.SIGTERM)
        self.manager.wait(timeout=TIMEOUT)
        for top in HOST.glob(f"*/{self.name}"):
            for procs in top.rglob("cgroup.procs"):
                for pid in procs.read_text().split():
                    os.kill(int(pid), signal.SIGKILL)
            remove(top)
        return left


@pytest.fixture(params=("hybrid", "unified"))
def box(request, tmp_path):
    b = Managed(tmp_path, request.param)
    try:
        yield b
    finally:
        left = b.finish()
    assert left == ([], [])


def test_a_scope(box):
    resources = {"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}
    if box.mode == "hybrid":
        resources.update(memory={"limit": 200 << 20}, pids={"limit": 100}, cpu={"shares": 512})
    box.quiet("run", "-detach", "-bundle", box.scope("sleep", "1000", path="test-a.slice:eng:one", resources=resources), "one")
    unit = box.show("eng-one.scope")
    assert (unit["ActiveState"], unit["Slice"], unit["Delegate"]) == ("active", "test-a.slice", "yes")
    group = unit["ControlGroup"].lstrip("/")
    assert group == f"{box.name}/test.slice/test-a.slice/eng-one.scope"
    state = json.loads(next(box.root.glob("*.state")).read_text())
    for h in ("unified", "memory", "pids") if box.mode == "hybrid" else ("unified",):
        procs = set(map(int, (HOST / h / group / "cgroup.procs").read_text().split()))
        assert {state["sentry"]["pid"], state["gofer"]["pid"]} <= procs, h
    assert (HOST / "unified" / group / "hugetlb.2MB.max").read_text() == "4194304\n"
    if box.mode == "hybrid":
        assert (unit["MemoryLimit"], unit["TasksMax"], unit["CPUShares"]) == (str(200 << 20), "100", "512")
        assert (HOST / "memory" / group / "memory.limit_in_bytes").read_text() == f"{200 << 20}\n"
        box.ok("update", "--pids-limit", "150", "one")
        assert box.show("eng-one.scope")["TasksMax"] == "150"
        assert (HOST / "pids" / group / "pids.max").read_text() == "150\n"
    box.ok("delete", "-force", "one")
    assert box.scopes() == [] and box.show("eng-one.scope")["ActiveState"] == "inactive"


def test_it_ends_by_itself(box):
    for _ in range(2):  # the unit's name is free again
        r = box.runsc("run", "-bundle", box.scope("sh", "-c", "echo word; exit 3", path=":eng:two"), "two")
        assert (r.returncode, r.stdout) == (3, "word\n"), r.stderr
        assert box.scopes() == []


def test_such_a_unit_is_there(box):
    box.quiet("run", "-detach", "-bundle", box.scope("sleep", "1000", path=":eng:x"), "one")
    r = box.runsc("run", "-bundle", box.scope("true", path=":eng:x"), "two")
    assert r.returncode == 128 and "eng-x.scope" in r.stderr
    assert box.state("one")["status"] == "running"


@pytest.mark.parametrize("path", ["/a/b", "a:b:c", "a.slice:b", "a.slice:../b:c"])
def test_bad_names(box, path):
    r = box.runsc("run", "-bundle", box.scope("true", path=path), "one")
    assert r.returncode == 128 and "cgroupsPath" in r.stderr


def test_no_manager(tmp_path):
    c = Containers(tmp_path)
    bundle = c.bundle("true", change=lambda c: c["linux"].update(cgroupsPath="system.slice:eng:one"))
    r = c.runsc("--systemd-cgroup", "run", "-bundle", bundle, "one")
    assert r.returncode == 128 and "cannot talk to systemd" in r.stderr
    assert c.end() == []
