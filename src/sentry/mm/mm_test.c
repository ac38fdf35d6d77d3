/* Random memory calls against a model with one entry a page: what the map says, and what the host was told (I2). The platform
 * and the parts of the kernel that mm/ calls are this file's own. */
#include "base/test.h"

#include "abi/resource.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/mapped_test.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/vfs/inode.h"

#include <string.h>

enum { PAGES = 200, SPARE = 64 };
#define BASE 0x10000000ULL

struct page {
    bool mapped;
    uint32_t prot;
    uint32_t id; /* of the mapping, with the page's number in it: what memory this is */
    uint32_t num;
    bool shared;
};
static struct page host[PAGES], model[PAGES];
static struct {
    struct task t;
    struct tgroup tg;
    uint32_t next_id;
    uint32_t ops;
    int fail;
    struct hostfile file;
} w;

static void each_page(struct urange r, struct page p)
{
    for (uint64_t a = r.start; a < r.end; a += GUEST_PAGE_SIZE, p.num++)
        if (a >= BASE && a < BASE + PAGES * GUEST_PAGE_SIZE)
            host[(a - BASE) / GUEST_PAGE_SIZE] = p;
}

static int op(void)
{
    w.ops++;
    return w.fail;
}

/* ---- the platform ---- */
int platform_map_anon(struct thread *th, struct urange r, uint32_t prot, uint32_t flags)
{
    if (op())
        return w.fail;
    each_page(r, (struct page){true, prot, w.next_id, 0, false});
    return 0;
}
int platform_map_file(struct thread *th, struct urange r, uint32_t prot, bool shared,
                      struct hostfile *f, uint64_t off)
{
    if (op())
        return w.fail;
    each_page(r, (struct page){true, prot, f->slot, (uint32_t)(off / GUEST_PAGE_SIZE), shared});
    return 0;
}
int platform_unmap(struct thread *th, struct urange r)
{
    if (op())
        return w.fail;
    for (uint64_t a = r.start; a < r.end; a += GUEST_PAGE_SIZE)
        each_page((struct urange){a, a + GUEST_PAGE_SIZE}, (struct page){0});
    return 0;
}
int platform_protect(struct thread *th, struct urange r, uint32_t prot)
{
    if (op())
        return w.fail;
    for (uint64_t i = (r.start - BASE) / GUEST_PAGE_SIZE; i < (r.end - BASE) / GUEST_PAGE_SIZE;
         i++) {
        assert_true(host[i].mapped);
        host[i].prot = prot;
    }
    return 0;
}
int platform_madvise(struct thread *th, struct urange r, uint32_t advice) { return op(); }
int platform_mremap(struct thread *th, struct urange from, struct urange to, uint32_t flags)
{
    static struct page moved[PAGES];
    uint64_t n = MIN(urange_len(from), urange_len(to)) / GUEST_PAGE_SIZE,
             f = (from.start - BASE) / GUEST_PAGE_SIZE;
    if (op())
        return w.fail;
    memcpy(moved, host + f, n * sizeof(*moved));
    struct page last = moved[n - 1];
    if (from.start != to.start && !(flags & LINUX_MREMAP_DONTUNMAP))
        for (uint64_t i = 0; i < urange_len(from) / GUEST_PAGE_SIZE; i++)
            host[f + i] = (struct page){0};
    for (uint64_t i = 0; i < urange_len(to) / GUEST_PAGE_SIZE; i++) {
        struct page p = i < n ? moved[i] : last;
        if (i >= n)
            p.num = last.num + (uint32_t)(i - n + 1);
        host[(to.start - BASE) / GUEST_PAGE_SIZE + i] = p;
    }
    return 0;
}
int platform_native_call(struct thread *th, uint64_t nr, const uint64_t args[6]) { return op(); }
ssize_t platform_copy_in(struct space *s, void *dst, struct uaddr src, size_t n) { return -EFAULT; }
ssize_t platform_copy_out(struct space *s, struct uaddr dst, const void *src, size_t n)
{
    return -EFAULT;
}

/* ---- the rest of the kernel ---- */
bool task_capable(const struct task *t, int cap) { return false; }
void tgroup_exit(struct tgroup *tg, int32_t wait_status) { tg->group_exit = true; }
struct file *file_unref(struct file *f)
{
    assert_false(ref_put(&f->ref));
    return NULL;
}

static int mappable(struct file *f, bool shared, bool writable, struct hostfile **ret)
{
    *ret = hostfile_ref(&w.file);
    return 0;
}
static const struct file_ops file_ops = {.name = "test", .mappable = mappable};
static struct inode file_inode;
static struct file file_rw = {
    .ops = &file_ops, .inode = &file_inode, .can_read = true, .can_write = true};
static struct file file_ro = {.ops = &file_ops, .inode = &file_inode, .can_read = true};

static int setup(void **state)
{
    int err = arena_init();
    if (err)
        return err;
    memset(&w, 0, sizeof(w));
    memset(host, 0, sizeof(host));
    memset(model, 0, sizeof(model));
    ref_init(&w.file.ref);
    ref_init(&file_rw.ref);
    ref_init(&file_ro.ref);
    w.file.slot = 1;
    w.next_id = 2;
    w.t.tg = &w.tg;
    for (int i = 0; i < LINUX_RLIM_NLIMITS; i++)
        w.tg.rlim[i].rlim_cur = LINUX_RLIM_INFINITY;
    w.t.mm = mm_new();
    return w.t.mm ? 0 : -1;
}

static int teardown(void **state)
{
    mm_check(w.t.mm);
    (void)mm_unref(w.t.mm);
    assert_int_equal(slab_live(SLAB_VMA), 0);
    assert_int_equal(slab_live(SLAB_MM), 0);
    assert_int_equal(ref_count(&w.file.ref), 1);
    assert_int_equal(ref_count(&file_rw.ref), 1);
    arena_done();
    return 0;
}

#define RW    (LINUX_PROT_READ | LINUX_PROT_WRITE)
#define ANON  (LINUX_MAP_PRIVATE | LINUX_MAP_ANONYMOUS)
#define FIXED (LINUX_MAP_FIXED)
#define P     GUEST_PAGE_SIZE

/* The map, the model and the host agree about every page. */
static void compare(void)
{
    mm_check(w.t.mm);
    for (uint64_t i = 0; i < PAGES; i++) {
        uint64_t a = BASE + i * P;
        const struct vma *v = mm_find(w.t.mm, a);
        assert_int_equal(v != NULL, model[i].mapped);
        assert_int_equal(host[i].mapped, model[i].mapped);
        if (!v)
            continue;
        assert_int_equal(v->prot, model[i].prot);
        assert_int_equal(host[i].prot, model[i].prot);
        assert_int_equal(vma_shared(v), model[i].shared);
        assert_int_equal(v->host != NULL, model[i].id == 1);
        if (v->host) {
            assert_int_equal(v->off_bytes + (a - v->range.start), model[i].num * P);
            assert_int_equal(host[i].num, model[i].num);
        }
    }
}

static void model_map(uint64_t at, uint64_t n, uint32_t prot, bool file, uint64_t off, bool shared)
{
    for (uint64_t i = 0; i < n; i++)
        model[at + i] = (struct page){true, prot, file ? 1 : 2, (uint32_t)(off + i), shared};
}

static void step(uint64_t *seed)
{
    static const uint32_t prots[] = {LINUX_PROT_NONE, LINUX_PROT_READ, RW,
                                     LINUX_PROT_READ | LINUX_PROT_EXEC};
    uint64_t at = test_random(seed) % PAGES, n = 1 + test_random(seed) % 12;
    uint32_t prot = prots[test_random(seed) % 4];
    n = MIN(n, PAGES - at);
    uint64_t addr = BASE + at * P;
    bool full = true, one = true;
    uint64_t ok = n;
    for (uint64_t i = 0; i < n; i++)
        if (!model[at + i].mapped) {
            full = false;
            ok = MIN(ok, i);
        }
    const struct vma *v = mm_find(w.t.mm, addr);
    one = full && v && v->range.end >= addr + n * P;
    int64_t r;
    switch (test_random(seed) % 8) {
    case 0:
    case 1:
        r = mm_map(&w.t, addr, n * P, prot, ANON | FIXED, NULL, 0);
        assert_int_equal(r, addr);
        model_map(at, n, prot, false, 0, false);
        break;
    case 2: {
        bool shared = test_random(seed) % 2;
        uint64_t off = test_random(seed) % 4 ? at : test_random(seed) % 50;
        r = mm_map(&w.t, addr, n * P, prot, (shared ? LINUX_MAP_SHARED : LINUX_MAP_PRIVATE) | FIXED,
                   &file_rw, off * P);
        assert_int_equal(r, addr);
        model_map(at, n, prot, true, off, shared);
        break;
    }
    case 3:
        assert_int_equal(mm_unmap(&w.t, addr, n * P), 0);
        for (uint64_t i = 0; i < n; i++)
            model[at + i] = (struct page){0};
        break;
    case 4:
    case 5:
        r = mm_protect(&w.t, addr, n * P, prot);
        assert_int_equal(r, full ? 0 : -ENOMEM);
        for (uint64_t i = 0; i < ok; i++)
            model[at + i].prot = prot;
        break;
    case 6: {
        uint64_t to = test_random(seed) % PAGES, n2 = 1 + test_random(seed) % 12;
        n2 = MIN(n2, PAGES - to);
        if (to < at + n && at < to + n2)
            break;
        /* what shrinks needs only its first part to be one VMA */
        bool src = v && v->range.end >= addr + MIN(n, n2) * P;
        r = mm_remap(&w.t, addr, n * P, n2 * P, LINUX_MREMAP_MAYMOVE | LINUX_MREMAP_FIXED,
                     BASE + to * P);
        assert_int_equal(r, src ? (int64_t)(BASE + to * P) : -EFAULT);
        if (!src) { /* room was made, and the rest cut off */
            for (uint64_t i = 0; v && i < n2; i++)
                model[to + i] = (struct page){0};
            for (uint64_t i = n2; v && i < n; i++)
                model[at + i] = (struct page){0};
            break;
        }
        static struct page tmp[PAGES];
        memcpy(tmp, model + at, n * sizeof(*tmp));
        for (uint64_t i = 0; i < n; i++)
            model[at + i] = (struct page){0};
        for (uint64_t i = 0; i < n2; i++) {
            model[to + i] = tmp[MIN(i, n - 1)];
            if (i >= n)
                model[to + i].num = tmp[n - 1].num + (uint32_t)(i - n + 1);
        }
        break;
    }
    default:
        r = mm_madvise(&w.t, addr, n * P,
                       test_random(seed) % 2 ? LINUX_MADV_DONTFORK : LINUX_MADV_DOFORK);
        assert_int_equal(r, full ? 0 : -ENOMEM);
        break;
    }
    (void)one;
}

static void test_random_ops(void **state)
{
    uint64_t seed = 42;
    for (int i = 0; i < 6000; i++) {
        step(&seed);
        compare();
    }
    struct mm *child = mm_fork(w.t.mm);
    assert_non_null(child);
    mm_check(child);
    (void)mm_unref(child);
}

static void test_faults(void **state)
{
    static struct page before[PAGES];
    uint64_t seed = 7, failures = 0;
    for (int i = 0; i < 3000; i++) {
        uint64_t at = test_random(&seed) % (PAGES - 16), n = 1 + test_random(&seed) % 12,
                 kind = test_random(&seed) % 4;
        memcpy(before, host, sizeof(before));
        arena_fail_after(1 + test_random(&seed) % 3);
        int64_t r = kind == 0   ? mm_map(&w.t, BASE + at * P, n * P, RW, ANON | FIXED, NULL, 0)
                    : kind == 1 ? mm_unmap(&w.t, BASE + at * P, n * P)
                    : kind == 2 ? mm_protect(&w.t, BASE + at * P, n * P, LINUX_PROT_READ)
                                : mm_madvise(&w.t, BASE + at * P, n * P, LINUX_MADV_DONTFORK);
        bool failed = arena_failed();
        arena_fail_after(0);
        if (failed && kind != 3) {
            assert_int_equal(r, -ENOMEM);
            failures++;
            assert_memory_equal(before, host, sizeof(before));
        }
        mm_check(w.t.mm);
        for (uint64_t k = 0; k < PAGES; k++)
            assert_int_equal(mm_find(w.t.mm, BASE + k * P) != NULL, host[k].mapped);
    }
    assert_true(failures > 100);
    w.fail = -EAGAIN;
    assert_int_equal(mm_map(&w.t, BASE, P, RW, ANON | FIXED, NULL, 0), -EBLOCKED);
    w.fail = 0;
}

static void test_errors(void **state)
{
    struct task *t = &w.t;
    assert_int_equal(mm_map(t, 0, 0, RW, ANON, NULL, 0), -EINVAL);
    assert_int_equal(mm_map(t, 0, UINT64_MAX, RW, ANON, NULL, 0), -ENOMEM);
    assert_int_equal(mm_map(t, 0, SPACE_END, RW, ANON, NULL, 0), -ENOMEM);
    assert_int_equal(mm_map(t, 0, P, RW, LINUX_MAP_ANONYMOUS, NULL, 0), -EINVAL);
    assert_int_equal(mm_map(t, BASE + 1, P, RW, ANON | FIXED, NULL, 0), -EINVAL);
    assert_int_equal(mm_map(t, 0, P, RW, ANON | FIXED, NULL, 0), -EPERM);
    assert_int_equal(mm_map(t, SPACE_END, P, RW, ANON | FIXED, NULL, 0), -ENOMEM);
    assert_int_equal(mm_map(t, 0, P, RW, ANON | LINUX_MAP_HUGETLB, NULL, 0), -ENOMEM);
    assert_int_equal(mm_map(t, 0, P, RW, LINUX_MAP_SHARED, &file_ro, 0), -EACCES);
    assert_int_equal(mm_map(t, BASE, P, RW, ANON | LINUX_MAP_FIXED_NOREPLACE, NULL, 0), BASE);
    assert_int_equal(mm_map(t, BASE, P, RW, ANON | LINUX_MAP_FIXED_NOREPLACE, NULL, 0), -EEXIST);
    assert_int_equal(mm_map(t, BASE + P, P, LINUX_PROT_READ, LINUX_MAP_SHARED | FIXED, &file_ro, 0),
                     BASE + P);
    assert_int_equal(mm_protect(t, BASE, 2 * P, RW), -EACCES);
    assert_int_equal(mm_protect(t, BASE, 0, RW), 0);
    assert_int_equal(mm_protect(t, BASE, P, 0x40), -EINVAL);
    assert_int_equal(mm_unmap(t, BASE, 0), -EINVAL);
    assert_int_equal(mm_unmap(t, BASE + 5, P), -EINVAL);
    assert_int_equal(mm_unmap(t, BASE + 100 * P, P), 0);
    assert_int_equal(mm_remap(t, BASE + 50 * P, P, P, 0, 0), -EFAULT);
    assert_int_equal(mm_remap(t, BASE, P, 4 * P, 0, 0), -ENOMEM);
    assert_int_equal(mm_remap(t, BASE, P, 0, 0, 0), -EINVAL);
    assert_int_equal(mm_remap(t, BASE, P, P, LINUX_MREMAP_FIXED, BASE), -EINVAL);
    assert_int_equal(mm_madvise(t, BASE, P, 77), -EINVAL);
    assert_int_equal(mm_madvise(t, BASE, 4 * P, LINUX_MADV_NORMAL), -ENOMEM);
    assert_int_equal(mm_msync(t, BASE, P, LINUX_MS_SYNC | LINUX_MS_ASYNC), -EINVAL);
    assert_int_equal(mm_msync(t, BASE, 3 * P, LINUX_MS_SYNC), -ENOMEM);
    w.tg.rlim[LINUX_RLIMIT_AS].rlim_cur = 8 * P;
    assert_int_equal(mm_map(t, 0, 7 * P, RW, ANON, NULL, 0), -ENOMEM);
    w.tg.rlim[LINUX_RLIMIT_MEMLOCK].rlim_cur = 0;
    assert_int_equal(mm_lock(t, BASE, P, false), -EPERM);
    w.tg.rlim[LINUX_RLIMIT_MEMLOCK].rlim_cur = P;
    assert_int_equal(mm_lock(t, BASE, 2 * P, false), -ENOMEM);
    assert_int_equal(mm_lock(t, BASE, P, false), 0);
    assert_int_equal(t->mm->locked_pages, 1);
    assert_int_equal(mm_unlock(t, BASE, 2 * P), 0);
    assert_int_equal(t->mm->locked_pages, 0);
}

static void test_place(void **state)
{
    struct task *t = &w.t;
    t->mm->mmap_base = BASE + PAGES * P;
    uint64_t a = (uint64_t)mm_map(t, 0, 4 * P, RW, ANON, NULL, 0);
    assert_int_equal(a, t->mm->mmap_base - 4 * P);
    uint64_t b = (uint64_t)mm_map(t, 0, 4 * P, LINUX_PROT_READ, ANON, NULL, 0);
    assert_int_equal(b, a - 4 * P);
    uint64_t c = (uint64_t)mm_map(t, 0, 8 * P, RW, ANON, NULL, 0);
    assert_int_equal(mm_unmap(t, b, 4 * P), 0);
    assert_int_equal(mm_map(t, 0, 5 * P, RW, ANON, NULL, 0), c - 5 * P);
    assert_int_equal(mm_map(t, 0, 3 * P, RW, ANON, NULL, 0), b + P); /* the hole that was freed */
    assert_int_equal(mm_map(t, 0, P, RW, ANON, NULL, 0), b);
    assert_int_equal(mm_map(t, 0, P, RW, ANON | LINUX_MAP_32BIT, NULL, 0), 0x40000000);
    assert_int_equal(mm_map(t, 0x50000123, P, RW, ANON, NULL, 0), 0x50000000);
    t->mm->brk_start = t->mm->brk = BASE + 10 * P;
    assert_int_equal(mm_brk(t, 0), BASE + 10 * P);
    assert_int_equal(mm_brk(t, BASE + 12 * P + 5), BASE + 12 * P + 5);
    assert_true(host[12].mapped && !host[13].mapped);
    assert_int_equal(mm_brk(t, BASE + 11 * P), BASE + 11 * P);
    assert_false(host[12].mapped);
    assert_int_equal(mm_brk(t, BASE + 190 * P), BASE + 11 * P); /* something is in the way */
}

static void test_failed(void **state)
{
    struct task *t = &w.t;
    assert_int_equal(mm_map(t, BASE, 4 * P, RW, ANON | FIXED, NULL, 0), BASE);
    assert_int_equal(mm_map_failed(t, -ENOMEM), -ENOMEM);
    assert_null(mm_find(t->mm, BASE));
    assert_int_equal(mm_map(t, BASE, 4 * P, RW, ANON | FIXED, NULL, 0), BASE);
    assert_int_equal(mm_protect(t, BASE + P, P, LINUX_PROT_READ), 0);
    assert_int_equal(mm_map_failed(t, -ENOMEM), -ENOMEM);
    assert_int_equal(mm_find(t->mm, BASE)->range.end, BASE + 4 * P);
    assert_int_equal(
        mm_remap(t, BASE, 4 * P, 4 * P, LINUX_MREMAP_MAYMOVE | LINUX_MREMAP_FIXED, BASE + 20 * P),
        BASE + 20 * P);
    assert_int_equal(mm_map_failed(t, -EFAULT), -ENOMEM);
    assert_non_null(mm_find(t->mm, BASE + 3 * P));
    assert_null(mm_find(t->mm, BASE + 20 * P));
}

static void test_stack(void **state)
{
    struct task *t = &w.t;
    uint64_t top = 0x20000000, size = 4 * P;
    w.tg.rlim[LINUX_RLIMIT_STACK].rlim_cur = 2 << 20;
    assert_int_equal(mm_map(t, top - size, size, RW, ANON | FIXED | LINUX_MAP_GROWSDOWN, NULL, 0),
                     top - size);
    assert_false(mm_stack_fault(t, top - size));
    assert_false(mm_stack_fault(t, top - (3 << 20)));
    assert_true(mm_stack_fault(t, top - size - 8));
    assert_true(mm_find(t->mm, top - 1)->range.start <= top - size - P);
    assert_true(mm_stack_fault(t, top - (2 << 20)));
    assert_int_equal(mm_find(t->mm, top - 1)->range.start, top - (2 << 20));
    assert_int_equal(t->mm->stack_pages, (2 << 20) / P);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random_ops, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stack, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
