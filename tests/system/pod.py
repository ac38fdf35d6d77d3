"""A pod as Kubernetes' engines make one: its sandbox's first container, and others in the same sandbox, from bundles."""
import ctypes
import os
import signal

from conftest import TIMEOUT
from lifecycle import Containers

PR_SET_CHILD_SUBREAPER = 36
TYPE, SANDBOX, NAME = "io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id", "io.kubernetes.cri.container-name"


def subreaper(on):
    assert ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, on, 0, 0, 0) == 0


class Pod(Containers):
    """The processes of its containers become this one's children, as those of a shim do."""

    def __init__(self, directory):
        super().__init__(directory)
        subreaper(1)
        self.flags = []

    def command(self, *args):
        first = super().command()
        return [*first, *self.flags, *map(str, args)]

    def sandbox(self, name="pod", argv=("sleep", "1000"), change=lambda c: None):
        def both(c):
            c.update(hostname="podhost", annotations={TYPE: "sandbox", SANDBOX: name})
            change(c)
        bundle = self.bundle(*argv, change=both)
        self.quiet("create", "-bundle", bundle, "-pid-file", bundle / "pid", name)
        self.ok("start", name)
        return int((bundle / "pid").read_text())

    def further(self, *argv, pod="pod", own_pids=True, share=("ipc", "uts", "network"), change=lambda c: None):
        """The bundle of a container for pod."""
        first = self.state(pod)["pid"]

        def both(c):
            c["annotations"] = {TYPE: "container", SANDBOX: pod, NAME: "c"}
            c.pop("hostname", None)
            for n in c["linux"]["namespaces"]:
                if n["type"] in share or (n["type"] == "pid" and not own_pids):
                    n["path"] = f"/proc/{first}/ns/{n['type'].replace('network', 'net')}"
            change(c)
        return self.bundle(*argv, change=both)

    def create(self, name, bundle, *flags):
        """The pid that stands for it."""
        self.quiet("create", "-bundle", bundle, "-pid-file", bundle / "pid", *flags, name)
        return int((bundle / "pid").read_text())

    def run(self, name, *argv, **kw):
        pid = self.create(name, self.further(*argv, **kw))
        self.ok("start", name)
        return pid

    def sh(self, name, script):
        return self.ok("exec", name, "sh", "-c", script)

    def end(self):
        names = self.names() if self.root.exists() else []
        for name in sorted(names, key=lambda n: n.startswith("pod")):
            self.runsc("delete", "-force", name)
        subreaper(0)
        reap_all()
        return sorted(os.listdir(self.root)) if self.root.exists() else []


def exit_status(pid):
    """Of a child: its exit code, or minus the signal. Waits."""
    def late(*_):
        raise TimeoutError(f"{pid} goes on")
    old = signal.signal(signal.SIGALRM, late)
    signal.alarm(TIMEOUT)
    try:
        _, status = os.waitpid(pid, 0)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)
    return os.waitstatus_to_exitcode(status)


def reap_all():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
