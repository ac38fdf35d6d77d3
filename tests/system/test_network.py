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
              "for f, t, p in ((2, 3, 1), (2, 1, 132), (17, 3, 0), (16, 3, 0), (40, 1, 0), (38, 5, 0)):\n"
              "    try: socket.socket(f, t, p); print('opened', f, t, p)\n"
              "    except OSError as e: print(e.errno)\n"
              "s = socket.socket()\n"
              "try: s.setsockopt(1, 26, b'x' * 16)\n"
              "except OSError as e: print(e.errno)")
    r = runsc("--network=host", "do", "-quiet", "python3", "-c", script)
    assert r.returncode == 0, r.stderr
    assert re.fullmatch(r"(\d+\n){7}", r.stdout), r.stdout


def test_none_has_no_network():
    r = runsc("--network=none", "do", "-quiet", "python3", "-c",
              "import socket\nfor f in (2, 10, 16):\n"
              "    try: socket.socket(f); print('opened')\n"
              "    except OSError as e: print(e.errno)\n"
              "a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))")
    assert (r.returncode, r.stdout) == (0, "97\n97\n97\nb'x'\n"), r.stderr
