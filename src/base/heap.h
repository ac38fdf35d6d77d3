/* base/heap.h - AUTO_FREE for the processes that have a heap (gofer, runsc, oci, tests). The sentry has none. */
#ifndef CVISOR_BASE_HEAP_H
#define CVISOR_BASE_HEAP_H

#include "base/compiler.h"

#include <stdlib.h>

static inline void heap_auto_free_(void *p) { free(*(void **)p); }
#define AUTO_FREE __attribute__((cleanup(heap_auto_free_)))

#endif
