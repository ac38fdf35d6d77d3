#include "base/hash.h"

#include <string.h>

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

uint64_t hash_bytes(uint64_t seed, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t h = seed ^ UINT64_C(0x2d358dccaa6c78a5);

    size_t left = len;
    for (; left >= 16; left -= 16, p += 16)
        h = hash_mix_(load64(p) ^ h, load64(p + 8) ^ seed ^ UINT64_C(0x8bb84b93962eacc9));

    uint64_t a = 0, b = 0;
    if (left >= 8) {
        a = load64(p);
        p += 8;
        left -= 8;
    }
    if (left > 0)
        memcpy(&b, p, left);
    h = hash_mix_(a ^ h, b ^ seed ^ UINT64_C(0x4b33a62ed433d4a3));
    return hash_u64(seed, h ^ len);
}
