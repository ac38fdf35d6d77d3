"""Container engines for the tests: a containerd and a dockerd of our own, podman on its own store, and one image of busybox.

Everything lives below one work directory and one cgroup parent, both named by this run, so that other engines on the machine are
neither seen nor touched. Engines are ended by pid; what they mounted is unmounted; the directory is removed.
"""
import contextlib
import fcntl
import io
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import tarfile
import tempfile
import termios
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUNSC = os.path.abspath(os.environ.get("RUNSC", os.path.join(ROOT, "out", "runsc")))
SHIM = os.path.abspath(os.environ.get("RUNSC_SHIM", os.path.join(os.path.dirname(RUNSC), "containerd-shim-runsc-v1")))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "cvisor")
IMAGE = "busybox.test/busybox:1"
TIMEOUT = 60

# A shell without job control starts what is in the background with these ignored, and the programs under test would inherit that.
for _sig in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_sig) == signal.SIG_IGN:
        signal.signal(_sig, signal.SIG_DFL)


class Failed(AssertionError):
    """A command ended with a status that was not expected."""

    def __init__(self, argv, r):
        super().__init__(f"{' '.join(map(str, argv))}: status {r.returncode}\n{r.stdout[-2000:]}\n{r.stderr[-2000:]}")
        self.returncode, self.stdout, self.stderr = r.returncode, r.stdout, r.stderr


def run(argv, want=0, timeout=TIMEOUT, **kw):
    """Runs to the end; .returncode, .stdout, .stderr. `want` is the status it must have, None for any."""
    if "input" not in kw:
        kw.setdefault("stdin", subprocess.DEVNULL)
    kw.setdefault("text", True)
    r = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, check=False, **kw)
    if want is not None and r.returncode != want:
        raise Failed(argv, r)
    return r


def poll(condition, timeout=30, what="condition"):
    """Until condition() is true; for what nothing announces (a file of the host, a process gone)."""
    end = time.monotonic() + timeout
    while not (got := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.02)
    return got


# ------------------------------------------------------------------ processes
def children(pid):
    found = []
    with contextlib.suppress(OSError):
        for tid in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{tid}/children", encoding="ascii") as f:
                found += [int(p) for p in f.read().split()]
    return found


def descendants(pid):
    found = []
    for child in children(pid):
        found += [child] + descendants(child)
    return found


def cmdline(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return []


def state(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return None


def adopt_orphans():
    """Forks: the parent stays, takes every process whose parent ends, reaps it, and ends with the child's status; the child goes on.

    So whatever a test starts, and whatever that leaves behind, is below one process: descendants(REAPER).
    """
    libc = __import__("ctypes").CDLL(None, use_errno=True)
    if libc.prctl(36, 1, 0, 0, 0):  # PR_SET_CHILD_SUBREAPER
        raise OSError("PR_SET_CHILD_SUBREAPER")
    child = os.fork()
    if child == 0:
        libc.prctl(1, signal.SIGINT, 0, 0, 0)  # PR_SET_PDEATHSIG: the daemons are ended before the child ends
        return os.getppid()
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lambda s, _: os.kill(child, signal.SIGINT))
    while True:
        try:
            pid, status = os.wait()
        except InterruptedError:
            continue
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


# ------------------------------------------------------------------ cgroups
def cgroup_dirs(name):
    """Every directory called `name` one below a hierarchy's root: those of one cgroup parent."""
    base = "/sys/fs/cgroup"
    tops = [base] + [os.path.join(base, d) for d in sorted(os.listdir(base))] if os.path.isdir(base) else []
    return [os.path.join(t, name) for t in tops if os.path.isdir(os.path.join(t, name))]


def cgroup_remove(name):
    for top in cgroup_dirs(name):
        for d, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(d)


def cgroup_file(pid, controller, name):
    """The text of a file of the cgroup that a process is in; name is (v1 name, v2 name)."""
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as f:
        for line in f:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            v1, v2 = name
            if controller in controllers.split(","):
                file = f"/sys/fs/cgroup/{controllers}{path}/{v1}"
            elif controllers == "" and os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
                file = f"/sys/fs/cgroup{path}/{v2}"
            else:
                continue
            with open(file, encoding="ascii") as g:
                return g.read().strip()
    raise AssertionError(f"process {pid} has no cgroup of {controller}")


# ------------------------------------------------------------------ the image
def busybox():
    """The static binary and its applets."""
    path = next(p for p in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(p))
    return path, [a for a in run([path, "--list"]).stdout.split() if a != "busybox"]


def image_tar(extra=()):
    """A root directory as a tar stream: busybox, users, nothing else. extra: (name, bytes, mode)."""
    path, applets = busybox()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        def add(name, kind, mode=0o755, data=b"", link=""):
            i = tarfile.TarInfo(name)
            i.type, i.mode, i.size, i.linkname, i.mtime = kind, mode, len(data), link, 1700000000
            t.addfile(i, io.BytesIO(data))
        for d in ("bin", "dev", "etc", "home", "proc", "root", "sys", "usr", "usr/bin", "var"):
            add(d, tarfile.DIRTYPE)
        add("tmp", tarfile.DIRTYPE, 0o1777)
        with open(path, "rb") as f:
            add("bin/busybox", tarfile.REGTYPE, data=f.read())
        for a in applets:
            add("bin/" + a, tarfile.LNKTYPE, link="bin/busybox")
        add("etc/passwd", tarfile.REGTYPE, 0o644, b"root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home:/bin/sh\n")
        add("etc/group", tarfile.REGTYPE, 0o644, b"root:x:0:\nalice:x:1000:\nusers:x:100:alice\n")
        for name, data, mode in extra:
            if os.path.dirname(name) == "srv":
                add("srv", tarfile.DIRTYPE)
            add(name, tarfile.REGTYPE, mode, data)
    return out.getvalue()


# ------------------------------------------------------------------ terminals
class Terminal:
    """A command whose controlling terminal is ours."""

    def __init__(self, argv, rows=24, columns=80, env=None):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.proc = subprocess.Popen([str(a) for a in argv], stdin=slave, stdout=slave, stderr=slave, preexec_fn=own_terminal,
                                     env={**(env or os.environ), "TERM": "dumb"})
        os.close(slave)
        self.text = ""

    def send(self, text):
        os.write(self.master, text.encode())

    def expect(self, pattern, timeout=30):
        """Reads until the pattern is there; what came before it is dropped."""
        while not (m := re.search(pattern, self.text)):
            data = b""
            if select.select([self.master], [], [], timeout)[0]:
                with contextlib.suppress(OSError):
                    data = os.read(self.master, 65536)
            if not data:
                raise AssertionError(f"no {pattern!r} in {self.text!r}")
            self.text += data.decode(errors="replace")
        self.text = self.text[m.end():]
        return m

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait(self, timeout=TIMEOUT):
        """The status, when it has ended; what it still writes is kept."""
        end = time.monotonic() + timeout
        while self.proc.poll() is None:
            if time.monotonic() > end:
                raise AssertionError(f"did not end: {self.text!r}")
            if select.select([self.master], [], [], 0.05)[0]:
                with contextlib.suppress(OSError):
                    self.text += os.read(self.master, 65536).decode(errors="replace")
        return self.proc.returncode

    def close(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        os.close(self.master)


# ------------------------------------------------------------------ engines
class Work:
    """The directory and the names of one run."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="cvt-", dir="/var/tmp")
        os.chmod(self.dir, 0o711)
        self.token = os.path.basename(self.dir)
        self.cgroup = self.token
        self.config = os.path.join(self.dir, "cli")
        os.mkdir(self.config)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def all_mounts(self):
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            points = [line.split()[4].encode().decode("unicode_escape") for line in f]
        return [p for p in points if p.startswith(self.dir + "/")]

    def mounts(self):
        """Those of containers: the two that dockerd keeps for itself are left out."""
        return [p for p in self.all_mounts() if p not in (self.path("docker"), self.path("docker-exec", "netns", "default"))]

    def close(self):
        for point in reversed(self.all_mounts()):
            run(["umount", "-l", point], want=None)
        cgroup_remove(self.cgroup)
        shutil.rmtree(self.dir)


class Daemon:
    """A process that serves until it is ended."""

    def __init__(self, work, name, argv, ready, env=None):
        self.work, self.name, self.argv, self.ready, self.env, self.proc = work, name, argv, ready, env, None
        self.log = work.path(name + ".log")

    def start(self):
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                         env=self.env)

        def up():
            assert self.proc.poll() is None, f"{self.name} ended:\n{self.tail()}"
            return self.ready()
        try:
            poll(up, what=f"{self.name} answers")
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.tail()}") from None

    def tail(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()[-3000:]

    def stop(self, sig=signal.SIGTERM):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(sig)
            try:
                self.proc.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
                raise AssertionError(f"{self.name} did not end by SIGTERM") from None


class Containerd(Daemon):
    """With a namespace of the tests; `cri` is the text of its CRI configuration, else that plugin is off."""

    def __init__(self, work, name="containerd", cri=""):
        d = work.path(name)
        os.mkdir(d)
        self.sock = os.path.join(d, "s")
        off = ["snapshotter.v1.btrfs", "snapshotter.v1.devmapper", "snapshotter.v1.zfs", "snapshotter.v1.aufs", "internal.v1.tracing"]
        if not cri:
            off.append("grpc.v1.cri")
        config = os.path.join(d, "config.toml")
        with open(config, "w", encoding="ascii") as f:
            f.write(f'version = 2\nroot = "{d}/root"\nstate = "{d}/state"\n'
                    f'disabled_plugins = [{", ".join(chr(34) + "io.containerd." + o + chr(34) for o in off)}]\n'
                    f'[grpc]\n  address = "{self.sock}"\n[ttrpc]\n  address = "{self.sock}.ttrpc"\n'
                    f'[plugins."io.containerd.internal.v1.opt"]\n  path = "{d}/opt"\n{cri}')
        env = {**os.environ, "PATH": os.path.dirname(SHIM) + ":" + os.environ["PATH"]}
        super().__init__(work, name, ["containerd", "--config", config], self.answers, env)

    def answers(self):
        return os.path.exists(self.sock) and self.ctr("version", want=None).returncode == 0

    def ctr(self, *args, **kw):
        return run(["ctr", "--address", self.sock, "--namespace", "test", *args], **kw)


class Docker:
    """A dockerd on a containerd of its own, and its command line."""

    def __init__(self, work, default_runtime="runc"):
        self.work = work
        self.containerd = Containerd(work)
        self.sock = work.path("docker.sock")
        self.root, self.exec_root = work.path("docker"), work.path("docker-exec")
        self.config = work.path("docker.json")
        self.write_config(default_runtime)
        argv = ["dockerd", "--config-file", self.config, "--data-root", self.root, "--exec-root", self.exec_root, "--host", "unix://" + self.sock,
                "--pidfile", work.path("docker.pid"), "--containerd", self.containerd.sock, "--bridge=none", "--iptables=false",
                "--ip6tables=false", "--ip-forward=false", "--ip-masq=false", "--userland-proxy=false", "--cgroup-parent=/" + work.cgroup]
        self.daemon = Daemon(work, "dockerd", argv, self.answers)
        self.program = next((p for p in ("/usr/bin/docker", shutil.which("docker")) if p and os.path.exists(p)), "docker")
        self.env = {**os.environ, "DOCKER_CONFIG": work.config, "DOCKER_HOST": "unix://" + self.sock, "DOCKER_BUILDKIT": "0"}
        self.n = 0

    def write_config(self, default_runtime):
        """runsc: no network but loopback; -host: the engine's; -direct: without the layer over the root, so that the engine sees changes."""
        runtimes = {"runsc": ["--network=none"], "runsc-host": ["--network=host"], "runsc-direct": ["--network=none", "--overlay2=none"]}
        text = {"runtimes": {n: {"path": RUNSC, "runtimeArgs": a} for n, a in runtimes.items()}, "default-runtime": default_runtime}
        with open(self.config, "w", encoding="ascii") as f:
            json.dump(text, f)

    def answers(self):
        return os.path.exists(self.sock) and self("version", want=None).returncode == 0

    def start(self):
        self.containerd.start()
        self.daemon.start()

    def stop(self):
        try:
            self.daemon.stop()
        finally:
            self.containerd.stop()

    def reload(self, default_runtime):
        events = self.popen("events", "--filter", "type=daemon", "--filter", "event=reload", "--format", "{{.Action}}", stdout=subprocess.PIPE)
        try:
            poll(lambda: os.path.exists(f"/proc/{events.pid}/fd/3"), what="docker events has begun")
            self.write_config(default_runtime)
            end = time.monotonic() + TIMEOUT
            while True:  # the events are those from when the daemon has heard of us: ask again until one comes
                self.daemon.proc.send_signal(signal.SIGHUP)
                if select.select([events.stdout], [], [], 1)[0]:
                    break
                assert time.monotonic() < end, "dockerd did not reload"
        finally:
            events.kill()
            events.communicate()

    def __call__(self, *args, **kw):
        return run([self.program, *args], env=self.env, **kw)

    def out(self, *args, **kw):
        return self(*args, **kw).stdout.strip()

    def popen(self, *args, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen([self.program, *map(str, args)], env=self.env, **kw)

    def terminal(self, *args, **kw):
        return Terminal([self.program, *args], env=self.env, **kw)

    def load(self, tar):
        run([self.program, "import", "--change", 'CMD ["sh"]', "-", IMAGE], env=self.env, input=tar, text=False)

    def inspect(self, name, what="{{json .}}"):
        return json.loads(self.out("inspect", "--type", "container", "--format", what.replace("{{.", "{{json ."), name))

    def pid(self, name):
        return self.inspect(name, "{{.State.Pid}}")

    def remove_all(self):
        left = self.out("ps", "-aq", "--no-trunc").split()
        if left:
            self("rm", "-f", "-v", *left, want=None)
        return left

    def left_over(self):
        """What a container that is gone must not leave: descriptions of it, for a message."""
        found = [f"mount {m}" for m in self.work.mounts()
                 if m.startswith((self.root + "/overlay2/", self.root + "/containers/", self.exec_root, self.work.path("containerd") + "/"))]
        for base in (os.path.join(self.exec_root, f"runtime-{r}", "moby") for r in ("runc", "runsc", "runsc-host", "runsc-direct")):
            if os.path.isdir(base):
                found += [f"state {base}/{n}" for n in os.listdir(base)]
        for top in cgroup_dirs(self.work.cgroup):
            found += [f"cgroup {d}" for d, _, _ in os.walk(top) if d != top]
        return found
