/* Frames that an application forged in its own area. */
#include "base/test.h"

#include "sentry/platform/stubs/stubs_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static struct regs a_regs, b_regs;
static struct thread a = {.slot = 1, .regs = &a_regs}, b = {.slot = 2, .regs = &b_regs};

static int setup(void **state)
{
    void *p = mmap((void *)(uintptr_t)AREAS_BASE, 3 * STUB_AREA_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    return p == MAP_FAILED ? -1 : 0;
}

static struct linux_ucontext *frame_at(struct thread *th, uint64_t off)
{
    thread_ctl(th)->uc = thread_area_addr(th) + off;
    return (struct linux_ucontext *)(void *)(thread_area(th) + off);
}

static void test_bounds(void **state)
{
    const uint64_t last = STUB_AREA_SIZE - sizeof(struct linux_ucontext);
    static const uint64_t bad[] = {0,
                                   1,
                                   STUB_AREA_COPY,
                                   STUB_AREA_STACK - 8,
                                   STUB_AREA_SIZE,
                                   STUB_AREA_SIZE - 8,
                                   STUB_AREA_STACK + 4};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        frame_at(&a, bad[i]);
        assert_int_equal(context_load(&a), -EINVAL);
    }
    static const uint64_t wild[] = {
        0,          UINT64_MAX, UINT64_MAX - 7,
        STUB_AREAS, STUB_TEXT,  AREAS_BASE + STUB_AREA_SIZE + STUB_AREA_STACK};
    for (size_t i = 0; i < ARRAY_SIZE(wild); i++) {
        thread_ctl(&a)->uc = wild[i];
        assert_int_equal(context_load(&a), -EINVAL);
    }
    frame_at(&a, last & ~7ULL)->uc_mcontext.rip = 0x1234;
    assert_int_equal(context_load(&a), 0);
    assert_int_equal(a_regs.rip, 0x1234);
    /* another thread's area is not this thread's */
    thread_ctl(&a)->uc = thread_area_addr(&b) + STUB_AREA_FRAME;
    assert_int_equal(context_load(&a), -EINVAL);
}

static void test_round_trip(void **state)
{
    context_fresh(&a);
    a_regs.rax = 1;
    a_regs.r15 = 2;
    a_regs.rip = 3;
    context_store(&a);
    a_regs = (struct regs){0};
    assert_int_equal(context_load(&a), 0);
    assert_int_equal(a_regs.rax, 1);
    assert_int_equal(a_regs.r15, 2);
    assert_int_equal(a_regs.rip, 3);
    const void *fp;
    assert_int_equal(platform_fpstate(&a, &fp), 0); /* a first frame has the initial state */
}

static void test_copy_keeps_pointers_inside(void **state)
{
    struct linux_ucontext *uc = frame_at(&a, STUB_AREA_FRAME);
    memset(uc, 0, sizeof(*uc));
    uc->uc_mcontext.fpstate = thread_area_addr(&a) + STUB_AREA_FRAME + 0x400;
    assert_int_equal(context_load(&a), 0);
    context_copy(&a, &b);
    const struct linux_ucontext *copy =
        (const struct linux_ucontext *)(void *)(thread_area(&b) + STUB_AREA_FRAME);
    assert_int_equal(copy->uc_mcontext.fpstate, thread_area_addr(&b) + STUB_AREA_FRAME + 0x400);
    assert_int_equal(copy->uc_stack.ss_sp, thread_area_addr(&b) + STUB_AREA_STACK);
    uc->uc_mcontext.fpstate = thread_area_addr(&b) + STUB_AREA_FRAME; /* forged: not its own */
    context_copy(&a, &b);
    assert_int_equal(copy->uc_mcontext.fpstate, 0);
}

static void test_vector_state(void **state)
{
    struct linux_ucontext *uc = frame_at(&a, STUB_AREA_FRAME);
    uint8_t area[2048] = {0};
    struct linux_fpstate *in = (struct linux_fpstate *)(void *)area;
    const void *fp;
    assert_int_equal(context_load(&a), 0);
    uc->uc_mcontext.fpstate = thread_area_addr(&a) + STUB_AREA_SIZE - 600;
    struct linux_fpstate *have =
        (struct linux_fpstate *)(void *)(thread_area(&a) + STUB_AREA_SIZE - 600);
    memset(have, 0, 600);
    assert_int_equal(platform_fpstate(&a, &fp), sizeof(struct linux_fpstate));
    /* a size that would leave the area counts as the plain one */
    have->sw_reserved.magic1 = LINUX_FP_XSTATE_MAGIC1;
    have->sw_reserved.extended_size = 5000;
    assert_int_equal(platform_fpstate(&a, &fp), sizeof(struct linux_fpstate));
    assert_int_equal(platform_set_fpstate(&a, area, 100), -EINVAL);
    assert_int_equal(platform_set_fpstate(&a, area, sizeof(area)), -EINVAL);
    in->mxcsr = 0x10000;
    assert_int_equal(platform_set_fpstate(&a, area, sizeof(*in)), -EINVAL);
    in->mxcsr = 0x1f80;
    in->sw_reserved.magic1 = LINUX_FP_XSTATE_MAGIC1;
    in->sw_reserved.extended_size = 5000; /* claims more than it brings */
    assert_int_equal(platform_set_fpstate(&a, area, sizeof(*in)), 0);
    assert_int_equal(have->sw_reserved.magic1, 0);
    assert_int_equal(have->mxcsr, 0x1f80);
    assert_int_equal(platform_set_fpstate(&a, NULL, 0), 0);
    assert_int_equal(uc->uc_mcontext.fpstate, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_copy_keeps_pointers_inside),
        cmocka_unit_test(test_vector_state),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
