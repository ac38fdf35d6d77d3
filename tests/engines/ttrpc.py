"""ttrpc and protobuf in a few lines: enough to be a client of the shim, and containerd for its events."""
import contextlib
import os
import socket
import struct
import threading

REQUEST, RESPONSE, DATA = 1, 2, 3
TASK = "containerd.task.v2.Task"


def _varint(n):
    out = b""
    n &= (1 << 64) - 1
    while True:
        out += bytes([n & 127 | (128 if n >> 7 else 0)])
        n >>= 7
        if not n:
            return out


def message(fields):
    """{number: int | str | bytes | dict | list of these}."""
    out = b""
    for number, value in fields.items():
        for v in value if isinstance(value, list) else [value]:
            if isinstance(v, int):
                out += _varint(number << 3) + _varint(v)
                continue
            v = message(v) if isinstance(v, dict) else v.encode() if isinstance(v, str) else v
            out += _varint(number << 3 | 2) + _varint(len(v)) + v
    return out


def parse(data):
    """{number: last value}: integers and bytes."""
    def varint(at):
        n = shift = 0
        while True:
            n |= (data[at] & 127) << shift
            shift += 7
            at += 1
            if not data[at - 1] & 128:
                return n, at
    out, at = {}, 0
    while at < len(data):
        key, at = varint(at)
        if key & 7 == 0:
            out[key >> 3], at = varint(at)
        else:
            assert key & 7 == 2
            n, at = varint(at)
            out[key >> 3] = data[at:at + n]
            at += n
    return out


def frame(stream, kind, data, flags=0):
    return struct.pack(">IIBB", len(data), stream, kind, flags) + data


def frame_read(sock):
    head = read_all(sock, 10)
    if not head:
        return None
    length, stream, kind, flags = struct.unpack(">IIBB", head)
    return stream, kind, flags, read_all(sock, length)


def read_all(sock, n):
    data = b""
    while len(data) < n:
        part = sock.recv(n - len(data))
        if not part:
            return b""
        data += part
    return data


class Error(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


class Client:
    """One connection; calls may be sent before others are answered."""

    def __init__(self, path, timeout=30):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.stream, self.answers = -1, {}

    def send(self, method, fields=None, service=TASK, timeout=0, flags=0, payload=None):
        self.stream += 2
        q = {1: service, 2: method, 3: message(fields or {}) if payload is None else payload}
        if timeout:
            q[4] = timeout
        self.sock.sendall(frame(self.stream, REQUEST, message(q), flags))
        return self.stream

    def answer(self, stream):
        while stream not in self.answers:
            got = frame_read(self.sock)
            if got is None:
                raise EOFError
            assert got[1] == RESPONSE
            self.answers[got[0]] = parse(got[3])
        r = self.answers.pop(stream)
        status = parse(r.get(1, b""))
        if status.get(1):
            raise Error(status[1], status.get(2, b"").decode())
        return parse(r.get(2, b""))

    def call(self, method, fields=None, **kw):
        return self.answer(self.send(method, fields, **kw))

    def close(self):
        self.sock.close()


class EventServer:
    """Takes events; behave(n) says what to do with the n-th: "ok", "error", "drop" (the connection), "silent"."""

    def __init__(self, path, behave=lambda n: "ok"):
        self.path, self.behave, self.got, self.n = path, behave, [], 0
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.bind(path)
        self.sock.listen()
        self.conns = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            self.conns.append(conn)
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        while True:
            try:
                got = frame_read(conn)
            except OSError:
                return
            if got is None:
                return
            stream, kind, _, data = got
            assert kind == REQUEST
            q = parse(data)
            what = self.behave(self.n)
            self.n += 1
            e = parse(parse(q[3])[1])
            if what == "drop":
                conn.close()
                return
            if what == "ok":
                assert (q[1], q[2]) == (b"containerd.services.events.ttrpc.v1.Events", b"Forward")
                event = parse(e[4])
                self.got.append((e[3].decode(), e[2].decode(), event[1].decode(), parse(event.get(2, b""))))
            if what in ("ok", "error"):
                with contextlib.suppress(OSError):
                    conn.sendall(frame(stream, RESPONSE, message({1: {1: 2, 2: "no"}} if what == "error" else {2: b""})))

    def topics(self):
        return [t for t, *_ in self.got]

    def close(self):
        """As if containerd were gone."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        for c in self.conns:
            with contextlib.suppress(OSError):
                c.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            os.unlink(self.path)
