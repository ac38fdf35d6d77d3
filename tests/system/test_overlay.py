"""--overlay2: what lies over the host's files, where its data is kept and how much there may be."""
import os

import pytest

from conftest import runsc

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="directories of its own as root")


@pytest.fixture(params=["true", "false"])
def directfs(request):
    return f"--directfs={request.param}"


WRITE = """
cd {d}
echo changed >small; rm gone; mkdir new; mv dir moved
dd if=/dev/urandom of=big bs=1M count=4 2>&1 | grep -v copied
sha256sum <big >sum; sha256sum <big | cmp - sum; cat small; ls; ls moved
ln big hard; truncate -s 3M hard; stat -c '%s %h' big; rm big; tail -c 1000000 hard | wc -c
"""
WRITTEN = "4+0 records in\n4+0 records out\nchanged\nbig\nmoved\nnew\nsmall\nsum\nin\n3145728 2\n1000000\n"


def fill(d):
    (d / "small").write_text("old")
    (d / "gone").write_text("old")
    (d / "dir").mkdir()
    (d / "dir" / "in").write_text("old")
    return sorted((r, tuple(sorted(ds)), tuple(sorted(fs))) for r, ds, fs in os.walk(d))


@pytest.mark.parametrize("medium", ["memory", "self", "dir"])
def test_changes_stay_apart_wherever_the_data_is(directfs, tmp_path, medium):
    volume, store = tmp_path / "v", tmp_path / "store"
    volume.mkdir()
    store.mkdir()
    before = fill(volume)
    where = f"dir={store}" if medium == "dir" else medium
    r = runsc(directfs, f"--overlay2=all:{where}", "do", "-force-overlay=false", "-volume", volume, "sh", "-c", WRITE.format(d=volume))
    assert (r.returncode, r.stdout, r.stderr) == (0, WRITTEN, "")
    assert sorted((r, tuple(sorted(ds)), tuple(sorted(fs))) for r, ds, fs in os.walk(volume)) == before
    assert (volume / "small").read_text() == "old" and os.listdir(store) == []


def stores_open(pid):
    """Where the files without a name that the sentry has open are."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        target = os.readlink(f"/proc/{pid}/fd/{fd}")
        if target.endswith(" (deleted)") and "/#" in target:
            found.append(os.path.realpath(os.path.dirname(target)))
    return found


@pytest.mark.parametrize("medium", ["self", "dir"])
def test_larger_files_are_files_of_the_host(directfs, sandbox, tmp_path, medium):
    volume, store = tmp_path / "v", tmp_path / "store"
    volume.mkdir()
    store.mkdir()
    if not can_tmpfile(store):
        pytest.skip("the host's file system has no O_TMPFILE")
    where = f"dir={store}" if medium == "dir" else medium
    script = f"cd {volume}; head -c 1000000 /dev/zero >big; echo ready; exec sleep 1000"
    s = sandbox(directfs, f"--overlay2=all:{where}", do_flags=("-force-overlay=false", "-volume", volume), command=("sh", "-c", script))
    assert len(stores_open(s.sentry)) == 1
    assert os.listdir(store) == os.listdir(volume) == []


def can_tmpfile(d):
    try:
        os.close(os.open(d, os.O_TMPFILE | os.O_RDWR, 0o600))
        return True
    except OSError:
        return False


@pytest.mark.parametrize("medium", ["memory", "self"])
def test_size_is_a_limit(directfs, tmp_path, medium):
    (tmp_path / "below").write_bytes(b"x" * 3000000)
    script = f"""cd {tmp_path}; df -B1 . | awk 'NR == 2 {{ print $2 }}'
head -c 1500000 /dev/zero >a && echo fits; head -c 1500000 /dev/zero >b || stat -c %s b; rm a b; head -c 1900000 /dev/zero >c && echo fits again
rm c; echo more >>below || echo no room to copy; true >below && echo emptied; for i in $(seq 300); do echo text >s$i; done; cat s* | wc -l"""
    r = runsc(directfs, f"--overlay2=all:{medium},size=2m", "do", "-force-overlay=false", "-volume", tmp_path, "sh", "-c", script)
    lines = r.stdout.split()
    assert lines[:2] == ["2097152", "fits"] and int(lines[2]) <= 2097152 - 1500000, r
    assert lines[3:] == "fits again no room to copy emptied 300".split(), r


@pytest.mark.parametrize("value", ["root", "root:disk", "all:memory,size=", "all:memory,size=x", "all:memory,size=0", "all:dir=relative", "all:memory,size=1q"])
def test_values_that_are_none(value):
    r = runsc(f"--overlay2={value}", "do", "-force-overlay=false", "true")
    assert r.returncode == 128 and "--overlay2" in r.stderr


def test_a_store_that_is_missing(tmp_path):
    r = runsc(f"--overlay2=all:dir={tmp_path}/none", "do", "-force-overlay=false", "true")
    assert r.returncode == 128 and f"{tmp_path}/none" in r.stderr
