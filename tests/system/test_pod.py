"""Several containers in one sandbox: their life, driven by the command line as a shim does it."""
import json
import os
import signal

import pytest

from pod import Pod, exit_status

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="binds the host's /usr")


@pytest.fixture
def pod(tmp_path):
    p = Pod(tmp_path)
    yield p
    assert p.end() == []


def test_one_from_create_to_delete(pod):
    first = pod.sandbox()
    bundle = pod.further("sh", "-c", "exit 7")
    pid = pod.create("one", bundle)
    assert pid != first
    s = pod.state("one")
    assert (s["status"], s["pid"], s["bundle"]) == ("created", pid, str(bundle))
    assert sorted(f for f in os.listdir(pod.root) if f.startswith("one")) == ["one_sandbox:pod.lock", "one_sandbox:pod.state"]
    pod.ok("start", "one")
    assert exit_status(pid) == 7
    assert pod.state("one")["status"] == "stopped" and "pid" not in pod.state("one")
    assert json.loads(pod.ok("wait", "one")) == {"id": "one", "exitStatus": 7}
    assert pod.state("pod")["status"] == "running"
    pod.ok("delete", "one")
    assert pod.names() == ["pod"]
    assert pod.runsc("state", "one").returncode == 128


def test_three_at_once(pod):
    pod.sandbox()
    pids = {n: pod.run(n, "sleep", "1000") for n in ("a", "b", "c")}
    assert pod.names() == ["a", "b", "c", "pod"]
    for n, pid in pids.items():
        assert pod.state(n) ["pid"] == pid and pod.state(n)["status"] == "running"
        assert pod.sh(n, f"echo {n} > /tmp/mine; hostname; cat /tmp/mine") == f"podhost\n{n}\n"
    rows = {r.split()[0]: r.split()[1:3] for r in pod.ok("list").splitlines()[1:]}
    assert {n: rows[n] for n in pids} == {n: [str(p), "running"] for n, p in pids.items()}
    pod.ok("kill", "b", "KILL")
    assert exit_status(pids["b"]) == 128 + signal.SIGKILL
    assert [pod.state(n)["status"] for n in ("a", "b", "c", "pod")] == ["running", "stopped", "running", "running"]
    r = pod.runsc("exec", "b", "true")
    assert r.returncode == 128 and "stopped" in r.stderr
    pod.ok("delete", "b")
    assert pod.sh("c", "cat /tmp/mine") == "c\n"


def test_restart(pod):
    """A new one in the place of one that has ended, in the same sandbox."""
    pod.sandbox()
    for i in range(5):
        pid = pod.run(f"try{i}", "sh", "-c", f"exit {i}")
        assert exit_status(pid) == i
        pod.ok("delete", f"try{i}")
    pid = pod.run("try0", "sleep", "1000")
    pod.ok("delete", "-force", "try0")
    assert exit_status(pid) == 137
    assert pod.names() == ["pod"] and pod.state("pod")["status"] == "running"


def test_the_first_ends_all(pod):
    pod.sandbox()
    one, two = pod.run("one", "sleep", "1000"), pod.run("two", "sleep", "1000")
    pod.ok("kill", "pod", "KILL")
    assert exit_status(one) == 137 and exit_status(two) == 137
    assert [pod.state(n)["status"] for n in ("one", "two", "pod")] == ["stopped"] * 3
    for n in ("one", "two", "pod"):
        pod.ok("delete", n)


def test_delete_force_of_the_sandbox(pod):
    pod.sandbox()
    one = pod.run("one", "sleep", "1000")
    pod.create("two", pod.further("sleep", "1000"))
    pod.ok("delete", "-force", "pod")
    assert exit_status(one) == 137
    assert pod.names() == ["one", "two"] and pod.state("one")["status"] == "stopped"
    r = pod.runsc("exec", "one", "true")
    assert r.returncode == 128
    r = pod.runsc("start", "two")
    assert r.returncode == 128 and "stopped" in r.stderr
    pod.ok("delete", "one", "two")


def test_the_gofers_end_is_the_containers(pod):
    pod.sandbox()
    one, two = pod.run("one", "sleep", "1000"), pod.run("two", "sleep", "1000")
    os.kill(one, signal.SIGKILL)
    assert exit_status(one) == -signal.SIGKILL
    assert pod.state("one")["status"] == "stopped"
    pod.ok("delete", "one")
    assert pod.sh("two", "ls /usr > /dev/null && echo well") == "well\n"
    assert pod.state("two")["pid"] == two
    assert pod.state("pod")["status"] == "running"


def test_a_root_that_is_not_there(pod):
    pod.sandbox()
    bundle = pod.further("true", change=lambda c: c["root"].update(path="missing"))
    r = pod.runsc("create", "-bundle", bundle, "one")
    assert r.returncode == 128 and "missing" in r.stderr
    assert pod.names() == ["pod"] and len([f for f in os.listdir(pod.root) if f.startswith("one")]) == 0


def test_a_program_that_is_not_there(pod):
    pod.sandbox()
    r = pod.runsc("create", "-bundle", pod.further("no-such-program"), "one")
    assert r.returncode == 128 and "not found in $PATH" in r.stderr
    assert pod.names() == ["pod"]
    pid = pod.run("two", "sh", "-c", "exit 3")
    assert exit_status(pid) == 3


def test_a_sandbox_that_is_not_there(pod):
    pod.sandbox()
    bundle = pod.further("true", change=lambda c: c["annotations"].update({"io.kubernetes.cri.sandbox-id": "other"}))
    r = pod.runsc("create", "-bundle", bundle, "one")
    assert r.returncode == 128 and "sandbox other" in r.stderr
    pod.ok("kill", "pod", "KILL")
    while pod.state("pod")["status"] != "stopped":
        pass
    bundle.joinpath("config.json").write_text(bundle.joinpath("config.json").read_text().replace('"other"', '"pod"'))
    r = pod.runsc("create", "-bundle", bundle, "one")
    assert r.returncode == 128 and "stopped" in r.stderr
    assert pod.names() == ["pod"]


def test_killed_before_its_start(pod):
    pod.sandbox()
    pid = pod.create("one", pod.further("true"))
    pod.ok("kill", "one", "TERM")
    assert exit_status(pid) == 128 + signal.SIGTERM
    assert pod.state("one")["status"] == "stopped"
    pid = pod.create("two", pod.further("true"))
    pod.ok("delete", "two")
    assert exit_status(pid) == 137


def test_run_in_the_foreground(pod):
    pod.sandbox()
    r = pod.runsc("run", "-bundle", pod.further("sh", "-c", "echo word; exit 9"), "one")
    assert (r.returncode, r.stdout, r.stderr) == (9, "word\n", "")
    assert pod.names() == ["pod"]
