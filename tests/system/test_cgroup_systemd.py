"""--systemd-cgroup with a real manager: systemd as a user's, in a mount namespace and in groups of its own, at the place of the system's."""
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
SYSTEMD = next((p for p in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd") if os.path.exists(p)), None)
START = """
run=/run/user/$USER_ID
mount -t tmpfs none /run && mkdir -p /run/systemd/system $run && chown $USER_ID $run && ln -s $run/systemd/private /run/systemd/private || exit
for d in unified systemd; do
    g=/sys/fs/cgroup/$d/$NAME
    mkdir -p $g && chown -R $USER_ID $g && echo $$ >$g/cgroup.procs || exit
done
[ $MODE = hybrid ] || mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup || exit
XDG_RUNTIME_DIR=$run HOME=/tmp exec setpriv --reuid $USER_ID --regid $USER_ID --clear-groups $SYSTEMD --user --log-target=null
"""

SESSION = """
for d in unified systemd; do
    g=/sys/fs/cgroup/$d/$0/session
    mkdir -p $g && echo $$ >$g/cgroup.procs || exit
done
exec "$@"
"""


def usable():
    return (os.getuid() == 0 and SYSTEMD and shutil.which("systemctl") and shutil.which("nsenter") and shutil.which("setpriv") and os.path.isdir(HOST / "unified")
            and os.access(HOST / "systemd" / "cgroup.procs", os.W_OK) and not os.path.isdir("/run/systemd/system"))


pytestmark = pytest.mark.skipif(not usable(), reason="needs systemd that is not running, and hierarchies of both versions")


def remove(top):
    for d in sorted((top, *top.rglob("*")), reverse=True):
        if d.is_dir():
            d.rmdir()


class Managed(Containers):
    def __init__(self, directory, mode, user=0):
        super().__init__(directory)
        self.user = user
        self.name = f"cvisor-test-{uuid.uuid4().hex[:12]}"
        self.mode = mode
        env = dict(os.environ, NAME=self.name, MODE=mode, SYSTEMD=SYSTEMD, USER_ID=str(user))
        self.manager = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", START], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
        for _ in range(TIMEOUT * 100):
            if os.path.exists(f"/proc/{self.manager.pid}/root/run/user/{user}/systemd/private"):
                return
            assert self.manager.poll() is None, "the manager did not start"
            select.select([], [], [], 0.01)
        raise AssertionError("the manager has no socket")

    def enter(self, *argv):
        """As somebody who is logged in: a process can only be moved by who owns the group around both places."""
        user = str(self.user)
        return ["sh", "-c", SESSION, self.name, "nsenter", "-t", str(self.manager.pid), "-m", "env", f"XDG_RUNTIME_DIR=/run/user/{user}", "setpriv", "--reuid", user,
                "--regid", user, "--clear-groups", *argv]

    def command(self, *args):
        return self.enter(*super().command("--systemd-cgroup", *args))

    def show(self, unit):
        r = subprocess.run(self.enter("systemctl", "--user", "show", unit), stdout=subprocess.PIPE, text=True,
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


@pytest.mark.parametrize("mode", ["hybrid", "unified"])
def test_the_manager_of_an_ordinary_user(mode):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="cvisor-test-"))
    subprocess.run(["chown", "1000:1000", directory], check=True)
    box = Managed(directory, mode, user=1000)
    try:
        box.user = 0
        bundle = box.scope("sleep", "1000", path="app.slice:eng:one")
        box.user = 1000
        subprocess.run(["chown", "-R", "1000:1000", directory], check=True)
        box.quiet("run", "-detach", "-bundle", bundle, "one")
        unit = box.show("eng-one.scope")
        assert (unit["ActiveState"], unit["Slice"]) == ("active", "app.slice")
        state = json.loads(next(box.root.glob("*.state")).read_text())
        procs = set(map(int, (HOST / "unified" / unit["ControlGroup"].lstrip("/") / "cgroup.procs").read_text().split()))
        assert {state["sentry"]["pid"], state["gofer"]["pid"]} <= procs
        box.ok("delete", "-force", "one")
        assert box.show("eng-one.scope")["ActiveState"] == "inactive"
    finally:
        left = box.finish()
        shutil.rmtree(directory)
    assert left == ([], [])


def test_no_manager(tmp_path):
    c = Containers(tmp_path)
    bundle = c.bundle("true", change=lambda c: c["linux"].update(cgroupsPath="system.slice:eng:one"))
    r = c.runsc("--systemd-cgroup", "run", "-bundle", bundle, "one")
    assert r.returncode == 128 and "cannot talk to systemd" in r.stderr
    assert c.end() == []
