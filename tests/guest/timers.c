/* Clocks, sleeping, alarms, interval timers, timer_create.
   tests: clock_getres clock_gettime clock_nanosleep clock_settime gettimeofday nanosleep
   settimeofday */
#include "guest.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>

static volatile sig_atomic_t count_of;
static void counts(int sig)
{
    (void)sig;
    count_of++;
}

static int64_t now(clockid_t c)
{
    struct timespec ts;
    CHECK_OK(syscall(SYS_clock_gettime, c, &ts));
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

TEST(clocks)
{
    struct timespec ts;
    struct timeval tv;
    for (clockid_t c = 0; c <= 7; c++)
        CHECK(now(c) > 0);
    CHECK(now(CLOCK_TAI) > 0);
    CHECK_OK(syscall(SYS_clock_getres, CLOCK_MONOTONIC, &ts));
    CHECK_EQ(ts.tv_sec, 0);
    CHECK_EQ(ts.tv_nsec, 1);
    CHECK_OK(syscall(SYS_clock_getres, CLOCK_MONOTONIC, NULL));
    CHECK_ERR(syscall(SYS_clock_gettime, 99, &ts), EINVAL);
    CHECK_ERR(syscall(SYS_clock_getres, 99, &ts), EINVAL);
    CHECK_OK(syscall(SYS_gettimeofday, &tv, NULL));
    time_t t = syscall(SYS_time, NULL);
    CHECK(t - tv.tv_sec >= 0 && t - tv.tv_sec <= 1);
    clockid_t c;
    CHECK_EQ(clock_getcpuclockid(getpid(), &c), 0);
    CHECK(now(c) >= 0);
    ts = (struct timespec){.tv_nsec = -1};
    CHECK_ERR(syscall(SYS_clock_settime, CLOCK_REALTIME, &ts), EINVAL);
    CHECK_ERR(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &ts), EINVAL);
    tv = (struct timeval){.tv_usec = -1};
    CHECK_ERR(syscall(SYS_settimeofday, &tv, NULL), EINVAL);
}

TEST(sleep_is_long_enough)
{
    struct timespec ts = {.tv_nsec = 30000000}, bad = {.tv_nsec = 1000000000};
    int64_t a = now(CLOCK_MONOTONIC);
    CHECK_OK(syscall(SYS_nanosleep, &ts, NULL));
    CHECK(now(CLOCK_MONOTONIC) - a >= 30000000);
    a = now(CLOCK_MONOTONIC);
    CHECK_OK(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &ts, NULL));
    CHECK(now(CLOCK_MONOTONIC) - a >= 30000000);
    a = now(CLOCK_MONOTONIC) + 30000000;
    ts = (struct timespec){a / 1000000000, a % 1000000000};
    CHECK_OK(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
    CHECK(now(CLOCK_MONOTONIC) >= a);
    CHECK_OK(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
    CHECK_ERR(syscall(SYS_nanosleep, &bad, NULL), EINVAL);
    CHECK_ERR(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &ts, NULL), EOPNOTSUPP);
    CHECK_ERR(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL), EOPNOTSUPP);
    CHECK_ERR(syscall(SYS_clock_nanosleep, 99, 0, &ts, NULL), EINVAL);
}

TEST(stopped_sleep_goes_on)
{
    int64_t a = now(CLOCK_MONOTONIC);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        struct timespec ts = {.tv_nsec = 200000000};
        _exit(syscall(SYS_nanosleep, &ts, NULL) == 0 ? 0 : 1); /* restart_syscall */
    }
    usleep(20000);
    kill(pid, SIGSTOP);
    CHECK_EQ(waitpid(pid, NULL, WUNTRACED), pid);
    kill(pid, SIGCONT);
    check_child(pid, 0);
    CHECK(now(CLOCK_MONOTONIC) - a >= 200000000);
    CHECK_ERR(syscall(SYS_restart_syscall), EINTR);
}

TEST(alarm_rings)
{
    alarm(0);
    signal(SIGALRM, counts);
    CHECK_EQ(alarm(1), 0);
    CHECK_EQ(alarm(100), 1);
    CHECK_EQ(alarm(1), 100);
    CHECK_ERR(pause(), EINTR);
    CHECK_EQ(count_of, 1);
}

TEST(itimer_real)
{
    struct itimerval v = {.it_value = {0, 10000}, .it_interval = {0, 10000}}, old;
    signal(SIGALRM, counts);
    CHECK_OK(setitimer(ITIMER_REAL, &v, NULL));
    while (count_of < 3)
        pause();
    CHECK_OK(getitimer(ITIMER_REAL, &old));
    CHECK_EQ(old.it_interval.tv_usec, 10000);
    CHECK(old.it_value.tv_usec <= 10000);
    v = (struct itimerval){0};
    CHECK_OK(setitimer(ITIMER_REAL, &v, &old));
    CHECK_EQ(old.it_interval.tv_usec, 10000);
    CHECK_ERR(getitimer(7, &old), EINVAL);
    v.it_value.tv_usec = 1000000;
    CHECK_ERR(setitimer(ITIMER_REAL, &v, NULL), EINVAL);
}

TEST(itimer_cpu)
{
    struct itimerval v = {.it_value = {0, 20000}};
    signal(SIGVTALRM, counts);
    signal(SIGPROF, counts);
    CHECK_OK(setitimer(ITIMER_VIRTUAL, &v, NULL));
    while (count_of < 1) {
    }
    CHECK_OK(setitimer(ITIMER_PROF, &v, NULL));
    while (count_of < 2) {
    }
    CHECK_OK(getitimer(ITIMER_PROF, &v));
    CHECK_EQ(v.it_value.tv_usec, 0);
}

static volatile int value, overruns;
static void on_timer(int sig, siginfo_t *si, void *uc)
{
    (void)sig;
    (void)uc;
    count_of++;
    value = si->si_value.sival_int;
    overruns += si->si_overrun;
}

TEST(posix_timer)
{
    timer_t id;
    struct sigaction sa = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};
    struct sigevent ev = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 99};
    struct itimerspec v = {.it_value = {0, 5000000}, .it_interval = {0, 5000000}}, cur;
    CHECK_OK(sigaction(SIGRTMIN, &sa, NULL));
    CHECK_OK(timer_create(CLOCK_MONOTONIC, &ev, &id));
    CHECK_OK(timer_gettime(id, &cur));
    CHECK_EQ(cur.it_value.tv_nsec, 0);
    CHECK_OK(timer_settime(id, 0, &v, NULL));
    while (count_of < 3)
        pause();
    CHECK_EQ(value, 99);
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &s, NULL);
    overruns = 0;
    usleep(60000);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    CHECK(overruns >= 5);
    CHECK(timer_getoverrun(id) >= 0);
    CHECK_OK(timer_gettime(id, &cur));
    CHECK_EQ(cur.it_interval.tv_nsec, 5000000);
    CHECK_OK(timer_delete(id));
    CHECK_ERR(syscall(SYS_timer_delete, 1000), EINVAL);
    CHECK_ERR(syscall(SYS_timer_gettime, 1000, &cur), EINVAL);
    CHECK_ERR(syscall(SYS_timer_getoverrun, 1000), EINVAL);
    CHECK_ERR(timer_create(99, NULL, &id), EINVAL);
    ev.sigev_signo = 100;
    CHECK_ERR(timer_create(CLOCK_MONOTONIC, &ev, &id), EINVAL);
}

TEST(posix_timer_absolute)
{
    timer_t id;
    int64_t at = now(CLOCK_REALTIME) + 20000000;
    struct itimerspec v = {.it_value = {at / 1000000000, at % 1000000000}};
    signal(SIGALRM, counts);
    CHECK_OK(timer_create(CLOCK_REALTIME, NULL, &id));
    CHECK_OK(timer_settime(id, TIMER_ABSTIME, &v, NULL));
    while (!count_of)
        pause();
    CHECK(now(CLOCK_REALTIME) >= at);
}

TEST(clock_state_is_read)
{
    struct timex tx = {0};
    int state = CHECK_OK(adjtimex(&tx));
    CHECK(state >= TIME_OK && state <= TIME_ERROR);
    CHECK(tx.tick >= 9000 && tx.tick <= 11000);
    CHECK(tx.time.tv_sec > 1000000000);
    memset(&tx, 0, sizeof(tx));
    CHECK_OK(clock_adjtime(CLOCK_REALTIME, &tx));
    CHECK_ERR(clock_adjtime(CLOCK_MONOTONIC, &tx), EOPNOTSUPP);
    CHECK_ERR(clock_adjtime(99, &tx), EINVAL);
    tx.modes = ADJ_OFFSET_SS_READ;
    CHECK_OK(adjtimex(&tx));
    CHECK_ERR(syscall(SYS_adjtimex, 1), EFAULT);
    if (geteuid() == 0)
        CHECK_OK(setresuid(65534, 65534, 65534));
    tx.modes = ADJ_OFFSET;
    CHECK_ERR(adjtimex(&tx), EPERM);
    CHECK_ERR(syscall(SYS_settimeofday, NULL, NULL), EPERM);
}

/* A call that job control interrupts goes on with what is left of its time. */
static void stopped_in_the_midst(void (*call)(void), int64_t least_ns)
{
    int p[2];
    char c;
    CHECK_OK(pipe(p));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        int64_t start = now(CLOCK_MONOTONIC);
        CHECK_EQ(write(p[1], "x", 1), 1);
        call();
        CHECK(now(CLOCK_MONOTONIC) - start >= least_ns);
        CHECK(now(CLOCK_MONOTONIC) - start < least_ns + 5000000000LL);
        _exit(0);
    }
    CHECK_EQ(read(p[0], &c, 1), 1);
    struct timespec ts = {0, 30000000};
    int status;
    for (int i = 0; i < 3; i++) {
        nanosleep(&ts, NULL);
        CHECK_OK(kill(pid, SIGSTOP));
        CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
        CHECK(WIFSTOPPED(status));
        CHECK_OK(kill(pid, SIGCONT));
    }
    check_child(pid, 0);
}

static void sleeps_400(void)
{
    struct timespec ts = {0, 400000000};
    CHECK_OK(nanosleep(&ts, NULL));
}

static void polls_400(void) { CHECK_EQ(poll(NULL, 0, 400), 0); }

static void waits_400(void)
{
    static uint32_t word;
    struct timespec ts;
    CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &ts));
    ts.tv_nsec += 400000000;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &ts, NULL, ~0u), ETIMEDOUT);
}

TEST(sleep_goes_on_after_stops) { stopped_in_the_midst(sleeps_400, 400000000); }
TEST(poll_goes_on_after_stops) { stopped_in_the_midst(polls_400, 400000000); }
TEST(futex_goes_on_after_stops) { stopped_in_the_midst(waits_400, 390000000); }
