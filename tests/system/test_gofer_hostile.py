"""A sentry that was taken over: 10,000 malformed and malicious messages to a real gofer process (src/wire/gofer.h,
docs/gofer-protocol.md). Nothing outside its mounts changes, it goes on answering, and it keeps no descriptor."""
import array
import ctypes
import os
import random
import select
import socket
import stat
import struct
import threading

import pytest

from conftest import RUNSC, TIMEOUT

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="the gofer of a container that root starts")

libc = ctypes.CDLL(None, use_errno=True)
OPS = ("open stat readlink walk create tmpfile mkdir mknod symlink link unlink rename setattr getxattr setxattr listxattr "
       "removexattr statfs end connect bind").split()
NUMBER = {op: i + 1 for i, op in enumerate(OPS)}
OPS.remove("end")  # it does end
UDS, FIFO = 3, 4  # GOFER_ACCESS_*: --host-uds=all, --host-fifo=open
STREAM, DGRAM = 1, 2
ATTACHED = 1 << 31
NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x40000000


def components(path):
    return b"".join(bytes([len(c)]) + c for c in path)


def request(op, path=(), to=(), name=b"", data=b"", flags=0, mode=0, uid=0, gid=0, valid=0, mount=0, tag=7, counts=None):
    """Any bytes one likes: nothing is checked here."""
    path, to = [p if isinstance(p, bytes) else p.encode() for p in path], [p if isinstance(p, bytes) else p.encode() for p in to]
    n = counts or (len(path), len(to), len(name), len(data))
    number = NUMBER[op] if isinstance(op, str) else op
    return struct.pack("<8I2q6I", number, tag, mount, flags, mode, uid, gid, valid, 0, 0, 0, 0, *n) + components(path) + components(to) + name + data


# One of each kind that is right, below a directory that the test fills.
VALID = [
    request("open", ["d", "f"], flags=1), request("open", ["d"], flags=12), request("stat", ["d", "f"]), request("stat"),
    request("readlink", ["out"]), request("walk", ["d", "e", "x"], flags=1), request("create", ["new"], mode=0o600),
    request("tmpfile", ["d"], mode=0o600), request("mkdir", ["newdir"], mode=0o700), request("mknod", ["p"], mode=0o010600),
    request("symlink", ["l"], data=b"../../.."), request("link", ["d", "f"], ["d", "g"]), request("unlink", ["new"]),
    request("unlink", ["newdir"], flags=1), request("rename", ["l"], ["m"]), request("setattr", ["d", "f"], valid=3, mode=0o640, uid=5),
    request("setxattr", ["d", "f"], name=b"user.a", data=b"v"), request("getxattr", ["d", "f"], name=b"user.a"),
    request("listxattr", ["d", "f"]), request("removexattr", ["d", "f"], name=b"user.a"), request("statfs", ["d"]),
    request("setattr", flags=ATTACHED, valid=1, mode=0o777), request("link", (), ["attached"], flags=ATTACHED),
    request("connect", ["sock"], flags=STREAM, uid=5, gid=6), request("bind", ["newsock"], flags=DGRAM, mode=0o700, uid=5),
    request("open", ["fifo"], flags=17),
]
BAD_NAMES = [b"..", b".", b"", b"a/b", b"/", b"/etc", b"a\0b", b"\0", b"../x", b"d/../..", b"./d"]


def syscall(number, *args):
    r = libc.syscall(number, *args)
    if r < 0:
        raise OSError(ctypes.get_errno(), f"call {number}")
    return r


def mount_clone(path):
    fd = syscall(428, -100, os.fsencode(path), 1 | os.O_CLOEXEC)  # open_tree, OPEN_TREE_CLONE
    attr = struct.pack("<4Q", 2 | 4, 0, 1 << 18, 0)  # nosuid, nodev; private
    syscall(442, fd, b"", 0x1000, attr, len(attr))  # mount_setattr
    return fd


class Gofer:
    """As runsc starts it: namespaces of its own, users mapped one to one. The last mount is a store of an overlay."""

    def __init__(self, *mounts, access=0):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        null = os.open("/dev/null", os.O_RDWR)
        fds = [null, null, null, theirs.fileno(), control.fileno(), *map(mount_clone, mounts)]
        ready, go = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self.become(fds, ready[1], go[0], len(mounts), access)
        os.read(ready[0], 1)
        for f in ("uid_map", "gid_map"):
            with open(f"/proc/{self.pid}/{f}", "w", encoding="ascii") as m:
                m.write("0 0 4294967295")
        os.write(go[1], b"x")
        self.pidfd = os.pidfd_open(self.pid)
        for fd in [null, *fds[5:], *ready, *go]:
            os.close(fd)
        theirs.close()
        control.close()
        self.socket.settimeout(TIMEOUT)
        first, self.mounts = self.receive()
        assert first[0] == 1 and first[2] == len(mounts) - 1 == len(self.mounts), self.control.recv(1000)
        self.descriptors = self.count_descriptors()

    @staticmethod
    def become(fds, ready, go, count, access):
        try:
            libc.unshare(NEWUSER)
            os.write(ready, b"x")
            os.read(go, 1)
            libc.unshare(NEWNS | NEWIPC | NEWUTS | NEWNET)
            high = [os.dup(os.dup2(fd, 100 + i)) and 100 + i for i, fd in enumerate(fds)]
            for i, fd in enumerate(high):
                os.dup2(fd, i)
            os.execv(RUNSC, ["runsc-gofer", "gofer", str(count), "direct", "1", "tied", f"access={access}"])
        finally:
            os._exit(99)

    def receive(self):
        data, ancillary, _, _ = self.socket.recvmsg(1 << 18, socket.CMSG_LEN(64 * 4))
        fds = array.array("i")
        for _, _, d in ancillary:
            fds.frombytes(d[:len(d) - len(d) % 4])
        return struct.unpack("<IIiII", data[:20]), list(fds)

    def ask(self, message, fds=()):
        """The value of the answer; descriptors that came are closed."""
        if fds:
            self.socket.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
        else:
            self.socket.send(message)
        (kind, _, value, _, _), got = self.receive()
        for fd in got:
            os.close(fd)
        assert kind == 3 and -4096 < value <= 0 and (value == 0 or not got)
        return value

    def count_descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def check(self):
        assert self.ask(request("stat", ["d", "f"])) == 0
        assert not select.select([self.pidfd], [], [], 0)[0], "it ended"
        assert self.count_descriptors() == self.descriptors

    def close(self):
        self.socket.close()
        self.control.close()
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        for fd in self.mounts:
            os.close(fd)
        assert status == 0, "it ends when its sentry does"


def outside_state(d):
    """All that a change would show."""
    found = {}
    for root, dirs, files in os.walk(d):
        for n in ["."] + dirs + files:
            s = os.lstat(os.path.join(root, n))
            found[os.path.join(root, n)] = (s.st_mode, s.st_uid, s.st_gid, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns)
    return found


@pytest.fixture(params=[0, UDS | FIFO], ids=["files", "sockets"])
def place(request, tmp_path):
    """in: the container's root; out: what must stay as it is; file: a file mount. Nobody connects to the socket outside."""
    yield from place_with(request.param, tmp_path)


@pytest.fixture
def sockets(tmp_path):
    yield from place_with(UDS | FIFO, tmp_path)


def place_with(access, tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    (inside / "d" / "e").mkdir(parents=True)
    for f in (inside / "d" / "f", inside / "d" / "e" / "x"):
        f.write_text("inside")
    (outside / "dir").mkdir(parents=True)
    (outside / "secret").write_text("outside")
    (outside / "dir" / "f").write_text("outside")
    (inside / "out").symlink_to(outside)
    (inside / "up").symlink_to("../out")
    (inside / "root").symlink_to("/")
    os.mknod(inside / "null", 0o020666, os.makedev(1, 3))
    os.mkfifo(inside / "fifo")
    listeners = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    for s, d in zip(listeners, (outside, inside)):
        s.bind(str(d / "sock"))
        s.listen(1000)
        s.setblocking(False)
    (tmp_path / "file").write_text("mounted")
    (tmp_path / "store").mkdir()
    g = Gofer(inside, tmp_path / "file", tmp_path / "store", access=access)
    before = outside_state(outside)
    yield g, inside, outside
    assert outside_state(outside) == before
    g.check()
    g.close()
    with pytest.raises(BlockingIOError):
        listeners[0].accept()
    for s in listeners:
        s.close()


def test_bad_names(place):
    g, _, _ = place
    n = 0
    for op in OPS:
        for bad in BAD_NAMES:
            for path in ([bad], ["d", bad], [bad, "f"], ["d", bad, "f"]):
                for to in ([], ["x"], [bad]):
                    for mode in (0, 0o600):
                        v = g.ask(request(op, path, to, mode=mode, data=b"x" if op == "symlink" else b"", flags=op in ("connect", "bind")))
                        assert v == -74, (op, path, to)  # EBADMSG
                        n += 1
    assert n > 4000


def test_counts_and_lengths(place):
    g, _, _ = place
    wild = [0, 1, 2, 255, 256, 1023, 1024, 1025, 4096, 65535, 65536, 65537, 1 << 20, 1 << 31, (1 << 32) - 1]
    for op in OPS + [0, 22, 255, 1 << 31, (1 << 32) - 1]:
        for w in wild:
            for field in range(4):
                counts = [0, 0, 0, 0]
                counts[field] = w
                v = g.ask(request(op, ["d"], counts=tuple(counts)))
                assert v == -74 or w <= 2  # the two bytes may be a name too
    for message in VALID:
        for n in range(len(message)):
            assert g.ask(message[:n] or b"\0") == -74
        for more in (b"\0", b"x" * 300, b"\x01a" * 500):
            assert g.ask(message + more) == -74
    assert g.ask(b"x" * 150000) == -74
    long = ["y" * 255] * 15
    assert g.ask(request("stat", long)) == -2 and g.ask(request("stat", ["y" * 255] * 16)) == -74
    assert g.ask(request("stat", ["y"] * 1024)) == -2 and g.ask(request("stat", ["y"] * 1025)) == -74
    assert g.ask(request("walk", ["d"] * 17)) == -74
    assert g.ask(request("symlink", ["s"], data=b"t" * 4096)) == -74


def test_changed_bits(place):
    g, _, _ = place
    r = random.Random(4)
    for _ in range(3000):
        m = bytearray(r.choice(VALID))
        for _ in range(r.randint(1, 4)):
            m[r.randrange(len(m))] = r.choice([r.randrange(256), 0, 255, 46, 47])
        if struct.unpack_from("<I", m)[0] != NUMBER["end"]:
            g.ask(bytes(m))


def test_what_is_refused(place):
    g, inside, _ = place
    for name in ("out", "up", "root"):
        for op in ("stat", "open", "create", "mkdir", "unlink", "setattr", "walk", "getxattr", "statfs", "tmpfile"):
            flags = {"open": 1, "walk": 1, "connect": 1, "bind": 1}.get(op, 0)
            kw = {"name": b"user.a"} if op == "getxattr" else {"valid": 1, "mode": 0o777} if op == "setattr" else {}
            assert g.ask(request(op, [name, "secret"], flags=flags, **kw)) in (-40, -20), (op, name)  # ELOOP, ENOTDIR
            assert g.ask(request(op, [name, "dir", "f"], flags=flags, **kw)) in (-40, -20), (op, name)
        assert g.ask(request("open", [name], flags=1)) == -40
        assert g.ask(request("setattr", [name], valid=1, mode=0o777)) in (-95, -40)
        assert g.ask(request("link", ["d", "f"], [name, "x"])) in (-40, -20)
        assert g.ask(request("rename", ["d", "f"], [name, "x"])) in (-40, -20)
    for flags in (1, 2, 3):
        assert g.ask(request("open", ["null"], flags=flags)) == -13 and g.ask(request("open", ["fifo"], flags=flags)) == -13
    for kind in (0o020000, 0o060000, 0o040000, 0o120000, 0):
        assert g.ask(request("mknod", ["dev"], mode=kind | 0o600)) == -1
    for mount in (3, 4, 64, 1 << 31, (1 << 32) - 1):
        assert g.ask(request("stat", mount=mount)) == -22
    assert g.ask(request("stat", ["f"], mount=1)) == 0 and g.ask(request("stat", ["g"], mount=1)) == -2
    assert g.ask(request("create", ["g"], mount=1, mode=0o600)) == -30 and g.ask(request("unlink", ["f"], mount=1)) == -30
    for name in (b"security.capability", b"trusted.overlay.opaque", b"system.posix_acl_access"):
        assert g.ask(request("setxattr", ["d", "f"], name=name, data=b"x")) == -95
        assert g.ask(request("getxattr", ["d", "f"], name=name)) == -95
    assert not (inside / "dev").exists()


def test_a_store_is_for_files_without_a_name_only(place):
    g, inside, _ = place
    store = inside.parent / "store"
    (store / "f").write_text("the host's")
    os.mkdir(store / "d")
    before = outside_state(store)
    for message in VALID:
        m = bytearray(message)
        struct.pack_into("<I", m, 8, 2)
        assert g.ask(bytes(m)) in (-1, -9), m  # -EBADF: a descriptor is missing
    for op in OPS:
        for path in ([], ["f"], ["d"], ["d", "x"]):
            v = g.ask(request(op, path, ["x"] if op in ("link", "rename") else (), mount=2, flags=1 if op in ("open", "connect", "bind") else 0, data=b"x" if op == "symlink" else b"",
                              name=b"user.a" if "etxattr" in op or op == "removexattr" else b""))
            assert v in (-1, -74) or (v == 0 and op == "tmpfile" and not path), (op, path)
    g.socket.send(request("tmpfile", mount=2, mode=0o600))
    (_, _, value, _, _), fds = g.receive()
    assert value == 0 and len(fds) == 1
    for mount in (0, 1, 2):
        assert g.ask(request("link", (), ["named"], flags=ATTACHED, mount=mount), fds) == -1
    os.close(fds[0])
    assert outside_state(store) == before


def test_descriptors_that_come_along(place):
    g, inside, outside = place
    secret = os.open(outside / "secret", os.O_RDWR)
    opath = os.open(outside / "secret", os.O_PATH)
    directory = os.open(outside, os.O_RDONLY)
    memfd = os.memfd_create("m")
    a, b = socket.socketpair()
    own = os.open(inside / "d" / "f", os.O_RDONLY)  # the right file, through another mount
    foreign = [secret, opath, directory, memfd, a.fileno(), b.fileno(), own, 0, g.mounts[1]]
    for fd in foreign:
        for op, kw in (("setattr", {"valid": 1, "mode": 0o777}), ("setattr", {"valid": 6, "uid": 5, "gid": 5}), ("listxattr", {}),
                       ("setxattr", {"name": b"user.a", "data": b"v"}), ("link", {"to": ["stolen"]})):
            assert g.ask(request(op, flags=ATTACHED, **kw), [fd]) == -1, (fd, op)  # EPERM
    for message in VALID:
        flags = struct.unpack_from("<I", message, 12)[0]
        if not flags & ATTACHED:
            assert g.ask(message, [own]) == -9  # EBADF: it wants none
        for n in (2, 3, 64):
            assert g.ask(message, [own] * n) == -74
    mine = os.open("d/f", os.O_RDONLY, dir_fd=g.mounts[0])
    assert g.ask(request("setattr", flags=ATTACHED, valid=1, mode=0o611), [mine]) == 0
    assert stat.S_IMODE((inside / "d" / "f").stat().st_mode) == 0o611
    for fd in (secret, opath, directory, memfd, own, mine):
        os.close(fd)
    a.close()
    b.close()
    assert not (inside / "stolen").exists()


def test_names_that_change_while_it_looks(place):
    """Another process inside swaps a directory and a link to the outside as fast as it can."""
    g, inside, outside = place
    (inside / "race").mkdir()
    (inside / "race" / "f").write_text("inside")
    (inside / "trap").symlink_to(outside / "dir")
    stop = threading.Event()

    def swap():
        a, b = os.fsencode(inside / "race"), os.fsencode(inside / "trap")
        while not stop.is_set():
            libc.renameat2(-100, a, -100, b, 2)

    t = threading.Thread(target=swap)
    t.start()
    done = set()
    try:
        for i in range(400):
            for m in (request("create", ["race", "n"], mode=0o600), request("unlink", ["race", "n"]), request("setattr", ["race", "f"], valid=1, mode=0o777),
                      request("rename", ["race", "f"], ["race", "f2"]), request("rename", ["race", "f2"], ["race", "f"]),
                      request("setattr", ["race"], valid=1, mode=0o700 + i % 8), request("mkdir", ["race", "n"], mode=0o700),
                      request("unlink", ["race", "n"], flags=1), request("link", ["d", "f"], ["race", "n"]), request("unlink", ["race", "n"])):
                done.add(g.ask(m))
    finally:
        stop.set()
        t.join()
    assert 0 in done  # some of it did work


def test_sockets_only_when_told(tmp_path):
    """--host-uds and --host-fifo are the gofer's to keep; the filter of one without them does not know the calls."""
    (tmp_path / "store").mkdir()
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("")
    os.mkfifo(tmp_path / "fifo")
    for access in (0, 1, 2, 4):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(tmp_path / "sock"))
            s.listen()
            g = Gofer(tmp_path, tmp_path / "store", access=access)
            assert g.ask(request("connect", ["sock"], flags=STREAM)) == (0 if access & 1 else -1)
            assert g.ask(request("bind", ["new"], flags=STREAM, mode=0o600)) == (0 if access & 2 else -1)
            assert g.ask(request("open", ["fifo"], flags=17)) == (0 if access & 4 else -1)
            g.check()
            g.close()
        os.unlink(tmp_path / "sock")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600


def test_sockets(sockets):
    g, inside, outside = sockets
    for name in ("out", "up", "root"):
        for op in ("connect", "bind"):
            assert g.ask(request(op, [name], flags=STREAM)) in (-40, -98, -111), (op, name)  # ELOOP, EADDRINUSE, ECONNREFUSED
            assert g.ask(request(op, [name, "sock"], flags=STREAM)) in (-40, -20), (op, name)
    os.symlink(outside / "sock", inside / "link")
    os.symlink(outside / "made", inside / "dangling")
    assert g.ask(request("connect", ["link"], flags=STREAM)) in (-40, -111)
    assert g.ask(request("bind", ["dangling"], flags=STREAM)) == -98
    for name in ("d", "null", "fifo"):
        assert g.ask(request("connect", [name], flags=STREAM)) == -111
        assert g.ask(request("bind", [name], flags=STREAM)) == -98
    for kind in (0, 4, 5, 255, 1 << 31):
        assert g.ask(request("connect", ["sock"], flags=kind)) == -74 and g.ask(request("bind", ["x"], flags=kind)) == -74
    assert g.ask(request("connect", ["sock"], flags=DGRAM)) == -91  # EPROTOTYPE
    assert g.ask(request("connect", (), flags=STREAM)) == -74 and g.ask(request("connect", ["none"], flags=STREAM)) == -2
    assert g.ask(request("bind", ["y" * 255], flags=STREAM)) == -36
    assert g.ask(request("bind", ["sock"], flags=STREAM, mount=1)) == -30  # the directory of a file mount
    # Whoever it connected as, it is itself again: what it makes is root's.
    for uid, gid in ((5, 6), (1, 0), (0, 1), (4294967295, 4294967295), (4294967294, 1)):
        g.ask(request("connect", ["sock"], flags=STREAM, uid=uid, gid=gid))
        assert g.ask(request("mkdir", ["made"], mode=0o700)) == 0 and (inside / "made").stat().st_uid == 0
        assert g.ask(request("unlink", ["made"], flags=1)) == 0
        g.check()


def test_sockets_that_change_while_it_looks(sockets):
    """A socket inside and a link to the one outside change places as fast as they can (the fixture knows who connected there)."""
    g, inside, outside = sockets
    os.symlink(outside / "sock", inside / "trap")
    stop = threading.Event()

    def swap():
        a, b = os.fsencode(inside / "sock"), os.fsencode(inside / "trap")
        while not stop.is_set():
            libc.renameat2(-100, a, -100, b, 2)

    t = threading.Thread(target=swap)
    t.start()
    done = set()
    try:
        for _ in range(900):
            done.add(g.ask(request("connect", ["sock"], flags=STREAM)))
    finally:
        stop.set()
        t.join()
    assert done <= {0, -40, -111, -2} and 0 in done
