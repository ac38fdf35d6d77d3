"""--host-uds: unix sockets of the host in the container's mounts; both forms of the gofer."""
import array
import contextlib
import os
import socket
import struct
import subprocess
import threading

import pytest

from conftest import RUNSC, TIMEOUT, runsc

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="owners of sockets")
KINDS = {"stream": socket.SOCK_STREAM, "dgram": socket.SOCK_DGRAM, "seqpacket": socket.SOCK_SEQPACKET}


@pytest.fixture(params=["true", "false"])
def form(request):
    return f"--directfs={request.param}"


@pytest.fixture(name="volume")
def volume_fixture(tmp_path):
    """A directory of the host that anybody may reach."""
    d = tmp_path / "v"
    d.mkdir()
    p = tmp_path
    while p != p.parent:
        if not p.stat().st_mode & 0o001:
            p.chmod(p.stat().st_mode | 0o011)
        p = p.parent
    return d


def command(form, uds, volume, program, *more):
    return [RUNSC, form, f"--host-uds={uds}", *more, "do", "-force-overlay=false", "-cwd", str(volume), "-volume", str(volume),
            "python3", "-c", "import os, socket, struct, errno, select, time\n" + program]


def inside(form, uds, volume, program, *more, **kw):
    p = subprocess.run(command(form, uds, volume, program, *more), capture_output=True, text=True, timeout=TIMEOUT, check=False, **kw)
    assert p.returncode == 0, p.stderr
    return p.stdout


@contextlib.contextmanager
def server(path, kind, mode=0o777, backlog=5):
    with socket.socket(socket.AF_UNIX, KINDS[kind]) as s:
        s.bind(str(path))
        os.chmod(path, mode)
        if kind != "dgram":
            s.listen(backlog)
        s.settimeout(TIMEOUT)
        yield s


@contextlib.contextmanager
def serving(fn, *args):
    """fn runs beside the container; what it raises is raised here."""
    failed = []

    def run():
        try:
            fn(*args)
        except BaseException as e:  # pylint: disable=broad-except
            failed.append(e)

    t = threading.Thread(target=run)
    t.start()
    try:
        yield
    finally:
        t.join(TIMEOUT)
        if failed:
            raise failed[0]
    assert not t.is_alive()


def echo(s, want):
    c, _ = s.accept()
    c.settimeout(TIMEOUT)
    with c:
        got = b""
        while len(got) < want:
            d = c.recv(65536)
            assert d
            got += d
            c.sendall(d)
        assert c.recv(10) == b""


@pytest.mark.parametrize("uds", ["none", "create"])
def test_refused(form, volume, uds):
    with server(volume / "s", "stream"), server(volume / "d", "dgram"):
        out = inside(form, uds, volume, """
for n, k in ('s', socket.SOCK_STREAM), ('d', socket.SOCK_DGRAM):
    s = socket.socket(socket.AF_UNIX, k)
    print(errno.errorcode[s.connect_ex(n)])
try:
    s.sendto(b'x', 'd')
except OSError as e:
    print(errno.errorcode[e.errno])
""")
    assert out.split() == ["ECONNREFUSED"] * 3


def test_stream(form, volume):
    """Large transfers in both directions at once, the end of each direction, names, and what the options say."""
    n = 3_000_000
    with server(volume / "s", "stream") as s, serving(echo, s, n):
        out = inside(form, "open", volume, f"""
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.connect('s')
print(s.getpeername(), repr(s.getsockname()))
print(struct.unpack('3i', s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)))
n = {n}
data = os.urandom(n)
s.setblocking(False)
sent, got = 0, b''
while len(got) < n:
    r, w, _ = select.select([s], [s] if sent < n else [], [])
    if w:
        sent += s.send(data[sent:sent + 100000])
    if r:
        got += s.recv(100000)
print(got == data)
s.setblocking(True)
s.shutdown(socket.SHUT_WR)
print(s.recv(10))
try:
    s.send(b'x')
except BrokenPipeError:
    print('EPIPE')
""")
    assert out.split("\n")[:-1] == ["s ''", "(0, 0, 0)", "True", "b''", "EPIPE"]


@pytest.mark.parametrize("more", [["--platform=ptrace"], ["--network=host"], ["--network=host", "--platform=ptrace"]], ids=" ".join)
def test_with_other_filters(form, volume, more):
    """Every combination of host calls has a filter of its own."""
    with server(volume / "s", "stream") as s, serving(echo, s, 2):
        out = inside(form, "all", volume, """
s = socket.socket(socket.AF_UNIX)
s.connect('s')
s.send(b'ab')
print(s.recv(10))
b = socket.socket(socket.AF_UNIX)
b.bind('new')
b.listen()
b.settimeout(0)
try:
    b.accept()
except BlockingIOError:
    print('EAGAIN')
""", *more)
    assert out == "b'ab'\nEAGAIN\n"


def test_close_after_write(form, volume):
    """What was written before the end arrives, though the program is gone."""
    def take(s):
        c, _ = s.accept()
        with c:
            got = 0
            while d := c.recv(65536):
                got += len(d)
            assert got == 100_000

    with server(volume / "s", "stream") as s, serving(take, s):
        inside(form, "open", volume, """
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.connect('s')
s.sendall(bytes(100000))
s.close()
""")


def test_dgram(form, volume):
    """Connected, with an address for each message, and a server that goes away."""
    with server(volume / "d", "dgram") as d:
        out = inside(form, "open", volume, """
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect('d')
print(s.send(b'one'), s.send(b''), s.send(b'x' * 60000))
t = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
print(t.sendto(b'two', 'd'), t.sendto(b'three', 'd'))
print(errno.errorcode[socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).connect_ex('d')])
s.connect('d')
print(s.send(b'again'))
""")
        assert out.split("\n")[:-1] == ["3 0 60000", "3 5", "EPROTOTYPE", "5"]
        got = [d.recv(100_000) for _ in range(6)]
    assert [len(x) for x in got] == [3, 0, 60000, 3, 5, 5] and got[3:] == [b"two", b"three", b"again"]
    out = inside(form, "open", volume, """
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
print(errno.errorcode[s.connect_ex('d')])
""")
    assert out == "ECONNREFUSED\n"  # its socket is closed


def test_seqpacket(form, volume):
    def talk(s):
        c, _ = s.accept()
        with c:
            assert [c.recv(100), c.recv(100)] == [b"one", b"two2"]
            for m in (b"a", b"bb", b"c" * 50000):
                c.send(m)

    with server(volume / "q", "seqpacket") as s, serving(talk, s):
        out = inside(form, "open", volume, """
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect('q')
print(s.send(b'one'), s.send(b'two2'))
print(len(s.recv(10)), len(s.recv(1)), len(s.recv(100000)), len(s.recv(10)))
""")
    assert out == "3 4\n1 1 50000 0\n"


def test_who_connects(form, volume):
    """SO_PEERCRED at the host's end is the container's user, not the gofer's; the host's own check of rights is for that user."""
    seen = []

    def look(s):
        for _ in range(3):
            c, _ = s.accept()
            seen.append(struct.unpack("3i", c.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1:])
            c.close()

    os.chmod(volume, 0o711)
    with server(volume / "s", "stream", 0o770) as s, serving(look, s):
        os.chown(volume / "s", 0, 77)
        out = inside(form, "open", volume, """
def attempt(uid, gid, groups=()):
    if os.fork() == 0:
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        print(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).connect_ex('s'), flush=True)
        os._exit(0)
    os.wait()
attempt(0, 0)
attempt(1234, 5)
attempt(1234, 77)
attempt(1234, 5, [77])
""")
    assert out.split() == ["0", "13", "0", "0"]
    assert seen == [(0, 0), (1234, 77), (1234, 77)]


def test_descriptors_stay(form, volume):
    """No descriptor passes, in either direction; the connection goes on."""
    def talk(s):
        c, _ = s.accept()
        with c:
            null = os.open("/dev/null", os.O_RDONLY)
            socket.send_fds(c, [b"with"], [null])
            os.close(null)
            data, fds, _, _ = socket.recv_fds(c, 100, 4)
            assert data == b"plain" and not fds

    with server(volume / "s", "stream") as s, serving(talk, s):
        out = inside(form, "open", volume, """
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.connect('s')
before = len(os.listdir('/proc/self/fd'))
data, fds, _, _ = socket.recv_fds(s, 100, 4)
print(data, fds, len(os.listdir('/proc/self/fd')) - before)
try:
    socket.send_fds(s, [b'x'], [0])
except OSError as e:
    print(errno.errorcode[e.errno])
s.send(b'plain')
""")
    assert out == "b'with' [] 0\nEPERM\n"


def test_backlog(form, volume):
    """A listener without room: a call that waits connects when there is room, one that does not is told."""
    with server(volume / "s", "stream", backlog=0) as s:
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(volume / "s"))
            p = subprocess.Popen(command(form, "open", volume, """
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.setblocking(False)
print(errno.errorcode[s.connect_ex('s')], flush=True)
s.settimeout(None)
s.connect('s')
print(s.recv(10))
"""), stdout=subprocess.PIPE, text=True)
            assert p.stdout.readline() == "EAGAIN\n"
            s.accept()[0].close()
            c, _ = s.accept()
            with c:
                c.send(b"hi")
            assert p.stdout.readline() == "b'hi'\n"
            assert p.wait(TIMEOUT) == 0
            p.stdout.close()


def test_through_an_overlay(form, volume):
    """What is below an overlay is connected to as well; what is made there stays inside."""
    with server(volume / "s", "stream") as s, serving(echo, s, 2):
        p = subprocess.run([RUNSC, form, "--host-uds=all", "--overlay2=all:memory", "do", "-cwd", str(volume), "-volume", str(volume), "python3", "-c", """
import socket
s = socket.socket(socket.AF_UNIX)
s.connect('s')
s.send(b'ab')
print(s.recv(10))
b = socket.socket(socket.AF_UNIX)
b.bind('new')
b.listen()
c = socket.socket(socket.AF_UNIX)
c.connect('new')
print(b.accept()[1])
"""], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert p.stdout == "b'ab'\n\n", p.stderr
    assert not (volume / "new").exists()


@pytest.mark.parametrize("uds", ["none", "open"])
def test_bind_stays_inside(form, volume, uds):
    """Without create a name is made, but nobody outside can connect to it."""
    p = subprocess.Popen(command(form, uds, volume, """
s = socket.socket(socket.AF_UNIX)
s.bind('s')
s.listen()
print('ready', flush=True)
input()
c = socket.socket(socket.AF_UNIX)
c.connect('s')
print(s.accept()[1])
"""), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "ready\n"
    with socket.socket(socket.AF_UNIX) as c, pytest.raises(ConnectionRefusedError):
        c.connect(str(volume / "s"))
    assert p.communicate("\n", TIMEOUT)[0] == "\n"


@pytest.mark.parametrize("kind", ["stream", "seqpacket"])
def test_create(form, volume, kind):
    """A server inside serves the host and its own neighbours; descriptors pass between these only."""
    os.chmod(volume, 0o777)
    p = subprocess.Popen(command(form, "create", volume, f"""
os.umask(0o027)
s = socket.socket(socket.AF_UNIX, {int(KINDS[kind])})
os.setresgid(44, 44, 44)
os.seteuid(33)
s.bind('s')
s.listen(3)
st = os.stat('s')
print(oct(st.st_mode), st.st_uid, st.st_gid, s.getsockname(), flush=True)
for i in range(2):
    c, a = s.accept()
    print(repr(a), c.getsockname(), c.recv(100), flush=True)
    c.send(b'answer')
    c.close()
c = socket.socket(socket.AF_UNIX, {int(KINDS[kind])})
c.connect('s')
socket.send_fds(c, [b'x'], [0])
print(len(socket.recv_fds(s.accept()[0], 10, 4)[1]))
s.close()
print(errno.errorcode[socket.socket(socket.AF_UNIX, {int(KINDS[kind])}).connect_ex('s')], flush=True)
input()
"""), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "0o140750 33 44 s\n"
    for i in range(2):
        with socket.socket(socket.AF_UNIX, KINDS[kind]) as c:
            c.settimeout(TIMEOUT)
            c.connect(str(volume / "s"))
            c.send(b"from %d" % i)
            assert c.recv(100) == b"answer" and c.recv(100) == b""
        assert p.stdout.readline() == f"'' s b'from {i}'\n"
    assert [p.stdout.readline() for _ in range(2)] == ["1\n", "ECONNREFUSED\n"]
    with socket.socket(socket.AF_UNIX, KINDS[kind]) as c, pytest.raises(ConnectionRefusedError):
        c.connect(str(volume / "s"))
    p.communicate("\n", TIMEOUT)
    assert p.returncode == 0
    st = os.stat(volume / "s")
    assert (st.st_mode, st.st_uid, st.st_gid) == (0o140750, 33, 44)


def test_create_dgram(form, volume):
    p = subprocess.Popen(command(form, "create", volume, """
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('d')
print('ready', flush=True)
for i in range(40):
    m = s.recv(100000)
    if len(m) != 1000 * i:
        print(i, len(m))
print('done')
"""), stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "ready\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as c:
        for i in range(40):
            c.sendto(bytes(1000 * i), str(volume / "d"))
    assert p.communicate(timeout=TIMEOUT)[0] == "done\n"


def test_name_taken(form, volume):
    (volume / "s").write_text("")
    out = inside(form, "create", volume, """
for n in 's', 'no/s':
    try:
        socket.socket(socket.AF_UNIX).bind(n)
        print('bound')
    except OSError as e:
        print(errno.errorcode[e.errno])
""")
    assert out.split() == ["EADDRINUSE", "ENOENT"]


def test_volume_of_one_socket(form, volume):
    """As with docker run -v /var/run/docker.sock:..."""
    with server(volume / "s", "stream") as s, serving(echo, s, 2):
        p = subprocess.run([RUNSC, form, "--host-uds=open", "do", "-volume", f"{volume / 's'}:/tmp/there.sock", "python3", "-c", """
import os, socket, stat
print(stat.S_ISSOCK(os.stat('/tmp/there.sock').st_mode))
s = socket.socket(socket.AF_UNIX)
s.connect('/tmp/there.sock')
s.send(b'ab')
print(s.recv(10))
"""], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert p.stdout == "True\nb'ab'\n", p.stderr
