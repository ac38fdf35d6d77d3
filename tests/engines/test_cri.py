"""Pods as the kubelet makes them, by crictl: containers in one sandbox, their network, restarts, exec, port-forward, figures.

On runc, and on ours with --network=host, which means the pod's network there. Builds crictl: ENGINES_SOAK=1.
"""
import json
import os
import re
import signal
import subprocess
import urllib.request

import pytest

import cri as cri_module
from engines import IMAGE, RUNSC, Terminal, cmdline, descendants, poll, run, state

pytestmark = pytest.mark.soak


# NamespaceMode of the CRI: POD 0, CONTAINER 1, NODE 2
OWN_PIDS = {"security_context": {"namespace_options": {"pid": 1}}}
SHARED_PIDS = {"security_context": {"namespace_options": {"pid": 0}}}
NODE_NETWORK = {"security_context": {"namespace_options": {"network": 2, "pid": 1}}}


class Pod:
    """One pod sandbox and its containers: attempts are counted as the kubelet does."""

    def __init__(self, cri, handler, name, **security):
        self.cri, self.name, self.n = cri, name, 0
        self.logs = cri.work.path("logs-" + name)
        os.makedirs(self.logs, exist_ok=True)
        self.config = self.write("pod", {"metadata": {"name": name, "namespace": "default", "uid": name, "attempt": 1},
                                         "hostname": "" if security == NODE_NETWORK else name + "-host",
                                         "log_directory": self.logs, "linux": {"cgroup_parent": f"/{cri.work.cgroup}/{name}", **security}})
        self.id = self.ctl("runp", "--runtime", handler, self.config).stdout.strip()

    def write(self, what, value):
        path = os.path.join(self.logs, what + ".json")
        with open(path, "w", encoding="ascii") as f:
            json.dump(value, f)
        return path

    def argv(self, *args):
        return [cri_module.tool("crictl"), "--config", os.devnull, "--runtime-endpoint", "unix://" + self.cri.sock, "--timeout", "30s", *args]

    def ctl(self, *args, **kw):
        return run(self.argv(*args), **kw)

    def create(self, *command, name="c", mounts=(), **more):
        self.n += 1
        config = {"metadata": {"name": name, "attempt": self.n}, "image": {"image": IMAGE}, "command": list(command), "log_path": f"{self.n}.log",
                  "mounts": [{"host_path": a, "container_path": b} for a, b in mounts], "linux": OWN_PIDS, **more}
        return self.ctl("create", self.id, self.write(f"c{self.n}", config), self.config).stdout.strip()

    def start(self, *command, **kw):
        c = self.create(*command, **kw)
        self.ctl("start", c)
        return c

    def sh(self, container, script, **kw):
        return self.ctl("exec", "-s", container, "sh", "-c", script, **kw).stdout.strip()

    def inspect(self, container):
        return json.loads(self.ctl("inspect", container).stdout)

    def status(self, container):
        s = self.inspect(container)["status"]
        return s["state"], s.get("exitCode", 0)

    def ended(self, container):
        poll(lambda: self.status(container)[0] == "CONTAINER_EXITED")
        return self.status(container)[1]

    def remove(self):
        self.ctl("stopp", self.id)
        self.ctl("rmp", self.id)


@pytest.fixture
def pods(cri, runtime):
    made = []

    def make(name=None, **security):
        made.append(Pod(cri, runtime, name or f"p{os.getpid()}-{len(made)}-{next(numbers)}", **security))
        return made[-1]
    yield make
    for p in made:
        p.ctl("rmp", "-f", p.id, want=None)
    left = lambda: [q for q in descendants(os.getppid()) if state(q) not in (None, "Z") and (cmdline(q) or [""])[0] in
                    ("runsc-sandbox", "runsc-gofer", "containerd-shim-runsc-v1")]
    poll(lambda: not left(), what="nothing of the pods is left")


numbers = iter(range(1 << 30))


def test_containers_share_what_a_pod_shares(pods, cri, runtime):
    pod = pods()
    volume = cri.work.path(f"volume-{pod.name}")
    os.mkdir(volume)
    one, two = (pod.start("sleep", "1000", name=n, mounts=[(volume, "/data")]) for n in ("one", "two"))
    assert {pod.sh(c, "hostname") for c in (one, two)} == {pod.name + "-host"}
    pod.sh(one, "echo from-one >/data/f; echo shm >/dev/shm/f; echo own >/tmp/f")
    assert pod.sh(two, "cat /data/f /dev/shm/f; ls /tmp") == "from-one\nshm"
    with open(os.path.join(volume, "f"), encoding="ascii") as f:
        assert f.read() == "from-one\n"
    # The network is the pod's: one serves, the other asks, and so may the host.
    pod.sh(one, "echo page >/tmp/index.html; httpd -p 80 -h /tmp")
    assert pod.sh(two, "wget -qO- http://127.0.0.1/") == "page"
    ip = json.loads(pod.ctl("inspectp", pod.id).stdout)["status"]["network"]["ip"]
    with urllib.request.urlopen(f"http://{ip}/", timeout=30) as r:
        assert r.read() == b"page\n"
    # Each has processes of its own, unless the pod says otherwise.
    assert "sleep 1000" in pod.sh(two, "tr '\\0' ' ' </proc/1/cmdline")
    if runtime == "runsc":
        pids = {pod.inspect(c)["info"]["pid"] for c in (one, two)}
        assert all("gofer" in " ".join(cmdline(p)) for p in pids)


def test_shared_pids(pods):
    pod = pods(**SHARED_PIDS)
    shared = {"linux": SHARED_PIDS}
    one = pod.start("sleep", "1001", name="one", **shared)
    two = pod.start("sleep", "1002", name="two", **shared)
    for c in one, two:
        seen = pod.sh(c, "ps -o args")
        assert "sleep 1001" in seen and "sleep 1002" in seen
    pod.sh(one, "kill -9 $(ps -o pid,args | awk '/[s]leep 1002/ { print $1 }')")
    assert pod.ended(two) == 137
    assert pod.status(one)[0] == "CONTAINER_RUNNING"


def test_restart_of_one_container(pods):
    pod = pods()
    stays = pod.start("sleep", "1000", name="stays")
    for n in range(5):
        c = pod.start("sh", "-c", f"echo attempt-{n}; exit {n}", name="fails")
        assert pod.ended(c) == n
        assert pod.ctl("logs", c).stdout == f"attempt-{n}\n"
        pod.ctl("rm", c)
    c = pod.start("sh", "-c", "trap 'exit 8' TERM; while :; do sleep 0.05; done", name="stopped")
    pod.sh(c, "true")
    pod.ctl("stop", "--timeout", "20", c)
    assert pod.ended(c) == 8
    c = pod.start("sleep", "1000", name="killed")
    pod.ctl("stop", "--timeout", "0", c)
    assert pod.ended(c) == 137
    assert pod.status(stays)[0] == "CONTAINER_RUNNING" and pod.sh(stays, "echo here") == "here"


def test_container_that_cannot_start(pods):
    pod = pods()
    stays = pod.start("sleep", "1000", name="stays")
    c = pod.create("/no/such", name="bad")
    r = pod.ctl("start", c, want=None)
    assert r.returncode != 0 and "/no/such" in r.stderr
    assert pod.sh(stays, "echo here") == "here"


def test_exec(pods):
    pod = pods()
    c = pod.start("sleep", "1000")
    r = pod.ctl("exec", c, "sh", "-c", "echo out; echo err >&2; exit 3", want=None)
    assert r.returncode != 0 and r.stdout == "out\n" and r.stderr.startswith("err\n") and "exit code 3" in r.stderr
    r = pod.ctl("exec", "-s", c, "sh", "-c", "exit 3", want=None)
    assert r.returncode != 0 and "exited with 3" in r.stderr
    assert pod.ctl("exec", "-i", c, "cat", input="through").stdout == "through"
    t = Terminal(pod.argv("exec", "-it", c, "sh"))
    try:
        t.send("test -t 0 && echo on-$((2+2)); exit\n")
        t.expect("on-4")
        t.wait()
    finally:
        t.close()


def test_port_forward(pods):
    pod = pods()
    c = pod.start("sh", "-c", "mkdir /tmp/w; echo page >/tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w")
    poll(lambda: pod.ctl("exec", "-s", c, "wget", "-qO-", "http://127.0.0.1:8080/", want=None).returncode == 0)
    p = subprocess.Popen(pod.argv("port-forward", pod.id, "0:8080"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        port = re.search(r"127\.0\.0\.1:(\d+) -> 8080", p.stdout.readline())[1]
        for _ in range(3):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as r:
                assert r.read() == b"page\n"
    finally:
        p.kill()
        p.communicate()


def test_port_forward_by_runsc(pods, cri, runtime):
    """The command of ours, which other tools call."""
    if runtime != "runsc":
        return
    pod = pods()
    pod.start("sh", "-c", "mkdir /tmp/w; echo page >/tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w")
    root = os.path.join(cri.work.path("runsc-root"), "k8s.io")
    p = subprocess.Popen([RUNSC, "--root", root, "port-forward", pod.id, "0:8080"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True)
    try:
        port = re.search(r"127\.0\.0\.1:(\d+) -> 8080", p.stdout.readline())[1]

        def served():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as r:
                    return r.read() == b"page\n"
            except OSError:
                return False
        poll(served)
    finally:
        p.kill()
        p.communicate()


def test_stats(pods):
    pod = pods()
    busy, idle = pod.start("sh", "-c", "while :; do :; done", name="busy"), pod.start("sleep", "1000", name="idle")

    def stats():
        return {s["attributes"]["id"]: s for s in json.loads(pod.ctl("stats", "-a", "-o", "json").stdout)["stats"]}
    cpu = lambda s: int(s["cpu"]["usageCoreNanoSeconds"]["value"])
    s = poll(lambda: (v := stats()) and busy in v and cpu(v[busy]) > 300_000_000 and v)
    assert cpu(s[idle]) < cpu(s[busy]) / 2
    assert int(s[busy]["memory"]["workingSetBytes"]["value"]) > 0


def test_containerd_restarts(pods, cri):
    pod, node = pods(), pods(**NODE_NETWORK)
    c = pod.start("sleep", "1000", name="stays")
    ends = pod.start("sh", "-c", "while ! test -e /tmp/go; do sleep 0.05; done; exit 7", name="ends")
    other = node.start("sleep", "1000")
    go = pod.inspect(ends)["info"]["pid"]
    p = subprocess.Popen(pod.argv("exec", "-s", ends, "sh", "-c", "sleep 1; touch /tmp/go"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    poll(lambda: "touch /tmp/go" in pod.sh(ends, "ps -o args"))
    cri.stop(signal.SIGKILL)
    p.wait(30)
    poll(lambda: state(go) in (None, "Z"), what="it ended while containerd was away")
    cri.start()
    poll(lambda: pod.ctl("pods", "-q", want=None).returncode == 0)
    assert pod.ended(ends) == 7
    assert pod.status(c)[0] == node.status(other)[0] == "CONTAINER_RUNNING"
    assert pod.sh(c, "echo still") == node.sh(other, "echo still") == "still"
    new = pod.start("sh", "-c", "exit 4", name="new")
    assert pod.ended(new) == 4
    pod.remove()
    node.remove()


def test_pod_ends_with_its_sandbox(pods, runtime):
    pod = pods()
    c = pod.start("sleep", "1000")
    os.kill(json.loads(pod.ctl("inspectp", pod.id).stdout)["info"]["pid"], signal.SIGKILL)
    poll(lambda: json.loads(pod.ctl("inspectp", pod.id).stdout)["status"]["state"] == "SANDBOX_NOTREADY")
    if runtime == "runsc":
        assert pod.ended(c) == 137
    pod.remove()


def test_stop_and_remove(pods, cri):
    pod = pods()
    for n in range(3):
        pod.start("sleep", "1000", name=f"c{n}")
    pod.remove()
    assert not [m for m in cri.work.mounts() if pod.id in m]
    root = os.path.join(cri.work.path("runsc-root"), "k8s.io")
    assert not [n for n in (os.listdir(root) if os.path.isdir(root) else []) if pod.id in n]
