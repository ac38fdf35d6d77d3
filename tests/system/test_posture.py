"""What the live processes of a sandbox may do, read from /proc and tried out (DESIGN section 2)."""
import ctypes
import os
import struct

import pytest

from conftest import PLATFORMS, cmdline, status

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="reads other processes' namespaces and memory")
NAMESPACES = ("user", "pid", "mnt", "net", "ipc", "uts")
GOFER_CAPS = 0b11111  # CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID


@pytest.fixture(params=PLATFORMS)
def sandbox(sandbox, request):
    return lambda *flags, **kw: sandbox(f"--platform={request.param}", *flags, **kw)


def namespace(pid, name):
    return os.readlink(f"/proc/{pid}/ns/{name}")


def descriptors(pid):
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        found[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return found


@root_only
def test_namespaces(sandbox):
    s = sandbox()
    for name in NAMESPACES:
        assert len({namespace(p, name) for p in ("self", s.sentry, s.gofer)}) == 3, name
    for stub in s.stubs:
        for name in NAMESPACES:
            assert namespace(stub, name) == namespace(s.sentry, name)
    assert status(s.sentry)["NSpid"].split()[-1] == "1"


@root_only
def test_network_host_shares_only_the_network(sandbox):
    s = sandbox("--network=host")
    assert namespace(s.sentry, "net") == namespace("self", "net")
    assert namespace(s.gofer, "net") != namespace("self", "net")
    for name in set(NAMESPACES) - {"net"}:
        assert namespace(s.sentry, name) != namespace("self", name)


@root_only
def test_privileges(sandbox):
    s = sandbox()
    for pid in [s.sentry, s.gofer, *s.stubs]:
        st = status(pid)
        want = GOFER_CAPS if pid == s.gofer else 0
        assert int(st["CapEff"], 16) == want and int(st["CapPrm"], 16) == want, cmdline(pid)
        for kind in ("CapInh", "CapBnd", "CapAmb"):
            assert int(st[kind], 16) == 0, (kind, cmdline(pid))
        assert st["NoNewPrivs"] == "1" and st["Seccomp"] == "2" and st["Groups"] == ""


@root_only
def test_roots(sandbox):
    s = sandbox()
    assert os.listdir(f"/proc/{s.sentry}/root") == []
    with open(f"/proc/{s.sentry}/mountinfo", encoding="utf-8") as f:
        lines = f.read().splitlines()
    assert len(lines) == 1 and " ro," in lines[0] and "tmpfs" in lines[0]
    # The gofer has the container's root below an empty one, without what the sentry provides, read-only and without devices.
    assert os.listdir(f"/proc/{s.gofer}/root") == ["0"]
    assert os.path.exists(f"/proc/{s.gofer}/root/0/etc/passwd")
    assert not os.path.exists(f"/proc/{s.gofer}/root/0/proc/self")
    with open(f"/proc/{s.gofer}/mountinfo", encoding="utf-8") as f:
        for line in f:
            fields = line.split()
            assert {"ro", "nodev", "nosuid"} <= set(fields[5].split(",")), line
            assert fields[4].split("/")[2:3] not in (["proc"], ["sys"], ["dev"]), line
            assert not fields[6].startswith(("shared", "master")), line


@root_only
def test_descriptors(sandbox):
    outsider = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(outsider, True)
    try:
        s = sandbox(close_fds=False)
    finally:
        os.close(outsider)
    for pid in (s.sentry, s.gofer):
        fds = descriptors(pid)
        assert fds[0] == fds[1] == fds[2] == "/dev/null"
        assert "/etc/passwd" not in fds.values(), fds
        for target in fds.values():
            assert not target.startswith("/proc"), fds
    assert set(descriptors(s.gofer)) == {0, 1, 2, 3, 4, 5}
    directories = [t for t in descriptors(s.sentry).values() if t.startswith("/") and not t.startswith(("/dev/null", "/memfd"))]
    assert len(directories) <= 64


@root_only
def test_environment_is_not_inherited(sandbox):
    s = sandbox(env={**os.environ, "SECRET_OF_THE_HOST": "42"})
    for pid in (s.sentry, s.gofer):
        with open(f"/proc/{pid}/environ", "rb") as f:
            assert f.read() == b""


# ---- forbidden host calls, made by the live processes themselves ----
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_DETACH = 0x4206, 0x4207, 12, 13, 17
RIP, RAX, ORIG_RAX, RDI = 16, 10, 15, 14
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, pid, data=None):
    if libc.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def make_call(pid, nr):
    """The process, asleep in a system call, makes this one instead (with a first argument of 0)."""
    ptrace(PTRACE_SEIZE, pid)
    ptrace(PTRACE_INTERRUPT, pid)
    os.waitpid(pid, 0x40000000)  # __WALL
    buf = ctypes.create_string_buffer(27 * 8)
    ptrace(PTRACE_GETREGS, pid, buf)
    regs = list(struct.unpack("27Q", buf.raw))
    with open(f"/proc/{pid}/mem", "rb") as mem:
        mem.seek(regs[RIP] - 2)
        assert mem.read(2) == b"\x0f\x05"
    regs[RIP] -= 2
    regs[RAX], regs[RDI] = nr, 0
    regs[ORIG_RAX] = 2**64 - 1
    buf.raw = struct.pack("27Q", *regs)
    ptrace(PTRACE_SETREGS, pid, buf)
    ptrace(PTRACE_DETACH, pid)


@root_only
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="registers of x86-64")
@pytest.mark.parametrize("who,nr", [
    ("gofer", 41), ("gofer", 59), ("gofer", 165),  # socket, execve, mount
    ("sentry", 41), ("sentry", 59), ("sentry", 101), ("sentry", 165), ("sentry", 2), ("sentry", 437),  # ... ptrace, open, openat2
])
def test_forbidden_call_kills(sandbox, who, nr):
    s = sandbox()
    make_call(s.gofer if who == "gofer" else s.sentry, nr)
    code, err = s.end()
    assert code == 128
    # The gofer's end is noticed by runsc (which knows the signal) and by the sentry; either may be the first to say so.
    assert "forbids" in err if who == "sentry" else err.startswith("runsc: the gofer") and err.count("\n") == 1


@root_only
def test_host_files_cannot_be_written(sandbox, tmp_path):
    """The mount below the in-memory layer is read-only for the host kernel, whatever the sentry does."""
    s = sandbox()
    with pytest.raises(OSError):
        open(f"/proc/{s.gofer}/root/0{tmp_path}/x", "w", encoding="ascii").close()
