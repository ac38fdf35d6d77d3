#include "host/auxv.h"

#include <sys/auxv.h>

/* libc keeps an AT_HWCAP of its own making on x86; the kernel's is CPUID leaf 1, EDX. */
#if defined(__x86_64__)
#include <cpuid.h>

static uint64_t hwcap(void)
{
    unsigned a, b, c, d = 0;
    return __get_cpuid(1, &a, &b, &c, &d) ? d : 0;
}
#else
static uint64_t hwcap(void) { return getauxval(AT_HWCAP); }
#endif

uint64_t host_auxv(uint64_t type) { return type == AT_HWCAP ? hwcap() : getauxval(type); }
