/* FAIL gcc clang-19: invalid operands|incompatible type */
#include "base/types.h"

uint64_t next_page(struct uaddr a);
#ifdef VIOLATION
uint64_t next_page(struct uaddr a) { return a + GUEST_PAGE_SIZE; }
#else
uint64_t next_page(struct uaddr a) { return uaddr_plus(a, GUEST_PAGE_SIZE).v; }
#endif
