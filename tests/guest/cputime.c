/* Tests of CPU time: clocks, times, getrusage, its interval timers and limit. */
#include "guest.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

static int64_t clock_ns(clockid_t c)
{
    struct timespec ts;
    CHECK_OK(clock_gettime(c, &ts));
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int64_t tv_ns(const struct timeval *tv)
{
    return tv->tv_sec * 1000000000LL + tv->tv_usec * 1000;
}

static int64_t used_ns(int who)
{
    struct rusage r;
    CHECK_OK(getrusage(who, &r));
    return tv_ns(&r.ru_utime) + tv_ns(&r.ru_stime);
}

static void burn(int ms)
{
    int64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ms * 1000000LL;
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
        ;
}

static void burn_user(int ms)
{
    int64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ms * 1000000LL;
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
        for (volatile int i = 0; i < 100000; i++)
            ;
}

TEST(used_time_shows)
{
    struct tms before, after;
    int64_t process = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    int64_t self = used_ns(RUSAGE_SELF);
    CHECK(times(&before) != (clock_t)-1);
    burn(60);
    CHECK(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - process >= 60000000);
    CHECK(used_ns(RUSAGE_SELF) - self >= 50000000);
    CHECK(times(&after) != (clock_t)-1);
    CHECK(after.tms_utime + after.tms_stime - before.tms_utime - before.tms_stime >= 4);
}

TEST(user_and_system)
{
    struct rusage a, b;
    CHECK_OK(getrusage(RUSAGE_SELF, &a));
    burn_user(100);
    CHECK_OK(getrusage(RUSAGE_SELF, &b));
    CHECK(tv_ns(&b.ru_utime) - tv_ns(&a.ru_utime) >= 60000000);
    for (int i = 0; i < 60; i++) { /* the kernel's work */
        char *p = CHECK_OK(
            mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        for (size_t at = 0; at < 4 << 20; at += 4096)
            p[at] = 1;
        CHECK_OK(munmap(p, 4 << 20));
    }
    CHECK_OK(getrusage(RUSAGE_SELF, &a));
    CHECK(tv_ns(&a.ru_stime) > tv_ns(&b.ru_stime));
    CHECK(a.ru_minflt - b.ru_minflt >= 100);
    CHECK(a.ru_maxrss >= 4096);
}

static _Atomic int stop, ready;
static void *idle(void *arg)
{
    ready = 1;
    while (!stop)
        usleep(1000);
    CHECK(used_ns(RUSAGE_THREAD) < 60000000);
    return arg;
}

static void *busy(void *arg)
{
    ready = 1;
    while (!stop)
        ;
    return arg;
}

TEST(a_thread_has_its_own)
{
    pthread_t t;
    CHECK_EQ(pthread_create(&t, NULL, idle, NULL), 0);
    int64_t thread = used_ns(RUSAGE_THREAD);
    burn(100);
    CHECK(used_ns(RUSAGE_THREAD) - thread >= 90000000);
    stop = 1;
    CHECK_EQ(pthread_join(t, NULL), 0);
}

TEST(clock_of_another_thread)
{
    pthread_t t;
    clockid_t c;
    CHECK_EQ(pthread_create(&t, NULL, busy, NULL), 0);
    CHECK_EQ(pthread_getcpuclockid(t, &c), 0);
    int64_t first = clock_ns(c);
    while (clock_ns(c) - first < 30000000)
        ;
    CHECK(clock_ns(CLOCK_PROCESS_CPUTIME_ID) >= 30000000);
    CHECK_EQ(pthread_getcpuclockid(pthread_self(), &c), 0);
    int64_t own = clock_ns(CLOCK_THREAD_CPUTIME_ID), same = clock_ns(c);
    CHECK(same >= own && same - own < 1000000000);
    stop = 1;
    CHECK_EQ(pthread_join(t, NULL), 0);
    CHECK_OK(clock_getcpuclockid(0, &c));
    CHECK(clock_ns(c) > 0);
    CHECK_EQ(clock_getcpuclockid(1 << 22, &c), ESRCH);
}

TEST(children_count_when_waited_for)
{
    struct rusage r;
    CHECK_EQ(used_ns(RUSAGE_CHILDREN), 0);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        burn(60);
        _exit(0);
    }
    CHECK_EQ(wait4(pid, NULL, 0, &r), pid);
    CHECK(tv_ns(&r.ru_utime) + tv_ns(&r.ru_stime) >= 50000000);
    CHECK(used_ns(RUSAGE_CHILDREN) >= 50000000);
}

static _Atomic int hits, here;
static _Atomic pid_t main_tid;
static void on_timer(int signo)
{
    hits++;
    here += syscall(SYS_gettid) == main_tid;
}

static void timer_is_of_cpu_time(int which, int signo)
{
    struct sigaction sa = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
    struct itimerval tv = {{0, 20000}, {0, 20000}}, old;
    CHECK_OK(sigaction(signo, &sa, NULL));
    main_tid = (pid_t)syscall(SYS_gettid);
    CHECK_OK(setitimer(which, &tv, NULL));
    struct timespec ts = {0, 80000000};
    while (nanosleep(&ts, &ts) == -1)
        CHECK_EQ(errno, EINTR);
    CHECK(hits <= 1); /* no CPU time, no signals */
    CHECK_OK(getitimer(which, &old));
    CHECK_EQ(old.it_interval.tv_usec, 20000);
    CHECK(old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 30000);
    int64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    while (hits < 5)
        ;
    CHECK(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start >= 60000000);
    struct itimerval off = {0};
    CHECK_OK(setitimer(which, &off, &old));
    CHECK_EQ(old.it_interval.tv_usec, 20000);
    CHECK_OK(getitimer(which, &old));
    CHECK_EQ(old.it_value.tv_usec, 0);
}

TEST(itimer_prof) { timer_is_of_cpu_time(ITIMER_PROF, SIGPROF); }
TEST(itimer_virtual) { timer_is_of_cpu_time(ITIMER_VIRTUAL, SIGVTALRM); }

/* The signals come in the middle of calls of every kind, too. */
TEST(itimer_among_calls)
{
    struct sigaction sa = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
    struct itimerval tv = {{0, 1}, {0, 1}}, off = {0}, v, old;
    CHECK_OK(sigaction(SIGPROF, &sa, NULL));
    CHECK_OK(sigaction(SIGVTALRM, &sa, NULL));
    CHECK_OK(setitimer(ITIMER_PROF, &tv, NULL));
    CHECK_OK(setitimer(ITIMER_VIRTUAL, &tv, NULL));
    while (hits < 100) {
        sigset_t set, was;
        struct stat st;
        CHECK_OK(getitimer(ITIMER_PROF, &v));
        CHECK_EQ(v.it_interval.tv_usec, 1);
        CHECK_OK(getitimer(ITIMER_REAL, &v));
        CHECK_EQ(v.it_interval.tv_usec, 0);
        sigemptyset(&set);
        CHECK_OK(sigprocmask(SIG_BLOCK, &set, &was));
        CHECK_OK(stat("/", &st));
        CHECK(S_ISDIR(st.st_mode));
        void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(p != MAP_FAILED);
        CHECK_OK(munmap(p, 4096));
        CHECK_OK(setitimer(ITIMER_VIRTUAL, &tv, &old));
    }
    CHECK_OK(setitimer(ITIMER_PROF, &off, NULL));
    CHECK_OK(setitimer(ITIMER_VIRTUAL, &off, NULL));
}

TEST(itimer_errors)
{
    struct itimerval bad = {{0, 0}, {0, 1000000}}, v;
    CHECK_ERR(setitimer(ITIMER_PROF, &bad, NULL), EINVAL);
    CHECK_ERR(setitimer(3, &(struct itimerval){0}, NULL), EINVAL);
    CHECK_ERR(getitimer(3, &v), EINVAL);
    CHECK_ERR(getitimer(ITIMER_PROF, (void *)1), EFAULT);
    CHECK_ERR(setitimer(ITIMER_PROF, (void *)1, NULL), EFAULT);
}

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static void *sleeps(void *arg)
{
    pthread_mutex_lock(&held);
    pthread_mutex_unlock(&held);
    return arg;
}

TEST(the_running_thread_gets_it)
{
    struct sigaction sa = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
    struct itimerval tv = {{0, 10000}, {0, 10000}}, off = {0};
    pthread_t t[3];
    CHECK_OK(sigaction(SIGPROF, &sa, NULL));
    pthread_mutex_lock(&held);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, sleeps, NULL), 0);
    main_tid = (pid_t)syscall(SYS_gettid);
    CHECK_OK(setitimer(ITIMER_PROF, &tv, NULL));
    while (hits < 10)
        ;
    CHECK_OK(setitimer(ITIMER_PROF, &off, NULL));
    CHECK(here >= 9);
    pthread_mutex_unlock(&held);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
}

TEST(itimer_survives_exec)
{
    struct itimerval tv = {{0, 50000}, {0, 50000}};
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        CHECK_OK(setitimer(ITIMER_PROF, &tv, NULL));
        execl("/proc/self/exe", "cputime", "--no-fork", "is_killed_by_sigprof", (char *)0);
        _exit(99);
    }
    check_child(pid, 128 + SIGPROF);
}

TEST(is_killed_by_sigprof)
{
    struct itimerval v;
    CHECK_OK(getitimer(ITIMER_PROF, &v));
    if (v.it_interval.tv_usec == 0)
        SKIP("only as a part of another case");
    for (;;)
        ;
}

static void on_xcpu(int signo) { _exit(42); }

TEST(limit)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        struct rlimit l = {1, 3};
        signal(SIGXCPU, on_xcpu);
        CHECK_OK(setrlimit(RLIMIT_CPU, &l));
        burn(3000);
        _exit(1);
    }
    check_child(pid, 42);
}

TEST(hard_limit_kills)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        struct rlimit l = {1, 1};
        signal(SIGXCPU, SIG_IGN);
        CHECK_OK(setrlimit(RLIMIT_CPU, &l));
        burn(3000);
        _exit(1);
    }
    check_child(pid, 128 + SIGKILL);
}

TEST(rusage_errors)
{
    struct rusage r;
    CHECK_ERR(getrusage(17, &r), EINVAL);
    CHECK_ERR(getrusage(RUSAGE_SELF, (void *)1), EFAULT);
}

static volatile sig_atomic_t fired;
static void on_fired(int signo) { fired++; }

static void *burns(void *arg)
{
    ready++;
    while (!stop)
        ;
    return arg;
}

TEST(timer_of_a_thread)
{
    struct sigaction sa = {.sa_handler = on_fired};
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec its = {.it_value = {.tv_nsec = 30000000}};
    timer_t id;
    pthread_t t[2];
    CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
    CHECK_OK(timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &id));
    for (int i = 0; i < 2; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, burns, NULL), 0);
    while (ready < 2)
        sched_yield();
    int64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID), end;
    CHECK_OK(timer_settime(id, 0, &its, NULL));
    while (!fired)
        ;
    end = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    CHECK(end - start >= 29000000); /* the others' time does not count */
    stop = 1;
    for (int i = 0; i < 2; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
    CHECK_OK(timer_delete(id));
}

static _Atomic pid_t busy_tid;
static void *burns_and_tells(void *arg)
{
    busy_tid = (pid_t)syscall(SYS_gettid);
    return burns(arg);
}

/* utime and stime of a thread, in ticks. */
static long ticks_of(pid_t tid)
{
    char name[64], text[600] = {0};
    unsigned long user, sys;
    snprintf(name, sizeof(name), "/proc/self/task/%d/stat", tid);
    int fd = CHECK_OK(open(name, O_RDONLY));
    CHECK_OK(read(fd, text, sizeof(text) - 1));
    CHECK_OK(close(fd));
    CHECK_EQ(sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                    &user, &sys),
             2);
    return (long)(user + sys);
}

TEST(proc_tells_of_threads)
{
    pthread_t t;
    CHECK_EQ(pthread_create(&t, NULL, burns_and_tells, NULL), 0);
    while (!busy_tid)
        sched_yield();
    struct timespec ts = {0, 10000000};
    while (ticks_of(busy_tid) < 20)
        nanosleep(&ts, NULL);
    CHECK(ticks_of(gettid()) < 20);
    stop = 1;
    CHECK_EQ(pthread_join(t, NULL), 0);
}

static sigset_t pending_set;
static void calls_too(int signo)
{
    hits++;
    sigpending(&pending_set);
}

/* The timer runs out wherever the thread is, also where it is not its own master. */
TEST(timer_in_the_midst_of_calls)
{
    struct sigaction sa = {.sa_handler = calls_too, .sa_flags = SA_RESTART};
    struct itimerval tv = {{0, 1}, {0, 1}}, off = {0}, v;
    CHECK_OK(sigaction(SIGPROF, &sa, NULL));
    CHECK_OK(setitimer(ITIMER_PROF, &tv, NULL));
    for (int i = 0; i < 20000 && hits < 50; i++) {
        CHECK_OK(getitimer(ITIMER_VIRTUAL, &v));
        CHECK_EQ(v.it_value.tv_sec, 0);
        CHECK_OK(getitimer(ITIMER_PROF, &v));
        CHECK_EQ(syscall(SYS_getppid), getppid());
    }
    CHECK_OK(setitimer(ITIMER_PROF, &off, NULL));
    CHECK(hits > 0);
}

TEST(itimer_survives_exec_of_threads)
{
    struct itimerval tv = {{0, 50000}, {0, 50000}};
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        pthread_t t;
        CHECK_EQ(pthread_create(&t, NULL, burns, NULL), 0);
        CHECK_OK(setitimer(ITIMER_PROF, &tv, NULL));
        execl("/proc/self/exe", "cputime", "--no-fork", "is_killed_by_sigprof", (char *)0);
        _exit(99);
    }
    check_child(pid, 128 + SIGPROF);
}
