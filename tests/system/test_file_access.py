"""--file-access and --file-access-mounts: what changes of others the sandbox sees, and that what it knows costs no host call."""
import contextlib
import os
import subprocess

import pytest

from conftest import RUNSC, TIMEOUT, children, cmdline, runsc

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="volumes that are written")

# Answers one line for each expression that it reads.
EVAL = """
import os, sys
def attempt(f, *a):
    try:
        return f(*a)
    except OSError as e:
        return e.strerror
print('ready', flush=True)
for line in sys.stdin:
    print(repr(attempt(eval, line)), flush=True)
"""


class Talk:
    def __init__(self, *args):
        self.p = subprocess.Popen([RUNSC, *map(str, args), "/usr/bin/python3", "-c", EVAL], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.p.stdout.readline()
        if line != "ready\n":
            raise AssertionError(self.p.communicate())

    def ask(self, expression):
        self.p.stdin.write(expression + "\n")
        self.p.stdin.flush()
        return eval(self.p.stdout.readline())  # pylint: disable=eval-used

    def child(self, name):
        return next(p for p in children(self.p.pid) if cmdline(p)[1:2] == [name])

    def close(self):
        self.p.stdin.close()
        self.p.wait(TIMEOUT)
        self.p.stdout.close()
        self.p.stderr.close()


@pytest.fixture(params=["true", "false"])
def directfs(request):
    return f"--directfs={request.param}"


@pytest.fixture
def talk(directfs):
    made = []

    def start(*args):
        made.append(Talk(directfs, *args))
        return made[-1]

    yield start
    for t in made:
        t.close()


def fill(d):
    (d / "f").write_text("12345")
    (d / "dir").mkdir()
    (d / "dir" / "in").write_text("x")
    (d / "gone").write_text("x")
    (d / "link").symlink_to("f")


def look(t, d):
    """Everything is asked once, so that it is known."""
    for n in ("f", "dir", "dir/in", "gone", "none", "link"):
        t.ask(f"os.lstat('{d}/{n}').st_size")
        t.ask(f"os.path.exists('{d}/{n}')")
    return t.ask(f"(os.stat('{d}/f').st_size, os.path.exists('{d}/none'), os.path.exists('{d}/gone'), os.readlink('{d}/link'), os.path.isdir('{d}/dir'))")


def change(d):
    (d / "f").write_text("1234567890")
    os.chmod(d / "f", 0o600)
    (d / "none").write_text("now")
    (d / "gone").unlink()
    (d / "link").unlink()
    (d / "link").symlink_to("none")
    (d / "dir" / "in").unlink()
    (d / "dir").rmdir()
    (d / "dir").write_text("a file")


OLD = (5, False, True, "f", True)
NEW = (10, True, False, "none", False)


def test_shared_mount_sees_the_changes_of_others(talk, tmp_path):
    fill(tmp_path)
    t = talk("do", "-force-overlay=false", "-volume", tmp_path)
    assert look(t, tmp_path) == OLD
    change(tmp_path)
    assert look(t, tmp_path) == NEW
    assert t.ask(f"open('{tmp_path}/f').read()") == "1234567890"
    assert t.ask(f"oct(os.stat('{tmp_path}/f').st_mode)") == "0o100600"
    assert t.ask(f"sorted(os.listdir('{tmp_path}'))") == ["dir", "f", "link", "none"]
    assert t.ask(f"open('{tmp_path}/dir').read()") == "a file"


def test_shared_open_file_grows(talk, tmp_path):
    (tmp_path / "f").write_text("12345")
    t = talk("do", "-force-overlay=false", "-volume", tmp_path)
    assert t.ask(f"(globals().update(file=os.open('{tmp_path}/f', os.O_RDWR | os.O_APPEND)), os.read(file, 100))[1]") == b"12345"
    with open(tmp_path / "f", "a", encoding="ascii") as f:
        f.write("678")
    assert t.ask("(os.fstat(file).st_size, os.read(file, 100), os.lseek(file, 0, 2))") == (8, b"678", 8)
    assert t.ask("os.write(file, b'9')") == 1 and (tmp_path / "f").read_text() == "123456789"


def test_exclusive_mount_keeps_what_it_knows(talk, tmp_path):
    fill(tmp_path)
    t = talk("--file-access-mounts=exclusive", "do", "-force-overlay=false", "-volume", tmp_path)
    assert look(t, tmp_path) == OLD
    change(tmp_path)
    assert look(t, tmp_path) == OLD


def test_overlay_keeps_what_it_knows(talk, tmp_path):
    fill(tmp_path)
    t = talk("do", "-volume", tmp_path)
    assert look(t, tmp_path) == OLD
    change(tmp_path)
    assert look(t, tmp_path) == OLD


@pytest.mark.parametrize("access,want", [("exclusive", OLD), ("shared", NEW)])
def test_root(talk, tmp_path, access, want):
    """The root of the sandbox is this machine's, without an overlay; only below tmp_path is anything written."""
    fill(tmp_path)
    t = talk(f"--file-access={access}", "--overlay2=none", "do", "-force-overlay=false")
    assert look(t, tmp_path) == OLD
    change(tmp_path)
    assert look(t, tmp_path) == want


def test_shared_root_with_an_overlay_is_an_error(directfs):
    r = runsc(directfs, "--file-access=shared", "do", "true")
    assert r.returncode == 128 and "--overlay2=none" in r.stderr


@contextlib.contextmanager
def host_calls(pids, log):
    """Counts the host calls of processes with strace; yields a dict that is filled at the end."""
    counts = {}
    with subprocess.Popen(["strace", "-f", "-qq", "-e", "signal=none", "-o", log, *[x for p in pids for x in ("-p", str(p))]]) as tracer:
        while not all(traced(p) for p in pids):
            assert tracer.poll() is None
        yield counts
        tracer.terminate()
    for line in log.read_text().splitlines():
        name = line.split()[1].split("(")[0]
        if name.isidentifier():
            counts[name] = counts.get(name, 0) + 1


FILE_CALLS = {"openat", "openat2", "newfstatat", "fstat", "statx", "readlinkat", "sendmsg", "recvmsg", "getdents64", "fgetxattr", "close"}


def traced(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return "TracerPid:\t0" not in f.read()


@pytest.mark.parametrize("args", [("do",), ("--overlay2=none", "do", "-force-overlay=false")], ids=["overlay", "plain"])
def test_a_cached_name_costs_no_host_call(talk, tmp_path, args):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("x")
    t = talk(*args)
    path = f"{tmp_path}/d/f"
    body = f"[(os.stat('{path}'), os.access('{path}', 4), os.path.exists('{path}.none'), os.close(os.open('{path}', os.O_RDONLY))) for _ in range(100)] and 1"
    t.ask(body)
    pids = [t.child("boot"), t.child("gofer")]
    with host_calls(pids, tmp_path / "log") as counts:
        t.ask(body)
    few = {n: c for n, c in counts.items() if n in FILE_CALLS and c > 20}
    assert not few, counts
    assert counts.get("ioctl", 0) > 400, counts  # it did look: each call of the application is one


def test_many_files_do_not_exhaust_descriptors(talk, tmp_path):
    n = 30000
    for i in range(0, n, 500):
        d = tmp_path / f"{i:05}"
        d.mkdir()
        for k in range(i, i + 500):
            (d / f"f{k}").touch()
    t = talk("do", "-force-overlay=false", "-volume", tmp_path)
    walk = f"sum(1 for r, d, f in os.walk('{tmp_path}') for n in f if os.stat(os.path.join(r, n)).st_size == 0 and not open(os.path.join(r, n)).read())"
    assert t.ask(walk) == n
    # GOFER_HANDLES_MAX and what the kernel itself has open
    assert len(os.listdir(f"/proc/{t.child('boot')}/fd")) < 1100
    assert len(os.listdir(f"/proc/{t.child('gofer')}/fd")) < 20
