/* sentry/fs/fs_fault_test.h - operations on a file system of its own whose n-th allocation fails, for every n: each ends with
 * an error that says so, and nothing is left when the file system is gone. Context: as fs_test.h. */
#pragma once
#include "host/thread.h"
#include "sentry/arena/slab.h"
#include "sentry/fs/fs_test.h"
#include "sentry/vfs/vfs_priv.h"

#include <sys/resource.h>

#define TRY(x)                                                                                     \
    do {                                                                                           \
        int64_t try_r_ = (x);                                                                      \
        if (try_r_ < 0)                                                                            \
            return try_r_;                                                                         \
    } while (0)

UNUSED static int64_t write_at(const char *path, size_t n, uint64_t off)
{
    static char buf[100000];
    int64_t fd = xopen(path, LINUX_O_CREAT | LINUX_O_RDWR, 0644);
    if (fd < 0)
        return fd;
    int64_t r = xpwrite(fd, buf, n, off);
    assert_int_equal(xclose(fd), 0);
    return r;
}

static void live_count(uint64_t live[SLAB_COUNT])
{
    for (unsigned i = 0; i < SLAB_COUNT; i++)
        live[i] = slab_live((enum slab_id)i);
}

/* One life of the file system, with `where` as the working directory of the script. */
static bool fault_round(int (*make)(struct super **ret), int64_t (*script)(void), const char *where,
                        uint64_t n)
{
    struct super *sb = NULL;
    arena_fail_after(n);
    int64_t r = make(&sb);
    if (r == 0) {
        bool failed = arena_failed();
        arena_fail_after(0);
        struct walk w;
        struct mount *m;
        assert_int_equal(walk_from(T, &world.root, where, 0, &w), 0);
        assert_int_equal(mount_add(sb, sb->root, &w.path, 0, "test", &m), 0);
        path_unref(&w.path);
        super_unref(sb);
        assert_int_equal(sys_chdir(T, ARGS6(str_at(0, where))), 0);
        arena_fail_after(failed ? 0 : n);
        r = script();
    }
    bool failed = arena_failed();
    arena_fail_after(0);
    if (r < 0)
        assert_true(failed && (r == -ENOMEM || r == -ENFILE || r == -EMFILE));
    if (sb) {
        struct walk w;
        assert_int_equal(sys_chdir(T, ARGS6(str_at(0, "/"))), 0);
        assert_int_equal(walk_from(T, &world.root, where, 0, &w), 0);
        assert_int_equal(vfs_umount(&w.path, 0), 0);
        path_unref(&w.path);
    }
    return failed;
}

/* `where` is an empty directory. */
UNUSED static void fault_all(int (*make)(struct super **ret), int64_t (*script)(void),
                             const char *where)
{
    uint64_t before[SLAB_COUNT], after[SLAB_COUNT];
    (void)fault_round(make, script, where, 0); /* names outside are in the cache from here on */
    live_count(before);
    uint64_t n = 1;
    while (fault_round(make, script, where, n)) {
        live_count(after);
        for (unsigned i = 0; i < SLAB_COUNT; i++)
            if (after[i] != before[i])
                fail_msg("allocation %u: %u of %s, not %u", (unsigned)n, (unsigned)after[i],
                         slab_name((enum slab_id)i), (unsigned)before[i]);
        n++;
    }
    assert_true(n > 10);
}

static int64_t deep_script(void)
{
    for (int i = 0; i < 20000; i++) {
        TRY(xmkdir("deep"));
        TRY(sys_chdir(T, ARGS6(str_at(0, "deep"))));
    }
    return 0;
}

/* A tree deeper than a stack of the kernel goes with its file system. */
UNUSED static void deep_all(int (*make)(struct super **ret), const char *where, enum slab_id id)
{
    struct rlimit old, small;
    uint64_t live = slab_live(id);
    assert_int_equal(getrlimit(RLIMIT_STACK, &old), 0);
    small = (struct rlimit){HOST_THREAD_STACK_BYTES, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_STACK, &small), 0);
    bool failed = fault_round(make, deep_script, where, 0);
    assert_int_equal(setrlimit(RLIMIT_STACK, &old), 0);
    assert_false(failed);
    assert_int_equal(slab_live(id), live);
}
