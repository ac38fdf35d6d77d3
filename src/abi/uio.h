/* abi/uio.h - one piece of a vector of readv(2) and friends. */
#ifndef CVISOR_ABI_UIO_H
#define CVISOR_ABI_UIO_H

#include <assert.h>
#include <stdint.h>

struct linux_iovec {
    uint64_t iov_base; /* application address */
    uint64_t iov_len;
};
static_assert(sizeof(struct linux_iovec) == 16, "struct iovec");

#endif
