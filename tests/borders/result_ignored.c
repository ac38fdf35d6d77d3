/* FAIL gcc clang-19: unused-result */
#include "base/str.h"

uint64_t number(const char *s);
#ifdef VIOLATION
uint64_t number(const char *s)
{
    uint64_t n = 0;
    parse_u64(s, 10, &n);
    return n;
}
#else
uint64_t number(const char *s)
{
    uint64_t n = 0;
    return parse_u64(s, 10, &n) ? 0 : n;
}
#endif
