/* Control data of sendmsg: every message lies inside the buffer, and the walk ends. */
#include "sentry/socket/cmsg.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int ok)
{
    if (!ok)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct linux_cmsghdr h;
    const uint8_t *body;
    size_t off = 0, n, steps = 0;
    int err;
    while (cmsg_next(data, len, &off, &h, &body, &n, &err)) {
        check(body >= data && n <= len && (size_t)(body - data) <= len - n);
        check(++steps <= len / sizeof(h));
    }
    return 0;
}
