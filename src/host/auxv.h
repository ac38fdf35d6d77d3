/* host/auxv.h - what the host told this process about the machine. */
#pragma once
#include <stdint.h>

/* The value of an entry of our own auxiliary vector (AT_HWCAP..), 0 if there is none. */
uint64_t host_auxv(uint64_t type);
