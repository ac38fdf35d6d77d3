/* host/filter_build.h - helpers of the build-time program that turns rules into seccomp programs. Not part of any binary. */
#pragma once
#include <arpa/inet.h>
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/in6.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <linux/stat.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS _IOW('!', 4, uint64_t)
#endif
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
#ifndef __SNR_fchmodat2
#define __SNR_fchmodat2 __NR_fchmodat2
#endif
#ifndef PIDFD_GET_INFO
#define PIDFD_GET_INFO 0xc040ff0bu
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS  1033
#define F_GET_SEALS  1034
#define F_SETPIPE_SZ 1031
#define F_GETPIPE_SZ 1032
#endif

/* MASKED_EQ takes mask and value; a narrow value that was sign-extended is cut to its mask. */
#define TEST(number, how, a, b) {number, how, a, (how) == SCMP_CMP_MASKED_EQ ? (b) & (a) : (b)}

#define TESTS_MAX               6
struct rule {
    uint32_t action;
    int nr;
    unsigned count;
    struct scmp_arg_cmp tests[TESTS_MAX];
};

static inline void rule_add(scmp_filter_ctx ctx, const struct rule *rule)
{
    int r = seccomp_rule_add_exact_array(ctx, rule->action, rule->nr, rule->count, rule->tests);
    if (r < 0) {
        fprintf(stderr, "filter_build: rule for call %d: error %d\n", rule->nr, r);
        exit(1);
    }
}

/* The rules that which[] numbers. */
static inline void filter_print(const char *name, const struct rule *rules, const uint16_t *which,
                                size_t count)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    FILE *f = tmpfile();
    if (!ctx || !f || seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2) < 0 ||
        seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) < 0)
        exit(1);
    for (size_t i = 0; i < count; i++)
        rule_add(ctx, &rules[which[i]]);
    if (seccomp_export_bpf(ctx, fileno(f)) < 0)
        exit(1);
    rewind(f);
    printf("static const struct sock_filter %s[] = {\n", name);
    struct {
        uint16_t code;
        uint8_t jt, jf;
        uint32_t k;
    } ins;
    while (fread(&ins, sizeof ins, 1, f) == 1)
        printf("    {0x%02x, %u, %u, 0x%08x},\n", ins.code, ins.jt, ins.jf, ins.k);
    printf("};\n\n");
    fclose(f);
    seccomp_release(ctx);
}
