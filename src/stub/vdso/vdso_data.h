/* stub/vdso/vdso_data.h - the data page of our vDSO: where the host's own functions are in every stub process. */
#pragma once
#include <stdint.h>

struct vdso_data {
    uint64_t clock_gettime, gettimeofday, time, getcpu,
        clock_getres; /* addresses; 0: make the call */
};
/* The data page is the page before the image. */
#define VDSO_DATA_SIZE 4096
