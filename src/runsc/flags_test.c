#include "runsc/flags.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static const char *list[2];
static struct flag flags[4];

static void flags_reset(void)
{
    flags[0] = (struct flag){.name = "bool", .kind = FLAG_BOOL, .value = "false"};
    flags[1] =
        (struct flag){.name = "word", .kind = FLAG_ENUM, .value = "a", .help = "(a|bc) a word"};
    flags[2] =
        (struct flag){.name = "list", .kind = FLAG_LIST, .value = "", .list = list, .list_max = 2};
    flags[3] = (struct flag){.name = "n", .kind = FLAG_INT, .value = "1"};
}

static int parse(const char **argv, int *ret_at, char *err)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    flags_reset();
    *ret_at = 0;
    return flags_parse(flags, 4, argc, (char **)(uintptr_t)argv, ret_at, err);
}

#define ARGS(...) ((const char *[]){__VA_ARGS__, NULL})

static void test_forms(void **state)
{
    char err[FLAGS_ERROR_MAX];
    int at;
    assert_int_equal(
        parse(ARGS("-bool", "--word=bc", "-list", "x", "--list=y", "-n", "-5", "rest", "-bool"),
              &at, err),
        0);
    assert_int_equal(at, 7);
    assert_true(flag_true(&flags[0]));
    assert_string_equal(flags[1].value, "bc");
    assert_int_equal(flags[2].list_count, 2);
    assert_int_equal(flag_int(&flags[3]), -5);
    assert_int_equal(parse(ARGS("--bool=F", "--", "-n"), &at, err), 0);
    assert_int_equal(at, 2);
    assert_false(flag_true(&flags[0]));
    assert_int_equal(parse(ARGS("-"), &at, err), 0);
    assert_int_equal(at, 0);
    assert_int_equal(parse(ARGS("--help"), &at, err), -EAGAIN);
}

static void test_errors(void **state)
{
    char err[FLAGS_ERROR_MAX];
    int at;
    assert_int_equal(parse(ARGS("--bool=maybe"), &at, err), -EINVAL);
    assert_non_null(strstr(err, "true or false"));
    assert_int_equal(parse(ARGS("--word=b"), &at, err), -EINVAL);
    assert_non_null(strstr(err, "a|bc"));
    assert_int_equal(parse(ARGS("-nothing"), &at, err), -EINVAL);
    assert_non_null(strstr(err, "-nothing"));
    assert_int_equal(parse(ARGS("-n"), &at, err), -EINVAL);
    assert_int_equal(parse(ARGS("-n", "x"), &at, err), -EINVAL);
    assert_int_equal(parse(ARGS("-list", "a", "-list", "b", "-list", "c"), &at, err), -EINVAL);
    assert_int_equal(parse(ARGS("-=x"), &at, err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms), cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests_name("flags", tests, NULL, NULL);
}
