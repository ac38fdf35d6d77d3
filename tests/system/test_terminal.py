"""A program on the user's terminal: what keys, windows and job control do goes through as without the sandbox."""
import os
import signal
import termios

from conftest import KEY_TIMEOUT as TIMEOUT, SANDBOX, Terminal


def shell(terminal):
    t = terminal("bash", "--norc", "--noprofile", "-i")
    t.expect("PROMPT> ")
    return t


def test_it_is_a_terminal(terminal):
    t = terminal("sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo all; stty size")
    t.expect(r"/dev/\S+\r\nall\r\n24 80\r\n")
    assert t.proc.wait(TIMEOUT) == 0


def test_echo_and_end_of_file(terminal):
    t = terminal("cat")
    t.send("word\n")
    t.expect(r"word\r\nword\r\n")
    t.send("\x04")
    assert t.proc.wait(TIMEOUT) == 0


def test_interrupt_key(terminal):
    t = terminal("sh", "-c", "trap 'echo caught; exit 3' INT; echo ready; while :; do read x; done")
    t.expect("ready")
    t.send("\x03")
    t.expect("caught")
    assert t.proc.wait(TIMEOUT) == 3


def test_interrupt_key_kills(terminal):
    t = terminal("sh", "-c", "echo ready; exec cat")
    t.expect("ready")
    t.send("\x03")
    assert t.proc.wait(TIMEOUT) in (-signal.SIGINT, 128 + signal.SIGINT)


def test_window_size(terminal):
    t = terminal("bash", "-c", "trap 'stty size; exit' WINCH; echo ready; while :; do read -t 0.05 x; done")
    t.expect("ready")
    t.resize(50, 132)
    t.expect("50 132")
    assert t.proc.wait(TIMEOUT) == 0


def test_job_control(terminal):
    t = shell(terminal)
    # Keys that come before the program has the terminal are the shell's: wait for its word.
    t.send("sh -c 'echo sta\"\"rted; exec cat'\n")
    t.expect(r"started\r\n")
    t.send("line\n")
    t.expect(r"line\r\nline\r\n")
    t.send("\x1a")
    t.expect(r"Stopped .*cat")
    t.expect("PROMPT> ")
    t.send("jobs\n")
    t.expect(r"\[1\]\+  Stopped .*exec cat'\r\n")
    t.expect("PROMPT> ")
    t.send("fg\n")
    t.expect(r"exec cat'\r\n")
    t.send("again\n")
    t.expect(r"again\r\n")
    t.send("once\n")  # the modes are cat's by now: an echo and an answer, maybe with the first line's answer between
    t.expect(r"once\r\n(again\r\n)?once\r\n")
    t.send("\x03")
    t.expect("PROMPT> ")
    t.send("echo status $?\n")
    t.expect("status 130\r\n")
    t.send("sleep 1000 &\n")
    t.expect(r"\[1\] \d+")
    t.send("kill %1; wait %1; echo status $?\n")
    t.expect("status 143\r\n")
    t.send("exit 4\n")
    assert t.proc.wait(TIMEOUT) == 4


def test_background_reader_stops(terminal):
    t = shell(terminal)
    t.send("cat &\n")
    t.expect(r"\[1\] \d+")
    t.send("wait %1; echo status $?\n")
    t.expect("status 149\r\n")
    t.send("exec true\n")
    assert t.proc.wait(TIMEOUT) == 0


def test_modes_come_back(terminal):
    """Modes that a program set are the terminal's; the shell after it sees them as it left them."""
    t = terminal("sh", "-c", "stty -echo -icanon; stty -a; stty sane; stty -a")
    t.expect(r"-icanon")
    t.expect(r"-echo ")
    t.expect(r" icanon")
    assert t.proc.wait(TIMEOUT) == 0
    assert termios.tcgetattr(t.slave)[3] & (termios.ECHO | termios.ICANON) == termios.ECHO | termios.ICANON


def test_killed_sandbox_leaves_the_modes(tmp_path):
    t = Terminal(*SANDBOX, "sh", "-c", "stty raw -echo; echo ready; exec sleep 1000")
    try:
        t.expect("ready")
        kids = open(f"/proc/{t.proc.pid}/task/{t.proc.pid}/children", encoding="ascii").read().split()
        sentry = next(p for p in kids if b"boot" in open(f"/proc/{p}/cmdline", "rb").read())
        os.kill(int(sentry), signal.SIGKILL)
        assert t.proc.wait(TIMEOUT) == 128
        assert termios.tcgetattr(t.slave)[3] == t.before[3]
    finally:
        t.end()
