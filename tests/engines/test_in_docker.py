"""runsc inside an ordinary Docker container, which runc runs: what works, and what is said where it does not."""
import pytest

import engines

LIFE = r"""
set -e
runsc="/runsc --root /tmp/state --network=none $FLAGS"
[ "$($runsc do echo words)" = words ]
mkdir -p /tmp/b/rootfs/bin
cp /bin/busybox /tmp/b/rootfs/bin
for name in sh cat sleep echo; do ln -s busybox /tmp/b/rootfs/bin/$name; done
cd /tmp/b
$runsc spec -- /bin/sh -c 'echo inside; exit 3'
sed -i 's/"terminal": true/"terminal": false/' config.json
[ "$($runsc run one || echo status $?)" = "$(printf 'inside\nstatus 3')" ]
sed -i 's/echo inside; exit 3/sleep 1000/' config.json
$runsc create two </dev/null >/dev/null 2>&1
$runsc start two
[ "$($runsc exec two /bin/sh -c 'cat /proc/1/comm')" = sh ] || [ "$($runsc exec two /bin/sh -c 'cat /proc/1/comm')" = sleep ]
$runsc pause two; $runsc resume two
$runsc kill two KILL
while $runsc state two | grep -q running; do :; done
$runsc delete two
[ -z "$($runsc list -quiet)" ]
echo good
"""

UNCONFINED = ["--security-opt", "seccomp=unconfined"]
# As --privileged, of which the tests' machines lack some capabilities.
PRIVILEGED = [*UNCONFINED, "--security-opt", "systempaths=unconfined", "--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE", "--cap-add=NET_ADMIN",
              "--cgroupns=host"]


@pytest.fixture
def outer(docker):
    def run(*flags, script=LIFE, **kw):
        return docker("run", "--rm", "--runtime=runc", "--network=none", "-v", f"{engines.RUNSC}:/runsc:ro", *flags, engines.IMAGE, "sh", "-c",
                      script, **kw)
    return run


@pytest.mark.parametrize("flags", [
    pytest.param(UNCONFINED, id="ordinary"),
    pytest.param([*UNCONFINED, "-u", "1000", "-e", "HOME=/tmp"], id="user"),
    pytest.param([*UNCONFINED, "--cap-drop=ALL", "--cap-add=SETFCAP"], id="few-capabilities"),
    pytest.param([*UNCONFINED, "--cap-drop=ALL", "-u", "1000", "-e", "HOME=/tmp"], id="user-without-capabilities"),
    pytest.param([*UNCONFINED, "--read-only", "--tmpfs", "/tmp:exec"], id="read-only"),
    pytest.param(PRIVILEGED, id="privileged"),
    pytest.param([*UNCONFINED, "-e", "FLAGS=--platform=ptrace"], id="ptrace"),
])
def test_life(outer, flags):
    assert outer(*flags).stdout.splitlines()[-1] == "good"


@pytest.mark.parametrize("flags", [[], ["--cap-add=SYS_ADMIN"], ["-u", "1000"]], ids=["default", "mounts-only", "user"])
def test_what_is_missing_is_said(outer, flags):
    """Docker's own profile allows no user namespaces, or with CAP_SYS_ADMIN no pivot_root."""
    r = outer(*flags, script="/runsc --network=none do echo words", want=128)
    assert "seccomp=unconfined" in r.stderr and "words" not in r.stdout


def test_root_without_capabilities(outer):
    r = outer(*UNCONFINED, "--cap-drop=ALL", script="/runsc --network=none do echo words", want=128)
    assert "CAP_SETFCAP" in r.stderr


def test_no_cgroups_to_write(outer):
    """A limit that cannot be set is said, and the container runs without, as for any user who has no cgroups."""
    script = LIFE.replace("$runsc run one", "sed -i 's,\"linux\": {,\"linux\": {\"cgroupsPath\": \"/x\"\\,,' config.json; $runsc run one")
    r = outer(*UNCONFINED, script=script)
    assert r.stdout.splitlines()[-1] == "good" and "--ignore-cgroups" in r.stderr
    r = outer(*UNCONFINED, "-e", "FLAGS=--ignore-cgroups", script=script)
    assert r.stdout.splitlines()[-1] == "good" and "cgroup" not in r.stderr
