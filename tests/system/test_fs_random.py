"""Random sequences of file calls give the same results in a sandbox as on the host, and leave the same trees."""
import os
import subprocess

import pytest

import fs_random

CALLS = 20000
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return fs_random.build(tmp_path_factory.mktemp("fs") / "fs_random")


def host_has(mode):
    if mode != "overlay":
        return True
    script = "mount -t tmpfs none /mnt && cd /mnt && mkdir l u w m && mount -t overlay none -o lowerdir=l,upperdir=u,workdir=w m"
    return subprocess.run(["unshare", "-m", "sh", "-c", script], stderr=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.parametrize("mode,seed", [(m, s) for m in fs_random.MODES for s in fs_random.seeds(m)[:2]])
def test_same_as_host(program, mode, seed):
    if not host_has(mode):
        pytest.skip("no overlayfs here")
    assert fs_random.compare(mode, program, seed, CALLS) == ""
