"""runsc port-forward: a port of the container's loopback, from a port of this host and from a unix socket; and low ports inside."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

from conftest import TIMEOUT
from lifecycle import Containers

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="makes network namespaces")
SERVER = "mkdir /tmp/w && cd /tmp/w && echo page >index.html && seq 1 200000 >long && exec busybox httpd -f -p 80"
LONG = "".join(f"{i}\n" for i in range(1, 200001)).encode()


@pytest.fixture
def box(tmp_path):
    b = Containers(tmp_path)
    yield b
    assert b.end() == []


@pytest.fixture
def netns():
    with subprocess.Popen(["unshare", "-n", "sh", "-ec", "ip link set lo up; echo made; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as p:
        assert p.stdout.readline() == "made\n"
        yield f"/proc/{p.pid}/ns/net"
        p.stdin.close()


def joins(path, drop=()):
    def change(c):
        spaces = c["linux"]["namespaces"]
        spaces[:] = [n for n in spaces if n["type"] != "network"] + [{"type": "network", "path": path}]
        for caps in c["process"]["capabilities"].values():
            caps[:] = [n for n in caps if n not in drop]
    return change


@pytest.fixture
def server(box, netns):
    box.quiet("--network=host", "run", "-detach", "-bundle", box.bundle("sh", "-c", SERVER, change=joins(netns)), "web")
    return box



@contextlib.contextmanager
def forward(box, *args):
    p = subprocess.Popen(box.command("port-forward", *args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield p
    finally:
        if p.poll() is None:
            p.send_signal(signal.SIGTERM)
        p.communicate()


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=TIMEOUT) as r:
        return r.read()


def until_served(port):
    """The program may not listen yet: then the connection ends at once."""
    for _ in range(1000):
        with contextlib.suppress(OSError, urllib.error.URLError):
            return get(port, "index.html")
    raise AssertionError("not served")


def test_from_a_port(server):
    with forward(server, "web", "0:80") as p:
        port = re.fullmatch(r"Forwarding from 127\.0\.0\.1:(\d+) -> 80\n", p.stdout.readline())[1]
        assert until_served(port) == b"page\n"
        assert [get(port, "long") == LONG for _ in range(3)] == [True] * 3


def test_from_a_unix_socket(server, tmp_path):
    with forward(server, "web", "0:80") as p:
        until_served(p.stdout.readline().split(":")[1].split()[0])
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen()
        with forward(server, "-stream", path, "web", "80") as p:
            c, _ = s.accept()
            with c:
                c.sendall(b"GET /long HTTP/1.0\r\n\r\n")
                data = b"".join(iter(lambda: c.recv(65536), b""))
            assert data.endswith(b"\r\n\r\n" + LONG)
            assert p.wait(TIMEOUT) == 0


def test_nobody_listens(server):
    with forward(server, "web", "0:81") as p:
        port = int(p.stdout.readline().split(":")[1].split()[0])
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as s:
            assert s.recv(1) == b""
        assert "Connection refused" in p.stderr.readline()


def test_low_port_wants_the_capability(box, netns):
    bundle = box.bundle("busybox", "httpd", "-f", "-p", "80", change=joins(netns, drop=["CAP_NET_BIND_SERVICE"]))
    r = box.runsc("--network=host", "run", "-bundle", bundle, "web")
    assert r.returncode != 0 and "Permission denied" in r.stderr


def test_wrong_words_and_no_network(box):
    box.quiet("--network=none", "run", "-detach", "-bundle", box.bundle("sleep", "1000"), "x")
    for words, what in (("x",), "takes"), (("x", "0"), "1 to 65535"), (("x", "65536"), "1 to 65535"), (("x", ":80"), "1 to 65535"), (("x", "80"), "no network"):
        r = box.runsc("port-forward", *words)
        assert r.returncode == 128 and what in r.stderr, words
