"""What a configuration asks for is so inside."""
import os
import re
import signal
import subprocess
import time

import pytest

from conftest import ROOT
from lifecycle import Containers

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="binds the host's /usr")


def syscall_names():
    with open(os.path.join(ROOT, "src/abi/syscalls.def"), encoding="ascii") as f:
        return [n for n, nr in re.findall(r"^SYS\((\w+), X86\((\d+)\)", f.read(), re.M) if int(nr) < 450]


NAMES = syscall_names()


@pytest.fixture
def box(tmp_path):
    b = Containers(tmp_path)
    yield b
    assert b.end() == []


def run(box, script, change=lambda c: None, flags=()):
    bundle = box.bundle("sh", "-c", script, change=change)
    return box.runsc("--network=none", "--ignore-cgroups", *flags, "run", "-bundle", bundle, "one")


def linux(**kw):
    return lambda c: c["linux"].update(kw)


def test_masked_paths(box):
    r = run(box, "cat /proc/meminfo; ls -A /proc/sys; ls -A /etc/dir; echo x > /proc/meminfo; echo end",
            linux(maskedPaths=["/proc/meminfo", "/proc/sys", "/not/there"]))
    assert r.stdout == "end\n"


def test_readonly_paths(box):
    r = run(box, "echo x > /tmp/a || echo 1; mkdir /tmp/b || echo 2; cat /proc/sys/kernel/ostype; "
                 "echo y > /proc/sys/kernel/hostname || echo 3; touch /ok && echo 4",
            linux(readonlyPaths=["/tmp", "/proc/sys", "/not/there"]))
    assert r.stdout == "1\n2\nLinux\n3\n4\n"


def test_paths_of_an_ordinary_user(box):
    """Nobody's rights are enough for it; the runtime's are."""
    def change(c):
        c["process"]["user"] = {"uid": 1234, "gid": 1234}
        c["process"]["capabilities"] = {}
        c["linux"].update(maskedPaths=["/hidden"], readonlyPaths=["/hidden2"],
                          devices=[{"path": "/dev/a/b", "type": "c", "major": 1, "minor": 3}])
    bundle = box.bundle("sh", "-c", "ls -A /hidden; id -u; echo x > /dev/a/b && echo wrote", change=change)
    for d in ("hidden", "hidden2"):
        (bundle / "rootfs" / d).mkdir(mode=0o700)
        (bundle / "rootfs" / d / "f").write_text("secret")
    r = box.runsc("--network=none", "--ignore-cgroups", "run", "-bundle", bundle, "one")
    assert r.stdout == "1234\nwrote\n", r.stderr


def test_devices(box):
    r = run(box, "stat -c '%F %a %u %g %t %T' /dev/mine /dev/deep/er/zero /dev/pipe; head -c 2 /dev/deep/er/zero | od -An -tx1; "
                 "cat /dev/mine 2>&1",
            linux(devices=[{"path": "/dev/mine", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 5, "gid": 6},
                           {"path": "/dev/deep/er/zero", "type": "c", "major": 1, "minor": 5},
                           {"path": "/dev/null", "type": "c", "major": 1, "minor": 3},
                           {"path": "/dev/pipe", "type": "p"}]))
    lines = r.stdout.splitlines()
    assert lines[0] == "character special file 640 5 6 a e5"
    assert lines[1].startswith("character special file 666 0 0 1 5") and lines[2].startswith("fifo 666 0 0")
    assert lines[3] == " 00 00" and "mine" in lines[4]   # the host's device is not there


def test_scheduling_and_personality(box):
    def change(c):
        c["process"].update(scheduler={"policy": "SCHED_BATCH", "nice": 7},
                            ioPriority={"class": "IOPRIO_CLASS_IDLE", "priority": 0})
        c["linux"]["personality"] = {"domain": "LINUX32"}
    r = run(box, "nice; chrt -p $$; ionice -p $$; uname -m", change)
    assert r.stdout.startswith("7\n") and "SCHED_BATCH" in r.stdout and "idle\n" in r.stdout and "i686" in r.stdout


def test_propagation(box):
    def change(c):
        c["mounts"] += [{"destination": "/s", "type": "tmpfs", "source": "t", "options": ["shared"]},
                        {"destination": "/u", "type": "tmpfs", "source": "t", "options": ["unbindable", "nosymfollow"]}]
    r = run(box, "grep -E ' /(s|u|tmp) ' /proc/self/mountinfo; grep ' / / ' /proc/self/mountinfo", change)
    by = {line.split()[4]: line for line in r.stdout.splitlines()}
    assert "shared:" in by["/s"] and "unbindable" in by["/u"] and "shared:" not in by["/"]
    r = run(box, "grep -c shared: /proc/self/mountinfo", linux(rootfsPropagation="rshared"))
    assert int(r.stdout) > 3


def test_mountinfo_tells_where_a_bind_is_from(box, tmp_path):
    """As on Linux, where programs find their container's name that way."""
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "sub").mkdir()
    (tmp_path / "f").write_text("x")

    def change(c):
        c["mounts"] += [{"destination": "/v", "type": "bind", "source": str(tmp_path / "v"), "options": ["bind", "slave"]},
                        {"destination": "/etc/f", "source": str(tmp_path / "f"), "options": ["bind"]}]
    r = run(box, "cut -d' ' -f4,5 /proc/self/mountinfo", change)
    assert {"/ /", f"{tmp_path}/f /etc/f", f"{tmp_path}/v /v"} <= set(r.stdout.splitlines()), (r.stdout, r.stderr)


def test_message_queues_mount(box):
    def change(c):
        c["mounts"].append({"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]})
    r = run(box, "stat -f -c %t /dev/mqueue; stat -c %a /dev/mqueue; ls -A /dev/mqueue; grep mqueue /proc/mounts | cut -d' ' -f1-3", change)
    assert r.stdout == "19800202\n1777\nmqueue /dev/mqueue mqueue\n", (r.stdout, r.stderr)


def test_namespace_paths_are_of_their_type(box):
    def change(kind, path):
        return lambda c: c["linux"]["namespaces"].append({"type": kind, "path": path})
    for kind, path in (("cgroup", "/proc/self/ns/uts"), ("time", "/proc/self/ns/net"), ("cgroup", "/etc/passwd"), ("time", "/not/there")):
        r = run(box, "true", change(kind, path))
        assert r.returncode == 128 and kind in r.stderr and path in r.stderr, r.stderr
    assert run(box, "echo ok", change("cgroup", "/proc/self/ns/cgroup")).stdout == "ok\n"


def test_net_raw(box):
    """CAP_NET_RAW is given as the configuration says with --net-raw, and otherwise not."""
    def change(c):
        for k in ("bounding", "effective", "permitted", "inheritable"):
            c["process"]["capabilities"][k] = ["CAP_NET_RAW", "CAP_KILL"]
    assert run(box, "grep CapEff /proc/self/status", change).stdout == "CapEff:\t0000000000000020\n"
    r = run(box, "grep CapEff /proc/self/status", change, flags=("--net-raw",))
    assert r.stdout == "CapEff:\t0000000000002020\n" and "net-raw" not in r.stderr


def test_recursive_read_only(box, tmp_path):
    (tmp_path / "v").mkdir()

    def change(c):
        c["mounts"].append({"destination": "/v", "type": "bind", "source": str(tmp_path / "v"), "options": ["rbind", "rro"]})
    assert "denied" in run(box, "touch /v/x || echo denied", change).stdout
    assert os.listdir(tmp_path / "v") == []


@pytest.fixture
def tree(tmp_path):
    """A shared mount of the host's, with another one in it."""
    v = tmp_path / "tree"
    (v / "later").mkdir(parents=True)
    (v / "sub").mkdir()
    subprocess.run(["mount", "--bind", v, v], check=True)
    subprocess.run(["mount", "--make-rshared", v], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "t", v / "sub"], check=True)
    yield v
    subprocess.run(["umount", "-l", v], check=True)


@pytest.mark.parametrize("directfs", ("true", "false"))
def test_mounts_of_the_host_come_and_go(box, tree, directfs):
    """rslave: what is mounted on the host after the start is there inside, and does not keep the host from taking it away. rprivate: not."""
    bundle = box.bundle("sleep", "1000", change=lambda c: c["mounts"].extend(
        {"destination": f"/{p}", "type": "bind", "source": str(tree), "options": ["rbind", p]} for p in ("rslave", "rprivate")))
    box.quiet("--network=none", "--ignore-cgroups", f"--directfs={directfs}", "run", "-detach", "-bundle", bundle, "one")

    def inside(script):
        return box.runsc("exec", "one", "sh", "-c", script).stdout
    assert inside("ls -A /rslave/later /rprivate/later") == "/rprivate/later:\n\n/rslave/later:\n"
    subprocess.run(["mount", "-t", "tmpfs", "t", tree / "later"], check=True)
    (tree / "later" / "new").write_text("hello")
    assert inside("cat /rslave/later/new; ls -A /rslave/later /rprivate/later; echo x > /rslave/later/mine") == \
        "hello/rprivate/later:\n\n/rslave/later:\nnew\n"
    assert (tree / "later" / "mine").read_text() == "x\n"
    subprocess.run(["umount", tree / "later"], check=True)
    assert inside("ls -A /rslave/later; echo y > /rslave/later/under; ls /rprivate/later") == "under\n"


def test_read_only_and_what_is_below(box, tree):
    """A read-only bind mount is so itself; what is mounted below keeps its own flags, unless "rro" asks for all."""
    (tree / "sub" / "deep").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "t", tree / "sub" / "deep"], check=True)

    def change(*options):
        return lambda c: c["mounts"].append({"destination": "/v", "type": "bind", "source": str(tree), "options": list(options)})
    script = "for f in /v/x /v/sub/x /v/sub/deep/x /v/later/x; do touch $f 2>/dev/null && echo $f; done; grep -c ' /v' /proc/self/mountinfo"
    assert run(box, script, change("rbind", "ro", "rprivate")).stdout == "/v/sub/x\n3\n"
    os.unlink(tree / "sub" / "x")
    assert run(box, script, change("rbind", "rro")).stdout == "3\n"
    assert run(box, script, change("rbind", "ro", "rro")).stdout == "3\n"
    assert run(box, script, change("bind", "ro")).stdout == "1\n"
    assert run(box, "ls -A /v/sub", change("bind", "ro")).stdout == ""
    assert run(box, "ls -A /v/sub", change("rbind", "ro")).stdout == "deep\n"


def profile(default, *rules, **more):
    return linux(seccomp={"defaultAction": default, "architectures": ["SCMP_ARCH_X86_64"],
                          "syscalls": [dict(zip(("names", "action", "errnoRet", "args"), r)) for r in rules], **more})


CLOCKS = ("import time; print(*(time.clock_gettime(c) for c in (time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC_RAW, "
          "6)))")


def test_time_offsets(box):
    """The clocks inside are ahead by what timeOffsets say; timers and waiting agree with them."""
    def change(**offsets):
        def do(c):
            c["linux"]["namespaces"].append({"type": "time"})
            c["linux"]["timeOffsets"] = offsets
        return do

    def clocks(fn):
        before = [time.clock_gettime(c) for c in (time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC_RAW,
                                                  6)]
        return [float(inside) - host for inside, host in zip(fn().split(), before)]
    offsets = change(monotonic={"secs": 86400, "nanosecs": 500000000}, boottime={"secs": 7777})
    for ahead, want in zip(clocks(lambda: run(box, f"python3 -c '{CLOCKS}'", offsets).stdout), (86400.5, 7777, 86400.5, 86400.5)):
        assert want - 0.1 < ahead < want + 30, (ahead, want)
    script = ("import threading, time; t = time.monotonic(); time.sleep(0.2); threading.Event().wait(0.2); d = time.monotonic() - t; "
              "print(0.4 <= d < 20)")
    assert run(box, f"python3 -c '{script}'; timeout 0.2 sleep 1000; echo $?", offsets).stdout == "True\n124\n"
    r = run(box, "true", change(monotonic={"secs": -(10 ** 10)}))
    assert r.returncode == 128 and "timeOffsets" in r.stderr
    # Given by a path: that one's.
    own = subprocess.Popen(["unshare", "--time", "--monotonic", "5000", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        own.stdin.write(b"x")
        own.stdin.flush()
        assert own.stdout.read(1) == b"x"
        path = f"/proc/{own.pid}/ns/time_for_children"
        r = clocks(lambda: run(box, f"python3 -c '{CLOCKS}'",
                               lambda c: c["linux"]["namespaces"].append({"type": "time", "path": path})).stdout)
        assert 5000 - 0.1 < r[0] < 5030, r
    finally:
        own.stdin.close()
        own.wait()
        own.stdout.close()
    # runsc's own clocks are as before: the next sandbox has the host's.
    assert abs(clocks(lambda: run(box, f"python3 -c '{CLOCKS}'").stdout)[0]) < 30


def maps(*triples):
    return [dict(zip(("containerID", "hostID", "size"), t)) for t in triples]


@pytest.mark.parametrize("directfs", ("true", "false"))
def test_id_mapped_mounts(box, tmp_path, directfs):
    """Files of one owner are another's inside, and what is made inside belongs to the first."""
    v = tmp_path / "v"
    v.mkdir()
    for name, uid, gid in (("root", 0, 0), ("user", 1000, 2000), ("other", 5000, 5000)):
        (v / name).write_text(name)
        os.chown(v / name, uid, gid)
    os.chmod(v, 0o777)
    flag = f"--directfs={directfs}"

    def change(uids, gids, more=lambda c: None):
        def do(c):
            c["mounts"].append({"destination": "/v", "type": "bind", "source": str(v), "options": ["bind"], "uidMappings": uids,
                                "gidMappings": gids})
            for k in ("bounding", "effective", "permitted"):
                c["process"]["capabilities"][k].append("CAP_CHOWN")
            more(c)
        return do
    script = "cd /v; stat -c '%n %u %g' root user other; touch made; stat -c '%u %g' made; chown 1001 made"
    r = run(box, script, change(maps((0, 0, 1), (1000, 1001, 10)), maps((0, 0, 1), (2000, 3000, 1))), flags=(flag,))
    assert r.stdout == "root 0 0\nuser 1001 3000\nother 65534 65534\n0 0\n", (r.stdout, r.stderr)
    st = os.stat(v / "made")
    assert (st.st_uid, st.st_gid) == (1000, 0)
    (v / "made").unlink()
    # The container's user namespace has the host's ids as others: both maps together.
    own = linux(namespaces=[{"type": n} for n in ("pid", "network", "ipc", "uts", "mount", "user")],
                uidMappings=maps((0, 100000, 65536)), gidMappings=maps((0, 100000, 65536)))
    r = run(box, script, change(maps((0, 100000, 65536)), maps((0, 100000, 65536)), own), flags=(flag,))
    assert r.stdout == "root 0 0\nuser 1000 2000\nother 5000 5000\n0 0\n", (r.stdout, r.stderr)
    r = run(box, "true", change(maps((0, 1, 10)), maps((0, 1, 10)), own))
    assert r.returncode == 128 and "cannot be mapped" in r.stderr
    r = run(box, "true", lambda c: c["mounts"].append({"destination": "/v", "type": "bind", "source": str(v), "options": ["bind", "idmap"]}))
    assert r.returncode == 128 and "uidMappings" in r.stderr


def test_seccomp_errno(box):
    p = profile("SCMP_ACT_ALLOW", (["mkdir", "mkdirat"], "SCMP_ACT_ERRNO", 99))
    r = run(box, "mkdir /x; grep Seccomp: /proc/self/status; mkdir /y || echo no", p)
    assert "Cannot assign requested address" in r.stderr and r.stdout == "Seccomp:\t2\nno\n"
    r = run(box, "mkdir /x && echo made", p, flags=("--oci-seccomp=false",))
    assert r.stdout == "made\n"


def test_seccomp_arguments(box):
    """kill(2) with SIGCONT, by each kind of comparison."""
    for op, value, two, hit in (("EQ", 18, 0, True), ("NE", 18, 0, False), ("GT", 17, 0, True), ("GE", 18, 0, True),
                                ("LT", 18, 0, False), ("LE", 18, 0, True), ("MASKED_EQ", 16, 16, True),
                                ("MASKED_EQ", 1, 1, False), ("LT", 1 << 40, 0, True), ("GT", 1 << 40, 0, False)):
        arg = {"index": 1, "value": value, "valueTwo": two, "op": "SCMP_CMP_" + op}
        r = run(box, "kill -CONT $$ || echo hit", profile("SCMP_ACT_ALLOW", (["kill"], "SCMP_ACT_ERRNO", 1, [arg])))
        assert ("hit" in r.stdout) == hit, (op, value, r.stdout, r.stderr)


def test_seccomp_kill(box):
    r = run(box, "mkdir /x", profile("SCMP_ACT_ALLOW", (["mkdir", "mkdirat"], "SCMP_ACT_KILL_PROCESS")))
    assert r.returncode in (128 + signal.SIGSYS,), (r.returncode, r.stderr)


def test_seccomp_default_denies(box):
    """What is newer than all that the profile names does not exist, so that libraries fall back."""
    names = [n for n in NAMES if n not in ("mkdir", "mkdirat")]
    r = run(box, "mkdir /x; python3 -c 'import ctypes; l = ctypes.CDLL(None, use_errno=True); print(l.syscall(460), ctypes.get_errno())'",
            profile("SCMP_ACT_ERRNO", (names, "SCMP_ACT_ALLOW")))
    assert "Operation not permitted" in r.stderr and r.stdout == "-1 38\n", (r.stdout, r.stderr)


def test_cpus_of_exec(box):
    """execCPUAffinity is for processes that are added; the last set counts, as far as there are such CPUs."""
    def change(**affinity):
        return lambda c: c["process"].update(execCPUAffinity=affinity)
    for n, (affinity, want) in enumerate((({"initial": "0-1", "final": "0"}, "0"), ({"initial": "0,200"}, "0"), ({}, None))):
        bundle = box.bundle("sh", "-c", "grep Cpus_allowed_list: /proc/self/status; sleep 1000", change=change(**affinity))
        box.quiet("--network=none", "--ignore-cgroups", "run", "-detach", "-bundle", bundle, f"c{n}")
        r = box.runsc("exec", f"c{n}", "grep", "Cpus_allowed_list:", "/proc/self/status")
        assert r.returncode == 0 and (r.stdout.split()[1] == want if want else len(r.stdout) > 5), r
        box.quiet("delete", "-force", f"c{n}")
    bundle = box.bundle("sleep", "1000", change=change(final="250"))
    box.quiet("--network=none", "--ignore-cgroups", "run", "-detach", "-bundle", bundle, "none")
    r = box.runsc("exec", "none", "true")
    assert r.returncode == 128 and "EINVAL" in r.stderr + r.stdout, r


def test_seccomp_of_exec(box):
    """Processes that are added later have the container's filter too."""
    bundle = box.bundle("sleep", "1000", change=profile("SCMP_ACT_ALLOW", (["mkdir", "mkdirat"], "SCMP_ACT_ERRNO", 99)))
    box.quiet("--network=none", "--ignore-cgroups", "run", "-detach", "-bundle", bundle, "one")
    r = box.runsc("exec", "one", "mkdir", "/x")
    assert r.returncode == 1 and "Cannot assign requested address" in r.stderr


def test_sysctl(box):
    def change(c):
        c.pop("hostname")
        for k in ("bounding", "effective", "permitted"):
            c["process"]["capabilities"][k].append("CAP_SYS_ADMIN")
        c["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1", "net/core/somaxconn": "99", "kernel.shmmax": "777",
                                "kernel.domainname": "dom", "kernel.hostname": "nm", "fs.mqueue.nothing": "1"}
    r = run(box, "cd /proc/sys; cat net/ipv4/ip_forward net/core/somaxconn kernel/shmmax kernel/msgmax kernel/domainname; "
                 "hostname; hostname other && cat kernel/hostname; echo 778 > kernel/shmmax; cat kernel/shmmax; ipcmk -M 779", change)
    assert r.stdout == "1\n99\n777\n8192\ndom\nnm\nother\n778\n" and "Invalid argument" in r.stderr, (r.stdout, r.stderr)


def test_sysctl_warnings(box):
    """What has no effect is named, what has is not."""
    r = run(box, "true", linux(sysctl={"net.ipv4.ip_forward": "1", "kernel.msgmax": "1", "kernel.shmmax": "777", "net.core.somaxconn": "9"}))
    assert r.returncode == 0 and "ip_forward" in r.stderr and "msgmax" in r.stderr, r.stderr
    assert "shmmax" not in r.stderr and "somaxconn" not in r.stderr, r.stderr


def test_sysctl_refusals(box):
    for key, value, what in (("kernel.shmmni", "40000", "EINVAL"), ("kernel.shmmax", "much", "EINVAL"),
                             ("vm.swappiness", "1", "not in a separate kernel namespace")):
        r = run(box, "true", linux(sysctl={key: value}))
        assert r.returncode == 128 and key in r.stderr and what in r.stderr, r.stderr


def test_sysctl_of_the_host_network(box):
    """With --network=host the host keeps them, in the container's network namespace."""
    own = os.readlink("/proc/self/ns/net")
    holder = subprocess.Popen(["unshare", "-n", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        holder.stdin.write(b"x")
        holder.stdin.flush()
        assert holder.stdout.read(1) == b"x"
        path = f"/proc/{holder.pid}/ns/net"
        assert os.readlink(path) != own

        def change(key, value, where=path):
            def do(c):
                c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "network"]
                c["linux"]["namespaces"].append({"type": "network", **({"path": where} if where else {})})
                c["linux"]["sysctl"] = {key: value}
            return do

        def seen():
            return subprocess.run(["nsenter", f"--net={path}", "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"],
                                  stdout=subprocess.PIPE, check=True).stdout
        bundle = box.bundle("sh", "-c", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start",
                            change=change("net.ipv4.ip_unprivileged_port_start", "77"))
        r = box.runsc("--network=host", "--ignore-cgroups", "run", "-bundle", bundle, "one")
        assert r.stdout == "77\n" and seen() == b"77\n", r.stderr
        for key, value, where, what in (("net.ipv4.not_there", "1", path, "No such file"), ("net/../kernel/panic", "1", path, "Invalid"),
                                        ("net.ipv4.ip_default_ttl", "300", path, "Invalid"),
                                        ("net.ipv4.ip_default_ttl", "30", "/proc/self/ns/net", "is the host's")):
            r = box.runsc("--network=host", "--ignore-cgroups", "run", "-bundle", box.bundle("true", change=change(key, value, where)), "two")
            assert r.returncode == 128 and what in r.stderr, (key, r.stderr)
        # In a namespace that the sandbox makes for itself.
        bundle = box.bundle("sh", "-c", "true", change=change("net.ipv4.ip_default_ttl", "30", None))
        r = box.runsc("--network=host", "--ignore-cgroups", "run", "-bundle", bundle, "three")
        assert r.returncode == 0, r.stderr
        with open("/proc/sys/net/ipv4/ip_default_ttl", encoding="ascii") as f:
            assert f.read() != "30\n"
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()


def test_tmpcopyup(box):
    """With links, modes, owners and depth; what the image has is not changed."""
    def change(c):
        c["mounts"].append({"destination": "/data", "type": "tmpfs", "source": "t", "options": ["tmpcopyup", "mode=700"]})
    deep = "/".join(["d"] * 60)
    bundle = box.bundle("sh", "-c", f"cd /data; cat a {deep}/leaf big | cksum; stat -c '%a %u %g' a; readlink l; ls -A | wc -l; "
                                    "rm -rf d; echo new > big; grep ' /data ' /proc/mounts | cut -d' ' -f3", change=change)
    data = bundle / "rootfs" / "data"
    (data / deep).mkdir(parents=True)
    big = os.urandom(300001)
    for name, content in (("a", b"aa"), (f"{deep}/leaf", b"leaf"), ("big", big)):
        (data / name).write_bytes(content)
    for n in range(1500):
        (data / f"{'n' * 30}{n}").write_text("")
    os.chmod(data / "a", 0o4755)
    os.chown(data / "a", 7, 8)
    os.chmod(data / "a", 0o4755)
    (data / "l").symlink_to("/etc/nowhere")
    want = subprocess.run(["cksum"], input=b"aaleaf" + big, stdout=subprocess.PIPE, check=True).stdout.decode()
    r = box.runsc("--network=none", "--ignore-cgroups", "run", "-bundle", bundle, "one")
    assert r.stdout == want + "4755 7 8\n/etc/nowhere\n1504\ntmpfs\n", (r.stdout, r.stderr)
    assert (data / "big").read_bytes() == big and (data / deep / "leaf").exists()


def test_warnings_name_what_is_left_out(box, tmp_path):
    log = tmp_path / "log"

    def change(c):
        c["linux"]["sysctl"] = {"kernel.sem": "1 2 3 4"}
        c["mounts"].append({"destination": "r", "type": "tmpfs", "source": "t"})
    r = run(box, "true", change, flags=("--log", log))
    text = log.read_text()
    assert r.returncode == 0 and "kernel.sem" in text and "relative" in text
