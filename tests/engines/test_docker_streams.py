"""Standard streams and terminals under Docker: large outputs, stdin's end, attach and detach, -it, resize."""
import hashlib
import os
import subprocess

import pytest

from conftest import options
from engines import IMAGE, poll

MIB = 1 << 20


def test_large_output(docker, runtime):
    p = docker("run", "--rm", *options(runtime), IMAGE, "sh", "-c", "yes abcdefghijklmnopqrstuvwxyz | head -c 20971520", text=False)
    assert len(p.stdout) == 20 * MIB
    assert p.stdout == (b"abcdefghijklmnopqrstuvwxyz\n" * MIB)[:20 * MIB]


def test_large_logs(docker, launch):
    launch("--name", "c1", "-d", command=["sh", "-c", "seq 1 60000; seq 1 1000 >&2"])
    docker("wait", "c1")
    r = docker("logs", "c1")
    assert r.stdout == "".join(f"{i}\n" for i in range(1, 60001))
    assert r.stderr == "".join(f"{i}\n" for i in range(1, 1001))
    assert docker("logs", "--tail", "2", "c1").stdout.splitlines()[-1] == "60000"


def test_logs_follow(docker, launch):
    launch("-d", "--name", "c1", command=["sh", "-c", "echo a; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo b"])
    p = docker.popen("logs", "-f", "c1", stdout=subprocess.PIPE)
    assert p.stdout.readline() == b"a\n"
    docker("exec", "c1", "touch", "/tmp/go")
    assert p.communicate(timeout=60)[0] == b"b\n"


def test_stdin_through(docker, runtime):
    data = os.urandom(MIB) * 8
    r = docker("run", "-i", "--rm", *options(runtime), IMAGE, "sha256sum", input=data, text=False)
    assert r.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_stdin_and_back(docker, runtime):
    data = os.urandom(MIB) * 4
    r = docker("run", "-i", "--rm", *options(runtime), IMAGE, "cat", input=data, text=False)
    assert r.stdout == data


def test_stdin_closed(launch):
    assert launch("-i", "--rm", command=["sh", "-c", "cat; echo end"], input="").stdout == "end\n"
    assert launch("--rm", command=["sh", "-c", "cat; echo end"]).stdout == "end\n"


def test_exec_stdin_closed(docker, launch):
    launch("-d", "--name", "c1", command=["sleep", "1000"])
    assert docker("exec", "-i", "c1", "sh", "-c", "cat; echo end", input="x\n").stdout == "x\nend\n"


def test_output_after_the_reader_is_gone(docker, runtime):
    """The engine keeps the log when nobody is attached any more."""
    p = docker.popen("run", "--name", "c1", "--sig-proxy=false", *options(runtime), IMAGE, "sh", "-c",
                     "echo a; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo b", stdout=subprocess.PIPE)
    assert p.stdout.readline() == b"a\n"
    p.kill()
    p.communicate()
    docker("exec", "c1", "touch", "/tmp/go")
    assert docker.out("wait", "c1") == "0"
    assert docker.out("logs", "c1") == "a\nb"


def test_attach(docker, launch):
    launch("-d", "-i", "--name", "c1", command=["sh", "-c", "read x; echo $x; read x; exit 4"])
    p = docker.popen("attach", "c1", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    p.stdin.write(b"line\n")
    p.stdin.flush()
    assert p.stdout.readline() == b"line\n"
    assert p.communicate(b"end\n", timeout=60)[0] == b""
    assert p.returncode == 4


# ------------------------------------------------------------------ terminals
@pytest.fixture
def terminal(docker):
    made = []

    def make(*args, **kw):
        made.append(docker.terminal(*args, **kw))
        return made[-1]
    yield make
    for t in made:
        t.close()


PROMPT = r"(/|~) # "


def test_run_it(terminal, runtime):
    t = terminal("run", "-it", "--rm", *options(runtime), IMAGE)
    t.expect(PROMPT)
    t.send("tty; stty size\r")
    t.expect(r"/dev/(pts/0|console)\r\n24 80\r\n")
    t.send("echo $((6 * 7))\r")
    t.expect(r"\r\n42\r\n")
    t.send("exit 5\r")
    assert t.wait() == 5


def test_keys(terminal, runtime):
    t = terminal("run", "-it", "--rm", *options(runtime), IMAGE, "sh", "-c", 'trap "echo got; exit 8" INT; echo ready; while :; do sleep 0.1; done')
    t.expect("ready")
    t.send("\x03")
    t.expect("got")
    assert t.wait() == 8
    t = terminal("run", "-it", "--rm", *options(runtime), IMAGE, "sh", "-c", "echo ready; cat; echo end; exit 9")
    t.expect("ready")
    t.send("a\r\x04")
    t.expect("end")
    assert t.wait() == 9


def test_resize(terminal, runtime):
    t = terminal("run", "-it", "--rm", *options(runtime), IMAGE, "sh", "-c", 'trap "stty size" WINCH; echo ready; while :; do sleep 0.1; done')
    t.expect("ready")
    t.resize(41, 123)
    t.expect("41 123")
    t.send("\x03")
    t.wait()


def test_exec_it(docker, launch, terminal):
    launch("-d", "--name", "c1", command=["sleep", "1000"])
    t = terminal("exec", "-it", "c1", "sh", rows=30, columns=100)
    t.expect(PROMPT)
    t.send("stty size\r")
    t.expect("30 100")

    def resized():
        """The client tells its size once before it listens for changes: one in between is not noticed, so it is made to change again."""
        t.resize(31, 102)
        t.resize(31, 101)
        t.send("stty size\r")
        return t.expect(r"(\d+) (\d+)\r\n").groups() == ("31", "101")
    poll(resized, what="the new size")
    t.send("exit 6\r")
    assert t.wait() == 6
    docker("exec", "c1", "true")


def test_detach_and_attach(docker, runtime, terminal):
    t = terminal("run", "-it", "--name", "c1", *options(runtime), IMAGE)
    t.expect(PROMPT)
    t.send("a=kept\r")
    t.expect(PROMPT)
    t.send("\x10\x11")  # ctrl-p ctrl-q
    assert t.wait() == 0
    assert docker.inspect("c1", "{{.State.Running}}") is True
    t = terminal("attach", "c1")
    t.send("echo got-$a\r")
    t.expect("got-kept")
    t.send("exit 3\r")
    assert t.wait() == 3


def test_terminal_output_is_whole(terminal, runtime):
    t = terminal("run", "-it", "--rm", *options(runtime), IMAGE, "seq", "1", "20000")
    t.expect(r"\b20000\r\n")
    assert t.wait() == 0
