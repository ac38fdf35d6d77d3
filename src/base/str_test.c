#include "base/str.h"
#include "base/test.h"

#include <errno.h>

static void test_strbuf(void **state)
{
    char buf[8];
    struct strbuf sb;

    strbuf_init(&sb, buf, sizeof(buf));
    strbuf_puts(&sb, "abc");
    strbuf_printf(&sb, "%d", 42);
    assert_string_equal(buf, "abc42");
    strbuf_putc(&sb, 'x');
    strbuf_putc(&sb, 'y');
    assert_false(strbuf_overflowed(&sb));
    strbuf_putc(&sb, 'z');
    assert_true(strbuf_overflowed(&sb));
    assert_string_equal(buf, "abc42xy");
    assert_int_equal(sb.len, 7);

    strbuf_init(&sb, buf, sizeof(buf));
    strbuf_printf(&sb, "%s", "0123456789");
    assert_true(strbuf_overflowed(&sb));
    assert_string_equal(buf, "0123456");
    strbuf_puts(&sb, "more");
    assert_int_equal(sb.len, 7);

    strbuf_init(&sb, buf, 1);
    strbuf_add(&sb, "", 0);
    assert_false(strbuf_overflowed(&sb));
    strbuf_putc(&sb, 'a');
    assert_true(strbuf_overflowed(&sb));
}

static void test_quote(void **state)
{
    char buf[64];
    struct strbuf sb;

    strbuf_init(&sb, buf, sizeof(buf));
    strbuf_quote(&sb, "a\n\"\0\xff", 5, 32);
    assert_string_equal(buf, "\"a\\n\\\"\\x00\\xff\"");
    strbuf_init(&sb, buf, sizeof(buf));
    strbuf_quote(&sb, "abcdef", 6, 3);
    assert_string_equal(buf, "\"abc\"...");
}

static void test_components(void **state)
{
    const char *p = "//usr/./lib/";
    static const char *const want[] = {"usr", ".", "lib"};
    const char *name;
    size_t len;

    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        assert_true(path_component_next(&p, &name, &len));
        assert_true(str_eq_n(want[i], name, len));
    }
    assert_int_equal(*p, '/'); /* lib/ names a directory */
    assert_false(path_component_next(&p, &name, &len));
    p = "";
    assert_false(path_component_next(&p, &name, &len));
    assert_string_equal(path_basename("/a/b"), "b");
    assert_string_equal(path_basename("b"), "b");
    assert_false(str_eq_n("libc", "lib", 3));
}

static void test_numbers(void **state)
{
    uint64_t u = 7;
    int64_t i = 7;

    assert_int_equal(parse_u64("18446744073709551615", 10, &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(parse_u64("18446744073709551616", 10, &u), -ERANGE);
    assert_true(u == UINT64_MAX);
    assert_int_equal(parse_u64("0755", 0, &u), 0);
    assert_int_equal(u, 0755);
    assert_int_equal(parse_u64("0xfF", 0, &u), 0);
    assert_int_equal(u, 255);
    assert_int_equal(parse_u64("0", 0, &u), 0);
    assert_int_equal(u, 0);
    static const char *const bad[] = {"", "0x", "8 ", " 8", "+8", "-8", "0b1", "12a"};
    for (size_t n = 0; n < ARRAY_SIZE(bad); n++)
        assert_int_equal(parse_u64(bad[n], 0, &u), -EINVAL);
    assert_int_equal(parse_u64("08", 0, &u), -EINVAL);

    assert_int_equal(parse_i64("-9223372036854775808", &i), 0);
    assert_true(i == INT64_MIN);
    assert_int_equal(parse_i64("9223372036854775808", &i), -ERANGE);
    assert_int_equal(parse_i64("-9223372036854775809", &i), -ERANGE);
    assert_int_equal(parse_i64("-", &i), -EINVAL);
    assert_int_equal(parse_i64("--1", &i), -EINVAL);
}

static void test_json(void **state)
{
    char buf[64];
    struct strbuf sb;
    strbuf_init(&sb, buf, sizeof buf);
    strbuf_json(&sb, "a\"b\\c\n\xc3\xa9");
    assert_string_equal(buf, "a\\\"b\\\\c\\u000a\xc3\xa9");
}

static void test_time(void **state)
{
    static const struct {
        int64_t s;
        const char *text;
    } cases[] = {{0, "1970-01-01T00:00:00.000000005Z"},
                 {951827696, "2000-02-29T12:34:56.000000005Z"},
                 {1709251199, "2024-02-29T23:59:59.000000005Z"},
                 {1709251200, "2024-03-01T00:00:00.000000005Z"},
                 {4107542400, "2100-03-01T00:00:00.000000005Z"},
                 {-1, "1969-12-31T23:59:59.000000005Z"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char buf[64];
        struct strbuf sb;
        strbuf_init(&sb, buf, sizeof buf);
        strbuf_time(&sb, cases[i].s, 5);
        assert_string_equal(buf, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strbuf),     cmocka_unit_test(test_quote),
        cmocka_unit_test(test_components), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_json),       cmocka_unit_test(test_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
