"""A sandbox that was taken over: it listens on the control socket and answers what it likes. argv: socket, what it does."""
import array
import os
import random
import socket
import struct
import sys

ANSWER_MAGIC = 0x61760001
MEMORY = 64 << 20


def text(s):
    return struct.pack("<I", len(s)) + s + b"\0"


def answer(kind, error=0, value=0, values=(), said=b""):
    return struct.pack("<IIiiI", ANSWER_MAGIC, kind, error, value, len(values)) + b"".join(
        struct.pack("<Q", v) for v in values) + text(said)


def garbage(rng, _):
    return rng.randbytes(rng.choice((0, 1, 3, 4, 8, 19, 20, 21, 24, 100, 4096, 4380)))


def mangled(rng, kind):
    a = bytearray(answer(kind, 0, rng.getrandbits(31), [rng.getrandbits(64) for _ in range(8)], b"words"))
    for _ in range(rng.randrange(1, 4)):
        a[rng.randrange(4, len(a))] = rng.getrandbits(8)
    return bytes(a[:rng.randrange(len(a) + 1)] if rng.random() < 0.3 else a)


def absurd(rng, kind):
    number = rng.choice((-(1 << 31), -4095, -110, -1, 0, 1, 255, 256, 0x7f00, 0xffff, (1 << 31) - 1))
    values = [rng.choice((0, 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1))] * rng.choice((0, 1, 6, 8, 32))
    return answer(kind, rng.choice((0, 0, 0, -1, -2, -3, -16, -110, -4095)), number, values,
                  rng.choice((b"", b"a" * 4095, b"\x1b[2J\x1b]0;x\x07\r\nline", b"%s%n%d")))


def fill(rng, fd):
    """What the answer is said to be in."""
    what = rng.randrange(6)
    if what == 0:
        os.ftruncate(fd, rng.choice((1, 4096, MEMORY, 1 << 45)))
    elif what == 1:
        os.pwrite(fd, b"9" * rng.choice((10, 30, 5000)) + b" 1 1 1 1 x 1 1 1 \"a\"\n", 0)
    elif what == 2:
        os.pwrite(fd, b"0 1 0 1 0 ? 1 1 1 \"\x1b[2J\x07\"\n" * rng.choice((1, 20000)), 0)
    elif what == 3:
        os.pwrite(fd, b"\n" * 100000 + b"\0\0\0", 0)
    elif what == 4:
        os.pwrite(fd, rng.randbytes(100000), 0)


def too_much(rng, kind):
    """More than was asked for."""
    return answer(kind, 0, (1 << 31) - 1, [])


def serve(conn, rng, make):
    while True:
        data, fds, _, _ = socket.recv_fds(conn, 8192, 64)
        if not data:
            return
        for fd in fds:
            try:
                if make is too_much:
                    os.ftruncate(fd, 1 << 32)
                else:
                    fill(rng, fd)
            except OSError:
                pass
        kind = struct.unpack_from("<I", data, 4)[0]
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1]))] if rng.random() < 0.2 else []
        try:
            conn.sendmsg([make(rng, kind)], extra)
        except OSError:
            return
        for fd in fds:
            try:
                if rng.random() < 0.5:
                    os.ftruncate(fd, 0)  # behind the reader's back
            except OSError:
                pass
            os.close(fd)
        if make is garbage and rng.random() < 0.5:
            return


def main():
    path, how, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rng = random.Random(seed)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind(path)
    s.listen(64)
    print("ready", flush=True)
    if how == "closed":
        s.close()
    if how in ("deaf", "closed"):
        sys.stdin.read()
        return
    while True:
        conn, _ = s.accept()
        try:
            serve(conn, rng, {"garbage": garbage, "mangled": mangled, "absurd": absurd, "too_much": too_much}[how])
        except ConnectionError:
            pass
        conn.close()


main()
