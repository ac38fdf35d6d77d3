"""Terminals of containers that run without a runsc in front of them: console sockets."""
import fcntl
import os
import re
import select
import struct
import subprocess
import termios

import pytest

from conftest import KEY_TIMEOUT as TIMEOUT
from lifecycle import ConsoleSocket, Containers

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="binds the host's /usr")


@pytest.fixture
def box(tmp_path):
    b = Containers(tmp_path)
    yield b
    assert b.end() == []


class Master:
    def __init__(self, fd):
        self.fd, self.text = fd, ""

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern):
        while not (m := re.search(pattern, self.text)):
            assert select.select([self.fd], [], [], TIMEOUT)[0], (pattern, self.text)
            try:
                self.text += os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                assert False, (pattern, self.text)
        self.text = self.text[m.end():]
        return m

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self):
        os.close(self.fd)


def terminal(c):
    c["process"]["terminal"] = True
    c["process"]["consoleSize"] = {"width": 90, "height": 30}


def start(box, *argv):
    s = ConsoleSocket(box.dir)
    box.quiet("create", "-console-socket", s.path, "-bundle", box.bundle(*argv, change=terminal), "x")
    m = Master(s.master())
    box.ok("start", "x")
    return m


def in_exec(box, *argv, flags=()):
    s = ConsoleSocket(box.dir)
    box.quiet("exec", "-tty", "-detach", "-console-socket", s.path, "-pid-file", box.dir / "pid", *flags, "x", *argv)
    return Master(s.master())


def check(m):
    """m: a bash with --noediting."""
    m.send("PS1=pro''mpt:\n")
    m.expect("prompt:")
    m.send("test -t 0 && test -t 1 && test -t 2 && echo a''ll\n")
    m.expect("all\r\n")
    m.send("bash -c \"trap 'echo win; stty size; exit' WINCH; echo rea''dy; while :; do read -t 0.05 x; done\"\n")
    m.expect("ready\r\n")
    m.resize(50, 132)
    m.expect("win\r\n50 132")
    m.expect("prompt:")
    m.send("sh -c 'echo sta\"\"rted; exec sleep 1000'\n")
    m.expect("started\r\n")
    m.send("\x03")
    m.expect(r"\^C[\s\S]*prompt:")
    m.send("sh -c 'echo sta\"\"rted; exec cat'\n")
    m.expect("started\r\n")
    m.send("\x1a")
    m.expect("Stopped")
    m.send("kill %1; fg\n")
    m.expect("Terminated")
    m.send("stty -echo; echo o''ff; cat\n")
    m.expect("off\r\n")
    m.send("word\n")
    m.expect("word\r\n")
    m.send("\x04")
    m.expect("prompt:")
    m.send("stty echo\n")
    m.expect("prompt:")


def test_create(box):
    m = start(box, "bash", "--norc", "--noprofile", "--noediting", "-i")
    m.send("stty size\n")
    m.expect("30 90")
    check(m)
    w = subprocess.Popen(box.command("wait", "x"), stdout=subprocess.PIPE, text=True)
    assert not select.select([w.stdout], [], [], 0.2)[0]
    m.send("exit 4\n")
    assert '"exitStatus":4' in w.communicate(timeout=TIMEOUT)[0]
    m.close()


def test_exec(box):
    box.quiet("run", "-detach", "-bundle", box.bundle("sleep", "1000"), "x")
    for _ in range(2):  # the host may give the second the same terminal
        m = in_exec(box, "bash", "--norc", "--noprofile", "--noediting", "-i")
        check(m)
        m.send("exit\n")
        m.close()


def test_exec_beside_a_console(box):
    m = start(box, "bash", "--norc", "--noprofile", "--noediting", "-i")
    n = in_exec(box, "bash", "--norc", "--noprofile", "--noediting", "-i")
    check(n)
    check(m)
    n.send("exit\n")
    m.send("exit\n")


def test_hang_up(box):
    """The user goes away: SIGHUP, as for any terminal."""
    m = start(box, "sh", "-c", "trap 'exit 3' HUP; echo ready; while :; do sleep 0.01; done")
    m.expect("ready")
    w = subprocess.Popen(box.command("wait", "x"), stdout=subprocess.PIPE, text=True)
    assert not select.select([w.stdout], [], [], 0.2)[0]
    m.close()
    assert '"exitStatus":3' in w.communicate(timeout=TIMEOUT)[0]


def test_hang_up_of_exec(box):
    box.quiet("run", "-detach", "-bundle", box.bundle("sleep", "1000"), "x")
    m = in_exec(box, "sleep", "1234")
    m.close()
    for _ in range(TIMEOUT * 100):
        if "sleep 1234" not in box.ok("exec", "x", "ps", "axo", "args"):
            break
        select.select([], [], [], 0.01)
    else:
        assert False, "it goes on"


def test_errors(box):
    r = box.runsc("create", "-bundle", box.bundle("true", change=terminal), "x")
    assert r.returncode == 128 and "-console-socket" in r.stderr
    r = box.runsc("create", "-console-socket", "/nowhere/sock", "-bundle", box.bundle("true", change=terminal), "x")
    assert r.returncode == 128 and "/nowhere/sock" in r.stderr
    r = box.runsc("create", "-console-socket", "/nowhere/sock", "-bundle", box.bundle("true"), "x")
    assert r.returncode == 128 and "terminal" in r.stderr
