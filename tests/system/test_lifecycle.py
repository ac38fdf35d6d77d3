"""create, start, state, list, kill, delete, wait, pause, resume, exec: a container from its making to its end."""
import json
import os
import select
import signal
import socket
import subprocess
import threading

import pytest

from conftest import TIMEOUT, children, wait_for
from lifecycle import Containers

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="binds the host's /usr")


@pytest.fixture
def box(tmp_path):
    b = Containers(tmp_path)
    yield b
    assert b.end() == []


def test_from_create_to_delete(box):
    bundle = box.bundle("sleep", "1000", change=lambda c: c.update(annotations={"a": "b"}))
    box.quiet("create", "-bundle", bundle, "-pid-file", bundle / "pid", "one")
    s = box.state("one")
    pid = int((bundle / "pid").read_text())
    assert s == {"ociVersion": "1.2.1", "id": "one", "status": "created", "pid": pid, "bundle": str(bundle),
                 "annotations": {"a": "b"}}
    box.ok("start", "one")
    assert box.state("one")["status"] == "running"
    r = box.runsc("start", "one")
    assert r.returncode == 128 and "running" in r.stderr
    r = box.runsc("delete", "one")
    assert r.returncode == 128 and "running" in r.stderr
    box.ok("kill", "one", "KILL")
    assert wait_for(lambda: box.state("one")["status"] == "stopped")
    box.ok("delete", "one")
    r = box.runsc("state", "one")
    assert r.returncode == 128 and "does not exist" in r.stderr
    assert os.listdir(box.root) == []


def test_names(box):
    bundle = box.bundle("sleep", "1000")
    box.quiet("create", "-bundle", bundle, "abc")
    box.quiet("create", "-bundle", bundle, "abd")
    assert box.state("abc")["id"] == "abc" and "several" in box.runsc("state", "ab").stderr
    box.ok("delete", "abd")
    assert box.state("a")["id"] == "abc"
    assert "exists already" in box.runsc("create", "-bundle", bundle, "abc").stderr
    for name in ("", "a/b", "..", "a b", "x" * 200):
        r = box.runsc("create", "-bundle", bundle, name)
        assert r.returncode == 128 and "invalid container id" in r.stderr, name
    box.quiet("create", "-bundle", bundle, "x" * 115)


def test_the_end_needs_the_whole_name(box):
    """A second `delete -force c1` must not find c10."""
    box.quiet("create", "-bundle", box.bundle("sleep", "1000"), "c10")
    box.ok("delete", "-force", "c1")
    r = box.runsc("kill", "c1", "KILL")
    assert r.returncode == 128 and "does not exist" in r.stderr
    assert box.state("c10")["status"] == "created"


def test_a_sandbox_that_does_not_answer(box):
    """As one that was taken over might not: it is ended all the same, and nobody waits for ever."""
    box.quiet("run", "-detach", "-bundle", box.bundle("sleep", "1000"), "one")
    pid = box.state("one")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        box.ok("kill", "one", "KILL")
        assert wait_for(lambda: not os.path.exists(f"/proc/{pid}"))
    finally:
        if os.path.exists(f"/proc/{pid}"):
            os.kill(pid, signal.SIGCONT)
    box.ok("delete", "one")


def test_the_control_socket_is_the_owners(box):
    """Whoever can write to it commands the container; engines start runsc with umask 0 too."""
    old = os.umask(0)
    try:
        box.quiet("create", "-bundle", box.bundle("sleep", "1000"), "one")
    finally:
        os.umask(old)
    sock = [n for n in os.listdir(box.root) if n.endswith(".sock")]
    assert len(sock) == 1 and os.stat(os.path.join(box.root, sock[0])).st_mode & 0o077 == 0
    box.ok("delete", "one")


def test_list(box):
    bundle = box.bundle("sleep", "1000")
    assert box.ok("list").split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert json.loads(box.ok("list", "-format", "json")) == []
    box.quiet("run", "-detach", "-bundle", bundle, "two")
    box.quiet("create", "-bundle", bundle, "one")
    assert box.ok("list", "-quiet") == "one\ntwo\n"
    rows = [line.split() for line in box.ok("list").splitlines()]
    assert [r[0] for r in rows] == ["ID", "one", "two"] and [r[2] for r in rows] == ["STATUS", "created", "running"]
    assert {o["id"]: o["status"] for o in json.loads(box.ok("list", "-format=json"))} == {"one": "created", "two": "running"}


def test_run_removes_what_it_made(box):
    r = box.runsc("run", "-bundle", box.bundle("sh", "-c", "echo word; exit 7"), "x")
    assert (r.returncode, r.stdout, r.stderr) == (7, "word\n", "")
    assert os.listdir(box.root) == []


def test_killed_by_a_signal(box):
    assert box.runsc("run", "-bundle", box.bundle("sh", "-c", "kill -9 $$"), "x").returncode in (0, 137)
    p = subprocess.Popen(box.command("run", "-bundle", box.bundle("sh", "-c", "echo ready; sleep 1000"), "y"),
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "ready\n"
    box.ok("kill", "y", "9")
    assert p.wait(TIMEOUT) == 137
    assert os.listdir(box.root) == []


def test_the_program_cannot_be_loaded(box):
    r = box.runsc("run", "-bundle", box.bundle("/nowhere"), "x")
    assert (r.returncode, r.stderr) == (128, "runsc: failed to load /nowhere: no such file or directory\n")
    r = box.runsc("run", "-detach", "-bundle", box.bundle("/nowhere"), "x")
    assert (r.returncode, r.stderr) == (128, "runsc: failed to load /nowhere: no such file or directory\n")
    assert box.names() == []
    for program, word in (("/etc/passwd", "permission denied"), ("nosuch", "executable file not found in $PATH")):
        r = box.runsc("create", "-bundle", box.bundle(program), "y")
        assert (r.returncode, r.stderr) == (128, f"runsc: failed to load {program}: {word}\n")
    bundle = box.bundle("/tmp/text")
    (bundle / "rootfs" / "tmp" / "text").write_text("no program")
    (bundle / "rootfs" / "tmp" / "text").chmod(0o755)
    box.quiet("create", "-bundle", bundle, "y")
    r = box.runsc("start", "y")
    assert (r.returncode, r.stderr) == (128, "runsc: failed to load /tmp/text: exec format error\n")
    assert wait_for(lambda: box.state("y")["status"] == "stopped")


def test_delete(box):
    bundle = box.bundle("sleep", "1000")
    box.quiet("run", "-detach", "-bundle", bundle, "a")
    box.quiet("create", "-bundle", bundle, "b")
    assert box.runsc("delete", "c").returncode == 128
    box.ok("delete", "-force", "c")
    pids = box.processes()
    assert len(pids) == 4
    box.ok("delete", "--force", "a", "b", "c")
    assert not any(os.path.exists(f"/proc/{p}") and "Z" not in open(f"/proc/{p}/stat", encoding="utf-8").read().split()[2]
                   for p in pids)
    assert box.names() == []


def test_kill(box):
    bundle = box.bundle("sh", "-c", "trap 'echo usr1; exit 5' USR1; sleep 1000 & echo ready; wait")
    for args in (["USR1"], ["SIGUSR1"], ["10"]):
        p = subprocess.Popen(box.command("run", "-bundle", bundle, "x"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert p.stdout.readline() == "ready\n"
        box.ok("kill", "x", *args)
        assert p.stdout.readline() == "usr1\n" and p.wait(TIMEOUT) == 5
    box.quiet("run", "-detach", "-bundle", box.bundle("sleep", "1000"), "y")
    assert "unknown signal" in box.runsc("kill", "y", "NONSENSE").stderr
    assert "exclude" in box.runsc("kill", "-all", "-pid", "3", "y").stderr
    assert "no such process" in box.runsc("kill", "-pid", "77", "y").stderr
    box.quiet("exec", "-detach", "-internal-pid-file", box.dir / "p", "y", "sleep", "1002")
    inside = (box.dir / "p").read_text()
    box.ok("kill", "-pid", inside, "y", "KILL")
    assert wait_for(lambda: "sleep 1002" not in box.ok("exec", "y", "ps", "axo", "pgid,args"))
    box.quiet("exec", "-detach", "-internal-pid-file", box.dir / "p", "y", "sh", "-c", "sleep 1001; true")
    inside = (box.dir / "p").read_text()
    assert wait_for(lambda: "sleep 1001" in box.ok("exec", "y", "ps", "axo", "pgid,args"))
    box.ok("kill", "-pgid", inside, "y", "KILL")
    assert wait_for(lambda: "sleep 1001" not in box.ok("exec", "y", "ps", "axo", "pgid,args"))
    box.ok("kill", "-all", "y", "KILL")
    assert wait_for(lambda: box.state("y")["status"] == "stopped")
    box.ok("kill", "-all", "y", "KILL")
    assert box.runsc("kill", "y", "KILL").returncode == 128


def test_the_first_process_is_not_killed_by_what_it_does_not_handle(running):
    running.ok("kill", "x", "TERM")
    running.ok("kill", "-all", "x", "INT")
    assert running.ok("exec", "x", "echo", "$HOME") == "$HOME\n" and running.state("x")["status"] == "running"


def test_home(box):
    assert box.ok("run", "-bundle", box.bundle("sh", "-c", "echo $HOME", change=lambda c: c["process"].update(user={"uid": 1000, "gid": 0})),
                  "x") == "/home/user\n"


def test_kill_before_the_start(box):
    box.quiet("create", "-bundle", box.bundle("sleep", "1000"), "x")
    box.ok("kill", "x")
    assert wait_for(lambda: box.state("x")["status"] == "stopped")


def test_wait(box):
    box.quiet("create", "-bundle", box.bundle("sh", "-c", "exit 9"), "x")
    p = subprocess.Popen(box.command("wait", "x"), stdout=subprocess.PIPE, text=True)
    # It holds the container's lock until its request is with the sandbox.
    q = subprocess.Popen(box.command("--log", box.dir / "log", "wait", "x"), stdout=subprocess.PIPE, text=True)
    assert not select.select([p.stdout], [], [], 0.3)[0]
    box.ok("start", "x")
    assert json.loads(p.communicate(timeout=TIMEOUT)[0]) == {"id": "x", "exitStatus": 9}
    assert json.loads(q.communicate(timeout=TIMEOUT)[0]) == {"id": "x", "exitStatus": 9}
    assert "not running" in box.runsc("wait", "x").stderr


def test_wait_for_a_process(box):
    box.quiet("run", "-detach", "-bundle", box.bundle("sleep", "1000"), "x")
    box.quiet("exec", "-detach", "-internal-pid-file", box.dir / "p", "x", "sleep", "1000")
    inside = (box.dir / "p").read_text()
    p = subprocess.Popen(box.command("wait", "-pid", inside, "x"), stdout=subprocess.PIPE, text=True)
    assert not select.select([p.stdout], [], [], 0.3)[0]
    box.ok("kill", "-pid", inside, "x", "KILL")
    assert json.loads(p.communicate(timeout=TIMEOUT)[0]) == {"id": "x", "exitStatus": 137}
    assert box.runsc("wait", "-pid", "999", "x").returncode == 128


def test_pause(box):
    script = "i=0; while :; do i=$((i+1)); echo $i; read -t 0.01 x </dev/zero; done"
    p = subprocess.Popen(box.command("run", "-bundle", box.bundle("bash", "-c", script), "x"), stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE)
    assert p.stdout.readline() == b"1\n"
    box.ok("pause", "x")
    assert box.state("x")["status"] == "paused"
    os.set_blocking(p.stdout.fileno(), False)
    while p.stdout.read(65536):
        pass
    assert not select.select([p.stdout], [], [], 0.5)[0], "it runs while it is paused"
    assert "paused" in box.runsc("exec", "x", "true").stderr
    assert "paused" in box.runsc("pause", "x").stderr
    assert box.runsc("delete", "x").returncode == 128
    box.ok("resume", "x")
    assert select.select([p.stdout], [], [], TIMEOUT)[0]
    assert box.state("x")["status"] == "running"
    assert box.runsc("resume", "x").returncode == 128
    box.ok("pause", "x")
    box.ok("kill", "x", "KILL")
    assert p.wait(TIMEOUT) == 137


# ---- exec ----

@pytest.fixture
def running(box):
    def change(c):
        c["process"]["env"] += ["KEPT=1", "OVER=old"]
        c["process"]["cwd"] = "/usr/share"
    box.quiet("run", "-detach", "-bundle", box.bundle("sleep", "1000", change=change), "x")
    return box


def test_exec(running):
    r = running.runsc("exec", "x", "sh", "-c", "echo $KEPT $OVER $HOME; pwd; id -u; echo err >&2; exit 6")
    assert (r.returncode, r.stdout, r.stderr) == (6, "1 old /root\n/usr/share\n0\n", "err\n")
    assert running.runsc("exec", "x", "sh", "-c", "kill -TERM $$").returncode == 143
    r = running.runsc("exec", "x", "cat", stdin=None, input="some words\n")
    assert (r.returncode, r.stdout) == (0, "some words\n")
    r = running.runsc("exec", "x", "/nowhere")
    assert (r.returncode, r.stderr) == (128, "runsc: failed to load /nowhere: no such file or directory\n")
    assert running.ok("exec", "x", "true") == ""


def test_exec_flags(running):
    show = ("sh", "-c", "id -u; id -g; id -G; pwd; echo $HOME $OVER $NEW; grep CapEff /proc/self/status")
    out = running.ok("exec", "-user", "user", "-cwd", "/tmp", "-env", "OVER=new", "--env=NEW=x=y", "x", *show).split("\n")
    assert out[:5] == ["1000", "1001", "1001 55", "/tmp", "/home/user new x=y"]
    assert running.ok("exec", "-user", "1000:7", "-additional-gids", "8,9", "x", *show).split("\n")[:3] == ["1000", "7", "7 8 9"]
    assert running.ok("exec", "-user", "0:grp", "x", *show).split("\n")[:3] == ["0", "55", "55"]
    assert running.ok("exec", "-cap", "CAP_SYS_TIME", "x", *show).split()[-1] == "0000000022000420"
    for args, word in ((["-user", "nobody-there"], "find user"), (["-user", "0:nogroup"], "find group"),
                       (["-cwd", "relative"], "absolute"), (["-cwd", "/nowhere"], "working directory /nowhere"),
                       (["-env", "X"], "NAME=VALUE"), (["-cap", "CAP_NOTHING"], "CAP_NOTHING"),
                       (["-additional-gids", "x"], "group numbers")):
        r = running.runsc("exec", *args, "x", "true")
        assert r.returncode == 128 and word in r.stderr, r.stderr


def test_exec_process_file(running):
    p = {"args": ["sh", "-c", "id -u; pwd; echo $A $KEPT"], "cwd": "/tmp", "env": ["PATH=/bin", "A=b"], "user": {"uid": 5, "gid": 6}}
    (running.dir / "p.json").write_text(json.dumps(p))
    assert running.ok("exec", "-process", running.dir / "p.json", "x") == "5\n/tmp\nb\n"
    (running.dir / "p.json").write_text("{")
    assert running.runsc("exec", "-process", running.dir / "p.json", "x").returncode == 128


@pytest.fixture
def subreaper():
    """As a shim: what runsc leaves behind is our child."""
    prctl = __import__("ctypes").CDLL(None).prctl
    prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    yield
    prctl(36, 0, 0, 0, 0)


def exec_detached(box, script):
    file = box.dir / "pid"
    box.quiet("exec", "-detach", "-pid-file", file, "x", "sh", "-c", script)
    return int(file.read_text())


def test_exec_detached_process_stands_for_the_one_inside(running, subreaper):
    """Its exit status, signals to it, and its end by SIGKILL are those of the one inside."""
    pid = exec_detached(running, "exit 42")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 42
    pid = exec_detached(running, "trap 'exit 11' USR1; echo > /tmp/ready; while :; do sleep 0.01; done")
    assert wait_for(lambda: running.runsc("exec", "x", "test", "-e", "/tmp/ready").returncode == 0)
    os.kill(pid, signal.SIGUSR1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 11
    pid = exec_detached(running, "exec sleep 1003")
    assert "sleep 1003" in running.ok("exec", "x", "ps", "axo", "args")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert wait_for(lambda: "sleep 1003" not in running.ok("exec", "x", "ps", "axo", "args"))


def test_container_ends_after_what_was_started_in_it(running, subreaper):
    """As with processes of one process namespace: an engine that has seen the container's end asks for no other."""
    sentry = running.state("x")["pid"]
    pidfd = os.pidfd_open(sentry)
    own, tied = exec_detached(running, "exit 5"), exec_detached(running, "exec sleep 1000")
    os.waitid(os.P_PID, own, os.WEXITED | os.WNOWAIT)
    running.ok("kill", "x", "KILL")
    os.waitid(os.P_PID, tied, os.WEXITED | os.WNOWAIT)
    for pid, statuses in ((own, [5]), (tied, [-signal.SIGKILL, 128 + signal.SIGKILL])):
        assert not select.select([pidfd], [], [], 0)[0]
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) in statuses
    assert select.select([pidfd], [], [], TIMEOUT)[0]
    os.close(pidfd)


def test_descriptors(box):
    r, w = os.pipe()
    with open("/usr/bin/sh", "rb") as program:
        p = subprocess.run(box.command("run", "-pass-fd", f"{w}:7", "-bundle", box.bundle("sh", "-c", "echo word >&7"), "x"),
                           pass_fds=[w], timeout=TIMEOUT, check=False)
        assert p.returncode == 0 and os.read(r, 100) == b"word\n"
        p = subprocess.run(box.command("run", "-exec-fd", program.fileno(), "-bundle", box.bundle("nosuch", "-c", "echo $0; exit 3"), "x"),
                           pass_fds=[program.fileno()], timeout=TIMEOUT, check=False, stdout=subprocess.PIPE)
        assert (p.returncode, p.stdout) == (3, b"nosuch\n")
        box.quiet("run", "-detach", "-bundle", box.bundle("sleep", "1000"), "y")
        p = subprocess.run(box.command("exec", "-pass-fd", f"{w}:9", "y", "sh", "-c", "echo more >&9"), pass_fds=[w],
                           timeout=TIMEOUT, check=False)
        assert p.returncode == 0 and os.read(r, 100) == b"more\n"
        p = subprocess.run(box.command("exec", "-exec-fd", program.fileno(), "y", "name", "-c", "echo $0"),
                           pass_fds=[program.fileno()], timeout=TIMEOUT, check=False, stdout=subprocess.PIPE)
        assert (p.returncode, p.stdout) == (0, b"name\n")
    assert "not open" in box.runsc("exec", "-pass-fd", "900:3", "y", "true").stderr
    assert "M:N" in box.runsc("exec", "-pass-fd", "9", "y", "true").stderr
    os.close(r)
    os.close(w)


def test_socket_activation(box):
    """LISTEN_FDS of runsc is that of the container; what was to be preserved comes first."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        script = "echo $LISTEN_FDS $LISTEN_PID; ls /proc/self/fd | tr '\\n' ' '; cat /proc/self/fdinfo/3 >/dev/null && echo open"
        fd = os.dup(server.fileno())

        def place():
            os.dup2(fd, 3)
        p = subprocess.run(box.command("run", "-bundle", box.bundle("sh", "-c", script), "x"), env={**os.environ, "LISTEN_FDS": "1"},
                           stdout=subprocess.PIPE, timeout=TIMEOUT, check=False, text=True, pass_fds=[3, fd], preexec_fn=place)
        os.close(fd)
        assert p.returncode == 0 and p.stdout.startswith("1 1\n0 1 2 3 ") and p.stdout.endswith("open\n"), p


def test_oom_score(box):
    bundle = box.bundle("cat", "/proc/self/oom_score_adj", change=lambda c: c["process"].update(oomScoreAdj=700))
    box.quiet("create", "-bundle", bundle, "x")
    for which in ("sentry", "gofer"):
        pid = json.loads(next(box.root.glob("*.state")).read_text())[which]["pid"]
        with open(f"/proc/{pid}/oom_score_adj", encoding="ascii") as f:
            assert f.read() == "700\n"
    assert box.ok("run", "-bundle", bundle, "y") == "700\n"


def test_network_namespace_by_path(box):
    """--network=host is the network of the namespace that config.json names, or of a new one."""
    with subprocess.Popen(["unshare", "-n", "sh", "-c", "ip link set lo up; echo ready; exec sleep 1000"], stdout=subprocess.PIPE,
                          text=True) as other:
        try:
            assert other.stdout.readline() == "ready\n"

            def change(c, **more):
                c["linux"]["namespaces"] = [{"type": "network", **more}, {"type": "pid"}, {"type": "mount"}, {"type": "uts"}]
            show = ("python3", "-c", "import socket; print([n for _, n in socket.if_nameindex()])\n"
                    "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname()); print('up')")
            r = box.runsc("--network=host", "run", "-bundle", box.bundle(*show, change=lambda c: change(c, path=f"/proc/{other.pid}/ns/net")), "x")
            assert (r.returncode, r.stdout) == (0, "['lo']\nup\n"), r
            r = box.runsc("--network=host", "run", "-bundle", box.bundle(*show, change=change), "x")
            assert r.returncode == 1 and r.stdout.startswith("['lo']") and "up" not in r.stdout, r
            r = box.runsc("--network=host", "run", "-bundle", box.bundle(*show, change=lambda c: change(c, path="/nowhere")), "x")
            assert r.returncode == 128 and "/nowhere" in r.stderr
        finally:
            other.kill()


def test_many_at_once(running):
    """Commands on one container wait for each other, and all succeed."""
    results = []

    def one(i):
        results.append((i, running.runsc("exec", "x", "sh", "-c", f"echo {i}")))

    threads = [threading.Thread(target=one, args=(i,)) for i in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(TIMEOUT)
    assert [(i, r.returncode, r.stdout, r.stderr) for i, r in sorted(results, key=lambda x: x[0])] == \
        [(i, 0, f"{i}\n", "") for i in range(12)]


# ---- crashes ----

def test_the_sandbox_ends_with_its_foreground_runsc(box):
    p = subprocess.Popen(box.command("run", "-bundle", box.bundle("sh", "-c", "echo ready; sleep 1000"), "x"),
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "ready\n"
    p.kill()
    p.wait(TIMEOUT)
    assert wait_for(lambda: box.state("x")["status"] == "stopped")
    assert wait_for(lambda: box.processes() == [])
    box.ok("delete", "x")


@pytest.mark.parametrize("which", ["sentry", "gofer"])
def test_a_process_of_it_dies(box, which):
    box.quiet("run", "-detach", "-bundle", box.bundle("sleep", "1000"), "x")
    s = json.loads(next(box.root.glob("*.state")).read_text())
    os.kill(s[which]["pid"], signal.SIGKILL)
    assert wait_for(lambda: box.state("x")["status"] == "stopped")
    box.ok("delete", "-force", "x")
    assert wait_for(lambda: not any(os.path.exists(f"/proc/{s[k]['pid']}") for k in ("sentry", "gofer")))


def test_create_is_killed(box):
    """At any moment: what is left can be deleted, and no process stays."""
    bundle = box.bundle("sleep", "1000")
    for i in range(25):
        p = subprocess.Popen(box.command("create", "-bundle", bundle, f"c{i}"), stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        select.select([], [], [], i * 0.001)
        p.kill()
        p.wait(TIMEOUT)
        box.ok("delete", "-force", f"c{i}")
        assert wait_for(lambda: box.processes() == [])
    assert os.listdir(box.root) == []


def test_a_spoilt_state_file(box):
    box.quiet("run", "-detach", "-bundle", box.bundle("sleep", "1000"), "x")
    s = json.loads(next(box.root.glob("*.state")).read_text())
    next(box.root.glob("*.state")).write_text("{\"version\":")
    assert box.state("x")["status"] == "stopped"
    box.ok("delete", "-force", "x")
    assert wait_for(lambda: not any(os.path.exists(f"/proc/{s[k]['pid']}") for k in ("sentry", "gofer")))


# ---- looking ----

def test_ps(running):
    rows = [r.split() for r in running.ok("ps", "x").splitlines()]
    assert rows[0] == "UID PID PPID PGID C TTY STIME TIME CMD".split()
    assert len(rows) == 2 and rows[1][:4] == ["0", "1", "0", "1"] and rows[1][-1] == "sleep"
    running.quiet("exec", "-detach", "-user", "5", "-internal-pid-file", running.dir / "p", "x", "sleep", "1000")
    inside = int((running.dir / "p").read_text())
    assert running.ok("ps", "x").splitlines()[2].split()[:3] == ["5", str(inside), "0"]
    assert wait_for(lambda: len(json.loads(running.ok("ps", "-format", "json", "x"))) == 2)
    sentry, stub = json.loads(running.ok("ps", "-format", "json", "x"))
    assert sentry == running.state("x")["pid"] and stub in children(sentry)


def test_events(running):
    e = json.loads(running.ok("events", "-stats", "x"))
    assert e["type"] == "stats" and e["id"] == "x"
    assert set(e["data"]) == {"cpu", "memory", "pids", "network_interfaces"}
    assert set(e["data"]["cpu"]["usage"]) == {"kernel", "user", "total", "percpu"}
    assert set(e["data"]["memory"]) == {"cache", "usage", "swap", "kernel", "kernelTCP", "raw"}
    assert e["data"]["pids"]["current"] == 1 and e["data"]["memory"]["usage"]["usage"] > 0
    running.ok("exec", "x", "sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
    assert json.loads(running.ok("events", "-stats", "x"))["data"]["cpu"]["usage"]["total"] > e["data"]["cpu"]["usage"]["total"]
    p = subprocess.Popen(running.command("events", "-interval", "20ms", "x"), stdout=subprocess.PIPE, text=True)
    for _ in range(3):
        assert json.loads(p.stdout.readline())["type"] == "stats"
    running.ok("kill", "x", "KILL")
    p.communicate(timeout=TIMEOUT)
    assert p.returncode == 0
    assert "not running" in running.runsc("events", "-stats", "x").stderr


def test_read(running):
    assert running.ok("read", "x", "/etc/group") == "root:x:0:\ngrp:x:55:other,user\n"
    assert running.ok("read", "-offset", "5", "-size", "3", "x", "/etc/group") == "x:0"
    running.ok("exec", "x", "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x > /tmp/large; mkfifo /tmp/fifo")
    assert len(running.ok("read", "x", "/tmp/large")) == 3000000
    for path in ("/tmp/fifo", "/dev/zero", "/tmp", "/nowhere"):
        r = running.runsc("read", "x", path)
        assert r.returncode == 128 and path in r.stderr, r.stderr


def test_usage_debug_and_port_forward(running):
    u = json.loads(running.ok("usage", "-full", "x"))
    assert set(u) == {"Unknown", "System", "Anonymous", "PageCache", "Mapped", "Tmpfs", "Ramdiskfs", "Total"}
    assert json.loads(running.ok("usage", "x"))["Total"] > 0
    assert "sleep" in running.ok("debug", "-stacks", "x") and "sleep" in running.ok("debug", "-ps", "x")
    assert "debug log" in running.runsc("debug", "-strace", "all", "x").stderr
    assert running.runsc("debug", "-strace", "some", "x").returncode == 128
    r = running.runsc("port-forward", "x", "80")
    assert r.returncode == 128 and "has no network" in r.stderr


def test_strace_switched_on(box):
    log = box.dir / "debug"
    script = "while :; do read x </etc/group; sleep 0.01; done"
    box.quiet("--debug", f"--debug-log={log}", "run", "-detach", "-bundle", box.bundle("sh", "-c", script), "x")
    assert "openat" not in log.read_text()
    box.ok("debug", "-strace", "all", "x")
    assert wait_for(lambda: "/etc/group" in log.read_text())
    box.ok("debug", "-strace", "off", "-log-level", "warning", "x")


def test_features(box):
    f = json.loads(box.ok("features"))
    assert f["ociVersionMax"] == "1.2.1" and len(f["hooks"]) == 6 and "rbind" in f["mountOptions"]
    assert "pid" in f["linux"]["namespaces"] and "CAP_CHOWN" in f["linux"]["capabilities"]


# ---- hooks ----

def hook(box, name, script, **more):
    path = box.dir / f"hook-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"path": str(path), **more}


def test_hooks(box):
    """All six, in order, with the state on stdin, their arguments and their environment."""
    log = box.dir / "hooks"
    kinds = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]

    def change(c):
        c["hooks"] = {k: [hook(box, f"{k}{i}", f"echo {k}{i} \"$1\" $A $(cat) >>{log}", args=["x", "a b"], env=["A=c", "PATH=/bin"])
                          for i in range(2)] for k in kinds}
        c["hooks"]["startContainer"] = [{"path": "/bin/sh", "args": ["sh", "-c", "echo $A $(cat) >/tmp/inside"], "env": ["A=c", "PATH=/bin"]}]

    box.quiet("create", "-bundle", box.bundle("sh", "-c", "cat /tmp/inside; sleep 1000", change=change), "x")
    pid = box.state("x")["pid"]
    lines = log.read_text().splitlines()
    assert [line.split()[0] for line in lines] == [k + i for k in kinds[:3] for i in "01"]
    for line in lines:
        assert line.split()[1:4] == ["a", "b", "c"]
        s = json.loads(line.split(" ", 4)[4])
        assert (s["id"], s["pid"], s["status"]) == ("x", pid, "creating")
    box.ok("start", "x")
    inside = box.ok("exec", "x", "cat", "/tmp/inside")
    assert inside.startswith("c ") and json.loads(inside[2:])["status"] == "created"
    assert [line.split()[0] for line in log.read_text().splitlines()][6:] == ["poststart0", "poststart1"]
    box.ok("delete", "-force", "x")
    lines = log.read_text().splitlines()
    assert [line.split()[0] for line in lines][8:] == ["poststop0", "poststop1"]
    assert json.loads(lines[9].split(" ", 4)[4])["status"] == "stopped"


def test_hooks_with_run(box):
    log = box.dir / "hooks"

    def change(c):
        c["hooks"] = {k: [hook(box, k, f"echo {k} >>{log}")] for k in ("createRuntime", "poststart", "poststop")}

    assert box.ok("run", "-bundle", box.bundle("echo", "word", change=change), "x") == "word\n"
    assert log.read_text().split() == ["createRuntime", "poststart", "poststop"]


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "startContainer"])
def test_a_hook_fails(box, kind):
    def change(c):
        path = "/bin/sh" if kind == "startContainer" else hook(box, "bad", "echo reason >&2; exit 3")["path"]
        c["hooks"] = {kind: [{"path": path, "args": ["sh", "-c", "exit 3"]}]}

    r = box.runsc("run", "-bundle", box.bundle("true", change=change), "x")
    assert r.returncode == 128 and kind in r.stderr and "3" in r.stderr, r.stderr
    assert box.names() == [] and box.processes() == []


def test_a_hook_takes_too_long(box):
    def change(c):
        c["hooks"] = {"createRuntime": [hook(box, "slow", "exec sleep 1000", timeout=1)]}

    r = box.runsc("run", "-bundle", box.bundle("true", change=change), "x")
    assert r.returncode == 128 and "1 seconds" in r.stderr and box.names() == []
