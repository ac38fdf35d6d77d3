/* Containers of one sandbox: trees, numbers and names of their own, or shared; and what is left when they are gone. */
#include "base/test.h"

#include "abi/fcntl.h"
#include "abi/sched.h"
#include "base/err.h"
#include "sentry/arena/slab.h"
#include "sentry/kernel.h"
#include "sentry/ns/container.h"
#include "sentry/ns/mount_ns.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/vfs_priv.h"
#include "wire/boot_config.h"

#include <string.h>

static const struct boot_config cfg = {.umask = -1};

static struct super *tree(void)
{
    struct super *sb;
    const struct fs_type *ft = fs_type_find("tmpfs");
    assert_int_equal(ft->mount(NULL, "tmpfs", 0, "", &sb), 0);
    return sb;
}

static int setup(void **state)
{
    int err = arena_init();
    err = err ? err : timers_init();
    err = err ? err : tasks_init();
    err = err ? err : vfs_init();
    kern()->ncpus = 1;
    struct super *sb = tree();
    struct task *t;
    err = err ? err : vfs_set_root(sb, 0, "first");
    super_unref(sb);
    return err ? err : task_new_init(&cfg, &t);
}

static int teardown(void **state)
{
    arena_done();
    return 0;
}

static struct nsset *spaces(const struct nsset *base, uint64_t flags, const char *host)
{
    struct container_spaces c = {
        .base = base, .flags = flags, .hostname = host, .root = tree(), .source = "root"};
    struct nsset *set;
    assert_int_equal(container_spaces_new(&c, &set), 0);
    super_unref(c.root);
    return set;
}

static struct task *process(struct nsset *set)
{
    struct task *t;
    assert_int_equal(task_new_in(&cfg, set, &t), 0);
    return t;
}

static unsigned mounts_of(const struct nsset *set)
{
    unsigned n = 0;
    const struct mount *m;
    LIST_FOREACH (m, &vfs()->mounts, node)
        n += &m->ns->ns == set->of[NS_MNT];
    return n;
}

static void test_own_everything(void **state)
{
    uint64_t before = slab_live(SLAB_MOUNT), sets = slab_live(SLAB_NSSET);
    struct nsset *set =
        spaces(NULL, LINUX_CLONE_NEWPID | LINUX_CLONE_NEWIPC | LINUX_CLONE_NEWUTS, "pod");
    struct task *a = process(set), *b = process(set);
    assert_int_equal(a->tg->vpid, 1);
    assert_int_equal(b->tg->vpid, 2);
    assert_int_equal(pid_named(a, 2), b->tid);
    assert_int_equal(pid_seen(NULL, b->tid), b->tid);
    assert_int_equal(pid_seen(a, kern()->tasks->init->pid), 0);
    assert_ptr_equal(a->fs->root->mnt->ns, task_mount_ns(a));
    assert_string_equal(task_uts(a)->hostname, "pod");
    assert_string_equal(task_uts(NULL)->hostname, "");
    assert_ptr_not_equal(task_ipc(a), task_ipc(NULL));
    assert_ptr_equal(task_ns(a, NS_NET), task_ns(NULL, NS_NET));
    /* Mounts go into its tree, and proc shows its numbers. */
    assert_int_equal(vfs_mount_at(a, "/proc", "proc", "proc", 0, ""), 0);
    assert_int_equal(vfs_mount_at(a, "/data/deep", "tmpfs", "none", 0, ""), 0);
    assert_int_equal(mounts_of(set), 3);
    assert_int_equal(mounts_of(kern()->ns->init), 1);
    struct walk w;
    assert_int_equal(walk_at(a, LINUX_AT_FDCWD, "/proc/2", 0, &w), 0);
    path_unref(&w.path);
    assert_int_equal(walk_at(a, LINUX_AT_FDCWD, "/proc/3", 0, &w), -ENOENT);
    /* Its processes, and their end. */
    assert_ptr_equal(container_next(set, 0), a->tg);
    assert_ptr_equal(container_next(set, a->tid), b->tg);
    assert_null(container_next(set, b->tid));
    nsset_unref(set);
    task_discard(b);
    task_discard(a);
    assert_int_equal(slab_live(SLAB_NSSET), sets);
    assert_int_equal(slab_live(SLAB_MOUNT), before);
    assert_int_equal(slab_live(SLAB_PID_NS), 1);
    assert_int_equal(kern()->ns->pid_spaces, 0);
}

static void test_shared_with_another(void **state)
{
    struct nsset *pause = spaces(NULL, LINUX_CLONE_NEWPID | LINUX_CLONE_NEWUTS, "shared");
    struct nsset *app = spaces(pause, 0, NULL);
    struct task *a = process(pause), *b = process(app);
    assert_int_equal(a->tg->vpid, 1);
    assert_int_equal(b->tg->vpid, 2);
    assert_true(a->tg->unkillable);
    assert_false(b->tg->unkillable);
    assert_ptr_equal(task_uts(a), task_uts(b));
    assert_ptr_not_equal(task_mount_ns(a), task_mount_ns(b));
    assert_ptr_equal(container_next(app, 0), b->tg);
    assert_ptr_equal(container_next(pause, 0), a->tg);
    /* A tree that one of them copies is the container's still. */
    struct nsset *copy;
    assert_int_equal(nsset_unshare(b, b->cred, b->fs, 0, &copy), -EPERM); /* no capability */
    struct ns *mn;
    assert_int_equal(mount_ns_copy(task_mount_ns(b), kern()->ns->user, b->fs, &mn), 0);
    copy = nsset_dup(b->ns);
    nsset_put(copy, mn);
    nsset_unref(b->ns);
    b->ns = copy;
    assert_ptr_equal(container_next(app, 0), b->tg);
    /* The end of the first is that of all. */
    task_discard(a);
    assert_true(b->tg->group_exit);
    task_exit(b);
    assert_int_equal(kern()->ns->pid_spaces, 1); /* the sets hold it */
    nsset_unref(app);
    nsset_unref(pause);
    assert_int_equal(kern()->ns->pid_spaces, 0);
    assert_int_equal(slab_live(SLAB_MOUNT_NS), 1);
}

static void test_nothing_is_left_of_a_failure(void **state)
{
    uint64_t sets = slab_live(SLAB_NSSET), mounts = slab_live(SLAB_MOUNT);
    struct container_spaces c = {.flags = LINUX_CLONE_NEWTIME, .root = tree(), .source = "root"};
    struct nsset *set;
    assert_int_equal(container_spaces_new(&c, &set), -EINVAL);
    super_unref(c.root);
    assert_int_equal(slab_live(SLAB_NSSET), sets);
    assert_int_equal(slab_live(SLAB_MOUNT), mounts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_own_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shared_with_another, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_is_left_of_a_failure, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
