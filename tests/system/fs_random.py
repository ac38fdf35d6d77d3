"""Runs fs_random on Linux and in a sandbox over the same tree, and compares what they print. Used by test_fs_random.py and by
tests/soak/fs_random.

On the host: a tmpfs of its own; Linux's overlayfs over the same tree with a tmpfs above (redirect_dir and index on: directories
can be renamed and hard links stay, as in a sandbox); and the directory itself."""
import os
import shutil
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUNSC = os.environ.get("RUNSC", os.path.join(ROOT, "out", "runsc"))
SOURCES = [os.path.join(ROOT, "tests", "system", f"fs_random{part}.c") for part in ("", "_data", "_meta")]
MODES = ("tmpfs", "shm", "overlay", "gofer", "gofer-messages")


def seeds(mode):
    """Lines of fs_random.seeds: MODE SEED..."""
    with open(os.path.join(ROOT, "tests", "system", "fs_random.seeds"), encoding="ascii") as f:
        return [int(s) for line in f if line.split()[:1] == [mode] for s in line.split()[1:]]


def build(out):
    subprocess.run([os.environ.get("CC", "gcc"), "-std=gnu17", "-O1", "-static", *SOURCES, "-o", out], check=True)
    return out


def make_tree(top):
    for d in ("a/b/c", "b/a", "d", "a/d"):
        os.makedirs(os.path.join(top, d), exist_ok=True)
    for name, text in (("a/a", "hello\n"), ("c", "lower\n"), ("b/b", "x\n"), ("a/d/a", "a"), ("a/d/e1", "e1"), ("a/d/e2", "e2")):
        with open(os.path.join(top, name), "w", encoding="ascii") as f:
            f.write(text)
    os.symlink("a", os.path.join(top, "e"))
    os.symlink("../c", os.path.join(top, "a/b/e"))
    os.link(os.path.join(top, "c"), os.path.join(top, "d/c"))


def commands(mode, program, seed, count, top, blocks):
    """The command on the host and the one in a sandbox; makes the trees that they work on."""
    h, s = os.path.join(top, "host"), os.path.join(top, "box")
    flags = "-db" if blocks else "-d"
    run = [str(program), flags, str(seed), str(count)]
    do = [RUNSC, "do", "-quiet"]
    if mode in ("tmpfs", "shm"):
        os.mkdir(h)
        os.mkdir(s)
        box = do + [run[0], flags + "t", *run[2:], s]
        if mode == "shm":
            box = do + ["sh", "-c", "mkdir -m 1777 /dev/shm/x && exec \"$@\" /dev/shm/x", "sh", *run]
        return ["unshare", "-m", run[0], flags + "t", *run[2:], h], box
    make_tree(s)
    if mode == "overlay":
        run[1] = "-o"
        os.mkdir(h)
        os.mkdir(h + "/mnt")
        script = (f"mount -t tmpfs none {h}/mnt && cd {h}/mnt && mkdir u w m && mount -t overlay none -o "
                  f"redirect_dir=on,index=on,lowerdir={s},upperdir={h}/mnt/u,workdir={h}/mnt/w m && exec \"$@\" m")
        return ["unshare", "-m", "sh", "-c", script, "sh", *run], do + [*run, s]
    make_tree(h)
    run[1] = "-d"
    flags = ["--overlay2=none"] + (["--directfs=false"] if mode == "gofer-messages" else [])
    return [*run, h], [RUNSC, *flags, "do", "-quiet", "-force-overlay=false", *run, s]


def differences(a, b, limit):
    """The first lines that differ, as text; empty if none."""
    text, n = [], 0
    with open(a, encoding="utf-8", errors="replace") as f, open(b, encoding="utf-8", errors="replace") as g:
        while n < limit:
            x, y = f.readline(), g.readline()
            if not x and not y:
                break
            if x != y:
                text.append(f"  host    {x.rstrip()}\n  sandbox {y.rstrip()}")
                n += 1
    return "\n".join(text)


def compare(mode, program, seed, count, timeout=600, blocks=True):
    """Empty text: the same everywhere."""
    top = tempfile.mkdtemp(prefix="fs-random-")
    os.chmod(top, 0o755)
    try:
        outs = [os.path.join(top, name) for name in ("host.out", "box.out")]
        for cmd, out in zip(commands(mode, program, seed, count, top, blocks), outs):
            with open(out, "wb") as f:
                done = subprocess.run(cmd, stdout=f, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=timeout, check=False)
            if done.returncode:
                return f"{' '.join(cmd)}: {done.returncode}: {done.stderr.decode(errors='replace')}"
        return differences(*outs, 10)
    finally:
        shutil.rmtree(top, ignore_errors=True)
