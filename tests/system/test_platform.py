"""How the platform is chosen, and what the two must have in common that no program inside sees."""
import os
import re
import signal
import subprocess
import sys

import pytest

from conftest import PLATFORMS, RUNSC


def chosen(log):
    return re.findall(r"sentry platform: (.*)$", log.read_text(), re.M)


def run(*args, outer=False):
    before = [sys.executable, "-c", OUTER] if outer else []
    return subprocess.run([*before, RUNSC, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def run_logged(tmp_path, *flags, outer=False):
    log = tmp_path / "log"
    r = run("--debug", f"--debug-log={log}", *flags, "do", "echo", "hello", outer=outer)
    assert (r.returncode, r.stdout) == (0, "hello\n"), r.stderr
    return chosen(log)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_asked_for(tmp_path, platform):
    assert run_logged(tmp_path, f"--platform={platform}") == [f"{platform}, as asked for"]


# Holds the listener of an outer filter, which lets everything through, while the command runs.
OUTER = r"""
import ctypes, subprocess, sys
libc = ctypes.CDLL(None)
code = ctypes.c_uint64(0x7fff000000000006)  # return ALLOW
prog = (ctypes.c_uint64 * 2)(1, ctypes.addressof(code))
if libc.prctl(38, 1, 0, 0, 0) or libc.syscall(317, 1, 8, prog) < 0:  # no_new_privs; seccomp with NEW_LISTENER
    sys.exit("no listener")
sys.exit(subprocess.run(sys.argv[1:]).returncode)
"""


def test_best_is_systrap(tmp_path):
    line, = run_logged(tmp_path)
    assert line.startswith("systrap, the host has")


def test_ptrace_where_the_listener_is_taken(tmp_path):
    line, = run_logged(tmp_path, outer=True)
    assert line.startswith("ptrace, the host has no") and "EBUSY" in line
    r = run("--platform=systrap", "do", "true", outer=True)
    assert r.returncode == 128 and "EBUSY" in r.stderr and "--platform=ptrace" in r.stderr and r.stderr.count("\n") == 1




@pytest.mark.parametrize("platform", PLATFORMS)
def test_blocking_call_blocks_one(sandbox, platform):
    script = "mkfifo /tmp/f; (read go; ls /usr/share/doc /usr/lib/x86_64-linux-gnu >/dev/null; echo listed) </tmp/f & exec 3>/tmp/f; " \
             "echo ready; read line; echo go >&3; read line; echo $line; wait"
    s = sandbox(f"--platform={platform}", command=("sh", "-c", script), stdin=subprocess.PIPE)
    os.kill(s.gofer, signal.SIGSTOP)
    try:
        s.proc.stdin.write(b"\n")
        s.proc.stdin.flush()
        # ls needs the gofer and waits; the shell does not, and goes on
        s.proc.stdin.write(b"alive\n")
        s.proc.stdin.flush()
        assert s.proc.stdout.readline() == b"alive\n"
    finally:
        os.kill(s.gofer, signal.SIGCONT)
    assert s.proc.stdout.readline() == b"listed\n"
    assert s.proc.wait(60) == 0
