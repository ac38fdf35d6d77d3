"""Programs that draw on a terminal, and those that look at processes, under `runsc do`: as on the host."""
import pytest

from programs import bash, need, run

# What differs from run to run: numbers, and the width of the columns that they stand in.
PROCESSES = {
    "ps": r"""sleep 1000 & p=$!; n() { sed 's/\b\([ST]\)N\b/\1/; s/[0-9]\+/N/g; s/  */ /g'; } # the test may run niced
ps -o comm,args,stat,tty,nlwp,ni,pri,cls,user,group,ruid,egid,label,wchan:1 -p $p | cut -d' ' -f1-40 | n; ps -o pid= -p $p | grep -cw $p; ps -o ppid= -p $p | grep -cw $$; ps -o pgid=,sid= -p $$ | wc -w
ps -C sleep -o comm= | sort -u; ps h -o args --ppid $$ | grep sleep; ps -p $$ -o etimes=,time= | n; ps aux | head -1 | n; ps -ef | head -1; ps axjf | head -1 | n; ps -eLo lwp,comm | grep -c ' sleep$' | n; ps -o rss=,vsz=,sz=,pmem=,pcpu=,lstart= -p $p | sed 's/[A-Z][a-z]*/D/g' | n
ps -o blocked,caught,ignored,pending -p $p; ps -o euid,ruid,suid,fsuid,supgid,nice,psr,cgname:5,unit:5,ipcns:1,pidns:1 -p $p | head -1 | n; ps -p 999999; echo $?; ps -Q >/dev/null 2>&1; echo $?; kill -STOP $p; until ps -o stat= -p $p | grep -q T; do :; done; ps -o stat= -p $p | n; kill -CONT $p; kill $p; wait $p; echo $?
pgrep -c -P $$ sleep; sleep 1000 & pgrep -P $$ -l sleep | n; pkill -P $$ -TERM sleep; wait; pidof -s bash | wc -w; pwdx $$ | sed 's/^[0-9]*//'; pstree --version >/dev/null 2>&1; pmap $$ | tail -1 | n; pmap -x $$ | head -2 | n; uptime -s | n; uptime | grep -c 'load average'; free | sed 's/[0-9]\+/N/g; s/  */ /g'; vmstat | head -2; w -h | wc -l; tload -V | wc -l; slabtop -V | wc -l; sysctl -n kernel.ostype; sysctl kernel.nosuch 2>&1; watch -V | wc -l; kill -l | head -2; skill -l | wc -l""",
    "top": r"""top -b -n1 -w 100 | head -7 | sed 's/[0-9]\+/N/g; s/  */ /g; s/:N/: N/; s/,N/, N/g; s/load average.*/load/; s/up .*,/up/; s/stopped.*/stopped/; s/N user\(s\)\?/N user/'; top -b -n1 -p $$ -o PID | tail -1 | sed 's/[0-9.:]\+/N/g; s/  */ /g; s/^ //'; top -b -n2 -d 0.1 -p $$ | grep -c bash; top -b -n1 -H -p $$ | tail -1 | wc -w; top -b -n1 -c -p $$ | grep -c 'bash script'; top -b -n1 -E m -e m -p $$ | grep -c MiB; top -v | head -1 | wc -w; top -b -n x; echo $?""",
    "proc": r"""cat /proc/self/comm; tr '\0' ' ' </proc/self/cmdline; echo; readlink /proc/self/exe; readlink /proc/self/cwd; ls /proc/self/fd | wc -l; grep -c . /proc/self/maps | sed 's/[0-9]\+/N/'; awk '/^(Name|State|Uid|Gid|Threads|SigQ|CapEff|NoNewPrivs|Umask)/ { print $1 }' /proc/self/status; cut -d' ' -f2-3 /proc/self/stat; wc -w </proc/self/stat; wc -w </proc/self/statm; grep -c '' /proc/self/limits; lsof -v >/dev/null 2>&1; wc -w </proc/loadavg; head -1 /proc/stat | wc -w; grep -c ^processor /proc/cpuinfo; awk '{ print $1 }' /proc/meminfo | head -5; wc -w </proc/uptime; cut -d' ' -f1-2 /proc/version; lscpu | grep -e ^Arch -e 'Vendor ID' -e '^CPU(s)' | sed 's/  */ /g'; getconf _NPROCESSORS_ONLN; getconf PAGESIZE; ulimit -Sa | grep -e 'file size' -e 'cpu time' -e 'virtual'; cat /proc/sys/kernel/pid_max | grep -c .; cat /proc/sys/fs/nr_open; lsmod >/dev/null 2>&1; mount | grep -c '^proc on /proc type proc'; findmnt -n -o FSTYPE /proc; stat -f -c %T /proc /dev/shm; nproc""",
}


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_processes(name, tmp_path):
    status, out, _ = bash(PROCESSES[name], tmp_path)
    assert status == 0 and out


@pytest.fixture
def screen(terminal, tmp_path, monkeypatch):
    """A command on a terminal that understands escape sequences, in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    yield lambda *argv: terminal("env", "TERM=vt100", "LANG=C.UTF-8", "HOME=" + str(tmp_path), *argv)
    # On the host a server outlives its terminal; in the sandbox nothing does.
    if (tmp_path / "sock").exists():
        run(["tmux", "-S", "sock", "kill-server"], tmp_path)
    for session in (tmp_path / "scr").glob("*.one"):
        run(["env", f"SCREENDIR={session.parent}", "screen", "-S", session.name, "-X", "quit"], tmp_path)


def test_less(screen, tmp_path):
    (tmp_path / "n").write_text("".join(f"line {i}\n" for i in range(1, 1001)))
    t = screen("less", "-S", "n")
    t.expect("line 23\\b")
    t.send(" ")
    t.expect("line 46\\b")
    t.send("/77$\r")
    t.expect("line 99\\b")
    t.send("G")
    t.expect("line 1000\\b")
    t.send("500g")
    t.expect("line 522\\b")
    t.resize(10, 80)
    t.send("\x0c")
    t.expect("line 508\\b")
    t.send("!echo from the shell\r")
    t.expect("from the shell\r\n")
    t.send("\rq")
    assert t.proc.wait(20) == 0


def test_less_of_a_pipe(screen):
    t = screen("sh", "-c", "seq 100000 | less -X")
    t.expect(r"\b23\b")
    t.send("G")
    t.expect(r"\b100000\b")
    t.send("q")
    assert t.proc.wait(20) == 0


def test_vim(screen):
    t = screen("sh", "-c", "vim -u NONE -N new; cat new; stty -a | grep -c ' icanon'")
    t.expect("~\r\n~")
    t.send("ifirst line\x1b")
    t.send("osecond\x1b:w\r")
    t.expect("written")
    t.send(":!echo from $((6 * 7))\r")
    t.expect("from 42")
    t.send("\r")
    t.send("ggdw:r !seq 3\r")
    t.expect("3 (more|fewer) lines|3 lines")
    t.send(":set nu\r")
    t.expect(r"4 \x1b\[m3\r")
    t.resize(40, 100)
    t.expect(r"\x1b\[H\x1b\[J(?s:.*)(~\r\n){30}")
    t.send(":echo 'size' &lines &columns\r")
    t.expect("size 40 100")
    t.send(":wq\r")
    t.expect(r"line\r\n1\r\n2\r\n3\r\nsecond\r\n1\r\n")
    assert t.proc.wait(20) == 0


def test_tmux(screen):
    need("tmux")
    # Keys that come at once are no paste.
    t = screen("sh", "-c", "echo set -g assume-paste-time 0 >conf; PS1='$ ' tmux -S $PWD/sock -f conf new-session -s one 'exec sh'; echo ended $?")
    t.expect(r"\[one\]")
    t.send("stty size\r")
    t.expect("23 80")
    t.send("echo $((6 * 7)) $TERM\r")
    t.expect("42 (screen|tmux)")
    t.send("\x02%")  # a second pane beside it
    t.send("stty size; echo second\r")
    t.expect("23 (39|40)")
    t.send("tmux display-message -p 'panes #{window_panes}'\r")
    t.expect("panes 2")
    t.send("\x02ctty; echo third\r")  # a second window
    t.expect("third")
    t.send("echo windows $(tmux list-windows | wc -l)\r")
    t.expect(r"windows 2\r\n")
    t.send("\x02d")  # detach: the server goes on
    t.expect("detached")
    t.expect("ended 0")
    assert t.proc.wait(20) == 0


def test_tmux_stays_and_ends(screen):
    """A server that outlives its client, with commands sent from outside."""
    t = screen("bash", "-c", "m='tmux -S ./sock -f /dev/null'; $m new-session -d -x 60 -y 10 cat; $m send-keys 'some text' Enter; until $m capture-pane -p | grep -q 'some text'; do :; done; $m resize-window -x 30; $m display -p '#{window_width}'; $m pipe-pane 'cat >piped'; $m send-keys more Enter; until grep -q more piped; do :; done; $m split-window 'stty size >size; exec cat'; until [ -s size ]; do :; done; cat size; $m kill-server; until ! $m ls 2>/dev/null; do :; done; echo gone")
    t.expect(r"30\r\n")
    t.expect(r"[45] 30\r\n")
    t.expect("gone")
    assert t.proc.wait(20) == 0


def test_screen(screen):
    need("screen")
    t = screen("sh", "-c", "mkdir -m 700 scr; export SCREENDIR=$PWD/scr SHELL=/bin/sh PS1='$ '; screen -c /dev/null -S one sh; echo ended $?")
    t.expect(r"\$ ")
    t.send("stty size; echo $((6 * 7)) $TERM\r")
    t.expect("24 80")
    t.expect(r"42 screen")
    t.send("\x01c")
    t.expect(r"\$ ")
    t.send("echo window $WINDOW\r")
    t.expect(r"window 1\r")
    t.send("exit\r")
    t.expect(r"\x1b\[H\x1b\[J")
    t.send("echo back $WINDOW\r")
    t.expect(r"back 0\r")
    t.send("exit\r")
    t.expect("terminating")
    t.expect("ended 0")
    assert t.proc.wait(20) == 0


def test_top(screen):
    t = screen("top", "-d", "100")
    t.expect(r"(?s)top - .*Tasks")
    t.expect("COMMAND")
    t.send("1")
    t.expect(r"%Cpu0")
    t.send("q")
    assert t.proc.wait(20) == 0


def test_python_on_a_terminal(screen):
    t = screen("/usr/bin/python3", "-q")
    t.expect(">>> ")
    t.send("import os, sys; print(sys.stdin.isatty(), os.get_terminal_size())\r")
    t.expect(r"True os.terminal_size\(columns=80, lines=24\)")
    t.expect(">>> ")
    t.send("import getpass; print(len(getpass.getpass()))\r")
    t.expect("Password: ")
    t.send("secret\r")
    m = t.expect(r"(.*)6\r\n")
    assert "secret" not in m.group(1)
    t.expect(">>> ")
    t.send("exec('print(6 * 7)\\nwhile True: pass')\r")
    t.expect("42")
    t.send("\x03")
    t.expect("KeyboardInterrupt")
    t.expect(">>> ")
    t.send("exit(5)\r")
    assert t.proc.wait(20) == 5
