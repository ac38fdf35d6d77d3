"""Podman, by root and by a user without privileges (of one id, and with subordinate ids): the core of what users do, with runc and with ours."""
import json
import os
import signal
import subprocess

import pytest

import engines
from conftest import need
from engines import IMAGE, RUNSC, Terminal, cgroup_file, cmdline, poll, run

USER = "nobody"  # one id in its user namespace: what a user without subordinate ids has
LENT = "3000000:65536"  # ids that it has in addition


class Apart:
    """A mount namespace in which /etc/subuid and /etc/subgid lend ids to the user."""

    def __init__(self, directory):
        lines = []
        for name in ("subuid", "subgid"):
            path = os.path.join(directory, name)
            with open(path, "w", encoding="ascii") as f:
                f.write(f"{USER}:{LENT}\n")
            lines.append(f"mount --bind {path} /etc/{name}")
        self.proc = subprocess.Popen(["unshare", "-m", "sh", "-c", " && ".join(lines) + " && echo ready && exec cat"], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE)
        assert self.proc.stdout.readline() == b"ready\n"

    def close(self):
        self.proc.communicate()


class Podman:
    def __init__(self, work, who, image):
        self.dir = next(d for d in (work.path(f"p{n}") for n in range(99)) if not os.path.exists(d))  # podman bounds the length of its run root by 50
        self.rootless, self.lent, self.apart = who != "root", who == "subids", None
        for d in ("home", "r", "bin"):
            os.makedirs(os.path.join(self.dir, d))
        conf = os.path.join(self.dir, "containers.conf")
        with open(conf, "w", encoding="ascii") as f:  # the usual limits are above what a process without CAP_SYS_RESOURCE may set
            f.write('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\napparmor_profile = ""\n'
                    '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n')
        self.runsc = os.path.join(self.dir, "bin", "runsc")  # podman hands no flags to a runtime that it is told by path
        with open(self.runsc, "w", encoding="ascii") as f:
            f.write(f'#!/bin/sh\nexec "{RUNSC}" --network=none "$@"\n')
        os.chmod(self.runsc, 0o755)
        tar = os.path.join(self.dir, "image.tar")
        with open(tar, "wb") as f:
            f.write(image)
        os.chmod(self.dir, 0o755)
        self.env = {"PATH": os.environ["PATH"], "HOME": os.path.join(self.dir, "home"), "CONTAINERS_CONF": conf, "LC_ALL": "C"}
        if self.rootless:
            run(["chown", "-R", USER, self.dir])
            self.env["XDG_RUNTIME_DIR"] = os.path.join(self.dir, "r")
            self.argv = ["setpriv", "--reuid", USER, "--regid", "nogroup", "--clear-groups", "podman", "--log-level=error", "--storage-driver=overlay"]
            if self.lent:
                self.apart = Apart(self.dir)
                self.argv = ["nsenter", "-t", str(self.apart.proc.pid), "-m", *self.argv]
            else:
                self.argv.append("--storage-opt=ignore_chown_errors=true")
        else:
            self.argv = ["podman", "--log-level=error", "--root", self.dir + "/root", "--runroot", self.dir + "/r", "--tmpdir", self.dir + "/tmp",
                         "--storage-driver=overlay"]
        self("import", "--change", 'CMD ["sh"]', tar, IMAGE)

    def command(self, *args):
        return [*self.argv, *map(str, args)]

    def __call__(self, *args, **kw):
        return run(self.command(*args), env=self.env, cwd="/", **kw)

    def out(self, *args, **kw):
        return self(*args, **kw).stdout.strip()

    def popen(self, *args, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.command(*args), env=self.env, cwd="/", **kw)

    def inspect(self, name, what):
        return json.loads(self.out("inspect", "--type", "container", "--format", "{{json " + what + "}}", name))

    def close(self):
        self("rm", "-fa", "-t", "0", want=None)
        for pid in engines.descendants(os.getppid()):  # the process that keeps a user's namespaces
            with open(f"/proc/{pid}/environ", "rb") as f:
                if cmdline(pid)[:1] == ["podman"] and self.dir.encode() in f.read():
                    os.kill(pid, signal.SIGTERM)
        if self.lent:  # files of the lent ids are not the user's to remove
            self.apart.close()


@pytest.fixture(scope="module", params=["root", "rootless", "subids"])
def engine(request, work, image):
    need("podman", "conmon", "setpriv", "newuidmap")
    p = Podman(work, request.param, image)
    yield p
    p.close()


# Where ids make a difference; the rest is the same with one.
OF_IDS = ("test_run", "test_exec", "test_terminal", "test_kill_and_restart", "test_copy", "test_volume", "test_user_and_capabilities")


@pytest.fixture
def podman(engine, request):
    if engine.lent and request.function.__name__ not in OF_IDS:
        pytest.skip("as with one id")
    yield engine
    engine("rm", "-fa", "-t", "0")
    assert engine.out("ps", "-aq") == ""


@pytest.fixture
def launch(podman, runtime):
    return lambda *flags, command=("true",), **kw: podman(*options(podman, runtime), *flags, IMAGE, *command, **kw)


def options(podman, runtime):
    return ["--runtime", podman.runsc if runtime == "runsc" else "/usr/sbin/runc", "run", "--network", "none"]


@pytest.fixture
def running(podman, runtime, launch):
    launch("-d", "--name", "c1", command=["sleep", "1000"])
    return lambda *args, **kw: podman(*options(podman, runtime)[:2], *args, **kw)


def test_run(launch):
    r = launch("--rm", command=["sh", "-c", "echo out; echo err >&2; exit 3"], want=3)
    assert (r.stdout, r.stderr) == ("out\n", "err\n")


def test_cannot_be_run(launch):
    assert "no such file" in launch("--rm", command=["/no/such"], want=127).stderr
    assert "permission denied" in launch("--rm", command=["/etc/passwd"], want=126).stderr.lower()


def test_detached_logs_wait(podman, launch):
    c = launch("-d", command=["sh", "-c", "echo one; exit 4"]).stdout.strip()
    assert podman.out("wait", c) == "4"
    assert podman.out("logs", c) == "one"


def test_exec(running):
    r = running("exec", "c1", "sh", "-c", "echo out; echo err >&2; exit 5", want=5)
    assert (r.stdout, r.stderr) == ("out\n", "err\n")
    assert running("exec", "-i", "c1", "wc", "-c", input="x" * 100000).stdout.strip() == "100000"
    assert running("exec", "-w", "/tmp", "-e", "A=b", "c1", "sh", "-c", "pwd; echo $A").stdout == "/tmp\nb\n"


def test_streams(launch):
    assert launch("--rm", "-i", command=["cat"], input="y" * 200000).stdout == "y" * 200000
    assert len(launch("--rm", command=["sh", "-c", "yes | head -c 3000000"]).stdout) == 3000000


def test_terminal(podman, runtime, launch):
    t = Terminal(podman.command(*options(podman, runtime), "-it", "--rm", IMAGE), rows=31, columns=77, env=podman.env)
    try:
        t.expect(r"(/|~) # ")
        poll(lambda: t.send("stty size\r") or t.expect(r"(\d+) (\d+)\r\n").groups() == ("31", "77"), what="the size")
        t.send("exit 6\r")
        assert t.wait() == 6
    finally:
        t.close()


def test_stop(podman, running):
    podman("stop", "-t", "1", "c1")
    assert podman.inspect("c1", ".State.ExitCode") == 137


def test_stop_handled(podman, runtime, launch):
    launch("-d", "--name", "c1", command=["sh", "-c", 'trap "echo got; exit 7" TERM; echo ready; while :; do sleep 0.1; done'])
    poll(lambda: podman.out("logs", "c1") == "ready")
    podman(*options(podman, runtime)[:2], "stop", "-t", "30", "c1")
    assert podman.inspect("c1", ".State.ExitCode") == 7


def test_kill_and_restart(podman, running):
    running("kill", "c1")
    assert podman.out("wait", "c1") == "137"
    running("start", "c1")
    running("exec", "c1", "true")
    running("restart", "-t", "0", "c1")
    running("exec", "c1", "true")


def test_pause(podman, running):
    if podman.rootless:
        running("pause", "c1", want=125)  # without cgroups there is no freezer
        return
    running("pause", "c1")
    assert podman.inspect("c1", ".State.Status") == "paused"
    running("unpause", "c1")
    running("exec", "c1", "true")


def test_top_and_list(podman, running, runtime):
    # podman top reads /proc in the namespaces of the first process, of which the host has none: the sandbox's processes are inside.
    how = ("top", "c1", "args") if runtime == "runc" else ("exec", "c1", "ps", "-o", "args")
    assert "sleep 1000" in running(*how).stdout
    assert podman.inspect("c1", ".State.Status") == "running" and podman.out("ps", "--format", "{{.Names}}") == "c1"


def test_copy(podman, running, runtime):
    src = os.path.join(podman.dir, "home", "f")
    with open(src, "w", encoding="ascii") as f:
        f.write("copied\n")
    os.chmod(src, 0o644)
    if runtime == "runsc":  # podman enters the mount namespace of a running container's first process: as in top, there is none
        running("stop", "-t", "0", "c1")
    running("cp", src, "c1:/tmp/f")
    if runtime == "runsc":
        running("start", "c1")
    assert running("exec", "c1", "cat", "/tmp/f").stdout == "copied\n"


def test_volume(podman, launch, running):
    d = os.path.join(podman.dir, "home", "v")
    if not os.path.isdir(d):
        podman_user = run(["id", "-u", USER]).stdout.strip() if podman.rootless else "0"
        os.mkdir(d)
        os.chown(d, int(podman_user), -1)
    launch("--rm", "-v", f"{d}:/d", command=["sh", "-c", "echo inside >/d/f"])
    with open(f"{d}/f", encoding="ascii") as f:
        assert f.read() == "inside\n"
    launch("-d", "--name", "c2", "-v", f"{d}:/d", command=["sleep", "1000"])
    with open(f"{d}/f", "w", encoding="ascii") as f:
        f.write("outside, longer\n")
    assert running("exec", "c2", "cat", "/d/f").stdout == "outside, longer\n"
    launch("--rm", "-v", f"{d}:/d:ro", command=["touch", "/d/x"], want=1)


def test_files(launch):
    launch("--rm", "--read-only", command=["touch", "/x"], want=1)
    r = launch("--rm", "--tmpfs", "/t:size=1m", "--hostname", "box", "-w", "/var", "-e", "A=b",
               command=["sh", "-c", "df -k /t | tail -1; hostname; pwd; echo $A; echo $HOME"])
    assert "1024" in r.stdout.split() and r.stdout.split()[-4:] == ["box", "/var", "b", "/root"]


def test_user_and_capabilities(podman, launch):
    assert launch("--rm", command=["id", "-u"]).stdout == "0\n"
    if not podman.rootless or podman.lent:  # else there is one id
        assert launch("--rm", "--user", "1000:8", command=["sh", "-c", "id -u; id -g"]).stdout == "1000\n8\n"
    assert "CapEff:\t0000000000000000" in launch("--rm", "--cap-drop", "ALL", command=["cat", "/proc/self/status"]).stdout
    assert "NoNewPrivs:\t1" in launch("--rm", "--security-opt", "no-new-privileges", command=["cat", "/proc/self/status"]).stdout


def test_limits(podman, launch):
    assert launch("--rm", "--ulimit", "nofile=100:200", "--ulimit", "nproc=1000:1000", command=["sh", "-c", "ulimit -Sn; ulimit -Hn"]).stdout == "100\n200\n"
    assert launch("--rm", "--sysctl", "kernel.msgmax=16384", command=["cat", "/proc/sys/kernel/msgmax"]).stdout == "16384\n"
    if not podman.rootless:
        launch("-d", "--name", "c1", "--memory", "96m", command=["sleep", "1000"])
        assert cgroup_file(podman.inspect("c1", ".State.Pid"), "memory", ("memory.limit_in_bytes", "memory.max")) == str(96 << 20)


def test_oom(podman, launch):
    if podman.rootless:
        return  # no cgroups
    launch("--name", "c1", "--memory", "64m", "--memory-swap", "64m", command=["dd", "if=/dev/zero", "of=/dev/null", "bs=256M", "count=1"], want=137)


def test_init(launch):
    r = launch("--rm", "--init", "--init-path", "/usr/bin/tini-static", command=["sh", "-c", "cat /proc/1/comm; echo $PPID"])
    assert r.stdout.split() == ["podman-init", "1"]


def test_pod_without_infra(podman, runtime, launch):
    """Two containers at once."""
    for n in ("c1", "c2"):
        launch("-d", "--name", n, command=["sleep", "1000"])
    assert sorted(podman.out("ps", "--format", "{{.Names}}").split()) == ["c1", "c2"]
