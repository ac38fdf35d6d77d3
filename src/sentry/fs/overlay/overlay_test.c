/* The overlay over a tmpfs, through the system calls: what is seen, what is copied, and that nothing below changes. */
#include "sentry/fs/fs_fault_test.h"

#include "sentry/fs/overlay/overlay.h"
#include "sentry/fs/overlay/overlay_priv.h"
#include "sentry/fs/tmpfs/tmpfs.h"

/* A tmpfs at /lN filled by the test, and the overlay over it at /oN. */
static struct super *lower_new(const char *where)
{
    struct super *sb;
    assert_int_equal(tmpfs_new(NULL, &sb), 0);
    mount_here(sb, where);
    return sb;
}

static void over(struct super *lower, const char *where)
{
    struct super *sb;
    assert_int_equal(overlay_over(lower, NULL, &sb), 0);
    mount_here(sb, where);
}

static uint64_t ino_of(const char *path)
{
    struct linux_stat st = {0};
    assert_int_equal(xlstat(path, &st), 0);
    return st.st_ino;
}

static void test_copy_up(void **state)
{
    struct linux_stat a = {0}, b = {0};
    static char buf[16];
    struct super *l = lower_new("/l1");
    assert_int_equal(xmkdir("/l1/d"), 0);
    put("/l1/d/f", "lower");
    put("/l1/d/t", "truncated");
    assert_int_equal(xlink("/l1/d/f", "/l1/hard"), 0);
    over(l, "/o1");
    assert_int_equal(xlstat("/o1/d/f", &a), 0);
    int64_t old = xopen("/o1/d/f", LINUX_O_RDONLY, 0);
    int64_t fd = xopen("/o1/d/f", LINUX_O_RDWR, 0);
    assert_int_equal(xpread(fd, buf, 5, 0), 5);
    assert_int_equal(xpwrite(fd, "UP", 2, 3), 2);
    expect("/o1/d/f", "lowUP");
    expect("/o1/hard", "lowUP"); /* the other name is the same file */
    assert_int_equal(xpread(old, buf, 5, 0), 5);
    assert_memory_equal(buf, "lowUP", 5);
    expect("/l1/d/f", "lower");
    assert_int_equal(xlstat("/o1/d/f", &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    assert_int_equal(a.st_dev, b.st_dev);
    assert_int_equal(b.st_nlink, 2);
    xclose(fd);
    xclose(old);
    /* Attributes copy no data, and stay above. */
    assert_int_equal(xchmod("/o1/d/t", 0600), 0);
    assert_int_equal(xlstat("/o1/d/t", &a), 0);
    assert_int_equal(a.st_mode, LINUX_S_IFREG | 0600);
    assert_int_equal(xlstat("/l1/d/t", &b), 0);
    assert_int_equal(b.st_mode, LINUX_S_IFREG | 0644);
    assert_int_equal(xtruncate("/o1/d/t", 5), 0);
    expect("/o1/d/t", "trunc");
    assert_int_equal(xtruncate("/o1/d/t", 7), 0);
    put("/o1/d/t", "new");
    expect("/o1/d/t", "new");
    expect("/l1/d/t", "truncated");
}

/* The copy itself is no change of the file: only what caused it is. */
static void test_copy_keeps_times(void **state)
{
    struct super *l = lower_new("/l2");
    put("/l2/f", "text");
    over(l, "/o2");
    struct walk w;
    assert_int_equal(walk_from(T, &world.root, "/o2/f", 0, &w), 0);
    struct inode *i = w.path.dentry->inode;
    int64_t mtime = i->mtime_ns, ctime = i->ctime_ns;
    assert_int_equal(ov_copy_up(ov_i(i), UINT64_MAX, NULL), 0);
    assert_true(ov_is(ov_i(i), OV_COPIED));
    assert_int_equal(i->size, 4);
    assert_int_equal(i->mtime_ns, mtime);
    assert_int_equal(i->ctime_ns, ctime);
    path_unref(&w.path);
    expect("/o2/f", "text");
}

/* While a copy waits for the host, somebody else writes the file. */
static struct inode *raced;
static ssize_t read_slowly(struct file *f, struct uio *u, int64_t *pos)
{
    struct inode *i = TAKE(raced);
    struct linux_stat st = {0};
    if (i) {
        assert_int_equal(xlstat("/o8/f", &st), 0);
        assert_int_equal(st.st_size, 5);
        int64_t fd = xopen("/o8/f", LINUX_O_WRONLY, 0);
        assert_int_equal(xpwrite(fd, "FI", 2, 0), 2);
        xclose(fd);
    }
    return tmpfs_reg_fops.read(f, u, pos);
}

static void test_copy_race(void **state)
{
    static const struct file_ops slow = {.name = "slow", .read = read_slowly};
    struct super *l = lower_new("/l8");
    put("/l8/f", "first");
    over(l, "/o8");
    struct walk w;
    assert_int_equal(walk_from(T, &world.root, "/o8/f", 0, &w), 0);
    raced = w.path.dentry->inode;
    assert_int_equal(ov_hold(ov_i(raced)), 0);
    ov_i(raced)->lower->inode->fops = &slow;
    int64_t fd = xopen("/o8/f", LINUX_O_WRONLY, 0);
    assert_int_equal(xpwrite(fd, "ST", 2, 3), 2);
    assert_null(raced);
    xclose(fd);
    expect("/o8/f", "FIrST");
    path_unref(&w.path);
}

static void test_names(void **state)
{
    char names[256];
    struct super *l = lower_new("/l3");
    assert_int_equal(xmkdir("/l3/d"), 0);
    assert_int_equal(xmkdir("/l3/empty"), 0);
    put("/l3/a", "a");
    put("/l3/b", "b");
    put("/l3/d/x", "x");
    put("/l3/d/y", "y");
    over(l, "/o3");
    put("/o3/c", "c");
    assert_int_equal(xunlink("/o3/a"), 0);
    assert_int_equal(exists("/o3/a"), -ENOENT);
    list("/o3", names, sizeof(names), 64);
    assert_string_equal(names, "c d empty b ");
    assert_int_equal(xrmdir("/o3/d"), -ENOTEMPTY);
    assert_int_equal(xrmdir("/o3/empty"), 0);
    /* A directory at the place of a removed one does not show what was in it. */
    assert_int_equal(xunlink("/o3/d/x"), 0);
    assert_int_equal(xunlink("/o3/d/y"), 0);
    list("/o3/d", names, sizeof(names), 64);
    assert_string_equal(names, "");
    assert_int_equal(xrmdir("/o3/d"), 0);
    assert_int_equal(xmkdir("/o3/d"), 0);
    list("/o3/d", names, sizeof(names), 64);
    assert_string_equal(names, "");
    assert_int_equal(exists("/o3/d/x"), -ENOENT);
    put("/o3/a", "again");
    expect("/o3/a", "again");
    list("/l3", names, sizeof(names), 4096);
    assert_string_equal(names, "d empty a b ");
    expect("/l3/d/x", "x");
}

static void test_renames(void **state)
{
    char names[256];
    struct super *l = lower_new("/l4");
    assert_int_equal(xmkdir("/l4/d"), 0);
    assert_int_equal(xmkdir("/l4/d/sub"), 0);
    assert_int_equal(xmkdir("/l4/to"), 0);
    assert_int_equal(xmkdir("/l4/none"), 0);
    put("/l4/d/sub/f", "deep");
    put("/l4/d/g", "g");
    put("/l4/h", "h");
    over(l, "/o4");
    uint64_t ino = ino_of("/o4/d");
    /* A directory of below moves with all that is in it. */
    assert_int_equal(xrename("/o4/d", "/o4/to", 0), 0); /* the target is empty */
    assert_int_equal(exists("/o4/d"), -ENOENT);
    assert_int_equal(ino_of("/o4/to"), ino);
    expect("/o4/to/sub/f", "deep");
    put("/o4/to/sub/new", "n");
    put("/o4/to/sub/f", "changed");
    list("/o4/to/sub", names, sizeof(names), 4096);
    assert_string_equal(names, "new f ");
    assert_int_equal(xrename("/o4/to/sub", "/o4/sub", 0), 0);
    expect("/o4/sub/f", "changed");
    assert_int_equal(exists("/o4/to/sub"), -ENOENT);
    assert_int_equal(xrename("/o4/none", "/o4/sub", 0), -ENOTEMPTY);
    assert_int_equal(xrename("/o4/sub", "/o4/sub/in", 0), -EINVAL);
    /* Files over files, one from each side. */
    assert_int_equal(xrename("/o4/h", "/o4/to/g", LINUX_RENAME_NOREPLACE), -EEXIST);
    assert_int_equal(xrename("/o4/h", "/o4/to/g", LINUX_RENAME_EXCHANGE), 0);
    expect("/o4/h", "g");
    expect("/o4/to/g", "h");
    assert_int_equal(xrename("/o4/h", "/o4/to/g", 0), 0);
    expect("/o4/to/g", "g");
    assert_int_equal(exists("/o4/h"), -ENOENT);
    expect("/l4/h", "h");
    expect("/l4/d/sub/f", "deep");
    list("/l4", names, sizeof(names), 4096);
    assert_string_equal(names, "d to none h ");
}

static struct ov_inode *object_of(const char *path)
{
    struct walk w;
    assert_int_equal(walk_from(T, &world.root, path, WALK_NOFOLLOW, &w), 0);
    struct ov_inode *o = ov_i(w.path.dentry->inode); /* the cache keeps it */
    path_unref(&w.path);
    return o;
}

/* A file that nobody has changed holds nothing below until its names or itself change. */
static void test_light(void **state)
{
    static char buf[16]; /* the stack may lie above the application range */
    struct super *l = lower_new("/l10");
    assert_int_equal(xmkdir("/l10/d"), 0);
    put("/l10/f", "f");
    put("/l10/g", "g");
    put("/l10/h", "h");
    put("/l10/d/m", "m");
    put("/l10/one", "one");
    assert_int_equal(xlink("/l10/one", "/l10/two"), 0);
    assert_int_equal(xsymlink("d/m", "/l10/s"), 0);
    over(l, "/o10");
    uint64_t f = ino_of("/o10/f"), g = ino_of("/o10/g");
    int64_t fd = xopen("/o10/f", LINUX_O_RDONLY, 0);
    assert_int_equal(xpread(fd, buf, 1, 0), 1);
    assert_true(ov_is_light(object_of("/o10/f")));
    assert_true(ov_is_light(object_of("/o10/s")));
    assert_false(ov_is_light(object_of("/o10/d")));
    assert_false(ov_is_light(object_of("/o10/one"))); /* the other name finds it */
    assert_ptr_equal(object_of("/o10/one"), object_of("/o10/two"));
    expect("/o10/s", "m");
    expect("/o10/s", "m"); /* its text is known now */
    assert_int_equal(xrename("/o10/f", "/o10/d/f", 0), 0);
    assert_false(ov_is_light(object_of("/o10/d/f")));
    assert_int_equal(xrename("/o10/d/f", "/o10/g", LINUX_RENAME_EXCHANGE), 0);
    expect("/o10/g", "f");
    expect("/o10/d/f", "g");
    assert_int_equal(ino_of("/o10/g"), f);
    assert_int_equal(ino_of("/o10/d/f"), g);
    assert_int_equal(xlink("/o10/d/m", "/o10/m"), 0);
    assert_int_equal(xrename("/o10/d", "/o10/e", 0), 0);
    expect("/o10/m", "m");
    /* Without a name it is read, and written, by who has it open. */
    int64_t h = xopen("/o10/h", LINUX_O_RDONLY, 0);
    assert_int_equal(xunlink("/o10/h"), 0);
    assert_int_equal(exists("/o10/h"), -ENOENT);
    put("/o10/h", "new");
    assert_int_equal(xpread(h, buf, sizeof(buf), 0), 1);
    assert_int_equal(xpread(fd, buf, sizeof(buf), 0), 1);
    assert_int_equal(buf[0], 'f');
    xclose(h);
    xclose(fd);
    expect("/o10/h", "new");
    expect("/l10/h", "h");
    expect("/l10/f", "f");
}

/* What was changed is still changed after the name cache has forgotten it. */
static void test_forgotten(void **state)
{
    struct linux_stat st = {0};
    struct super *l = lower_new("/l5"), *o;
    assert_int_equal(xmkdir("/l5/d"), 0);
    put("/l5/d/f", "f");
    put("/l5/d/m", "m");
    assert_int_equal(overlay_over(l, NULL, &o), 0);
    (void)super_ref(o);
    mount_here(o, "/o5");
    put("/o5/d/f", "changed");
    assert_int_equal(xchmod("/o5/d/m", 0400), 0);
    assert_int_equal(xchmod("/o5/d", 0700), 0);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(xlstat("/o5/d", &st), 0);
        assert_int_equal(st.st_mode, LINUX_S_IFDIR | 0700);
        assert_int_equal(xlstat("/o5/d/m", &st), 0);
        assert_int_equal(st.st_mode, LINUX_S_IFREG | 0400);
        expect("/o5/d/f", "changed");
        dentry_prune_super(o);
    }
    super_unref(o);
}

/* Long listings of changed directories, in pieces. */
static void test_large_directory(void **state)
{
    char name[32];
    struct super *l = lower_new("/l6");
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "/l6/%04d", i);
        put(name, "");
    }
    over(l, "/o6");
    for (int i = 0; i < 2000; i += 2) {
        snprintf(name, sizeof(name), "/o6/%04d", i);
        assert_int_equal(xunlink(name), 0);
        snprintf(name, sizeof(name), "/o6/new%d", i);
        put(name, "");
    }
    static char names[65536];
    unsigned n = 0;
    list("/o6", names, sizeof(names), 512);
    for (const char *p = names; *p; p++)
        n += *p == ' ';
    assert_int_equal(n, 2000);
    assert_null(strstr(names, " 0002 "));
    assert_non_null(strstr(names, " 0003 "));
    assert_non_null(strstr(names, " new2 "));
}

static void test_xattrs(void **state)
{
    char buf[32];
    struct walk w;
    struct super *l = lower_new("/l7");
    put("/l7/f", "");
    assert_int_equal(walk_from(T, &world.root, "/l7/f", 0, &w), 0);
    struct inode *below = inode_ref(w.path.dentry->inode);
    path_unref(&w.path);
    assert_int_equal(below->ops->setxattr(below, "user.a", "1", 1, 0), 0);
    over(l, "/o7");
    assert_int_equal(walk_from(T, &world.root, "/o7/f", 0, &w), 0);
    struct inode *i = w.path.dentry->inode;
    assert_int_equal(i->ops->getxattr(i, "user.a", buf, sizeof(buf)), 1);
    assert_int_equal(i->ops->setxattr(i, "user.b", "22", 2, 0), 0);
    assert_int_equal(i->ops->getxattr(i, "user.a", buf, sizeof(buf)), 1);
    assert_int_equal(i->ops->listxattr(i, buf, sizeof(buf)), 14);
    assert_int_equal(i->ops->removexattr(i, "user.a"), 0);
    assert_int_equal(i->ops->getxattr(i, "user.a", buf, sizeof(buf)), -ENODATA);
    assert_int_equal(below->ops->getxattr(below, "user.a", buf, sizeof(buf)), 1);
    assert_int_equal(below->ops->getxattr(below, "user.b", buf, sizeof(buf)), -ENODATA);
    path_unref(&w.path);
    inode_unref(below);
}

static struct super *fault_lower;
static int make_overlay(struct super **ret) { return overlay_over(fault_lower, NULL, ret); }

static int64_t overlay_script(void)
{
    TRY(write_at("d/f", 2, 1));
    TRY(write_at("big", 10, 90000));
    TRY(write_at("new", 10, 0));
    TRY(xchmod("d/g", 0400));
    TRY(xtruncate("d/g", 2));
    TRY(xlink("d/g", "h"));
    TRY(xrename("d", "e", 0));
    TRY(xmkdir("d"));
    TRY(xrename("e/f", "d/f", 0));
    TRY(xrename("d", "new", LINUX_RENAME_EXCHANGE));
    TRY(xunlink("h"));
    TRY(xunlink("e/g"));
    TRY(xrmdir("e"));
    return xsymlink("to", "e");
}

static void test_faults(void **state)
{
    char names[64];
    fault_lower = lower_new("/l9");
    assert_int_equal(xmkdir("/l9/d"), 0);
    put("/l9/d/f", "text");
    put("/l9/d/g", "gone");
    assert_true(write_at("/l9/big", 100000, 0) > 0);
    assert_int_equal(xmkdir("/o9"), 0);
    fault_all(make_overlay, overlay_script, "/o9");
    deep_all(make_overlay, "/o9", SLAB_OVERLAY_INODE);
    expect("/l9/d/f", "text");
    expect("/l9/d/g", "gone");
    list("/l9", names, sizeof(names), 4096);
    assert_string_equal(names, "d big ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_up),   cmocka_unit_test(test_copy_keeps_times),
        cmocka_unit_test(test_names),     cmocka_unit_test(test_renames),
        cmocka_unit_test(test_xattrs),    cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_copy_race), cmocka_unit_test(test_large_directory),
        cmocka_unit_test(test_light),     cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, fs_world, NULL);
}
