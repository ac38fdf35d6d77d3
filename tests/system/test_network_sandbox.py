"""--network=sandbox: what the container has on the host is read and handed over, and it is said that nothing is sent by it yet."""
import os
import subprocess

import pytest

from conftest import runsc
from lifecycle import Containers

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="makes network namespaces")
# Two links, one of them up with addresses, a route and a neighbour.
SETUP = """
ip link set lo up
ip link add cv0 type veth peer name cv1
ip link set cv1 up
ip link set cv0 up mtu 1400
ip addr add 10.99.0.2/24 dev cv0
ip -6 addr add fd99::2/64 dev cv0 nodad
ip route add 10.98.0.0/16 via 10.99.0.1
ip neigh add 10.99.0.1 lladdr 02:00:00:00:00:01 dev cv0
echo made
exec cat
"""


@pytest.fixture
def box(tmp_path):
    b = Containers(tmp_path)
    yield b
    assert b.end() == []


@pytest.fixture
def netns():
    with subprocess.Popen(["unshare", "-n", "sh", "-ec", SETUP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as p:
        assert p.stdout.readline() == "made\n"
        yield p
        p.stdin.close()


def in_netns(p, *command):
    return subprocess.run(["nsenter", "-t", str(p.pid), "-n", *command], stdout=subprocess.PIPE, text=True, check=True).stdout


def joins(path):
    def change(config):
        spaces = config["linux"]["namespaces"]
        spaces[:] = [n for n in spaces if n["type"] != "network"] + [{"type": "network", "path": path}]
    return change


def test_taken_over(box, netns, tmp_path):
    log = tmp_path / "debug.log"
    bundle = box.bundle("sleep", "1000", change=joins(f"/proc/{netns.pid}/ns/net"))
    flags = ("--network=sandbox", "--debug", f"--debug-log={log}")
    box.quiet(*flags, "create", "-bundle", bundle, "net")
    text = log.read_text()
    counts = text.split("network: ")[-1] if "links," not in text else next(x for x in text.splitlines() if "links," in x)
    links, _, addresses, _, routes, _, neighbours = counts.split("network: ")[1].split()[:7]
    # Linux makes link-local addresses, and routes for what is local, of its own accord.
    assert int(links) == 3 and int(addresses) >= 4 and int(routes) >= 5 and int(neighbours) >= 1
    assert "cv0 mtu=1400" in text and " lo mtu=" in text
    # A socket for each link but lo, bound to it, that receives nothing (protocol 0).
    sockets = [s.split() for s in in_netns(netns, "cat", "/proc/net/packet").splitlines()[1:]]
    index = sorted(in_netns(netns, "ip", "-o", "link", "show", n).split(":")[0] for n in ("cv0", "cv1"))
    assert sorted(s[4] for s in sockets) == index and {s[3] for s in sockets} == {"0000"}
    box.ok("start", "net")
    box.ok("delete", "-force", "net")
    assert in_netns(netns, "cat", "/proc/net/packet").count("\n") == 1


def test_said(box, netns):
    bundle = box.bundle("cat", "/proc/net/dev", change=joins(f"/proc/{netns.pid}/ns/net"))
    r = box.runsc("--network=sandbox", "run", "-bundle", bundle, "said")
    assert r.returncode == 0 and "lo:" in r.stdout and "cv0" not in r.stdout
    assert "not there yet" in r.stderr and "--network=host" in r.stderr


def test_default_is_quiet():
    r = runsc("do", "true")
    assert (r.returncode, r.stderr) == (0, "")


def test_wrong_namespace_is_named(box):
    bundle = box.bundle("true", change=joins("/proc/self/status"))
    r = box.runsc("--network=sandbox", "run", "-bundle", bundle, "wrong")
    assert r.returncode == 128 and "linux.namespaces: network: /proc/self/status is not a namespace of this type" in r.stderr
