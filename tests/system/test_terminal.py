"""A program on the user's terminal: what keys, windows and job control do goes through as without the sandbox."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import pytest

from conftest import RUNSC

TIMEOUT = 20


class Terminal:
    """A command whose controlling terminal is ours."""

    def __init__(self, *argv):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(slave)

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.slave = slave
        self.proc = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, preexec_fn=own_terminal,
                                     env={"PATH": os.environ["PATH"], "TERM": "dumb", "PS1": "PROMPT> ", "HOME": "/nonexistent"})
        self.text = ""

    def send(self, text):
        os.write(self.master, text.encode())

    def expect(self, pattern):
        """Reads until the pattern is there; what came before it is dropped."""
        while not (m := re.search(pattern, self.text)):
            if not select.select([self.master], [], [], TIMEOUT)[0]:
                raise AssertionError(f"no {pattern!r} in {self.text!r}")
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            if not data:
                raise AssertionError(f"ended before {pattern!r}: {self.text!r}")
            self.text += data.decode(errors="replace")
        self.text = self.text[m.end():]
        return m

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def end(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture(params=["host", "sandbox"])
def terminal(request):
    """Each case runs on the host's kernel too: the expectation is Linux's."""
    made = []

    def make(*argv):
        made.append(Terminal(*([] if request.param == "host" else [RUNSC, "--network=none", "do"]), *argv))
        return made[-1]

    yield make
    for t in made:
        t.end()


def bash(terminal):
    t = terminal("bash", "--norc", "--noprofile", "-i")
    t.expect("PROMPT> ")
    return t


def test_it_is_a_terminal(terminal):
    t = terminal("sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo all; stty size")
    t.expect(r"/dev/\S+\r\nall\r\n24 80\r\n")
    assert t.proc.wait(TIMEOUT) == 0


def test_echo_and_end_of_file(terminal):
    t = terminal("cat")
    t.send("word\n")
    t.expect(r"word\r\nword\r\n")
    t.send("\x04")
    assert t.proc.wait(TIMEOUT) == 0


def test_interrupt_key(terminal):
    t = terminal("sh", "-c", "trap 'echo caught; exit 3' INT; echo ready; while :; do read x; done")
    t.expect("ready")
    t.send("\x03")
    t.expect("caught")
    assert t.proc.wait(TIMEOUT) == 3


def test_interrupt_key_kills(terminal):
    t = terminal("sh", "-c", "echo ready; exec cat")
    t.expect("ready")
    t.send("\x03")
    assert t.proc.wait(TIMEOUT) in (-signal.SIGINT, 128 + signal.SIGINT)


def test_window_size(terminal):
    t = terminal("bash", "-c", "trap 'stty size; exit' WINCH; echo ready; while :; do read -t 0.05 x; done")
    t.expect("ready")
    t.resize(50, 132)
    t.expect("50 132")
    assert t.proc.wait(TIMEOUT) == 0


def test_job_control(terminal):
    t = bash(terminal)
    # Keys that come before the program has the terminal are the shell's: wait for its word.
    t.send("sh -c 'echo sta\"\"rted; exec cat'\n")
    t.expect(r"started\r\n")
    t.send("line\n")
    t.expect(r"line\r\nline\r\n")
    t.send("\x1a")
    t.expect(r"Stopped .*cat")
    t.expect("PROMPT> ")
    t.send("jobs\n")
    t.expect(r"\[1\]\+  Stopped .*exec cat'\r\n")
    t.expect("PROMPT> ")
    t.send("fg\n")
    t.expect(r"exec cat'\r\n")
    t.send("again\n")
    t.expect(r"again\r\n")
    t.send("once\n")  # the modes are cat's by now: an echo and an answer, maybe with the first line's answer between
    t.expect(r"once\r\n(again\r\n)?once\r\n")
    t.send("\x03")
    t.expect("PROMPT> ")
    t.send("echo status $?\n")
    t.expect("status 130\r\n")
    t.send("sleep 1000 &\n")
    t.expect(r"\[1\] \d+")
    t.send("kill %1; wait %1; echo status $?\n")
    t.expect("status 143\r\n")
    t.send("exit 4\n")
    assert t.proc.wait(TIMEOUT) == 4


def test_background_reader_stops(terminal):
    t = bash(terminal)
    t.send("cat &\n")
    t.expect(r"\[1\] \d+")
    t.send("wait %1; echo status $?\n")
    t.expect("status 149\r\n")
    t.send("exec true\n")
    assert t.proc.wait(TIMEOUT) == 0


def test_modes_come_back(terminal):
    """Modes that a program set are the terminal's; the shell after it sees them as it left them."""
    t = terminal("sh", "-c", "stty -echo -icanon; stty -a; stty sane; stty -a")
    t.expect(r"-icanon")
    t.expect(r"-echo ")
    t.expect(r" icanon")
    assert t.proc.wait(TIMEOUT) == 0
    assert termios.tcgetattr(t.slave)[3] & (termios.ECHO | termios.ICANON) == termios.ECHO | termios.ICANON


def test_killed_sandbox_leaves_the_modes(tmp_path):
    t = Terminal(RUNSC, "--network=none", "do", "sh", "-c", "stty raw -echo; echo ready; exec sleep 1000")
    try:
        t.expect("ready")
        kids = open(f"/proc/{t.proc.pid}/task/{t.proc.pid}/children", encoding="ascii").read().split()
        sentry = next(p for p in kids if b"boot" in open(f"/proc/{p}/cmdline", "rb").read())
        os.kill(int(sentry), signal.SIGKILL)
        assert t.proc.wait(TIMEOUT) == 128
        assert termios.tcgetattr(t.slave)[3] == t.before[3]
    finally:
        t.end()
