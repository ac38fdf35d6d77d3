"""Commands of runsc and a sandbox that was taken over: whatever it answers, or does not, they end in time, by themselves, with a
message, and print nothing that a terminal obeys."""
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from conftest import ROOT, TIMEOUT
from lifecycle import Containers

COMMANDS = [
    ("state", "x"), ("list",), ("ps", "x"), ("ps", "-format", "json", "x"), ("usage", "-full", "x"), ("events", "-stats", "x"),
    ("read", "-size", "100000", "x", "/f"), ("read", "-size", "3000000", "x", "/f"), ("wait", "x"), ("kill", "-pid", "5", "x", "TERM"),
    ("kill", "-all", "x", "USR1"), ("pause", "x"), ("resume", "x"), ("start", "x"), ("debug", "-stacks", "-ps", "-strace", "all", "x"),
    ("debug", "-log-level", "debug", "-signal", "USR1", "x"), ("exec", "x", "true"), ("exec", "-user", "a", "-cap", "CAP_KILL", "x", "sh"),
]


def start_time(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return int(f.read().rsplit(")", 1)[1].split()[19])


class Hostile:
    def __init__(self, box, how, seed=0):
        box.root.mkdir(exist_ok=True, mode=0o711)
        script = os.path.join(ROOT, "tests", "system", "hostile_sandbox.py")
        self.proc = subprocess.Popen([sys.executable, script, str(box.root / "runsc-x.sock"), how, str(seed)],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.proc.stdout.readline() == "ready\n"
        self.pid = self.proc.pid
        process = {"pid": self.pid, "start": start_time(self.pid)}
        config = {"ociVersion": "1.0.0", "root": {"path": "rootfs"}, "process": {"args": ["true"], "cwd": "/"}}
        self.file = box.root / "x_sandbox:x.state"
        self.text = json.dumps({"version": 1, "id": "x", "sandbox": "x", "status": "running", "sentry": process, "gofer": process,
                                "bundle": "/", "created": "", "owner": "", "socket": "runsc-x.sock", "config": config})
        self.write()

    def write(self):
        self.file.write_text(self.text)

    def end(self):
        self.proc.kill()
        self.proc.wait(TIMEOUT)


@pytest.fixture
def hostile(tmp_path):
    started = []
    box = Containers(tmp_path)

    def make(*args):
        started.append(Hostile(box, *args))
        return box, started[-1]
    yield make
    for h in started:
        h.end()


def check(box, words):
    """The command ends by itself; what it says is for a terminal, but for the file that `read` prints."""
    p = subprocess.run(box.command("--network=none", *words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=TIMEOUT, check=False)
    assert 0 <= p.returncode <= 255 and p.returncode not in (139, 135, 134), (words, p.returncode)
    shown = p.stderr + (b"" if words[0] == "read" else p.stdout)
    assert not [c for c in shown if c < 32 and c != 10 or c == 127], (words, shown[:300])
    if words[0] == "read" and "-size" in words:
        assert len(p.stdout) <= int(words[2]), (words, len(p.stdout))
    return p


@pytest.mark.parametrize("how", ["garbage", "mangled", "absurd"])
@pytest.mark.parametrize("seed", range(3))
def test_hostile_answers(hostile, how, seed):
    box, h = hostile(how, seed)
    for words in COMMANDS:
        check(box, words)
        h.write()
    assert h.proc.poll() is None


def test_more_than_was_asked_for(hostile):
    """A file that is read in pieces: the sandbox says how much it has written."""
    box, _ = hostile("too_much")
    for words in (("read", "-size", "5", "x", "/f"), ("read", "x", "/f")):
        p = check(box, words)
        assert p.returncode == 128 and b"nonsense" in p.stderr and p.stdout == b""


def test_nobody_listens(hostile):
    """As in the moment between the end of its descriptors and its own: what shall die dies, and that is no error."""
    box, h = hostile("closed")
    r = box.runsc("kill", "x", "TERM")
    assert r.returncode == 128 and "cannot be reached" in r.stderr
    box.ok("kill", "x", "KILL")
    assert h.proc.wait(TIMEOUT) == -signal.SIGKILL
    box.ok("delete", "x")


def test_nobody_accepts(hostile):
    """Its queue of connections is full; those who ask do not wait for ever in it."""
    box, h = hostile("deaf")
    full = []
    for _ in range(100):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.setblocking(False)
        full.append(s)
        try:
            s.connect(str(box.root / "runsc-x.sock"))
        except BlockingIOError:
            break
    else:
        pytest.fail("the queue has no end")
    start = time.monotonic()
    assert json.loads(box.ok("state", "x"))["status"] == "running"
    assert check(box, ("usage", "x")).returncode == 128
    assert box.runsc("kill", "x", "KILL").returncode == 0
    assert time.monotonic() - start < TIMEOUT and h.proc.wait(TIMEOUT) == -signal.SIGKILL
    box.ok("delete", "-force", "x")
    for s in full:
        s.close()
