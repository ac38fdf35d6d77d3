"""What programs look for in /proc and /sys is there, with Linux's permission bits and, digits aside, its lines."""
import json
import os
import re
import subprocess
import sys

from conftest import runsc

SELF = """attr auxv cgroup clear_refs cmdline comm coredump_filter cpuset cwd environ exe fd fdinfo gid_map io limits loginuid maps mem
mountinfo mounts mountstats net ns oom_adj oom_score oom_score_adj personality projid_map root schedstat sessionid setgroups smaps
smaps_rollup stack stat statm status syscall task timens_offsets timerslack_ns uid_map wchan
ns/cgroup ns/ipc ns/mnt ns/net ns/pid ns/pid_for_children ns/time ns/time_for_children ns/user ns/uts""".split()
ROOT = """buddyinfo cgroups cmdline consoles cpuinfo devices diskstats execdomains filesystems interrupts iomem ioports kallsyms
loadavg locks meminfo misc modules mounts partitions self slabinfo softirqs stat swaps sys thread-self uptime version vmallocinfo vmstat
zoneinfo""".split()
SYS = """fs/aio-max-nr fs/dentry-state fs/file-max fs/file-nr fs/inode-nr fs/inotify/max_user_watches fs/lease-break-time fs/mount-max
fs/mqueue/msg_max fs/nr_open fs/pipe-max-size kernel/cap_last_cap kernel/core_pattern kernel/dmesg_restrict kernel/hostname
kernel/keys/maxkeys kernel/ngroups_max kernel/osrelease kernel/ostype kernel/panic kernel/perf_event_paranoid kernel/pid_max kernel/printk
kernel/random/boot_id kernel/random/uuid kernel/randomize_va_space kernel/sched_rt_runtime_us kernel/seccomp/actions_avail kernel/sem
kernel/shmmax kernel/threads-max net/core/somaxconn net/core/netdev_max_backlog vm/dirty_ratio vm/max_map_count vm/mmap_min_addr
vm/overcommit_memory vm/swappiness vm/vfs_cache_pressure""".split()
# Lines that must be there, whatever else is: the first word of each.
KEYS = ["self/status", "self/limits", "self/io", "self/smaps_rollup", "meminfo", "stat", "self/stat", "self/statm", "uptime", "loadavg"]
# What this kernel's configuration adds, or a sandbox has no word for.
MISSING = {"status": ("x86_Thread_features", "x86_Thread_features_locked", "Mems_allowed"),
           "meminfo": ("DirectMap4k", "DirectMap2M", "DirectMap1G", "Balloon", "Unaccepted", "CmaTotal", "CmaFree", "HardwareCorrupted"),
           "stat": (), "smaps_rollup": (r"\d+-\d+", "Pss_Anon", "Pss_File", "Pss_Shmem")}

LOOK = """
import json, os, sys
out = {}
for p in json.load(sys.stdin):
    try:
        st = os.lstat('/proc/' + p)
        text = open('/proc/' + p, errors='replace').read(20000) if p in %r else ''
        out[p] = [oct(st.st_mode), text]
    except OSError as e:
        out[p] = [str(e), '']
print(json.dumps(out))
""" % KEYS


def look(run):
    names = ["self/" + n for n in SELF] + ROOT + ["sys/" + n for n in SYS]
    return json.loads(run([sys.executable, "-c", LOOK], json.dumps(names)))


def on_host(argv, text):
    return subprocess.run(argv, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout


def in_box(argv, text):
    r, w = os.pipe()
    os.write(w, text.encode())
    os.close(w)
    done = runsc("do", "-quiet", *argv, stdin=r)
    os.close(r)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shape(line):
    return re.split(r"[:\s]", re.sub(r"[0-9a-f]*\d[0-9a-f]*", "0", line.strip()))[0]


def test_names_and_modes():
    host, box = look(on_host), look(in_box)
    assert {n: (m[0], box[n][0]) for n, m in host.items() if m[0].startswith("0o") and m[0] != box[n][0]} == {}


def test_lines():
    host, box = look(on_host), look(in_box)
    for name in KEYS:
        skip = {shape(s) for s in MISSING.get(name.split("/")[-1], ())}
        want = {shape(x) for x in host[name][1].splitlines()}
        have = {shape(x) for x in box[name][1].splitlines()}
        assert want - have - skip == set(), name


def test_written():
    script = ("echo abc > /proc/self/comm; cat /proc/self/comm > /dev/null; echo 500 > /proc/self/oom_score_adj; cat /proc/self/oom_score_adj;"
              "echo 5 > /proc/self/clear_refs && echo ok; hostname other; cat /proc/sys/kernel/hostname;"
              "echo 1 > /proc/sys/vm/swappiness || echo refused; cat /proc/self/attr/current || echo none")
    got = runsc("do", "-quiet", "sh", "-c", script)
    assert got.stdout.split() == ["500", "ok", "other", "refused", "none"], got.stdout + got.stderr


def test_cpus():
    got = runsc("do", "-quiet", "sh", "-c", "cd /sys/devices/system/cpu; cat online; cat cpu0/topology/core_id cpu0/cache/index0/size")
    assert got.returncode == 0 and len(got.stdout.split()) == 3, got.stdout + got.stderr
