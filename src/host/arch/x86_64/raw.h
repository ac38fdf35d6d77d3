/* host/arch/x86_64/raw.h - the instruction that enters the host kernel. Included by the generated calls.c alone. */
#pragma once

static inline long raw_call6(long nr, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long ret;
    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}

static inline long raw_call5(long nr, long a, long b, long c, long d, long e)
{
    return raw_call6(nr, a, b, c, d, e, 0);
}
static inline long raw_call4(long nr, long a, long b, long c, long d)
{
    return raw_call6(nr, a, b, c, d, 0, 0);
}
static inline long raw_call3(long nr, long a, long b, long c)
{
    return raw_call6(nr, a, b, c, 0, 0, 0);
}
static inline long raw_call2(long nr, long a, long b) { return raw_call6(nr, a, b, 0, 0, 0, 0); }
static inline long raw_call1(long nr, long a) { return raw_call6(nr, a, 0, 0, 0, 0, 0); }
static inline long raw_call0(long nr) { return raw_call6(nr, 0, 0, 0, 0, 0, 0); }
