"""The shim without containerd: its command line, its socket, its events. On runc and on ours."""
import contextlib
import fcntl
import hashlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading

import pytest

import engines
from engines import RUNSC, SHIM, children, cmdline, poll, run, state
from ttrpc import Client, Error, EventServer, RESPONSE, frame, frame_read, parse

DEADLINE, NOT_FOUND, EXISTS, INVALID, EXHAUSTED, PRECONDITION, UNIMPLEMENTED = 4, 5, 6, 3, 8, 9, 12


class Pod:
    """Bundles, and the shim that serves them."""

    def __init__(self, work, image, runtime):
        self.work, self.runtime, self.n = work, runtime, getattr(work, "pods", 0) + 1
        work.pods = self.n
        self.dir = work.path(f"pod{self.n}")
        os.mkdir(self.dir)
        self.address = os.path.join(self.dir, "containerd.sock")
        self.events_path = os.path.join(self.dir, "events")
        self.root = work.path("ttrpc-rootfs")
        if not os.path.isdir(self.root):
            os.mkdir(self.root)
            run(["tar", "-x", "-C", self.root], input=image, text=False)
        self.toml = os.path.join(self.dir, "runsc.toml")
        with open(self.toml, "w", encoding="ascii") as f:
            f.write(f'binary_name = "{RUNSC if runtime == "runsc" else "runc"}"\nroot = "{self.dir}/root"\nlog_level = "debug"\nlog_path = "{self.dir}/log"\n')
            if runtime == "runsc":
                f.write('[runsc_config]\nnetwork = "none"\n')
        self.clients, self.pid, self.runtime = [], None, runtime
        self.events = EventServer(self.events_path)

    def bundle(self, name, args=("sleep", "1000"), annotations=None, terminal=False):
        d = os.path.join(self.dir, name)
        os.makedirs(os.path.join(d, "rootfs"))
        run(["runc", "spec", "--bundle", d])
        path = os.path.join(d, "config.json")
        with open(path, encoding="utf-8") as f:
            spec = json.load(f)
        spec["process"].update(args=list(args), terminal=terminal)
        spec["linux"]["cgroupsPath"] = f"/{self.work.cgroup}/{self.n}-{name}"
        spec["annotations"] = annotations or {}
        with open(path, "w", encoding="utf-8") as f:
            json.dump(spec, f)
        return d

    def shim(self, name, command, bundle=None, **kw):
        return run([SHIM, "-namespace", "ns", "-address", self.address, "-publish-binary", "/bin/true", "-id", name,
                    *(["-bundle", bundle] if bundle else []), command], cwd=bundle or os.path.join(self.dir, name),
                   env={**os.environ, "TTRPC_ADDRESS": self.events_path}, **kw)

    def start(self, name):
        address = self.shim(name, "start").stdout
        assert address.startswith("unix://")
        c = Client(address[7:])
        self.clients.append(c)
        self.pid = c.call("Connect", {1: name})[1]
        return c

    def options(self):
        return {1: "runtimeoptions.v1.Options", 2: {1: "io.containerd.runsc.v1.options", 2: self.toml}}

    def create(self, c, name, **streams):
        mount = {1: "bind", 2: self.root, 4: ["rbind", "ro"]}
        fields = {1: name, 2: os.path.join(self.dir, name), 3: streams.pop("rootfs", [mount]), 10: self.options()}
        fields.update({{"terminal": 4, "stdin": 5, "stdout": 6, "stderr": 7}[k]: v for k, v in streams.items()})
        return c.send("Create", fields)

    def up(self, name, args=("sleep", "1000"), **streams):
        """A client, and a container that runs."""
        self.bundle(name, args)
        c = self.start(name)
        c.answer(self.create(c, name, **streams))
        c.call("Start", {1: name})
        return c

    def down(self, c, name):
        with contextlib.suppress(Error):
            c.call("Kill", {1: name, 3: 9})
        c.call("Wait", {1: name})
        c.call("Delete", {1: name})
        c.call("Shutdown", {1: name})
        poll(lambda: state(self.pid) in (None, "Z"), what="the shim has ended")

    def close(self):
        self.events.close()
        for c in self.clients:
            c.close()
        for d in os.listdir(self.dir):
            path = os.path.join(self.dir, d)
            if os.path.exists(os.path.join(path, "config.json")):
                if self.pid and state(self.pid) not in (None, "Z"):
                    os.kill(self.pid, signal.SIGKILL)
                    poll(lambda: state(self.pid) in (None, "Z"))
                self.shim(d, "delete", bundle=path, want=None, text=False)
        assert not [m for m in self.work.mounts() if m.startswith(self.dir)]
        self.groups_end()
        shutil.rmtree(self.dir)

    def groups_end(self):
        """A create of runc's that is killed before it has written its state leaves its groups, which other tests would take for theirs."""
        left = [d.path for top in engines.cgroup_dirs(self.work.cgroup) for d in os.scandir(top) if d.name.startswith(f"{self.n}-")]
        if self.runtime == "runc":
            for d in left:
                with open(os.path.join(d, "cgroup.procs"), encoding="ascii") as f:
                    for pid in f.read().split():
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(int(pid), signal.SIGKILL)
            poll(lambda: removed(left), what="runc's groups are gone")
        else:
            assert not left, left


def removed(dirs):
    for d in dirs:
        with contextlib.suppress(OSError):  # busy for a moment
            os.rmdir(d)
    return not any(map(os.path.exists, dirs))


@pytest.fixture
def pod(work, image, runtime):
    p = Pod(work, image, runtime)
    yield p
    p.close()


@contextlib.contextmanager
def raises(code):
    with pytest.raises(Error) as e:
        yield
    assert e.value.code == code, e.value


# ------------------------------------------------------------------ the command line
def test_address_is_containerds(pod):
    pod.bundle("a")
    address = pod.shim("a", "start").stdout
    name = hashlib.sha256(f"{pod.address}/ns/a".encode()).hexdigest()
    assert address == f"unix:///run/containerd/s/{name}"
    with open(os.path.join(pod.dir, "a", "address"), encoding="ascii") as f:
        assert f.read() == address
    c = pod.start("a")  # the same shim again
    assert c.call("Connect", {1: "a"})[1] == pod.pid
    c.call("Shutdown")
    poll(lambda: not os.path.exists(address[7:]))


def test_pod_shares_a_shim(pod):
    names = ["pod", "one", "two"]
    for n in names:
        pod.bundle(n, annotations={"io.kubernetes.cri.sandbox-id": "pod"})
    clients = [pod.start(n) for n in names]
    assert len({c.call("Connect")[1] for c in clients}) == 1
    clients[0].call("Shutdown")
    poll(lambda: state(pod.pid) in (None, "Z"))


def test_starter_killed(pod):
    """Before it has told the address: nobody would find the shim that it has started."""
    d = pod.bundle("a")
    path = "/run/containerd/s/" + hashlib.sha256(f"{pod.address}/ns/a".encode()).hexdigest()
    r, w = os.pipe()
    try:
        fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 4096)
        os.write(w, b"x" * 4096)  # so it stays in its last step
        starter = subprocess.Popen([SHIM, "-namespace", "ns", "-address", pod.address, "-id", "a", "start"], cwd=d, stdin=subprocess.DEVNULL, stdout=w)
        pid = poll(lambda: [p for p in map(int, filter(str.isdigit, os.listdir("/proc"))) if path in cmdline(p)])[0]
        poll(lambda: open(f"/proc/{pid}/comm", encoding="ascii").read() == "runsc-shim\n", what="the shim is up")
        assert starter.poll() is None and state(pid) not in (None, "Z")
        starter.kill()
        starter.wait()
        poll(lambda: state(pid) in (None, "Z"), what="the shim has ended")
        assert not os.path.exists(path)
    finally:
        os.close(r)
        os.close(w)


@pytest.mark.soak
def test_nobody_comes(pod):
    """The address is told, and nobody asks for a container: half a minute later the shim is gone."""
    pod.bundle("a")
    c = pod.start("a")
    c.close()
    poll(lambda: state(pod.pid) in (None, "Z"), timeout=60, what="the shim has ended")


def test_stale_socket(pod):
    pod.bundle("a")
    os.makedirs("/run/containerd/s", exist_ok=True)
    path = "/run/containerd/s/" + hashlib.sha256(f"{pod.address}/ns/a".encode()).hexdigest()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
    c = pod.start("a")
    c.call("Shutdown")


def test_delete_after_a_crash(pod):
    c = pod.up("a")
    pid = c.call("State", {1: "a"})[3]
    os.kill(pod.pid, signal.SIGKILL)
    with pytest.raises((EOFError, ConnectionError)):
        c.call("State", {1: "a"})
    r = pod.shim("a", "delete", bundle=os.path.join(pod.dir, "a"), text=False)
    answer = parse(r.stdout)
    assert answer[2] == 137 and parse(answer[3])[1] > 1_600_000_000
    assert state(pid) in (None, "Z")
    assert not pod.work.mounts()


def test_bad_options(pod):
    pod.bundle("a")
    with open(pod.toml, "w", encoding="ascii") as f:
        f.write("x = y\n")
    c = pod.start("a")
    with pytest.raises(Error, match="runsc.toml: line 1: neither"):
        c.answer(pod.create(c, "a"))
    c.call("Shutdown")


# ------------------------------------------------------------------ the socket
def test_calls_side_by_side(pod):
    c = pod.up("a")
    wait = c.send("Wait", {1: "a"})
    assert c.call("State", {1: "a"})[4] == 2
    late = c.send("Wait", {1: "a"}, timeout=50_000_000)
    with raises(DEADLINE):
        c.answer(late)
    c.call("Kill", {1: "a", 3: 9})
    assert c.answer(wait)[1] == 137
    with raises(NOT_FOUND):
        c.call("Kill", {1: "a", 3: 9})
    pod.down(c, "a")


def test_errors(pod):
    c = pod.up("a")
    for method, fields, code in [
            ("State", {1: "b"}, NOT_FOUND), ("State", {1: "a", 2: "x"}, NOT_FOUND), ("Nothing", {}, UNIMPLEMENTED),
            ("Checkpoint", {1: "a"}, UNIMPLEMENTED), ("Create", {1: "a", 2: "/"}, EXISTS), ("Create", {1: "../a", 2: "/"}, INVALID),
            ("Create", {1: "c", 2: "relative"}, INVALID), ("Delete", {1: "a"}, PRECONDITION), ("Start", {1: "a"}, PRECONDITION),
            ("Kill", {1: "a", 3: 99}, INVALID), ("Exec", {1: "a", 2: "x/y", 7: {2: "{}"}}, INVALID), ("Exec", {1: "a", 2: "x"}, INVALID),
            ("Update", {1: "a"}, INVALID)]:
        with raises(code):
            c.call(method, fields)
    with raises(UNIMPLEMENTED):
        c.call("State", {1: "a"}, service="containerd.other")
    with raises(UNIMPLEMENTED):
        c.call("State", {1: "a"}, flags=2)
    with raises(INVALID):
        c.call("State", payload=b"\xff")
    assert c.call("State", {1: "a"}, service="containerd.task.v3.Task")[4] == 2
    pod.down(c, "a")


def test_frames(pod):
    c = pod.up("a")
    path = c.sock.getpeername()
    # too long: skipped, and the connection goes on
    c.sock.sendall(struct.pack(">IIBB", (4 << 20) + 1, 1001, 1, 0))
    for _ in range(65):
        c.sock.sendall(bytes(min(65536, (4 << 20) + 1 - _ * 65536) if _ < 64 else 1))
    stream, kind, _, data = frame_read(c.sock)
    assert (stream, kind) == (1001, RESPONSE) and parse(parse(data)[1])[1] == EXHAUSTED
    assert c.call("State", {1: "a"})[4] == 2
    # a type that is none, stream 0: the connection ends, others do not
    for bad in frame(1, 9, b""), frame(0, 1, b""):
        other = Client(path)
        other.sock.sendall(bad)
        assert other.sock.recv(1) == b""
        other.close()
    # half a frame, then nothing
    half = Client(path)
    half.sock.sendall(frame(1, 1, b"abc")[:12])
    # answers that nobody reads
    deaf = Client(path)
    deaf.sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            deaf.send("State", {1: "a"})
    assert c.call("State", {1: "a"})[4] == 2
    deaf.close()
    half.close()
    pod.down(c, "a")


def test_peers_of_other_users(pod):
    c = pod.up("a")
    path = c.sock.getpeername()
    os.chmod(path, 0o666)
    code = f"import socket,os;os.setuid(65534);s=socket.socket(1);s.connect({path!r});s.sendall(b'x');print(s.recv(1))"
    r = run(["python3", "-c", code], want=None)
    assert "b''" in r.stdout or "ConnectionResetError" in r.stderr or "BrokenPipe" in r.stderr or "PermissionError" in r.stderr
    pod.down(c, "a")


# ------------------------------------------------------------------ events
def test_events_wait_for_containerd(pod):
    pod.events.close()
    c = pod.up("a")
    c.call("Pause", {1: "a"})
    e = EventServer(pod.events_path)
    poll(lambda: "/tasks/paused" in e.topics())
    assert e.topics() == ["/tasks/create", "/tasks/start", "/tasks/paused"]
    assert {(ns, url) for _, ns, url, _ in e.got} == {("ns", "containerd.events.Task" + t) for t in ("Create", "Start", "Paused")}
    e.close()
    c.call("Resume", {1: "a"})
    c.call("Kill", {1: "a", 3: 9})
    c.call("Wait", {1: "a"})
    e = EventServer(pod.events_path)
    c.call("Delete", {1: "a"})
    c.call("Shutdown")
    poll(lambda: state(pod.pid) in (None, "Z"))
    assert e.topics() == ["/tasks/resumed", "/tasks/exit", "/tasks/delete"]
    e.close()


def test_events_are_sent_again(pod):
    pod.events.close()
    e = EventServer(pod.events_path, lambda n: {0: "drop", 2: "error", 3: "drop"}.get(n, "ok"))
    c = pod.up("a")
    c.call("Pause", {1: "a"})
    c.call("Resume", {1: "a"})
    poll(lambda: "/tasks/resumed" in e.topics())
    assert e.topics() == ["/tasks/create", "/tasks/paused", "/tasks/resumed"]  # start was refused
    pod.down(c, "a")
    e.close()


# ------------------------------------------------------------------ what only other clients ask
def test_update(pod):
    c = pod.up("a")
    c.call("Update", {1: "a", 2: {1: "x", 2: json.dumps({"pids": {"limit": 77}})}})
    pid = c.call("State", {1: "a"})[3]
    assert engines.cgroup_file(pid, "pids", ("pids.max", "pids.max")) == "77"
    with pytest.raises(Error, match="OCI runtime update failed"):
        c.call("Update", {1: "a", 2: {1: "x", 2: "["}})
    pod.down(c, "a")


def test_created_is_deleted(pod):
    pod.bundle("a")
    c = pod.start("a")
    pid = c.answer(pod.create(c, "a"))[1]
    assert c.call("State", {1: "a"})[4] == 1
    assert c.call("Delete", {1: "a"})[2] == 137
    assert state(pid) in (None, "Z")
    poll(lambda: not children(pod.pid), what="reaped")
    c.call("Shutdown")


def test_create_that_fails_leaves_nothing(pod):
    pod.bundle("a")
    c = pod.start("a")
    with pytest.raises(Error, match="mounting /no/such .bind.: No such file"):
        c.answer(pod.create(c, "a", rootfs=[{1: "bind", 2: pod.root, 4: "bind"}, {1: "bind", 2: "/no/such", 4: "bind"}]))
    assert not pod.work.mounts()
    with raises(NOT_FOUND):
        c.call("State", {1: "a"})
    with pytest.raises(Error, match="Invalid argument"):
        c.answer(pod.create(c, "a", rootfs=[{1: "tmpfs", 2: "tmpfs", 3: "../x"}]))
    c.answer(pod.create(c, "a"))
    c.call("Start", {1: "a"})
    pod.down(c, "a")


def test_overlay_of_many_layers(pod):
    layers = [os.path.join(pod.dir, "layers-" + "x" * 120, f"{i:03}") for i in range(60)]
    for d in layers:
        os.makedirs(os.path.join(d, "proc"))
    for d in "dev", "sys", "tmp", "run":
        os.mkdir(os.path.join(layers[3], d))
    shutil.copy(engines.busybox()[0], os.path.join(layers[59], "cat"))
    with open(os.path.join(layers[7], "mark"), "w", encoding="ascii") as f:
        f.write("seven")
    for d in "upper", "work":
        os.mkdir(os.path.join(pod.dir, d))
    overlay = {1: "overlay", 2: "overlay",
               4: ["index=off", "lowerdir=" + ":".join(layers), f"upperdir={pod.dir}/upper", f"workdir={pod.dir}/work"]}
    assert len(overlay[4][1]) > 2 * 4096
    out = os.path.join(pod.dir, "out")
    pod.bundle("a", ["/cat", "/mark"])
    c = pod.start("a")
    c.answer(pod.create(c, "a", rootfs=[overlay], stdout="file://" + out))
    c.call("Start", {1: "a"})
    assert c.call("Wait", {1: "a"}).get(1, 0) == 0
    c.call("Delete", {1: "a"})
    with open(out, encoding="ascii") as f:
        assert f.read() == "seven"
    c.call("Shutdown")


# ------------------------------------------------------------------ streams
def test_output_waits_for_its_reader(pod):
    fifo = os.path.join(pod.dir, "fifo")
    os.mkfifo(fifo)
    pod.bundle("a", ["echo", "hello"])
    c = pod.start("a")
    create = pod.create(c, "a", stdout=fifo)
    with raises(NOT_FOUND):
        c.call("State", {1: "b"})  # others are served meanwhile
    with open(fifo, "rb") as f:
        c.answer(create)
        c.call("Start", {1: "a"})
        c.call("Wait", {1: "a"})
        assert f.read() == b"hello\n"
    pod.down(c, "a")


def test_create_that_is_given_up(pod):
    fifo = os.path.join(pod.dir, "fifo")
    os.mkfifo(fifo)
    pod.bundle("a")
    c = pod.start("a")
    pod.create(c, "a", stdout=fifo)
    assert c.call("State", {1: "a"})[4] == 1
    c.call("Shutdown")
    poll(lambda: state(pod.pid) in (None, "Z"))
    assert not pod.work.mounts()


def test_terminal_that_nobody_reads(pod):
    pod.bundle("a", ["sh", "-c", "i=0; while [ $i -lt 5000 ]; do echo 0123456789; i=$((i+1)); done"], terminal=True)
    c = pod.start("a")
    c.answer(pod.create(c, "a", terminal=1))
    c.call("ResizePty", {1: "a", 3: 80, 4: 24})
    c.call("Start", {1: "a"})
    assert c.call("Wait", {1: "a"}).get(1, 0) == 0
    pod.down(c, "a")


def test_stdin_outlives_its_client(pod):
    fifos = {n: os.path.join(pod.dir, n) for n in ("stdin", "stdout")}
    for f in fifos.values():
        os.mkfifo(f)
    reader = os.open(fifos["stdout"], os.O_RDONLY | os.O_NONBLOCK)
    c = pod.up("a", ["cat"], **fifos)
    for text in b"one\n", b"two\n":
        with open(fifos["stdin"], "wb") as f:
            f.write(text)
        assert select.select([reader], [], [], 30)[0]
        assert os.read(reader, 100) == text
    wait = c.send("Wait", {1: "a"})
    c.call("CloseIO", {1: "a", 3: 1})
    assert c.answer(wait).get(1, 0) == 0
    os.close(reader)
    pod.down(c, "a")


def test_output_that_nobody_reads_does_not_hold_delete(pod):
    fifo = os.path.join(pod.dir, "fifo")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    c = pod.up("a", ["sh", "-c", "dd if=/dev/zero bs=1k count=200"], stdout=fifo)
    os.close(reader)
    c.call("Kill", {1: "a", 3: 9})
    c.call("Wait", {1: "a"})
    c.call("Delete", {1: "a"})
    c.call("Shutdown")
    poll(lambda: state(pod.pid) in (None, "Z"))


def test_killed_at_any_moment(pod):
    """SIGKILL to the shim while requests are under way: `delete` leaves nothing, each time."""
    for i in range(12):
        name = f"k{i}"
        pod.bundle(name)
        c = pod.start(name)
        pod.create(c, name)
        c.send("Start", {1: name})
        timer = threading.Timer(0.01 * i, os.kill, (pod.pid, signal.SIGKILL))
        timer.start()
        timer.join()
        poll(lambda: state(pod.pid) in (None, "Z"))
        r = pod.shim(name, "delete", bundle=os.path.join(pod.dir, name), text=False)
        assert parse(r.stdout)[2] == 137
        assert not pod.work.mounts()
        root = os.path.join(pod.dir, "root", "ns")
        left = os.listdir(root) if os.path.isdir(root) else []
        assert not left, (i, left)
