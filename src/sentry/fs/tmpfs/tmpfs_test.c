/* tmpfs through the system calls. */
#include "sentry/fs/fs_fault_test.h"

#include "sentry/arena/slab.h"
#include "sentry/fs/tmpfs/tmpfs.h"

static struct super *fresh(const char *options, const char *where)
{
    struct super *sb;
    assert_int_equal(tmpfs_new(options, &sb), 0);
    mount_here(sb, where);
    return sb; /* the mount holds it */
}

static void test_options(void **state)
{
    struct super *sb;
    struct linux_stat st = {0};
    assert_int_equal(tmpfs_new("size=bad", &sb), -EINVAL);
    assert_int_equal(tmpfs_new("mode=9", &sb), -EINVAL);
    assert_int_equal(tmpfs_new("unknown=1", &sb), -EINVAL);
    fresh("mode=750,uid=3,gid=4,size=1m,nr_inodes=10", "/opt");
    assert_int_equal(xlstat("/opt", &st), 0);
    assert_int_equal(st.st_mode, LINUX_S_IFDIR | 0750);
    assert_int_equal(st.st_uid, 3);
    assert_int_equal(st.st_gid, 4);
}

static void test_names(void **state)
{
    struct linux_stat a = {0}, b = {0};
    char names[256];
    fresh(NULL, "/n");
    assert_int_equal(xmkdir("/n/d"), 0);
    put("/n/d/f", "one");
    assert_int_equal(xrmdir("/n/d"), -ENOTEMPTY);
    assert_int_equal(xlink("/n/d/f", "/n/l"), 0);
    assert_int_equal(xlstat("/n/d/f", &a), 0);
    assert_int_equal(xlstat("/n/l", &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    assert_int_equal(b.st_nlink, 2);
    assert_int_equal(xlstat("/n", &a), 0);
    assert_int_equal(a.st_nlink, 3);
    assert_int_equal(xmkdir("/n/e"), 0);
    assert_int_equal(xrename("/n/d", "/n/e/d", 0), 0);
    assert_int_equal(xlstat("/n", &a), 0);
    assert_int_equal(a.st_nlink, 3);
    assert_int_equal(xlstat("/n/e", &a), 0);
    assert_int_equal(a.st_nlink, 3);
    expect("/n/e/d/f", "one");
    put("/n/x", "two");
    assert_int_equal(xrename("/n/x", "/n/l", LINUX_RENAME_NOREPLACE), -EEXIST);
    assert_int_equal(xrename("/n/x", "/n/l", LINUX_RENAME_EXCHANGE), 0);
    expect("/n/l", "two");
    expect("/n/x", "one");
    assert_int_equal(xrename("/n/l", "/n/x", 0), 0);
    expect("/n/x", "two");
    assert_int_equal(xlstat("/n/e/d/f", &a), 0);
    assert_int_equal(a.st_nlink, 1);
    assert_int_equal(xrename("/n/e/d", "/n/x", 0), -ENOTDIR);
    assert_int_equal(xrename("/n/x", "/n/e", 0), -EISDIR);
    assert_int_equal(xsymlink("x", "/n/s"), 0);
    assert_int_equal(xlstat("/n/s", &a), 0);
    assert_int_equal(a.st_size, 1);
    expect("/n/s", "two");
    list("/n", names, sizeof(names), 4096);
    assert_string_equal(names, "e x s ");
    assert_int_equal(xunlink("/n/s"), 0);
    assert_int_equal(exists("/n/s"), -ENOENT);
}

/* From the arena to a memfd and back to nothing; holes read as zeroes. */
static void test_content(void **state)
{
    static char big[200000], back[200000];
    struct linux_stat st = {0};
    uint64_t rnd = 1, hosts = slab_live(SLAB_HOSTFILE);
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)test_random(&rnd);
    fresh(NULL, "/c");
    int64_t fd = xopen("/c/f", LINUX_O_CREAT | LINUX_O_RDWR, 0600);
    assert_int_equal(xpwrite(fd, "end", 3, 1000), 3);
    memset(back, 1, sizeof(back));
    assert_int_equal(xpread(fd, back, 4096, 0), 1003);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(back[i], 0);
    assert_memory_equal(back + 1000, "end", 3);
    /* What was cut off does not come back. */
    assert_int_equal(xtruncate("/c/f", 1001), 0);
    assert_int_equal(xtruncate("/c/f", 5000), 0);
    assert_int_equal(xpread(fd, back, 4100, 1000), 4000);
    assert_memory_equal(back, "e\0\0\0", 4);
    assert_int_equal(slab_live(SLAB_HOSTFILE), hosts);
    assert_int_equal(xpwrite(fd, big, sizeof(big), 7), sizeof(big));
    assert_int_equal(slab_live(SLAB_HOSTFILE), hosts + 1);
    assert_int_equal(xpread(fd, back, sizeof(back), 7), sizeof(big));
    assert_memory_equal(big, back, sizeof(big));
    assert_int_equal(xfstat(fd, &st), 0);
    assert_int_equal(st.st_size, sizeof(big) + 7);
    /* Holes, and zeroes in the middle. */
    uint32_t hole = LINUX_FALLOC_FL_PUNCH_HOLE | LINUX_FALLOC_FL_KEEP_SIZE;
    int64_t blocks = st.st_blocks;
    assert_int_equal(sys_fallocate(T, ARGS6((uint64_t)fd, hole, 4096, 65536)), 0);
    assert_int_equal(xfstat(fd, &st), 0);
    assert_int_equal(st.st_blocks, blocks - 128);
    assert_int_equal(sys_lseek(T, ARGS6((uint64_t)fd, 0, LINUX_SEEK_HOLE)), 4096);
    assert_int_equal(sys_lseek(T, ARGS6((uint64_t)fd, 4096, LINUX_SEEK_DATA)), 4096 + 65536);
    assert_int_equal(sys_lseek(T, ARGS6((uint64_t)fd, sizeof(big) + 7, LINUX_SEEK_DATA)), -ENXIO);
    assert_int_equal(sys_fallocate(T, ARGS6((uint64_t)fd, LINUX_FALLOC_FL_ZERO_RANGE, 100000, 10)),
                     -EOPNOTSUPP);
    assert_int_equal(sys_fallocate(T, ARGS6((uint64_t)fd, hole, 100000, 10)), 0);
    assert_int_equal(xpread(fd, back, 12, 99999), 12);
    assert_int_equal(back[0], big[99992]);
    assert_int_equal(back[11], big[100003]);
    for (int i = 1; i < 11; i++)
        assert_int_equal(back[i], 0);
    assert_int_equal(sys_fallocate(T, ARGS6((uint64_t)fd, LINUX_FALLOC_FL_KEEP_SIZE, 0, 1u << 20)),
                     0);
    assert_int_equal(xfstat(fd, &st), 0);
    assert_int_equal(st.st_size, sizeof(big) + 7);
    assert_int_equal(sys_fallocate(T, ARGS6((uint64_t)fd, 0, 0, 1u << 20)), 0);
    assert_int_equal(xfstat(fd, &st), 0);
    assert_int_equal(st.st_size, 1 << 20);
    /* A file without a name lives as long as it is open. */
    assert_int_equal(xunlink("/c/f"), 0);
    assert_int_equal(xpread(fd, back, 1, 7), 1);
    assert_int_equal(xclose(fd), 0);
    assert_int_equal(slab_live(SLAB_HOSTFILE), hosts);
    fd = xopen("/c", LINUX_O_TMPFILE | LINUX_O_RDWR, 0600);
    assert_true(fd >= 0);
    assert_int_equal(xpwrite(fd, "t", 1, 0), 1);
    assert_int_equal(xfstat(fd, &st), 0);
    assert_int_equal(st.st_nlink, 0);
    assert_int_equal(xclose(fd), 0);
}

static void test_limits(void **state)
{
    static char buf[65536];
    char name[16];
    struct super *sb = fresh("size=64k,nr_inodes=4", "/lim");
    struct linux_statfs fs = {0};
    int64_t fd = xopen("/lim/a", LINUX_O_CREAT | LINUX_O_RDWR, 0600);
    assert_int_equal(xpwrite(fd, buf, 40000, 0), 40000);
    /* As much as fits, then nothing. */
    assert_int_equal(xpwrite(fd, buf, 40000, 40000), 25536);
    assert_int_equal(xpwrite(fd, buf, 1, 65536), -ENOSPC);
    assert_int_equal(sb->ops->statfs(sb, sb->root->inode, &fs), 0);
    assert_int_equal(fs.f_blocks, 16);
    assert_int_equal(fs.f_bfree, 0);
    assert_int_equal(xtruncate("/lim/a", 0), 0);
    assert_int_equal(sb->ops->statfs(sb, sb->root->inode, &fs), 0);
    assert_int_equal(fs.f_bfree, 16);
    assert_int_equal(fs.f_ffree, 2);
    assert_int_equal(xpwrite(fd, buf, 40000, 0), 40000);
    assert_int_equal(xunlink("/lim/a"), 0);
    assert_int_equal(xclose(fd), 0);
    assert_int_equal(sb->ops->statfs(sb, sb->root->inode, &fs), 0);
    assert_int_equal(fs.f_bfree, 16);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "/lim/d%d", i);
        assert_int_equal(xmkdir(name), 0);
    }
    assert_int_equal(xmkdir("/lim/d3"), -ENOSPC);
    assert_int_equal(xsymlink("x", "/lim/s"), -ENOSPC);
    assert_int_equal(xrmdir("/lim/d0"), 0);
    assert_int_equal(xsymlink("x", "/lim/s"), 0);
}

/* Names that go during a listing do not move the others; 20,000 names are listed in a moment. */
static void test_large_directory(void **state)
{
    char name[32];
    fresh(NULL, "/big");
    uint64_t live = slab_live(SLAB_TMPFS_INODE);
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "/big/%d", i);
        int64_t fd = xopen(name, LINUX_O_CREAT | LINUX_O_WRONLY, 0600);
        assert_true(fd >= 0);
        xclose(fd);
    }
    int64_t fd = xopen("/big", LINUX_O_RDONLY, 0), n;
    unsigned seen = 0;
    while ((n = sys_getdents64(T, ARGS6((uint64_t)fd, U(world.mem + 20000), 32768))) > 0) {
        for (int64_t at = 0; at < n; seen++) {
            uint16_t len;
            const char *rec = world.mem + 20000 + at;
            memcpy(&len, rec + offsetof(struct linux_dirent64, d_reclen), sizeof(len));
            if (rec[LINUX_DIRENT64_HEADER] != '.') {
                snprintf(name, sizeof(name), "/big/%s", rec + LINUX_DIRENT64_HEADER);
                assert_int_equal(xunlink(name), 0);
            }
            at += len;
        }
    }
    assert_int_equal(n, 0);
    assert_int_equal(seen, 20002);
    xclose(fd);
    assert_int_equal(slab_live(SLAB_TMPFS_INODE), live);
}

static void test_xattrs(void **state)
{
    char buf[64];
    fresh(NULL, "/x");
    put("/x/f", "");
    struct walk w;
    assert_int_equal(walk_from(T, &world.root, "/x/f", 0, &w), 0);
    struct inode *i = w.path.dentry->inode;
    assert_int_equal(i->ops->setxattr(i, "user.a", "1", 1, LINUX_XATTR_REPLACE), -ENODATA);
    assert_int_equal(i->ops->setxattr(i, "user.a", "123", 3, LINUX_XATTR_CREATE), 0);
    assert_int_equal(i->ops->setxattr(i, "user.a", "1", 1, LINUX_XATTR_CREATE), -EEXIST);
    assert_int_equal(i->ops->setxattr(i, "trusted.b", "", 0, 0), 0);
    assert_int_equal(i->ops->setxattr(i, "other.c", "", 0, 0), -EOPNOTSUPP);
    assert_int_equal(i->ops->getxattr(i, "user.a", NULL, 0), 3);
    assert_int_equal(i->ops->getxattr(i, "user.a", buf, 2), -ERANGE);
    assert_int_equal(i->ops->getxattr(i, "user.a", buf, sizeof(buf)), 3);
    assert_int_equal(i->ops->listxattr(i, buf, sizeof(buf)), 7 + 10);
    assert_int_equal(i->ops->removexattr(i, "user.a"), 0);
    assert_int_equal(i->ops->removexattr(i, "user.a"), -ENODATA);
    path_unref(&w.path);
}

static int make_tmpfs(struct super **ret) { return tmpfs_new("size=1m", ret); }

static int64_t tmpfs_script(void)
{
    TRY(xmkdir("d"));
    TRY(write_at("d/f", 100, 0));
    TRY(write_at("d/f", 5000, 100));
    TRY(xlink("d/f", "h"));
    TRY(write_at("h", 100000, 10));
    TRY(xsymlink("d/f", "s"));
    TRY(xrename("d", "e", 0));
    TRY(xmkdir("d"));
    TRY(xrename("e/f", "d", LINUX_RENAME_EXCHANGE));
    TRY(xrename("s", "h", 0));
    TRY(xtruncate("d", 10));
    TRY(xunlink("h"));
    return xrmdir("e/f");
}

static void test_faults(void **state)
{
    assert_int_equal(xmkdir("/faults"), 0);
    fault_all(make_tmpfs, tmpfs_script, "/faults");
}

static void test_deep(void **state)
{
    assert_int_equal(xmkdir("/deep"), 0);
    deep_all(make_tmpfs, "/deep", SLAB_TMPFS_INODE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options), cmocka_unit_test(test_names),
        cmocka_unit_test(test_content), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_xattrs),  cmocka_unit_test(test_large_directory),
        cmocka_unit_test(test_faults),  cmocka_unit_test(test_deep),
    };
    return cmocka_run_group_tests(tests, fs_world, NULL);
}
