"""Many of one kind in one sandbox: threads, processes, forks, files. The program's counts are those of any Linux."""
import os
import subprocess

import pytest

from conftest import ROOT, RUNSC
from programs import ENV, SANDBOX, memory_available, memory_limit

GIB = 1 << 30
COUNTS = {
    "threads": "1003 entries, 1000 joined, sum 4995000\n",  # with "." and ".." and the first thread
    "processes": "500 ended, sum 24750\n",
    "forks": "10000 ended\n",
    "big_file": "2147483648 bytes, size 2147483648, equal\n",
    "small_files": "100000 seen, sum 4999950000, 1031 right, rmdir 0\n",
    "open_files": "20000 right, 0\nlowest 3\n",
}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    out = tmp_path_factory.mktemp("stress") / "stress"
    subprocess.run(["gcc", "-O2", "-static", "-pthread", "-o", out, os.path.join(ROOT, "tests/system/stress.c")], check=True)
    return out


@pytest.mark.parametrize("case", COUNTS)
def test_stress(case, program, tmp_path):
    if case == "big_file" and memory_available() < 4 * GIB:
        pytest.skip("the file needs 2 GiB of memory")
    if case == "open_files":  # files of the host, beside the new ones
        (tmp_path / "old").mkdir()
        for i in range(1, 20000, 2):
            (tmp_path / "old" / str(i)).write_text(f"old/{i}")
    with memory_limit(4 * GIB) as enter:
        r = subprocess.run([*SANDBOX, program, case], cwd=tmp_path, env=ENV, stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, timeout=120, preexec_fn=enter, check=False)
    assert (r.returncode, r.stdout, r.stderr) == (0, COUNTS[case], "")


def test_layer_in_memory_is_bounded():
    """More than there is memory is refused, not taken until somebody is killed."""
    with memory_limit(GIB) as enter:
        r = subprocess.run([RUNSC, "--overlay2=root:memory", "do", "fallocate", "-l", "15T", "/tmp/big"], env=ENV,
                           capture_output=True, text=True, timeout=60, preexec_fn=enter, check=False)
    assert r.returncode == 1 and "No space left on device" in r.stderr
