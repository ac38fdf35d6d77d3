"""A thread that calls quickly is kept off the CPU of the worker that serves it. When it is over nothing of that is left: every host
thread may run on what the sandbox may, or on what its program chose."""
import os
import subprocess
import time

import pytest

from conftest import TIMEOUT

PROGRAM = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

static void some(int n)
{
    for (int i = 0; i < n; i++)
        syscall(SYS_getppid);
}
static void calls(void) { some(20000); }
static void *waits(void *arg)
{
    calls();
    pause();
    return NULL;
}
static void *forks(void *arg) /* .. while others call, too */
{
    some(5000);
    if (syscall(SYS_fork) == 0)
        pause();
    return waits(arg);
}
static void several(void)
{
    pthread_t t;
    for (int i = 0; i < 6; i++)
        pthread_create(&t, NULL, i % 2 ? forks : waits, NULL);
    calls();
}
static void family(void)
{
    pthread_t t;
    calls();
    pthread_create(&t, NULL, waits, NULL);
    calls();
    if (fork() == 0) {
        waits(NULL);
    }
    calls();
}
static void bind(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set))
        _exit(1);
}
int main(void)
{
    cpu_set_t all;
    sched_getaffinity(0, sizeof(all), &all);
    int first = 0;
    while (!CPU_ISSET(first, &all))
        first++;
    family();
    if (fork() == 0) { /* bound in the middle of its calls: three threads */
        calls();
        bind(first);
        family();
        pause();
    }
    if (fork() == 0) { /* bound, and free again */
        bind(first);
        calls();
        sched_setaffinity(0, sizeof(all), &all);
        family();
        pause();
    }
    for (int i = 0; i < 20; i++) {
        some(2000);
        if (syscall(SYS_fork) == 0)
            pause();
    }
    several();
    write(1, "ready\n", 6);
    pause();
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("attach") / "quick"
    subprocess.run(["gcc", "-O1", "-w", "-static", "-pthread", "-o", path, "-x", "c", "-"], input=PROGRAM, text=True, check=True)
    return path


def cpus(pids):
    """The CPUs of each thread of these processes."""
    found = []
    for pid in pids:
        for tid in os.listdir(f"/proc/{pid}/task"):
            found.append(sorted(os.sched_getaffinity(int(tid))))
    return sorted(found)


def test_cpus_come_back(sandbox, program):
    box = sandbox("--platform=systrap", "--network=none", command=(program,))
    ours = sorted(os.sched_getaffinity(0))
    # The zygote, three threads of the program, as many of the process that was bound and freed, twenty forked ones, six threads
    # that call in turn, and three forked by them; three bound ones.
    want = sorted([ours] * 36 + [[ours[0]]] * 3)
    end = time.monotonic() + TIMEOUT
    found = []
    while found != want and time.monotonic() < end:  # the last to start are not there at once
        stubs = [p for p in os.listdir("/proc") if p.isdigit() and parent(p) == box.sentry]
        found = cpus(stubs)
    assert found == want


def parent(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return int(f.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0
