/* Device rules as a program: what it decides, by an interpreter of the few instructions that it has. */
#include "base/test.h"

#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "runsc/cgroup/devices_bpf.h"

static uint64_t operand(const struct bpf_insn *in, const uint64_t *reg)
{
    return in->code & BPF_X ? reg[in->src_reg] : (uint64_t)(int64_t)in->imm;
}

/* 1: allowed, 0: denied. Each step goes forward, so it ends. */
static int decide(const struct bpf_insn *v, size_t count, const struct bpf_cgroup_dev_ctx *ctx)
{
    uint64_t reg[11] = {0};
    for (size_t pc = 0; pc < count; pc++) {
        const struct bpf_insn *in = &v[pc];
        uint64_t b = operand(in, reg);
        uint32_t word;
        switch (in->code) {
        case BPF_LDX | BPF_MEM | BPF_W:
            assert_int_equal(in->src_reg, BPF_REG_1);
            assert_in_range(in->off, 0, sizeof *ctx - 4);
            memcpy(&word, (const char *)ctx + in->off, sizeof word);
            reg[in->dst_reg] = word;
            break;
        case BPF_ALU | BPF_MOV | BPF_X:
        case BPF_ALU64 | BPF_MOV | BPF_K: reg[in->dst_reg] = (uint32_t)b; break;
        case BPF_ALU | BPF_AND | BPF_K: reg[in->dst_reg] = (uint32_t)(reg[in->dst_reg] & b); break;
        case BPF_ALU | BPF_RSH | BPF_K: reg[in->dst_reg] = (uint32_t)reg[in->dst_reg] >> b; break;
        case BPF_JMP32 | BPF_JNE | BPF_K:
            pc += (uint32_t)reg[in->dst_reg] != (uint32_t)b ? (size_t)in->off : 0;
            break;
        case BPF_JMP32 | BPF_JEQ | BPF_K:
            pc += (uint32_t)reg[in->dst_reg] == (uint32_t)b ? (size_t)in->off : 0;
            break;
        case BPF_JMP | BPF_EXIT: return (int)reg[BPF_REG_0];
        default: fail_msg("instruction %#x", in->code);
        }
    }
    fail_msg("no end");
    return 0;
}

enum { R = OCI_DEVICE_READ, W = OCI_DEVICE_WRITE, M = OCI_DEVICE_MKNOD };

static bool allowed(struct oci_device_rule *rules, uint32_t count, char type, uint32_t major,
                    uint32_t minor, uint32_t access)
{
    struct oci_resources res = {.devices = rules, .device_count = count};
    struct bpf_insn *v = NULL;
    size_t n = 0;
    assert_int_equal(devices_program(&res, &v, &n), 0);
    uint32_t bits = (access & R ? BPF_DEVCG_ACC_READ : 0) | (access & W ? BPF_DEVCG_ACC_WRITE : 0) |
                    (access & M ? BPF_DEVCG_ACC_MKNOD : 0);
    struct bpf_cgroup_dev_ctx ctx = {
        .access_type = bits << 16 | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
        .major = major,
        .minor = minor};
    int r = decide(v, n, &ctx);
    free(v);
    return r == 1;
}

static void without_rules(void **state)
{
    assert_true(allowed(NULL, 0, 'c', 1, 3, R | W));     /* null */
    assert_true(allowed(NULL, 0, 'c', 136, 7, R | W));   /* a terminal */
    assert_true(allowed(NULL, 0, 'b', 8, 0, M));         /* a node may be made, */
    assert_false(allowed(NULL, 0, 'b', 8, 0, R));        /* not opened */
    assert_false(allowed(NULL, 0, 'c', 1, 11, R));       /* kmsg */
    assert_false(allowed(NULL, 0, 'c', 10, 200, R | W)); /* tun */
}

static void the_last_rule_decides(void **state)
{
    struct oci_device_rule rules[] = {
        {false, 'a', OCI_ANY, OCI_ANY, R | W | M},
        {true, 'c', 10, OCI_ANY, R | W},
        {false, 'c', 10, 229, W},
        {true, 'b', 8, 16, R},
        {true, 'b', 8, 16, W},
    };
    const uint32_t n = ARRAY_SIZE(rules);
    assert_true(allowed(rules, n, 'c', 10, 200, R | W));
    assert_true(allowed(rules, n, 'c', 10, 229, R));
    assert_false(allowed(rules, n, 'c', 10, 229, R | W));
    assert_false(allowed(rules, n, 'b', 10, 200, R));
    assert_true(allowed(rules, n, 'b', 8, 16, R | W)); /* two rules, each its part */
    assert_false(allowed(rules, n, 'b', 8, 17, R));
    assert_true(allowed(rules, n, 'c', 10, 200, R | W | M)); /* making nodes is free */
    rules[0].allow = true;                                   /* as of a privileged container */
    assert_true(allowed(rules, n, 'b', 9, 9, R | W | M));
    assert_false(allowed(rules, n, 'c', 10, 229, W));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rules),
        cmocka_unit_test(the_last_rule_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
