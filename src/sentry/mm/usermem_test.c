/* Bytes that came with a stop, bytes that go with its answer, and the memory behind both: what a handler reads is what the program
 * would see, and each byte is fetched once. The platform is this file's own. */
#include "base/test.h"

#include "base/err.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/usermem.h"
#include "sentry/platform/platform.h"
#include "sentry/task/task.h"

#include <string.h>

#define BASE 0x20000u
enum { SIZE = 2 * GUEST_PAGE_SIZE };

/* One window of memory at BASE; near: its bytes [from, to) as they were at the stop; out: what is under way. */
static struct {
    char mem[SIZE], then[SIZE], out[SIZE];
    size_t from, to, out_from, out_to;
    size_t mapped;       /* bytes of mem that are there */
    uint8_t reads[SIZE]; /* of mem or near, each byte */
    uint32_t mem_reads;
    struct mm mm;
    struct task t;
} w;

#define SPACE  ((struct space *)&w.mm)
#define THREAD ((struct thread *)&w.t)

struct space *platform_space(const struct thread *th) { return SPACE; }

static void count(size_t off, size_t n)
{
    for (size_t i = 0; i < n; i++)
        w.reads[off + i]++;
}

ssize_t platform_copy_in(struct space *s, void *dst, struct uaddr src, size_t size_bytes)
{
    size_t off = src.v - BASE, n = off < w.mapped ? MIN(size_bytes, w.mapped - off) : 0;
    w.mem_reads++;
    memcpy(dst, w.mem + off, n);
    count(off, n);
    return n ? (ssize_t)n : -EFAULT;
}

ssize_t platform_copy_out(struct space *s, struct uaddr dst, const void *src, size_t size_bytes)
{
    memcpy(w.mem + (dst.v - BASE), src, size_bytes);
    return (ssize_t)size_bytes;
}

size_t platform_near_in(struct thread *th, void *dst, struct uaddr src, size_t size_bytes)
{
    size_t off = src.v - BASE, n = off >= w.from && off < w.to ? MIN(size_bytes, w.to - off) : 0;
    memcpy(dst, w.then + off, n);
    count(off, n);
    return n;
}

bool platform_near_out(struct thread *th, struct uaddr dst, const void *src, size_t size_bytes)
{
    w.out_from = dst.v - BASE;
    w.out_to = w.out_from + size_bytes;
    memcpy(w.out + w.out_from, src, size_bytes);
    return true;
}

bool platform_near_pending(struct thread *th, struct uaddr a, size_t size_bytes)
{
    return a.v - BASE < w.out_to && w.out_from < a.v - BASE + size_bytes;
}

void platform_near_flush(struct thread *th)
{
    memcpy(w.mem + w.out_from, w.out + w.out_from, w.out_to - w.out_from);
    w.out_from = w.out_to = w.from = w.to = 0;
}

static int setup(void **state)
{
    memset(&w, 0, sizeof(w));
    memset(w.mem, 'x', SIZE);
    w.mapped = SIZE;
    w.mm.space = SPACE;
    w.t.mm = &w.mm;
    w.t.thread = THREAD;
    return 0;
}

static void stop_brings(size_t from, size_t to)
{
    memcpy(w.then, w.mem, SIZE);
    w.from = from;
    w.to = to;
}

static void test_near_alone(void **state)
{
    char s[64];
    strcpy(w.mem + 16, "a name");
    stop_brings(16, 23);
    assert_int_equal(copy_in_string(&w.t, s, UADDR(BASE + 16), sizeof(s)), 6);
    assert_string_equal(s, "a name");
    assert_int_equal(copy_in(&w.t, s, UADDR(BASE + 18), 4), 0);
    assert_memory_equal(s, "name", 4);
    assert_int_equal(w.mem_reads, 0);
}

/* What has been copied out since is what a handler reads, string or not. */
static void test_reads_what_it_wrote(void **state)
{
    char s[64];
    strcpy(w.mem + 16, "before");
    stop_brings(16, 23);
    assert_int_equal(copy_out(&w.t, UADDR(BASE + 16), "after", 6), 0);
    assert_memory_equal(w.mem + 16, "before", 6);
    assert_int_equal(copy_in_string(&w.t, s, UADDR(BASE + 16), sizeof(s)), 5);
    assert_string_equal(s, "after");

    strcpy(w.mem + 32, "before");
    stop_brings(32, 39);
    assert_int_equal(copy_out(&w.t, UADDR(BASE + 32), "after", 6), 0);
    assert_int_equal(copy_in(&w.t, s, UADDR(BASE + 33), 2), 0);
    assert_memory_equal(s, "ft", 2);
}

/* A string that the stop brought in part: the rest comes from memory, and no byte of it twice. */
static void test_string_in_parts(void **state)
{
    static char s[SIZE];
    w.mem[GUEST_PAGE_SIZE + 100] = '\0';
    stop_brings(40, 72);
    assert_int_equal(copy_in_string(&w.t, s, UADDR(BASE + 40), sizeof(s)), GUEST_PAGE_SIZE + 60);
    for (size_t i = 40; i <= GUEST_PAGE_SIZE + 100; i++)
        assert_int_equal(w.reads[i], 1);
}

static void test_string_errors(void **state)
{
    char s[64];
    stop_brings(40, 72);
    assert_int_equal(copy_in_string(&w.t, s, UADDR(BASE + 40), 64), -ENAMETOOLONG);
    assert_int_equal(copy_in_string(&w.t, s, UADDR(BASE + 40), 8), -ENAMETOOLONG);
    w.mapped = 80;
    assert_int_equal(copy_in_string(&w.t, s, UADDR(BASE + 40), 64), -EFAULT);
    assert_int_equal(copy_in_string(&w.t, s, UADDR(BASE + 80), 64), -EFAULT);
    assert_int_equal(copy_in_string(&w.t, s, UADDR(UINT64_MAX - 4), 64), -EFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_near_alone, setup),
        cmocka_unit_test_setup(test_reads_what_it_wrote, setup),
        cmocka_unit_test_setup(test_string_in_parts, setup),
        cmocka_unit_test_setup(test_string_errors, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
