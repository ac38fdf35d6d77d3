/* Tests of scheduling calls: CPU sets that hold, policies and their permissions, nice, I/O priorities. */
#include "guest.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

struct attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t util_min, util_max, newer[4];
};

static long getcpu_call(unsigned *cpu, unsigned *node) { return syscall(SYS_getcpu, cpu, node, 0); }

static void must_be_root(void)
{
    if (geteuid() != 0)
        SKIP("not root");
}

static void become_nobody(void)
{
    must_be_root();
    CHECK_OK(setresuid(65534, 65534, 65534));
}

TEST(affinity_holds)
{
    cpu_set_t all, one, got;
    unsigned cpu, node;
    CHECK_OK(sched_getaffinity(0, sizeof(all), &all));
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, &all))
            continue;
        CPU_ZERO(&one);
        CPU_SET(i, &one);
        CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
        CHECK_OK(sched_getaffinity(0, sizeof(got), &got));
        CHECK(CPU_EQUAL(&one, &got));
        CHECK_EQ(sched_getcpu(), i);
        CHECK_OK(getcpu_call(&cpu, &node));
        CHECK_EQ(cpu, i);
        pid_t pid = CHECK_OK(fork());
        if (pid == 0) {
            CHECK_EQ(sched_getcpu(), i);
            _exit(0);
        }
        check_child(pid, 0);
    }
}

TEST(affinity_over_exec)
{
    cpu_set_t all, one;
    int last = 0;
    CHECK_OK(sched_getaffinity(0, sizeof(all), &all));
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &all))
            last = i;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
    char arg[16];
    snprintf(arg, sizeof(arg), "%d", last);
    setenv("WANT_CPU", arg, 1);
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/proc/self/exe", "sched", "--no-fork", "cpu_is_the_wanted_one", (char *)0);
        _exit(99);
    }
    check_child(pid, 0);
}

TEST(cpu_is_the_wanted_one)
{
    const char *want = getenv("WANT_CPU");
    if (want)
        CHECK_EQ(sched_getcpu(), atoi(want));
}

TEST(affinity_errors)
{
    cpu_set_t none;
    unsigned long small = 0;
    CPU_ZERO(&none);
    CHECK_ERR(sched_setaffinity(0, sizeof(none), &none), EINVAL);
    CHECK_ERR(sched_setaffinity(1 << 29, sizeof(none), &none), ESRCH);
    CHECK_ERR(syscall(SYS_sched_getaffinity, 0, 3, &small), EINVAL);
    CHECK_ERR(syscall(SYS_sched_getaffinity, 1 << 29, 128, &none), ESRCH);
    CHECK_ERR(syscall(SYS_sched_getaffinity, 0, 128, (void *)1), EFAULT);
    CHECK_ERR(syscall(SYS_sched_setaffinity, 0, 128, (void *)1), EFAULT);
}

TEST(policies_of_anybody)
{
    become_nobody();
    struct sched_param p = {0}, rt = {10};
    CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
    CHECK_ERR(sched_setscheduler(0, SCHED_OTHER, &rt), EINVAL);
    CHECK_ERR(sched_setscheduler(0, SCHED_FIFO, &p), EINVAL);
    CHECK_ERR(sched_setscheduler(0, 77, &p), EINVAL);
    CHECK_ERR(sched_setscheduler(-1, SCHED_OTHER, &p), EINVAL);
    CHECK_ERR(sched_setscheduler(1 << 29, SCHED_OTHER, &p), ESRCH);
    CHECK_OK(sched_setscheduler(0, SCHED_BATCH, &p));
    CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
    CHECK_OK(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &p));
    CHECK_EQ(sched_getscheduler(0), SCHED_OTHER | SCHED_RESET_ON_FORK);
    CHECK_ERR(sched_setscheduler(0, SCHED_OTHER, &p), EPERM); /* cannot be taken back */
    struct rlimit none = {0, 0};
    CHECK_OK(setrlimit(RLIMIT_RTPRIO, &none));
    CHECK_ERR(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &rt), EPERM);
    CHECK_OK(sched_setscheduler(0, SCHED_IDLE | SCHED_RESET_ON_FORK, &p));
    CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
    CHECK_EQ(sched_get_priority_min(SCHED_RR), 1);
    CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
    CHECK_ERR(sched_get_priority_min(77), EINVAL);
}

TEST(round_robin_interval)
{
    struct timespec ts;
    CHECK_OK(sched_rr_get_interval(0, &ts));
    CHECK_EQ(ts.tv_sec, 0);
    CHECK_ERR(sched_rr_get_interval(-1, &ts), EINVAL);
    CHECK_ERR(sched_rr_get_interval(1 << 29, &ts), ESRCH);
}

TEST(attributes)
{
    struct attr a = {0}, b = {0};
    CHECK_OK(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0));
    CHECK_EQ(a.policy, SCHED_OTHER);
    CHECK_EQ(a.nice, getpriority(PRIO_PROCESS, 0));
    CHECK_ERR(syscall(SYS_sched_getattr, 0, &a, 8, 0), EINVAL);
    CHECK_ERR(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 1), EINVAL);
    CHECK_ERR(syscall(SYS_sched_getattr, 1 << 29, &a, sizeof(a), 0), ESRCH);
    b.size = sizeof(b); /* larger than any kernel's, but zero there */
    b.policy = SCHED_BATCH;
    b.nice = 5;
    CHECK_OK(syscall(SYS_sched_setattr, 0, &b, 0));
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
    CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
    b.newer[3] = 1;
    CHECK_ERR(syscall(SYS_sched_setattr, 0, &b, 0), E2BIG);
    b.newer[3] = 0;
    b.size = 8;
    CHECK_ERR(syscall(SYS_sched_setattr, 0, &b, 0), E2BIG);
    b.size = 48;
    b.flags = 1 << 20;
    CHECK_ERR(syscall(SYS_sched_setattr, 0, &b, 0), EINVAL);
    CHECK_ERR(syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
    b.flags = 0;
    b.policy = 6; /* DEADLINE without parameters */
    CHECK_ERR(syscall(SYS_sched_setattr, 0, &b, 0), EINVAL);
}

TEST(nice_limits)
{
    struct rlimit none = {0, 0};
    CHECK_OK(setrlimit(RLIMIT_NICE, &none));
    become_nobody();
    CHECK_OK(setpriority(PRIO_PROCESS, 0, 7));
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 7);
    CHECK_ERR(setpriority(PRIO_PROCESS, 0, 3), EACCES);
    CHECK_ERR(nice(-3), EPERM);
    CHECK_ERR(setpriority(PRIO_PROCESS, 1, 10), EPERM);
    CHECK_ERR(setpriority(77, 0, 0), EINVAL);
    CHECK_ERR(getpriority(PRIO_PROCESS, 1 << 29), ESRCH);
    CHECK_OK(setpriority(PRIO_PROCESS, 0, 100));
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
}

TEST(io_priorities)
{
    enum { WHO = 1, BE = 2 << 13, IDLE = 3 << 13 };
    CHECK_OK(syscall(SYS_ioprio_set, WHO, 0, BE | 3));
    CHECK_EQ(syscall(SYS_ioprio_get, WHO, 0), BE | 3);
    CHECK_OK(syscall(SYS_ioprio_set, WHO, 0, IDLE));
    CHECK_ERR(syscall(SYS_ioprio_set, WHO, 0, 7 << 13), EINVAL);
    CHECK_ERR(syscall(SYS_ioprio_set, 0, 0, BE), EINVAL);
    CHECK_ERR(syscall(SYS_ioprio_set, WHO, 1 << 29, BE), ESRCH);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0)
        _exit(syscall(SYS_ioprio_get, WHO, 0) == IDLE ? 0 : 1);
    check_child(pid, 0);
}
