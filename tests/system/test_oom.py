"""A sandbox in a memory cgroup, whose programs want more than that: they are killed, or refused; the sandbox is not."""
import contextlib
import subprocess

import pytest

from conftest import PLATFORMS, RUNSC
from programs import ENV, memory_limit

MIB = 1 << 20
EATERS = {
    "private": "perl -e '$x = \"x\" x (1 << 29)' 2>/dev/null; echo $?",
    "shared": "/usr/bin/python3 -c 'import mmap; m = mmap.mmap(-1, 1 << 29); [m.__setitem__(i, 1) for i in range(0, 1 << 29, 4096)]'; echo $?",
    "memfd": "/usr/bin/python3 -c 'import mmap, os; f = os.memfd_create(\"x\"); os.ftruncate(f, 1 << 29); m = mmap.mmap(f, 1 << 29); [m.__setitem__(i, 1) for i in range(0, 1 << 29, 4096)]'; echo $?",
    "processes": "(for i in $(seq 200); do perl -e '$x = \"x\" x (1 << 22); sleep 100' & done; wait -n; s=$?; kill $(jobs -p); wait; exit $s) 2>/dev/null; echo $?",
}


@contextlib.contextmanager
def limited(size):
    with memory_limit(size) as enter:
        if not enter:
            pytest.skip("no memory cgroup can be made")
        yield lambda *argv: subprocess.run([RUNSC, *argv], env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                           text=True, timeout=60, preexec_fn=enter, check=False)


@pytest.fixture
def run():
    with limited(256 * MIB) as r:
        yield r


@pytest.fixture
def run_small():
    with limited(64 * MIB) as r:
        yield r


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("what", EATERS)
def test_the_program_is_killed(run, what, platform):
    r = run(f"--platform={platform}", "--network=none", "do", "bash", "-c", EATERS[what] + "; echo the rest; exit 3")
    assert (r.returncode, r.stdout) == (3, "137\nthe rest\n"), r.stderr


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("source", ("file", "zero"))
def test_a_large_read_kills_its_reader_alone(run_small, tmp_path, source, platform):
    """Its memory is let go of at once: the host does not go on to the shell. Only some of the runs showed that it did."""
    name = "/dev/zero"
    if source == "file":
        name = tmp_path / "large"
        with open(name, "wb") as f:
            f.truncate(256 * MIB)
    for _ in range(15):
        r = run_small(f"--platform={platform}", "--network=none", "do", "sh", "-c", f"dd if={name} of=/dev/null bs=256M count=1; echo $?")
        assert (r.returncode, r.stdout) == (0, "137\n"), r.stderr


def test_files_in_memory_are_bounded(run):
    """Three quarters for all together, whichever file system they are on."""
    r = run("--overlay2=root:memory", "--network=none", "do", "bash", "-c",
            "head -c 100M /dev/zero >/dev/shm/a; head -c 100M /dev/zero >/tmp/b; echo $?; stat -c %s /dev/shm/a; rm /dev/shm/a; head -c 50M /dev/zero >>/tmp/b; echo $?;"
            "/usr/bin/python3 -c 'import os; os.posix_fallocate(os.memfd_create(\"x\"), 0, 1 << 33)' 2>&1 | tail -1")
    assert r.stdout == "1\n104857600\n0\nOSError: [Errno 28] No space left on device\n" and "No space left" in r.stderr, r


def test_programs_see_the_limit(run):
    r = run("do", "grep", "MemTotal", "/proc/meminfo")
    assert r.stdout.split() == ["MemTotal:", str(256 * 1024), "kB"]
