/* FAIL clang-19: still held at the end of function */
#include "host/mutex.h"

void enter(struct mutex *m);
#ifdef VIOLATION
void enter(struct mutex *m) { mutex_lock(m); }
#else
void enter(struct mutex *m)
{
    mutex_lock(m);
    mutex_unlock(m);
}
#endif
