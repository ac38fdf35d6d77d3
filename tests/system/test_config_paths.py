"""Path tricks of a hostile image and a hostile configuration: nothing outside of the container is read or changed."""
import json
import os

import pytest

from lifecycle import Containers

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="binds the host's /usr")
SECRET = "the host's secret"


@pytest.fixture
def box(tmp_path):
    b = Containers(tmp_path)
    yield b
    assert b.end() == []


@pytest.fixture
def outside(tmp_path):
    """A directory of the host with files in it; afterwards it must be as it was."""
    d = tmp_path / "outside"
    (d / "sub").mkdir(parents=True)
    (d / "secret").write_text(SECRET)
    os.chmod(d / "secret", 0o600)
    before = snapshot(d)
    yield d
    assert snapshot(d) == before


def snapshot(d):
    out = []
    for base, dirs, files in os.walk(d):
        for n in dirs + files:
            st = os.lstat(os.path.join(base, n))
            out.append((base, n, st.st_mode, st.st_uid, st.st_gid, st.st_size, st.st_mtime_ns))
    return sorted(out)


def run(box, script, change, overlay="root:self", prepare=lambda rootfs: None):
    bundle = box.bundle("sh", "-c", script, change=change)
    prepare(bundle / "rootfs")
    return box.runsc("--network=none", "--ignore-cgroups", f"--overlay2={overlay}", "run", "-bundle", bundle, "one")


@pytest.mark.parametrize("overlay", ["none", "all:memory", "root:self"])
@pytest.mark.parametrize("link", ["absolute", "dotdot", "proc", "chain"])
@pytest.mark.parametrize("kind", ["tmpfs", "bind", "device", "masked", "readonly", "cwd"])
def test_destination_through_link(box, outside, tmp_path, overlay, link, kind):
    """The image has a symbolic link on the way to what the configuration names."""
    gift = tmp_path / "gift"
    gift.mkdir()
    (gift / "file").write_text("gift")

    def prepare(rootfs):
        target = {"absolute": str(outside), "dotdot": "../" * 30 + str(outside)[1:],
                  "proc": f"/proc/self/root{outside}", "chain": "hop"}[link]
        (rootfs / "trick").symlink_to(target)
        if link == "chain":
            (rootfs / "hop").symlink_to("../" * 30 + str(outside)[1:])

    def change(c):
        at = "/trick/sub/new"
        if kind == "tmpfs":
            c["mounts"].append({"destination": at, "type": "tmpfs", "source": "tmpfs"})
        elif kind == "bind":
            c["mounts"].append({"destination": at, "type": "bind", "source": str(gift), "options": ["rbind"]})
        elif kind == "device":
            c["linux"]["devices"] = [{"path": at, "type": "c", "major": 1, "minor": 3}]
        elif kind == "cwd":
            c["process"]["cwd"] = "/trick"
        else:
            c["linux"][kind + "Paths"] = ["/trick/secret"]

    r = run(box, "cat /trick/secret; echo x > /trick/sub/mine; true", change, overlay, prepare)
    assert SECRET not in r.stdout + r.stderr
    assert not os.path.exists(outside / "sub" / "new") and not os.path.exists(outside / "sub" / "mine")


@pytest.mark.parametrize("destination", ["/../../../outside-{n}", "/a/../../b-{n}", "/./x-{n}", "//y-{n}",
                                         "/proc/self/root/../../z-{n}", "relative-{n}"])
def test_destination_that_climbs(box, outside, tmp_path, destination):
    name = destination.format(n=os.path.basename(tmp_path))

    def change(c):
        c["mounts"].append({"destination": name, "type": "tmpfs", "source": "tmpfs"})
    run(box, "true", change)
    for base in ("/", tmp_path, tmp_path / "bundle1", tmp_path.parent):
        assert not any(n.endswith("-" + os.path.basename(tmp_path)) for n in os.listdir(base))


@pytest.mark.parametrize("root", ["rootfs/../rootfs", "./rootfs", "link"])
def test_root_that_is_odd(box, root):
    """The root's path is the bundle's maker's: links in it are followed by runsc, once, before anything is in it."""
    bundle = box.bundle("sh", "-c", "echo in")
    (bundle / "link").symlink_to("rootfs")
    c = json.loads((bundle / "config.json").read_text())
    c["root"]["path"] = root
    (bundle / "config.json").write_text(json.dumps(c))
    r = box.runsc("--network=none", "--ignore-cgroups", "run", "-bundle", bundle, "one")
    assert r.returncode == 0 and r.stdout == "in\n"


@pytest.mark.parametrize("path", ["/proc/1/root", "/proc/self/root", "/proc/self/cwd", "/proc/self/fd/0",
                                  "/../../..", "/dev/fd/3"])
def test_magic_links_stay_inside(box, outside, path):
    r = run(box, f"ls {path}{outside} 2>&1; cat {path}{outside}/secret; true", lambda c: None)
    assert SECRET not in r.stdout + r.stderr


def test_root_is_read_only(box, outside):
    def change(c):
        c["root"]["readonly"] = True
    r = run(box, "echo x > /new || echo denied; mkdir /d || echo denied; touch /etc/passwd || echo denied", change)
    assert r.stdout.count("denied") == 3
    assert not os.path.exists(box.dir / "bundle1" / "rootfs" / "new")


def test_bind_source_link(box, outside, tmp_path):
    """A volume whose files are links to the outside: they lead nowhere."""
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "abs").symlink_to(outside / "secret")
    (volume / "rel").symlink_to("../outside/secret")
    (volume / "dir").symlink_to("../outside")

    def change(c):
        c["mounts"].append({"destination": "/v", "type": "bind", "source": str(volume), "options": ["rbind", "rw"]})
    r = run(box, "cat /v/abs /v/rel /v/dir/secret; echo x > /v/dir/new; echo x >> /v/rel; true", change, "none")
    assert SECRET not in r.stdout and not os.path.exists(outside / "new")


def test_exec_cwd_and_program(box, outside):
    bundle = box.bundle("sleep", "1000")
    (bundle / "rootfs" / "trick").symlink_to("../" * 30 + str(outside)[1:])
    (bundle / "rootfs" / "prog").symlink_to("../" * 30 + str(outside)[1:] + "/secret")
    box.quiet("--network=none", "--ignore-cgroups", "run", "-detach", "-bundle", bundle, "one")
    r = box.runsc("exec", "-cwd", "/trick", "one", "cat", "secret")
    assert r.returncode != 0 and SECRET not in r.stdout + r.stderr
    r = box.runsc("exec", "one", "/prog")
    assert r.returncode != 0 and SECRET not in r.stdout + r.stderr
    r = box.runsc("exec", "-cwd", "/../../..", "one", "ls")
    assert r.returncode == 0 and "usr" in r.stdout
