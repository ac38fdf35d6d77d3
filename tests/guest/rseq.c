/* Tests of rseq(2) and membarrier(2): registration, aborted sequences, what fork and exec keep, barriers. */
#include "guest.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define SIGNATURE 0x53053053u

struct area {
    uint32_t cpu_id_start, cpu_id;
    uint64_t cs;
    uint32_t flags, node_id, mm_cid, pad;
} __attribute__((aligned(32)));

static struct area mine;

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

static long rseq(void *p, uint32_t len, int flags, uint32_t sig)
{
    return syscall(SYS_rseq, p, len, flags, sig);
}

/* libc may have registered its own. */
static void libc_lets_go(void)
{
    if (!&__rseq_size || !__rseq_size)
        return;
    char *at = (char *)__builtin_thread_pointer() + __rseq_offset;
    CHECK_OK(rseq(at, 32, 1, SIGNATURE));
}

static void enter(void)
{
    libc_lets_go();
    if (rseq(&mine, 32, 0, SIGNATURE) == -1) {
        if (errno == ENOSYS)
            SKIP("no rseq");
        FAIL("rseq: %s", strerror(errno));
    }
}

TEST(registration)
{
    libc_lets_go();
    mine.cpu_id = 0xffffffff;
    CHECK_ERR(rseq((char *)&mine + 4, 32, 0, SIGNATURE), EINVAL);
    CHECK_ERR(rseq(&mine, 16, 0, SIGNATURE), EINVAL);
    CHECK_ERR(rseq(&mine, 32, 6, SIGNATURE), EINVAL);
    CHECK_ERR(rseq(&mine, 32, 1, SIGNATURE), EINVAL);
    CHECK_OK(rseq(&mine, 32, 0, SIGNATURE));
    CHECK(mine.cpu_id < CPU_SETSIZE);
    CHECK_EQ(mine.cpu_id, mine.cpu_id_start);
    CHECK_ERR(rseq(&mine, 32, 0, SIGNATURE), EBUSY);
    CHECK_ERR(rseq(&mine, 32, 0, 1), EPERM);
    CHECK_ERR(rseq(&mine, 32, 1, 1), EPERM);
    CHECK_OK(rseq(&mine, 32, 1, SIGNATURE));
    CHECK_EQ((int32_t)mine.cpu_id, -1);
}

TEST(cpu_is_told)
{
    enter();
    cpu_set_t one, all;
    CHECK_OK(sched_getaffinity(0, sizeof(all), &all));
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
        CHECK_EQ(*(volatile uint32_t *)&mine.cpu_id, cpu);
        CHECK_EQ(sched_getcpu(), cpu);
    }
}

/* A sequence without an end: only an abort leaves it. */
__attribute__((noinline)) static int endless_sequence(void)
{
    __asm__ goto(".pushsection __rseq_cs, \"aw\"\n"
                 ".balign 32\n"
                 "3: .long 0, 0\n"
                 ".quad 1f, 2f - 1f, 4f\n"
                 ".popsection\n"
                 "leaq 3b(%%rip), %%rax\n"
                 "movq %%rax, %[cs]\n"
                 "1: jmp 1b\n"
                 "2: ud2\n"
                 ".byte 0x0f, 0xb9, 0x3d\n"
                 ".long 0x53053053\n"
                 "4: jmp %l[aborted]\n"
                 :
                 : [cs] "m"(mine.cs)
                 : "rax", "memory"
                 : aborted);
    return 0;
aborted:
    return 1;
}

static _Atomic int alarms;
static void on_alarm(int signo) { alarms++; }

TEST(signal_aborts)
{
    enter();
    struct sigaction sa = {.sa_handler = on_alarm};
    struct itimerval tv = {{0, 0}, {0, 20000}};
    CHECK_OK(sigaction(SIGALRM, &sa, NULL));
    CHECK_OK(setitimer(ITIMER_REAL, &tv, NULL));
    CHECK_EQ(endless_sequence(), 1);
    CHECK_OK(setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL));
}

static _Atomic int stop;
static void *spin(void *arg)
{
    while (!stop)
        ;
    return arg;
}

TEST(preemption_aborts)
{
    pthread_t t;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
    CHECK_EQ(pthread_create(&t, NULL, spin, NULL), 0);
    enter();
    for (int i = 0; i < 3; i++)
        CHECK_EQ(endless_sequence(), 1);
    stop = 1;
    CHECK_EQ(pthread_join(t, NULL), 0);
}

TEST(fork_keeps_it)
{
    enter();
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        CHECK_ERR(rseq(&mine, 32, 0, SIGNATURE), EBUSY);
        CHECK_OK(rseq(&mine, 32, 1, SIGNATURE));
        _exit(0);
    }
    check_child(pid, 0);
    CHECK_ERR(rseq(&mine, 32, 0, SIGNATURE), EBUSY);
}

TEST(exec_forgets_it)
{
    enter();
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        execl("/proc/self/exe", "rseq", "--no-fork", "registration", (char *)0);
        _exit(99);
    }
    check_child(pid, 0);
}

static long membarrier(int cmd) { return syscall(SYS_membarrier, cmd, 0, 0); }

TEST(barriers)
{
    static const int pairs[][2] = {
        {MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, MEMBARRIER_CMD_PRIVATE_EXPEDITED},
        {MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
         MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE},
        {MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ},
    };
    long have = membarrier(MEMBARRIER_CMD_QUERY);
    if (have == -1 && errno == ENOSYS)
        SKIP("no membarrier");
    for (unsigned i = 0; i < 3; i++) {
        if (!(have & pairs[i][1]))
            continue;
        CHECK_ERR(membarrier(pairs[i][1]), EPERM);
        CHECK_OK(membarrier(pairs[i][0]));
        CHECK_OK(membarrier(pairs[i][1]));
    }
    CHECK_OK(membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED));
    CHECK_OK(membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED));
    CHECK_ERR(membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_GLOBAL), EINVAL);
    CHECK_ERR(membarrier(1 << 20), EINVAL);
    pid_t pid = CHECK_OK(fork()); /* keeps it; exec does not */
    if (pid == 0) {
        CHECK_OK(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED));
        execl("/proc/self/exe", "rseq", "--no-fork", "barriers_after_exec", (char *)0);
        _exit(99);
    }
    check_child(pid, 0);
}

TEST(barriers_after_exec)
{
    if (membarrier(MEMBARRIER_CMD_QUERY) & MEMBARRIER_CMD_PRIVATE_EXPEDITED)
        CHECK_ERR(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED), EPERM);
}

/* The kernel ends a program whose sequence makes no sense, when it comes to look. */
TEST(a_bad_sequence_is_a_fault)
{
    static const uint32_t bad[8] __attribute__((aligned(32))) = {99 /* version */};
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        enter();
        *(volatile uint64_t *)&mine.cs = (uintptr_t)bad;
        for (;;) /* until it is preempted */
            ;
    }
    check_child(pid, 128 + SIGSEGV);
}
