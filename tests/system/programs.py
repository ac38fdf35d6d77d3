"""Runs a program on the host and in the sandbox and compares what it did. The tests of programs use it."""
import contextlib
import difflib
import os
import shutil
import subprocess
import time

import pytest

from conftest import SANDBOX

ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root", "TERM": "dumb"}


def run(command, directory, timeout=120):
    r = subprocess.run(command, cwd=directory, env=ENV, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False)
    return r.returncode, r.stdout.decode(errors="replace"), r.stderr.decode(errors="replace")


def lines(result, directory, stderr):
    status, out, err = result
    text = f"status {status}\n{out}" + (f"\nstandard error:\n{err}" if stderr else "")
    return text.replace(str(directory), "DIR").splitlines()


def differences(want, host, got, inside, stderr=True):
    d = list(difflib.unified_diff(lines(want, host, stderr), lines(got, inside, stderr), "host", "sandbox", n=1, lineterm=""))
    if d:
        pytest.fail("\n".join(d) + ("" if stderr else f"\nsandbox's standard error:\n{got[2]}"), pytrace=False)


def compare(argv, tmp_path, files=None, stderr=True, timeout=120):
    """Runs argv natively and in the sandbox, each in a fresh copy of the same directory; the sandbox changes nothing on the host."""
    host, inside = tmp_path / "host" / "w", tmp_path / "sandbox" / "w"
    for d in (host, inside):
        d.mkdir(parents=True)
        for name, text in (files or {}).items():
            (d / name).parent.mkdir(parents=True, exist_ok=True)
            (d / name).write_text(text)
    before = sorted(p.name for p in inside.iterdir())
    want = run(argv, host, timeout)
    got = run([*SANDBOX, *argv], inside, timeout)
    differences(want, host, got, inside, stderr)
    assert sorted(p.name for p in inside.iterdir()) == before
    return want


def bash(text, tmp_path, files=None, stderr=True, timeout=120):
    """A script of bash, compared. Its standard error is part of the output."""
    return compare(["bash", "script"], tmp_path, {**(files or {}), "script": text}, stderr, timeout)


def need(*programs):
    for p in programs:
        assert shutil.which(p, path=ENV["PATH"]), f"{p} is not installed"


def memory_available():
    with open("/proc/meminfo", encoding="ascii") as f:
        return next(int(l.split()[1]) * 1024 for l in f if l.startswith("MemAvailable"))


@contextlib.contextmanager
def memory_limit(limit_bytes):
    """A memory cgroup, where one can be made: gives what a child calls to enter it, or None. What runs away is killed, not the machine."""
    for base, file in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = f"{base}/cvisor-test-{os.getpid()}-{time.monotonic_ns()}"
        try:
            os.mkdir(group)
        except OSError:
            continue
        try:
            with open(f"{group}/{file}", "r+", encoding="ascii") as f:
                f.write(str(limit_bytes))
            break
        except OSError:
            os.rmdir(group)
    else:
        yield None
        return

    def enter():
        with open(f"{group}/cgroup.procs", "w", encoding="ascii") as f:
            f.write("0")

    try:
        yield enter
    finally:
        for _ in range(100):  # the last processes may still be on their way out
            try:
                os.rmdir(group)
                break
            except OSError:
                time.sleep(0.05)
