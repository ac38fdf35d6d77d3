"""Random sequences of calls on unix sockets give the same results in a sandbox as on the host."""
import os
import platform
import re
import subprocess

import pytest

from conftest import ROOT, RUNSC, TIMEOUT

CALLS = 5000
SEEDS = range(1, 9)
# Linux's own order of checks in sends of datagrams is that of these versions since 6.14.
pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="sends credentials of process 1"),
              pytest.mark.skipif(tuple(map(int, re.findall(r"\d+", platform.release())[:2])) < (6, 18), reason="older Linux")]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    out = tmp_path_factory.mktemp("unix") / "unix_random"
    subprocess.run([os.environ.get("CC", "gcc"), "-std=gnu17", "-O1", "-static",
                    os.path.join(ROOT, "tests", "system", "unix_random.c"), "-o", out], check=True)
    return out


@pytest.mark.parametrize("seed", SEEDS)
def test_same_as_host(program, tmp_path, seed):
    texts = []
    for name, prefix in (("host", []), ("cage", [RUNSC, "do", "-quiet"])):
        (tmp_path / name).mkdir()
        # Not as process 1, whose credentials the program tells from its own.
        cmd = [*prefix, "sh", "-c", "\"$@\"; exit $?", "sh", str(program), str(seed), str(CALLS), str(tmp_path / name)]
        r = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=10 * TIMEOUT, check=False)
        assert r.returncode == 0, r.stderr
        texts.append(r.stdout.splitlines())
    assert len(texts[0]) == 3 * CALLS
    differing = [pair for pair in zip(*texts) if pair[0] != pair[1]]
    assert not differing, differing[:4]
