"""An ordinary user: a user namespace of one id, and of those that newuidmap lets it have. Real programs."""
import json
import os
import pwd
import shutil
import subprocess

import pytest

from conftest import RUNSC, TIMEOUT, wait_for
from lifecycle import Containers

USER = "nobody"  # has no line in /etc/subuid
FIRST, COUNT = 3000000, 1000  # ids that are lent to the user for the tests

pytestmark = pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="becomes another user")


class User(Containers):
    """Containers of an ordinary user: each command is run by it. lent: it has subordinate ids."""

    def __init__(self, directory, lent):
        super().__init__(directory)
        self.id = pwd.getpwnam(USER).pw_uid
        self.binary = str(self.dir / "runsc")
        shutil.copy(RUNSC, self.binary)
        os.chmod(self.binary, 0o755)
        for d in (self.dir, *self.dir.parents):
            if str(d).startswith("/tmp/") or d == self.dir:
                os.chmod(d, os.stat(d).st_mode | 0o711)
        os.chown(self.dir, self.id, self.id)
        (self.dir / "run").mkdir()
        os.chown(self.dir / "run", self.id, self.id)
        # The files that newuidmap reads, in a mount namespace of the commands.
        self.before = []
        if lent:
            for name in ("subuid", "subgid"):
                (self.dir / name).write_text(f"{USER}:{FIRST}:{COUNT}\n")
            binds = " && ".join(f"mount --bind {self.dir}/{n} /etc/{n}" for n in ("subuid", "subgid"))
            self.before = ["unshare", "-m", "sh", "-c", binds + ' && exec "$@"', "sh"]

    def prefix(self):
        return [*self.before, "setpriv", "--reuid", str(self.id), "--regid", str(self.id), "--clear-groups",
                "env", f"XDG_RUNTIME_DIR={self.dir}/run", f"HOME={self.dir}"]

    def command(self, *args):
        if args[0] == "spec":  # the bundle becomes the user's when it is there
            return super().command(*args)
        return [*self.prefix(), self.binary, "--root", str(self.root), *map(str, args)]

    def bundle(self, *argv, change=lambda c: None):
        path = super().bundle(*argv, change=change)
        subprocess.run(["chown", "-R", str(self.id), str(path)], check=True)
        return path


@pytest.fixture(params=[False, True], ids=["one-id", "newuidmap"])
def lent(request):
    if request.param and not shutil.which("newuidmap"):
        pytest.skip("no newuidmap")
    return request.param


@pytest.fixture
def user(tmp_path, lent):
    u = User(tmp_path, lent)
    yield u
    assert u.end() == []


def maps(user, lent):
    def change(c):
        one = [{"containerID": 0, "hostID": user.id, "size": 1}]
        more = [{"containerID": 1, "hostID": FIRST, "size": COUNT}] if lent else []
        for kind in ("bounding", "effective", "permitted"):
            c["process"]["capabilities"][kind].append("CAP_CHOWN")
        c["linux"]["namespaces"].append({"type": "user"})
        c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = one + more
    return change


def ids(lent, user):
    return ["-uid-map", f"0 {user.id} 1,1 {FIRST} {COUNT}", "-gid-map", f"0 {user.id} 1,1 {FIRST} {COUNT}"] if lent else []


def test_life(user, lent):
    assert user.ok("run", "-bundle", user.bundle("sh", "-c", "id -u; echo words >/tmp/f; cat /tmp/f", change=maps(user, lent)), "one") == "0\nwords\n"
    user.quiet("create", "-bundle", user.bundle("sleep", "1000", change=maps(user, lent)), "two")
    user.ok("start", "two")
    assert user.ok("exec", "-user", "user", "two", "sh", "-c", "id -u; id -g") == "1000\n1001\n"
    assert user.ok("ps", "two").splitlines()[1].split()[-1] == "sleep"
    user.ok("pause", "two")
    user.ok("resume", "two")
    assert json.loads(user.ok("events", "-stats", "two"))["type"] == "stats"
    user.ok("kill", "two", "KILL")
    assert wait_for(lambda: user.state("two")["status"] == "stopped")
    user.ok("delete", "two")


@pytest.mark.parametrize("overlay", ["none", "root:self", "all:memory"])
def test_owners(user, lent, overlay):
    """What a layer holds can belong to anybody; a file of the host to those ids that the user has."""
    script = "touch /tmp/f && chown 5:6 /tmp/f && stat -c %u:%g /tmp/f"
    bundle = user.bundle("sh", "-c", script, change=maps(user, lent))
    r = user.runsc("--overlay2=" + overlay, "run", "-bundle", bundle, "x")
    on_host = bundle / "rootfs" / "tmp" / "f"
    if overlay != "none":
        assert r.stdout == "5:6\n" and not on_host.exists(), r.stderr
    elif lent:
        assert r.stdout == "5:6\n", r.stderr
        st = on_host.stat()
        assert (st.st_uid, st.st_gid) == (FIRST + 4, FIRST + 5)
    else:
        assert r.returncode != 0 and "chown" in r.stderr and on_host.stat().st_uid == user.id


@pytest.mark.parametrize("flags", [[], ["-force-overlay=false"]], ids=["memory", "self"])
def test_do(user, lent, flags):
    """Programs that nobody here wrote, on the machine's own files."""
    more = ids(lent, user)
    script = "import json, subprocess; print(json.dumps([subprocess.check_output(['id', '-u'], text=True), sum(range(10))]))"
    assert json.loads(user.ok("do", *flags, *more, "/usr/bin/python3", "-c", script)) == ["0\n", 45]
    script = f"cd {user.dir} && git init -q r && cd r && echo a >f && git add f && git -c user.name=a -c user.email=b commit -q -m m && git log --format=%s"
    assert user.ok("do", *flags, *more, "sh", "-c", script) == "m\n"
    user.ok("do", *flags, *more, "sh", "-c", f"tar -C /usr/share -cf - doc/bash | tar -C {user.dir} -xf - && diff -r /usr/share/doc/bash {user.dir}/doc/bash")
    assert not (user.dir / "r").exists() or flags


def test_do_network_host(user, lent):
    assert user.ok("--network=host", "do", *ids(lent, user), "sh", "-c", "cat /proc/net/dev | grep -c lo:") == "1\n"


def test_ids_that_the_user_does_not_have(user, lent):
    r = user.runsc("do", "-uid-map", f"0 {user.id} 1,1 1000 5", "-gid-map", f"0 {user.id} 1", "true")
    assert r.returncode == 128 and "/etc/subuid" in r.stderr
    r = user.runsc("do", "-uid-map", f"0 {user.id} 1", "-gid-map", f"0 {user.id} 1,1 1000 5", "true")
    assert r.returncode == 128 and "/etc/subgid" in r.stderr
    r = user.runsc("do", "-uid-map", f"0 1000 1,1 {user.id} 1", "-gid-map", f"0 {user.id} 1", "true")
    assert r.returncode == 128 and f"0 of the container must be {user.id}" in r.stderr
    for bad in ("", "0", "0 1", "a b c", "0 1 2,", ",", "0 1 0", "0 1 -1", "0 1 2 3", "4294967296 1 1"):
        r = user.runsc("do", f"-uid-map={bad}", "true")
        assert r.returncode == 128 and "INSIDE OUTSIDE COUNT" in r.stderr, (bad, r.stderr)
    assert user.ok("do", "-uid-map", f"0 {user.id} 1", "echo", "own") == "own\n"


def test_a_state_directory_that_is_not_there(user, lent):
    """The default is below XDG_RUNTIME_DIR."""
    bundle = user.bundle("true", change=maps(user, lent))
    r = subprocess.run([*user.prefix(), user.binary, "run", "-bundle", str(bundle), "x"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=TIMEOUT, check=False)
    assert r.returncode == 0, r.stderr
    assert (user.dir / "run" / "runsc").is_dir()
