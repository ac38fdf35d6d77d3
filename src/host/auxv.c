#include "host/auxv.h"

#include <sys/auxv.h>

uint64_t host_auxv(uint64_t type) { return getauxval(type); }
