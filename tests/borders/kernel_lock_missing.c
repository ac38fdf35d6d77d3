/* FAIL clang-19: requires holding mutex 'big_lock' */
#include "sentry/kernel.h"

void kernel_work(void) REQUIRES(big_lock);
void event(void);
#ifdef VIOLATION
void event(void) { kernel_work(); }
#else
void event(void)
{
    kernel_lock();
    kernel_work();
    kernel_unlock();
}
#endif
