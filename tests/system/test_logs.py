"""What is written where: --user-log, --log after runsc has gone, --strace of some calls."""
import json
import os
import signal

import pytest

from conftest import wait_for
from lifecycle import Containers

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="binds the host's /usr")


@pytest.fixture
def box(tmp_path):
    b = Containers(tmp_path)
    yield b
    assert b.end() == []


def program(*calls):
    return "import ctypes; c = ctypes.CDLL(None).syscall\n" + "\n".join(f"c({n}, 7, 8)" for n in calls)


def test_the_user_log(box):
    """One line for each call that is missing, and one only; nothing else."""
    log = box.dir / "user.log"
    bundle = box.bundle("/usr/bin/python3", "-c", program(174, 174, 39, 100000, 174))
    box.ok("run", "-bundle", bundle, "-user-log", log, "x")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(lines) == 2 and all(set(line) == {"log", "level", "time"} and line["level"] == "info" for line in lines)
    assert lines[0]["log"].startswith("Unsupported syscall create_module(0x7, 0x8, ")
    assert "100000" in lines[1]["log"] and lines[0]["time"].endswith("Z")


def test_the_user_log_of_a_pod(box):
    """As containerd tells where its logs are: under the name that Kubernetes' log collectors look for."""
    def change(c):
        c["annotations"] = {"io.kubernetes.cri.sandbox-log-directory": str(box.dir / "pod")}

    bundle = box.bundle("/usr/bin/python3", "-c", program(174), change=change)
    r = box.runsc("run", "-bundle", bundle, "x")
    assert r.returncode == 0 and "the user log" in r.stderr
    (box.dir / "pod").mkdir()
    box.ok("run", "-bundle", bundle, "x")
    assert "create_module" in json.loads((box.dir / "pod" / "gvisor.log").read_text())["log"]


def test_a_user_log_that_cannot_be_opened(box):
    r = box.runsc("run", "-bundle", box.bundle("true"), "-user-log", "/nowhere/log", "x")
    assert r.returncode == 128 and "-user-log /nowhere/log: No such file" in r.stderr


def test_what_fails_when_runsc_has_gone(box):
    """The gofer is killed: nobody is left to be told, but the log, which an engine reads."""
    log = box.dir / "log"
    box.quiet("--log", log, "--log-format", "json", "run", "-detach", "-bundle", box.bundle("sleep", "1000"), "x")
    before = log.read_text() if log.exists() else ""
    state = json.loads(next(box.root.glob("*.state")).read_text())
    os.kill(state["gofer"]["pid"], signal.SIGKILL)
    assert wait_for(lambda: box.state("x")["status"] == "stopped")
    said = json.loads(log.read_text()[len(before):])
    assert said["level"] == "error" and "the gofer ended" in said["msg"] and said["time"].endswith("Z")


def calls_in(log):
    """The names of calls that the log shows."""
    return {line.split(" E ", 1)[1].split("(", 1)[0] for line in log.read_text().splitlines() if " E " in line}


def test_strace_of_some_calls(box):
    log = box.dir / "log"
    flags = ("--debug-log", log, "--strace", "--strace-syscalls=openat,exit_group")
    box.ok(*flags, "run", "-bundle", box.bundle("cat", "/etc/group"), "x")
    assert calls_in(log) == {"openat", "exit_group"}
    r = box.runsc("--strace", "--strace-syscalls=openat,nonsense", "run", "-bundle", box.bundle("true"), "x")
    assert r.returncode == 128 and '"nonsense" is no system call' in r.stderr


def test_strace_of_some_calls_of_a_running_container(box):
    log = box.dir / "log"
    box.quiet("--debug", "--debug-log", log, "run", "-detach", "-bundle", box.bundle("sleep", "1000"), "x")
    r = box.runsc("debug", "-strace", "openat,nonsense", "x")
    assert r.returncode == 128 and '"nonsense" is no system call' in r.stderr
    box.ok("exec", "x", "cat", "/etc/group")
    assert calls_in(log) == set()
    box.ok("debug", "-strace", "openat,read", "x")
    box.ok("exec", "x", "cat", "/etc/group")
    assert calls_in(log) == {"openat", "read"}
    box.ok("debug", "-strace", "all", "x")
    box.ok("exec", "x", "cat", "/etc/group")
    assert {"mmap", "execve"} & calls_in(log)
    box.ok("debug", "-strace", "off", "x")
    size = len(calls_in(log))
    log.write_text("")
    box.ok("exec", "x", "cat", "/etc/group")
    assert size and calls_in(log) == set()
