"""The container's files on the host: both forms of the gofer (--directfs) do the same, and what --file-access promises."""
import os
import shutil
import subprocess

import pytest

from conftest import RUNSC, TIMEOUT, descendants, cmdline, runsc

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="owners of files")
FORMS = ["direct", "messages"]


def flags_of(form):
    return [f"--directfs={'true' if form == 'direct' else 'false'}"]


@pytest.fixture(params=FORMS)
def form(request):
    return flags_of(request.param)


@pytest.fixture
def volume(tmp_path):
    """A directory of the host that anybody may reach."""
    d = tmp_path / "v"
    d.mkdir()
    p = tmp_path
    while p != p.parent:
        if not p.stat().st_mode & 0o001:
            p.chmod(p.stat().st_mode | 0o011)
        p = p.parent
    return d


def in_sandbox(form, volume, script, *more, volumes=(), **kw):
    """Runs a shell script with the volume writable on the host, below /."""
    mounts = [x for v in [volume, *volumes] for x in ("-volume", v)]
    return runsc(*form, *more, "do", "-force-overlay=false", "-cwd", volume, *mounts, "sh", "-c", script, **kw)


SCRIPT = r"""
exec 2>&1
umask 022
s() { stat -c '%n %F %u:%g %a %s %h' "$@"; }
echo a >f1; chown 12:34 f1; s f1
ln f1 f1b; ln -s f1 l; s f1 l; readlink l; chown -h 5:6 l; s l; chmod 4711 f1; s f1; chown 13 f1; s f1
mkfifo p; mkdir d; chgrp 50 d; chmod 2775 d; s d; touch d/x; mkdir d/y; s d/x d/y
mkdir -m 1777 w
su -s /bin/sh daemon -c 'cd w; echo x >f; mkdir dd; s() { stat -c "%n %U:%G %a" "$@"; }; s f dd; ln -s x l; chmod 600 f; touch -d @100 f
mv f f2; rmdir dd; s f2; stat -c %Y f2; mkdir ../no; touch ../no; rm -f ../f1; echo $?; echo x >../f1'
touch -d '2001-02-03 04:05:06.123456789 UTC' f1; TZ=UTC stat -c %y f1
touch -h -d @5 l; stat -c %Y l
mv f1 f2; mv -T d d2; mkdir d; touch d/z; mv -T d2 d; ls d d2; rmdir d; rm -r d2; ls
truncate -s 100000 f2; s f2; echo end >>f2; tail -c 4 f2; wc -c <f2; : >f2; s f2
chmod 0 f2; cat f2; su -s /bin/sh daemon -c 'cat f2'; chmod 644 f2
mkdir -p a/b/c/d/e/f/g; echo deep >a/b/c/d/e/f/g/file; cat a/b/c/d/e/f/g/file; mv a/b z; cat z/c/d/e/f/g/file; cat a/b/c 2>&1
cp -a z z2; diff -r z z2 && echo same; rm -r z z2; ls -a; find . | sort
"""

CALLS = r"""
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def t(f, *a, **k):
    try:
        r = f(*a, **k)
        print(f.__name__, a[1:], r if not isinstance(r, os.stat_result) else '')
        return r
    except OSError as e:
        print(f.__name__, a[1:], errno.errorcode[e.errno])
def st(x):
    s = os.stat(x) if not isinstance(x, str) else os.lstat(x)
    print(oct(s.st_mode), s.st_uid, s.st_gid, s.st_size, s.st_nlink)
os.umask(0o027)
open('f', 'w').write('data')
t(os.setxattr, 'f', 'user.a', b'vv'); t(os.getxattr, 'f', 'user.a'); t(os.listxattr, 'f')
t(os.setxattr, 'f', 'user.a', b'w', os.XATTR_CREATE); t(os.setxattr, 'f', 'user.b', b'w', os.XATTR_REPLACE)
t(os.setxattr, 'f', 'user.long', b'x' * 3000); print(len(os.getxattr('f', 'user.long')))
t(os.removexattr, 'f', 'user.a'); t(os.removexattr, 'f', 'user.a'); t(os.listxattr, 'f'); t(os.getxattr, 'f', 'user.none')
os.mkdir('d'); t(os.setxattr, 'd', 'user.d', b'1'); t(os.listxattr, 'd')
os.symlink('f', 'l'); t(os.setxattr, 'l', 'user.l', b'1', follow_symlinks=False); t(os.listxattr, 'l', follow_symlinks=False)
fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o666); os.write(fd, b'tmp'); os.fchown(fd, 7, 8); os.fchmod(fd, 0o604); st(fd)
t(os.setxattr, fd, 'user.t', b'1')
print(libc.linkat(-100, f'/proc/self/fd/{fd}'.encode(), -100, b'linked', 0x400)); st('linked'); print(open('linked').read(), os.listxattr('linked'))
t(os.fsync, fd); t(os.fdatasync, fd); os.close(fd)
fd = os.open('f', os.O_RDWR); os.unlink('f'); os.fchmod(fd, 0o777); os.fchown(fd, 1, 2); os.utime(fd, (5, 6)); st(fd); print(os.fstat(fd).st_mtime)
os.ftruncate(fd, 100); t(os.setxattr, fd, 'user.u', b'1'); t(os.listxattr, fd); st(fd)
t(os.posix_fallocate, fd, 0, 5000); st(fd); t(os.pwrite, fd, b'x', 9000); t(os.lseek, fd, 0, os.SEEK_END); os.close(fd)
d = os.open('d', os.O_RDONLY); t(os.fsync, d); os.rmdir('d'); t(os.listdir, d); t(os.open, 'x', os.O_CREAT | os.O_WRONLY, dir_fd=d)
fd = os.open('suid', os.O_CREAT | os.O_RDWR); os.fchmod(fd, 0o6755); os.write(fd, b'x' * 9000); st(fd); os.ftruncate(fd, 5); st(fd); os.posix_fallocate(fd, 0, 99); st(fd)
os.truncate('suid', 3); st(fd); os.chown('suid', 9, 9); st(fd); os.fchmod(fd, 0o4711); os.close(fd); os.setegid(9); os.seteuid(9)
fd = os.open('suid', os.O_WRONLY); os.write(fd, b'y'); st(fd); os.seteuid(0); os.setegid(0); os.close(fd)
os.chmod('suid', 0o200); t(os.setxattr, 'suid', 'user.x', b'1'); t(os.getxattr, 'suid', 'user.x'); t(os.listxattr, 'suid')
os.mkdir('rm'); d = os.open('rm', os.O_RDONLY); os.rmdir('rm'); os.path.exists('suid2'); os.stat('suid'); t(os.stat, 'y', dir_fd=d); os.fchmod(d, 0o711); os.utime(d, (1, 2)); print(oct(os.fstat(d).st_mode), os.fstat(d).st_nlink, os.fstat(d).st_mtime)
os.mkfifo('hf'); os.link('hf', 'hf2'); os.mkdir('hd'); os.link('hf', 'hd/hf3'); d = os.open('hf', os.O_RDWR); os.unlink('hf'); os.fchmod(d, 0o604); os.fchown(d, 3, 4); st(d)
os.unlink('hf2'); os.utime(d, (7, 8)); st('hd/hf3'); os.unlink('hd/hf3'); os.fchmod(d, 0o600); st(d); os.close(d); os.rmdir('hd')
t(os.mknod, 'reg', 0o100640); st('reg'); t(os.mknod, 'fifo', 0o010640); st('fifo'); t(os.mknod, 'sock', 0o140640); st('sock')
s = socket.socket(socket.AF_UNIX); s.bind('bound'); s.listen(); st('bound')
c = socket.socket(socket.AF_UNIX); c.connect('bound'); a, _ = s.accept(); c.send(b'hello'); print(a.recv(9))
def rename2(a, b, flags):
    if libc.renameat2(-100, a, -100, b, flags):
        raise OSError(ctypes.get_errno(), 'rename')
open('r1', 'w').write('1'); open('r2', 'w').write('2')
t(rename2, b'r1', b'r2', 1); t(rename2, b'r1', b'r2', 2); print(open('r1').read(), open('r2').read()); t(rename2, b'r1', b'none', 2)
os.mkdir('rd'); open('rd/x', 'w').close(); t(os.rename, 'r1', 'rd'); t(os.rename, 'rd', 'r1'); t(os.rename, 'rd', 'rd/y'); t(os.rmdir, 'rd')
t(os.link, 'r1', 'r2'); t(os.link, 'rd', 'rd2'); t(os.mkdir, 'r1/x'); t(os.mkdir, 'rd'); t(os.unlink, 'rd'); t(os.rmdir, 'r1')
t(os.open, 'x' * 256, os.O_CREAT | os.O_WRONLY); t(os.symlink, '', 'e'); t(os.symlink, 'y' * 4095, 'e'); print(len(os.readlink('e')))
import mmap
f = open('m', 'w+b'); f.truncate(8192); m = mmap.mmap(f.fileno(), 8192); m[5000:5003] = b'abc'; m.flush(); print(open('m', 'rb').read()[5000:5003])
open('seq', 'w').write(''.join(f'{i}\n' for i in range(100000))); print(sum(map(int, open('seq'))))
for n in range(300): open(f'rd/{n:03}', 'w').write(str(n))
print(sorted(os.listdir('rd'))[::50], os.statvfs('.').f_bsize > 0)
print(sorted(os.listdir('.'), key=len)[:20] and sorted(x[:9] for x in os.listdir('.')))
"""


def host(cwd, *command):
    return subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT,
                          check=False).stdout


def tree(d):
    """What is on the host now."""
    found = []
    for root, dirs, files in os.walk(d):
        for n in sorted(dirs + files):
            p = os.path.join(root, n)
            s = os.lstat(p)
            found.append((os.path.relpath(p, d), oct(s.st_mode), s.st_uid, s.st_gid, 0 if os.path.isdir(p) else s.st_size, s.st_nlink))
    return sorted(found)


def twin(volume):
    d = volume.parent / "twin"
    d.mkdir()
    return d


def test_names_and_owners_as_on_the_host(form, volume):
    native = twin(volume)
    want = host(native, "sh", "-c", SCRIPT)
    r = in_sandbox(form, volume, SCRIPT)
    assert r.stdout.splitlines() == want.splitlines(), r.stderr
    assert tree(volume) == tree(native)


def test_calls_as_on_the_host(form, volume):
    native = twin(volume)
    want = host(native, "/usr/bin/python3", "-c", CALLS)
    r = runsc(*form, "do", "-force-overlay=false", "-cwd", volume, "-volume", volume, "/usr/bin/python3", "-c", CALLS)
    assert r.stdout.splitlines() == want.splitlines(), r.stderr
    assert tree(volume) == tree(native)


def test_devices_are_refused(form, volume):
    r = in_sandbox(form, volume, "mknod c c 1 3; mknod b b 7 0; ls")
    assert r.stdout == "" and r.stderr.count("Operation not permitted") == 2
    os.mknod(volume / "null", 0o020666, os.makedev(1, 3))
    os.mknod(volume / "loop", 0o060666, os.makedev(7, 0))
    r = in_sandbox(form, volume, "cat loop; stat -c '%F %t:%T' null loop")
    assert "character special file 1:3" in r.stdout and r.stderr


def test_read_only_volume_of_an_overlay_is_not_written(form, volume):
    (volume / "f").write_text("old")
    r = runsc(*form, "do", "-volume", volume, "sh", "-c", f"cd {volume}; echo new >f; rm -f f; mkdir d; chown 5 .; ls")
    assert (r.returncode, r.stdout) == (0, "d\n"), r.stderr
    assert tree(volume) == [("f", "0o100644", 0, 0, 3, 1)]


# ---- mounts of files, mount points ----

@pytest.mark.parametrize("overlay", ["-force-overlay=true", "-force-overlay=false"])
def test_a_file_as_volume(form, volume, overlay):
    src, other = volume / "src", volume / "other"
    src.write_text("from the host\n")
    other.write_text("other\n")
    script = "cat /tmp/at; stat -c '%F %s' /tmp/at; echo more >>/tmp/at; cat /tmp/at; rm /tmp/at; mv /etc/hostname /tmp/at; cat /etc/hostname"
    r = runsc(*form, "--overlay2=root:memory", "do", overlay, "-volume", f"{src}:/tmp/at", "-volume", f"{other}:/etc/hostname", "sh", "-c", script)
    assert r.stdout == "from the host\nregular file 14\nfrom the host\nmore\nother\n", r.stderr
    assert r.stderr.count("busy") == 2
    assert src.read_text() == ("from the host\n" if overlay.endswith("true") else "from the host\nmore\n")


def test_mount_points_are_not_left_behind(form, volume, tmp_path):
    root = tmp_path / "root"
    shutil.copytree("/usr/share/misc", root / "usr/share/misc", symlinks=True)
    busybox(root)
    before = tree(root)
    (volume / "f").write_text("text")
    r = runsc(*form, "--overlay2=none", "do", "-force-overlay=false", "-root", root, "-volume", f"{volume}:/made/here", "-volume",
              f"{volume / 'f'}:/made/file", "/bin/sh", "-c", "cat /made/here/f /made/file; echo; ls / /made; ls -a /made; echo x >/made/here/g; mkdir /made/no")
    assert r.stdout.split() == "texttext /: bin dev made proc sys usr /made: file here . .. file here".split(), r
    assert tree(root) == before and (volume / "g").exists()


def busybox(root):
    """A static shell, so that a root directory needs no libraries."""
    (root / "bin").mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or pytest.skip("busybox"), root / "bin/busybox")
    for n in ("sh", "cat", "ls", "mkdir", "echo"):
        (root / "bin" / n).symlink_to("busybox")


def test_fsync_of_a_donated_file(form, tmp_path):
    script = "import os; os.fsync(1); os.fdatasync(1); print('done')"
    with open(tmp_path / "out", "w+", encoding="ascii") as out:
        subprocess.run([RUNSC, *form, "do", "/usr/bin/python3", "-c", script], stdout=out, check=True, timeout=TIMEOUT)
        out.seek(0)
        assert out.read() == "done\n"
