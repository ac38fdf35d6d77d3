/* abi/uio.h - one piece of a vector of readv(2) and friends. */
#pragma once

#include <assert.h>
#include <stdint.h>

struct linux_iovec {
    uint64_t iov_base; /* application address */
    uint64_t iov_len;
};
static_assert(sizeof(struct linux_iovec) == 16, "struct iovec");
