/* Limits, priorities, scheduling, names, random bytes, prctl and other small calls.
   tests: arch_prctl get_robust_list getcpu ioprio_get ioprio_set prlimit64 reboot
   sched_getattr sched_setattr set_robust_list set_tid_address setdomainname sethostname syslog */
#include "guest.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>

TEST(uname_and_hostname)
{
    struct utsname u;
    char name[65];
    CHECK_OK(uname(&u));
    CHECK_STR(u.sysname, "Linux");
    CHECK_STR(u.machine, "x86_64");
    CHECK_OK(gethostname(name, sizeof(name)));
    CHECK_STR(name, u.nodename);
    CHECK_ERR(syscall(SYS_uname, 8), EFAULT);
    if (getuid() == 0) {
        CHECK_ERR(syscall(SYS_sethostname, name, 65), EINVAL);
        CHECK_ERR(syscall(SYS_setdomainname, name, -1), EINVAL);
    }
}

TEST(limits)
{
    struct rlimit r, s;
    CHECK_OK(getrlimit(RLIMIT_NOFILE, &r));
    CHECK(r.rlim_cur <= r.rlim_max);
    s = (struct rlimit){.rlim_cur = 100, .rlim_max = r.rlim_max};
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &s));
    CHECK_OK(prlimit(0, RLIMIT_NOFILE, NULL, &s));
    CHECK_EQ(s.rlim_cur, 100);
    s = (struct rlimit){.rlim_cur = 200, .rlim_max = 100};
    CHECK_ERR(setrlimit(RLIMIT_NOFILE, &s), EINVAL);
    CHECK_ERR(syscall(SYS_getrlimit, 99, &r), EINVAL);
    CHECK_ERR(syscall(SYS_setrlimit, 99, &r), EINVAL);
    CHECK_ERR(syscall(SYS_prlimit64, 32766, RLIMIT_NOFILE, NULL, &r), ESRCH);
}

TEST(usage)
{
    struct rusage u;
    struct tms t;
    for (volatile unsigned i = 0; i < 50000000; i++) {
    }
    CHECK_OK(getrusage(RUSAGE_SELF, &u));
    CHECK(u.ru_utime.tv_sec || u.ru_utime.tv_usec);
    CHECK_OK(getrusage(RUSAGE_THREAD, &u));
    CHECK_ERR(getrusage(5, &u), EINVAL);
    CHECK(times(&t) > 0);
}

TEST(priorities)
{
    CHECK_OK(setpriority(PRIO_PROCESS, 0, 5));
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
    CHECK_OK(setpriority(PRIO_PROCESS, 0, 100));
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
    CHECK_ERR(getpriority(9, 0), EINVAL);
    CHECK_ERR(setpriority(PRIO_PROCESS, 32766, 0), ESRCH);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0)
        _exit(getpriority(PRIO_PROCESS, 0) == 19 ? 0 : 1);
    check_child(pid, 0);
    CHECK_OK(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 5));
    CHECK_EQ(syscall(SYS_ioprio_get, 1, 0), 2 << 13 | 5);
    CHECK_ERR(syscall(SYS_ioprio_set, 1, 0, 7 << 13), EINVAL);
    CHECK_ERR(syscall(SYS_ioprio_get, 9, 0), EINVAL);
}

TEST(scheduling)
{
    struct sched_param p = {0};
    struct timespec ts;
    cpu_set_t set;
    CHECK_OK(sched_yield());
    CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
    CHECK_OK(sched_setscheduler(0, SCHED_BATCH, &p));
    CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
    CHECK_OK(sched_getparam(0, &p));
    CHECK_EQ(p.sched_priority, 0);
    p.sched_priority = 3;
    CHECK_ERR(sched_setparam(0, &p), EINVAL);
    CHECK_ERR(sched_setscheduler(0, 77, &p), EINVAL);
    CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
    CHECK_EQ(sched_get_priority_min(SCHED_FIFO), 1);
    CHECK_ERR(sched_get_priority_max(77), EINVAL);
    CHECK_OK(sched_rr_get_interval(0, &ts));
    CHECK_OK(sched_getaffinity(0, sizeof(set), &set));
    CHECK(CPU_COUNT(&set) >= 1);
    CHECK_OK(sched_setaffinity(0, sizeof(set), &set));
    CPU_ZERO(&set);
    CHECK_ERR(sched_setaffinity(0, sizeof(set), &set), EINVAL);
    CHECK_ERR(sched_getaffinity(32766, sizeof(set), &set), ESRCH);
    unsigned cpu = 999, node;
    CHECK_OK(syscall(SYS_getcpu, &cpu, &node, NULL));
    CHECK(cpu < 999);
    char attr[56] = {0};
    CHECK_OK(syscall(SYS_sched_getattr, 0, attr, 48, 0));
    CHECK_OK(syscall(SYS_sched_setattr, 0, attr, 0));
    CHECK_ERR(syscall(SYS_sched_getattr, 0, attr, 8, 0), EINVAL);
}

TEST(random_bytes)
{
    unsigned char a[5000] = {0}, b[32];
    CHECK_EQ(getrandom(a, sizeof(a), 0), sizeof(a));
    CHECK_EQ(getrandom(b, sizeof(b), GRND_NONBLOCK), sizeof(b));
    CHECK(memcmp(a, b, sizeof(b)) != 0);
    CHECK_ERR(syscall(SYS_getrandom, a, 1, 0x100), EINVAL);
    CHECK_ERR(syscall(SYS_getrandom, 8, 1, 0), EFAULT);
}

TEST(names_of_threads)
{
    char name[16];
    CHECK_OK(prctl(PR_SET_NAME, "a-name-that-is-too-long"));
    CHECK_OK(prctl(PR_GET_NAME, name));
    CHECK_STR(name, "a-name-that-is-");
    CHECK_OK(prctl(PR_SET_NAME, "short"));
    CHECK_OK(prctl(PR_GET_NAME, name));
    CHECK_STR(name, "short");
}

TEST(prctl_small)
{
    int sig = -1;
    CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
    CHECK_OK(prctl(PR_GET_PDEATHSIG, &sig));
    CHECK_EQ(sig, SIGUSR1);
    CHECK_ERR(prctl(PR_SET_PDEATHSIG, 100), EINVAL);
    CHECK_OK(prctl(PR_SET_DUMPABLE, 0));
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
    CHECK_ERR(prctl(PR_SET_DUMPABLE, 5), EINVAL);
    CHECK_OK(prctl(PR_SET_TIMERSLACK, 1000));
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 1000);
    CHECK_ERR(prctl(123456), EINVAL);
}

TEST(personality_and_arch)
{
    unsigned long fs = 0;
    int old = personality(0xffffffff);
    CHECK(old >= 0);
    CHECK_EQ(personality((unsigned long)old), old);
    CHECK_OK(syscall(SYS_arch_prctl, 0x1003, &fs));
    CHECK(fs != 0);
    CHECK_ERR(syscall(SYS_arch_prctl, 0x7777, 0), EINVAL);
}

TEST(robust_list_and_tid)
{
    void *head = NULL;
    size_t len = 0;
    CHECK_OK(syscall(SYS_get_robust_list, 0, &head, &len));
    CHECK_EQ(len, 24);
    CHECK_ERR(syscall(SYS_set_robust_list, head, 8), EINVAL);
    CHECK_OK(syscall(SYS_set_robust_list, head, 24));
    static int word;
    CHECK_EQ(syscall(SYS_set_tid_address, &word), getpid());
}

TEST(membarrier)
{
    long have = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    if (have == -1)
        SKIP("no membarrier");
    CHECK_ERR(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 77, 0), EINVAL);
    if (have & MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
        CHECK_ERR(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), EPERM);
        CHECK_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
        CHECK_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
    }
}

TEST(system)
{
    struct sysinfo si;
    CHECK_OK(sysinfo(&si));
    CHECK(si.totalram * si.mem_unit > 1000000);
    CHECK(si.freeram <= si.totalram);
    CHECK(si.procs >= 1);
    errno = 0;
    CHECK_EQ(syscall(SYS_reboot, 1, 2, 3, 4), -1);
    CHECK(errno == EINVAL || errno == EPERM);
    CHECK_ERR(syscall(SYS_syslog, 99, NULL, 0), EINVAL);
}

static bool may_run(const void *at)
{
    char line[300];
    unsigned long a, b;
    bool x = false;
    FILE *f = fopen("/proc/self/maps", "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "%lx-%lx", &a, &b) == 2 && (uintptr_t)at >= a && (uintptr_t)at < b)
            x = strchr(line, ' ')[3] == 'x';
    fclose(f);
    return x;
}

TEST(read_implies_exec)
{
    int old = personality(0xffffffff);
    char *p = CHECK_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(!may_run(p));
    CHECK_OK(personality((unsigned long)old | READ_IMPLIES_EXEC));
    char *q = CHECK_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(may_run(q));
    CHECK_OK(mprotect(p, 4096, PROT_READ | PROT_WRITE));
    CHECK(may_run(p));
    CHECK_OK(mprotect(p, 4096, PROT_NONE));
    CHECK(!may_run(p));
}

TEST(queued_signals_are_limited)
{
    union sigval v = {0};
    struct rlimit l;
    sigset_t set;
    if (getuid() == 0)
        CHECK_OK(setresuid(54321, 54321, 54321)); /* nobody else's signals count */
    CHECK_OK(getrlimit(RLIMIT_SIGPENDING, &l));
    l.rlim_cur = 5;
    CHECK_OK(setrlimit(RLIMIT_SIGPENDING, &l));
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    CHECK_OK(sigprocmask(SIG_BLOCK, &set, NULL));
    for (int i = 0; i < 5; i++)
        CHECK_OK(sigqueue(getpid(), SIGRTMIN, v));
    CHECK_ERR(sigqueue(getpid(), SIGRTMIN, v), EAGAIN);
    CHECK_OK(kill(getpid(), SIGRTMIN)); /* without its information */
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) { /* the same user */
        CHECK_ERR(sigqueue(getpid(), SIGRTMIN, v), EAGAIN);
        _exit(0);
    }
    check_child(pid, 0);
}
