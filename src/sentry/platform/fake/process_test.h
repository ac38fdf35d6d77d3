/* sentry/platform/fake/process_test.h - for unit tests: the first process on the fake platform, and the calls it makes. */
#pragma once
#include "abi/sched.h"
#include "abi/signal.h"
#include "abi/syscall_nr.h"
#include "sentry/kernel.h"
#include "sentry/platform/fake/fake.h"
#include "sentry/task/process_test.h"

/* Process 1, about to run. */
UNUSED static struct task *fake_init(uint64_t limits, uint64_t caps)
{
    struct task *t = process_make(NULL, limits, caps);
    t->fs = SLAB_NEW(FSCTX, struct fsctx);
    assert_non_null(t->fs);
    ref_init(&t->fs->ref);
    kern()->tasks->init = t->tg;
    assert_int_equal(platform_space_new(t, &t->thread), 0);
    t->mm->space = platform_space(t->thread);
    return t;
}

/* CALL(task, name, up to five arguments): by notification; TRAP: with the whole context. */
#define CALL(t, nr, ...) CALL_(fake_syscall, (t), LINUX_SYS_##nr, ##__VA_ARGS__, 0, 0, 0, 0, 0)
#define TRAP(t, nr, ...) CALL_(fake_trap, (t), LINUX_SYS_##nr, ##__VA_ARGS__, 0, 0, 0, 0, 0)
#define CALL_(how, t, nr, a, b, c, d, e, ...)                                                      \
    how((t), (nr), (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e))

UNUSED static int64_t result_of(const struct task *t)
{
    assert_int_equal(t->thread->did, FAKE_RETURNED);
    return t->thread->value;
}

/* A child by clone(2), with further flags, about to run. */
UNUSED static struct task *do_fork(struct task *t, uint64_t flags)
{
    TRAP(t, clone, flags | LINUX_CLONE_FS | LINUX_CLONE_FILES | LINUX_SIGCHLD, 0, 0, 0, 0);
    int64_t pid = result_of(t);
    assert_true(pid > 1);
    struct task *c = task_find((int32_t)pid);
    assert_non_null(c);
    assert_int_equal(c->thread->did, FAKE_RESUMED);
    return c;
}
