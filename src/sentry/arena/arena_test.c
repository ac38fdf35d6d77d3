#include "base/test.h"

#include "sentry/arena/arena_priv.h"
#include "sentry/arena/trim.h"

#include <string.h>
#include <sys/mman.h>

static int setup(void **state) { return arena_init(); }

static int teardown(void **state)
{
    arena_done();
    return 0;
}

static bool all_zero(const void *p, size_t n)
{
    const char *c = p;
    for (size_t i = 0; i < n; i++)
        if (c[i])
            return false;
    return true;
}

/* I1 and I2 of arena_priv.h. */
static void check_runs(void)
{
    struct arena_root *root = arena_root();
    bool before_free = false;
    for (uint32_t p = root->first; p < root->top; p += root->info[p].len) {
        const struct page_info *pi = &root->info[p];
        assert_true(pi->kind != PAGE_UNUSED);
        assert_true(pi->len > 0 && p + pi->len <= root->top);
        bool is_free = pi->kind == PAGE_FREE;
        assert_false(is_free && before_free);
        if (is_free) {
            assert_int_equal(root->info[p + pi->len - 1].len, pi->len);
            assert_int_equal(root->info[p + pi->len - 1].kind, PAGE_FREE);
        }
        before_free = is_free;
    }
}

static void test_pages(void **state)
{
    enum { N = 200 };
    static struct {
        char *p;
        size_t n;
    } runs[N];
    uint64_t seed = 7;
    for (int i = 0; i < 20000; i++) {
        size_t k = test_random(&seed) % N;
        if (runs[k].p) {
            assert_int_equal(runs[k].p[0], (char)k);
            assert_int_equal(runs[k].p[runs[k].n * 4096 - 1], (char)k);
            arena_pages_free(runs[k].p, runs[k].n);
            runs[k].p = NULL;
        } else {
            size_t n = 1 + test_random(&seed) % (test_random(&seed) % 8 ? 6 : 200);
            runs[k].p = arena_pages(n);
            runs[k].n = n;
            assert_non_null(runs[k].p);
            assert_true(all_zero(runs[k].p, 64) && all_zero(runs[k].p + n * 4096 - 64, 64));
            runs[k].p[0] = (char)k;
            runs[k].p[n * 4096 - 1] = (char)k;
        }
        if (i % 500 == 0)
            check_runs();
    }
    for (int k = 0; k < N; k++)
        arena_pages_free(runs[k].p, runs[k].n);
    check_runs();
    struct arena_stats st;
    arena_get_stats(&st);
    assert_int_equal(st.used_bytes, 0);
    assert_true(st.peak_bytes > 0);
    assert_null(arena_pages(ARENA_SIZE / 4096));
    assert_null(arena_pages(0));
}

static void test_buffers(void **state)
{
    for (size_t n = 0; n < 9000; n += n < 300 ? 1 : 97) {
        char *p = arena_alloc(n);
        assert_non_null(p);
        assert_true(IS_ALIGNED((uintptr_t)p, 16));
        assert_true(n < 4096 || IS_ALIGNED((uintptr_t)p, 4096));
        assert_true(all_zero(p, n));
        memset(p, 0xff, n);
        p = arena_realloc(p, n, n * 2 + 1);
        assert_non_null(p);
        assert_true(all_zero(p + n, n + 1));
        if (n)
            assert_int_equal((unsigned char)p[n - 1], 0xff);
        p = arena_realloc(p, n * 2 + 1, n);
        assert_non_null(p);
        arena_free(p, n);
    }
    char *s = arena_strdup("hello");
    assert_string_equal(s, "hello");
    arena_strfree(s);
    arena_strfree(NULL);
    assert_null(arena_alloc(SIZE_MAX));
    assert_int_equal(arena_root()->caches[SLAB_COUNT].live, 0);
}

struct thing {
    uint64_t a[20];
};

/* Contents are anything; size classes and pages, freed like the zeroed ones. */
static void test_scratch(void **state)
{
    static const size_t sizes[] = {1, 2048, 2049, 32768, 100000};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        uint8_t *p = arena_scratch(sizes[i]);
        assert_non_null(p);
        memset(p, 0xff, sizes[i]);
        arena_free(p, sizes[i]);
        p = arena_alloc(sizes[i]);
        assert_non_null(p);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(p[k], 0);
        arena_free(p, sizes[i]);
    }
    assert_null(arena_scratch(ARENA_SIZE + 1));
}

static void test_slab(void **state)
{
    enum { N = 1000 };
    static struct thing *t[N];
    for (int i = 0; i < N; i++) {
        t[i] = SLAB_NEW(VMA, struct thing);
        assert_non_null(t[i]);
        assert_true(all_zero(t[i], sizeof(*t[i])));
        t[i]->a[0] = (uint64_t)i;
        t[i]->a[19] = (uint64_t)i;
    }
    assert_int_equal(slab_live(SLAB_VMA), N);
    struct task *other = slab_alloc(SLAB_TASK, 64);
    for (int i = 0; i < N; i++) {
        assert_int_equal(t[i]->a[0], i);
        assert_true(page_of(t[i]) != page_of(other));
        SLAB_FREE(VMA, t[i]);
    }
    assert_int_equal(slab_live(SLAB_VMA), 0);
    assert_true(arena_root()->caches[SLAB_VMA].nempty <= 2);
    SLAB_FREE(VMA, NULL);
    SLAB_FREE(TASK, other);
    check_runs();
    assert_string_equal(slab_name(SLAB_VMA), "VMA");
}

/* Of what a full slab takes little lies behind its last object, whatever their size. */
static void test_slab_waste(void **state)
{
    static const uint32_t sizes[] = {16, 24, 80, 88, 120, 272, 536, 584, 744, 1000};
    for (uint32_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        void *p = slab_alloc((enum slab_id)i, sizes[i]);
        assert_non_null(p);
        const struct obj_cache *c = &arena_root()->caches[i];
        uint32_t bytes = c->run_pages * ARENA_PAGE;
        assert_int_equal(c->obj_size, sizes[i]);
        assert_int_equal(c->per_slab, bytes / sizes[i]);
        assert_true(c->per_slab >= 8);
        assert_true(bytes % sizes[i] * 32 <= bytes);
        slab_free((enum slab_id)i, p);
    }
}

static void test_slab_link(void **state)
{
    struct thing *a = SLAB_NEW(VMA, struct thing), *b = SLAB_NEW(VMA, struct thing);
    SLAB_FREE(VMA, a);
    SLAB_FREE(VMA, b);
    uint64_t word;
    memcpy(&word, b, sizeof(word));
    assert_true(word != (uint64_t)(uintptr_t)a); /* encoded */
    struct thing *c = SLAB_NEW(VMA, struct thing);
    assert_ptr_equal(c, b);
    SLAB_FREE(VMA, c);
}

/* Resident pages of the descriptors of pages [first, last). */
static unsigned info_resident(uint32_t first, uint32_t last)
{
    static unsigned char vec[1 << 16];
    uintptr_t from = ALIGN_DOWN((uintptr_t)&arena_root()->info[first], ARENA_PAGE),
              to = ALIGN_UP((uintptr_t)&arena_root()->info[last], ARENA_PAGE);
    size_t n = (to - from) / ARENA_PAGE;
    unsigned sum = 0;
    assert_true(n <= sizeof(vec));
    assert_int_equal(mincore((void *)from, to - from, vec), 0);
    for (size_t i = 0; i < n; i++)
        sum += vec[i] & 1;
    return sum;
}

/* What is kept for reuse goes, and descriptors of free pages with the pages (I3). */
static void test_trim(void **state)
{
    enum { N = 60000 };
    static void *p[N];
    uint64_t seed = 3;
    uint32_t first = arena_root()->first;
    for (int i = 0; i < N; i++)
        assert_non_null(p[i] = arena_pages(1));
    uint32_t top = arena_root()->top;
    assert_true(info_resident(first, top) > 400);
    for (int i = N - 1; i > 0; i--) { /* in any order */
        int k = (int)(test_random(&seed) % (uint64_t)(i + 1));
        void *t = p[i];
        p[i] = p[k];
        p[k] = t;
    }
    for (int i = 1; i < N; i++)
        arena_pages_free(p[i], 1);
    struct thing *o = SLAB_NEW(VMA, struct thing);
    SLAB_FREE(VMA, o);
    assert_true(arena_root()->hot_pages > 0 && arena_root()->caches[SLAB_VMA].nempty > 0);
    assert_int_equal(arena_trim(true), TRIM_NOTHING);
    check_runs();
    assert_int_equal(arena_root()->hot_pages, 0);
    assert_int_equal(arena_root()->caches[SLAB_VMA].nempty, 0);
    assert_true(info_resident(first, top) <= 5);
    arena_pages_free(p[0], 1);
    (void)arena_trim(true);
    assert_int_equal(arena_root()->top, first);
    assert_true(all_zero(arena_pages(100), (size_t)100 * ARENA_PAGE));
}

static void test_faults(void **state)
{
    for (uint64_t n = 1;; n++) {
        arena_fail_after(n);
        char *s = arena_strdup("x");
        void *p = arena_pages(3);
        struct thing *o = SLAB_NEW(VMA, struct thing);
        bool failed = arena_failed();
        assert_int_equal(failed, !s || !p || !o);
        arena_strfree(s);
        arena_pages_free(p, 3);
        SLAB_FREE(VMA, o);
        if (!failed)
            break;
        assert_true(n <= 3);
    }
    arena_fail_after(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buffers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scratch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slab, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slab_waste, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slab_link, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trim, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
