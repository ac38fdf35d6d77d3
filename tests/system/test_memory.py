"""Memory returns: after a program that used much, the sandbox has what it had before, within 10 %."""
import os
import re
import select
import subprocess
import time

import pytest

from conftest import ROOT, descendants

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts inside")
FILES = 100000
SHELL = 'echo ready; while read -r c; do eval "$c"; echo "done $?"; done'


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    out = tmp_path_factory.mktemp("memory") / "memory_use"
    source = os.path.join(ROOT, "tests", "system", "memory_use.c")
    subprocess.run(["gcc", "-std=gnu17", "-O1", "-static", "-pthread", source, "-o", out], check=True)
    return out


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    top = tmp_path_factory.mktemp("many")
    for i in range(FILES):
        (top / f"file-{i}").touch()
    return top


def rollup(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            return {k: int(v) for k, v in re.findall(r"^(\w+): +(\d+) kB$", f.read(), re.M)}
    except OSError:
        return None


def pss(s):
    """kB of sentry and gofer, and of the stubs what is not a file's page, whose share depends on who else maps it."""
    sum_kb = rollup(s.sentry)["Pss"] + rollup(s.gofer)["Pss"]
    for pid in descendants(s.sentry):
        r = rollup(pid)
        sum_kb += r["Pss_Anon"] + r["Pss_Shmem"] if r else 0
    return sum_kb


def do(s, command):
    s.proc.stdin.write(command.encode() + b"\n")
    s.proc.stdin.flush()
    assert s.proc.stdout.readline() == b"done 0\n"


def settled(s, good):
    """Looks until good(kB), or until it is clear that it will not be; the last kB."""
    end = time.monotonic() + 30
    while not good(pss(s)) and time.monotonic() < end:
        assert not select.select([s.proc.stdout], [], [], 0.1)[0], "the sandbox ended"
    return pss(s)


def at_rest(s):
    """What it has when nothing has been going on for a while: three looks, half a second apart, see the same."""
    seen = [-1, -2, -3, -4]
    while len(set(seen)) > 1:
        assert not select.select([s.proc.stdout], [], [], 0.5)[0], "the sandbox ended"
        seen = seen[1:] + [pss(s)]
    return seen[0]


@pytest.mark.parametrize("flags, small, large", [
    ((), "walk /etc", "bytes private"),
    ((), "walk /etc", "bytes shared"),
    ((), "walk /etc", "bytes file /mnt/big"),
    ((), "walk /etc", "bytes file /root/big"),
    ((), "files /root/d 10", f"files /root/d {FILES}"),
    ((), "files /mnt/d 10", f"files /mnt/d {FILES}"),
    ((), "walk /etc", "walk MANY"),
    (("--overlay2=none",), "walk /etc", "walk MANY"),
    ((), "threads 10", "threads 1000"),
    ((), "processes 3", "processes 300"),
    ((), "open /etc/passwd 10", "open /etc/passwd 10000"),
], ids=["private", "shared", "tmpfs-data", "overlay-data", "overlay-files", "tmpfs-files", "overlay-walk", "gofer-walk",
        "threads", "processes", "descriptors"])
def test_memory_returns(sandbox, program, many, flags, small, large):
    s = sandbox(*flags, do_flags=("-force-overlay=false",) if flags else (), command=("sh", "-c", SHELL), stdin=subprocess.PIPE)
    do(s, "mount -t tmpfs none /mnt")
    do(s, f"{program} {small}")
    before = at_rest(s)
    do(s, f"{program} {large}".replace("MANY", str(many)))
    after = settled(s, lambda kb: kb <= before * 1.1)
    assert after <= before * 1.1, f"before {before} kB, after {after} kB"
