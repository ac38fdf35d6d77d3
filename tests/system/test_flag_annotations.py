"""dev.gvisor.flag.NAME: global flags for one container, from its annotations."""
import os

import pytest

from lifecycle import Containers

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="binds the host's /usr")


@pytest.fixture
def box(tmp_path):
    b = Containers(tmp_path)
    yield b
    assert b.end() == []


def bundle(box, *argv, **flags):
    return box.bundle(*argv, change=lambda c: c.update(annotations={"dev.gvisor.flag." + k.replace("_", "-"): v for k, v in flags.items()}))


def test_strace(box):
    log = box.dir / "log"
    box.ok("--debug-log", log, "run", "-bundle", bundle(box, "cat", "/etc/group", strace="true", strace_syscalls="openat"), "x")
    assert " E openat(" in log.read_text() and " E read(" not in log.read_text()


@pytest.mark.parametrize("value, host", [("all:memory", False), ("root:memory", False), ("root:self,size=1m", False)])
def test_a_layer(box, value, host):
    b = bundle(box, "touch", "/tmp/f", overlay2=value)
    box.ok("--overlay2=none", "run", "-bundle", b, "x")
    assert (b / "rootfs" / "tmp" / "f").exists() == host


@pytest.mark.parametrize("flags", [{"overlay2": "none"}, {"overlay2": "root:dir=/tmp"}, {"oci_seccomp": "false"}, {"network": "host"},
                                   {"allow_flag_override": "true"}, {"root": "/tmp"}, {"platform": "ptrace"}, {"log": "/tmp/runsc-annotated-log"},
                                   {"debug_log": "/tmp/runsc-annotated-log"}, {"qdisc": "none"}, {"qdisc_tbf_rate": "0"}, {"ignore_cgroups": "true"}])
def test_what_is_not_harmless(box, flags):
    b = bundle(box, "echo", "words", **flags)
    r = box.runsc("--qdisc-tbf-rate=5", "--network=none", "run", "-bundle", b, "x")
    name = next(iter(flags)).replace("_", "-")
    assert r.returncode == 128 and f"dev.gvisor.flag.{name}" in r.stderr and "--allow-flag-override" in r.stderr and r.stdout == ""
    assert not os.path.exists("/tmp/runsc-annotated-log")


def test_override(box):
    b = bundle(box, "touch", "/tmp/f", overlay2="none")
    box.ok("--allow-flag-override", "run", "-bundle", b, "x")
    assert (b / "rootfs" / "tmp" / "f").exists()


def test_what_is_no_flag(box):
    for flags, word in (({"nonsense": "1"}, "no such flag"), ({"strace_log_size": "x"}, "a whole number"), ({"host_uds": "some"}, "use one of")):
        r = box.runsc("run", "-bundle", bundle(box, "true", **flags), "x")
        assert r.returncode == 128 and word in r.stderr, r.stderr


def test_what_is_so_anyway(box):
    assert box.ok("--network=none", "run", "-bundle", bundle(box, "echo", "words", network="none"), "x") == "words\n"
