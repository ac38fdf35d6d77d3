/* host/arch/aarch64/raw.h - the instruction that enters the host kernel. Included by the generated calls.c alone. */
#pragma once

static inline long raw_call6(long nr, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = nr;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
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
