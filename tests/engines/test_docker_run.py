"""docker run, exec, stop and kill: statuses, streams and the life of a container."""
import json
import os
import signal
import subprocess
import time

import pytest

from conftest import options
from engines import IMAGE, poll


def test_run(launch):
    assert launch("--rm", command=["echo", "hello", "world"]).stdout == "hello world\n"


@pytest.mark.parametrize("command,status", [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -KILL $$", 137), ("kill -TERM $$", 143)],
                         ids=["0", "3", "255", "KILL", "TERM"])
def test_exit_status(launch, command, status):
    # Under --init, because the first process of a container does not die of its own SIGTERM.
    launch("--rm", "--init", command=["sh", "-c", f"sh -c '{command}'; exit $?"], want=status)


def test_killed_first_process(docker, launch):
    launch("-d", "--name", "c1", command=["sleep", "1000"])
    os.kill(docker.pid("c1"), signal.SIGKILL)
    assert docker.out("wait", "c1") == "137"
    assert docker.inspect("c1", "{{.State.OOMKilled}}") is False


@pytest.mark.parametrize("command,status,word", [("/no/such", 127, "no such file"), ("nosuch", 127, "not found"), ("/etc/passwd", 126, "permission denied")])
def test_cannot_be_run(launch, command, status, word):
    r = launch("--rm", command=[command], want=status)
    assert word in r.stderr


def test_cannot_be_run_leaves_a_container_to_delete(docker, launch):
    launch("--name", "c1", command=["/no/such"], want=127)
    assert docker.inspect("c1", "{{.State.Status}}") == "created"
    docker("rm", "c1")


def test_streams_are_apart(launch):
    r = launch("--rm", command=["sh", "-c", "echo out; echo err >&2"])
    assert (r.stdout, r.stderr) == ("out\n", "err\n")


def test_detached_wait_logs(docker, launch):
    c = launch("-d", command=["sh", "-c", "echo one; echo two >&2; exit 4"]).stdout.strip()
    assert docker.out("wait", c) == "4"
    r = docker("logs", c)
    assert (r.stdout, r.stderr) == ("one\n", "two\n")
    assert docker.inspect(c, "{{.State.Status}}") == "exited"


def test_create_start_restart(docker, runtime):
    docker("create", "--name", "c1", *options(runtime), IMAGE, "sh", "-c", "echo run; exit 2")
    assert docker.inspect("c1", "{{.State.Status}}") == "created"
    assert docker.out("start", "-a", "c1", want=2) == "run"
    assert docker.out("start", "-a", "c1", want=2) == "run"
    assert docker.out("logs", "c1") == "run\nrun"


def test_environment_workdir_hostname_entrypoint(launch):
    r = launch("--rm", "-e", "A=b c", "-w", "/var", "--hostname", "box", "--entrypoint", "/bin/sh", command=["-c", 'echo "$A"; pwd; hostname; echo $HOME'])
    assert r.stdout == "b c\n/var\nbox\n/root\n"


def test_workdir_is_made(launch):
    assert launch("--rm", "-w", "/a/b", command=["pwd"]).stdout == "/a/b\n"


def test_user(launch):
    assert launch("--rm", "--user", "1000", command=["id"]).stdout.strip() == "uid=1000(alice) gid=1000(alice) groups=100(users),1000(alice)"
    assert launch("--rm", "--user", "7:8", "--group-add", "9", command=["sh", "-c", "id -u; id -g; id -G"]).stdout == "7\n8\n8 9\n"


def test_first_process_is_1(launch):
    assert launch("--rm", command=["sh", "-c", "echo $$; cat /proc/1/comm; :"]).stdout == "1\nsh\n"


def test_init(launch):
    r = launch("--rm", "--init", command=["sh", "-c", "cat /proc/1/comm; echo $PPID"])
    assert r.stdout == "docker-init\n1\n"


def test_hosts_files(docker, launch):
    r = launch("--rm", "--hostname", "box", "--add-host", "other:10.1.2.3", "--dns", "10.9.9.9", command=["cat", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"],
               host=False)
    assert "10.1.2.3\tother" in r.stdout and "box\n" in r.stdout


# ------------------------------------------------------------------ exec
@pytest.fixture
def running(docker, launch):
    launch("-d", "--name", "c1", command=["sleep", "1000"])
    return "c1"


def test_exec(docker, running):
    r = docker("exec", running, "sh", "-c", "echo out; echo err >&2; exit 5", want=5)
    assert (r.stdout, r.stderr) == ("out\n", "err\n")
    assert docker("exec", running, "/no/such", want=None).returncode in (126, 127)
    docker("exec", running, "/etc/passwd", want=126)
    docker("exec", running, "sh", "-c", "kill -KILL $$", want=137)


def test_exec_options(docker, running):
    assert docker.out("exec", "-u", "alice", "-w", "/tmp", "-e", "A=b", running, "sh", "-c", "id -u; pwd; echo $A") == "1000\n/tmp\nb"


def test_exec_stdin(docker, running):
    assert docker.out("exec", "-i", running, "wc", "-c", input="x" * 300000) == "300000"


def test_exec_detached(docker, running):
    docker("exec", "-d", running, "sh", "-c", "echo done >/tmp/f; exec sleep 900")
    poll(lambda: docker("exec", running, "cat", "/tmp/f", want=None).stdout == "done\n", what="the detached process ran")
    assert "sleep 900" in docker.out("exec", running, "ps", "-o", "args")


def test_top(docker, running):
    """Docker asks for the numbers and gives them to the host's ps(1)."""
    docker("exec", "-d", running, "sleep", "900")
    rows = poll(lambda: (r := docker.out("top", running).splitlines()) and len(r) == 3 and r, what="two processes")
    assert rows[0].split()[:3] == ["UID", "PID", "PPID"]
    assert rows[1].split()[1] == docker.inspect(running, ".State.Pid")
    for row in rows[1:]:
        with open(f"/proc/{row.split()[1]}/comm", encoding="utf-8") as f:
            assert f.read().strip() in ("sleep", "runsc-sandbox", "memfd:stub")


def test_exec_sees_the_container(docker, running):
    assert docker.out("exec", running, "cat", "/proc/1/cmdline").replace("\0", " ").strip() == "sleep 1000"
    docker("exec", running, "sh", "-c", "echo kept >/tmp/x")
    assert docker.out("exec", running, "cat", "/tmp/x") == "kept"


def test_exec_twenty_at_once(docker, running):
    procs = [docker.popen("exec", running, "sh", "-c", f"echo {i}; exit {i}", stdout=subprocess.PIPE, text=True) for i in range(20)]
    for i, p in enumerate(procs):
        assert (p.communicate(timeout=60)[0], p.returncode) == (f"{i}\n", i)


def test_exec_ends_with_the_container(docker, launch):
    launch("-d", "--name", "c1", command=["sh", "-c", "read x </tmp/fifo || mkfifo /tmp/fifo && read x </tmp/fifo; exit 0"])
    poll(lambda: docker("exec", "c1", "test", "-p", "/tmp/fifo", want=None).returncode == 0, what="the fifo is there")
    p = docker.popen("exec", "c1", "sleep", "1000")
    poll(lambda: docker("exec", "c1", "pidof", "sleep", want=None).returncode == 0, what="sleep runs")
    docker("exec", "c1", "sh", "-c", "echo >/tmp/fifo", want=None)
    assert docker.out("wait", "c1") == "0"
    assert p.wait(60) == 137


# ------------------------------------------------------------------ stop, kill, pause, restart
def test_stop_by_signal(docker, launch):
    launch("-d", "--name", "c1", command=["sh", "-c", 'trap "echo got; exit 7" TERM; echo ready; while :; do sleep 0.1; done'])
    poll(lambda: docker.out("logs", "c1") == "ready")
    begin = time.monotonic()
    docker("stop", "-t", "30", "c1")
    assert time.monotonic() - begin < 20
    assert docker.inspect("c1", "{{.State.ExitCode}}") == 7
    assert docker.out("logs", "c1") == "ready\ngot"


def test_stop_by_timeout(docker, running):
    begin = time.monotonic()
    docker("stop", "-t", "1", running)  # the first process has no handler: SIGTERM does nothing to it
    assert 0.9 < time.monotonic() - begin < 20
    assert docker.inspect(running, "{{.State.ExitCode}}") == 137


def test_kill_signals(docker, launch):
    launch("-d", "--name", "c1", command=["sh", "-c", 'trap "echo usr1" USR1; trap "echo hup; exit 9" HUP; echo ready; while :; do sleep 0.1; done'])
    poll(lambda: docker.out("logs", "c1") == "ready")
    docker("kill", "-s", "USR1", "c1")
    poll(lambda: docker.out("logs", "c1") == "ready\nusr1")
    docker("kill", "-s", "1", "c1")
    assert docker.out("wait", "c1") == "9"
    docker("kill", "c1", want=1)


def test_kill(docker, running):
    docker("kill", running)
    assert docker.out("wait", running) == "137"


def test_kill_while_attached(docker, launch, runtime):
    p = docker.popen("run", "--rm", "--name", "c1", *options(runtime), IMAGE, "sh", "-c", "echo ready; exec sleep 1000", stdout=subprocess.PIPE)
    assert p.stdout.readline() == b"ready\n"
    docker("kill", "c1")
    assert p.wait(60) == 137
    p.stdout.close()


def test_pause(docker, launch, work):
    d = work.path("pause")
    os.makedirs(d, exist_ok=True)
    launch("-d", "--name", "c1", "-v", f"{d}:/d", command=["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i >/d/n; done"])
    count = lambda: open(f"{d}/n", encoding="ascii").read().strip() if os.path.exists(f"{d}/n") else ""
    poll(count)
    docker("pause", "c1")
    assert docker.inspect("c1", "{{.State.Status}}") == "paused"
    docker("exec", "c1", "true", want=1)
    seen = os.stat(f"{d}/n").st_mtime_ns
    with pytest.raises(AssertionError):
        poll(lambda: os.stat(f"{d}/n").st_mtime_ns != seen, timeout=0.5)
    docker("unpause", "c1")
    poll(lambda: os.stat(f"{d}/n").st_mtime_ns != seen, what="goes on")
    docker("exec", "c1", "true")
    docker("pause", "c1")
    docker("rm", "-f", "c1")


def test_restart_on_failure(docker, launch):
    launch("-d", "--name", "c1", "--restart", "on-failure:2", command=["sh", "-c", "echo try; exit 1"])
    poll(lambda: docker.inspect("c1", "{{.State.Status}}") == "exited" and docker.inspect("c1", "{{.RestartCount}}") == 2, what="two restarts")
    assert docker.out("logs", "c1") == "try\n" * 2 + "try"


def test_restart_always(docker, launch):
    launch("-d", "--name", "c1", "--restart", "always", command=["sleep", "1000"])
    first = docker.pid("c1")
    os.kill(first, signal.SIGKILL)
    poll(lambda: docker.pid("c1") not in (0, first), what="started again")
    docker("exec", "c1", "true")


def test_docker_restart(docker, running):
    first = docker.pid(running)
    docker("restart", "-t", "0", running)
    assert docker.pid(running) != first
    docker("exec", running, "true")


def test_remove_a_running_one(docker, running):
    docker("rm", running, want=1)
    docker("rm", "-f", running)
    docker("inspect", "--type", "container", running, want=1)


def test_healthcheck(docker, launch):
    launch("-d", "--name", "c1", "--health-cmd", "test -f /tmp/ok", "--health-interval", "0.2s", "--health-retries", "1", command=["sleep", "1000"])
    health = lambda: docker.inspect("c1", "{{.State.Health.Status}}")
    poll(lambda: health() == "unhealthy", what="unhealthy")
    docker("exec", "c1", "touch", "/tmp/ok")
    poll(lambda: health() == "healthy", what="healthy")


# ------------------------------------------------------------------ what the engine tells
def test_top(docker, launch, runtime):
    launch("-d", "--name", "c1", command=["sh", "-c", "sleep 1001 & exec sleep 1002"])
    if runtime == "runsc":
        # docker top looks for the runtime's process numbers among the host's processes; ours, as gVisor's, are those inside.
        poll(lambda: docker.out("exec", "c1", "ps", "-o", "args").count("sleep 100") == 2, what="both processes")
        assert docker.out("top", "c1").split()[:3] == ["UID", "PID", "PPID"]
        return
    poll(lambda: docker("top", "c1").stdout.count("sleep") == 2, what="both processes")
    head, *rows = docker.out("top", "c1").splitlines()
    assert "PID" in head and "CMD" in head
    assert sorted(r.split()[-1] for r in rows) == ["1001", "1002"]


def test_stats(docker, running):
    s = json.loads(docker.out("stats", "--no-stream", "--format", "{{json .}}", running))
    assert s["Name"] == "c1" and int(s["PIDs"]) >= 1
    assert not s["MemUsage"].startswith("0B /"), s


def test_events(docker, launch):
    begin = str(time.time())
    launch("--name", "c1", command=["true"])
    docker("rm", "c1")
    got = docker.out("events", "--since", begin, "--until", str(time.time()), "--filter", "container=c1", "--format", "{{.Action}}").split()
    assert [e for e in got if e in ("create", "attach", "start", "die", "destroy")] == ["create", "attach", "start", "die", "destroy"]
