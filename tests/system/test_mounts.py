"""Bind mounts and a read-only root as runc has them, in both forms of the gofer."""
import ctypes
import os
import shutil
import subprocess

import pytest

from conftest import TIMEOUT
from lifecycle import Containers

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="makes mounts on the host")
libc = ctypes.CDLL(None, use_errno=True)
MS_RDONLY, MNT_DETACH = 1, 2


@pytest.fixture(params=["true", "false"])
def form(request):
    return f"--directfs={request.param}"


@pytest.fixture(name="box")
def box_fixture(tmp_path):
    b = Containers(tmp_path)
    yield b
    assert b.end() == []


def run(box, form, script, change, overlay="root:self"):
    bundle = box.bundle("python3", "-c", script, change=change)
    r = box.runsc(form, "--network=none", "--ignore-cgroups", f"--overlay2={overlay}", "run", "-bundle", bundle, "one")
    assert r.returncode == 0, r.stderr
    return r.stdout


@pytest.fixture(name="tree")
def tree_fixture(tmp_path):
    """src with a tmpfs below, one below that, a read-only one, one behind a name with a space, and one that hides another."""
    src = tmp_path / "src"
    places = [("sub", 0), ("sub/deep", 0), ("ro", MS_RDONLY), ("a b", 0), ("hidden/x", 0), ("hidden", 0)]
    for d in ("sub", "ro", "a b", "plain", "hidden/x"):
        (src / d).mkdir(parents=True)
    made = []
    for name, flags in places:
        p = os.fsencode(src / name)
        if name == "sub/deep":
            os.mkdir(p)
        assert libc.mount(b"t", p, b"tmpfs", flags, None) == 0
        made.append(p)
        if not flags:
            (src / name / "f").write_text(name)
    yield src
    for p in reversed(made):
        assert libc.umount2(p, MNT_DETACH) == 0


LOOK = """
import os
seen = [line.split() for line in open('/proc/self/mounts')]
for f in sorted(seen, key=lambda f: f[1]):
    if (f[1] == '/m' or f[1].startswith('/m/')) and f[1] != '/m/hidden/x':
        print(f[1], f[3].split(',')[0], 'noexec' in f[3])
for d in '', '/plain', '/sub', '/sub/deep', '/ro', '/a b', '/hidden':
    try:
        os.close(os.open('/m' + d + '/new', os.O_CREAT | os.O_WRONLY))
        rw = 'rw'
    except OSError as e:
        rw = e.strerror
    print(d, rw, os.path.exists('/m' + d + '/f') and open('/m' + d + '/f').read())
"""


@pytest.mark.parametrize("options", ["bind", "rbind", "rbind ro", "rbind rro", "bind ro", "rbind rnoexec", "bind noexec", "rbind ro rrw"])
def test_as_runc(box, form, tree, tmp_path, options):
    if not shutil.which("runc"):
        pytest.skip("compares with runc")

    def change(c):
        c["mounts"].append({"destination": "/m", "type": "bind", "source": str(tree), "options": options.split()})
        c["linux"].pop("seccomp", None)

    def clean():
        for base, _, files in os.walk(tree):
            if "new" in files:
                os.unlink(os.path.join(base, "new"))

    bundle = box.bundle("python3", "-c", LOOK, change=change)
    r = subprocess.run(["runc", "--root", tmp_path / "runc", "run", "-b", bundle, f"t{os.getpid()}"], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert r.returncode == 0, r.stderr
    clean()
    assert run(box, form, LOOK, change) == r.stdout
    clean()


def test_recursive_under_an_overlay(box, form, tree):
    def change(c):
        c["mounts"].append({"destination": "/m", "type": "bind", "source": str(tree), "options": ["rbind"]})

    out = run(box, form, LOOK, change, "all:memory").splitlines()
    assert "/sub/deep rw sub/deep" in out and "/ro Read-only file system False" in out
    assert not (tree / "sub" / "new").exists() and not (tree / "new").exists()


def test_more_than_there_is_room_for(box, form, tmp_path):
    """Many mounts below one are one mount inside, and still seen."""
    src = tmp_path / "many"
    made = []
    for i in range(40):
        (src / str(i)).mkdir(parents=True)
        assert libc.mount(b"t", os.fsencode(src / str(i)), b"tmpfs", 0, b"size=64k") == 0
        made.append(src / str(i))
        (src / str(i) / "f").write_text(str(i))

    def change(c):
        c["mounts"].append({"destination": "/m", "type": "bind", "source": str(src), "options": ["rbind"]})

    try:
        out = run(box, form, "print(sum(int(open(f'/m/{i}/f').read()) for i in range(40)))", change)
    finally:
        for p in made:
            assert libc.umount2(os.fsencode(p), MNT_DETACH) == 0
    assert out == f"{sum(range(40))}\n"


def test_files_that_an_engine_mounts(box, form, tmp_path):
    """resolv.conf and its like: written in place outside they are new inside at once; replaced, the old one stays, as with runc."""
    for n in ("resolv.conf", "hosts"):
        (tmp_path / n).write_text("old")

    def change(c):
        for n in ("resolv.conf", "hosts"):
            c["mounts"].append({"destination": f"/etc/{n}", "type": "bind", "source": str(tmp_path / n), "options": ["rbind", "rprivate"]})

    bundle = box.bundle("python3", "-c", """
import os
r, h = os.open('/etc/resolv.conf', os.O_RDWR), os.open('/etc/hosts', os.O_RDONLY)
print(open('/etc/resolv.conf').read(), open('/etc/hosts').read(), flush=True)
input()
print(open('/etc/resolv.conf').read(), os.fstat(r).st_size, os.read(r, 100), open('/etc/hosts').read(), os.stat('/etc/hosts').st_size)
open('/etc/resolv.conf', 'w').write('inside')
""", change=change)
    p = subprocess.Popen(box.command(form, "--network=none", "--ignore-cgroups", "run", "-bundle", bundle, "one"), stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "old old\n"
    (tmp_path / "resolv.conf").write_text("longer than before")
    (tmp_path / "next").write_text("replaced")
    os.rename(tmp_path / "next", tmp_path / "hosts")
    out = p.communicate("\n", TIMEOUT)[0]
    assert out == "longer than before 18 b'longer than before' old 3\n" and p.returncode == 0
    assert (tmp_path / "resolv.conf").read_text() == "inside" and (tmp_path / "hosts").read_text() == "replaced"


# What might write to a root that is read-only. Run as root with all capabilities.
ATTEMPTS = r"""
import ctypes, errno, os, stat
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *a):
    if getattr(libc, name)(*a) < 0:
        raise OSError(ctypes.get_errno(), name)
def reopen(flags):
    f = os.open('/etc/passwd', os.O_RDONLY)
    try:
        os.close(os.open(f'/proc/self/fd/{f}', flags))
    finally:
        os.close(f)
def path_fd():
    f = os.open('/etc/passwd', os.O_PATH)
    os.close(os.open(f'/proc/self/fd/{f}', os.O_WRONLY))
def empty_path(fn):
    f = os.open('/etc/passwd', os.O_RDONLY)
    fn(f)
def mapped():
    import mmap
    f = os.open('/etc/passwd', os.O_RDONLY)
    mmap.mmap(f, 0, mmap.MAP_SHARED, mmap.PROT_WRITE)
attempts = {
    'create': lambda: os.open('/new', os.O_CREAT | os.O_WRONLY),
    'open for writing': lambda: os.open('/etc/passwd', os.O_WRONLY),
    'truncating open': lambda: os.open('/etc/passwd', os.O_RDONLY | os.O_TRUNC),
    'truncate': lambda: os.truncate('/etc/passwd', 0),
    'O_TMPFILE': lambda: os.open('/etc', os.O_TMPFILE | os.O_RDWR),
    'mkdir': lambda: os.mkdir('/d'),
    'mknod file': lambda: os.mknod('/n', stat.S_IFREG | 0o600),
    'mknod device': lambda: os.mknod('/n', stat.S_IFCHR | 0o600, os.makedev(1, 3)),
    'mkfifo': lambda: os.mkfifo('/n'),
    'bind a socket': lambda: __import__('socket').socket(1).bind('/sock'),
    'symlink': lambda: os.symlink('x', '/l'),
    'hard link': lambda: os.link('/etc/passwd', '/etc/passwd2'),
    'hard link from a writable place': lambda: os.link('/tmp/mine', '/etc/mine'),
    'hard link to a writable place': lambda: os.link('/etc/passwd', '/tmp/passwd'),
    'unlink': lambda: os.unlink('/etc/passwd'),
    'rmdir': lambda: os.rmdir('/empty'),
    'rename': lambda: os.rename('/etc/passwd', '/etc/p'),
    'rename in': lambda: os.rename('/tmp/mine', '/etc/mine'),
    'chmod': lambda: os.chmod('/etc/passwd', 0o777),
    'fchmod': lambda: empty_path(lambda f: os.fchmod(f, 0o777)),
    'chown': lambda: os.chown('/etc/passwd', 5, 5),
    'fchown': lambda: empty_path(lambda f: os.fchown(f, 5, 5)),
    'utime': lambda: os.utime('/etc/passwd', (1, 1)),
    'futimens': lambda: empty_path(lambda f: os.utime(f, (1, 1))),
    'setxattr': lambda: os.setxattr('/etc/passwd', 'user.a', b'v'),
    'fsetxattr': lambda: empty_path(lambda f: os.setxattr(f, 'user.a', b'v')),
    'removexattr': lambda: os.removexattr('/etc/passwd', 'user.there'),
    'acl': lambda: os.setxattr('/etc/passwd', 'system.posix_acl_access', b'\2\0\0\0'),
    'proc/self/fd': lambda: reopen(os.O_WRONLY),
    'proc/self/fd, read and write': lambda: reopen(os.O_RDWR),
    'proc/self/fd of O_PATH': path_fd,
    'proc/self/root': lambda: os.open('/proc/self/root/new', os.O_CREAT | os.O_WRONLY),
    'proc/1/root': lambda: os.open('/proc/1/root/etc/passwd', os.O_WRONLY),
    'proc/self/cwd': lambda: os.open('/proc/self/cwd/new', os.O_CREAT | os.O_WRONLY),
    'ftruncate': lambda: empty_path(lambda f: os.ftruncate(f, 0)),
    'fallocate': lambda: empty_path(lambda f: os.posix_fallocate(f, 0, 10)),
    'shared writable mapping': mapped,
    'write': lambda: empty_path(lambda f: os.write(f, b'x')),
}
os.chdir('/')
open('/tmp/mine', 'w').write('x')
for name, fn in attempts.items():
    try:
        r = fn()
        print(name + ':', 'DONE', r)
    except OSError as e:
        print(name + ':', errno.errorcode[e.errno])
"""
REMOUNTED = r"""
MS_RDONLY, MS_REMOUNT, MS_BIND = 1, 32, 4096
def attempt(what, *a):
    print(what, 'done' if libc.mount(*a) == 0 else errno.errorcode[ctypes.get_errno()])
attempt('remount', b'none', b'/', None, MS_REMOUNT, None)
attempt('bind remount', b'none', b'/', None, MS_REMOUNT | MS_BIND, None)
os.mkdir('/tmp/b')
attempt('bind', b'/etc', b'/tmp/b', None, MS_BIND, None)
attempt('remount of the bind', b'none', b'/tmp/b', None, MS_REMOUNT | MS_BIND, None)
for p in '/new', '/tmp/b/new':
    try:
        os.open(p, os.O_CREAT | os.O_WRONLY)
        print(p, 'DONE')
    except OSError as e:
        print(p, errno.errorcode[e.errno])
try:
    os.open('/tmp/b/passwd', os.O_WRONLY)
    print('DONE')
except OSError as e:
    print(errno.errorcode[e.errno])
"""


def readonly(c):
    c["root"]["readonly"] = True
    c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})
    every = [c["process"]["capabilities"][k] for k in c["process"]["capabilities"]]
    for caps in every:
        caps.extend(x for x in ("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER", "CAP_MKNOD", "CAP_SETFCAP") if x not in caps)


def snapshot(d):
    return sorted((b, n, *(lambda s: (s.st_mode, s.st_uid, s.st_gid, s.st_size, s.st_mtime_ns, s.st_ctime_ns))(os.lstat(os.path.join(b, n))))
                  for b, ds, fs in os.walk(d) for n in ds + fs)


@pytest.mark.parametrize("overlay", ["none", "root:self", "all:memory"])
def test_readonly_root(box, form, tmp_path, overlay):
    """Whatever is tried inside, also by who may mount, the root on the host stays as it is; and the errors are Linux's."""
    def change(c):
        readonly(c)
        rootfs = tmp_path / f"bundle{box.count}" / "rootfs"
        os.setxattr(rootfs / "etc" / "passwd", "user.there", b"x")
        (rootfs / "empty").mkdir()

    bundle = box.bundle("python3", "-c", ATTEMPTS + REMOUNTED, change=change)
    before = snapshot(bundle / "rootfs")
    r = box.runsc(form, "--network=none", "--ignore-cgroups", f"--overlay2={overlay}", "run", "-bundle", bundle, "one")
    assert r.returncode == 0, r.stderr
    lines = r.stdout.splitlines()
    odd = {"ftruncate: EINVAL", "fallocate: EBADF", "shared writable mapping: EACCES", "write: EBADF", "hard link from a writable place: EXDEV",
           "hard link to a writable place: EXDEV", "rename in: EXDEV"}
    tries = [x for x in lines if ": " in x]
    assert len(tries) == 38 and all(x.endswith(": EROFS") for x in tries if x not in odd), r.stdout
    assert not any("DONE" in x for x in lines), r.stdout
    assert snapshot(bundle / "rootfs") == before
    if shutil.which("runc"):
        r = subprocess.run(["runc", "--root", tmp_path / "runc", "run", "-b", bundle, f"t{os.getpid()}"], capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert [x for x in r.stdout.splitlines() if ": " in x] == tries


@pytest.mark.parametrize("overlay", ["none", "root:self"])
def test_mounts_of_hooks(box, form, tmp_path, overlay):
    """What hooks mount below the root before the container's mounts are taken is seen inside; what createContainer's do, only there."""
    made = tmp_path / "made"
    made.mkdir()
    (made / "f").write_text("mounted")
    log = tmp_path / "log"

    def hook(name, at):
        path = tmp_path / f"bundle{box.count}" / "rootfs" / at
        path.mkdir()
        return {"path": "/bin/sh", "args": ["sh", "-c", f"""
set -e
mount --bind {made} {path}
test -e /proc/$(python3 -c 'import json, sys; print(json.load(sys.stdin)["pid"])')/ns/net
echo {name} >>{log}
"""]}

    def change(c):
        c["hooks"] = {"prestart": [hook("prestart", "pre")], "createRuntime": [hook("createRuntime", "rt")], "createContainer": [hook("createContainer", "cc")]}

    try:
        out = run(box, form, """
import os
for d in 'pre', 'rt', 'cc':
    print(open(f'/{d}/f').read())
""", change, overlay)
        rootfs = tmp_path / "bundle1" / "rootfs"
        assert [os.listdir(rootfs / d) != [] for d in ("pre", "rt", "cc")] == [True, True, False]
    finally:
        for d in ("pre", "rt"):
            libc.umount2(os.fsencode(tmp_path / "bundle1" / "rootfs" / d), MNT_DETACH)
    assert out == "mounted\n" * 3
    assert log.read_text().split() == ["prestart", "createRuntime", "createContainer"]


def test_a_hook_that_fails_before_the_mounts(box, form):
    def change(c):
        c["hooks"] = {"createContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "echo no such luck; exit 3"]}]}

    bundle = box.bundle("true", change=change)
    r = box.runsc(form, "--network=none", "--ignore-cgroups", "run", "-bundle", bundle, "one")
    assert r.returncode == 128 and "createContainer" in r.stderr and "no such luck" in r.stderr
    assert box.names() == []


def test_a_missing_mount_after_hooks(box, form, tmp_path):
    """The error is the same as without hooks, and nothing is left."""
    def change(c):
        c["hooks"] = {"createRuntime": [{"path": "/bin/true"}]}
        c["mounts"].append({"destination": "/x", "type": "bind", "source": str(tmp_path / "none"), "options": ["bind"]})

    bundle = box.bundle("true", change=change)
    r = box.runsc(form, "--network=none", "--ignore-cgroups", "run", "-bundle", bundle, "one")
    assert r.returncode == 128 and "no such file or directory" in r.stderr
    assert box.names() == []
