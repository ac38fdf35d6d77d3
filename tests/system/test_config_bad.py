"""config.json that is wrong: each key missing, of another type, absurd. Always one clear line, exit 128, nothing left."""
import copy
import ctypes
import json
import os
import select

import pytest

from conftest import TIMEOUT, children, cmdline
from lifecycle import Containers

PR_SET_CHILD_SUBREAPER = 36
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="binds the host's /usr")

FULL = {
    "ociVersion": "1.2.1",
    "process": {
        "terminal": False, "args": ["true"], "env": ["A=b"], "cwd": "/", "noNewPrivileges": True, "oomScoreAdj": 5,
        "user": {"uid": 1, "gid": 2, "umask": 18, "additionalGids": [3]},
        "consoleSize": {"height": 24, "width": 80},
        "capabilities": {k: ["CAP_KILL"] for k in ("bounding", "effective", "permitted", "inheritable", "ambient")},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 5, "hard": 9}],
        "scheduler": {"policy": "SCHED_BATCH", "nice": 1, "flags": ["SCHED_FLAG_RESET_ON_FORK"]},
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 3},
        "execCPUAffinity": {"initial": "0", "final": "0-1"},
    },
    "root": {"path": "rootfs", "readonly": True}, "hostname": "h", "domainname": "d",
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]}],
    "hooks": {k: [{"path": "/bin/true", "args": ["true"], "env": ["A=b"], "timeout": 5}]
              for k in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")},
    "annotations": {"a": "b"},
    "linux": {
        "namespaces": [{"type": "pid"}, {"type": "uts"}, {"type": "ipc"}, {"type": "mount"}, {"type": "network"}],
        "devices": [{"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": 438, "uid": 0, "gid": 0}],
        "cgroupsPath": "/cvisor-test-bad", "rootfsPropagation": "private",
        "sysctl": {"kernel.shmmax": "100"}, "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"],
        "personality": {"domain": "LINUX"}, "mountLabel": "",
        "resources": {
            "memory": {"limit": 1 << 30, "swap": -1, "reservation": 1 << 20, "disableOOMKiller": False},
            "cpu": {"shares": 512, "quota": 10000, "period": 100000, "cpus": "0", "mems": "0"},
            "pids": {"limit": 100}, "unified": {"memory.high": "max"},
            "blockIO": {"weight": 10, "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}]},
            "hugepageLimits": [{"pageSize": "2MB", "limit": 0}],
            "devices": [{"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}],
            "network": {"classID": 5, "priorities": [{"name": "lo", "priority": 1}]},
            "rdma": {"mlx": {"hcaHandles": 3}},
        },
        "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "flags": [],
                    "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
                                  "args": [{"index": 0, "value": 1, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]}]},
    },
}

NEEDED = ("ociVersion process process.args process.cwd root root.path mounts.0.destination mounts.0.type "
          "process.rlimits.0.type process.rlimits.0.soft process.rlimits.0.hard process.scheduler.policy "
          "process.ioPriority.class linux.namespaces.0.type linux.devices.0.path linux.devices.0.type "
          "linux.devices.0.major linux.personality.domain linux.seccomp.defaultAction "
          "linux.seccomp.syscalls.0.names linux.seccomp.syscalls.0.action linux.seccomp.syscalls.0.args.0.op "
          "linux.resources.devices.0.allow linux.resources.hugepageLimits.0.pageSize hooks.prestart.0.path "
          "linux.resources.network.priorities.0.name").split()

ABSURD = {
    "ociVersion": ["2.0.0", "1", "", "1.x.0"], "process.args": [[], [""], ["a\0b"]], "process.cwd": ["", "relative"],
    "process.env": [["novalue"], ["=x"]], "process.oomScoreAdj": [1001, -1001], "process.user.uid": [-1, 1 << 32],
    "process.user.umask": [512, -1], "process.user.additionalGids": [[-1], ["x"]],
    "process.rlimits.0.type": ["RLIMIT_X", "NOFILE"], "process.rlimits.0.soft": [10, -1, 1.5],
    "process.scheduler.policy": ["SCHED_X"], "process.scheduler.nice": [20, -21],
    "process.scheduler.flags": [["X"]], "process.ioPriority.class": ["X"], "process.ioPriority.priority": [8, -1],
    "process.execCPUAffinity.initial": ["x", "3-1", "1-", ","], "root.path": ["", "nowhere", "config.json"],
    "hostname": ["a/b", "x" * 65, "a b"], "domainname": ["x" * 65, "a\nb"],
    "mounts.0.destination": ["", "/" + "x" * 5000], "mounts.0.type": ["", "nosuchfs", "x" * 100],
    "mounts.0.options": [["bind"] * 65], "hooks.prestart.0.path": ["", "relative"],
    "hooks.poststop.0.timeout": [0, -1], "annotations": [{"": "x"}, {"a": 5}],
    "linux.namespaces.0.type": ["x", "uts"], "linux.namespaces.0.path": ["relative"],
    "linux.devices.0.type": ["x", "cc"], "linux.devices.0.major": [-1, 4096], "linux.devices.0.path": ["relative", ""],
    "linux.rootfsPropagation": ["x"], "linux.sysctl": [{"vm.swappiness": "1"}, {"kernel.shmmax": 5}, {"": "1"},
                                                       {"kernel.hostname": "x"}],
    "linux.maskedPaths": [["relative"]], "linux.readonlyPaths": [["relative"]],
    "linux.personality.domain": ["X"], "linux.personality.flags": [["X"]],
    "linux.intelRdt": [{"closID": "x"}], "linux.timeOffsets": [{"boottime": {"secs": 5}}],
    "linux.uidMappings": [[{"containerID": 0, "hostID": 0, "size": 1}], [{"containerID": 0, "hostID": 0, "size": 0}]],
    "linux.resources.cpu.cpus": ["x", "1-"], "linux.resources.cpu.idle": [2],
    "linux.resources.memory.swappiness": [101, -1], "linux.resources.memory.limit": [-2, 1 << 64],
    "linux.resources.blockIO.weight": [5, 1001], "linux.resources.hugepageLimits.0.pageSize": ["x", "2", "MB"],
    "linux.resources.devices.0.access": ["x"], "linux.resources.devices.0.type": ["x"],
    "linux.resources.unified": [{"../x": "1"}, {"a/b.c": "1"}, {"x": 1}],
    "linux.seccomp.defaultAction": ["X", "SCMP_ACT_NOTIFY"], "linux.seccomp.architectures": [["X"]],
    "linux.seccomp.flags": [["X"]], "linux.seccomp.syscalls.0.errnoRet": [4096, -1],
    "linux.seccomp.syscalls.0.args.0.index": [6, -1], "linux.seccomp.syscalls.0.args.0.op": ["X"],
    "windows": [{"x": 1}], "solaris": [{"x": 1}], "vm": [{"x": 1}],
}


def walk(node, path=()):
    """Every place in the document."""
    for k in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield path + (k,)
        yield from walk(node[k], path + (k,))


def place(doc, path):
    for k in path[:-1]:
        doc = doc[k]
    return doc


def key(name):
    return tuple(int(k) if k.isdigit() else k for k in name.split("."))


def wrong_types(value):
    """One of another kind; what Go's decoder refuses too."""
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, (int, float)):
        return "5"
    if isinstance(value, str):
        return {"x": 1}
    return 7


def name_of(path):
    return ".".join(map(str, path))


def cases():
    out = [("not-json", "{", ""), ("empty", "", ""), ("list", "[]", ""), ("twice", '{"root":{},"root":{}}', ""),
           ("deep", "[" * 5000, ""), ("binary", "\0\1\2", "")]
    for name in NEEDED:
        doc = copy.deepcopy(FULL)
        del place(doc, key(name))[key(name)[-1]]
        out.append(("missing-" + name, json.dumps(doc), name.split(".")[-1]))
    for path in walk(FULL):
        if path[:2] == ("linux", "mountLabel"):
            continue
        doc = copy.deepcopy(FULL)
        place(doc, path)[path[-1]] = wrong_types(place(FULL, path)[path[-1]])
        out.append(("type-" + name_of(path), json.dumps(doc), ""))
    for name, values in ABSURD.items():
        for i, v in enumerate(values):
            doc = copy.deepcopy(FULL)
            place(doc, key(name))[key(name)[-1]] = v
            out.append((f"absurd-{name}-{i}", json.dumps(doc), ""))
    return out


CASES = cases()


def test_number_of_cases():
    assert len(CASES) >= 200


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    b = Containers(tmp_path_factory.mktemp("bad"))
    yield b
    assert b.end() == []


@pytest.fixture(scope="module")
def bundle(box):
    path = box.dir / "bundle"
    (path / "rootfs").mkdir(parents=True)
    return path


@pytest.fixture(scope="module", autouse=True)
def reaper():
    """Whatever runsc leaves behind becomes ours."""
    libc = ctypes.CDLL(None)
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    yield
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def processes_left(before):
    """Those that do not end: they get TIMEOUT seconds."""
    left = set()
    for _ in range(TIMEOUT * 100):
        left = set(children(os.getpid())) - before
        left -= {pid for pid in left if os.waitpid(pid, os.WNOHANG)[0] == pid}
        if not left:
            break
        select.select([], [], [], 0.01)
    return [(pid, cmdline(pid)) for pid in left]


def mounts_of(directory):
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        return [line for line in f if str(directory) in line]


def cgroup_left():
    return [d for d, _, _ in os.walk("/sys/fs/cgroup") if d.endswith("/cvisor-test-bad")]


def objects(text):
    """JSON objects one behind the other."""
    out, at = [], 0
    while at < len(text):
        o, at = json.JSONDecoder().raw_decode(text, at)
        out.append(o)
        while at < len(text) and text[at].isspace():
            at += 1
    return out


@pytest.mark.parametrize("text,word", [pytest.param(t, w, id=n) for n, t, w in CASES])
def test_refused(box, bundle, text, word):
    (bundle / "config.json").write_text(text)
    log = bundle / "log"
    log.unlink(missing_ok=True)
    before = sorted(os.listdir(bundle / "rootfs"))
    mounts, ours = mounts_of(box.dir), set(children(os.getpid()))
    r = box.runsc("--network=none", "--log", log, "--log-format", "json", "run", "-bundle", bundle, "bad")
    assert r.returncode == 128, (r.returncode, r.stdout, r.stderr)
    lines = [line for line in r.stderr.splitlines() if line.strip()]
    assert lines and len(lines[-1]) < 700
    last = objects(log.read_text())[-1]
    assert last["level"] == "error" and word in last["msg"]
    assert "config.json" in last["msg"] or "mounts" in last["msg"] or "root" in last["msg"] or "linux" in last["msg"]
    assert not box.root.exists() or os.listdir(box.root) == []
    assert sorted(os.listdir(bundle / "rootfs")) == before
    assert cgroup_left() == []
    assert processes_left(ours) == [] and mounts_of(box.dir) == mounts


def test_the_original_is_right(box):
    """What the cases are made from is a configuration; else they prove nothing."""
    def change(c):
        c["linux"]["namespaces"] = FULL["linux"]["namespaces"]
        c.update(hostname="h", domainname="d", annotations={"a": "b"}, hooks=FULL["hooks"])
        c["process"].update({k: v for k, v in FULL["process"].items() if k not in ("args",)})
        c["process"]["args"] = ["/usr/bin/true"]
        c["process"]["rlimits"] = []
        for k in ("devices", "sysctl", "maskedPaths", "readonlyPaths", "personality", "seccomp", "rootfsPropagation"):
            c["linux"][k] = FULL["linux"][k]
    r = box.runsc("--network=none", "--ignore-cgroups", "run", "-bundle", box.bundle("true", change=change), "good")
    assert r.returncode == 0, r.stderr
