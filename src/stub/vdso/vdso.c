/* stub/vdso/vdso.c - our vDSO: the names that programs look up, answered by the host's vDSO in the same process.
 *
 * What     The host's functions lie at the same address in all stubs (no randomisation there); the data page holds them. A
 *          function that the host lacks becomes the call itself, which the stub's filter lets through or not.
 * Trust    runs in the application; changes nothing for the sentry.
 * Spec     vdso(7).
 */
#include "stub/vdso/vdso_data.h"

#include <asm/unistd_64.h>
#include <linux/time.h>

extern const struct vdso_data vdso_page __attribute__((visibility("hidden")));

static inline long call(long nr, const void *a, const void *b, const void *c)
{
    long r;
    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "a"(nr), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return r;
}

int __vdso_clock_gettime(long clock, struct timespec *ts);
int __vdso_clock_gettime(long clock, struct timespec *ts)
{
    int (*f)(long, struct timespec *) = (int (*)(long, struct timespec *))vdso_page.clock_gettime;
    if (__builtin_expect(f != 0, 1))
        return f(clock, ts);
    return (int)call(__NR_clock_gettime, (void *)clock, ts, 0);
}

int __vdso_clock_getres(long clock, struct timespec *ts);
int __vdso_clock_getres(long clock, struct timespec *ts)
{
    int (*f)(long, struct timespec *) = (int (*)(long, struct timespec *))vdso_page.clock_getres;
    if (f)
        return f(clock, ts);
    return (int)call(__NR_clock_getres, (void *)clock, ts, 0);
}

int __vdso_gettimeofday(void *tv, void *tz);
int __vdso_gettimeofday(void *tv, void *tz)
{
    int (*f)(void *, void *) = (int (*)(void *, void *))vdso_page.gettimeofday;
    if (__builtin_expect(f != 0, 1))
        return f(tv, tz);
    return (int)call(__NR_gettimeofday, tv, tz, 0);
}

long __vdso_time(long *t);
long __vdso_time(long *t)
{
    long (*f)(long *) = (long (*)(long *))vdso_page.time;
    if (f)
        return f(t);
    return call(__NR_time, t, 0, 0);
}

long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);
long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
    long (*f)(unsigned *, unsigned *, void *) =
        (long (*)(unsigned *, unsigned *, void *))vdso_page.getcpu;
    if (f)
        return f(cpu, node, unused);
    return call(__NR_getcpu, cpu, node, 0);
}

int clock_gettime(long, struct timespec *) __attribute__((weak, alias("__vdso_clock_gettime")));
int clock_getres(long, struct timespec *) __attribute__((weak, alias("__vdso_clock_getres")));
int gettimeofday(void *, void *) __attribute__((weak, alias("__vdso_gettimeofday")));
long time(long *) __attribute__((weak, alias("__vdso_time")));
long getcpu(unsigned *, unsigned *, void *) __attribute__((weak, alias("__vdso_getcpu")));
