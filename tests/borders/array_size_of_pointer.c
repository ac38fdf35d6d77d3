/* FAIL gcc clang-19: not an array */
#include "base/compiler.h"

size_t count(int *p);
#ifdef VIOLATION
size_t count(int *p) { return ARRAY_SIZE(p); }
#else
size_t count(int *p)
{
    int a[3] = {*p};
    return ARRAY_SIZE(a) + (size_t)a[0];
}
#endif
