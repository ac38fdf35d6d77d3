"""Fixtures of the engine tests. Each test that takes `runtime` runs once with runc, which says what is right, and once with ours.

Environment: RUNSC, the binary under test; ENGINES_RUNTIMES, e.g. "runsc", to leave runc out; ENGINES_SOAK=1 for the long tests.
A test that is known not to pass yet stands in expected_failures with its reason; it fails when it passes.
"""
import os
import shutil

import pytest

import engines
from cri import Cri
from engines import Docker, Work, cmdline, descendants, image_tar, poll, state

HERE = os.path.dirname(os.path.abspath(__file__))
RUNTIMES = os.environ.get("ENGINES_RUNTIMES", "runc,runsc").split(",")
SOAK = os.environ.get("ENGINES_SOAK") == "1"
# Shells and daemons that pytest itself stands on: their number is the measure of "nothing left".
REAPER = None


def pytest_configure(config):
    global REAPER
    config.addinivalue_line("markers", "soak: long; run by ENGINES_SOAK=1")
    if REAPER is None and os.environ.get("ENGINES_NO_REAPER") != "1" and not config.option.collectonly:
        REAPER = engines.adopt_orphans()


def expected_failures():
    """{test id: reason}, from lines `id  reason`."""
    found = {}
    with open(os.path.join(HERE, "expected_failures"), encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                name, reason = line.split(None, 1)
                found[name] = reason.strip()
    return found


def pytest_generate_tests(metafunc):
    if "runtime" in metafunc.fixturenames:
        metafunc.parametrize("runtime", RUNTIMES, scope="session")


def pytest_collection_modifyitems(config, items):
    wrong = expected_failures()
    keep, drop = [], []
    for item in items:
        (keep if bool(item.get_closest_marker("soak")) == SOAK else drop).append(item)
        name = f"{item.path.name}::{item.name}"
        if name in wrong:
            item.add_marker(pytest.mark.xfail(strict=True, reason=wrong[name]))
    items[:] = keep
    config.hook.pytest_deselected(items=drop)


def need(*programs):
    """A machine without an engine fails the test, it does not skip it."""
    missing = [p for p in programs if not shutil.which(p)]
    assert not missing, f"not installed: {' '.join(missing)}"


@pytest.fixture(scope="session")
def work():
    w = Work()
    yield w
    w.close()
    if REAPER:
        left = lambda: [p for p in descendants(REAPER) if p != os.getpid() and state(p) != "Z"]
        try:
            poll(lambda: not left(), timeout=10)
        except AssertionError:
            raise AssertionError(f"processes left behind: {[(p, cmdline(p)) for p in left()]}") from None


@pytest.fixture(scope="session")
def image():
    return image_tar()


@pytest.fixture(scope="session")
def dockerd(work, image):
    need("dockerd", "containerd", "docker")
    d = Docker(work)
    try:
        d.start()
        d.load(image)
        yield d
    finally:
        if d.daemon.proc and d.daemon.proc.poll() is None:
            d.remove_all()
        d.stop()


@pytest.fixture(scope="session")
def cri(work):
    """containerd with its CRI plugin, and a network for pods."""
    need("containerd", "ctr", "ip")
    c = Cri(work)
    try:
        c.start()
        c.load()
        yield c
    finally:
        c.close()


@pytest.fixture
def docker(dockerd):
    """The command line; afterwards no container is there and nothing of one is left on the host."""
    before = dockerd.left_over()
    yield dockerd
    dockerd.remove_all()
    new = lambda: [f for f in dockerd.left_over() if f not in before]
    try:
        poll(lambda: not new(), timeout=5)
    except AssertionError:
        raise AssertionError(f"left over: {new()}") from None


@pytest.fixture
def launch(docker, runtime):
    """`docker run` with the runtime of this test and without a network: launch(*flags, command=[...])."""
    def launch(*flags, command=("true",), host=False, direct=False, image=engines.IMAGE, **kw):
        return docker("run", *options(runtime, host, direct), *flags, image, *command, **kw)
    return launch


def options(runtime, host=False, direct=False):
    name = runtime if runtime == "runc" else runtime + ("-host" if host else "-direct" if direct else "")
    return ["--runtime", name, "--network", "host" if host else "none"]
