"""How the platform is chosen, and what the two must have in common that no program inside sees."""
import os
import pty
import re
import subprocess
import sys
import termios
import tty

import pytest

from conftest import PLATFORMS, RUNSC, wait_for


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


def reads_in_the_host(pid):
    """Whether a thread of it is inside read(2)."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/syscall", encoding="ascii") as f:
            if f.read().startswith("0 "):
                return True
    return False


@pytest.mark.parametrize("platform", PLATFORMS)
def test_blocking_call_blocks_one(sandbox, platform):
    """A terminal in raw mode has one byte and waits for the next up to 25 s: dd waits in the host, the shell goes on."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    mode = termios.tcgetattr(slave)
    mode[6][termios.VMIN] = mode[6][termios.VTIME] = 255
    termios.tcsetattr(slave, termios.TCSANOW, mode)
    os.write(master, b"x")
    script = "(dd bs=255 count=1 of=/dev/null <&2 2>/dev/null; echo read) & echo ready; read line; echo $line; wait"
    s = sandbox(f"--platform={platform}", command=("sh", "-c", script), stdin=subprocess.PIPE, stderr=slave)
    assert wait_for(lambda: reads_in_the_host(s.sentry))
    s.proc.stdin.write(b"alive\n")
    s.proc.stdin.flush()
    assert s.proc.stdout.readline() == b"alive\n"
    os.write(master, b"y" * 254)
    assert s.proc.stdout.readline() == b"read\n"
    assert s.proc.wait(60) == 0
    os.close(master)
    os.close(slave)
