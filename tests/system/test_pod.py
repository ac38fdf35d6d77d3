"""Several containers in one sandbox: their life, driven by the command line as a shim does it."""
import concurrent.futures
import json
import os
import select
import signal
import subprocess

import pytest

from conftest import descendants, status, wait_for
from lifecycle import ConsoleSocket
from pod import Pod, exit_status, reap_all
from test_lifecycle_console import Master, check, in_exec, terminal

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="binds the host's /usr")


@pytest.fixture
def pod(tmp_path):
    p = Pod(tmp_path)
    yield p
    assert p.end() == []


def test_one_from_create_to_delete(pod):
    first = pod.sandbox()
    bundle = pod.further("sh", "-c", "exit 7")
    pid = pod.create("one", bundle)
    assert pid != first
    s = pod.state("one")
    assert (s["status"], s["pid"], s["bundle"]) == ("created", pid, str(bundle))
    assert sorted(f for f in os.listdir(pod.root) if f.startswith("one")) == ["one_sandbox:pod.lock", "one_sandbox:pod.state"]
    pod.ok("start", "one")
    assert exit_status(pid) == 7
    assert pod.state("one")["status"] == "stopped" and "pid" not in pod.state("one")
    assert json.loads(pod.ok("wait", "one")) == {"id": "one", "exitStatus": 7}
    assert pod.state("pod")["status"] == "running"
    pod.ok("delete", "one")
    assert pod.names() == ["pod"]
    assert pod.runsc("state", "one").returncode == 128


def test_three_at_once(pod):
    pod.sandbox()
    pids = {n: pod.run(n, "sleep", "1000") for n in ("a", "b", "c")}
    assert pod.names() == ["a", "b", "c", "pod"]
    for n, pid in pids.items():
        assert pod.state(n) ["pid"] == pid and pod.state(n)["status"] == "running"
        assert pod.sh(n, f"echo {n} > /tmp/mine; hostname; cat /tmp/mine") == f"podhost\n{n}\n"
    rows = {r.split()[0]: r.split()[1:3] for r in pod.ok("list").splitlines()[1:]}
    assert {n: rows[n] for n in pids} == {n: [str(p), "running"] for n, p in pids.items()}
    pod.ok("kill", "b", "KILL")
    assert exit_status(pids["b"]) == 128 + signal.SIGKILL
    assert [pod.state(n)["status"] for n in ("a", "b", "c", "pod")] == ["running", "stopped", "running", "running"]
    r = pod.runsc("exec", "b", "true")
    assert r.returncode == 128 and "stopped" in r.stderr
    pod.ok("delete", "b")
    assert pod.sh("c", "cat /tmp/mine") == "c\n"


def test_restart(pod):
    """A new one in the place of one that has ended, in the same sandbox."""
    pod.sandbox()
    for i in range(5):
        pid = pod.run(f"try{i}", "sh", "-c", f"exit {i}")
        assert exit_status(pid) == i
        pod.ok("delete", f"try{i}")
    pid = pod.run("try0", "sleep", "1000")
    pod.ok("delete", "-force", "try0")
    assert exit_status(pid) == 137
    assert pod.names() == ["pod"] and pod.state("pod")["status"] == "running"


def test_the_first_ends_all(pod):
    pod.sandbox()
    one, two = pod.run("one", "sleep", "1000"), pod.run("two", "sleep", "1000")
    pod.ok("kill", "pod", "KILL")
    assert exit_status(one) == 137 and exit_status(two) == 137
    assert [pod.state(n)["status"] for n in ("one", "two", "pod")] == ["stopped"] * 3
    for n in ("one", "two", "pod"):
        pod.ok("delete", n)


def test_delete_force_of_the_sandbox(pod):
    pod.sandbox()
    one = pod.run("one", "sleep", "1000")
    pod.create("two", pod.further("sleep", "1000"))
    pod.ok("delete", "-force", "pod")
    assert exit_status(one) == 137
    assert pod.names() == ["one", "two"] and pod.state("one")["status"] == "stopped"
    r = pod.runsc("exec", "one", "true")
    assert r.returncode == 128
    r = pod.runsc("start", "two")
    assert r.returncode == 128 and "stopped" in r.stderr
    pod.ok("delete", "one", "two")


def test_the_gofers_end_is_the_containers(pod):
    pod.sandbox()
    one, two = pod.run("one", "sleep", "1000"), pod.run("two", "sleep", "1000")
    os.kill(one, signal.SIGKILL)
    assert exit_status(one) == -signal.SIGKILL
    assert pod.state("one")["status"] == "stopped"
    pod.ok("delete", "one")
    assert pod.sh("two", "ls /usr > /dev/null && echo well") == "well\n"
    assert pod.state("two")["pid"] == two
    assert pod.state("pod")["status"] == "running"


def test_a_root_that_is_not_there(pod):
    pod.sandbox()
    bundle = pod.further("true", change=lambda c: c["root"].update(path="missing"))
    r = pod.runsc("create", "-bundle", bundle, "one")
    assert r.returncode == 128 and "missing" in r.stderr
    assert pod.names() == ["pod"] and len([f for f in os.listdir(pod.root) if f.startswith("one")]) == 0


def test_a_program_that_is_not_there(pod):
    pod.sandbox()
    r = pod.runsc("create", "-bundle", pod.further("no-such-program"), "one")
    assert r.returncode == 128 and "not found in $PATH" in r.stderr
    assert pod.names() == ["pod"]
    pid = pod.run("two", "sh", "-c", "exit 3")
    assert exit_status(pid) == 3


def test_a_sandbox_that_is_not_there(pod):
    pod.sandbox()
    bundle = pod.further("true", change=lambda c: c["annotations"].update({"io.kubernetes.cri.sandbox-id": "other"}))
    r = pod.runsc("create", "-bundle", bundle, "one")
    assert r.returncode == 128 and "sandbox other" in r.stderr
    pod.ok("kill", "pod", "KILL")
    while pod.state("pod")["status"] != "stopped":
        pass
    bundle.joinpath("config.json").write_text(bundle.joinpath("config.json").read_text().replace('"other"', '"pod"'))
    r = pod.runsc("create", "-bundle", bundle, "one")
    assert r.returncode == 128 and "stopped" in r.stderr
    assert pod.names() == ["pod"]


def test_killed_before_its_start(pod):
    pod.sandbox()
    pid = pod.create("one", pod.further("true"))
    pod.ok("kill", "one", "TERM")
    assert exit_status(pid) == 128 + signal.SIGTERM
    assert pod.state("one")["status"] == "stopped"
    pid = pod.create("two", pod.further("true"))
    pod.ok("delete", "two")
    assert exit_status(pid) == 137


def test_run_in_the_foreground(pod):
    pod.sandbox()
    r = pod.runsc("run", "-bundle", pod.further("sh", "-c", "echo word; exit 9"), "one")
    assert (r.returncode, r.stdout, r.stderr) == (9, "word\n", "")
    assert pod.names() == ["pod"]


# ---- what is shared ----

def pids(pod, name):
    return [int(line.split()[1]) for line in pod.ok("ps", name).splitlines()[1:]]


def test_pids_of_its_own(pod):
    pod.sandbox()
    pod.run("one", "sh", "-c", "sleep 1000 & wait")
    assert wait_for(lambda: len(pids(pod, "one")) == 2)
    assert pod.sh("one", "tr '\\0' ' ' < /proc/1/cmdline").startswith("sh -c sleep 1000")
    pod.run("two", "sleep", "999")
    assert "sleep 1000" not in pod.sh("two", "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done")
    first, child = pids(pod, "one")
    assert first == 1 and pids(pod, "pod") == [1]
    pod.ok("kill", "-pid", child, "one", "KILL")
    assert json.loads(pod.ok("wait", "one")) == {"id": "one", "exitStatus": 0}


def test_pids_of_the_pod(pod):
    """One sees the others and can signal them; the end of one container is that of its own processes."""
    pod.sandbox()
    one = pod.run("one", "sh", "-c", "sleep 777 & exec sleep 888", own_pids=False)
    two = pod.run("two", "sleep", "999", own_pids=False)
    every = "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done"
    assert wait_for(lambda: all(text in pod.sh("two", every) for text in ("sleep 1000", "sleep 777", "sleep 888", "sleep 999")))
    assert len(pids(pod, "one")) == 2 and len(pids(pod, "two")) == 1 and pids(pod, "pod") == [1]
    first = pids(pod, "one")[0]
    pod.sh("two", f"kill -TERM {first}")
    assert exit_status(one) == 128 + signal.SIGTERM
    listed = pod.sh("two", "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done")
    assert "sleep 777" not in listed and "sleep 999" in listed
    pod.ok("kill", "-all", "two", "KILL")
    assert exit_status(two) == 137 and pod.state("pod")["status"] == "running"


def test_pids_of_another_container(pod):
    pod.sandbox()
    pid = pod.run("one", "sleep", "888")

    def target(c):
        for n in c["linux"]["namespaces"]:
            if n["type"] == "pid":
                n["path"] = f"/proc/{pid}/ns/pid"
    pod.run("two", "sleep", "999", change=target)
    assert pod.sh("two", "tr '\\0' ' ' < /proc/1/cmdline") == "sleep 888 "
    assert pids(pod, "one") == [1] and len(pids(pod, "two")) == 1
    pod.ok("kill", "one", "KILL")
    assert json.loads(pod.ok("wait", "two"))["exitStatus"] == 137


SHM = """
import mmap, os, sys
f = os.open('/dev/shm/x', os.O_RDWR | os.O_CREAT)
os.ftruncate(f, 4096)
m = mmap.mmap(f, 4096)
"""


def test_shared_directories(pod, tmp_path):
    """emptyDir and /dev/shm are the same directory of the host: names, contents and mappings agree at once."""
    for d in ("shm", "empty"):
        (tmp_path / d).mkdir()

    def mounts(c):
        c["mounts"] = [m for m in c["mounts"] if m["destination"] != "/dev/shm"]
        c["mounts"] += [{"destination": "/dev/shm", "type": "bind", "source": str(tmp_path / "shm"), "options": ["rbind", "rw"]},
                        {"destination": "/shared", "type": "bind", "source": str(tmp_path / "empty"), "options": ["rbind", "rw"]}]
    pod.sandbox(change=mounts)
    pod.run("one", "sleep", "1000", change=mounts)
    pod.run("two", "sleep", "1000", change=mounts)
    assert pod.runsc("exec", "two", "cat", "/shared/x").returncode == 1
    pod.sh("one", "echo first > /shared/x")
    assert pod.sh("two", "cat /shared/x; echo more >> /shared/x; mkdir /shared/d; mv /shared/x /shared/d/y") == "first\n"
    assert pod.sh("one", "cat /shared/d/y; ls /shared; rm -r /shared/d") == "first\nmore\nd\n"
    assert pod.sh("pod", "ls /shared") == ""
    assert pod.ok("exec", "one", "python3", "-c", SHM + "m[:5] = b'hello'") == ""
    assert pod.ok("exec", "two", "python3", "-c", SHM + "print(m[:5].decode()); m[:3] = b'HEL'") == "hello\n"
    assert pod.sh("one", "head -c 5 /dev/shm/x") == "HELlo"
    assert os.listdir(tmp_path / "shm") == ["x"]


def test_names_and_ipc(pod):
    pod.sandbox()
    pod.run("one", "sleep", "1000")
    pod.run("two", "sleep", "1000")

    def own(c):
        c["hostname"] = "other"
    pod.run("three", "sleep", "1000", share=("network",), change=own)
    read = "readlink /proc/self/ns/uts /proc/self/ns/ipc /proc/self/ns/net /proc/self/ns/mnt"
    space = {n: pod.sh(n, read).split() for n in ("pod", "one", "two", "three")}
    assert space["one"][:3] == space["two"][:3] == space["pod"][:3]
    assert space["three"][2] == space["pod"][2] and not set(space["three"][:2]) & set(space["pod"][:2])
    assert len({s[3] for s in space.values()}) == 4
    assert pod.sh("three", "hostname") == "other\n" and pod.sh("one", "hostname") == "podhost\n"


def test_abstract_sockets_are_the_pods(pod):
    listen = "import socket,time; s=socket.socket(socket.AF_UNIX); s.bind('\\0name'); s.listen(); c,_=s.accept(); c.send(b'hi')"
    pod.sandbox()
    pid = pod.run("one", "python3", "-c", listen)
    connect = ("import socket,time\nwhile True:\n    try:\n        s=socket.socket(socket.AF_UNIX); s.connect('\\0name'); break\n"
               "    except ConnectionRefusedError: time.sleep(0.01)\nprint(s.recv(9))")
    pod.run("two", "sleep", "1000")
    assert pod.ok("exec", "two", "python3", "-c", connect) == "b'hi'\n"
    assert exit_status(pid) == 0


# ---- the process ----

def test_its_own_settings(pod):
    """User, capabilities, limits, variables and filter are those of its own configuration."""
    def change(c):
        p = c["process"]
        p["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [55]}
        p["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]
        p["capabilities"] = {k: ["CAP_KILL"] for k in ("bounding", "permitted", "effective")}
        p["cwd"] = "/tmp"
        p["env"].append("WORD=x")
        c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
        c["linux"]["maskedPaths"] = ["/proc/version"]
    pod.sandbox()
    script = "id -u; id -G; ulimit -n; pwd; echo $WORD; grep CapBnd /proc/self/status; mkdir d; cat /proc/version | wc -c"
    r = pod.runsc("run", "-bundle", pod.further("sh", "-c", script, change=change), "one")
    assert r.stdout.split() == ["1000", "1001", "55", "100", "/tmp", "x", "CapBnd:", "0000000000000020", "0"], r
    assert "No space left" in r.stderr
    assert pod.sh("pod", "mkdir /tmp/d; id -u; wc -c < /proc/version") != "0\n0\n"


def test_streams(pod):
    pod.sandbox()
    bundle = pod.further("sh", "-c", "cat; echo wrong >&2")
    r = pod.runsc("run", "-bundle", bundle, "one", stdin=None, input="a\nb\n")
    assert (r.returncode, r.stdout, r.stderr) == (0, "a\nb\n", "wrong\n")


def test_passed_descriptors(pod, tmp_path):
    pod.sandbox()
    (tmp_path / "file").write_text("content")
    with open(tmp_path / "file", encoding="ascii") as f:
        r = pod.runsc("run", "-bundle", pod.further("sh", "-c", "cat <&9"), "-pass-fd", f"{f.fileno()}:9", "one",
                      pass_fds=(f.fileno(),))
    assert (r.returncode, r.stdout) == (0, "content")


# ---- what the commands do to one of several ----

COUNT = "i=0; while :; do i=$((i+1)); echo $i > /tmp/n; done"


def test_pause(pod):
    """One stands still, the other goes on."""
    pod.sandbox()
    one = pod.run("one", "sh", "-c", COUNT)
    pod.run("two", "sh", "-c", COUNT)
    for n in ("one", "two"):
        pod.sh(n, "while [ ! -s /tmp/n ]; do :; done")
    pod.ok("pause", "one")
    assert pod.state("one")["status"] == "paused" and pod.state("two")["status"] == "running"
    before = pod.ok("read", "one", "/tmp/n")
    r = pod.runsc("exec", "one", "true")
    assert r.returncode == 128 and "paused" in r.stderr
    assert pod.sh("two", "a=$(cat /tmp/n); while [ $(cat /tmp/n)0 = ${a}0 ]; do :; done; echo goes on") == "goes on\n"
    assert pod.ok("read", "one", "/tmp/n") == before
    pod.ok("resume", "one")
    assert pod.state("one")["status"] == "running"
    pod.sh("one", f"while [ $(cat /tmp/n)0 = {before.strip()}0 ]; do :; done")
    pod.ok("pause", "one")
    pod.ok("kill", "one", "KILL")
    assert exit_status(one) == 137
    assert pod.state("two")["status"] == "running"


def test_pause_of_the_sandbox(pod):
    pod.sandbox()
    pod.run("one", "sh", "-c", COUNT)
    pod.sh("one", "while [ ! -s /tmp/n ]; do :; done")
    pod.ok("pause", "pod")
    before = pod.ok("read", "one", "/tmp/n")
    r = pod.runsc("exec", "one", "true")
    assert r.returncode == 128 and "paused" in r.stderr
    assert pod.ok("read", "one", "/tmp/n") == before
    pod.ok("resume", "pod")
    pod.sh("one", f"while [ $(cat /tmp/n)0 = {before.strip()}0 ]; do :; done")


def stats(pod, name):
    return json.loads(pod.ok("events", "-stats", name))["data"]


def test_stats(pod):
    """Each has its own figures."""
    burn = "import sys; x = bytearray(64 << 20); s = sum(range(20000000)); print('done', flush=True); sys.stdin.read()"
    pod.sandbox()
    bundle = pod.further("python3", "-c", burn)
    pid = pod.create("one", bundle)
    pod.run("two", "sh", "-c", "sleep 1000 & sleep 1000 & wait")
    pod.ok("start", "one")
    while stats(pod, "one")["memory"]["usage"]["usage"] < 64 << 20:
        pass
    two, first = stats(pod, "two"), stats(pod, "pod")
    assert wait_for(lambda: stats(pod, "two")["pids"]["current"] == 3) and first["pids"]["current"] == 1
    assert two["memory"]["usage"]["usage"] < 32 << 20 and first["memory"]["usage"]["usage"] < 32 << 20
    assert two["cpu"]["usage"]["total"] < 2_000_000_000
    exit_status(pid)


def children():
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as f:
        return {int(p) for p in f.read().split()}


def test_terminal(pod):
    """Keys, size and job control of a further container's console; its master sees the end."""
    pod.sandbox()
    before = children()
    s = ConsoleSocket(pod.dir)
    pid = pod.create("x", pod.further("bash", "--norc", "--noediting", "-i", change=terminal), "-console-socket", s.path)
    m = Master(s.master())
    pod.ok("start", "x")
    m.send("stty size\n")
    m.expect("30 90")
    m.send("tty; echo re''opened > /dev/stderr; ls -l /proc/self/fd/0 | sed 's/.*-> /is /'\n")
    m.expect("/dev/console\r\nreopened\r\nis /dev/console\r\n")
    check(m)
    e = in_exec(pod, "bash", "--norc", "--noediting", "-i")
    check(e)
    e.close()
    m.send("exit 5\n")
    for p in children() - before - {pid}:  # the host shows the end of those in its process namespace first
        exit_status(p)
    assert exit_status(pid) == 5
    m.close()


def test_the_end_of_execs_comes_first(pod):
    """An engine forgets what it knows of a container with its end."""
    pod.sandbox()
    for _ in range(5):
        pid = pod.run("one", "sleep", "1000")
        stand_ins = []
        for i in range(3):
            pod.quiet("exec", "-detach", "-pid-file", pod.dir / "e", "one", "sh", "-c", f"trap '' TERM; sleep {1000 + i}")
            stand_ins.append(int((pod.dir / "e").read_text()))
        pod.quiet("exec", "-detach", "-pid-file", pod.dir / "e", "one", "sh", "-c", "exit 4")
        assert exit_status(int((pod.dir / "e").read_text())) == 4
        pod.ok("kill", "one", "KILL")
        order = []
        while set(order) != {pid, *stand_ins}:
            p, status = os.wait()
            order.append(p)
            assert p not in (pid, *stand_ins) or os.waitstatus_to_exitcode(status) == 137
        assert order[-1] == pid
        pod.ok("delete", "one")


def test_kill_at_random_moments(pod):
    """SIGKILL of runsc while it makes, starts or ends one: delete -force leaves nothing, and the pod lives."""
    pod.sandbox()
    bundle = pod.further("sleep", "1000")
    for i in range(40):
        p = subprocess.Popen(pod.command("create", "-bundle", bundle, "one"), stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        select.select([], [], [], i * 0.001)
        p.kill()
        p.wait()
        if i % 2:
            p = subprocess.Popen(pod.command("start", "one"), stderr=subprocess.DEVNULL)
            select.select([], [], [], (i % 7) * 0.001)
            p.kill()
            p.wait()
        pod.ok("delete", "-force", "one")
        assert [f for f in os.listdir(pod.root) if f.startswith("one")] == []
        reap_all()
    pod.run("one", "sleep", "1000")
    assert pod.state("one")["status"] == "running" and len(pids(pod, "pod")) == 1
    pod.ok("delete", "-force", "one")
    reap_all()
    assert len(children()) == 2, "the sandbox's two"


def test_its_gofer_is_confined_like_the_first(pod):
    pod.sandbox()
    one = pod.run("one", "sleep", "1000")
    first = json.loads((pod.root / "pod_sandbox:pod.state").read_text())["gofer"]["pid"]
    keys = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "Groups", "Threads")
    mine, theirs = status(one), status(first)
    assert {k: mine[k] for k in keys} == {k: theirs[k] for k in keys}
    assert mine["Seccomp"] == "2" and mine["NoNewPrivs"] == "1"
    for ns in ("user", "pid", "mnt", "net", "ipc", "uts"):
        spaces = {os.readlink(f"/proc/{p}/ns/{ns}") for p in (one, first, "self")}
        assert len(spaces) == 3, ns
    assert all(n.isdigit() for n in os.listdir(f"/proc/{one}/root"))


def hinted(source, share, kind="tmpfs"):
    def change(c):
        base = "dev.gvisor.spec.mount.vol"
        c["annotations"].update({f"{base}.source": str(source), f"{base}.type": kind, f"{base}.share": share,
                                 f"{base}.options": "rw,size=1m"})
        c["mounts"].append({"destination": "/vol", "type": "bind", "source": str(source), "options": ["rbind", "rw"]})
    return change


def test_volumes_in_memory(pod, tmp_path):
    """dev.gvisor.spec.mount.*: of the pod, with sockets and FIFOs that join two containers; or of a container alone."""
    source = tmp_path / "vol"
    source.mkdir(mode=0o777)
    source.chmod(0o1777)
    pod.sandbox(change=hinted(source, "pod"))
    listen = "import socket; s=socket.socket(socket.AF_UNIX); s.bind('/vol/s'); s.listen(); c,_=s.accept(); c.send(b'hi')"
    one = pod.run("one", "python3", "-c", listen, change=hinted(source, "pod"))
    pod.run("two", "sleep", "1000", change=hinted(source, "pod"))
    pod.sh("two", "while [ ! -S /vol/s ]; do :; done")
    connect = ("import socket\nwhile True:\n    try: s=socket.socket(socket.AF_UNIX); s.connect('/vol/s'); break\n"
               "    except ConnectionRefusedError: pass\nprint(s.recv(9))")
    assert pod.ok("exec", "two", "python3", "-c", connect) == "b'hi'\n"
    assert exit_status(one) == 0
    pod.ok("delete", "one")
    assert pod.sh("pod", "stat -c %a%F /vol; ls /vol; stat -f -c %T /vol; df --output=size -k /vol | tail -1").split() == \
        ["1777directory", "s", "tmpfs", "1024"]
    assert os.listdir(source) == []
    pod.run("three", "sleep", "1000", change=hinted(source, "container"))
    assert pod.sh("three", "ls /vol; echo x > /vol/x; stat -f -c %T /vol").split() == ["tmpfs"]
    assert pod.sh("two", "ls /vol") == "s\n"
    pod.run("four", "sleep", "1000", change=hinted(source, "pod", "bind"))
    pod.sh("four", "echo x > /vol/y")
    assert os.listdir(source) == ["y"]
    r = pod.runsc("create", "-bundle", pod.further("true", change=hinted(source, "nobody")), "five")
    assert r.returncode == 128 and "share container, pod or shared" in r.stderr


def test_nothing_is_left_of_those_that_went(pod):
    """Descriptors, host processes and kernel memory of the sandbox after many containers that came and went."""
    sentry = pod.sandbox()
    bundle = pod.further("sh", "-c", "ls -R /etc > /dev/null; sleep 1000 & exec sleep 1000")

    def cycle(n):
        for i in range(n):
            pod.create("one", bundle)
            if i % 3:
                pod.ok("start", "one")
            if i % 3 == 2:
                pod.sh("one", "cat /etc/passwd > /tmp/x; mkdir -p /tmp/d")
            pod.ok("delete", "-force", "one")
            reap_all()

    def used():
        kernel = json.loads(pod.ok("usage", "-full", "pod"))["System"]
        return len(os.listdir(f"/proc/{sentry}/fd")), len(descendants(sentry)), kernel
    cycle(6)
    fds, processes, kernel = used()
    cycle(30)
    now = used()
    # A connection or two may just be coming or going.
    assert abs(now[0] - fds) <= 2 and now[1] == processes and now[2] - kernel < 64 << 10, (fds, processes, kernel, now)


@pytest.mark.parametrize("flag", ("--platform=ptrace", "--directfs=false", "--overlay2=none", "--network=host"))
def test_forms(pod, tmp_path, flag):
    """The same on the other platform, with files by messages, without overlays."""
    (tmp_path / "d").mkdir()

    def mounts(c):
        c["mounts"].append({"destination": "/shared", "type": "bind", "source": str(tmp_path / "d"), "options": ["rbind", "rw"]})
    pod.flags = [flag]
    pod.sandbox(change=mounts)
    one = pod.run("one", "sh", "-c", "echo word > /shared/x; echo own > /tmp/y; exec sleep 1000", change=mounts)
    two = pod.run("two", "sh", "-c", COUNT, own_pids=False)
    assert pod.sh("one", "while [ ! -s /tmp/y ]; do :; done; cat /shared/x /tmp/y") == "word\nown\n"
    assert pod.sh("pod", "cat /shared/x; ls /tmp") == "word\n"
    pod.ok("pause", "two")
    pod.ok("resume", "two")
    pod.ok("kill", "two", "TERM")
    assert exit_status(two) == 128 + signal.SIGTERM
    pod.ok("kill", "one", "KILL")
    assert exit_status(one) == 137
    pod.ok("delete", "one", "two")
    assert pod.names() == ["pod"] and (tmp_path / "d" / "x").read_text() == "word\n"


def bad_mount(c):
    c["mounts"].append({"destination": "/etc/passwd/x", "type": "tmpfs", "source": "tmpfs"})


def bad_file(c):
    c["mounts"].append({"destination": "/usr/bin", "type": "bind", "source": "/etc/passwd", "options": ["bind", "ro"]})


def bad_option(c):
    c["mounts"].append({"destination": "/opt", "type": "tmpfs", "source": "tmpfs", "options": ["size=word"]})


@pytest.mark.parametrize("change", (bad_mount, bad_file, bad_option))
def test_mounts_that_fail(pod, change):
    """It is not made, nothing of it is left, and the pod goes on."""
    sentry = pod.sandbox()
    before = len(os.listdir(f"/proc/{sentry}/fd")), len(children())
    for _ in range(4):
        r = pod.runsc("create", "-bundle", pod.further("sleep", "1000", change=change), "one")
        assert r.returncode == 128 and "mount" in r.stderr, r
        assert pod.names() == ["pod"]
        reap_all()
    assert abs(len(os.listdir(f"/proc/{sentry}/fd")) - before[0]) <= 2 and len(children()) == before[1]
    assert exit_status(pod.run("two", "sh", "-c", "exit 2")) == 2


@pytest.mark.parametrize("what, status", ((lambda c: c["process"].update(cwd="/none"), 127),
                                          (lambda c: c["process"].update(args=["/etc"]), 126)))
def test_starts_that_fail(pod, what, status):
    sentry = pod.sandbox()
    before = len(os.listdir(f"/proc/{sentry}/fd"))
    bundle = pod.further("sleep", "1000", change=what)
    for _ in range(6):
        with open(bundle / "out", "w+", encoding="utf-8") as out:
            r = pod.runsc("create", "-bundle", bundle, "-pid-file", bundle / "pid", "one", stdout=out, stderr=out)
        if r.returncode == 0:  # else it was found early
            r = pod.runsc("start", "one")
            assert exit_status(int((bundle / "pid").read_text())) == status and pod.state("one")["status"] == "stopped"
            pod.ok("delete", "one")
        assert r.returncode == 128
        reap_all()
    assert exit_status(pod.run("two", "sh", "-c", "exit 2")) == 2
    pod.ok("delete", "two")
    assert abs(len(os.listdir(f"/proc/{sentry}/fd")) - before) <= 2


def test_many_at_once(pod):
    """Commands of different containers do not wait for each other, and their answers do not get mixed up."""
    pod.sandbox()
    bundles = [pod.further("sh", "-c", f"exit {i}") for i in range(12)]

    def life(i):
        name = f"c{i}"
        pid = pod.runsc("create", "-bundle", bundles[i], "-pid-file", bundles[i] / "pid", name,
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert pid.returncode == 0
        w = subprocess.Popen(pod.command("wait", name), stdout=subprocess.PIPE, text=True)
        pod.ok("start", name)
        status = json.loads(w.communicate()[0])["exitStatus"]
        while pod.state(name)["status"] != "stopped":
            pass
        pod.ok("delete", name)
        return status
    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        assert list(threads.map(life, range(12))) == list(range(12))
    assert pod.names() == ["pod"]
