#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "wire/ttrpc.h"

static void test_bytes(void **state)
{
    uint8_t b[TTRPC_HEADER_BYTES];
    struct ttrpc_header h = {
        .length = 0x01020304, .stream = 0x0a0b0c0d, .type = TTRPC_DATA, .flags = 5};
    ttrpc_header_build(b, &h);
    assert_memory_equal(b, "\1\2\3\4\x0a\x0b\x0c\x0d\3\5", sizeof b);
}

static void test_round(void **state)
{
    static const struct ttrpc_header all[] = {
        {0, 1, TTRPC_REQUEST, 0},
        {TTRPC_DATA_MAX, UINT32_MAX, TTRPC_RESPONSE, TTRPC_REMOTE_CLOSED},
        {7, 3, TTRPC_DATA, TTRPC_NO_DATA},
    };
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        uint8_t b[TTRPC_HEADER_BYTES];
        struct ttrpc_header h;
        ttrpc_header_build(b, &all[i]);
        assert_int_equal(ttrpc_header_parse(b, &h), 0);
        assert_int_equal(h.length, all[i].length);
        assert_int_equal(h.stream, all[i].stream);
        assert_int_equal(h.type, all[i].type);
        assert_int_equal(h.flags, all[i].flags);
    }
}

static int parse(const struct ttrpc_header *from, struct ttrpc_header *ret)
{
    uint8_t b[TTRPC_HEADER_BYTES];
    ttrpc_header_build(b, from);
    return ttrpc_header_parse(b, ret);
}

/* Of types that there are not, which no struct can have. */
static int parse_of_type(uint8_t type, struct ttrpc_header *ret)
{
    uint8_t b[TTRPC_HEADER_BYTES];
    ttrpc_header_build(b, &(struct ttrpc_header){1, 1, TTRPC_REQUEST, 0});
    b[8] = type;
    return ttrpc_header_parse(b, ret);
}

static void test_bad(void **state)
{
    struct ttrpc_header h;
    assert_int_equal(parse(&(struct ttrpc_header){1, 0, TTRPC_REQUEST, 0}, &h), -EBADMSG);
    assert_int_equal(parse_of_type(0, &h), -EBADMSG);
    assert_int_equal(parse_of_type(4, &h), -EBADMSG);
    assert_int_equal(parse(&(struct ttrpc_header){TTRPC_DATA_MAX + 1, 9, TTRPC_REQUEST, 0}, &h),
                     -EMSGSIZE);
    assert_int_equal(h.length, TTRPC_DATA_MAX + 1);
    assert_int_equal(h.stream, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
