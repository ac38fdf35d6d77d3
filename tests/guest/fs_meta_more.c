/* Calls on names that came late, or that few use. */
#include "guest.h"

#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

struct xargs {
    uint64_t value;
    uint32_t size, flags;
};

static void start(void)
{
    CHECK_OK(chdir(guest_dir()));
    CHECK_OK(close(CHECK_OK(open("f", O_CREAT | O_RDWR, 0666))));
}

/* Younger than the libc headers. */
enum {
    NR_setxattrat = 463,
    NR_getxattrat = 464,
    NR_listxattrat = 465,
    NR_removexattrat = 466,
};

TEST(xattrs_below_a_directory)
{
    char buf[64], big[32] = {0};
    struct xargs set = {(uintptr_t)"val", 3, 0}, get = {(uintptr_t)buf, sizeof(buf), 0};
    start();
    int dir = CHECK_OK(open(".", O_PATH)), fd = CHECK_OK(open("f", O_RDONLY));
    if (syscall(NR_setxattrat, dir, "f", 0, "user.a", &set, sizeof(set)) < 0) {
        if (errno == ENOSYS)
            SKIP("an older kernel");
        if (errno == EOPNOTSUPP)
            SKIP("no attributes on this file system");
        FAIL("setxattrat: %s", strerror(errno));
    }
    CHECK_EQ(syscall(NR_getxattrat, dir, "f", 0, "user.a", &get, sizeof(get)), 3);
    CHECK_EQ(memcmp(buf, "val", 3), 0);
    CHECK_EQ(syscall(NR_getxattrat, fd, "", AT_EMPTY_PATH, "user.a", &get, sizeof(get)), 3);
    CHECK_EQ(syscall(NR_listxattrat, dir, "f", 0, buf, sizeof(buf)), sizeof("user.a"));
    CHECK_ERR(syscall(NR_getxattrat, dir, "f", 0, "user.a", &get, 8), EINVAL);
    memcpy(big, &get, sizeof(get));
    CHECK_EQ(syscall(NR_getxattrat, dir, "f", 0, "user.a", big, sizeof(big)), 3);
    big[20] = 1;
    CHECK_ERR(syscall(NR_getxattrat, dir, "f", 0, "user.a", big, sizeof(big)), E2BIG);
    get.flags = 1;
    CHECK_ERR(syscall(NR_getxattrat, dir, "f", 0, "user.a", &get, sizeof(get)), EINVAL);
    CHECK_ERR(syscall(NR_getxattrat, dir, "f", 1, "user.a", &get, sizeof(get)), EINVAL);
    CHECK_OK(syscall(NR_removexattrat, dir, "f", 0, "user.a"));
    CHECK_ERR(syscall(NR_removexattrat, dir, "f", 0, "user.a"), ENODATA);
}

TEST(old_numbers_of_file_systems)
{
    char name[64] = "";
    long n = CHECK_OK(syscall(SYS_sysfs, 3));
    CHECK(n > 2);
    long i = CHECK_OK(syscall(SYS_sysfs, 1, "tmpfs"));
    CHECK(i >= 0 && i < n);
    CHECK_OK(syscall(SYS_sysfs, 2, i, name));
    CHECK_STR(name, "tmpfs");
    CHECK_ERR(syscall(SYS_sysfs, 1, "nosuchfs"), EINVAL);
    CHECK_ERR(syscall(SYS_sysfs, 2, n, name), EINVAL);
    CHECK_ERR(syscall(SYS_sysfs, 4), EINVAL);
}

TEST(old_statfs)
{
    struct {
        int tfree;
        unsigned long tinode;
        char fname[6], fpack[6];
    } u;
    struct stat st;
    struct statfs fs;
    CHECK_OK(stat("/dev/shm", &st));
    CHECK_OK(statfs("/dev/shm", &fs));
    CHECK_OK(syscall(SYS_ustat, (unsigned)st.st_dev, &u));
    CHECK_EQ(u.tfree, (int)fs.f_bfree);
    CHECK_ERR(syscall(SYS_ustat, 0xfffffu, &u), EINVAL);
}

TEST(handles)
{
    struct {
        unsigned bytes;
        int type;
        char data[128];
    } h = {.bytes = 128};
    int id;
    start();
    CHECK_ERR(syscall(SYS_name_to_handle_at, AT_FDCWD, "none", &h, &id, 0), ENOENT);
    CHECK_ERR(syscall(SYS_name_to_handle_at, AT_FDCWD, "f", &h, &id, 0x10000), EINVAL);
    CHECK_ERR(syscall(SYS_name_to_handle_at, AT_FDCWD, "/proc/version", &h, &id, 0), EOPNOTSUPP);
    CHECK_ERR(syscall(SYS_open_by_handle_at, 77, &h, O_RDONLY), getuid() == 0 ? EBADF : EPERM);
}

/* Access times of a file system in memory: after a change, and not again. */
static long long atime_of(const char *path)
{
    struct stat st;
    CHECK_OK(lstat(path, &st));
    return st.st_atim.tv_sec * 1000000000LL + st.st_atim.tv_nsec;
}

TEST(access_times)
{
    char dir[] = "/dev/shm/atime-XXXXXX", c;
    struct timespec old[2] = {{1000, 0}, {2000, 0}}, late[2] = {{3000, 0}, {2000, 0}};
    CHECK(mkdtemp(dir));
    CHECK_OK(chdir(dir));
    int fd = CHECK_OK(open("f", O_CREAT | O_RDWR, 0666));
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_OK(symlink("f", "l"));
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(futimens(fd, old));
    long long a = 0, before;
    do { /* relatime: until it is later than the change, by a clock that ticks */
        before = a;
        CHECK_EQ(pread(fd, &c, 1, 0), 1);
        a = atime_of("f");
        CHECK(a > 3000 * 1000000000LL);
    } while (a != before);
    CHECK_OK(futimens(fd, late));
    CHECK_EQ(pread(fd, &c, 1, 0), 1);
    CHECK(atime_of("f") > a); /* older than a day */
    CHECK_OK(utimensat(AT_FDCWD, "l", old, AT_SYMLINK_NOFOLLOW));
    CHECK_EQ(readlink("l", &c, 1), 1);
    CHECK(atime_of("l") >= a);
    CHECK_OK(utimensat(AT_FDCWD, "d", old, 0));
    int d = CHECK_OK(open("d", O_RDONLY | O_DIRECTORY));
    char buf[200];
    CHECK(syscall(SYS_getdents64, d, buf, sizeof(buf)) > 0);
    CHECK(atime_of("d") >= a);
    int quiet = CHECK_OK(open("f", O_RDONLY | O_NOATIME));
    CHECK_OK(futimens(fd, old));
    CHECK_EQ(read(quiet, &c, 1), 1);
    CHECK_EQ(atime_of("f"), 1000 * 1000000000LL);
    CHECK_OK(unlink("f"));
    CHECK_OK(unlink("l"));
    CHECK_OK(rmdir("d"));
    CHECK_OK(rmdir(dir));
}

/* Nothing can be made or moved there, and who may write anything still cannot write what has no way to be written. */
TEST(sysfs_keeps_its_names)
{
    static const char online[] = "/sys/devices/system/cpu/online",
                      cpu[] = "/sys/devices/system/cpu";
    struct statfs fs;
    CHECK_OK(statfs(cpu, &fs));
    if (getuid() != 0 || fs.f_type != 0x62656572 || (fs.f_flags & 1))
        SKIP("not root, or no sysfs that can be written");
    CHECK_OK(rename(online, online));
    CHECK_OK(rename(cpu, cpu));
    CHECK_ERR(rename(online, "/sys/devices/system/cpu/x"), EPERM);
    CHECK_ERR(open("/sys/devices/x", O_CREAT | O_WRONLY, 0600), EACCES);
    CHECK_ERR(mkdir("/sys/devices/x", 0700), EPERM);
    CHECK_ERR(symlink("x", "/sys/devices/x"), EPERM);
    CHECK_ERR(unlink(online), EPERM);
    CHECK_ERR(rmdir(cpu), EPERM);
    CHECK_ERR(open(online, O_WRONLY), EACCES);
    CHECK_ERR(open(online, O_RDWR | O_TRUNC), EACCES);
}
