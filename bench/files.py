"""File workloads over 10,000 files, and the bound of each: what one bare notification for every call would make of the native run.

The bound is the native time plus the number of calls (strace -f -c of the native run) times the measured cost of a notification: of
the call with one CPU for everything, where no worker can be attached. What cvisor takes beyond it is its kernel's own work; less than the
bound means that calls cost less than that.
"""
import glob
import os
import random
import re
import shutil
import subprocess

FILES = 10000
REPO = "git --git-dir={out}/bench-g/.git --work-tree=tree -c user.name=bench -c user.email=bench@localhost"
# name: (shell command, label). {out} is in memory for every peer, and {out}/bench-* is removed after each run.
WORK = {
    "tar": ("tar cf {out}/bench-x.tar tree", "tar"),
    "untar": ("mkdir {out}/bench-u && tar xf tree.tar -C {out}/bench-u", "untar"),
    "find": ("find tree -size +100000", "find, with a stat of each"),
    "grep": ("grep -r needle tree; test $? = 1", "grep -r"),
    "git_add": ("git init -q {out}/bench-g && " + REPO + " add -A && " + REPO + " commit -qm x", "git add + commit"),
    "git_status": ("git -C repo status >/dev/null", "git status"),
}
# Answered by the stub's filter, in the host: never a notification.
IN_PLACE = {"futex", "clock_gettime", "clock_getres", "gettimeofday", "time", "sched_yield", "getcpu"}


def prepare():
    """The trees that all peers read, in the current directory."""
    rnd = random.Random(1)
    for n in range(FILES):
        d = f"tree/d{n // 1000}/s{n // 100 % 10}"
        if n % 100 == 0:
            os.makedirs(d)
        with open(f"{d}/f{n % 100}.txt", "w", encoding="ascii") as f:
            f.write("".join(f"line {i} of file {n} {rnd.random()}\n" for i in range(rnd.randrange(1, 60))))
    subprocess.run(["tar", "cf", "tree.tar", "tree"], check=True)
    if shutil.which("git"):
        shutil.copytree("tree", "repo")
        for c in (["init", "-q"], ["add", "-A"], ["-c", "user.name=b", "-c", "user.email=b@localhost", "commit", "-qm", "x"]):
            subprocess.run(["git", "-C", "repo", *c], check=True)
    os.mkdir("list")
    for n in range(100):
        with open(f"list/name{n}", "w", encoding="ascii"):
            pass


def available():
    return {n: w for n, w in WORK.items() if not n.startswith("git") or shutil.which("git")}


def out_dir(peer):
    """The sandboxes' /tmp is in memory; the host's may be a disk, whose journal is not what is measured here."""
    return "/dev/shm" if peer == "native" and os.access("/dev/shm", os.W_OK) else "/tmp"


def clean():
    for p in glob.glob("/tmp/bench-[xug]*") + glob.glob("/dev/shm/bench-[xug]*"):
        if os.path.isdir(p):
            shutil.rmtree(p)
        else:
            os.unlink(p)


def calls(command):
    """How many calls the native run makes that a sandbox's kernel would see; None without strace."""
    if not shutil.which("strace"):
        return None
    r = subprocess.run(["strace", "-f", "-qq", "-c", "-U", "name,calls", "-o", "strace.out", "sh", "-c", command.format(out=out_dir("native"))], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    clean()
    if r.returncode:
        return None
    n = 0
    with open("strace.out", encoding="ascii") as f:
        for line in f:
            m = re.match(r"(\w+)\s+(\d+)\s*$", line)
            if m and m.group(1) not in IN_PLACE | {"total"}:
                n += int(m.group(2))
    return n


def report(names, med, counts):
    """counts: name -> calls. med: (name, peer) -> ms, (name_cpu, peer) -> ms, ("notified_call_1cpu", "cvisor") -> ns."""
    out = ["", f"## {FILES:,} files, ms", "",
           "The bound is the native time plus one bare notification for each call; above it is what our kernel's own work adds "
           "(bar: at most 30 %; less than nothing: calls cost less than that).", "",
           "| | " + " | ".join(names) + " | cvisor : native | of gVisor | calls | bound | above the bound |", "|---" * (len(names) + 6) + "|"]
    for name, (_, label) in available().items():
        for suffix, what in (("", "wall"), ("_cpu", "CPU")):
            key = name + suffix
            if (key, "cvisor") not in med:
                continue
            cells = [f"{med[key, p]:,.0f}" if (key, p) in med else "-" for p in names]
            mine, native, gvisor = med[key, "cvisor"], med.get((key, "native")), med.get((key, "gVisor"))
            ratio = f"{mine / native:.2f}" if native else "-"
            peer = f"{mine / gvisor:.2f}" if gvisor else "-"
            tail = " | | "
            n = counts.get(name)
            call = med.get(("notified_call_1cpu", "cvisor"))
            if n and call and native:
                bound = native + n * call / 1e6
                more = (mine - bound) / bound
                verdict = "" if suffix else ": holds" if more <= 0.3 else ": **missed**"
                tail = f"{n:,} | {bound:,.0f} | {more * 100:+.0f} %{verdict}"
            out.append(f"| {label}, {what} | " + " | ".join(cells) + f" | {ratio} | {peer} | {tail} |")
    return out
