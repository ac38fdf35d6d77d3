"""However a sandbox ends, nothing of it is left."""
import os
import signal

import pytest

from conftest import PLATFORMS, children, runsc


@pytest.fixture(params=PLATFORMS)
def sandbox(sandbox, request):
    return lambda *flags, **kw: sandbox(f"--platform={request.param}", *flags, **kw)


@pytest.mark.parametrize("who", ["runsc", "sentry", "gofer", "stub"])
def test_sigkill(sandbox, who, tmp_path):
    kept, made = tmp_path / "kept", tmp_path / "made"
    kept.write_text("as it was")
    before = os.stat(kept)
    change = f"echo new >{kept}; chmod 777 {kept}; echo x >{made}; cat {kept} >/dev/null; echo ready; exec sleep 1000"
    mounted = mounts()
    s = sandbox(command=("sh", "-c", change))
    if who == "stub":
        # The one that runs the application; its end is the end of a killed process inside.
        if not s.stubs:
            pytest.fail("no stub processes")
        for stub in s.stubs:
            os.kill(stub, signal.SIGKILL)
    else:
        os.kill({"runsc": s.proc.pid, "sentry": s.sentry, "gofer": s.gofer}[who], signal.SIGKILL)
    code, err = s.end()
    assert code == {"runsc": -signal.SIGKILL, "sentry": 128, "gofer": 128, "stub": code}[who]
    if who in ("sentry", "gofer"):
        assert err.startswith("runsc: ") and err.count("\n") == 1
    if who == "stub":
        assert code in (128, 137)
    after = os.stat(kept)
    assert kept.read_text() == "as it was" and not made.exists()
    assert (after.st_mode, after.st_mtime_ns, after.st_ctime_ns) == (before.st_mode, before.st_mtime_ns, before.st_ctime_ns)
    assert mounts() == mounted


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_forwarded(sandbox, signo):
    s = sandbox(command=("sh", "-c", f"trap 'echo got; exit 7' {int(signo)}; echo ready; while :; do sleep 0.1; done"))
    s.proc.send_signal(signo)
    out = s.proc.stdout.read()
    assert s.proc.wait(60) == 7 and out == b"got\n"


def test_stopped_reader_does_not_block_the_end(sandbox):
    """A sentry that is stopped and reads nothing is killed with runsc."""
    s = sandbox()
    os.kill(s.sentry, signal.SIGSTOP)
    for _ in range(1000):
        s.proc.send_signal(signal.SIGUSR1)
    os.kill(s.proc.pid, signal.SIGKILL)
    code, _ = s.end()
    assert code == -signal.SIGKILL


def mounts():
    """The machine's mounts, but those of network namespaces: other programs may come and go meanwhile."""
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        return [line for line in f if " nsfs " not in line]


def test_nothing_left(tmp_path):
    before = mounts()
    r = runsc("do", "-volume", f"{tmp_path}:/mnt", "sh", "-c", "echo x >/mnt/x; echo y >/tmp/y-of-the-sandbox; exit 3")
    assert r.returncode == 3, r
    assert os.listdir(tmp_path) == []
    assert not os.path.exists("/tmp/y-of-the-sandbox")
    assert mounts() == before
    assert [p for p in children(os.getpid())] == []


def test_failed_starts_leave_nothing(tmp_path):
    before = mounts()
    for args in (["do", "/no/such/program"], ["do", "-volume", "/nonexistent:/mnt", "true"], ["do", "-root", str(tmp_path), "true"]):
        r = runsc(*args)
        assert r.returncode == 128, r
    assert mounts() == before and children(os.getpid()) == []


def test_exit_codes():
    for code in (0, 1, 42, 255):
        assert runsc("do", "sh", "-c", f"exit {code}").returncode == code
    for signo in (9, 15, 6):
        assert runsc("do", "sh", "-c", f"kill -{signo} $$; sleep 1").returncode in (128 + signo, 0)


def test_missing_binary():
    r = runsc("do", "/no/such/program")
    assert r.returncode == 128
    assert "failed to load /no/such/program: no such file or directory" in r.stderr
