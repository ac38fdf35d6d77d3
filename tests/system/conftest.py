"""Helpers of the system tests: they drive the release binary (RUNSC, default out/runsc) from outside."""
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

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUNSC = os.environ.get("RUNSC", os.path.join(ROOT, "out", "runsc"))
SANDBOX = (RUNSC, "--network=none", "do")
TIMEOUT = 60
KEY_TIMEOUT = 20
PLATFORMS = ("systrap", "ptrace")

# A shell without job control starts what is in the background with these ignored, and the programs under test would inherit that.
for _sig in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_sig) == signal.SIG_IGN:
        signal.signal(_sig, signal.SIG_DFL)


def runsc(*args, **kw):
    """Runs to the end; the result has .returncode, .stdout, .stderr (text)."""
    kw.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([RUNSC, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=TIMEOUT, **kw)


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


def descendants(pid):
    found = []
    for child in children(pid):
        found += [child] + descendants(child)
    return found


def cmdline(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().decode(errors="replace").split("\0")
    except OSError:
        return []


def status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
        return dict(re.findall(r"^(\w+):[ \t]*(.*)$", f.read(), re.M))


def wait_for(condition):
    """For what nothing announces; false when it has not come to be within TIMEOUT seconds."""
    for _ in range(TIMEOUT * 100):
        if condition():
            return True
        select.select([], [], [], 0.01)
    return False


def wait_gone(pidfds):
    """Until every one of these processes has ended; what has not after TIMEOUT seconds is returned."""
    left = []
    for pid, fd in pidfds.items():
        if fd is not None and not select.select([fd], [], [], TIMEOUT)[0]:
            left.append((pid, cmdline(pid)))
    return left


class Sandbox:
    """A sandbox that has said "ready" and goes on until it is told otherwise."""

    def __init__(self, *flags, command=("sh", "-c", "echo ready; exec sleep 1000"), do_flags=(), **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        kw.setdefault("stderr", subprocess.PIPE)
        self.proc = subprocess.Popen([RUNSC, *flags, "do", *do_flags, *command], stdout=subprocess.PIPE, **kw)
        line = self.proc.stdout.readline()
        if line.strip() != b"ready":
            self.proc.kill()
            raise AssertionError(f"the sandbox did not start: {line!r} {self.proc.communicate()}")
        kids = children(self.proc.pid)
        self.sentry = next(p for p in kids if cmdline(p)[:2] == ["runsc-sandbox", "boot"])
        self.gofer = next(p for p in kids if cmdline(p)[:2] == ["runsc-gofer", "gofer"])
        self.pidfds = {p: os.pidfd_open(p) for p in (self.proc.pid, self.sentry, self.gofer)}
        self.stubs = []
        for p in descendants(self.sentry):
            try:
                self.pidfds[p] = os.pidfd_open(p)
            except ProcessLookupError:  # of a command that had ended before "ready"
                continue
            self.stubs.append(p)

    def close(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.communicate()
        left = wait_gone(self.pidfds)
        for fd in self.pidfds.values():
            os.close(fd)
        self.pidfds = {}
        return left

    def end(self):
        """After something was killed: runsc's exit status and stderr, when all processes are gone."""
        try:
            _, err = self.proc.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            raise
        left = wait_gone(self.pidfds)
        assert not left, f"left over: {left}"
        return self.proc.returncode, err.decode()


@pytest.fixture
def sandbox():
    made = []

    def make(*flags, **kw):
        made.append(Sandbox(*flags, **kw))
        return made[-1]

    yield make
    for s in made:
        assert not s.close()


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
            if not select.select([self.master], [], [], KEY_TIMEOUT)[0]:
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
        made.append(Terminal(*([] if request.param == "host" else SANDBOX), *argv))
        return made[-1]

    yield make
    for t in made:
        t.end()
