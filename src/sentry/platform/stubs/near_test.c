/* Near memory that an application forged in its own area. */
#include "base/test.h"

#include "sentry/platform/space_limits.h"
#include "sentry/platform/stubs/stubs_priv.h"

#include <string.h>
#include <sys/mman.h>

static struct thread a = {.slot = 1};

#define DATA_END (STUB_AREA_COPY + STUB_AREA_COPY_SIZE)

static int setup(void **state)
{
    void *p = mmap((void *)(uintptr_t)AREAS_BASE, 3 * STUB_AREA_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    return p == MAP_FAILED ? -1 : 0;
}

static void in_set(uint32_t i, uint64_t addr, uint32_t off, uint32_t len)
{
    thread_ctl(&a)->in[i] = (struct stub_near){addr, off, len};
    thread_ctl(&a)->nin = i + 1;
}

static void window_set(uint32_t i, uint64_t addr, uint32_t len)
{
    thread_ctl(&a)->window[i] = (struct stub_near){addr, 0, len};
    thread_ctl(&a)->nwindow = i + 1;
}

static void start(void)
{
    memset(thread_area(&a), 0, STUB_AREA_COPY);
    a.near = false;
    near_load(&a);
}

static void test_in(void **state)
{
    char b[64];
    start();
    memcpy(thread_area(&a) + STUB_AREA_COPY + 8, "hello", 6);
    in_set(0, 0x10000, STUB_AREA_COPY + 8, 6);
    assert_int_equal(platform_near_in(&a, b, UADDR(0x10000), 64), 6);
    assert_string_equal(b, "hello");
    assert_int_equal(platform_near_in(&a, b, UADDR(0x10003), 64), 3);
    assert_int_equal(platform_near_in(&a, b, UADDR(0x10001), 2), 2);
    assert_int_equal(platform_near_in(&a, b, UADDR(0x10006), 1), 0);
    assert_int_equal(platform_near_in(&a, b, UADDR(0xffff), 2), 0);
    a.near = false;
    assert_int_equal(platform_near_in(&a, b, UADDR(0x10000), 6), 0);
}

static void test_in_forged(void **state)
{
    static const struct stub_near bad[] = {
        {0x10000, 0, 64},
        {0x10000, STUB_AREA_COPY - 1, 64},
        {0x10000, DATA_END - 63, 64},
        {0x10000, DATA_END, 1},
        {0x10000, DATA_END + 1, 1},
        {0x10000, UINT32_MAX, 2},
        {0x10000, STUB_AREA_COPY, UINT32_MAX},
        {0x10000, STUB_AREA_COPY, STUB_AREA_COPY_SIZE + 1},
        {SPACE_END - 1, STUB_AREA_COPY, 2},
        {UINT64_MAX, STUB_AREA_COPY, 2},
        {UINT64_MAX - 10, STUB_AREA_COPY, 64},
    };
    char b[64];
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        start();
        in_set(0, bad[i].addr, bad[i].off, bad[i].len);
        assert_int_equal(platform_near_in(&a, b, UADDR(bad[i].addr), 1), 0);
    }
    start();
    thread_ctl(&a)->nin = UINT32_MAX; /* more than there are */
    assert_int_equal(platform_near_in(&a, b, UADDR(0x10000), 1), 0);
    assert_false(platform_near_out(&a, UADDR(0x10000), b, 1));
}

static void test_out(void **state)
{
    start();
    in_set(0, 0x10000, STUB_AREA_COPY, 100);
    window_set(0, 0x20000, 0x1000);
    assert_false(platform_near_out(&a, UADDR(0x1ffff), "ab", 2));
    assert_false(platform_near_out(&a, UADDR(0x20fff), "ab", 2));
    assert_true(platform_near_out(&a, UADDR(0x20ffe), "ab", 2));
    assert_true(platform_near_pending(&a, UADDR(0x20fff), 1));
    assert_false(platform_near_pending(&a, UADDR(0x21000), 1));
    assert_false(platform_near_pending(&a, UADDR(0x20ffd), 1));
    assert_true(platform_near_out(&a, UADDR(0x20100), "cd", 2));
    assert_true(platform_near_out(&a, UADDR(0x20102), "ef", 2)); /* goes with the one before */
    assert_int_equal(a.nout, 2);
    struct stub_near n = thread_ctl(&a)->out[1];
    assert_int_equal(n.len, 4);
    assert_true(n.off >= STUB_AREA_COPY + 100);
    assert_memory_equal(thread_area(&a) + n.off, "cdef", 4);
    for (uint64_t i = 0; i < STUB_NEAR_OUT - 2; i++)
        assert_true(platform_near_out(&a, UADDR(0x20200 + 16 * i), "x", 1));
    assert_false(platform_near_out(&a, UADDR(0x20800), "x", 1)); /* no entry is left */
}

static void test_out_forged(void **state)
{
    static uint8_t much[0x1000];
    /* Windows may be anywhere and of any size: never more than the area has. */
    start();
    window_set(0, 0x10000, UINT32_MAX);
    window_set(1, UINT64_MAX - 5, 100);
    uint32_t n = 0;
    while (platform_near_out(&a, UADDR(0x10000 + n * sizeof(much)), much, sizeof(much)))
        n++;
    assert_true(n > 0 && n * sizeof(much) <= STUB_AREA_COPY_SIZE);
    assert_true(a.near_used <= DATA_END);
    assert_false(platform_near_out(&a, UADDR(0x50), much, 1));
    /* the entry that the next one would extend is changed meanwhile */
    start();
    window_set(0, 0x10000, 0x4000);
    assert_true(platform_near_out(&a, UADDR(0x10000), much, 16));
    thread_ctl(&a)->out[0] = (struct stub_near){0, UINT32_MAX, UINT32_MAX};
    assert_true(platform_near_out(&a, UADDR(0x10010), much, 16));
    assert_int_equal(a.nout, 2);
    thread_ctl(&a)->out[0] = (struct stub_near){UINT64_MAX, UINT32_MAX, 5};
    thread_ctl(&a)->out[1] = (struct stub_near){0x10000, STUB_AREA_COPY, UINT32_MAX};
    static struct space dead = {.dead = true};
    a.space = &dead;
    platform_near_flush(&a);
    assert_int_equal(a.nout, 0);
    assert_false(a.near);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in),
        cmocka_unit_test(test_in_forged),
        cmocka_unit_test(test_out),
        cmocka_unit_test(test_out_forged),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
