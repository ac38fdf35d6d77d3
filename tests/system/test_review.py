"""What reviews of the command line and of the control socket have found: each case failed once."""
import json
import os
import subprocess

import pytest

from conftest import wait_for
from lifecycle import Containers

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="binds the host's /usr")


@pytest.fixture
def box(tmp_path):
    b = Containers(tmp_path)
    yield b
    assert b.end() == []


# ---- the first process ----

def test_another_thread_executes_a_program(box):
    """The thread that the container was started with is gone then; the process is not."""
    code = ("import threading, os, time\n"
            "threading.Thread(target=lambda: os.execv('/bin/sleep', ['sleep', '1000'])).start()\n"
            "time.sleep(1000)")
    box.quiet("run", "-detach", "-bundle", box.bundle("/usr/bin/python3", "-c", code), "x")
    assert wait_for(lambda: "sleep" in box.ok("ps", "x"))
    assert box.ok("read", "x", "/etc/group").startswith("root:")
    assert box.ok("exec", "-user", "user", "x", "id", "-u") == "1000\n"
    box.ok("kill", "x", "KILL")
    assert wait_for(lambda: box.state("x")["status"] == "stopped")


def test_the_first_thread_ends_before_the_others(box):
    code = ("import threading, ctypes, time\n"
            "threading.Thread(target=lambda: time.sleep(1000)).start()\n"
            "ctypes.CDLL(None).syscall(60, 0)")
    box.quiet("run", "-detach", "-bundle", box.bundle("/usr/bin/python3", "-c", code), "x")
    assert wait_for(lambda: "Z (zombie)" in box.ok("exec", "x", "cat", "/proc/1/task/1/status"))
    assert box.ok("read", "x", "/etc/group").startswith("root:")
    assert box.ok("exec", "-user", "user", "x", "id", "-u") == "1000\n"


def test_exec_before_the_start(box):
    """As with runc: a created container has its files, and a process in it does not disturb its start."""
    box.quiet("create", "-bundle", box.bundle("sleep", "1000"), "x")
    assert box.ok("exec", "x", "cat", "/proc/1/comm") == "init\n"
    box.quiet("exec", "-detach", "x", "sleep", "1001")
    assert box.state("x")["status"] == "created"
    box.ok("start", "x")
    assert box.state("x")["status"] == "running"
    assert box.ok("exec", "x", "cat", "/proc/1/comm") == "sleep\n"
    box.ok("kill", "x", "KILL")
    assert wait_for(lambda: box.state("x")["status"] == "stopped")
    r = box.runsc("exec", "x", "true")
    assert r.returncode == 128 and "it is stopped" in r.stderr


def test_exec_while_paused(box):
    box.quiet("run", "-detach", "-bundle", box.bundle("sleep", "1000"), "x")
    box.ok("pause", "x")
    r = box.runsc("exec", "x", "true")
    assert r.returncode == 128 and "paused" in r.stderr


# ---- hooks ----

def script(box, name, text):
    path = box.dir / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def test_a_hook_that_is_late_ends_with_what_it_started(box):
    pids = box.dir / "pids"
    hook = {"path": script(box, "hook", f"sleep 1000 & echo $! >{pids}; wait\n"), "timeout": 1}
    bundle = box.bundle("true", change=lambda c: c.update(hooks={"createRuntime": [hook]}))
    r = box.runsc("run", "-bundle", bundle, "x")
    assert r.returncode == 128 and "1 seconds" in r.stderr
    child = int(pids.read_text())
    assert wait_for(lambda: not os.path.exists(f"/proc/{child}"))


def test_a_hook_of_the_start_fails(box):
    """The container is stopped then; it does not wait for another start."""
    hook = {"path": "/bin/false"}
    bundle = box.bundle("sleep", "1000", change=lambda c: c.update(hooks={"startContainer": [hook]}))
    box.quiet("create", "-bundle", bundle, "x")
    r = box.runsc("start", "x")
    assert r.returncode == 128 and "startContainer" in r.stderr
    assert box.state("x")["status"] == "stopped" and wait_for(lambda: not box.processes())
    box.ok("delete", "x")


# ---- the state directory ----

def test_a_state_directory_that_others_may_write(box):
    box.root.mkdir()
    bundle = box.bundle("true")
    for mode, uid, why in ((0o777, 0, "chmod go-w"), (0o775, 0, "chmod go-w"), (0o755, 1000, "belongs to user 1000")):
        box.root.chmod(mode)
        os.chown(box.root, uid, 0)
        for words in (("run", "-bundle", bundle, "x"), ("list",), ("delete", "-force", "x"), ("state", "x")):
            r = box.runsc(*words)
            assert r.returncode == 128 and why in r.stderr, (words, r.stderr)
    os.chown(box.root, 0, 0)
    box.root.chmod(0o755)
    box.ok("run", "-bundle", bundle, "x")
    assert json.loads(box.ok("list", "-format", "json") or "null") in (None, [])


# ---- numbers, names, files ----

def test_numbers_that_are_too_large(box):
    """Each was cut to 32 bits, and meant another process."""
    box.quiet("run", "-detach", "-bundle", box.bundle("sleep", "1000"), "x")
    for words in (("kill", "-pid", 2**32 + 1, "x", "KILL"), ("kill", "-pgid", 2**32 + 1, "x", "KILL"), ("wait", "-pid", 2**32 + 1, "x"),
                  ("wait", "-rootpid", -1, "x")):
        r = box.runsc(*words)
        assert r.returncode == 128 and "take a number from 1" in r.stderr, (words, r.stderr)
    assert box.state("x")["status"] == "running"


@pytest.mark.parametrize("size", ["nan", "inf", "-5", "1e30", "0x", "5m5"])
def test_no_size(box, size):
    box.quiet("run", "-detach", "-bundle", box.bundle("sleep", "1000"), "x")
    r = box.runsc("update", f"--memory={size}", "x")
    assert r.returncode == 128 and "is no size" in r.stderr, r.stderr


def test_exec_whose_pid_file_cannot_be_written(box):
    """Nobody would know of the process: it ends."""
    box.quiet("run", "-detach", "-bundle", box.bundle("sleep", "1000"), "x")
    with open(box.dir / "out", "w", encoding="utf-8") as out:
        r = box.runsc("exec", "-detach", "-pid-file", "/nowhere/pid", "x", "sleep", "1001", stdout=out, stderr=out)
    assert r.returncode == 128
    assert wait_for(lambda: len(box.ok("ps", "x").splitlines()) == 2)


def test_the_name_of_a_log_leads_nowhere_else(box):
    (box.dir / "logs").mkdir()
    box.runsc("--debug", f"--debug-log={box.dir}/logs/%ID%.log", "state", "../outside")
    assert not (box.dir / "outside.log").exists()
