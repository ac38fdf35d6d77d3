#include "runsc/memory_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void put(const char *root, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *f = fopen(path, "we");
    if (!f) {
        fail();
        return;
    }
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void least_of_all_around(void **state)
{
    char root[] = "/tmp/memory-limit-XXXXXX", path[256];
    assert_non_null(mkdtemp(root));
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", root, i ? "a/b" : "a");
        assert_int_equal(mkdir(path, 0755), 0);
    }
    assert_true(memory_limit_group(root, "/a/b", "max") == UINT64_MAX);
    put(root, "a/b/max", "max\n");
    put(root, "a/max", "4096\n");
    put(root, "max", "9223372036854771712\n");
    assert_true(memory_limit_group(root, "/a/b", "max") == 4096);
    assert_true(memory_limit_group(root, "/none", "max") == 9223372036854771712ULL);
    put(root, "a/b/max", "1000\n");
    assert_true(memory_limit_group(root, "/a/b", "max") == 1000);
    assert_true(memory_limit_group(root, "/", "max") == 9223372036854771712ULL);
    static const char *const made[] = {"a/b/max", "a/max", "max", "a/b", "a", "."};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", root, made[i]);
        assert_int_equal(i + 1 < sizeof made / sizeof *made ? remove(path) : rmdir(root), 0);
    }
    assert_true(memory_limit_bytes() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_of_all_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
