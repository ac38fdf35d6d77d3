"""runsc install, uninstall: the configuration of Docker and of containerd, with a runtime more and again without; the package."""
import json
import os
import shutil
import subprocess

import pytest

from conftest import ROOT, RUNSC, runsc

TABLE = '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.'


@pytest.fixture
def files(tmp_path):
    return tmp_path / "docker" / "daemon.json", tmp_path / "containerd" / "config.toml"


def run(command, files, *args, docker=True, containerd=True):
    return runsc(command, "-config_file", files[0] if docker else "", "-containerd_config", files[1] if containerd else "", *args)


def ok(command, files, *args, **kw):
    r = run(command, files, *args, **kw)
    assert (r.returncode, r.stderr) == (0, ""), r
    return r.stdout


def test_from_nothing_and_back(files):
    out = ok("install", files)
    assert out.count("added") == 2 and "restart Docker" in out and "restart containerd" in out
    assert json.loads(files[0].read_text()) == {"runtimes": {"runsc": {"path": os.path.realpath(RUNSC)}}}
    assert files[1].read_text().count(TABLE) == 1 and "version = 2\n" in files[1].read_text()
    before = [f.read_bytes() for f in files], [f.stat().st_mtime_ns for f in files]
    assert ok("install", files).count("nothing to change") == 2
    assert before == ([f.read_bytes() for f in files], [f.stat().st_mtime_ns for f in files])
    ok("uninstall", files)
    assert json.loads(files[0].read_text()) == {} and not files[1].exists()
    ok("uninstall", files)


def test_what_others_wrote_stays(files):
    docker = {"data-root": "/srv", "runtimes": {"other": {"path": "/bin/other"}}, "exec-opts": ["a=b", "native.cgroupdriver=cgroupfs"]}
    containerd = 'version = 2\n# mine\n[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "x"'
    for f, text in zip(files, (json.dumps(docker), containerd)):
        f.parent.mkdir()
        f.write_text(text)
        f.chmod(0o600)
    ok("install", files, "-runtime", "cv", "-experimental", "-cgroupdriver=systemd", "--", "--network=host", "--debug")
    got = json.loads(files[0].read_text())
    assert got["data-root"] == "/srv" and got["runtimes"]["other"] == {"path": "/bin/other"} and got["experimental"] is True
    assert got["runtimes"]["cv"] == {"path": os.path.realpath(RUNSC), "runtimeArgs": ["--network=host", "--debug"]}
    assert got["exec-opts"] == ["a=b", "native.cgroupdriver=systemd"]
    assert files[1].read_text().startswith(containerd) and files[1].stat().st_mode & 0o777 == 0o600
    ok("uninstall", files, "-runtime", "cv")
    assert json.loads(files[0].read_text())["runtimes"] == {"other": {"path": "/bin/other"}}
    assert files[1].read_text().rstrip("\n") == containerd
    assert sorted(os.listdir(files[0].parent)) == ["daemon.json"]


def test_only_one(files):
    ok("install", files, containerd=False)
    assert files[0].exists() and not files[1].parent.exists()
    ok("install", files, "-runtime=two", docker=False)
    assert files[1].exists() and list(json.loads(files[0].read_text())["runtimes"]) == ["runsc"]


@pytest.mark.parametrize("docker,containerd,args,words", [
    ("{", "", (), ["not valid", "-config_file"]),
    ("[]", "", (), ["an object"]),
    ('{"runtimes": 3}', "", (), ["runtimes"]),
    ('{"runtimes": {"runsc": {"path": "/x"}}}', "", ("-clobber=false",), ["already", "-clobber"]),
    ("{}", TABLE + "runsc]\n", (), ["has not written", "-runtime"]),
    ("{}", "", ("-runtime", "a]b"), ["no name of a runtime"]),
    ("{}", "", ("-cgroupdriver=x",), ["cgroupfs or systemd"]),
    ("{}", "# runtime runsc: written by runsc install\n", (), ["by hand"]),
])
def test_wrong(files, docker, containerd, args, words):
    for f, text in zip(files, (docker, containerd)):
        f.parent.mkdir()
        f.write_text(text)
    r = run("install", files, *args)
    assert r.returncode == 128 and all(w in r.stderr for w in words), r
    assert files[1].read_text() == containerd


def test_containerd_reads_it(files):
    assert shutil.which("containerd"), "apt-get install containerd"
    ok("install", files)
    dump = subprocess.run(["containerd", "--config", files[1], "config", "dump"], stdout=subprocess.PIPE, text=True, check=True).stdout
    table = dump.split("containerd.runtimes.runsc]")[1].split("\n\n")[0]
    assert 'runtime_type = "io.containerd.runsc.v1"' in table


def test_package(tmp_path):
    """What make deb says it has made, unpacked: both programs run, every command has its page."""
    out = subprocess.run(["make", "-s", "-C", ROOT, "deb"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout
    package = os.path.join(ROOT, out.split("in '")[-1].split("'")[0])
    subprocess.run(["dpkg-deb", "-x", package, tmp_path], check=True)
    for program in ("runsc", "containerd-shim-runsc-v1"):
        p = subprocess.run([tmp_path / "usr/bin" / program, "-version" if program == "runsc" else "-v"], stdout=subprocess.PIPE, check=True)
        assert p.stdout
    pages = {p.name for p in (tmp_path / "usr/share/man/man8").iterdir()}
    commands = [line.split()[0] for line in runsc("help").stdout.splitlines() if line.startswith("  ")]
    assert len(commands) > 10 and pages == {f"runsc-{c}.8.gz" for c in commands} | {"runsc.8.gz"}
    fields = subprocess.run(["dpkg-deb", "-f", package, "Package"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert fields.strip() == "cvisor"
