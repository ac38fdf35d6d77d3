"""--host-fifo: FIFOs of the host in the container's mounts; both forms of the gofer."""
import errno
import os
import subprocess

import pytest

from conftest import RUNSC, TIMEOUT

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="volumes that are written")


@pytest.fixture(params=["true", "false"])
def form(request):
    return f"--directfs={request.param}"


@pytest.fixture(name="fifo")
def fifo_fixture(tmp_path):
    os.mkfifo(tmp_path / "p")
    return tmp_path / "p"


def start(form, policy, fifo, program):
    return subprocess.Popen([RUNSC, form, f"--host-fifo={policy}", "do", "-force-overlay=false", "-cwd", fifo.parent, "-volume", fifo.parent,
                             "python3", "-c", "import errno, os, select, stat\nprint('ready', flush=True)\n" + program], stdout=subprocess.PIPE, text=True)


def end(p, want):
    out = p.communicate(timeout=TIMEOUT)[0]
    assert out == "ready\n" + want and p.returncode == 0


def test_from_the_host(form, fifo):
    """open waits for the writer, read for data, and the end is the end."""
    p = start(form, "open", fifo, """
f = os.open('p', os.O_RDONLY)
print(stat.S_ISFIFO(os.fstat(f).st_mode), os.fstat(f).st_ino == os.stat('p').st_ino)
got = b''
while d := os.read(f, 70000):
    got += d
print(len(got))
""")
    w = os.open(fifo, os.O_WRONLY)  # waits for the reader
    os.write(w, b"x" * 50)
    os.write(w, bytes(300_000))
    os.close(w)
    end(p, "True True\n300050\n")


def test_a_writer_that_writes_nothing(form, fifo):
    p = start(form, "open", fifo, "f = os.open('p', os.O_RDONLY)\nprint('open', flush=True)\nprint(os.read(f, 10))\n")
    w = os.open(fifo, os.O_WRONLY)
    assert [p.stdout.readline() for _ in range(2)] == ["ready\n", "open\n"]
    os.close(w)
    assert p.communicate(timeout=TIMEOUT)[0] == "b''\n"


def test_to_the_host(form, fifo):
    p = start(form, "open", fifo, """
import signal
f = os.open('p', os.O_WRONLY)
n = 0
while n < 300000:
    n += os.write(f, bytes(300000 - n))
select.select([], [f], [])
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
try:
    while True:
        os.write(f, b'x')
except OSError as e:
    print(errno.errorcode[e.errno])
""")
    r = os.open(fifo, os.O_RDONLY)
    n = 0
    while n < 300_000:
        n += len(os.read(r, 300_000 - n))
    os.close(r)
    end(p, "EPIPE\n")


def test_without_waiting(form, fifo):
    p = start(form, "open", fifo, """
try:
    os.open('p', os.O_WRONLY | os.O_NONBLOCK)
except OSError as e:
    print(errno.errorcode[e.errno])
f = os.open('p', os.O_RDONLY | os.O_NONBLOCK)
print(os.read(f, 10))
g = os.open('p', os.O_RDWR)
os.write(g, b'abc')
print(os.read(f, 10))
try:
    os.read(f, 10)
except BlockingIOError:
    print('EAGAIN')
""")
    end(p, "ENXIO\nb''\nb'abc'\nEAGAIN\n")


def test_none(form, fifo):
    """A pipe of the sandbox's own, which the host does not see."""
    p = start(form, "none", fifo, """
g = os.open('p', os.O_RDWR)
os.write(g, b'abc')
print(os.read(g, 10), flush=True)
""")
    end(p, "b'abc'\n")
    with pytest.raises(OSError) as e:
        os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    assert e.value.errno == errno.ENXIO


def test_an_open_that_is_killed(form, fifo):
    """Nothing of it is left: a writer of the host finds no reader."""
    p = start(form, "open", fifo, """
pid = os.fork()
if pid == 0:
    os.open('p', os.O_RDONLY)
w = os.open('p', os.O_WRONLY)
os.close(w)
os.waitpid(pid, 0)
pid = os.fork()
if pid == 0:
    os.open('p', os.O_RDONLY)
os.kill(pid, 9)
os.waitpid(pid, 0)
try:
    os.open('p', os.O_WRONLY | os.O_NONBLOCK)
except OSError as e:
    print(errno.errorcode[e.errno])
""")
    end(p, "ENXIO\n")
