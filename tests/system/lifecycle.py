"""A state directory and bundles of its own for the tests of the life cycle."""
import json
import os
import pathlib
import socket
import subprocess

from conftest import RUNSC, TIMEOUT

PASSWD = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1001:u:/home/user:/bin/sh\n"
GROUP = "root:x:0:\ngrp:x:55:other,user\n"


class Containers:
    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.root = self.dir / "state"
        self.count = 0

    def command(self, *args):
        return [RUNSC, "--root", str(self.root), *map(str, args)]

    def runsc(self, *args, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        kw.setdefault("stdout", subprocess.PIPE)
        kw.setdefault("stderr", subprocess.PIPE)
        return subprocess.run(self.command(*args), text=True, timeout=TIMEOUT, check=False, **kw)

    def ok(self, *args, **kw):
        r = self.runsc(*args, **kw)
        assert r.returncode == 0, (args, r.returncode, r.stdout, r.stderr)
        return r.stdout

    def quiet(self, *args):
        """As ok, for what leaves processes behind: nobody waits for the end of a pipe."""
        with open(self.dir / "out", "w+", encoding="utf-8") as f:
            r = self.runsc(*args, stdout=f, stderr=f)
            f.seek(0)
            text = f.read()
        assert r.returncode == 0, (args, r.returncode, text)
        return text

    def bundle(self, *argv, change=lambda c: None):
        self.count += 1
        path = self.dir / f"bundle{self.count}"
        (path / "rootfs" / "usr").mkdir(parents=True)
        (path / "rootfs" / "etc").mkdir()
        (path / "rootfs" / "tmp").mkdir()
        for name in ("bin", "lib", "lib64", "sbin"):
            (path / "rootfs" / name).symlink_to("usr/" + name)
        (path / "rootfs" / "etc" / "passwd").write_text(PASSWD)
        (path / "rootfs" / "etc" / "group").write_text(GROUP)
        self.ok("spec", "-bundle", path)
        c = json.loads((path / "config.json").read_text())
        c["process"].update(args=list(argv), terminal=False)
        c["root"] = {"path": "rootfs", "readonly": False}
        c["mounts"].append({"destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]})
        change(c)
        (path / "config.json").write_text(json.dumps(c))
        return path

    def state(self, name):
        return json.loads(self.ok("state", name))

    def names(self):
        return self.ok("list", "-quiet").split()

    def processes(self):
        """Of containers of this directory that live still."""
        found = []
        for f in self.root.glob("*.state") if self.root.exists() else ():
            s = json.loads(f.read_text())
            found += [p for p in (s["sentry"]["pid"], s["gofer"]["pid"]) if p and os.path.exists(f"/proc/{p}")]
        return found

    def end(self):
        for name in self.names() if self.root.exists() else ():
            self.runsc("delete", "-force", name)
        return sorted(os.listdir(self.root)) if self.root.exists() else []


class ConsoleSocket:
    """Listens for a terminal's master."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "console.sock")
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.bind(self.path)
        self.sock.listen(1)
        self.sock.settimeout(TIMEOUT)

    def master(self):
        c, _ = self.sock.accept()
        data, fds, _, _ = socket.recv_fds(c, 64, 1)
        c.close()
        self.sock.close()
        assert data == b"pty-master"
        return fds[0]
