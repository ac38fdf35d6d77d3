/* FAIL gcc clang-19: incompatible type */
#include "sentry/mm/usermem.h"

int fetch(struct task *t, const char *from);
#ifdef VIOLATION
int fetch(struct task *t, const char *from)
{
    char c;
    return copy_in(t, &c, from, 1);
}
#else
int fetch(struct task *t, const char *from)
{
    char c;
    return copy_in(t, &c, UADDR_NULL, 1);
}
#endif
