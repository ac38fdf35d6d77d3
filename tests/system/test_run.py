"""`runsc run` of a bundle, --network=host, and the debug log."""
import json
import os
import socket
import subprocess
import threading

import pytest

from conftest import RUNSC, TIMEOUT, runsc

root_only = pytest.mark.skipif(os.getuid() != 0, reason="binds the host's /usr")


@pytest.fixture
def bundle(tmp_path):
    """bundle(change) writes a bundle whose root has the host's /usr; change(config) edits it first."""
    def make(*argv, change=lambda c: None):
        assert runsc("spec", "-bundle", tmp_path).returncode == 0
        path = tmp_path / "config.json"
        c = json.loads(path.read_text())
        c["process"].update(args=list(argv), terminal=False)
        c["root"] = {"path": "rootfs", "readonly": False}
        (tmp_path / "rootfs" / "usr").mkdir(parents=True)
        for name in ("bin", "lib", "lib64", "sbin"):
            (tmp_path / "rootfs" / name).symlink_to("usr/" + name)
        c["mounts"].append({"destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]})
        change(c)
        path.write_text(json.dumps(c))
        return tmp_path

    return make


def run(directory, *flags):
    return runsc(*flags, "run", "-bundle", directory, f"test-{os.getpid()}")


@root_only
def test_status_and_output(bundle):
    r = run(bundle("sh", "-c", "echo out; echo err >&2; exit 7"))
    assert (r.returncode, r.stdout, r.stderr) == (7, "out\n", "err\n")


@root_only
def test_process_settings(bundle):
    def change(c):
        c["hostname"] = "box"
        c["process"].update(cwd="/usr/share", env=["PATH=/bin", "A=b c"], user={"uid": 12, "gid": 34, "additionalGids": [56]})
        c["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]

    r = run(bundle("sh", "-c", "hostname; pwd; echo $A; id -u; id -G; ulimit -n; ulimit -Hn", change=change))
    assert (r.returncode, r.stdout) == (0, "box\n/usr/share\nb c\n12\n34 56\n100\n200\n"), r.stderr


@root_only
def test_read_only_root(bundle):
    r = run(bundle("sh", "-c", "touch /file; touch /usr/file; ls /", change=lambda c: c["root"].update(readonly=True)))
    assert r.stderr.count("Read-only file system") == 2 and "file" not in r.stdout.split()


@root_only
def test_root_keeps_the_changes_in_memory(bundle):
    d = bundle("sh", "-c", "echo x >/new; cat /new")
    r = run(d)
    assert (r.returncode, r.stdout) == (0, "x\n"), r.stderr
    assert sorted(os.listdir(d / "rootfs")) == ["bin", "lib", "lib64", "sbin", "usr"]


@root_only
def test_without_overlay_the_files_change(bundle):
    d = bundle("sh", "-c", "echo x >/new; mkdir /dir; mv /new /dir/file")
    r = run(d, "--overlay2=none")
    assert (r.returncode, r.stderr) == (0, "")
    assert (d / "rootfs" / "dir" / "file").read_text() == "x\n"


@root_only
def test_capabilities(bundle):
    def change(c):
        c["process"]["capabilities"] = {k: ["CAP_CHOWN"] for k in ("bounding", "effective", "permitted")}

    r = run(bundle("sh", "-c", "grep -E '^Cap(Prm|Eff|Bnd)' /proc/self/status; chown 1 /dev/shm && echo may; chroot / true || echo may not",
                   change=change))
    words = r.stdout.split()
    assert words[1::2][:3] == ["0000000000000001"] * 3 and r.stdout.endswith("may\nmay not\n"), r


def test_no_network(tmp_path):
    """--network=none: no way out, but for the loopback of the sandbox if there is one."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        script = f"import socket\ntry:\n    socket.create_connection(('127.0.0.1', {s.getsockname()[1]}), 2)\n    print('connected')\nexcept OSError as e:\n    print('refused')\n"
        r = runsc("--network=none", "do", "/usr/bin/python3", "-c", script)
    assert (r.returncode, r.stdout) == (0, "refused\n"), r.stderr


def test_network_host_client():
    with socket.create_server(("127.0.0.1", 0)) as s:
        got = []

        def serve():
            c, _ = s.accept()
            with c:
                got.append(c.recv(100))
                c.sendall(b"answer")

        t = threading.Thread(target=serve)
        t.start()
        script = f"import socket\nc = socket.create_connection(('127.0.0.1', {s.getsockname()[1]}))\nc.sendall(b'question')\nprint(c.recv(100).decode())\n"
        r = runsc("--network=host", "do", "/usr/bin/python3", "-c", script)
        assert (r.returncode, r.stdout) == (0, "answer\n"), r.stderr
        t.join(TIMEOUT)
        assert got == [b"question"]


def test_network_host_server():
    script = "import socket\ns = socket.create_server(('127.0.0.1', 0))\nprint(s.getsockname()[1], flush=True)\nc, a = s.accept()\nc.sendall(c.recv(100).upper())\n"
    with subprocess.Popen([RUNSC, "--network=host", "do", "/usr/bin/python3", "-c", script], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE) as p:
        try:
            with socket.create_connection(("127.0.0.1", int(p.stdout.readline())), TIMEOUT) as c:
                c.sendall(b"word")
                assert c.recv(100) == b"WORD"
            assert p.wait(TIMEOUT) == 0
        finally:
            p.kill()


def test_strace_in_the_debug_log(tmp_path):
    log = tmp_path / "log"
    r = runsc("--debug", "--strace", f"--debug-log={log}", "--network=none", "do", "cat", "/etc/hostname")
    text = log.read_text()
    assert r.returncode == 0 and r.stderr == ""
    assert "cat X openat(AT_FDCWD" in text and "/etc/hostname" in text and "cat X exit_group" not in text


def test_unknown_call_is_named(tmp_path):
    log = tmp_path / "log"
    script = "import ctypes, os\nl = ctypes.CDLL(None, use_errno=True)\nprint(l.syscall(1000), os.strerror(ctypes.get_errno()))\n"
    r = runsc("--debug", f"--debug-log={log}", "--network=none", "do", "/usr/bin/python3", "-c", script)
    assert (r.returncode, r.stdout) == (0, "-1 Function not implemented\n"), r.stderr
    assert "1000" in log.read_text()
