"""containerd-shim-runsc-v1 under a containerd of our own, driven by ctr; with runc as its runtime, and with ours."""
import contextlib
import json
import os
import random
import re
import select
import signal
import subprocess
import threading

import pytest

import cri
import engines
from engines import RUNSC, SHIM, Containerd, Terminal, children, cmdline, image_tar, poll, run, state

HANDLER = "io.containerd.runsc.v1"


class Ctr(Containerd):
    """containerd and its command line, with our shim as the runtime."""

    def __init__(self, work):
        super().__init__(work, "shim")
        self.n = 0
        self.toml = {}
        for name, binary in ("runc", "runc"), ("runsc", RUNSC):
            self.toml[name] = work.path(f"shim-{name}.toml")
            with open(self.toml[name], "w", encoding="ascii") as f:
                f.write(f'binary_name = "{binary}"\nroot = "{work.path("shim-root")}"\nlog_level = "debug"\n'
                        f'log_path = "{work.path("shim-%ID%.log")}"\n')
                if name == "runsc":
                    f.write('[runsc_config]\nnetwork = "none"\n')

    def start(self):
        super().start()
        if self.n == 0:
            run(self.argv_of("image", "import", "-"), input=cri.archive({engines.IMAGE: {"Cmd": ["sh"]}}, image_tar()), text=False)

    def argv_of(self, *args):
        return ["ctr", "--address", self.sock, "--namespace", "test", *args]

    def new_name(self):
        self.n += 1
        return f"c{self.n}"

    def shims(self):
        """Pids of the shims of this containerd."""
        found = []
        for p in os.listdir("/proc"):
            if p.isdigit() and "-socket" in (argv := cmdline(int(p))) and self.sock in argv and argv[0] == "containerd-shim-runsc-v1":
                found.append(int(p))
        return found

    def tasks(self):
        return {line.split()[0]: line.split()[1:] for line in self.ctr("task", "ls").stdout.splitlines()[1:]}

    def remove_all(self):
        for name in self.tasks():
            self.ctr("task", "rm", "-f", name, want=None)
        for name in self.ctr("container", "ls", "-q").stdout.split():
            self.ctr("container", "rm", name, want=None)

    def left_over(self):
        found = [f"mount {m}" for m in self.work.mounts() if "/shim/" in m]
        found += [f"shim {p}" for p in self.shims()]
        base = os.path.join(self.work.path("shim"), "state", "io.containerd.runtime.v2.task", "test")
        found += [f"bundle {n}" for n in (os.listdir(base) if os.path.isdir(base) else [])]
        root = self.work.path("shim-root", "test")
        return found + [f"state {n}" for n in (os.listdir(root) if os.path.isdir(root) else [])]


@pytest.fixture(scope="session")
def engine(work):
    c = Ctr(work)
    try:
        c.start()
        yield c
    finally:
        if c.proc and c.proc.poll() is None:
            c.remove_all()
        c.stop()


class Runner:
    def __init__(self, engine, runtime):
        self.engine, self.ctr, self.runtime = engine, engine.ctr, runtime

    def argv(self, *flags, command, name):
        return ["run", "--runtime", HANDLER, "--runtime-config-path", self.engine.toml[self.runtime],
                "--cgroup", f"/{self.engine.work.cgroup}/{name}", *flags, engines.IMAGE, name, *command]

    def run(self, *flags, command=("true",), **kw):
        """In the foreground, removed at the end."""
        return self.ctr(*self.argv("--rm", *flags, command=command, name=self.engine.new_name()), **kw)

    def detached(self, *flags, command=("sleep", "1000"), name=None):
        name = name or self.engine.new_name()
        self.ctr(*self.argv("-d", *flags, command=command, name=name))
        return name

    def exec(self, name, *command, flags=(), **kw):
        return self.ctr("task", "exec", "--exec-id", f"e{self.next()}", *flags, name, *command, **kw)

    def next(self):
        self.engine.n += 1
        return self.engine.n

    def popen(self, *args, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.engine.argv_of(*args), **kw)

    def terminal(self, *args):
        return Terminal(self.engine.argv_of(*args))

    def status(self, name):
        return self.engine.tasks()[name][1]

    def pid(self, name):
        return int(self.engine.tasks()[name][0])

    def kill(self, name, sig="KILL"):
        self.ctr("task", "kill", "-s", sig, name)
        poll(lambda: self.status(name) == "STOPPED", what=f"{name} stopped")

    def remove(self, name):
        """The status that it ended with."""
        m = re.search(r"non-zero exit code (\d+)", self.ctr("task", "rm", name).stderr)
        return int(m[1]) if m else 0

    def shim(self):
        """The only one."""
        found = self.engine.shims()
        assert len(found) == 1, found
        return found[0]


@pytest.fixture
def task(engine, runtime):
    yield Runner(engine, runtime)
    engine.remove_all()
    try:
        poll(lambda: not engine.left_over(), timeout=10)
    except AssertionError:
        raise AssertionError(f"left over: {engine.left_over()}\n{engine.tail()}") from None


class Events:
    """`ctr events`: topics and their messages as they come."""

    def __init__(self, task):
        self.proc = task.popen("events", stdout=subprocess.PIPE)
        self.data, self.seen = b"", []

    def until(self, topic, timeout=30):
        while not any(t == topic for t, _ in self.seen):
            assert select.select([self.proc.stdout], [], [], timeout)[0], f"no {topic}: {self.seen}"
            self.data += os.read(self.proc.stdout.fileno(), 65536)
            *lines, self.data = self.data.split(b"\n")
            for line in lines:
                m = re.match(r".* test (/\S+) (\{.*\})$", line.decode())
                if m:
                    self.seen.append((m[1], json.loads(m[2])))
        return self.seen

    def close(self):
        self.proc.kill()
        self.proc.communicate()


@pytest.fixture
def events(task, request):
    e = Events(task)
    try:
        # Nothing says that it listens: make something happen until it is heard.
        probe = f"probe{task.next()}"
        def heard():
            task.ctr("content", "ls")
            task.ctr("images", "tag", "--force", engines.IMAGE, f"busybox.test/{probe}:1")
            return select.select([e.proc.stdout], [], [], 0.2)[0]
        poll(heard)
        task.ctr("images", "rm", f"busybox.test/{probe}:1")
        yield e
    finally:
        e.close()


# ------------------------------------------------------------------ run
def test_run(task):
    r = task.run(command=["echo", "hello"])
    assert (r.stdout, r.stderr) == ("hello\n", "")


def test_exit_status(task):
    task.run(command=["sh", "-c", "exit 7"], want=7)


def test_stderr_apart(task):
    r = task.run(command=["sh", "-c", "echo out; echo err >&2"])
    assert (r.stdout, r.stderr) == ("out\n", "err\n")


def test_stdin(task):
    data = "".join(f"line {i}\n" for i in range(20000))
    r = task.run(command=["cat"], input=data)
    assert r.stdout == data


def test_large_output(task):
    r = task.run(command=["sh", "-c", "dd if=/dev/zero bs=64k count=320 2>/dev/null"], text=False)
    assert len(r.stdout) == 320 * 65536


def test_null_io(task):
    assert task.run("--null-io", command=["echo", "unseen"]).stdout == ""


def test_no_such_program(task):
    r = task.run(command=["/does/not/exist"], want=None)
    assert r.returncode != 0
    assert re.search(r"OCI runtime (create|start) failed: .*/does/not/exist", r.stderr), r.stderr
    assert "no such file or directory" in r.stderr.lower()


def test_read_only_mounts_and_env(task):
    r = task.run("--read-only", "--env", "A=b", "--cwd", "/tmp", command=["sh", "-c", "echo $A; pwd; touch /x 2>&1"], want=None)
    assert r.stdout.splitlines()[:2] == ["b", "/tmp"]
    assert "Read-only file system" in r.stdout


# ------------------------------------------------------------------ life
def test_detached(task):
    name = task.detached()
    assert task.status(name) == "RUNNING"
    assert task.pid(name) > 0
    assert "sleep" in " ".join(cmdline(task.pid(name))) or task.runtime == "runsc"
    task.kill(name)
    assert task.remove(name) == 137


def test_exec(task):
    name = task.detached()
    r = task.exec(name, "sh", "-c", "echo in; echo err >&2; exit 3", want=3)
    assert (r.stdout, r.stderr) == ("in\n", "err\n")
    assert task.exec(name, "cat", input="through\n").stdout == "through\n"
    r = task.exec(name, "/no/such", want=None)
    assert r.returncode != 0 and "/no/such" in r.stderr
    assert task.status(name) == "RUNNING"


def test_exec_many_at_once(task):
    name = task.detached()
    procs = [task.popen("task", "exec", "--exec-id", f"m{task.next()}", name, "sh", "-c", f"echo {i}", stdout=subprocess.PIPE) for i in range(10)]
    assert [p.communicate(timeout=60)[0].decode() for p in procs] == [f"{i}\n" for i in range(10)]
    assert not [p for p in children(task.shim()) if state(p) == "Z"]


def test_exec_killed(task):
    name = task.detached()
    p = task.popen("task", "exec", "--exec-id", "victim", name, "sleep", "1000")
    poll(lambda: "victim" in task.ctr("task", "ps", name).stdout or task.runtime == "runsc" and len(task.ctr("task", "ps", name).stdout.splitlines()) > 2)
    task.ctr("task", "kill", "--exec-id", "victim", "-s", "KILL", name)
    assert p.wait(30) == 137


def test_signal_is_delivered(task):
    name = task.detached(command=["sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.05; done"])
    task.exec(name, "true")
    task.kill(name, "TERM")
    assert task.remove(name) == 5


def test_delete_by_force(task):
    name = task.detached()
    pid = task.pid(name)
    task.ctr("task", "rm", "-f", name, want=None)
    assert state(pid) is None
    assert name not in task.engine.tasks()


def test_pause(task):
    name = task.detached(command=["sh", "-c", "while :; do echo x; sleep 0.02; done"])
    task.ctr("task", "pause", name)
    assert task.status(name) == "PAUSED"
    assert task.exec(name, "true", want=None).returncode != 0
    task.ctr("task", "resume", name)
    assert task.status(name) == "RUNNING"
    task.exec(name, "true")


def test_ps(task):
    name = task.detached(command=["sh", "-c", "sleep 1000 & sleep 1000; wait"])
    assert poll(lambda: (lines := task.ctr("task", "ps", name).stdout.splitlines()[1:]) and len(lines) == 3 and lines)


def test_metrics(task):
    name = task.detached(command=["sh", "-c", "while :; do :; done"])
    m = poll(lambda: (v := json.loads(task.ctr("task", "metrics", "--format", "json", name).stdout)) and v["cpu"]["usage"]["total"] > 0 and v)
    assert m["memory"]["usage"]["usage"] > 0
    assert m["pids"]["current"] >= 1


def test_memory_limit_in_metrics(task):
    name = task.detached("--memory-limit", str(256 << 20))
    m = json.loads(task.ctr("task", "metrics", "--format", "json", name).stdout)
    assert m["memory"]["usage"]["limit"] == 256 << 20


# ------------------------------------------------------------------ events
def test_events(task, events):
    name = task.engine.new_name()
    task.ctr(*task.argv("-d", command=["sleep", "1000"], name=name))
    task.exec(name, "sh", "-c", "exit 4", want=4)
    task.ctr("task", "pause", name)
    task.ctr("task", "resume", name)
    task.kill(name)
    task.ctr("task", "rm", name, want=None)
    seen = [(t, m) for t, m in events.until("/tasks/delete") if t.startswith("/tasks/")]
    topics = [t for t, _ in seen]
    assert topics == ["/tasks/create", "/tasks/start", "/tasks/exec-added", "/tasks/exec-started", "/tasks/exit", "/tasks/paused", "/tasks/resumed",
                      "/tasks/exit", "/tasks/delete"]
    by = dict(enumerate(m for _, m in seen))
    assert all(m["container_id"] == name for m in by.values())
    assert by[4]["exit_status"] == 4 and by[4]["id"] == by[2]["exec_id"]
    assert by[7]["exit_status"] == 137 and by[7]["id"] == name and by[8]["exit_status"] == 137
    assert by[0]["pid"] == by[1]["pid"] == by[7]["pid"] > 0
    assert by[0]["rootfs"][0]["type"] in ("overlay", "bind")


def test_oom_event(task, events):
    name = task.engine.new_name()
    hog = "x=0123456789; while :; do x=$x$x; done"
    task.ctr(*task.argv("-d", "--memory-limit", str(64 << 20), command=["sh", "-c", hog], name=name))
    seen = events.until("/tasks/oom")
    assert [m for t, m in seen if t == "/tasks/oom"][0]["container_id"] == name


def test_oom_event_of_a_child(task, events):
    name = task.engine.new_name()
    hog = "x=0123456789; while :; do x=$x$x; done"
    task.ctr(*task.argv("-d", "--memory-limit", str(64 << 20), command=["sh", "-c", f"sh -c '{hog}'; exec sleep 1000"], name=name))
    seen = events.until("/tasks/oom")
    assert [m for t, m in seen if t == "/tasks/oom"][0]["container_id"] == name and "/tasks/exit" not in [t for t, _ in seen]


# ------------------------------------------------------------------ terminals
def test_terminal(task):
    name = task.engine.new_name()
    t = task.terminal(*task.argv("--rm", "-t", command=["sh"], name=name))
    try:
        t.send("tty; echo done-$((1+1))\n")
        t.expect(r"/dev/\S+\r+\n")
        t.expect("done-2")
        t.send("until stty size | grep 24; do sleep 0.1; done\n")
        t.expect(r"24 80\r+\n")
        t.resize(40, 120)
        t.send("until stty size | grep 40; do sleep 0.1; done\n")
        for _ in range(100):  # ctr listens some time after its start
            os.kill(t.proc.pid, signal.SIGWINCH)
            with contextlib.suppress(AssertionError):
                t.expect(r"40 120\r+\n", timeout=0.2)
                break
        else:
            pytest.fail(f"not resized: {t.text!r}")
        t.send("\x03exit 6\n")
        assert t.wait() == 6
    finally:
        t.close()


def test_exec_terminal(task):
    name = task.detached()
    t = task.terminal("task", "exec", "-t", "--exec-id", "tty", name, "sh")
    try:
        t.send("echo on-$((2+2)); exit 9\n")
        t.expect("on-4")
        assert t.wait() == 9
    finally:
        t.close()


def test_attach(task):
    name = task.engine.new_name()
    t = task.terminal(*task.argv("-t", command=["sh"], name=name))
    try:
        t.send("echo first-$((1+1))\n")
        t.expect("first-2")
        t.proc.kill()
        t.proc.wait()
    finally:
        t.close()
    poll(lambda: task.status(name) == "RUNNING")
    t = task.terminal("task", "attach", name)
    try:
        t.send("echo again-$((2+2))\n")
        t.expect("again-4")
        t.send("exit 3\n")
        t.wait()
    finally:
        t.close()


# ------------------------------------------------------------------ log drivers
def test_log_file(task):
    path = task.engine.work.path("logs", "deep", task.engine.new_name())
    name = task.detached("--log-uri", f"file://{path}", command=["sh", "-c", "echo out; echo err >&2"])
    poll(lambda: task.status(name) == "STOPPED")
    with open(path, encoding="ascii") as f:
        assert sorted(f.read().split()) == ["err", "out"]


LOGGER = """#!/bin/sh
echo "$CONTAINER_ID $CONTAINER_NAMESPACE $*" >"$2.start"
exec 5>&-
cat <&4 >"$2.err" &
cat <&3 >"$2.out"
wait
echo end >"$2.end"
"""


def test_log_binary(task):
    path = task.engine.work.path("log" + task.engine.new_name())
    program = task.engine.work.path("logger")
    with open(program, "w", encoding="ascii") as f:
        f.write(LOGGER)
    os.chmod(program, 0o755)
    name = task.detached("--log-uri", f"binary://{program}?to={path}&flag", command=["sh", "-c", "echo out; echo err >&2"])
    poll(lambda: task.status(name) == "STOPPED")
    task.ctr("task", "rm", name, want=None)
    poll(lambda: os.path.exists(path + ".end"))
    text = {e: open(f"{path}.{e}", encoding="ascii").read() for e in ("start", "out", "err")}
    assert text == {"start": f"{name} test to {path} flag\n", "out": "out\n", "err": "err\n"}


def test_log_binary_that_is_missing(task):
    name = task.engine.new_name()
    r = task.ctr(*task.argv("-d", "--log-uri", "binary:///no/such", command=["true"], name=name), want=None)
    assert r.returncode != 0 and "/no/such: No such file or directory" in r.stderr


# ------------------------------------------------------------------ ends
def test_shim_killed(task):
    name = task.detached()
    pid = task.pid(name)
    os.kill(task.shim(), signal.SIGKILL)
    poll(lambda: name not in task.engine.tasks(), what="containerd has noticed")
    poll(lambda: state(pid) in (None, "Z"), what="the container is gone")


def test_shim_killed_while_containerd_is_away(task):
    name = task.detached()
    pid, shim = task.pid(name), task.shim()
    task.engine.stop(signal.SIGKILL)
    os.kill(shim, signal.SIGKILL)
    task.engine.start()
    poll(lambda: name not in task.engine.tasks())
    poll(lambda: state(pid) in (None, "Z"), what="the container is gone")


@pytest.mark.soak
def test_kills_at_random_moments(task):
    """The shim, or what it started, at any moment of a container's life, 60 times: containerd clears up each time."""
    rng = random.Random(1)
    for i in range(60):
        name = task.engine.new_name()
        p = task.popen(*task.argv("-d", command=["sleep", "1000"], name=name), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shims = poll(task.engine.shims)
        threading.Event().wait(rng.uniform(0, 0.4))
        victim = rng.choice(shims + children(shims[0]))
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        p.wait(60)
        task.engine.remove_all()
        try:
            poll(lambda: not task.engine.left_over(), timeout=20)
        except AssertionError:
            raise AssertionError(f"round {i}: {task.engine.left_over()}\n{task.engine.tail()}") from None


def test_containerd_restarts(task):
    name, ends = task.detached(), task.detached(command=["sh", "-c", "sleep 1; exit 8"])
    shims = set(task.engine.shims())
    assert len(shims) == 2
    task.engine.stop(signal.SIGKILL)
    poll(lambda: not [p for p in shims for c in children(p) if "sleep 1;" in " ".join(cmdline(c))] or task.runtime == "runsc")
    task.engine.start()
    assert set(task.engine.shims()) == shims
    assert task.status(name) == "RUNNING"
    assert task.exec(name, "echo", "still").stdout == "still\n"
    poll(lambda: task.status(ends) == "STOPPED")
    assert task.remove(ends) == 8
    task.kill(name)


def pod_flags(pod, kind):
    return ["--annotation", f"io.kubernetes.cri.sandbox-id={pod}", "--annotation", f"io.kubernetes.cri.container-type={kind}"]


def make_pod(task, *more, **kw):
    """The name of a sandbox, and of one container in it for each of `more` (commands)."""
    pod = task.engine.new_name()
    task.detached(*pod_flags(pod, "sandbox"), name=pod, **kw)
    return pod, *[task.detached(*pod_flags(pod, "container"), command=command) for command in more]


def sentries(task):
    return [p for p in children(task.shim()) if "boot" in cmdline(p)]


def test_pod_has_one_shim(task):
    pod, second = make_pod(task, ["sleep", "1000"])
    shim = task.shim()
    assert task.exec(second, "echo", "x").stdout == "x\n"
    assert task.exec(pod, "echo", "y").stdout == "y\n"
    task.kill(pod)
    task.ctr("task", "rm", pod, want=None)
    assert task.shim() == shim
    if task.runtime == "runsc":  # all of them are in its sandbox
        poll(lambda: task.status(second) == "STOPPED")
        assert task.remove(second) == 137
    else:
        assert task.status(second) == "RUNNING"


def test_pod_is_one_sandbox(task):
    pod, one, two = make_pod(task, ["sleep", "1001"], ["sleep", "1002"])
    if task.runtime == "runsc":
        assert sentries(task) == [task.pid(pod)]
    assert len({task.pid(n) for n in (pod, one, two)}) == 3
    assert [task.exec(n, "sh", "-c", "echo $0", n).stdout.strip() for n in (pod, one, two)] == [pod, one, two]
    task.exec(one, "sh", "-c", "echo mine >/tmp/f")
    assert task.exec(two, "cat", "/tmp/f", want=None).returncode != 0


def test_container_of_a_pod_ends_alone(task, events):
    pod, stays, ends, killed = make_pod(task, ["sleep", "1000"], ["sh", "-c", "exit 9"], ["sleep", "1000"])
    poll(lambda: task.status(ends) == "STOPPED")
    task.kill(killed)
    assert (task.remove(ends), task.remove(killed)) == (9, 137)
    assert task.status(stays) == task.status(pod) == "RUNNING"
    again = task.detached(*pod_flags(pod, "container"), command=["sh", "-c", "exit 3"])
    poll(lambda: task.status(again) == "STOPPED")
    assert task.remove(again) == 3
    exits = {m["container_id"]: m["exit_status"] for t, m in events.until("/tasks/delete") if t == "/tasks/exit"}
    assert exits[killed] == 137


def test_exec_in_a_container_of_a_pod(task):
    pod, one = make_pod(task, ["sleep", "1000"])
    r = task.exec(one, "sh", "-c", "cat; echo err >&2; exit 4", input="in\n", want=4)
    assert (r.stdout, r.stderr) == ("in\n", "err\n")
    t = task.terminal("task", "exec", "-t", "--exec-id", "tty", one, "sh")
    try:
        t.send("echo on-$((2+2)); exit 9\n")
        t.expect("on-4")
        assert t.wait() == 9
    finally:
        t.close()
    p = task.popen("task", "exec", "--exec-id", "tied", one, "sleep", "1000")
    poll(lambda: len(task.ctr("task", "ps", one).stdout.splitlines()) > 2)
    task.kill(one)
    assert p.wait(30) == 137
    assert task.status(pod) == "RUNNING"


def test_terminal_in_a_pod(task):
    pod, = make_pod(task)
    t = task.terminal(*task.argv("--rm", "-t", *pod_flags(pod, "container"), command=["sh"], name=task.engine.new_name()))
    try:
        t.send("until stty size | grep 24; do sleep 0.1; done\n")
        t.expect(r"24 80\r+\n")
        t.send("sh -c 'echo up-$((1+1)); sleep 1000'\n")
        t.expect("up-2")
        t.send("\x03echo st-$?\n")
        t.expect("st-130")
        t.send("exit 6\n")
        assert t.wait() == 6
    finally:
        t.close()


def test_metrics_in_a_pod(task):
    pod, busy, idle = make_pod(task, ["sh", "-c", "while :; do :; done"], ["sleep", "1000"])
    read = lambda n: json.loads(task.ctr("task", "metrics", "--format", "json", n).stdout)
    poll(lambda: read(busy)["cpu"]["usage"]["total"] > 200_000_000)
    m = {n: read(n) for n in (busy, idle)}
    assert m[idle]["cpu"]["usage"]["total"] < m[busy]["cpu"]["usage"]["total"] / 2
    assert m[busy]["memory"]["usage"]["usage"] > 0
    assert m[busy]["pids"]["current"] == m[idle]["pids"]["current"] >= 1


def test_shim_of_a_pod_killed(task):
    names = make_pod(task, ["sleep", "1000"], ["sleep", "1000"])
    pids = [task.pid(n) for n in names]
    os.kill(task.shim(), signal.SIGKILL)
    poll(lambda: not set(names) & set(task.engine.tasks()), what="containerd has noticed")
    poll(lambda: all(state(p) in (None, "Z") for p in pids), what="the containers are gone")


def test_limits_in_a_pod(task, events):
    """Those of one container hold for it alone, and what the host kills there is told as its."""
    pod, stays = make_pod(task, ["sleep", "1000"])
    hog = "x=0123456789; while :; do x=$x$x; done"
    limited = task.detached(*pod_flags(pod, "container"), "--memory-limit", str(64 << 20), command=["sh", "-c", f"sh -c '{hog}'; echo $?; exec sleep 1000"])
    seen = events.until("/tasks/oom")
    assert [m for t, m in seen if t == "/tasks/oom"][0]["container_id"] == limited and "/tasks/exit" not in [t for t, _ in seen]
    read = lambda n: json.loads(task.ctr("task", "metrics", "--format", "json", n).stdout)
    assert read(limited)["memory"]["usage"]["limit"] == 64 << 20
    assert read(limited)["memory"]["usage"]["max"] > 32 << 20 > read(stays)["memory"]["usage"]["max"]
    assert task.exec(limited, "echo", "lives").stdout == "lives\n"
    alone = task.detached(*pod_flags(pod, "container"), "--memory-limit", str(64 << 20), command=["sh", "-c", hog])
    poll(lambda: task.status(alone) == "STOPPED")
    assert task.remove(alone) == 137
    assert task.status(stays) == task.status(pod) == "RUNNING"


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return int(re.search(r"^Pss: +(\d+)", f.read(), re.M)[1])


def test_nothing_grows(task):
    """Descriptors, children and memory after many processes; and how small a shim is."""
    name = task.detached()
    shim = task.shim()
    facts = lambda: (len(os.listdir(f"/proc/{shim}/fd")), len(children(shim)))
    for _ in range(3):
        task.exec(name, "true")
    before, size = facts(), pss_kib(shim)
    for _ in range(15):
        task.exec(name, "true")
    assert facts() == before
    assert pss_kib(shim) <= size + 64
    assert pss_kib(shim) < 3 << 10
    assert not os.listdir("/run/containerd/s") or not [n for n in os.listdir("/run/containerd/s") if n.startswith("pty")]


def test_files_of_the_start(task):
    name = task.detached()
    bundle = os.path.join(task.engine.work.path("shim"), "state", "io.containerd.runtime.v2.task", "test", name)
    with open(os.path.join(bundle, "address"), encoding="ascii") as f:
        address = f.read()
    assert re.fullmatch(r"unix:///run/containerd/s/[0-9a-f]{64}", address)
    assert os.stat(address[7:]).st_mode & 0o777 == 0o600
    task.ctr("task", "rm", "-f", name, want=None)
    poll(lambda: not os.path.exists(address[7:]))


def test_version():
    assert "Version:" in run([SHIM, "-v"]).stdout
    assert run([SHIM, "-namespace", "x"], want=1).stderr
    with contextlib.suppress(FileNotFoundError):
        assert run([SHIM, "-namespace", "../x", "-id", "a", "-address", "b", "start"], want=1)
