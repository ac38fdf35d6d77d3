/* abi_test.c - the guest ABI agrees with the headers of the host's kernel.
 *
 * The tables are apart because the kernel's headers and those of the C library cannot all be
 * included in one file. Numbers newer than the host's headers are not compared.
 */
#include "abi/abi_test.h"
#include "abi/stat.h"
#include "abi/wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <cmocka.h>

/* The host writes some unsigned 32-bit values as negative ints. */
static bool row_agrees(const struct abi_row *r)
{
    if (r->theirs < 0 && r->theirs >= INT32_MIN && r->ours == (uint32_t)r->theirs)
        return true;
    return r->ours == r->theirs;
}

static void rows_check(const struct abi_row *rows, size_t count)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++) {
        if (row_agrees(&rows[i]))
            continue;
        print_error("%s: %#llx, the host has %#llx\n", rows[i].name,
                    (unsigned long long)rows[i].ours, (unsigned long long)rows[i].theirs);
        wrong++;
    }
    assert_int_equal(wrong, 0);
    assert_true(count > 20);
}

static void test_files(void **state) { rows_check(abi_files_rows, abi_files_count); }

static void test_tasks(void **state) { rows_check(abi_tasks_rows, abi_tasks_count); }

static void test_io(void **state) { rows_check(abi_io_rows, abi_io_count); }

static void test_libc(void **state) { rows_check(abi_libc_rows, abi_libc_count); }

static void test_devices(void **state)
{
    static const uint32_t pairs[][2] = {
        {0, 0}, {1, 3}, {5, 2}, {136, 255}, {136, 256}, {4095, 1048575},
    };

    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        uint32_t dev = linux_makedev(pairs[i][0], pairs[i][1]);
        assert_int_equal(dev, makedev(pairs[i][0], pairs[i][1]));
        assert_int_equal(dev, LINUX_MKDEV(pairs[i][0], pairs[i][1]));
        assert_int_equal(linux_major(dev), pairs[i][0]);
        assert_int_equal(linux_minor(dev), pairs[i][1]);
    }
}

static void test_wait_status(void **state)
{
    int s = linux_wstatus_exited(0x1ff);
    assert_true(WIFEXITED(s) && WEXITSTATUS(s) == 0xff && LINUX_WIFEXITED(s));
    s = linux_wstatus_signaled(11, 1);
    assert_true(WIFSIGNALED(s) && WTERMSIG(s) == 11 && WCOREDUMP(s) && LINUX_WIFSIGNALED(s));
    s = linux_wstatus_signaled(9, 0);
    assert_true(WIFSIGNALED(s) && WTERMSIG(s) == 9 && !WCOREDUMP(s) && !LINUX_WCOREDUMP(s));
    s = linux_wstatus_stopped(20);
    assert_true(WIFSTOPPED(s) && WSTOPSIG(s) == 20 && !LINUX_WIFSIGNALED(s));
    s = LINUX_WSTATUS_CONTINUED;
    assert_true(WIFCONTINUED(s) && !LINUX_WIFSIGNALED(s) && !LINUX_WIFSTOPPED(s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),   cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_io),      cmocka_unit_test(test_libc),
        cmocka_unit_test(test_devices), cmocka_unit_test(test_wait_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
