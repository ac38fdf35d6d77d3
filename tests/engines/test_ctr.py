"""containerd's own command line, ctr: tasks with runc's shim and with ours."""
import os
import signal

import pytest

import engines
from conftest import need
from engines import IMAGE, RUNSC, Containerd, poll
from cri import archive


@pytest.fixture(scope="module")
def containerd(work, image):
    need("containerd", "ctr")
    c = Containerd(work, "ctr")
    c.start()
    c.ctr("images", "import", "-", input=archive({IMAGE: {"Cmd": ["sh"]}}, image), text=False)
    with open(work.path("ctr-runsc"), "w", encoding="ascii") as f:
        f.write(f'#!/bin/sh\nexec "{RUNSC}" --network=none "$@"\n')
    os.chmod(work.path("ctr-runsc"), 0o755)
    with open(work.path("ctr.toml"), "w", encoding="ascii") as f:
        f.write(f'binary_name = "{RUNSC}"\nroot = "{work.path("ctr-root")}"\n[runsc_config]\n  network = "none"\n')
    yield c
    c.stop()


KINDS = {
    "runc": lambda work: ["--runtime", "io.containerd.runc.v2"],
    "runsc-runc-shim": lambda work: ["--runtime", "io.containerd.runc.v2", "--runc-binary", work.path("ctr-runsc")],
    "runsc": lambda work: ["--runtime", "io.containerd.runsc.v1", "--runtime-config-path", work.path("ctr.toml")],
}


@pytest.fixture(params=list(KINDS))
def ctr(request, containerd, work):
    """ctr(...), and ctr.run(...) with the flags of one shim."""
    def call(*args, **kw):
        return containerd.ctr(*args, **kw)

    def run(name, *command, flags=(), **kw):
        return call("run", *KINDS[request.param](work), "--cgroup", f"/{work.cgroup}/{name}", *flags, IMAGE, name, *command, **kw)
    call.run, call.ours = run, request.param != "runc"
    call.pid = lambda name: next(int(line.split()[1]) for line in call("task", "ls").stdout.splitlines() if line.split()[0] == name)
    yield call
    for line in call("task", "ls").stdout.splitlines()[1:]:
        name, _, state = line.split()
        if state != "STOPPED":
            call("task", "kill", "-s", "KILL", name, want=None)
        poll(lambda n=name: call("task", "rm", n, want=None).returncode == 0 or n not in call("task", "ls").stdout)
    for name in call("containers", "ls", "-q").stdout.split():
        call("containers", "rm", name)
    assert not [d.path for top in engines.cgroup_dirs(work.cgroup) for d in os.scandir(top) if d.is_dir()]


def test_run(ctr):
    r = ctr.run("t1", "sh", "-c", "echo out; echo err >&2; exit 3", flags=["--rm"], want=3)
    assert (r.stdout, r.stderr) == ("out\n", "err\n")


def test_cannot_be_run(ctr):
    r = ctr.run("t1", "/no/such", flags=["--rm"], want=1)
    assert "no such file" in r.stderr


def test_exec(ctr):
    ctr.run("t1", "sleep", "1000", flags=["-d"])
    r = ctr("task", "exec", "--exec-id", "e1", "t1", "sh", "-c", "echo out; exit 5", want=5)
    assert r.stdout == "out\n"
    ctr("task", "exec", "--exec-id", "e2", "t1", "/no/such", want=1)
    assert ctr("task", "exec", "--exec-id", "e3", "--cwd", "/tmp", "t1", "sh", "-c", "pwd; exit 1", want=1).stdout == "/tmp\n"


def test_kill_and_delete(ctr):
    ctr.run("t1", "sleep", "1000", flags=["-d"])
    assert "RUNNING" in ctr("task", "ls").stdout
    ctr("task", "kill", "-s", "KILL", "t1")
    poll(lambda: "STOPPED" in ctr("task", "ls").stdout, what="stopped")
    assert "137" in ctr("task", "rm", "t1").stderr


def test_killed_from_outside(ctr):
    ctr.run("t1", "sleep", "1000", flags=["-d"])
    os.kill(ctr.pid("t1"), signal.SIGKILL)
    poll(lambda: "STOPPED" in ctr("task", "ls").stdout, what="stopped")


def test_pause(ctr):
    ctr.run("t1", "sleep", "1000", flags=["-d"])
    ctr("task", "pause", "t1")
    assert "PAUSED" in ctr("task", "ls").stdout
    ctr("task", "resume", "t1")
    ctr("task", "exec", "--exec-id", "e1", "t1", "true")


def test_metrics_and_processes(ctr):
    ctr.run("t1", "sleep", "1000", flags=["-d", "--memory-limit", str(96 << 20)])
    assert "memory.usage_in_bytes" in ctr("task", "metrics", "t1").stdout
    assert str(96 << 20) in ctr("task", "metrics", "t1").stdout
    assert str(ctr.pid("t1")) in ctr("task", "ps", "t1").stdout.split()


def test_flags(ctr):
    r = ctr.run("t1", "sh", "-c", "echo $A; pwd; id -u; touch /x", flags=["--rm", "--env", "A=b", "--cwd", "/tmp", "--read-only"], want=1)
    assert r.stdout == "b\n/tmp\n0\n"


def test_five_at_once(ctr):
    for i in range(5):
        ctr.run(f"t{i}", "sleep", "1000", flags=["-d"])
    assert ctr("task", "ls").stdout.count("RUNNING") == 5


def test_containerd_restarts(ctr, containerd):
    """Tasks live on in their shims while containerd is gone."""
    ctr.run("t1", "sleep", "1000", flags=["-d"])
    containerd.stop(signal.SIGKILL)
    containerd.start()
    assert "RUNNING" in ctr("task", "ls").stdout
    ctr("task", "exec", "--exec-id", "e1", "t1", "true")
