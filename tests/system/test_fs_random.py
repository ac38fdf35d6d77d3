"""Random sequences of file calls give the same results in a sandbox as on the host: over the memory overlay, and on a host
directory that the container may write, where the same tree must be left behind."""
import json
import os
import shutil
import subprocess

import pytest

from conftest import ROOT, runsc

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
CALLS = 2000
CAPS = ["CAP_SYS_CHROOT", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_CHOWN", "CAP_FSETID"]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    out = tmp_path_factory.mktemp("fs") / "fs_random"
    source = os.path.join(ROOT, "tests", "system", "fs_random.c")
    subprocess.run(["gcc", "-std=gnu17", "-O1", "-static", source, "-o", out], check=True)
    return out


def make_tree(top):
    os.makedirs(top / "a" / "b" / "c")
    os.makedirs(top / "b" / "a")
    os.makedirs(top / "d")
    (top / "a" / "a").write_text("hello\n")
    (top / "c").write_text("lower\n")
    (top / "b" / "b").write_text("x\n")
    os.symlink("a", top / "e")
    os.symlink("../c", top / "a" / "b" / "e")
    os.link(top / "c", top / "d" / "c")
    os.makedirs(top / "a" / "d")
    for name in ("a", "e1", "e2"):
        (top / "a" / "d" / name).write_text(name)


def native(program, seed, top):
    return subprocess.run([program, str(seed), str(CALLS), top], check=True, stdout=subprocess.PIPE, text=True).stdout


def differs(want, got):
    for n, (w, g) in enumerate(zip(want.split("\n"), got.split("\n"))):
        if w != g:
            return f"call {n}: host: {w}   sandbox: {g}"
    return "length" if want != got else None


def tree(top):
    found = {}
    for here, dirs, files in os.walk(top):
        for name in dirs + files:
            path = os.path.join(here, name)
            st = os.lstat(path)
            text = os.readlink(path) if os.path.islink(path) else open(path, "rb").read() if name in files else None
            found[os.path.relpath(path, top)] = (st.st_mode, None if os.path.isdir(path) else st.st_nlink, text)
    return found


@pytest.mark.parametrize("seed", range(1, 7))
def test_overlay(program, tmp_path, seed):
    make_tree(tmp_path / "host")
    make_tree(tmp_path / "box")
    want = native(program, seed, tmp_path / "host")
    got = runsc("do", program, seed, CALLS, tmp_path / "box")
    assert got.returncode == 0, got.stderr
    assert differs(want, got.stdout) is None


@pytest.mark.parametrize("seed", range(11, 15))
def test_writable_root(program, tmp_path, seed):
    make_tree(tmp_path / "host")
    bundle = tmp_path / "bundle"
    root = bundle / "rootfs"
    make_tree(root / "box")
    shutil.copy(program, root / "fs_random")
    config = {
        "ociVersion": "1.0.0",
        "process": {"user": {"uid": 0, "gid": 0}, "args": ["/fs_random", str(seed), str(CALLS), "/box"], "cwd": "/",
                    "env": ["PATH=/"], "capabilities": {s: CAPS for s in ("bounding", "effective", "permitted")}},
        "root": {"path": "rootfs", "readonly": False},
        "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}]},
    }
    (bundle / "config.json").write_text(json.dumps(config))
    want = native(program, seed, tmp_path / "host")
    got = runsc("--overlay2=none", "--ignore-cgroups", "--root", tmp_path / "state", "run", "--bundle", bundle, f"fs{seed}")
    assert got.returncode == 0, got.stderr
    assert differs(want, got.stdout) is None
    assert tree(root / "box") == tree(tmp_path / "host")
