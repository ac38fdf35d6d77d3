#include "sentry/loader/loader.h"

#include "abi/elf.h"
#include "base/err.h"
#include "host/auxv.h"
#include "sentry/arena/arena.h"
#include "sentry/kernel.h"

#define MINSIGSTKSZ_MIN 2048

int loader_init(void)
{
    struct loader_root *l = arena_alloc(sizeof(*l));
    if (!l)
        return -ENOMEM;
    l->hwcap = host_auxv(LINUX_AT_HWCAP);
    l->hwcap2 = host_auxv(LINUX_AT_HWCAP2);
    l->minsigstksz = MAX(host_auxv(LINUX_AT_MINSIGSTKSZ), (uint64_t)MINSIGSTKSZ_MIN);
    l->rseq_size = host_auxv(LINUX_AT_RSEQ_FEATURE_SIZE);
    l->rseq_align = host_auxv(LINUX_AT_RSEQ_ALIGN);
    l->allow_suid = true;
    kern()->loader = l;
    return 0;
}
