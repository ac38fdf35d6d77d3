/* Names and directories: mkdir, mknod, link, symlink, unlink, rmdir, rename, renameat2, readlink, getdents, getdents64, chdir,
 * getcwd, chroot, mounts. */
#include "guest.h"

#include <dirent.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void in_dir(void) { CHECK_OK(chdir(guest_dir())); }
static void touch(const char *p) { CHECK_OK(close(CHECK_OK(open(p, O_CREAT | O_WRONLY, 0644)))); }

TEST(mkdir_rmdir)
{
    in_dir();
    CHECK_OK(syscall(SYS_mkdir, "d", 0777));
    CHECK_ERR(mkdir("d", 0777), EEXIST);
    CHECK_ERR(mkdir("d/.", 0777), EEXIST);
    CHECK_ERR(mkdir("/", 0777), EEXIST);
    CHECK_ERR(mkdir("x/y", 0777), ENOENT);
    CHECK_OK(mkdirat(AT_FDCWD, "d/e/", 0777));
    touch("f");
    CHECK_ERR(mkdir("f/x", 0777), ENOTDIR);
    CHECK_ERR(rmdir("d"), ENOTEMPTY);
    CHECK_ERR(rmdir("f"), ENOTDIR);
    CHECK_ERR(rmdir("d/e/."), EINVAL);
    CHECK_ERR(rmdir("d/e/.."), ENOTEMPTY);
    CHECK_ERR(rmdir("none"), ENOENT);
    CHECK_ERR(unlink("d"), EISDIR);
    CHECK_OK(unlinkat(AT_FDCWD, "d/e", AT_REMOVEDIR));
    CHECK_ERR(unlinkat(AT_FDCWD, "d", 1), EINVAL);
    CHECK_OK(syscall(SYS_rmdir, "d/"));
    struct stat st;
    CHECK_ERR(stat("d", &st), ENOENT);
    char longname[300];
    memset(longname, 'n', sizeof(longname));
    longname[256] = 0;
    CHECK_ERR(mkdir(longname, 0777), ENAMETOOLONG);
    longname[255] = 0;
    CHECK_OK(mkdir(longname, 0777));
    CHECK_OK(rmdir(longname));
    static char path[5000];
    memset(path, '/', sizeof(path) - 1);
    CHECK_ERR(stat(path, &st), ENAMETOOLONG);
}

TEST(links)
{
    in_dir();
    struct stat a, b;
    touch("f");
    CHECK_OK(syscall(SYS_link, "f", "g"));
    CHECK_OK(stat("f", &a));
    CHECK_OK(stat("g", &b));
    CHECK_EQ(a.st_ino, b.st_ino);
    CHECK_EQ(a.st_nlink, 2);
    CHECK_ERR(link("f", "g"), EEXIST);
    CHECK_ERR(link(".", "dirlink"), EPERM);
    CHECK_OK(syscall(SYS_symlink, "f", "s"));
    CHECK_OK(linkat(AT_FDCWD, "s", AT_FDCWD, "s2", 0));
    CHECK_OK(lstat("s2", &b));
    CHECK(S_ISLNK(b.st_mode));
    CHECK_OK(linkat(AT_FDCWD, "s", AT_FDCWD, "h3", AT_SYMLINK_FOLLOW));
    CHECK_OK(lstat("h3", &b));
    CHECK_EQ(b.st_ino, a.st_ino);
    char buf[64];
    CHECK_EQ(syscall(SYS_readlink, "s", buf, 64), 1);
    CHECK_EQ(buf[0], 'f');
    CHECK_ERR(readlink("f", buf, 64), EINVAL);
    CHECK_ERR(readlink("s", buf, 0), EINVAL);
    CHECK_OK(symlinkat("a-longer-target", AT_FDCWD, "t"));
    CHECK_EQ(readlinkat(AT_FDCWD, "t", buf, 4), 4);
    CHECK_OK(lstat("t", &b));
    CHECK_EQ(b.st_size, 15);
    CHECK_ERR(symlink("", "u"), ENOENT);
    CHECK_OK(symlink("loop", "loop"));
    CHECK_ERR(stat("loop", &b), ELOOP);
    CHECK_ERR(unlink("f/"), ENOTDIR);
    CHECK_OK(syscall(SYS_unlink, "f"));
    CHECK_OK(stat("g", &b));
    int fd = CHECK_OK(open("g", O_RDWR));
    CHECK_OK(unlink("g"));
    CHECK_OK(unlink("h3"));
    CHECK_OK(fstat(fd, &b));
    CHECK_EQ(b.st_nlink, 0);
    CHECK_EQ(write(fd, "x", 1), 1); /* it lives as long as it is open */
}

TEST(renames)
{
    in_dir();
    struct stat a, b;
    touch("f");
    touch("g");
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(mkdir("d/e", 0755));
    CHECK_OK(stat("f", &a));
    CHECK_OK(syscall(SYS_rename, "f", "g"));
    CHECK_OK(stat("g", &b));
    CHECK_EQ(a.st_ino, b.st_ino);
    CHECK_ERR(stat("f", &b), ENOENT);
    CHECK_OK(renameat(AT_FDCWD, "g", AT_FDCWD, "d/e/h"));
    CHECK_ERR(rename("d", "d/e/x"), EINVAL);
    CHECK_ERR(rename("d/e/h", "d"), ENOTEMPTY);
    CHECK_ERR(rename("d/e", "d/e/h"), EINVAL);
    touch("plain");
    CHECK_ERR(rename("plain", "d"), EISDIR);
    CHECK_ERR(rename("d/e", "d"), ENOTEMPTY);
    CHECK_ERR(rename("none", "x"), ENOENT);
    CHECK_ERR(rename("d/.", "x"), EBUSY);
    touch("g");
    CHECK_ERR(rename("d", "g"), ENOTDIR);
    CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "d/e/h", 1), EEXIST);
    CHECK_OK(syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "d", 2)); /* exchange */
    CHECK_OK(stat("g/e/h", &b));
    CHECK_EQ(a.st_ino, b.st_ino);
    CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "d", 3), EINVAL);
    CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "zz", 2), ENOENT);
    CHECK_OK(mkdir("empty", 0755));
    CHECK_OK(rename("g", "empty")); /* a directory over an empty one */
    CHECK_OK(stat("empty/e/h", &b));
}

static int count_names(int fd, long nr)
{
    char buf[600];
    int names = 0;
    long n;
    while ((n = CHECK_OK(syscall(nr, fd, buf, sizeof(buf)))) > 0)
        for (long at = 0; at < n; names++)
            at += *(unsigned short *)(buf + at + 16);
    return names;
}

TEST(directories)
{
    in_dir();
    CHECK_OK(mkdir("d", 0755));
    char name[64];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "d/entry-%d", i);
        touch(name);
    }
    int fd = CHECK_OK(open("d", O_RDONLY | O_DIRECTORY));
    CHECK_EQ(count_names(fd, SYS_getdents64), 102);
    CHECK_EQ(count_names(fd, SYS_getdents64), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(count_names(fd, SYS_getdents), 102);
    char small[8];
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_ERR(syscall(SYS_getdents64, fd, small, 8), EINVAL);
    CHECK_ERR(syscall(SYS_getdents64, 0, small, 8), ENOTDIR);
    /* names of every kind, and unlinking while reading */
    CHECK_OK(mkdir("d/sub", 0755));
    CHECK_OK(symlink("x", "d/link"));
    CHECK_OK(mkfifo("d/fifo", 0644));
    DIR *dir = opendir("d");
    CHECK(dir);
    int seen = 0, kinds = 0;
    struct dirent *e;
    while ((e = readdir(dir))) {
        seen++;
        if (strcmp(e->d_name, "sub") == 0)
            kinds += e->d_type == DT_DIR;
        if (strcmp(e->d_name, "link") == 0)
            kinds += e->d_type == DT_LNK;
        if (strcmp(e->d_name, "fifo") == 0)
            kinds += e->d_type == DT_FIFO;
        if (strncmp(e->d_name, "entry", 5) == 0)
            CHECK_OK(unlinkat(dirfd(dir), e->d_name, 0));
    }
    CHECK_EQ(seen, 105);
    CHECK_EQ(kinds, 3);
    rewinddir(dir);
    for (seen = 0; readdir(dir); seen++)
        ;
    CHECK_EQ(seen, 5);
    closedir(dir);
}

TEST(working_directory)
{
    in_dir();
    char buf[4096], want[4096];
    CHECK_OK(mkdir("w", 0755));
    int fd = CHECK_OK(open("w", O_RDONLY));
    CHECK_OK(chdir("w"));
    snprintf(want, sizeof(want), "%s/w", guest_dir());
    CHECK(getcwd(buf, sizeof(buf)));
    CHECK_STR(buf, want);
    CHECK_ERR(syscall(SYS_getcwd, buf, 3), ERANGE);
    CHECK_OK(rename("../w", "../v"));
    snprintf(want, sizeof(want), "%s/v", guest_dir());
    CHECK_EQ(syscall(SYS_getcwd, buf, sizeof(buf)), strlen(want) + 1);
    CHECK_STR(buf, want);
    CHECK_OK(chdir(".."));
    CHECK_OK(fchdir(fd));
    CHECK_OK(rmdir("../v"));
    CHECK_ERR(syscall(SYS_getcwd, buf, sizeof(buf)), ENOENT);
    CHECK_ERR(open("x", O_CREAT | O_RDWR, 0600), ENOENT);
    CHECK_ERR(chdir("/none"), ENOENT);
    CHECK_OK(chdir(guest_dir()));
    touch("f");
    CHECK_ERR(chdir("f"), ENOTDIR);
    CHECK_ERR(fchdir(999), EBADF);
    fd = CHECK_OK(open("f", O_RDONLY));
    CHECK_ERR(fchdir(fd), ENOTDIR);
}

TEST(nodes)
{
    in_dir();
    struct stat st;
    CHECK_OK(syscall(SYS_mknod, "p", S_IFIFO | 0600, 0));
    CHECK_OK(stat("p", &st));
    CHECK(S_ISFIFO(st.st_mode));
    CHECK_OK(mknodat(AT_FDCWD, "r", 0644, 0));
    CHECK_OK(stat("r", &st));
    CHECK(S_ISREG(st.st_mode));
    CHECK_ERR(mknod("d", S_IFDIR | 0755, 0), EPERM);
    CHECK_ERR(mknod("e", 0150000, 0), EINVAL);
    CHECK_ERR(mknod("p", S_IFIFO | 0600, 0), EEXIST);
    CHECK_ERR(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
    int r = CHECK_OK(open("p", O_RDONLY | O_NONBLOCK)), w = CHECK_OK(open("p", O_WRONLY));
    char b[4];
    CHECK_EQ(write(w, "abc", 3), 3);
    CHECK_EQ(read(r, b, 4), 3);
    pid_t pid = CHECK_OK(fork()); /* each end waits for the other */
    if (pid == 0) {
        close(r);
        close(w);
        int c = open("p", O_WRONLY);
        _exit(c >= 0 && write(c, "z", 1) == 1 ? 0 : 1);
    }
    check_child(pid, 0);
    CHECK_EQ(read(r, b, 4), 1);
}

TEST(chroot_hides)
{
    in_dir();
    if (geteuid() != 0)
        SKIP("needs root");
    CHECK_OK(mkdir("jail", 0755));
    touch("jail/inside");
    CHECK_OK(chroot("jail"));
    CHECK_OK(chdir("/"));
    CHECK_OK(access("/inside", F_OK));
    CHECK_OK(access("/../../inside", F_OK));
    char buf[100];
    CHECK(getcwd(buf, sizeof(buf)));
    CHECK_STR(buf, "/");
}

TEST(mounts)
{
    in_dir();
    CHECK_OK(mkdir("m", 0755));
    touch("m/under");
    if (mount("none", "m", "tmpfs", MS_NODEV, "size=1m") < 0) {
        CHECK_EQ(errno, EPERM);
        SKIP("may not mount");
    }
    struct stat a, b;
    CHECK_OK(stat("m", &a));
    CHECK_OK(stat(".", &b));
    CHECK(a.st_dev != b.st_dev);
    CHECK_ERR(access("m/under", F_OK), ENOENT);
    touch("m/over");
    CHECK_ERR(rmdir("m"), EBUSY);
    CHECK_ERR(link("m/over", "x"), EXDEV);
    CHECK_ERR(rename("m/over", "x"), EXDEV);
    CHECK_OK(mkdir("b", 0755));
    CHECK_OK(mount("m", "b", NULL, MS_BIND, NULL));
    CHECK_OK(access("b/over", F_OK));
    CHECK_OK(mount("none", "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    CHECK_ERR(mkdir("b/x", 0755), EROFS);
    CHECK_OK(mkdir("m/x", 0755));
    CHECK_OK(umount("b"));
    int fd = CHECK_OK(open("m/over", O_RDONLY));
    CHECK_ERR(umount2("m", 0), EBUSY);
    CHECK_OK(umount2("m", MNT_DETACH));
    CHECK_OK(access("m/under", F_OK));
    CHECK_OK(close(fd));
    CHECK_ERR(umount("m"), EINVAL);
    CHECK_ERR(mount("none", "m", "no-such-fs", 0, NULL), ENODEV);
}
