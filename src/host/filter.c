#include "host/filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

#include "host/host.h"

#include "host/filters.inc"

#define FILTER_MAX 1024u

struct filter_program {
    const struct sock_filter *code;
    size_t len;
};

static struct filter_program filter_select(enum host_filter which, uint32_t flags)
{
#define PROGRAM(x) ((struct filter_program){filter_##x, ARRAY_SIZE(filter_##x)})
    if (which == HOST_FILTER_GOFER)
        return flags & HOST_FILTER_UDS ? PROGRAM(gofer_uds) : PROGRAM(gofer);
    bool ptrace = flags & HOST_FILTER_PTRACE, net = flags & HOST_FILTER_NET,
         uds = flags & HOST_FILTER_UDS;
#define EITHER(x)                                                                                  \
    (ptrace && uds ? PROGRAM(x##_ptrace_uds)                                                       \
     : ptrace      ? PROGRAM(x##_ptrace)                                                           \
     : uds         ? PROGRAM(x##_uds)                                                              \
                   : PROGRAM(x))
    if (flags & HOST_FILTER_WRITE)
        return net ? EITHER(sentry_net_write) : EITHER(sentry_write);
    if (flags & HOST_FILTER_DIRECT)
        return net ? EITHER(sentry_net_direct) : EITHER(sentry_direct);
    return net ? EITHER(sentry_net) : EITHER(sentry);
#undef EITHER
#undef PROGRAM
}

int host_filter_install(enum host_filter which, uint32_t flags)
{
    static_assert(ARRAY_SIZE(filter_sentry_net_write_ptrace_uds) <= FILTER_MAX,
                  "the largest filter");
    struct filter_program p = filter_select(which, flags);
    struct sock_filter code[FILTER_MAX];
    memcpy(code, p.code, p.len * sizeof code[0]);
    if (flags & HOST_FILTER_TRAP)
        for (size_t i = 0; i < p.len; i++)
            if (BPF_CLASS(code[i].code) == BPF_RET && code[i].k == SECCOMP_RET_KILL_PROCESS)
                code[i].k = SECCOMP_RET_TRAP;
    struct sock_fprog prog = {.len = (unsigned short)p.len, .filter = code};
    int r = host_seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog);
    return r > 0 ? -ESRCH : r;
}
