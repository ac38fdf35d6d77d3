"""The command line: what is wrong is said in one line, with the exit code of FEATURES 1.1."""
import json
import os

import pytest

from conftest import runsc

FATAL = 128


def fails(result, *words):
    assert result.returncode == FATAL, result
    assert result.stdout == ""
    assert result.stderr.startswith("runsc: ") and result.stderr.count("\n") == 1, result.stderr
    for word in words:
        assert word in result.stderr, result.stderr


def test_version():
    for args in (["--version"], ["-version"], ["version"]):
        r = runsc(*args)
        assert r.returncode == 0
        lines = r.stdout.split("\n")
        assert lines[0].startswith("runsc version ") and lines[1] == "spec: 1.2.1" and lines[2:] == [""]


def test_help():
    r = runsc("help")
    assert r.returncode == 0
    for command in ("do", "run", "spec", "help", "flags", "version"):
        assert f"\n  {command}" in r.stdout
    r = runsc("help", "do")
    assert r.returncode == 0 and "-volume" in r.stdout
    assert runsc("do", "--help").stdout == r.stdout
    fails(runsc("help", "nothing"), "nothing")
    assert runsc("help", "platforms").stdout == "systrap\nptrace\n"


def test_flags_lists_all():
    r = runsc("flags")
    assert r.returncode == 0
    for flag in ("root", "platform", "network", "overlay2", "debug", "debug-log", "log", "log-format", "strace",
                 "ignore-cgroups", "file-access", "dcache", "qdisc", "host-uds"):
        assert f"  -{flag}" in r.stdout


def test_no_command():
    r = runsc()
    assert r.returncode == FATAL and r.stderr.startswith("Usage: runsc")


@pytest.mark.parametrize("args,words", [
    (["--nothing", "do", "true"], ["not defined: -nothing", "runsc flags"]),
    (["nothing"], ["unknown command", "runsc help"]),
    (["do", "-nothing", "true"], ["do:", "not defined"]),
    (["--debug=maybe", "do", "true"], ["--debug", "true or false"]),
    (["--network=moon", "do", "true"], ["--network", "sandbox|host|none"]),
    (["--platform=kvm", "do", "true"], ["not available", "--platform=systrap"]),
    (["--character-device-policy=passthrough", "do", "true"], ["not available", "emulated-only"]),
    (["--character-device-policy=prefer-emulated", "do", "true"], ["not available", "emulated-only"]),
    (["--platform=abacus", "do", "true"], ["systrap|ptrace"]),
    (["--overlay2=some", "run", "x"], ["config.json"]),
    (["--strace-log-size=many", "do", "true"], ["whole number"]),
    (["--log"], ["needs an argument"]),
    (["do"], ["no program"]),
    (["do", "-root", "/nonexistent", "true"], ["/nonexistent", "existing directory"]),
    (["do", "-cwd", "here", "true"], ["absolute"]),
    (["do", "-volume", "/nonexistent:/mnt", "true"], ["/nonexistent", "No such file", "existing"]),
    (["do", "-volume", "/usr:mnt", "true"], ["absolute DST"]),
    (["run"], ["container id"]),
    (["run", "a/b"], ["invalid container id"]),
    (["run", "-bundle", "/nonexistent", "x"], ["/nonexistent/config.json", "-bundle"]),
    (["--log=/nonexistent/log", "do", "true"], ["--log", "No such file"]),
])
def test_wrong(args, words):
    fails(runsc(*args), *[w for w in words if w != "No such file"])


def test_flag_forms():
    for args in (["--network=none", "version"], ["-network=none", "version"], ["--network", "none", "version"],
                 ["--debug=false", "-strace=F", "version"], ["--network=moon", "--network=none", "version"]):
        r = runsc(*args)
        if args[0] == "--network=moon":
            assert r.returncode == FATAL
        else:
            assert r.returncode == 0, r


def test_later_flags_warn():
    r = runsc("--dcache=5", "--qdisc", "none", "version")
    assert r.returncode == 0
    assert r.stderr == "runsc: warning: without effect yet: --dcache, --qdisc\n"
    assert runsc("--vfs2", "--lisafs=false", "version").stderr == ""


def test_fatal_error_in_log(tmp_path):
    log = tmp_path / "log.json"
    for _ in range(2):
        fails(runsc("--log", log, "--log-format=json", "run", "-bundle", "/nonexistent", "x"))
    text = log.read_text()
    decoder, objects = json.JSONDecoder(), []
    while text:
        obj, end = decoder.raw_decode(text)
        objects.append(obj)
        text = text[end:]
    assert len(objects) == 2
    assert objects[1]["level"] == "error" and "/nonexistent/config.json" in objects[1]["msg"]
    assert objects[1]["time"].endswith("Z") and "T" in objects[1]["time"]
    r = runsc("--log", log, "nothing")
    assert r.returncode == FATAL and "unknown command" in log.read_text()


def test_spec(tmp_path):
    assert runsc("spec", "-bundle", tmp_path, "-cwd", "/tmp", "--", "echo", "hi").returncode == 0
    spec = json.loads((tmp_path / "config.json").read_text())
    assert spec["process"]["args"] == ["echo", "hi"] and spec["process"]["cwd"] == "/tmp"
    assert spec["ociVersion"] == "1.0.0" and spec["hostname"] == "runsc" and spec["root"]["readonly"] is True
    assert {n["type"] for n in spec["linux"]["namespaces"]} == {"pid", "network", "ipc", "uts", "mount"}
    assert spec["process"]["rlimits"] == [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}]
    fails(runsc("spec", "-bundle", tmp_path), "exists")


def bundle(tmp_path, change):
    assert runsc("spec", "-bundle", tmp_path, "--", "/true").returncode == 0
    path = tmp_path / "config.json"
    spec = json.loads(path.read_text())
    change(spec)
    path.write_text(json.dumps(spec))
    os.makedirs(tmp_path / "rootfs", exist_ok=True)
    return runsc("run", "-bundle", tmp_path, "x")


def delete(*keys):
    def change(spec):
        for key in keys[:-1]:
            spec = spec[key]
        del spec[keys[-1]]
    return change


def put(value, *keys):
    def change(spec):
        for key in keys[:-1]:
            spec = spec[key]
        spec[keys[-1]] = value
    return change


@pytest.mark.parametrize("change,words", [
    (delete("process"), ["process: missing", "runsc spec"]),
    (delete("process", "args"), ["process.args"]),
    (put([], "process", "args"), ["process.args"]),
    (put("relative", "process", "cwd"), ["process.cwd", "absolute"]),
    (delete("root"), ["root.path"]),
    (put("nowhere", "root", "path"), ["root.path", "nowhere"]),
    (put([{"type": "RLIMIT_X", "soft": 1, "hard": 1}], "process", "rlimits"), ["RLIMIT_X"]),
    (put([{"destination": "/a", "type": "ext4", "source": "/dev/sda"}], "mounts"), ["ext4"]),
    (put([{"destination": "/a", "source": "/nonexistent", "options": ["rbind"]}], "mounts"), ["/nonexistent"]),
    (put("3.0", "ociVersion"), ["ociVersion"]),
])
def test_broken_config(tmp_path, change, words):
    r = bundle(tmp_path, change)
    fails(r, *words)


@pytest.mark.parametrize("key, module, sign", [
    (("process", "selinuxLabel"), "SELinux", "/sys/fs/selinux/enforce"),
    (("linux", "mountLabel"), "SELinux", "/sys/fs/selinux/enforce"),
    (("process", "apparmorProfile"), "AppArmor", "/sys/module/apparmor"),
])
def test_labels_without_their_module(tmp_path, key, module, sign):
    """As with runc: what the host cannot enforce is not left out silently."""
    if os.path.exists(sign):
        pytest.skip("the host has it")
    fails(bundle(tmp_path, put("label", *key)), ".".join(key), f"{module} is not enabled")


def test_config_is_not_json(tmp_path):
    (tmp_path / "config.json").write_text('{"process": [}')
    fails(runsc("run", "-bundle", tmp_path, "x"), "config.json: line 1", "JSON")
