"""critest, Kubernetes' test of a container runtime: what passes on runc (critest_runc) passes on ours, but for critest_open.

critest_runc is a list of names; critest_open has lines `name: reason`, and a spec in it that passes is an error. Long: ENGINES_SOAK=1.
"""
import os

import pytest

from cri import critest_run

HERE = os.path.dirname(os.path.abspath(__file__))


def lines(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return [line.rstrip("\n") for line in f if line.strip() and not line.startswith("#")]


def passed(found):
    return {name for name, how in found.items() if how == "passed"}


@pytest.mark.soak
def test_runc(cri):
    """The list is true."""
    found, log = critest_run(cri, "runc")
    missing = sorted(set(lines("critest_runc")) - passed(found))
    assert not missing, "\n".join(missing) + log[-3000:]


@pytest.mark.soak
def test_ours(cri):
    found, log = critest_run(cri, "runsc")
    known = {line.rsplit(": ", 1)[0] for line in lines("critest_open")}
    missing = sorted(set(lines("critest_runc")) - known - passed(found))
    assert not missing, "\n".join(missing) + log[-3000:]
    better = sorted(known & passed(found))
    assert not better, "these pass now; take them out of critest_open:\n" + "\n".join(better)
