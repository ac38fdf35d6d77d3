"""SIGKILL at a random moment of whatever is running for a container: afterwards `delete -force` works and nothing is left.

By command line with runc's commands for the order of life (create, start, exec, kill, delete), and under containerd with the shim.
Twenty times here, three hundred times by ENGINES_SOAK=1; ENGINES_SEED repeats a run.
"""
import io
import json
import os
import random
import shutil
import signal
import subprocess
import tarfile
import time

import pytest

from conftest import need
from cri import archive
from engines import IMAGE, RUNSC, SHIM, Containerd, cgroup_dirs, cmdline, descendants, poll, run, state

COUNTS = [20, pytest.param(300, marks=pytest.mark.soak)]
SEED = int(os.environ.get("ENGINES_SEED", "1"))


def kind(pid):
    argv = cmdline(pid) or [""]
    name = os.path.basename(argv[0])
    if name.startswith("containerd-shim"):
        return "shim"  # its starter too
    return {"runsc-sandbox": "sentry", "runsc-gofer": "gofer"}.get(name, "runsc" if "runsc" in name else "")


def mine():
    """Processes below the reaper that were not there when the test began are the test's."""
    return [p for p in descendants(os.getppid()) if state(p) not in (None, "Z")]


@pytest.fixture(scope="module")
def rootfs(work, image):
    d = work.path("kill-rootfs")
    os.mkdir(d)
    with tarfile.open(fileobj=io.BytesIO(image)) as t:
        t.extractall(d)
    return d


@pytest.fixture
def bundle(work, rootfs):
    d = work.path("kill-bundle")
    shutil.rmtree(d, ignore_errors=True)
    os.mkdir(d)
    run([RUNSC, "spec", "--bundle", d, "--", "sh", "-c", "while :; do ls /proc >/dev/null; echo x >/tmp/f; done"])
    with open(d + "/config.json", encoding="utf-8") as f:
        c = json.load(f)
    c["root"] = {"path": rootfs, "readonly": False}
    c["linux"]["cgroupsPath"] = f"/{work.cgroup}/k"
    c["process"]["terminal"] = False
    with open(d + "/config.json", "w", encoding="utf-8") as f:
        json.dump(c, f)
    yield d
    shutil.rmtree(d)


@pytest.mark.parametrize("count", COUNTS)
def test_by_command_line(work, bundle, count):
    rng = random.Random(SEED)
    root = work.path("kill-state")
    base = [RUNSC, "--root", root, "--network=none"]
    before = set(mine())
    mounts = len(work.mounts())
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

    hits, lasts = 0, 0.05
    for n in range(count):
        steps = [["create", "--bundle", bundle, "c"], ["start", "c"], ["exec", "c", "sh", "-c", "sleep 0.05"], ["ps", "c"], ["kill", "c", "KILL"], ["delete", "c"]]
        if n % 3 == 0:
            steps[:2] = [["run", "--detach", "--bundle", bundle, "c"]]
        victim = rng.choice(("runsc", "sentry", "gofer"))
        begin = time.monotonic()
        at = begin + rng.random() * lasts
        hit = False
        for step in steps:
            p = subprocess.Popen([*base, *step], **quiet)
            while p.poll() is None:
                if not hit and time.monotonic() >= at:
                    those = [q for q in mine() if q not in before and kind(q) == victim]
                    if those:
                        os.kill(rng.choice(those), signal.SIGKILL)
                        hit = True
                time.sleep(0.001)
        hits += hit
        if not hit:
            lasts = (lasts + time.monotonic() - begin) / 2
        run([*base, "delete", "--force", "c"])
        assert run([*base, "list", "--quiet"]).stdout.split() == [], f"round {n}, {victim}"
        what = f"round {n} of seed {SEED}, {victim} killed"
        poll(lambda: not [q for q in mine() if q not in before], timeout=20, what=f"{what}: processes are gone; left {[cmdline(q) for q in mine() if q not in before]}")
        assert not os.listdir(root), f"{what}: {os.listdir(root)}"
        assert len(work.mounts()) == mounts, f"{what}: {work.mounts()}"
        left = [d.path for top in cgroup_dirs(work.cgroup) for d in os.scandir(top) if d.is_dir()]
        assert not left, f"{what}: {left}"
    assert hits > count / 2, hits


@pytest.mark.parametrize("count", COUNTS)
def test_under_containerd(work, image, count):
    need("containerd", "ctr")
    assert os.access(SHIM, os.X_OK), f"no {SHIM}"
    rng = random.Random(SEED)
    c = Containerd(work, f"kill{count}")
    toml = work.path(f"kill{count}.toml")
    with open(toml, "w", encoding="ascii") as f:
        f.write(f'binary_name = "{RUNSC}"\nroot = "{work.path("kill-shim")}"\n[runsc_config]\n  network = "none"\n')
    c.start()
    try:
        c.ctr("images", "import", "-", input=archive({IMAGE: {"Cmd": ["sh"]}}, image), text=False)
        before = set(mine())
        for n in range(count):
            name = f"k{n}"
            victim = rng.choice(("runsc", "sentry", "gofer", "shim"))
            at = time.monotonic() + rng.random() ** 2 * 0.6
            p = subprocess.Popen(["ctr", "--address", c.sock, "--namespace", "test", "run", "-d", "--runtime", "io.containerd.runsc.v1", "--runtime-config-path", toml,
                                  "--cgroup", f"/{work.cgroup}/{name}", IMAGE, name, "sleep", "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
            while p.poll() is None and time.monotonic() < at:
                time.sleep(0.001)
            those = poll_for(lambda: [q for q in mine() if q not in before and kind(q) == victim], p)
            if those:
                os.kill(rng.choice(those), signal.SIGKILL)
            p.wait(60)
            what = f"round {n} of seed {SEED}, {victim} killed"

            def gone():
                c.ctr("task", "kill", "-s", "KILL", name, want=None)
                c.ctr("task", "rm", "-f", name, want=None)
                return name not in c.ctr("task", "ls").stdout
            poll(gone, timeout=30, what=f"{what}: the task is gone")
            c.ctr("containers", "rm", name, want=None)
            poll(lambda: name not in c.ctr("containers", "ls", "-q").stdout.split() or not c.ctr("containers", "rm", name, want=None), what="container removed")
            poll(lambda: not [q for q in mine() if q not in before], timeout=20, what=f"{what}: processes are gone; left {[cmdline(q) for q in mine() if q not in before]}")
            left = [d.path for top in cgroup_dirs(work.cgroup) for d in os.scandir(top) if d.is_dir()]
            assert not left, f"{what}: {left}"
            left = [m for m in work.mounts() if name in m]
            assert not left, f"{what}: {left}"
        for base in ("kill-shim", f"kill{count}/state/io.containerd.runtime.v2.task/test"):
            assert not [f for _, _, files in os.walk(work.path(base)) for f in files], base
    finally:
        c.stop()


def poll_for(find, proc, timeout=5):
    """What find() finds, while the process lives or a little longer."""
    end = time.monotonic() + timeout
    while not (got := find()) and (proc.poll() is None or time.monotonic() < end - timeout + 0.1) and time.monotonic() < end:
        time.sleep(0.001)
    return got
