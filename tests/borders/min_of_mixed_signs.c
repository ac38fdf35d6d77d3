/* FAIL gcc clang-19: signedness differs */
#include "base/compiler.h"

size_t clip(size_t n, int limit);
#ifdef VIOLATION
size_t clip(size_t n, int limit) { return (size_t)MIN(n, limit); }
#else
size_t clip(size_t n, int limit) { return MIN(n, (size_t)limit); }
#endif
