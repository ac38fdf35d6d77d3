/* Filters of programs: what the check passes runs to its end, and a constant answer is the answer whatever the arguments are. */
#include <stdlib.h>
#include <string.h>

#include "abi/filter.h"
#include "sentry/seccomp/bpf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct linux_sock_filter prog[LINUX_BPF_MAXINSNS];
    struct linux_seccomp_data d = {.arch = LINUX_AUDIT_ARCH_X86_64};
    if (size < sizeof(d.args))
        return 0;
    memcpy(d.args, data, sizeof(d.args));
    data += sizeof(d.args);
    size -= sizeof(d.args);
    size_t n = size / sizeof(prog[0]);
    if (n > LINUX_BPF_MAXINSNS)
        n = LINUX_BPF_MAXINSNS;
    memcpy(prog, data, n * sizeof(prog[0]));
    if (bpf_check(prog, (uint32_t)n) < 0)
        return 0;
    if (LINUX_BPF_CLASS(prog[n - 1].code) != LINUX_BPF_RET)
        abort();
    for (int32_t nr = 0; nr < 8; nr++) {
        uint32_t constant;
        d.nr = nr;
        d.instruction_pointer = d.args[nr % 6];
        uint32_t answer = bpf_run(prog, (uint32_t)n, &d);
        if (bpf_constant(prog, (uint32_t)n, (uint32_t)nr, LINUX_AUDIT_ARCH_X86_64, &constant) &&
            constant != answer)
            abort();
    }
    return 0;
}
