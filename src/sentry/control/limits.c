/* Other limits of the container's group: what programs see follows. The host's group has them already. */
#include <errno.h>

#include "base/str.h"
#include "sentry/control/control_priv.h"
#include "sentry/kernel.h"

/* Numbers with a space between, all of them and nothing else. */
static int numbers_parse(const char *text, uint64_t *v, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char word[24];
        size_t n = strcspn(text, " ");
        if (n >= sizeof(word))
            return -EINVAL;
        memcpy(word, text, n);
        word[n] = 0;
        int err = parse_u64(word, 10, &v[i]);
        if (err)
            return err;
        text += n + (text[n] == ' ');
    }
    return text[0] ? -EINVAL : 0;
}

void call_limits(struct call *c)
{
    uint64_t v[8];
    if (numbers_parse(c->rq.text, v, ARRAY_SIZE(v)) || v[0] == 0) {
        (void)call_fail(c, -EINVAL, "the limits are not eight numbers");
        return;
    }
    kern()->mem_total_bytes = v[0];
    kern()->limits = (struct boot_limits){.memory_bytes = v[1],
                                          .swap_bytes = v[2],
                                          .reservation_bytes = v[3],
                                          .pids = v[4],
                                          .cpu_quota_us = v[5],
                                          .cpu_period_us = v[6],
                                          .cpu_shares = v[7],
                                          .cgroup_v2 = kern()->limits.cgroup_v2};
}
