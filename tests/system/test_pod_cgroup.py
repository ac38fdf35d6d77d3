"""The control groups of a further container: its processes are in them, whatever they come from, and its limits hold for it alone."""
import os
import pathlib
import signal
import subprocess
import uuid

import pytest

from conftest import TIMEOUT, wait_for
from pod import Pod, exit_status

HOST = pathlib.Path("/sys/fs/cgroup/memory")
pytestmark = pytest.mark.skipif(os.getuid() != 0 or not os.access(HOST / "cgroup.procs", os.W_OK), reason="no hierarchy of version 1 to write to")
MIB = 1 << 20


class Limited(Pod):
    def __init__(self, directory):
        super().__init__(directory)
        self.name = f"cvisor-test-{uuid.uuid4().hex[:12]}"

    def group(self, name, **resources):
        def change(c):
            c["linux"]["cgroupsPath"] = f"/{self.name}/{name}"
            c["linux"]["resources"] = resources
        return change

    def procs(self, name):
        return set(map(int, (HOST / self.name / name / "cgroup.procs").read_text().split()))

    def finish(self):
        left = self.end()
        for d in pathlib.Path("/sys/fs/cgroup").glob(f"*/{self.name}"):
            d.rmdir()
        return left


@pytest.fixture
def pod(tmp_path):
    p = Limited(tmp_path)
    yield p
    assert p.finish() == []


def ask(pod, name, n):
    """So many processes of sleep, by exec and by fork."""
    return [subprocess.Popen(pod.command("exec", name, "sh", "-c", "sleep 1000 & wait"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL) for _ in range(n)]


def test_its_processes_are_in_its_groups(pod):
    first = pod.sandbox(change=pod.group("pause"))
    gofer = pod.create("one", pod.further("sh", "-c", "sleep 1000 & sleep 1000", change=pod.group("one")))
    waits = pod.procs("one")
    assert gofer in waits and len(waits) == 2 and first in pod.procs("pause")
    before = pod.procs("pause")
    pod.ok("start", "one")
    assert wait_for(lambda: len(pod.procs("one")) == 2 + 3)
    execs = ask(pod, "one", 2)
    assert wait_for(lambda: len(pod.procs("one")) == 2 + 3 + 4)
    assert pod.procs("pause") == before
    pod.ok("kill", "one", "KILL")
    assert exit_status(gofer) == 128 + signal.SIGKILL
    for p in execs:
        p.wait(TIMEOUT)
    pod.ok("delete", "one")
    assert not (HOST / pod.name / "one").exists()


def test_limits_of_one(pod):
    pod.sandbox(change=pod.group("pause"))
    stays = pod.run("stays", "sleep", "1000", change=pod.group("stays"))
    hog = "x=0123456789; while :; do x=$x$x; done"
    killed = pod.run("hog", "sh", "-c", hog, change=pod.group("hog", memory={"limit": 32 * MIB}))
    assert exit_status(killed) == 128 + signal.SIGKILL
    assert pod.state("stays")["status"] == pod.state("pod")["status"] == "running" and os.path.exists(f"/proc/{stays}")


def test_the_host_kills_what_its_processes_come_from(pod):
    """Then they come from the sandbox's, as where a platform has nothing else."""
    pod.sandbox(change=pod.group("pause"))
    gofer = pod.create("one", pod.further("sleep", "1000", change=pod.group("one")))
    zygote, = pod.procs("one") - {gofer}
    os.kill(zygote, signal.SIGKILL)
    assert wait_for(lambda: pod.procs("one") == {gofer})
    pod.ok("start", "one")
    assert pod.sh("one", "echo here") == "here\n"
    two = pod.create("two", pod.further("sleep", "1000", change=pod.group("two")))
    assert len(pod.procs("two") - {two}) == 1
