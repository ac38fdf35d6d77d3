/* FAIL gcc clang-19: pointer */
#include "base/types.h"

char peek(struct uaddr a);
#ifdef VIOLATION
char peek(struct uaddr a) { return *(char *)a; }
#else
char peek(struct uaddr a) { return (char)a.v; }
#endif
