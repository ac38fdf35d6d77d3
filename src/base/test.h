/* base/test.h - what every unit test includes: cmocka with the headers that it wants first, and a random generator.
 *
 * Only files named *_test.c include this one.
 */
#ifndef CVISOR_BASE_TEST_H
#define CVISOR_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

/* Deterministic: a failure repeats. State is any number. */
static inline uint64_t test_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

#endif
