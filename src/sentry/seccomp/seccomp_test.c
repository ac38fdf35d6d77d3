/* Programs are checked as Linux checks them, run, and found constant or not; profiles of a configuration become right programs. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "abi/filter.h"
#include "oci/seccomp.h"
#include "oci/spec.h"
#include "sentry/seccomp/bpf.h"

#define I(c, k)         {(uint16_t)(c), 0, 0, (k)}
#define J(c, k, jt, jf) {(uint16_t)(c), (jt), (jf), (k)}
#define LD_ABS          (LINUX_BPF_LD | LINUX_BPF_W | LINUX_BPF_ABS)
#define RET             (LINUX_BPF_RET | LINUX_BPF_K)
#define N(a)            ((uint32_t)(sizeof(a) / sizeof((a)[0])))

static void test_check(void **state)
{
    const struct linux_sock_filter good[] = {I(LINUX_BPF_ST, 1), I(LINUX_BPF_LD | LINUX_BPF_MEM, 1),
                                             I(LINUX_BPF_RET | LINUX_BPF_A, 0)};
    /* One way to the load has not written the word. */
    const struct linux_sock_filter half[] = {
        I(LD_ABS, 0), J(LINUX_BPF_JMP | LINUX_BPF_JEQ | LINUX_BPF_K, 1, 0, 1), I(LINUX_BPF_ST, 1),
        I(LINUX_BPF_LD | LINUX_BPF_MEM, 1), I(RET, 0)};
    const struct linux_sock_filter shift[] = {I(LINUX_BPF_ALU | LINUX_BPF_LSH | LINUX_BPF_K, 32),
                                              I(RET, 0)};
    const struct linux_sock_filter back[] = {I(LINUX_BPF_JMP | LINUX_BPF_JA, UINT32_MAX),
                                             I(RET, 0)};
    assert_int_equal(bpf_check(good, N(good)), 0);
    assert_int_equal(bpf_check(good, 2), -EINVAL);
    assert_int_equal(bpf_check(half, N(half)), -EINVAL);
    assert_int_equal(bpf_check(shift, N(shift)), -EINVAL);
    assert_int_equal(bpf_check(back, N(back)), -EINVAL);
}

static void test_division_by_zero(void **state)
{
    const struct linux_sock_filter p[] = {I(LINUX_BPF_LD | LINUX_BPF_IMM, 5),
                                          I(LINUX_BPF_ALU | LINUX_BPF_DIV | LINUX_BPF_X, 0),
                                          I(RET, LINUX_SECCOMP_RET_ALLOW)};
    struct linux_seccomp_data d = {0};
    assert_int_equal(bpf_check(p, N(p)), 0);
    assert_int_equal(bpf_run(p, N(p), &d), 0);
}

static const struct {
    enum oci_seccomp_op op;
    uint64_t value, two;
} ops[] = {
    {OCI_SECCOMP_EQ, 0x100000002, 0},
    {OCI_SECCOMP_NE, 0x100000002, 0},
    {OCI_SECCOMP_LT, 0x100000002, 0},
    {OCI_SECCOMP_LE, 0x100000002, 0},
    {OCI_SECCOMP_GT, 0x100000002, 0},
    {OCI_SECCOMP_GE, 0x100000002, 0},
    {OCI_SECCOMP_MASKED_EQ, 0xf0000000f, 0x100000002},
};

static bool holds(size_t i, uint64_t arg)
{
    uint64_t v = ops[i].value;
    switch (ops[i].op) {
    case OCI_SECCOMP_EQ: return arg == v;
    case OCI_SECCOMP_NE: return arg != v;
    case OCI_SECCOMP_LT: return arg < v;
    case OCI_SECCOMP_LE: return arg <= v;
    case OCI_SECCOMP_GT: return arg > v;
    case OCI_SECCOMP_GE: return arg >= v;
    default: return (arg & v) == ops[i].two;
    }
}

static void test_comparisons(void **state)
{
    static const uint64_t around[] = {0,           1,           2,           3,
                                      0x100000001, 0x100000002, 0x100000003, 0x200000001,
                                      0x200000002, UINT64_MAX,  0x1100000012};
    static const char *const names[] = {"write", NULL};
    static struct linux_sock_filter prog[OCI_SECCOMP_PROGRAM_MAX];
    for (size_t i = 0; i < N(ops); i++) {
        struct oci_seccomp_arg arg = {3, ops[i].op, ops[i].value, ops[i].two};
        struct oci_seccomp_rule rule = {.names = {names, 1},
                                        .action = OCI_SECCOMP_ERRNO,
                                        .errno_ret = 7,
                                        .args = &arg,
                                        .arg_count = 1};
        struct oci_seccomp s = {
            .given = true, .default_action = OCI_SECCOMP_ALLOW, .rules = &rule, .rule_count = 1};
        size_t n;
        assert_int_equal(oci_seccomp_compile(&s, prog, &n), 0);
        assert_int_equal(bpf_check(prog, (uint32_t)n), 0);
        for (size_t k = 0; k < N(around); k++) {
            struct linux_seccomp_data d = {.nr = 1, .arch = LINUX_AUDIT_ARCH_X86_64};
            d.args[3] = around[k];
            uint32_t want =
                holds(i, around[k]) ? LINUX_SECCOMP_RET_ERRNO | 7 : LINUX_SECCOMP_RET_ALLOW;
            assert_int_equal(bpf_run(prog, (uint32_t)n, &d), want);
            d.nr = 2;
            assert_int_equal(bpf_run(prog, (uint32_t)n, &d), LINUX_SECCOMP_RET_ALLOW);
        }
    }
}

/* Names in any order, several rules for one, conditions on one argument as alternatives. */
static void test_profile(void **state)
{
    static const char *const some[] = {"socket", "read", "no_such_call", "getpid", NULL};
    static const char *const one[] = {"socket", NULL};
    static struct linux_sock_filter prog[OCI_SECCOMP_PROGRAM_MAX];
    struct oci_seccomp_arg alternatives[] = {{0, OCI_SECCOMP_EQ, 5, 0}, {0, OCI_SECCOMP_EQ, 6, 0}};
    struct oci_seccomp_rule rules[] = {
        {.names = {some, 4}, .action = OCI_SECCOMP_ALLOW},
        {.names = {one, 1}, .action = OCI_SECCOMP_TRAP, .args = alternatives, .arg_count = 2},
    };
    struct oci_seccomp s = {.given = true,
                            .default_action = OCI_SECCOMP_ERRNO,
                            .default_errno = 1,
                            .rules = rules,
                            .rule_count = 2};
    size_t n;
    uint32_t answer;
    assert_int_equal(oci_seccomp_compile(&s, prog, &n), 0);
    assert_int_equal(bpf_check(prog, (uint32_t)n), 0);
    struct linux_seccomp_data d = {.nr = 41, .arch = LINUX_AUDIT_ARCH_X86_64};
    assert_int_equal(bpf_run(prog, (uint32_t)n, &d), LINUX_SECCOMP_RET_ALLOW);
    d.args[0] = 6;
    assert_int_equal(bpf_run(prog, (uint32_t)n, &d), LINUX_SECCOMP_RET_TRAP);
    assert_false(bpf_constant(prog, (uint32_t)n, 41, LINUX_AUDIT_ARCH_X86_64, &answer));
    assert_true(bpf_constant(prog, (uint32_t)n, 0, LINUX_AUDIT_ARCH_X86_64, &answer));
    assert_int_equal(answer, LINUX_SECCOMP_RET_ALLOW);
    assert_true(bpf_constant(prog, (uint32_t)n, 1, LINUX_AUDIT_ARCH_X86_64, &answer));
    assert_int_equal(answer, LINUX_SECCOMP_RET_ERRNO | 1);
    assert_true(bpf_constant(prog, (uint32_t)n, 42, LINUX_AUDIT_ARCH_X86_64, &answer));
    assert_int_equal(answer, LINUX_SECCOMP_RET_ERRNO | ENOSYS); /* newer than all that it names */
    d.arch = 3;
    assert_int_equal(bpf_run(prog, (uint32_t)n, &d), LINUX_SECCOMP_RET_KILL_PROCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_division_by_zero),
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_profile),
    };
    return cmocka_run_group_tests_name("seccomp", tests, NULL, NULL);
}
