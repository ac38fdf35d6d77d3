/* Tests of prctl(2): what each option keeps, inherits and refuses. */
#include "guest.h"

#include <sched.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif

static long pr(int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    return syscall(SYS_prctl, op, a, b, c, d);
}

/* What a command line shows. */
static void read_file(const char *path, char *buf, size_t size)
{
    int fd = CHECK_OK(open(path, O_RDONLY));
    ssize_t n = CHECK_OK(read(fd, buf, size - 1));
    buf[n] = 0;
    CHECK_OK(close(fd));
}

TEST(names)
{
    char buf[17] = {0};
    CHECK_OK(pr(PR_SET_NAME, (unsigned long)"a_name_that_is_too_long", 0, 0, 0));
    CHECK_OK(pr(PR_GET_NAME, (unsigned long)buf, 0, 0, 0));
    CHECK_STR(buf, "a_name_that_is_");
    CHECK_ERR(pr(PR_SET_NAME, 1, 0, 0, 0), EFAULT);
}

TEST(death_signal)
{
    int sig = -1;
    CHECK_OK(pr(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0));
    CHECK_OK(pr(PR_GET_PDEATHSIG, (unsigned long)&sig, 0, 0, 0));
    CHECK_EQ(sig, SIGUSR1);
    CHECK_ERR(pr(PR_SET_PDEATHSIG, 999, 0, 0, 0), EINVAL);
}

TEST(timer_slack)
{
    long first = CHECK_OK(pr(PR_GET_TIMERSLACK, 0, 0, 0, 0));
    CHECK_OK(pr(PR_SET_TIMERSLACK, 1234567, 0, 0, 0));
    CHECK_EQ(pr(PR_GET_TIMERSLACK, 0, 0, 0, 0), 1234567);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        CHECK_EQ(pr(PR_GET_TIMERSLACK, 0, 0, 0, 0), 1234567);
        CHECK_OK(pr(PR_SET_TIMERSLACK, 5, 0, 0, 0));
        CHECK_OK(pr(PR_SET_TIMERSLACK, 0, 0, 0, 0)); /* what it was at birth */
        CHECK_EQ(pr(PR_GET_TIMERSLACK, 0, 0, 0, 0), 1234567);
        _exit(0);
    }
    check_child(pid, 0);
    CHECK_OK(pr(PR_SET_TIMERSLACK, 0, 0, 0, 0));
    CHECK_EQ(pr(PR_GET_TIMERSLACK, 0, 0, 0, 0), first);
}

TEST(tid_address)
{
    void *at = NULL;
    static int word;
    if (pr(PR_GET_TID_ADDRESS, (unsigned long)&at, 0, 0, 0) == -1)
        SKIP("no PR_GET_TID_ADDRESS");
    CHECK_OK(syscall(SYS_set_tid_address, &word));
    CHECK_OK(pr(PR_GET_TID_ADDRESS, (unsigned long)&at, 0, 0, 0));
    CHECK(at == &word);
}

TEST(machine_checks)
{
    CHECK_EQ(pr(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_DEFAULT);
    CHECK_OK(pr(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
    CHECK_EQ(pr(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_EARLY);
    CHECK_OK(pr(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 0, 0));
    CHECK_EQ(pr(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_LATE);
    CHECK_OK(pr(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0));
    CHECK_EQ(pr(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_DEFAULT);
    CHECK_ERR(pr(PR_MCE_KILL, PR_MCE_KILL_SET, 7, 0, 0), EINVAL);
    CHECK_ERR(pr(PR_MCE_KILL, 7, 0, 0, 0), EINVAL);
    CHECK_ERR(pr(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 1, 0), EINVAL);
    CHECK_ERR(pr(PR_MCE_KILL_GET, 1, 0, 0, 0), EINVAL);
}

static bool may_use_resources(void)
{
    return geteuid() == 0 && pr(PR_CAPBSET_READ, 24 /* CAP_SYS_RESOURCE */, 0, 0, 0) == 1;
}

TEST(io_flusher)
{
    if (!may_use_resources())
        SKIP("no CAP_SYS_RESOURCE");
    CHECK_EQ(pr(PR_GET_IO_FLUSHER, 0, 0, 0, 0), 0);
    CHECK_OK(pr(PR_SET_IO_FLUSHER, 1, 0, 0, 0));
    CHECK_EQ(pr(PR_GET_IO_FLUSHER, 0, 0, 0, 0), 1);
    CHECK_OK(pr(PR_SET_IO_FLUSHER, 0, 0, 0, 0));
    CHECK_ERR(pr(PR_SET_IO_FLUSHER, 2, 0, 0, 0), EINVAL);
    CHECK_OK(setresuid(65534, 65534, 65534));
    CHECK_ERR(pr(PR_SET_IO_FLUSHER, 1, 0, 0, 0), EPERM);
}

TEST(huge_pages)
{
    CHECK_EQ(pr(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
    CHECK_OK(pr(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    CHECK_EQ(pr(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0)
        _exit(pr(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1 ? 0 : 1);
    check_child(pid, 0);
    CHECK_OK(pr(PR_SET_THP_DISABLE, 0, 0, 0, 0));
    CHECK_EQ(pr(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
    CHECK_ERR(pr(PR_GET_THP_DISABLE, 1, 0, 0, 0), EINVAL);
}

TEST(small_ones)
{
    CHECK_EQ(pr(PR_GET_TIMING, 0, 0, 0, 0), PR_TIMING_STATISTICAL);
    CHECK_OK(pr(PR_SET_TIMING, PR_TIMING_STATISTICAL, 0, 0, 0));
    CHECK_ERR(pr(PR_SET_TIMING, PR_TIMING_TIMESTAMP, 0, 0, 0), EINVAL);
    CHECK_OK(pr(PR_TASK_PERF_EVENTS_DISABLE, 0, 0, 0, 0));
    CHECK_OK(pr(PR_TASK_PERF_EVENTS_ENABLE, 0, 0, 0, 0));
    CHECK_ERR(pr(PR_GET_ENDIAN, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(pr(PR_GET_UNALIGN, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(pr(PR_GET_FPEMU, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(pr(123456, 0, 0, 0, 0), EINVAL);
    CHECK_OK(pr(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0));
    CHECK_ERR(pr(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 1, 0, 0), EINVAL);
    CHECK_ERR(pr(PR_SET_SYSCALL_USER_DISPATCH, 7, 0, 0, 0), EINVAL);
    CHECK_ERR(pr(PR_GET_SPECULATION_CTRL, 77, 0, 0, 0), ENODEV);
    CHECK_ERR(pr(PR_GET_SPECULATION_CTRL, 0, 1, 0, 0), EINVAL);
    CHECK_OK(pr(PR_GET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, 0, 0, 0));
    CHECK_ERR(pr(PR_SET_SPECULATION_CTRL, 77, 0, 0, 0), ENODEV);
}

TEST(subreaper)
{
    int v = -1;
    CHECK_OK(pr(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    CHECK_OK(pr(PR_GET_CHILD_SUBREAPER, (unsigned long)&v, 0, 0, 0));
    CHECK_EQ(v, 1);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        CHECK_OK(pr(PR_GET_CHILD_SUBREAPER, (unsigned long)&v, 0, 0, 0));
        _exit(v); /* not inherited */
    }
    check_child(pid, 0);
}

TEST(keep_caps_locked)
{
    if (geteuid() != 0)
        SKIP("not root");
    CHECK_OK(pr(PR_SET_KEEPCAPS, 1, 0, 0, 0));
    CHECK_EQ(pr(PR_GET_KEEPCAPS, 0, 0, 0, 0), 1);
    CHECK_ERR(pr(PR_SET_KEEPCAPS, 2, 0, 0, 0), EINVAL);
    CHECK_OK(pr(PR_SET_SECUREBITS, 1 << 5, 0, 0, 0));
    CHECK_ERR(pr(PR_SET_KEEPCAPS, 1, 0, 0, 0), EPERM);
}

TEST(memory_marks)
{
    char line[200];
    static char mine[] = "a new\0command\0line";
    if (pr(PR_SET_MM, PR_SET_MM_MAP_SIZE, (unsigned long)line, 0, 0) == -1)
        SKIP("no PR_SET_MM");
    CHECK_EQ(*(unsigned *)line, 104);
    CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_ARG_START, 0, 0, 0), may_use_resources() ? EINVAL : EPERM);
    if (!may_use_resources())
        SKIP("no CAP_SYS_RESOURCE");
    CHECK_ERR(pr(PR_SET_MM, 99, (unsigned long)mine, 0, 0), EINVAL);
    CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_ARG_START, (unsigned long)mine, 1, 0), EINVAL);
    /* The end first where the new place is above the old one. */
    unsigned long start = (unsigned long)mine, end = start + sizeof(mine);
    if (pr(PR_SET_MM, PR_SET_MM_ARG_START, start, 0, 0) == -1) {
        CHECK_OK(pr(PR_SET_MM, PR_SET_MM_ARG_END, end, 0, 0));
        CHECK_OK(pr(PR_SET_MM, PR_SET_MM_ARG_START, start, 0, 0));
    } else {
        CHECK_OK(pr(PR_SET_MM, PR_SET_MM_ARG_END, end, 0, 0));
    }
    read_file("/proc/self/cmdline", line, sizeof(line));
    CHECK_EQ(memcmp(line, mine, sizeof(mine)), 0);
}

TEST(auxiliary_vector)
{
    unsigned long v[64] = {0}, phdr = 0;
    long n = pr(PR_GET_AUXV, (unsigned long)v, sizeof(v), 0, 0);
    if (n == -1 && errno == EINVAL)
        SKIP("no PR_GET_AUXV");
    CHECK(n > 100 && n <= (long)sizeof(v));
    for (int i = 0; i < n / 8; i += 2)
        if (v[i] == AT_PHDR)
            phdr = v[i + 1];
    CHECK_EQ(phdr, getauxval(AT_PHDR));
    CHECK_ERR(pr(PR_GET_AUXV, 1, 8, 0, 0), EFAULT);
    CHECK_ERR(pr(PR_GET_AUXV, (unsigned long)v, 8, 1, 0), EINVAL);
}

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif

static void *map(int prot) { return mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

TEST(memory_deny_write_exec)
{
    const int rw = PROT_READ | PROT_WRITE, rx = PROT_READ | PROT_EXEC;
    void *code = CHECK_OK(map(rx)), *data = CHECK_OK(map(rw));
    if (pr(PR_SET_MDWE, 1, 0, 0, 0) == -1 && errno == EINVAL)
        SKIP("no PR_SET_MDWE");
    CHECK_EQ(pr(PR_GET_MDWE, 0, 0, 0, 0), 1);
    CHECK_ERR(pr(PR_SET_MDWE, 0, 0, 0, 0), EPERM);
    CHECK_ERR(pr(PR_SET_MDWE, 2, 0, 0, 0), EINVAL);
    CHECK_ERR(pr(PR_SET_MDWE, 8, 0, 0, 0), EINVAL);
    CHECK_ERR(pr(PR_GET_MDWE, 1, 0, 0, 0), EINVAL);
    CHECK(map(rw | PROT_EXEC) == MAP_FAILED);
    CHECK_EQ(errno, EACCES);
    CHECK_OK(map(rx));
    CHECK_ERR(mprotect(data, 4096, rx), EACCES);
    CHECK_ERR(mprotect(code, 4096, rw | PROT_EXEC), EACCES);
    CHECK_OK(mprotect(code, 4096, rx));
    CHECK_OK(mprotect(code, 4096, PROT_READ));
    CHECK_ERR(mprotect(code, 4096, rx), EACCES);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0)
        _exit(pr(PR_GET_MDWE, 0, 0, 0, 0) == 1 ? 0 : 1);
    check_child(pid, 0);
}

static int clears_dumpable(void *arg)
{
    (void)arg;
    return pr(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* It belongs to the memory: a copy of that has its own, who shares it shares the value, and exec begins anew. */
TEST(dumpable_is_of_the_memory)
{
    static _Alignas(16) char stack[65536];
    CHECK_OK(pr(PR_SET_DUMPABLE, 1, 0, 0, 0));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0)
        _exit(pr(PR_SET_DUMPABLE, 0, 0, 0, 0) || pr(PR_GET_DUMPABLE, 0, 0, 0, 0));
    check_child(pid, 0);
    CHECK_EQ(pr(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
    pid = CHECK_OK(clone(clears_dumpable, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL));
    check_child(pid, 0);
    CHECK_EQ(pr(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
    pid = CHECK_OK(fork());
    if (pid == 0)
        _exit(pr(PR_GET_DUMPABLE, 0, 0, 0, 0) ? 1 : 0);
    check_child(pid, 0);
}

static int changes_user(void *arg)
{
    (void)arg;
    return syscall(SYS_setfsuid, 4711) == 0 ? 0 : 1;
}

TEST(other_ids_end_dumpable_for_all_who_share_the_memory)
{
    static _Alignas(16) char stack[65536];
    if (getuid() != 0)
        SKIP("not root");
    CHECK_OK(pr(PR_SET_DUMPABLE, 1, 0, 0, 0));
    pid_t pid = CHECK_OK(clone(changes_user, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL));
    check_child(pid, 0);
    CHECK_EQ(pr(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
}
