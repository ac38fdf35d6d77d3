"""docker run's flags for limits, privileges, files and devices."""
import json
import os

import pytest

from conftest import options
from engines import IMAGE, cgroup_file, poll

MIB = 1 << 20


@pytest.fixture
def directory(work, request):
    d = work.path("v", request.node.name.replace("[", "-").rstrip("]"))
    os.makedirs(d)
    return d


# ------------------------------------------------------------------ limits
def test_memory_limit_is_set(docker, launch):
    launch("-d", "--name", "c1", "--memory", "96m", command=["sleep", "1000"])
    assert cgroup_file(docker.pid("c1"), "memory", ("memory.limit_in_bytes", "memory.max")) == str(96 * MIB)


def test_oom(docker, launch):
    launch("--name", "c1", "--memory", "64m", "--memory-swap", "64m", command=["sh", "-c", "exec dd if=/dev/zero of=/dev/null bs=256M count=1"], want=137)
    s = docker.inspect("c1", "{{.State}}")
    assert (s["ExitCode"], s["OOMKilled"]) == (137, True)


def test_oom_of_a_child_leaves_the_container(docker, launch):
    launch("-d", "--name", "c1", "--memory", "64m", "--memory-swap", "64m",
           command=["sh", "-c", "dd if=/dev/zero of=/dev/null bs=256M count=1; echo status $?; exec sleep 1000"])
    poll(lambda: docker.out("logs", "c1") != "", what="the child has ended")
    assert docker.out("logs", "c1").splitlines()[-1] == "status 137"
    assert docker.inspect("c1", "{{.State.Running}}") is True
    docker("exec", "c1", "true")


def test_limits_are_visible_inside(launch, runtime):
    """More than runc does: the sandbox has a kernel of its own, whose memory and processors are those of the container."""
    r = launch("--rm", "--memory", "128m", "--cpus", "1", command=["sh", "-c", "grep MemTotal /proc/meminfo; nproc"])
    if runtime == "runsc":
        assert int(r.stdout.split()[1]) == 128 * 1024


def test_cpus(docker, launch):
    launch("-d", "--name", "c1", "--cpus", "0.5", "--cpu-shares", "512", "--cpuset-cpus", "0", command=["sleep", "1000"])
    pid = docker.pid("c1")
    quota, period = (int(cgroup_file(pid, "cpu", ("cpu.cfs_quota_us", "cpu.max")).split()[0]),
                     int(cgroup_file(pid, "cpu", ("cpu.cfs_period_us", "cpu.max")).split()[-1]))
    assert quota * 2 == period
    assert cgroup_file(pid, "cpuset", ("cpuset.cpus", "cpuset.cpus")) == "0"
    assert docker.out("exec", "c1", "nproc") == "1"


def test_pids_limit(docker, launch):
    r = launch("--rm", "--pids-limit", "40", command=["sh", "-c", "i=0; while [ $i -lt 100 ]; do sleep 100 & i=$((i+1)); done; echo all"], want=None)
    assert "all" not in r.stdout and "fork" in r.stderr, r


def test_update(docker, launch):
    launch("-d", "--name", "c1", "--memory", "96m", "--memory-swap", "96m", "--cpus", "1", command=["sleep", "1000"])
    docker("update", "--memory", "128m", "--memory-swap", "128m", "--cpus", "0.25", "--pids-limit", "77", "c1")
    pid = docker.pid("c1")
    assert cgroup_file(pid, "memory", ("memory.limit_in_bytes", "memory.max")) == str(128 * MIB)
    assert cgroup_file(pid, "cpu", ("cpu.cfs_quota_us", "cpu.max")).split()[0] == "25000"
    assert cgroup_file(pid, "pids", ("pids.max", "pids.max")) == "77"


def test_ulimit(launch):
    r = launch("--rm", "--ulimit", "nofile=100:200", "--ulimit", "core=0", command=["sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -c"])
    assert r.stdout.split() == ["100", "200", "0"]


def test_sysctl(launch):
    r = launch("--rm", "--sysctl", "kernel.msgmax=16384", "--sysctl", "net.ipv4.ip_unprivileged_port_start=900",
               command=["cat", "/proc/sys/kernel/msgmax", "/proc/sys/net/ipv4/ip_unprivileged_port_start"])
    assert r.stdout.split() == ["16384", "900"]


def test_oom_score_adj(launch):
    assert launch("--rm", "--oom-score-adj", "500", command=["cat", "/proc/self/oom_score_adj"]).stdout == "500\n"


# ------------------------------------------------------------------ privileges
def caps(text):
    return {line.split()[0].rstrip(":"): int(line.split()[1], 16) for line in text.splitlines() if line.startswith("Cap")}


def test_capabilities(launch, runtime):
    usual_set = 0xa80425fb & ~(1 << 13 if runtime == "runsc" else 0)  # CAP_NET_RAW only with runsc --net-raw
    show = ["cat", "/proc/self/status"]
    usual = caps(launch("--rm", command=show).stdout)
    assert usual["CapEff"] == usual["CapPrm"] == usual["CapBnd"] == usual_set
    none = caps(launch("--rm", "--cap-drop", "ALL", command=show).stdout)
    assert none["CapEff"] == none["CapBnd"] == 0
    more = caps(launch("--rm", "--cap-drop", "CHOWN", "--cap-add", "SYS_ADMIN", command=show).stdout)
    assert more["CapEff"] == (usual_set | 1 << 21) & ~1


def test_capabilities_are_enforced(launch):
    launch("--rm", "--cap-drop", "CHOWN", command=["chown", "1", "/tmp"], want=1)
    launch("--rm", command=["chown", "1", "/tmp"])
    launch("--rm", command=["mount", "-t", "tmpfs", "none", "/tmp"], want=1)
    launch("--rm", "--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined", command=["mount", "-t", "tmpfs", "none", "/tmp"])


def test_no_new_privileges(launch):
    assert "NoNewPrivs:\t1" in launch("--rm", "--security-opt", "no-new-privileges", command=["cat", "/proc/self/status"]).stdout
    assert "NoNewPrivs:\t0" in launch("--rm", command=["cat", "/proc/self/status"]).stdout


def test_seccomp_profile(launch, directory):
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
               "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}
    with open(f"{directory}/p.json", "w", encoding="ascii") as f:
        json.dump(profile, f)
    r = launch("--rm", "--security-opt", f"seccomp={directory}/p.json", command=["sh", "-c", "grep Seccomp: /proc/self/status; mkdir /tmp/x"], want=1)
    assert r.stdout == "Seccomp:\t2\n" and "Function not implemented" in r.stderr
    launch("--rm", "--security-opt", "seccomp=unconfined", command=["mkdir", "/tmp/x"])


def test_masked_and_readonly_paths(launch):
    launch("--rm", command=["sh", "-c", "test -z \"$(cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null)\""])
    launch("--rm", command=["sh", "-c", "echo 1 >/proc/sys/kernel/msgmax"], want=1)
    launch("--rm", command=["sh", "-c", "echo h >/proc/sysrq-trigger"], want=1)


# ------------------------------------------------------------------ files
def test_volume_both_ways(docker, launch, directory):
    with open(f"{directory}/a", "w", encoding="ascii") as f:
        f.write("before\n")
    launch("-d", "--name", "c1", "-v", f"{directory}:/d", command=["sleep", "1000"])
    assert docker.out("exec", "c1", "cat", "/d/a") == "before"
    with open(f"{directory}/a", "w", encoding="ascii") as f:
        f.write("after, and longer\n")
    assert docker.out("exec", "c1", "cat", "/d/a") == "after, and longer"
    os.mkdir(f"{directory}/sub")
    with open(f"{directory}/sub/b", "w", encoding="ascii") as f:
        f.write("new\n")
    assert docker.out("exec", "c1", "cat", "/d/sub/b") == "new"
    os.unlink(f"{directory}/a")
    docker("exec", "c1", "cat", "/d/a", want=1)
    docker("exec", "c1", "sh", "-c", "echo inside >/d/c; mkdir /d/e; ln -s c /d/l; chown 1000:1000 /d/c")
    with open(f"{directory}/c", encoding="ascii") as f:
        assert f.read() == "inside\n"
    assert os.path.isdir(f"{directory}/e") and os.readlink(f"{directory}/l") == "c" and os.stat(f"{directory}/c").st_uid == 1000


def test_volume_readonly(launch, directory):
    launch("--rm", "-v", f"{directory}:/d:ro", command=["touch", "/d/x"], want=1)
    assert os.listdir(directory) == []


def test_volume_of_one_file(launch, directory):
    with open(f"{directory}/f", "w", encoding="ascii") as f:
        f.write("text\n")
    assert launch("--rm", "-v", f"{directory}/f:/etc/one", command=["sh", "-c", "cat /etc/one; echo more >>/etc/one"]).stdout == "text\n"
    with open(f"{directory}/f", encoding="ascii") as f:
        assert f.read() == "text\nmore\n"


def test_named_volume(docker, launch):
    docker("volume", "create", "v1")
    try:
        launch("--rm", "-v", "v1:/d", command=["sh", "-c", "echo kept >/d/f"])
        assert launch("--rm", "-v", "v1:/d", command=["cat", "/d/f"]).stdout == "kept\n"
    finally:
        docker("volume", "rm", "v1")


def test_volumes_from(docker, launch):
    launch("-d", "--name", "c1", "-v", "/shared", command=["sleep", "1000"])
    docker("exec", "c1", "sh", "-c", "echo x >/shared/f")
    assert launch("--rm", "--volumes-from", "c1", command=["cat", "/shared/f"]).stdout == "x\n"


def test_tmpfs(launch):
    r = launch("--rm", "--tmpfs", "/t:size=1m,mode=700", command=["sh", "-c", "stat -c %a /t; df -k /t | tail -1; dd if=/dev/zero of=/t/f bs=64k count=100; echo $?"])
    lines = r.stdout.splitlines()
    assert lines[0] == "700" and "1024" in lines[1].split() and lines[-1] == "1"


def test_shm_size(launch):
    r = launch("--rm", "--shm-size", "2m", command=["sh", "-c", "df -k /dev/shm | tail -1; echo x >/dev/shm/f && cat /dev/shm/f"])
    assert "2048" in r.stdout.split() and r.stdout.endswith("x\n")


def test_read_only(launch):
    launch("--rm", "--read-only", command=["touch", "/x"], want=1)
    launch("--rm", "--read-only", command=["touch", "/etc/x"], want=1)
    launch("--rm", "--read-only", "--tmpfs", "/tmp", command=["touch", "/tmp/x"])


def test_root_is_writable_and_kept(docker, launch):
    launch("--name", "c1", command=["sh", "-c", "test -e /f && cat /f; echo first >/f"])
    assert docker.out("start", "-a", "c1") in ("first", "")


def test_device(launch):
    r = launch("--rm", "--device", "/dev/zero:/dev/mine", command=["sh", "-c", "head -c 5 /dev/mine | wc -c; stat -c %F /dev/mine"])
    assert r.stdout.split("\n")[:2] == ["5", "character special file"]


def test_usual_devices(launch):
    r = launch("--rm", command=["sh", "-c", "cd /dev; for d in null zero full random urandom tty ptmx; do test -c $d || echo no $d; done;"
                                            "for l in fd stdin stdout stderr; do test -L $l || echo no $l; done; head -c 3 zero | wc -c"])
    assert r.stdout == "3\n"


# ------------------------------------------------------------------ copies and images
def test_copy_in(docker, launch, directory):
    launch("-d", "--name", "c1", command=["sleep", "1000"])
    with open(f"{directory}/f", "w", encoding="ascii") as f:
        f.write("copied\n")
    docker("cp", f"{directory}/f", "c1:/tmp/f")
    assert docker.out("exec", "c1", "cat", "/tmp/f") == "copied"


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_copy_out(docker, launch, directory, state):
    launch("-d", "--name", "c1", direct=True, command=["sh", "-c", "echo made >/tmp/f; mkdir /tmp/d; echo x >/tmp/d/g; exec sleep 1000"])
    poll(lambda: docker("exec", "c1", "test", "-e", "/tmp/d/g", want=None).returncode == 0)
    if state == "stopped":
        docker("stop", "-t", "0", "c1")
    docker("cp", "c1:/tmp/f", f"{directory}/f")
    docker("cp", "c1:/tmp/d", f"{directory}/d")
    with open(f"{directory}/f", encoding="ascii") as f:
        assert f.read() == "made\n"
    assert os.listdir(f"{directory}/d") == ["g"]


def test_diff_and_commit(docker, launch, runtime):
    launch("--name", "c1", direct=True, command=["sh", "-c", "echo made >/f; rm /etc/group"])
    assert {"A /f", "D /etc/group"} <= set(docker.out("diff", "c1").splitlines())
    docker("commit", "c1", "test/made:1")
    try:
        assert docker.out("run", "--rm", *options(runtime), "test/made:1", "cat", "/f") == "made"
    finally:
        docker("rmi", "test/made:1")


def test_build(docker, directory, runtime):
    with open(f"{directory}/Dockerfile", "w", encoding="ascii") as f:
        f.write(f"FROM {IMAGE}\nCOPY note /etc/note\nARG WHO=x\nRUN cat /etc/note && echo built by $WHO >/etc/built && mkdir -p /srv/a && chown 1000 /srv/a\n"
                "USER 1000\nRUN id -u >/tmp/uid\nENV A=b\nCMD [\"sh\", \"-c\", \"cat /etc/note /etc/built /tmp/uid; echo $A; stat -c %u /srv/a\"]\n")
    with open(f"{directory}/note", "w", encoding="ascii") as f:
        f.write("note\n")
    docker.reload("runc" if runtime == "runc" else "runsc-direct")
    try:
        docker("build", "--network", "none", "--no-cache", "--build-arg", "WHO=me", "-t", "test/built:1", directory)
        try:
            assert docker.out("run", "--rm", *options(runtime), "test/built:1").split() == ["note", "built", "by", "me", "1000", "b", "1000"]
        finally:
            docker("rmi", "test/built:1")
    finally:
        docker.reload("runc")


def test_build_failure(docker, directory, runtime):
    with open(f"{directory}/Dockerfile", "w", encoding="ascii") as f:
        f.write(f"FROM {IMAGE}\nRUN exit 9\n")
    docker.reload("runc" if runtime == "runc" else "runsc-direct")
    try:
        r = docker("build", "--network", "none", "--no-cache", directory, want=None)
        assert r.returncode and "non-zero code: 9" in r.stdout + r.stderr
    finally:
        docker.reload("runc")


# ------------------------------------------------------------------ several
def test_pair_on_the_host_network(docker, launch, runtime):
    """As compose makes them: a server and a client that find each other by the host's loopback."""
    port = 20000 + os.getpid() % 20000 + (runtime == "runsc")
    launch("-d", "--name", "server", host=True, command=["httpd", "-f", "-p", f"127.0.0.1:{port}", "-h", "/etc"])
    got = poll(lambda: launch("--rm", host=True, command=["wget", "-q", "-O", "-", f"http://127.0.0.1:{port}/passwd"], want=None).stdout, timeout=20, what="an answer")
    assert got.startswith("root:")


def test_shared_pid_and_ipc_of_host_are_refused_or_honoured(launch):
    """What a sandbox cannot share must not be pretended: --pid=host either shows the host or fails."""
    r = launch("--rm", "--pid=host", command=["sh", "-c", "ls /proc | grep -c '^[0-9]'"], want=None)
    assert r.returncode != 0 or int(r.stdout) > 0
