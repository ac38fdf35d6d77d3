/* The walk, the name cache, rights, descriptors, locks, mounts, pivot_root: through the system calls, over a file system of the test's own. */
#include "sentry/ns/mount_ns.h"
#include "sentry/vfs/test_fs.h"

#include "abi/inotify.h"
#include "sentry/arena/fault_test.h"
#include "sentry/syscalls/syscall.h"

#define T (&world.t)
/* The arguments of a call that begins now. */
#define ARGS6(...) (world.t.restart = (struct restart){0}, &(struct sys_args){{__VA_ARGS__}})
#define U(x)       ((uint64_t)(uintptr_t)(x))
#define AT         ((uint64_t)(int64_t)LINUX_AT_FDCWD)

static int64_t xopen(const char *p, uint32_t flags, uint32_t mode)
{
    return sys_openat(T, ARGS6(AT, str_at(0, p), flags, mode));
}
static int64_t xmkdir(const char *p) { return sys_mkdir(T, ARGS6(str_at(0, p), 0755)); }
static int64_t xsymlink(const char *to, const char *p)
{
    return sys_symlink(T, ARGS6(str_at(5000, to), str_at(0, p)));
}
static int64_t xunlink(const char *p) { return sys_unlink(T, ARGS6(str_at(0, p))); }
static int64_t xrmdir(const char *p) { return sys_rmdir(T, ARGS6(str_at(0, p))); }
static int64_t xrename(const char *a, const char *b, uint32_t flags)
{
    return sys_renameat2(T, ARGS6(AT, str_at(0, a), AT, str_at(5000, b), flags));
}
static int64_t xclose(int64_t fd) { return sys_close(T, ARGS6((uint64_t)fd)); }
static void make_file(const char *p)
{
    int64_t fd = xopen(p, LINUX_O_CREAT | LINUX_O_WRONLY, 0644);
    assert_true(fd >= 0);
    assert_int_equal(xclose(fd), 0);
}
static int64_t xstat(const char *p, struct linux_stat *st)
{
    int64_t r = sys_stat(T, ARGS6(str_at(0, p), U(world.mem + 10000)));
    if (r == 0)
        memcpy(st, world.mem + 10000, sizeof(*st));
    return r;
}

static void test_walk(void **state)
{
    struct linux_stat st, st2;
    assert_int_equal(xmkdir("/a"), 0);
    assert_int_equal(xmkdir("/a"), -EEXIST);
    assert_int_equal(xmkdir("/a/b/"), 0);
    make_file("/a/b/f");
    assert_int_equal(xstat("/a/./b/../b//f", &st), 0);
    assert_int_equal(xstat("/../../a/b/f", &st2), 0);
    assert_int_equal(st.st_ino, st2.st_ino);
    assert_int_equal(xstat("/a/b/f/", &st), -ENOTDIR);
    assert_int_equal(xstat("/a/b/f/x", &st), -ENOTDIR);
    assert_int_equal(xstat("/a/x/y", &st), -ENOENT);
    assert_int_equal(xstat("", &st), -ENOENT);
    assert_int_equal(xsymlink("b/f", "/a/l"), 0);
    assert_int_equal(xstat("/a/l", &st2), 0);
    assert_int_equal(xstat("/a/b/f", &st), 0);
    assert_int_equal(st.st_ino, st2.st_ino);
    assert_int_equal(xsymlink("/a/b/", "/dirlink"), 0);
    assert_int_equal(xstat("/dirlink/f", &st2), 0);
    assert_int_equal(st.st_ino, st2.st_ino);
    assert_int_equal(xsymlink("loop", "/loop"), 0);
    assert_int_equal(xstat("/loop", &st), -ELOOP);
    assert_int_equal(xopen("/a/l", LINUX_O_NOFOLLOW, 0), -ELOOP);
    assert_int_equal(xopen("/dirlink", LINUX_O_NOFOLLOW | LINUX_O_DIRECTORY, 0), -ENOTDIR);
    assert_int_equal(sys_readlink(T, ARGS6(str_at(0, "/a/l"), U(world.mem + 10000), 100)), 3);
    assert_memory_equal(world.mem + 10000, "b/f", 3);
    char name[300];
    memset(name, 'n', sizeof(name));
    name[0] = '/';
    name[257] = 0;
    assert_int_equal(xstat(name, &st), -ENAMETOOLONG);
    name[256] = 0;
    make_file(name);
    assert_int_equal(xstat(name, &st), 0);
    /* a cached walk asks the file system nothing */
    int before = lookups;
    for (int i = 0; i < 100; i++)
        assert_int_equal(xstat("/a/b/f", &st), 0);
    assert_int_equal(lookups, before);
    /* a chain of links: 40 are followed, 41 are not */
    make_file("/c0");
    for (int i = 1; i <= 41; i++) {
        char from[16], to[16];
        snprintf(from, sizeof(from), "/c%d", i);
        snprintf(to, sizeof(to), "c%d", i - 1);
        assert_int_equal(xsymlink(to, from), 0);
    }
    assert_int_equal(xstat("/c40", &st), 0);
    assert_int_equal(xstat("/c41", &st), -ELOOP);
}

static int64_t xopen2(int64_t dirfd, const char *p, uint64_t resolve)
{
    struct linux_open_how how = {.resolve = resolve};
    memcpy(world.mem + 20000, &how, sizeof(how));
    return sys_openat2(T, ARGS6((uint64_t)dirfd, str_at(0, p), U(world.mem + 20000), sizeof(how)));
}

static void test_resolve(void **state)
{
    assert_int_equal(xmkdir("/r"), 0);
    assert_int_equal(xmkdir("/r/in"), 0);
    make_file("/r/in/f");
    assert_int_equal(xsymlink("/in/f", "/r/abs"), 0);
    assert_int_equal(xsymlink("../../outside", "/r/in/up"), 0);
    int64_t dir = xopen("/r", LINUX_O_DIRECTORY, 0);
    assert_true(dir >= 0);
    assert_int_equal(xopen2(dir, "/r/in/f", LINUX_RESOLVE_BENEATH), -EXDEV);
    assert_int_equal(xopen2(dir, "in/../../r", LINUX_RESOLVE_BENEATH), -EXDEV);
    assert_int_equal(xopen2(dir, "in/up", LINUX_RESOLVE_BENEATH), -EXDEV);
    assert_int_equal(xopen2(dir, "in/up", LINUX_RESOLVE_NO_SYMLINKS), -ELOOP);
    assert_int_equal(xopen2(dir, "abs", 0), -ENOENT);
    assert_int_equal(xclose(xopen2(dir, "in/../in/f", LINUX_RESOLVE_BENEATH)), 0);
    assert_int_equal(xclose(xopen2(dir, "abs", LINUX_RESOLVE_IN_ROOT)), 0);
    assert_int_equal(xclose(xopen2(dir, "../../../in/f", LINUX_RESOLVE_IN_ROOT)), 0);
    assert_int_equal(xopen2(dir, "in", 0x100), -EINVAL);
    assert_int_equal(xclose(dir), 0);
}

static void test_open_flags(void **state)
{
    make_file("/o");
    assert_int_equal(xmkdir("/od"), 0);
    assert_int_equal(xopen("/o", LINUX_O_CREAT | LINUX_O_EXCL, 0), -EEXIST);
    assert_int_equal(xopen("/od", LINUX_O_CREAT | LINUX_O_EXCL, 0), -EEXIST);
    assert_int_equal(xopen("/od", LINUX_O_CREAT, 0), -EISDIR);
    assert_int_equal(xopen("/od", LINUX_O_WRONLY, 0), -EISDIR);
    assert_int_equal(xopen("/o", LINUX_O_DIRECTORY, 0), -ENOTDIR);
    assert_int_equal(xopen("/new/", LINUX_O_CREAT, 0), -EISDIR);
    assert_int_equal(xopen("/od", LINUX_O_CREAT | LINUX_O_DIRECTORY, 0), -EINVAL);
    assert_int_equal(xsymlink("made", "/dangling"), 0);
    assert_int_equal(xopen("/dangling", LINUX_O_CREAT | LINUX_O_EXCL, 0600), -EEXIST);
    assert_int_equal(xclose(xopen("/dangling", LINUX_O_CREAT, 0600)), 0);
    struct linux_stat st;
    assert_int_equal(xstat("/made", &st), 0);
    int64_t fd = xopen("/o", LINUX_O_RDWR, 0);
    strcpy(world.mem + 30000, "hello");
    assert_int_equal(sys_write(T, ARGS6((uint64_t)fd, U(world.mem + 30000), 5)), 5);
    assert_int_equal(sys_lseek(T, ARGS6((uint64_t)fd, 0, LINUX_SEEK_CUR)), 5);
    assert_int_equal(sys_pread64(T, ARGS6((uint64_t)fd, U(world.mem + 31000), 10, 1)), 4);
    assert_memory_equal(world.mem + 31000, "ello", 4);
    int64_t ap = xopen("/o", LINUX_O_WRONLY | LINUX_O_APPEND, 0);
    assert_int_equal(sys_write(T, ARGS6((uint64_t)ap, U(world.mem + 30000), 5)), 5);
    assert_int_equal(sys_read(T, ARGS6((uint64_t)ap, U(world.mem), 1)), -EBADF);
    assert_int_equal(xstat("/o", &st), 0);
    assert_int_equal(st.st_size, 10);
    assert_int_equal(xclose(xopen("/o", LINUX_O_WRONLY | LINUX_O_TRUNC, 0)), 0);
    assert_int_equal(xstat("/o", &st), 0);
    assert_int_equal(st.st_size, 0);
    /* a file that is being executed */
    struct file *f = fd_get(T, (int)fd);
    f->inode->deny_write++;
    assert_int_equal(xopen("/o", LINUX_O_WRONLY, 0), -ETXTBSY);
    assert_int_equal(xopen("/o", LINUX_O_RDONLY | LINUX_O_TRUNC, 0), -ETXTBSY);
    f->inode->deny_write--;
    file_unref(f);
    /* RLIMIT_FSIZE */
    world.tg.rlim[LINUX_RLIMIT_FSIZE].rlim_cur = 3;
    assert_int_equal(sys_pwrite64(T, ARGS6((uint64_t)fd, U(world.mem + 30000), 5, 0)), 3);
    assert_int_equal(sys_pwrite64(T, ARGS6((uint64_t)fd, U(world.mem + 30000), 5, 3)), -EFBIG);
    assert_int_equal(world.signo, LINUX_SIGXFSZ);
    world.tg.rlim[LINUX_RLIMIT_FSIZE].rlim_cur = LINUX_RLIM_INFINITY;
    /* O_PATH */
    int64_t op = xopen("/o", LINUX_O_PATH | LINUX_O_RDWR, 0);
    assert_int_equal(sys_read(T, ARGS6((uint64_t)op, U(world.mem), 1)), -EBADF);
    assert_int_equal(sys_fcntl(T, ARGS6((uint64_t)op, LINUX_F_GETFL)), LINUX_O_PATH);
    assert_int_equal(sys_fstat(T, ARGS6((uint64_t)op, U(world.mem + 10000))), 0);
    assert_int_equal(xclose(op) | xclose(ap) | xclose(fd), 0);
}

static void test_rights(void **state)
{
    struct linux_stat st;
    assert_int_equal(xmkdir("/p"), 0);
    make_file("/p/f");
    assert_int_equal(sys_chmod(T, ARGS6(str_at(0, "/p/f"), 04640)), 0);
    assert_int_equal(sys_chown(T, ARGS6(str_at(0, "/p/f"), 7, 8)), 0);
    assert_int_equal(xstat("/p/f", &st), 0);
    assert_int_equal(st.st_mode, LINUX_S_IFREG | 0640); /* chown takes the suid bit */
    as_user(9);
    assert_int_equal(xopen("/p/f", LINUX_O_RDONLY, 0), -EACCES);
    assert_int_equal(sys_access(T, ARGS6(str_at(0, "/p/f"), LINUX_R_OK)), -EACCES);
    assert_int_equal(sys_access(T, ARGS6(str_at(0, "/p/f"), LINUX_F_OK)), 0);
    assert_int_equal(sys_chmod(T, ARGS6(str_at(0, "/p/f"), 0777)), -EPERM);
    assert_int_equal(xopen("/p/new", LINUX_O_CREAT, 0644), -EACCES);
    assert_int_equal(xunlink("/p/f"), -EACCES);
    assert_int_equal(xunlink("/p/none"), -ENOENT);
    assert_int_equal(xmkdir("/p/f"), -EEXIST); /* before the right to write */
    world.cred.cap_eff = LINUX_CAP_BIT(LINUX_CAP_DAC_READ_SEARCH);
    assert_int_equal(xclose(xopen("/p/f", LINUX_O_RDONLY, 0)), 0);
    assert_int_equal(xopen("/p/f", LINUX_O_RDWR, 0), -EACCES);
    as_user(0);
    assert_int_equal(sys_access(T, ARGS6(str_at(0, "/p/f"), LINUX_X_OK)),
                     -EACCES); /* no x bit: not even root */
    /* sticky */
    assert_int_equal(sys_chmod(T, ARGS6(str_at(0, "/p"), 01777)), 0);
    as_user(9);
    assert_int_equal(xunlink("/p/f"), -EPERM);
    as_user(7);
    assert_int_equal(xunlink("/p/f"), 0);
    as_user(0);
    /* the group of a setgid directory */
    assert_int_equal(sys_chown(T, ARGS6(str_at(0, "/p"), 0, 55)), 0);
    assert_int_equal(sys_chmod(T, ARGS6(str_at(0, "/p"), 02777)), 0);
    as_user(9);
    assert_int_equal(xmkdir("/p/sub"), 0);
    make_file("/p/file");
    assert_int_equal(xstat("/p/sub", &st), 0);
    assert_int_equal(st.st_gid, 55);
    assert_true(st.st_mode & LINUX_S_ISGID);
    assert_int_equal(xstat("/p/file", &st), 0);
    assert_int_equal(st.st_gid, 55);
    /* a write takes the suid bit from whoever lacks CAP_FSETID */
    assert_int_equal(sys_chmod(T, ARGS6(str_at(0, "/p/file"), 04755)), 0);
    int64_t fd = xopen("/p/file", LINUX_O_WRONLY, 0);
    assert_int_equal(sys_write(T, ARGS6((uint64_t)fd, U(world.mem), 1)), 1);
    assert_int_equal(xclose(fd), 0);
    assert_int_equal(xstat("/p/file", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    as_user(0);
}

static void test_names(void **state)
{
    struct linux_stat st, st2;
    assert_int_equal(xmkdir("/n"), 0);
    assert_int_equal(xmkdir("/n/d"), 0);
    assert_int_equal(xmkdir("/n/d/e"), 0);
    make_file("/n/f");
    make_file("/n/g");
    assert_int_equal(xrmdir("/n/d"), -ENOTEMPTY);
    assert_int_equal(xrmdir("/n/f"), -ENOTDIR);
    assert_int_equal(xrmdir("/n/d/."), -EINVAL);
    assert_int_equal(xrmdir("/n/d/.."), -ENOTEMPTY);
    assert_int_equal(xrmdir("/"), -EBUSY);
    assert_int_equal(xunlink("/n/d"), -EISDIR);
    assert_int_equal(xunlink("/n/f/"), -ENOTDIR);
    assert_int_equal(xrename("/n/d", "/n/d/e/x", 0), -EINVAL);
    assert_int_equal(xrename("/n/d/e", "/n/d", 0), -ENOTEMPTY);
    assert_int_equal(xrename("/n/f", "/n/d", 0), -EISDIR);
    assert_int_equal(xrename("/n/d", "/n/f", 0), -ENOTDIR);
    assert_int_equal(xrename("/n/f", "/n/g", LINUX_RENAME_NOREPLACE), -EEXIST);
    assert_int_equal(xrename("/n/..", "/n/x", 0), -EBUSY);
    assert_int_equal(xstat("/n/f", &st), 0);
    assert_int_equal(
        xrename("/n/f", "/n/d/e/moved-to-a-name-that-does-not-fit-into-the-dentry-itself", 0), 0);
    assert_int_equal(xstat("/n/f", &st2), -ENOENT);
    assert_int_equal(xstat("/n/d/e/moved-to-a-name-that-does-not-fit-into-the-dentry-itself", &st2),
                     0);
    assert_int_equal(st.st_ino, st2.st_ino);
    assert_int_equal(xrename("/n/d/e", "/n/g", LINUX_RENAME_EXCHANGE), 0);
    assert_int_equal(xstat("/n/g/moved-to-a-name-that-does-not-fit-into-the-dentry-itself", &st2),
                     0);
    assert_int_equal(st.st_ino, st2.st_ino);
    assert_int_equal(xstat("/n/d/e", &st), 0);
    assert_true(LINUX_S_ISREG(st.st_mode));
    /* the working directory follows, and dies */
    assert_int_equal(sys_chdir(T, ARGS6(str_at(0, "/n/g"))), 0);
    assert_int_equal(xrename("/n/g", "/n/w", 0), 0);
    assert_int_equal(sys_getcwd(T, ARGS6(U(world.mem + 10000), 100)), 5);
    assert_string_equal(world.mem + 10000, "/n/w");
    assert_int_equal(sys_getcwd(T, ARGS6(U(world.mem + 10000), 4)), -ERANGE);
    assert_int_equal(xunlink("/n/w/moved-to-a-name-that-does-not-fit-into-the-dentry-itself"), 0);
    assert_int_equal(xrmdir("/n/w"), 0);
    assert_int_equal(sys_getcwd(T, ARGS6(U(world.mem + 10000), 100)), -ENOENT);
    assert_int_equal(xopen("x", LINUX_O_CREAT, 0600), -ENOENT);
    char text[64];
    assert_true(path_format(T, T->fs->cwd, text, sizeof(text)) > 0);
    assert_string_equal(text, "/n/w (deleted)");
    assert_int_equal(sys_chdir(T, ARGS6(str_at(0, "/"))), 0);
    /* hard links */
    assert_int_equal(sys_link(T, ARGS6(str_at(0, "/n/d/e"), str_at(5000, "/n/hard"))), 0);
    assert_int_equal(xstat("/n/hard", &st), 0);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(xrename("/n/hard", "/n/d/e", 0), 0); /* one file: nothing happens */
    assert_int_equal(xstat("/n/hard", &st), 0);
    assert_int_equal(sys_link(T, ARGS6(str_at(0, "/n"), str_at(5000, "/n/hard2"))), -EPERM);
}

static void test_mounts(void **state)
{
    struct linux_stat st;
    assert_int_equal(xmkdir("/m"), 0);
    assert_int_equal(xmkdir("/m/under"), 0);
    struct super *sb = test_super();
    struct walk w;
    assert_int_equal(walk_at(T, LINUX_AT_FDCWD, "/m", 0, &w), 0);
    assert_int_equal(mount_add(sb, sb->root, &w.path, LINUX_MS_RDONLY, "x", NULL), 0);
    uint64_t dev = sb->dev;
    super_unref(sb);
    path_unref(&w.path);
    assert_int_equal(xstat("/m", &st), 0);
    assert_int_equal(st.st_dev, dev);
    assert_int_equal(xstat("/m/under", &st), -ENOENT);
    assert_int_equal(xstat("/m/../m", &st), 0);
    assert_int_equal(st.st_dev, dev);
    assert_int_equal(xmkdir("/m/x"), -EROFS);
    assert_int_equal(xrmdir("/m"), -EBUSY);
    assert_int_equal(xrename("/m", "/m2", 0), -EBUSY);
    int64_t root = xopen("/", LINUX_O_DIRECTORY, 0);
    assert_int_equal(xopen2(root, "m", LINUX_RESOLVE_NO_XDEV), -EXDEV);
    assert_int_equal(xclose(root), 0);
    int64_t fd = xopen("/m", LINUX_O_DIRECTORY, 0);
    assert_int_equal(walk_at(T, LINUX_AT_FDCWD, "/m", 0, &w), 0);
    assert_int_equal(vfs_umount(&w.path, 0), -EBUSY);
    assert_int_equal(xclose(fd), 0);
    assert_int_equal(vfs_umount(&w.path, 0), 0);
    path_unref(&w.path);
    assert_int_equal(xstat("/m/under", &st), 0);
    assert_int_equal(xrmdir("/m/under"), 0);
}

static int64_t xmount(const char *from, const char *at, uint64_t flags)
{
    return sys_mount(T, ARGS6(str_at(5000, from), str_at(0, at), 0, flags, 0));
}
static int64_t xumount(const char *p, uint64_t flags)
{
    return sys_umount2(T, ARGS6(str_at(0, p), flags));
}

static void test_bind(void **state)
{
    struct linux_stat st;
    assert_int_equal(xmkdir("/b"), 0);
    assert_int_equal(xmkdir("/b/sub"), 0);
    make_file("/b/sub/file");
    assert_int_equal(xmkdir("/b2"), 0);
    make_file("/plain");
    assert_int_equal(xmount("/b", "/plain", LINUX_MS_BIND), -ENOTDIR);
    assert_int_equal(xmount("/b", "/b/sub", LINUX_MS_BIND), 0);
    assert_int_equal(xstat("/b/sub/sub", &st), 0);
    assert_int_equal(xstat("/b/sub/file", &st), -ENOENT);
    assert_int_equal(xmount("/b", "/b2", LINUX_MS_BIND), 0);
    assert_int_equal(xstat("/b2/sub/file", &st), 0);
    assert_int_equal(xumount("/b2", 0), 0);
    assert_int_equal(xmount("/b", "/b2", LINUX_MS_BIND | LINUX_MS_REC), 0);
    assert_int_equal(xstat("/b2/sub/sub", &st), 0);
    assert_int_equal(xumount("/b2", 0), -EBUSY);
    assert_int_equal(xmount("", "/b2", LINUX_MS_REMOUNT | LINUX_MS_BIND | LINUX_MS_RDONLY), 0);
    assert_int_equal(xmkdir("/b2/no"), -EROFS);
    assert_int_equal(xmkdir("/b/yes"), 0);
    assert_int_equal(xmkdir("/b3"), 0);
    assert_int_equal(xmount("/b2", "/b3", LINUX_MS_MOVE), 0);
    assert_int_equal(xstat("/b3/sub/sub", &st), 0);
    assert_int_equal(xstat("/b2/sub", &st), -ENOENT);
    assert_int_equal(xmount("/b3", "/b3/sub", LINUX_MS_MOVE), -ELOOP);
    as_user(5);
    assert_int_equal(xumount("/b3", 0), -EPERM);
    as_user(0);
    assert_int_equal(xumount("/b3", LINUX_MNT_DETACH), 0);
    assert_int_equal(xumount("/b3", 0), -EINVAL);
    assert_int_equal(xumount("/b/sub", 0), 0);
    assert_int_equal(xstat("/b/sub/file", &st), 0);
    /* a file over a file */
    assert_int_equal(xmount("/b/sub/file", "/plain", LINUX_MS_BIND), 0);
    assert_int_equal(xunlink("/plain"), -EBUSY);
    assert_int_equal(xumount("/plain", 0), 0);
    assert_int_equal(xunlink("/plain"), 0);
    /* another root */
    assert_int_equal(xmount("/b", "/b", LINUX_MS_BIND), 0);
    assert_int_equal(sys_pivot_root(T, ARGS6(str_at(0, "/b"), str_at(5000, "/b2"))), -EBUSY);
    struct path old_root = path_ref(T->fs->root);
    assert_int_equal(sys_pivot_root(T, ARGS6(str_at(0, "/b"), str_at(5000, "/b/yes"))), 0);
    assert_int_equal(sys_chroot(T, ARGS6(str_at(0, "/"))), 0);
    struct path new_root = vfs_root_path();
    path_unref(T->fs->root);
    *T->fs->root = new_root;
    path_unref(T->fs->cwd);
    *T->fs->cwd = path_ref(&new_root);
    assert_int_equal(xstat("/yes/b2", &st), 0);
    assert_int_equal(sys_chdir(T, ARGS6(str_at(0, "/yes/b2"))), 0);
    assert_int_equal(sys_getcwd(T, ARGS6(U(world.mem + 10000), 100)), 8);
    assert_string_equal(world.mem + 10000, "/yes/b2");
    assert_int_equal(sys_chdir(T, ARGS6(str_at(0, "/"))), 0);
    assert_int_equal(xumount("/yes", LINUX_MNT_DETACH), 0);
    assert_true(path_format(T, &old_root, world.mem, 100) > 0);
    assert_string_equal(world.mem, "(unreachable)/");
    path_unref(&old_root);
}

static int64_t events(int64_t fd, struct linux_inotify_event *ret, unsigned max)
{
    int64_t n = sys_read(T, ARGS6((uint64_t)fd, U(world.mem + 30000), 4096));
    char *p = world.mem + 30000, *end = p + (n > 0 ? n : 0);
    unsigned count = 0;
    for (; p < end && count < max; count++) {
        memcpy(&ret[count], p, sizeof(*ret));
        p += sizeof(*ret) + ret[count].len;
    }
    return n < 0 ? n : (int64_t)count;
}

static void test_inotify(void **state)
{
    struct linux_inotify_event e[16];
    assert_int_equal(xmkdir("/i"), 0);
    make_file("/i/f");
    int64_t in = sys_inotify_init1(T, ARGS6(LINUX_IN_NONBLOCK));
    int64_t wd =
        sys_inotify_add_watch(T, ARGS6((uint64_t)in, str_at(0, "/i"), LINUX_IN_ALL_EVENTS));
    int64_t wf = sys_inotify_add_watch(
        T, ARGS6((uint64_t)in, str_at(0, "/i/f"), LINUX_IN_DELETE_SELF | LINUX_IN_ATTRIB));
    assert_int_equal(wd, 1);
    assert_int_equal(wf, 2);
    assert_int_equal(events(in, e, 16), -EAGAIN);
    make_file("/i/g");
    assert_int_equal(events(in, e, 16), 3);
    assert_int_equal(e[0].mask, LINUX_IN_CREATE);
    assert_int_equal(e[1].mask, LINUX_IN_OPEN);
    assert_int_equal(e[2].mask, LINUX_IN_CLOSE_WRITE);
    assert_string_equal(world.mem + 30000 + 16, "g");
    assert_int_equal(xrename("/i/g", "/i/h", 0), 0);
    assert_int_equal(events(in, e, 16), 2);
    assert_int_equal(e[0].mask, LINUX_IN_MOVED_FROM);
    assert_int_equal(e[1].mask, LINUX_IN_MOVED_TO);
    assert_int_equal(e[0].cookie, e[1].cookie);
    int64_t fd = xopen("/i/f", LINUX_O_RDONLY, 0);
    assert_int_equal(xunlink("/i/f"), 0);
    assert_int_equal(events(in, e, 16), 3); /* OPEN, ATTRIB, DELETE: still open */
    assert_int_equal(e[1].wd, wf);
    assert_int_equal(xclose(fd), 0);
    assert_int_equal(events(in, e, 16), 3);
    assert_int_equal(e[0].mask, LINUX_IN_CLOSE_NOWRITE);
    assert_int_equal(e[1].mask, LINUX_IN_DELETE_SELF);
    assert_int_equal(e[2].mask, LINUX_IN_IGNORED);
    assert_int_equal(sys_inotify_rm_watch(T, ARGS6((uint64_t)in, (uint64_t)wf)), -EINVAL);
    assert_int_equal(xmkdir("/i/sub"), 0);
    assert_int_equal(xrmdir("/i/sub"), 0);
    assert_int_equal(events(in, e, 16), 2);
    assert_int_equal(e[0].mask, LINUX_IN_CREATE | LINUX_IN_ISDIR);
    assert_int_equal(sys_inotify_add_watch(T, ARGS6((uint64_t)in, str_at(0, "/i"),
                                                    LINUX_IN_DELETE | LINUX_IN_ONESHOT)),
                     wd);
    assert_int_equal(xunlink("/i/h"), 0);
    assert_int_equal(events(in, e, 16), 2);
    assert_int_equal(e[1].mask, LINUX_IN_IGNORED);
    /* a mount that goes */
    assert_int_equal(
        sys_inotify_add_watch(T, ARGS6((uint64_t)in, str_at(0, "/i"), LINUX_IN_ALL_EVENTS)), 3);
    struct super *sb = test_super();
    assert_int_equal(vfs_mount_super(T, "/i/made/here", sb, 0, "x"), 0);
    super_unref(sb);
    assert_int_equal(sys_inotify_add_watch(
                         T, ARGS6((uint64_t)in, str_at(0, "/i/made/here"), LINUX_IN_ALL_EVENTS)),
                     4);
    assert_int_equal(xumount("/i/made/here", 0), 0);
    assert_int_equal(events(in, e, 16), 2);
    assert_int_equal(e[0].mask, LINUX_IN_UNMOUNT);
    assert_int_equal(xclose(in), 0);
    assert_int_equal(vfs()->nmarks, 0);
}

static void test_copy(void **state)
{
    make_file("/from");
    int64_t a = xopen("/from", LINUX_O_RDWR, 0),
            b = xopen("/to", LINUX_O_CREAT | LINUX_O_RDWR, 0644);
    memset(world.mem + 30000, 'x', 3000);
    assert_int_equal(sys_write(T, ARGS6((uint64_t)a, U(world.mem + 30000), 3000)), 3000);
    *(int64_t *)(world.mem + 40000) = 1000;
    assert_int_equal(sys_sendfile(T, ARGS6((uint64_t)b, (uint64_t)a, U(world.mem + 40000), 1500)),
                     1500);
    assert_int_equal(*(int64_t *)(world.mem + 40000), 2500);
    assert_int_equal(sys_lseek(T, ARGS6((uint64_t)a, 0, LINUX_SEEK_CUR)), 3000);
    assert_int_equal(sys_lseek(T, ARGS6((uint64_t)b, 0, LINUX_SEEK_CUR)), 1500);
    *(int64_t *)(world.mem + 40000) = 0;
    assert_int_equal(
        sys_copy_file_range(T, ARGS6((uint64_t)a, U(world.mem + 40000), (uint64_t)b, 0, 10000, 0)),
        3000 - 404);
    assert_int_equal(sys_copy_file_range(T, ARGS6((uint64_t)a, 0, (uint64_t)b, 0, 10, 1)), -EINVAL);
    assert_int_equal(sys_splice(T, ARGS6((uint64_t)a, 0, (uint64_t)b, 0, 10, 0)), -EINVAL);
    assert_int_equal(xclose(a) | xclose(b), 0);
}

static void test_lru(void **state)
{
    struct linux_stat st;
    char name[32];
    assert_int_equal(xmkdir("/many"), 0);
    for (unsigned i = 0; i < DENTRY_LRU_MAX + 500; i++) {
        snprintf(name, sizeof(name), "/many/%u", i);
        assert_int_equal(xstat(name, &st), -ENOENT);
    }
    assert_true(vfs()->lru_count <= DENTRY_LRU_MAX);
    int before = lookups;
    assert_int_equal(xstat(name, &st), -ENOENT); /* a kept negative name */
    assert_int_equal(lookups, before);
    make_file(name);
    assert_int_equal(xstat(name, &st), 0);
}

static void test_fds(void **state)
{
    int64_t fd = xopen("/", LINUX_O_DIRECTORY | LINUX_O_CLOEXEC, 0);
    assert_int_equal(fd, 0);
    assert_int_equal(sys_fcntl(T, ARGS6(0, LINUX_F_GETFD)), LINUX_FD_CLOEXEC);
    for (int i = 1; i < 1024; i++)
        assert_int_equal(sys_dup(T, ARGS6(0)), i);
    assert_int_equal(sys_dup(T, ARGS6(0)), -EMFILE);
    assert_int_equal(xopen("/", 0, 0), -EMFILE);
    assert_int_equal(xclose(700), 0);
    assert_int_equal(xclose(3), 0);
    assert_int_equal(xclose(64), 0);
    assert_int_equal(sys_dup(T, ARGS6(0)), 3);
    assert_int_equal(sys_fcntl(T, ARGS6(0, LINUX_F_DUPFD, 100)), 700);
    assert_int_equal(sys_dup(T, ARGS6(0)), 64);
    assert_int_equal(sys_fcntl(T, ARGS6(0, LINUX_F_DUPFD, 1024)), -EINVAL);
    assert_int_equal(sys_dup2(T, ARGS6(5, 5)), 5);
    assert_int_equal(sys_dup2(T, ARGS6(5, 1024)), -EBADF);
    assert_int_equal(sys_dup3(T, ARGS6(5, 5, 0)), -EINVAL);
    assert_int_equal(sys_dup3(T, ARGS6(5, 6, LINUX_O_CLOEXEC)), 6);
    struct fdtable *copy = fdtable_dup(T->files);
    assert_int_equal(sys_close_range(T, ARGS6(10, UINT32_MAX, 0)), 0);
    assert_int_equal(fdtable_next(T->files, 10, NULL), -1);
    assert_int_equal(fdtable_next(copy, 10, NULL), 10);
    fdtable_unref(copy);
    fd_close_on_exec(T);
    assert_int_equal(xclose(0), -EBADF);
    assert_int_equal(xclose(6), -EBADF);
    assert_int_equal(sys_close_range(T, ARGS6(0, 9, 0)), 0);
    assert_int_equal(fdtable_next(T->files, 0, NULL), -1);
}

static int64_t setlk(int64_t fd, int cmd, int16_t type, int64_t start, int64_t len)
{
    struct linux_flock fl = {.l_type = type, .l_start = start, .l_len = len};
    memcpy(world.mem + 40000, &fl, sizeof(fl));
    return sys_fcntl(T, ARGS6((uint64_t)fd, (uint64_t)cmd, U(world.mem + 40000)));
}

static void test_locks(void **state)
{
    make_file("/lk");
    int64_t a = xopen("/lk", LINUX_O_RDWR, 0), b = xopen("/lk", LINUX_O_RDWR, 0);
    assert_int_equal(sys_flock(T, ARGS6((uint64_t)a, LINUX_LOCK_EX)), 0);
    assert_int_equal(sys_flock(T, ARGS6((uint64_t)b, LINUX_LOCK_SH | LINUX_LOCK_NB)), -EWOULDBLOCK);
    world.waits = 0;
    assert_int_equal(sys_flock(T, ARGS6((uint64_t)b, LINUX_LOCK_SH)), -EBLOCKED);
    assert_int_equal(world.waits, 1);
    assert_int_equal(sys_flock(T, ARGS6((uint64_t)a, LINUX_LOCK_SH)), 0);
    assert_int_equal(sys_flock(T, ARGS6((uint64_t)b, LINUX_LOCK_SH)), 0);
    /* OFD locks of two descriptions conflict; POSIX locks of one table do not */
    assert_int_equal(setlk(a, LINUX_F_OFD_SETLK, LINUX_F_WRLCK, 10, 10), 0);
    assert_int_equal(setlk(b, LINUX_F_OFD_SETLK, LINUX_F_RDLCK, 19, 1), -EAGAIN);
    assert_int_equal(setlk(b, LINUX_F_OFD_SETLK, LINUX_F_RDLCK, 20, 1), 0);
    assert_int_equal(setlk(a, LINUX_F_OFD_SETLK, LINUX_F_UNLCK, 12, 2), 0);
    assert_int_equal(setlk(b, LINUX_F_OFD_GETLK, LINUX_F_WRLCK, 12, 0), 0);
    struct linux_flock fl;
    memcpy(&fl, world.mem + 40000, sizeof(fl));
    assert_int_equal(fl.l_type, LINUX_F_WRLCK);
    assert_int_equal(fl.l_start, 14);
    assert_int_equal(fl.l_len, 6);
    assert_int_equal(fl.l_pid, -1);
    assert_int_equal(setlk(a, LINUX_F_SETLK, LINUX_F_WRLCK, 100, 5), 0);
    assert_int_equal(setlk(b, LINUX_F_SETLK, LINUX_F_WRLCK, 102, 5), 0);
    assert_int_equal(xclose(a), 0);
    assert_int_equal(setlk(b, LINUX_F_OFD_SETLK, LINUX_F_WRLCK, 0, 0), 0);
    assert_int_equal(xclose(b), 0);
}

static int64_t fault_script(void)
{
    struct linux_stat st;
    FAULT_TRY(xmkdir("/q"));
    int64_t a = xopen("/q/a-name-that-is-too-long-for-the-dentry-itself",
                      LINUX_O_CREAT | LINUX_O_RDWR, 0600);
    FAULT_TRY(a);
    int64_t b = sys_dup2(T, ARGS6((uint64_t)a, 200)); /* the table grows */
    int64_t l = b < 0 ? b : setlk(a, LINUX_F_SETLK, LINUX_F_WRLCK, 1, 5);
    l = l < 0 ? l : setlk(a, LINUX_F_SETLK, LINUX_F_UNLCK, 2, 1);
    assert_int_equal(xclose(a), 0);
    if (b >= 0)
        assert_int_equal(xclose(b), 0);
    FAULT_TRY(l);
    FAULT_TRY(xsymlink("a-name-that-is-too-long-for-the-dentry-itself", "/q/l"));
    FAULT_TRY(xstat("/q/l", &st));
    FAULT_TRY(xrename("/q/l", "/q/another-name-that-is-too-long-for-the-dentry", 0));
    return 0;
}

static void fault_undo(void)
{
    (void)xunlink("/q/a-name-that-is-too-long-for-the-dentry-itself");
    (void)xunlink("/q/l");
    (void)xunlink("/q/another-name-that-is-too-long-for-the-dentry");
    (void)xrmdir("/q");
    dentry_prune_super(mount_ns_initial()->root->sb);
}

static void test_faults(void **state) { fault_each(fault_script, fault_undo, 10); }

static int world_setup(void **state)
{
    if (arena_init() < 0)
        return -1;
    struct kernel *k = arena_pages(DIV_ROUND_UP(sizeof(struct kernel), 4096));
    (void)k;
    world_start();
    return 0;
}

static int world_check(void **state)
{
    /* Nothing that the calls took is left. */
    fdtable_unref(T->files);
    assert_int_equal(vfs()->nfiles, 0);
    path_unref(&world.cwd);
    path_unref(&world.root);
    assert_int_equal(ref_count(&mount_ns_initial()->root->ref), 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),       cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_open_flags), cmocka_unit_test(test_rights),
        cmocka_unit_test(test_names),      cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_bind),       cmocka_unit_test(test_copy),
        cmocka_unit_test(test_inotify),    cmocka_unit_test(test_lru),
        cmocka_unit_test(test_fds),        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, world_setup, world_check);
}
