"""--network: a sandbox on the host's network reaches the host's sockets and is reached; without it there is none."""
import re
import socket
import subprocess
import threading

from conftest import RUNSC, TIMEOUT, runsc


def test_host_tcp_out():
    with socket.create_server(("127.0.0.1", 0)) as server:
        got = []

        def serve():
            conn, _ = server.accept()
            with conn:
                data = b""
                while chunk := conn.recv(65536):
                    data += chunk
                got.append(len(data))
                conn.sendall(b"thanks")

        thread = threading.Thread(target=serve)
        thread.start()
        script = (f"import socket; c = socket.create_connection(('127.0.0.1', {server.getsockname()[1]}));"
                  "c.sendall(b'x' * 1000000); c.shutdown(socket.SHUT_WR); print(c.recv(100))")
        r = runsc("--network=host", "do", "-quiet", "python3", "-c", script)
        thread.join(TIMEOUT)
    assert (r.returncode, r.stdout) == (0, "b'thanks'\n"), r.stderr
    assert got == [1000000]


def test_host_tcp_in():
    script = ("import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True);"
              "c, a = s.accept(); c.sendall(c.recv(100).upper())")
    p = subprocess.Popen([RUNSC, "--network=host", "do", "-quiet", "python3", "-c", script], stdout=subprocess.PIPE,
                         stdin=subprocess.DEVNULL, text=True)
    try:
        port = int(p.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), TIMEOUT) as c:
            c.sendall(b"hello")
            assert c.recv(100) == b"HELLO"
        assert p.wait(TIMEOUT) == 0
    finally:
        p.kill()
        p.communicate()


def test_host_only_tcp_and_udp():
    script = ("import socket\n"
              "for f, t, p in ((2, 3, 1), (2, 1, 132), (17, 3, 0), (16, 3, 9), (40, 1, 0), (38, 5, 0)):\n"
              "    try: socket.socket(f, t, p); print('opened', f, t, p)\n"
              "    except OSError as e: print(e.errno)\n"
              "s = socket.socket()\n"
              "try: s.setsockopt(1, 26, b'x' * 16)\n"
              "except OSError as e: print(e.errno)")
    r = runsc("--network=host", "do", "-quiet", "python3", "-c", script)
    assert r.returncode == 0, r.stderr
    assert re.fullmatch(r"(\d+\n){7}", r.stdout), r.stdout


def test_none_has_no_network():
    """Only lo, and IP sockets that reach nobody: whatever would need a transport fails, and says so."""
    script = ("import errno, socket\n"
              "def no(f, *a):\n"
              "    try: print('done', f(*a))\n"
              "    except OSError as e: print(errno.errorcode[e.errno])\n"
              "for f, me in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):\n"
              "    t, u = socket.socket(f), socket.socket(f, socket.SOCK_DGRAM)\n"
              "    no(t.bind, (me, 8000)); no(t.listen); no(t.connect, (me, 8000)); no(t.send, b'x')\n"
              "    no(u.bind, ('', 8000)); no(u.sendto, b'x', (me, 8000))\n"
              "no(socket.socket().connect, ('192.0.2.1', 80))\n"
              "print([n for i, n in socket.if_nameindex()])\n"
              "a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))")
    r = runsc("--network=none", "do", "-quiet", "python3", "-c", script)
    assert r.returncode == 0, r.stderr
    each = ["EADDRNOTAVAIL", "EADDRINUSE", "ECONNREFUSED", "EPIPE", "EADDRNOTAVAIL", "ENETUNREACH"]
    assert r.stdout.split("\n") == [*each, *each, "ENETUNREACH", "['lo']", "b'x'", ""]


def test_host_interfaces_are_read_only():
    ours = runsc("--network=host", "do", "-quiet", "sh", "-c", "cut -d: -f1 /proc/net/dev; ls /sys/class/net").stdout
    assert ours == subprocess.run(["sh", "-c", "cut -d: -f1 /proc/net/dev; ls /sys/class/net"], check=True,
                                  stdout=subprocess.PIPE, text=True).stdout
    script = ("import socket, struct\n"
              "s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)\n"
              "try: s.send(struct.pack('IHHIIBBHiII', 32, 16, 5, 1, 0, 0, 0, 0, 1, 0, 1)); print(s.recv(100)[16:20])\n"
              "except OSError as e: print(e.errno)")
    assert runsc("--network=host", "do", "-quiet", "python3", "-c", script).stdout == "1\n"


def test_sockets_of_the_host_are_listed_once():
    """As netstat sees them with the host's network: others' beside the sandbox's own."""
    script = ("import socket; own = [socket.create_server(('127.0.0.1', 0)), socket.create_server(('::1', 0), family=socket.AF_INET6)];"
              "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.1', 0));"
              "print(*[s.getsockname()[1] for s in own + [u]]);"
              "[print(open('/proc/net/' + n).read()) for n in ('tcp', 'tcp6', 'udp')]")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        theirs = [server.getsockname()[1], udp.getsockname()[1]]
        r = runsc("--network=host", "do", "-quiet", "python3", "-c", script)
    assert r.returncode == 0, r.stderr
    first, rest = r.stdout.split("\n", 1)
    assert all(rest.count(f":{int(p):04X} 0") == 1 for p in (*first.split(), *theirs)), r.stdout
    slots = [int(line.split(":")[0]) for line in rest.split("\n\n")[0].splitlines()[1:]]
    assert slots == list(range(len(slots)))
    none = runsc("--network=none", "do", "-quiet", "cat", "/proc/net/tcp")
    assert f":{theirs[0]:04X}" not in none.stdout
