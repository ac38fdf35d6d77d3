"""containerd with its CRI plugin, the images that critest asks for (made from busybox), a pod network, and critest itself.

critest is built from the Go module sigs.k8s.io/cri-tools into the cache directory when it is not there yet.
"""
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import xml.etree.ElementTree as ET

import engines
from engines import RUNSC, SHIM, Containerd, image_tar, run

VERSION = "v1.30.0"
E2E = "registry.k8s.io/e2e-test-images/"
STAGING = "gcr.io/k8s-staging-cri-tools/"
PAUSE = "busybox.test/pause:1"
NGINX = ["sh", "-c", "mkdir -p /var/run; echo $$ >/var/run/nginx.pid; exec httpd -f -p 80 -h /srv"]
# name: what of the image's configuration differs
IMAGES = {
    PAUSE: {"Entrypoint": ["sleep", "2000000000"]},
    engines.IMAGE: {"Cmd": ["sh"]},
    E2E + "busybox:1.29-2": {"Cmd": ["sh"]},
    E2E + "nginx:1.14-2": {"Cmd": NGINX},
    E2E + "httpd:2.4.39-4": {"Cmd": ["sh", "-c", "echo httpd -D FOREGROUND; exec httpd -f -p 80 -h /srv"]},
    STAGING + "hostnet-nginx-amd64:latest": {"Cmd": ["httpd", "-f", "-p", "12003", "-h", "/srv"]},
    STAGING + "test-image-user-uid:latest": {"User": "1002", "Cmd": ["sh"]},
    STAGING + "test-image-user-username:latest": {"User": "www-data", "Cmd": ["sh"]},
    STAGING + "test-image-user-uid-group:latest": {"User": "1003:1004", "Cmd": ["sh"]},
    STAGING + "test-image-user-username-group:latest": {"User": "www-data:1004", "Cmd": ["sh"]},
    STAGING + "test-image-predefined-group:latest": {"Cmd": ["sh"]},
}
PGREP = b"#!/bin/sh\nps -o pid,args | grep -v grep | awk -v p=\"$1\" 'NR > 1 && $2 ~ p { print $1 }'\n"
FILES = [("srv/index.html", b"page\n", 0o644), ("usr/bin/pgrep", PGREP, 0o755),
         ("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var:/bin/sh\ndefault-user:x:1000:1000::/home:/bin/sh\n", 0o644),
         ("etc/group", b"root:x:0:\nwww-data:x:33:\ndefault-user:x:1000:\ngroup-defined-in-image:x:50000:default-user\n", 0o644)]


def archive(images, layer):
    """A docker archive with all these images on one layer."""
    out = io.BytesIO()
    diff = "sha256:" + hashlib.sha256(layer).hexdigest()
    with tarfile.open(fileobj=out, mode="w") as t:
        def add(name, data):
            i = tarfile.TarInfo(name)
            i.size = len(data)
            t.addfile(i, io.BytesIO(data))
        add("layer.tar", layer)
        manifest = []
        for n, (name, config) in enumerate(images.items()):
            path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            add(f"{n}.json", json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": [path], **config},
                                         "rootfs": {"type": "layers", "diff_ids": [diff]}, "history": [{"created_by": name}]}).encode())
            manifest.append({"Config": f"{n}.json", "RepoTags": [name], "Layers": ["layer.tar"]})
        add("manifest.json", json.dumps(manifest).encode())
    return out.getvalue()


class Cri(Containerd):
    """Handlers: runc; runsc by our shim; runsc-runc by runc's shim, which starts our binary."""

    def __init__(self, work, name="cri"):
        self.bridge = "cv" + work.token[-6:].replace("_", "x")
        os.makedirs(work.path("cni", "conf"))
        subnet = 100 + os.getpid() % 100
        with open(work.path("cni", "conf", "10-test.conflist"), "w", encoding="ascii") as f:
            json.dump({"cniVersion": "0.4.0", "name": work.token, "plugins": [
                {"type": "bridge", "bridge": self.bridge, "isGateway": True, "ipMasq": False,
                 "ipam": {"type": "host-local", "dataDir": work.path("cni", "data"), "ranges": [[{"subnet": f"10.213.{subnet}.0/24"}]],
                          "routes": [{"dst": "0.0.0.0/0"}]}}]}, f)
        config = work.path("runsc.toml")
        with open(config, "w", encoding="ascii") as f:
            f.write(f'binary_name = "{RUNSC}"\nroot = "{work.path("runsc-root")}"\n[runsc_config]\n  network = "host"\n  overlay2 = "none"\n')
        p = 'plugins."io.containerd.grpc.v1.cri"'
        cri = f'''
[{p}]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
[{p}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "{work.path("cni", "conf")}"
[{p}.containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"
[{p}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[{p}.containerd.runtimes.runsc]
  runtime_type = "io.containerd.runsc.v1"
[{p}.containerd.runtimes.runsc.options]
  TypeUrl = "io.containerd.runsc.v1.options"
  ConfigPath = "{config}"
[{p}.containerd.runtimes.runsc-runc]
  runtime_type = "io.containerd.runc.v2"
[{p}.containerd.runtimes.runsc-runc.options]
  BinaryName = "{os.path.join(work.dir, "runsc-none")}"
'''
        with open(work.path("runsc-none"), "w", encoding="ascii") as f:
            f.write(f'#!/bin/sh\nexec "{RUNSC}" --network=host --overlay2=none "$@"\n')
        os.chmod(work.path("runsc-none"), 0o755)
        super().__init__(work, name, cri)
        self.dir = work.path(name)

    def load(self):
        data = archive(IMAGES, image_tar(FILES))
        run(["ctr", "--address", self.sock, "--namespace", "k8s.io", "images", "import", "-"], input=data, text=False)

    def crictl(self, *args, **kw):
        return run([tool("crictl"), "--config", os.devnull, "--runtime-endpoint", "unix://" + self.sock, *args], **kw)

    def close(self):
        if self.proc and self.proc.poll() is None:
            self.crictl("rmp", "-a", "-f", want=None)  # critest leaves pods of specs that failed
        self.stop()
        run(["ip", "link", "del", self.bridge], want=None)


def tool(name):
    """The path of critest or crictl; it is built first where it is missing (two minutes of CPU time)."""
    path = os.path.join(engines.CACHE, f"{name}-{VERSION}")
    if os.access(path, os.X_OK):
        return path
    go = shutil.which("go")
    assert go, "not installed: go"
    src = os.path.join(engines.CACHE, f"cri-tools-{VERSION}.src")
    shutil.rmtree(src, ignore_errors=True)
    os.makedirs(engines.CACHE, exist_ok=True)
    out = run([go, "mod", "download", "-json", f"sigs.k8s.io/cri-tools@{VERSION}"], timeout=600, env={**os.environ, "GOFLAGS": "-mod=mod"})
    shutil.copytree(json.loads(out.stdout)["Dir"], src)
    run(["chmod", "-R", "u+w", src])
    how = ["test", "-mod=mod", "-c"] if name == "critest" else ["build", "-mod=mod"]
    run([go, *how, "-o", path + ".new", f"./cmd/{name}"], timeout=1800, cwd=src)
    os.rename(path + ".new", path)
    shutil.rmtree(src)
    return path


def critest_run(cri, handler, focus=None, timeout=1500):
    """{spec: "passed" | "failed" | "skipped"} of one run, and the log's text."""
    report, log = cri.work.path(f"critest-{handler}.xml"), cri.work.path(f"critest-{handler}.log")
    argv = [tool("critest"), "-runtime-endpoint", "unix://" + cri.sock, "-image-endpoint", "unix://" + cri.sock, "-runtime-handler", handler,
            "-ginkgo.junit-report", report, "-ginkgo.no-color", "-ginkgo.seed", "1", "-config", os.devnull, "-ginkgo.timeout", f"{timeout - 60}s"]
    if focus:
        argv += ["-ginkgo.focus", focus]
    with open(log, "wb") as f:
        subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT, timeout=timeout, cwd=cri.dir, check=False)
    found = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        if case.get("name").startswith("[It]"):
            found[case.get("name")[4:].strip()] = case.get("status")
    with open(log, encoding="utf-8", errors="replace") as f:
        return found, f.read()
