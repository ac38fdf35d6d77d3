#include "abi/names.h"

#include "abi/fcntl.h"
#include "abi/signal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct abi_names *const flag_sets[] = {
    &abi_names_open,   &abi_names_at,       &abi_names_unlink,    &abi_names_faccess,
    &abi_names_rename, &abi_names_access,   &abi_names_prot,      &abi_names_mmap,
    &abi_names_mremap, &abi_names_msync,    &abi_names_memfd,     &abi_names_sigaction,
    &abi_names_clone,  &abi_names_sigstack, &abi_names_wait,      &abi_names_socktype,
    &abi_names_msg,    &abi_names_flock,    &abi_names_sockflags, &abi_names_epoll,
    &abi_names_poll,   &abi_names_mount,    &abi_names_umount,    &abi_names_statx,
    &abi_names_rwf,    &abi_names_random,   &abi_names_filemode,
};

static const struct abi_names *const value_sets[] = {
    &abi_names_madvice,  &abi_names_signal,   &abi_names_sighow,  &abi_names_sicode,
    &abi_names_cld,      &abi_names_sched,    &abi_names_idtype,  &abi_names_futex,
    &abi_names_clock,    &abi_names_family,   &abi_names_ipproto, &abi_names_socklevel,
    &abi_names_sockopt,  &abi_names_tcpopt,   &abi_names_ipopt,   &abi_names_ipv6opt,
    &abi_names_shutdown, &abi_names_ioctl,    &abi_names_fcntl,   &abi_names_seek,
    &abi_names_epollop,  &abi_names_resource, &abi_names_prctl,   &abi_names_archprctl,
};

static void no_value_twice(const struct abi_names *n, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        for (size_t j = from; j < i; j++) {
            if (n->rows[i].value == n->rows[j].value)
                fail_msg("%s and %s", n->rows[i].name, n->rows[j].name);
        }
    }
}

static void test_values(void **state)
{
    for (size_t s = 0; s < ARRAY_SIZE(value_sets); s++) {
        const struct abi_names *n = value_sets[s];
        assert_int_equal(n->field_count, 0);
        no_value_twice(n, 0, n->count);
    }
}

static void test_flags(void **state)
{
    for (size_t s = 0; s < ARRAY_SIZE(flag_sets); s++) {
        const struct abi_names *n = flag_sets[s];
        uint64_t seen = n->field;

        no_value_twice(n, 0, n->field_count);
        for (size_t i = 0; i < n->field_count; i++) /* I1 */
            assert_int_equal(n->rows[i].value & ~n->field, 0);
        for (size_t i = n->field_count; i < n->count; i++) { /* I2 */
            bool inside = i > n->field_count && (n->rows[i].value & ~seen) == 0;
            bool contained_before = false;
            for (size_t j = n->field_count; j < i; j++) {
                uint64_t big = n->rows[j].value;
                if (big != n->rows[i].value && (big & n->rows[i].value) == n->rows[i].value)
                    contained_before = true;
                assert_true((n->rows[i].value & big) != big);
            }
            assert_int_not_equal(n->rows[i].value, 0);
            assert_true(!inside || contained_before);
            seen |= n->rows[i].value;
        }
    }
}

static void test_find(void **state)
{
    assert_string_equal(abi_name_find(&abi_names_signal, LINUX_SIGCHLD), "SIGCHLD");
    assert_string_equal(abi_name_find(&abi_names_fcntl, LINUX_F_DUPFD_CLOEXEC), "F_DUPFD_CLOEXEC");
    assert_null(abi_name_find(&abi_names_signal, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
