/* Requests on a netlink socket: messages and attributes lie inside the buffer, and the walks end. */
#include "sentry/socket/netlink.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int ok)
{
    if (!ok)
        __builtin_trap();
}

static void attributes(const uint8_t *p, size_t len)
{
    for (uint16_t type = 0; type < 64; type++) {
        const uint8_t *a;
        size_t n;
        if (nl_attr_find(p, len, type, &a, &n))
            check(a >= p && n <= len && (size_t)(a - p) <= len - n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct linux_nlmsghdr h;
    const uint8_t *body;
    size_t off = 0, n, steps = 0;
    while (nl_next(data, len, &off, &h, &body, &n)) {
        check(body >= data && n <= len && (size_t)(body - data) <= len - n && off <= len);
        check(++steps <= len / sizeof(h));
        (void)nl_request_reads(&h);
        attributes(body, n);
        if (n > sizeof(struct linux_rtmsg))
            attributes(body + sizeof(struct linux_rtmsg), n - sizeof(struct linux_rtmsg));
    }
    return 0;
}
