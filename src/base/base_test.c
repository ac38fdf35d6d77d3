/* The small headers: compiler, types, checked, bitmap, ref, err, log, hash, ranks. */
#include "base/bitmap.h"
#include "base/checked.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/ranks.h"
#include "base/ref.h"
#include "base/test.h"
#include "base/types.h"

#include <string.h>

static int dropped;
static void counter_drop(int *p) { dropped += *p; }
DEFINE_AUTO(counter, int *, counter_drop)

static void test_compiler(void **state)
{
    struct pair {
        int a, b;
    } pair;
    int n = 0;

    assert_ptr_equal(container_of(&pair.b, struct pair, b), &pair);
    assert_int_equal(ARRAY_SIZE(((int[3]){0})), 3);
    assert_int_equal(MIN(n++, 5), 0);
    assert_int_equal(n, 1);
    assert_int_equal(MAX(MIN(3u, 9ul), 2ul), 3);
    assert_int_equal(DIV_ROUND_UP(9, 4), 3);
    assert_int_equal(DIV_ROUND_UP(8, 4), 2);
    assert_true(ALIGN_UP(4097, GUEST_PAGE_SIZE) == 8192);
    assert_true(ALIGN_DOWN(UINT64_MAX, GUEST_PAGE_SIZE) == UINT64_MAX - 4095);
    assert_true(GUEST_PAGE_ALIGNED(8192) && !GUEST_PAGE_ALIGNED(8193));

    int one = 1, two = 2;
    int *kept;
    {
        AUTO(counter) int *p = &one;
        AUTO_UNREF(counter) int *q = &two;
        AUTO(counter) int *none = NULL;
        AUTO_FREE char *mem = malloc(8);
        assert_non_null(mem);
        assert_null(none);
        assert_ptr_equal(p, &one);
        kept = TAKE(q);
        assert_null(q);
    }
    assert_ptr_equal(kept, &two);
    assert_int_equal(dropped, 1);
}

static void test_types(void **state)
{
    struct uaddr a = UADDR(7);
    struct urange r = {1, 2};

    assert_false(uaddr_add(a, 3, &a));
    assert_int_equal(a.v, 10);
    assert_true(uaddr_add(UADDR(UINT64_MAX), 1, &a));
    assert_int_equal(a.v, 10);
    assert_false(urange_make(4096, 4096, &r));
    assert_int_equal(urange_len(r), 4096);
    assert_true(urange_make(UINT64_MAX, 2, &r));
    assert_true(urange_contains(r, 4096) && !urange_contains(r, 8192));
    assert_true(urange_overlaps(r, (struct urange){8191, 9000}));
    assert_false(urange_overlaps(r, (struct urange){8192, 9000}));
    assert_true(urange_is_empty(urange_intersect(r, (struct urange){8192, 9000})));
    assert_true(urange_covers(r, (struct urange){5000, 6000}));
    assert_int_equal(urange_len((struct urange){9, 3}), 0);
}

static void test_checked(void **state)
{
    uint64_t u;
    size_t s;

    assert_false(checked_add_u64(1, 2, &u));
    assert_int_equal(u, 3);
    assert_true(checked_add_u64(UINT64_MAX, 1, &u));
    assert_true(checked_sub_u64(1, 2, &u));
    assert_true(checked_mul_size(SIZE_MAX / 2, 3, &s));
    assert_false(checked_mul_size(SIZE_MAX / 2, 2, &s));
    assert_true(saturating_ns(INT64_MAX, 0) == INT64_MAX);
    assert_true(saturating_ns(INT64_MIN, 0) == INT64_MIN);
    assert_int_equal(saturating_ns(2, 5), 2000000005);
    assert_true(saturating_add_i64(INT64_MAX, 1) == INT64_MAX);
    assert_true(saturating_add_i64(INT64_MIN, -1) == INT64_MIN);
}

static void test_bitmap(void **state)
{
    uint64_t map[3] = {UINT64_MAX, UINT64_MAX, 0};
    static_assert(BITMAP_WORDS(130) == 3, "rounds up");

    assert_int_equal(bitmap_find_zero(map, 130, 0), 128);
    bitmap_set(map, 128);
    bitmap_set(map, 129);
    assert_true(bitmap_find_zero(map, 130, 0) == BITMAP_NONE);
    bitmap_clear(map, 63);
    assert_false(bitmap_test(map, 63));
    assert_int_equal(bitmap_find_zero(map, 130, 5), 63);
    assert_true(bitmap_find_zero(map, 130, 64) == BITMAP_NONE);
    assert_true(bitmap_find_zero(map, 130, 130) == BITMAP_NONE);
    assert_int_equal(bitmap_weight(map, 130), 129);
    memset(map, 0, sizeof(map));
    assert_true(bitmap_find_set(map, 130, 0) == BITMAP_NONE);
    bitmap_set(map, 64);
    assert_int_equal(bitmap_find_set(map, 130, 1), 64);
}

static void test_ref(void **state)
{
    struct ref r;

    ref_init(&r);
    ref_get(&r);
    assert_true(ref_tryget(&r));
    assert_false(ref_put(&r));
    assert_false(ref_put(&r));
    assert_true(ref_put(&r));
    assert_false(ref_tryget(&r));

    r.count = REF_MAX; /* I1 */
    ref_get(&r);
    assert_int_equal(ref_count(&r), REF_SATURATED);
    assert_false(ref_put(&r));
    assert_true(ref_tryget(&r));
    assert_int_equal(ref_count(&r), REF_SATURATED);
}

static void test_err(void **state)
{
    assert_string_equal(err_name(-ENOENT), "ENOENT");
    assert_string_equal(err_name(EAGAIN), "EAGAIN");
    assert_string_equal(err_name(EOPNOTSUPP), "EOPNOTSUPP");
    assert_string_equal(err_name(-EBLOCKED), "EBLOCKED");
    assert_string_equal(err_name(-ERESTARTSYS), "ERESTARTSYS");
    assert_string_equal(err_name(0), "OK");
    assert_string_equal(err_name(41), "?");
    assert_string_equal(err_name(INT32_MIN), "?");
}

static char seen[LOG_LINE_MAX];
static size_t seen_len;
static void sink(enum log_level level, const char *text, size_t len)
{
    assert_true(level <= LOG_LEVEL_INFO);
    memcpy(seen, text, len + 1);
    seen_len = len;
}

static void test_log(void **state)
{
    int evaluated = 0;

    LOGE("nobody listens %d", ++evaluated);
    log_set_sink(sink, LOG_LEVEL_INFO);
    LOGI("base: n=%d", 3);
    assert_string_equal(seen, "base: n=3");
    LOGD("dropped %d", ++evaluated);
    assert_int_equal(evaluated, 0);
    LOGW("%*d", 5000, 1);
    assert_int_equal(seen_len, LOG_LINE_MAX - 1);
    log_set_sink(NULL, LOG_LEVEL_ERROR);
}

struct named {
    unsigned int id;
    struct hlist_node node;
};

static void test_hash(void **state)
{
    struct hlist_head bucket;
    struct named n[3], *i, *tmp;
    unsigned int sum = 0;

    hlist_head_init(&bucket);
    for (unsigned int k = 0; k < 3; k++) {
        n[k].id = k + 1;
        hlist_node_init(&n[k].node);
        hlist_add_head(&n[k].node, &bucket);
    }
    hlist_del_init(&n[1].node);
    hlist_del_init(&n[1].node);
    assert_false(hlist_is_linked(&n[1].node));
    HLIST_FOREACH (i, &bucket, node)
        sum = sum * 10 + i->id;
    assert_int_equal(sum, 31);
    HLIST_FOREACH_SAFE (i, tmp, &bucket, node)
        hlist_del_init(&i->node);
    assert_true(hlist_empty(&bucket));

    /* Lengths around the word sizes differ, the seed matters, and low bits spread. */
    static const char zeros[64];
    uint64_t last = 0;
    for (size_t len = 0; len <= sizeof(zeros); len++) {
        uint64_t h = hash_bytes(1, zeros, len);
        assert_true(h != last && h == hash_bytes(1, zeros, len) && h != hash_bytes(2, zeros, len));
        last = h;
    }
    unsigned int used[256] = {0};
    for (uint64_t v = 0; v < 4096; v++)
        used[hash_u64(99, v << 12) & 255]++;
    for (size_t b = 0; b < 256; b++)
        assert_true(used[b] > 0 && used[b] < 48); /* 16 expected */
}

static void test_ranks(void **state)
{
    static const int order[] = {
#define LOCK_RANK(name, order, what) order,
#include "base/ranks.def"
#undef LOCK_RANK
    };
    for (size_t i = 1; i < ARRAY_SIZE(order); i++)
        assert_true(order[i - 1] < order[i]);
    assert_string_equal(lock_rank_name(RANK_KERNEL), "KERNEL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compiler), cmocka_unit_test(test_types),
        cmocka_unit_test(test_checked),  cmocka_unit_test(test_bitmap),
        cmocka_unit_test(test_ref),      cmocka_unit_test(test_err),
        cmocka_unit_test(test_log),      cmocka_unit_test(test_hash),
        cmocka_unit_test(test_ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
