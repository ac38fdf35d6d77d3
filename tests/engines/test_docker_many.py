"""Many containers: fifty at once, and two hundred in a row that leave nothing."""
import concurrent.futures
import os
import subprocess

import pytest

from conftest import options
from engines import IMAGE, TIMEOUT, descendants, poll


def fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def used(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss_Anon:"))


@pytest.mark.parametrize("count", [8, pytest.param(50, marks=pytest.mark.soak)])
def test_at_once(docker, runtime, count):
    def one(i):
        return docker("run", "-d", "--name", f"c{i}", *options(runtime), IMAGE, "sh", "-c", f"echo {i}; exec sleep 1000", timeout=600)
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        list(pool.map(one, range(count)))
        assert len(docker.out("ps", "-q").split()) == count
        got = list(pool.map(lambda i: docker("exec", f"c{i}", "sh", "-c", "hostname; exit 3", want=3, timeout=600).stdout, range(count)))
        assert len(set(got)) == count
        assert list(pool.map(lambda i: docker.out("logs", f"c{i}"), range(count))) == [str(i) for i in range(count)]
        list(pool.map(lambda i: docker("rm", "-f", f"c{i}", timeout=600), range(count)))
    assert docker.out("ps", "-aq") == ""


@pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.soak)])
def test_in_a_row(docker, runtime, count):
    daemons = (docker.daemon.proc.pid, docker.containerd.proc.pid)

    def round_of():
        assert docker.out("run", "--rm", *options(runtime), IMAGE, "sh", "-c", "echo hi; sleep 0") == "hi"

    def figures():
        poll(lambda: not docker.left_over(), timeout=20, what="everything is removed")
        return len(descendants(os.getpid())), len(docker.work.mounts()), [fds(p) for p in daemons]
    for _ in range(3):
        round_of()
    before = figures()
    for _ in range(count):
        round_of()
    after = figures()
    assert after[0] <= before[0] and after[1] <= before[1], (before, after)
    assert all(a <= b + 8 for a, b in zip(after[2], before[2])), (before, after)


def test_commands_at_once_on_one_container(docker, launch):
    """What the lock of a container orders: no command fails for another one's sake but where Linux's order of events says so."""
    launch("-d", "--name", "c1", command=["sleep", "1000"])
    jobs = [("exec", "c1", "true")] * 6 + [("top", "c1")] * 3 + [("inspect", "c1")] * 2 + [("update", "--cpus", "1", "c1")] * 2
    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        list(pool.map(lambda a: docker(*a), jobs))


def test_stop_and_remove_at_once(docker, launch):
    launch("-d", "--name", "c1", command=["sleep", "1000"])
    procs = [docker.popen("rm", "-f", "c1", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(4)]
    procs.append(docker.popen("kill", "c1", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    for p in procs:
        p.wait(TIMEOUT)
    poll(lambda: docker.out("ps", "-aq") == "", what="removed")
