/* What is known about files: stat, fstat, newfstatat, statx, statfs; access, faccessat; chmod, fchmodat, chown, lchown; utimes,
 * futimesat and their kin; extended attributes; locks; inotify_init and what follows. */
#include "guest.h"

#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

static void in_dir(void) { CHECK_OK(chdir(guest_dir())); }
static void touch(const char *p) { CHECK_OK(close(CHECK_OK(open(p, O_CREAT | O_WRONLY, 0644)))); }

TEST(stats)
{
    in_dir();
    touch("f");
    CHECK_OK(symlink("f", "l"));
    struct stat a, b;
    CHECK_OK(syscall(SYS_stat, "l", &a));
    CHECK(S_ISREG(a.st_mode));
    CHECK_OK(syscall(SYS_lstat, "l", &b));
    CHECK(S_ISLNK(b.st_mode));
    int fd = CHECK_OK(open("f", O_RDONLY));
    CHECK_OK(syscall(SYS_fstat, fd, &b));
    CHECK_EQ(a.st_ino, b.st_ino);
    CHECK_OK(fstatat(fd, "", &b, AT_EMPTY_PATH));
    CHECK_EQ(a.st_ino, b.st_ino);
    CHECK_ERR(fstatat(fd, "", &b, 0), ENOENT);
    CHECK_ERR(fstatat(fd, "x", &b, 0), ENOTDIR);
    CHECK_ERR(fstatat(AT_FDCWD, "f", &b, 0x8), EINVAL);
    CHECK_ERR(syscall(SYS_stat, "f", 8), EFAULT);
    struct statx sx;
    CHECK_OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &sx));
    CHECK_EQ(sx.stx_ino, a.st_ino);
    CHECK_EQ(sx.stx_mode, a.st_mode);
    CHECK_EQ(sx.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
    CHECK_ERR(statx(AT_FDCWD, "f", 0, 0x80000000u, &sx), EINVAL);
    CHECK_ERR(statx(AT_FDCWD, "f", AT_STATX_SYNC_TYPE, 0, &sx), EINVAL);
    struct statfs fs;
    CHECK_OK(statfs(".", &fs));
    CHECK(fs.f_bsize > 0);
    CHECK_OK(fstatfs(fd, &fs));
    CHECK_ERR(statfs("none", &fs), ENOENT);
}

TEST(modes)
{
    in_dir();
    touch("f");
    struct stat st;
    CHECK_OK(syscall(SYS_chmod, "f", 0400));
    CHECK_OK(stat("f", &st));
    CHECK_EQ(st.st_mode & 07777, 0400);
    int fd = CHECK_OK(open("f", O_RDONLY));
    CHECK_OK(fchmod(fd, 0751));
    CHECK_OK(syscall(SYS_fchmodat, AT_FDCWD, "f", 0640));
    CHECK_OK(stat("f", &st));
    CHECK_EQ(st.st_mode & 07777, 0640);
    CHECK_ERR(syscall(SYS_access, "f", X_OK), EACCES);
    CHECK_OK(access("f", R_OK | W_OK));
    CHECK_ERR(access("f", 8), EINVAL);
    CHECK_OK(syscall(SYS_faccessat, AT_FDCWD, "f", R_OK));
    long r = syscall(439 /* faccessat2 */, AT_FDCWD, "f", R_OK, AT_EACCESS);
    CHECK(r == 0 || errno == ENOSYS);
    r = syscall(452 /* fchmodat2 */, AT_FDCWD, "f", 0600, 0);
    CHECK(r == 0 || errno == ENOSYS);
    if (geteuid() != 0)
        SKIP("the rest needs root");
    CHECK_OK(chmod("f", 06755));
    CHECK_OK(syscall(SYS_chown, "f", 12, 34));
    CHECK_OK(stat("f", &st));
    CHECK_EQ(st.st_uid, 12);
    CHECK_EQ(st.st_gid, 34);
    CHECK_EQ(st.st_mode & 07777, 0755);
    CHECK_OK(fchown(fd, -1, 35));
    CHECK_OK(symlink("f", "l"));
    CHECK_OK(syscall(SYS_lchown, "l", 7, 7));
    CHECK_OK(fchownat(AT_FDCWD, "f", 13, -1, 0));
    CHECK_OK(stat("f", &st));
    CHECK_EQ(st.st_uid, 13);
    CHECK_EQ(st.st_gid, 35);
    CHECK_OK(lstat("l", &st));
    CHECK_EQ(st.st_uid, 7);
    /* as somebody else */
    CHECK_OK(chmod(".", 01777));
    CHECK_OK(chmod("f", 0640));
    CHECK_OK(mkdir("g", 0777));
    CHECK_OK(chown("g", 0, 77));
    CHECK_OK(chmod("g", 02777));
    CHECK_OK(setgid(500));
    CHECK_OK(setuid(500));
    CHECK_ERR(open("f", O_RDONLY), EACCES);
    CHECK_ERR(chmod("f", 0777), EPERM);
    CHECK_ERR(chown("f", 500, -1), EPERM);
    CHECK_ERR(unlink("f"), EPERM); /* sticky */
    touch("mine");
    CHECK_ERR(chown("mine", 501, -1), EPERM);
    CHECK_OK(chown("mine", 500, 500));
    touch("g/new");
    CHECK_OK(stat("g/new", &st));
    CHECK_EQ(st.st_gid, 77);
    CHECK_OK(unlink("mine"));
}

TEST(times)
{
    in_dir();
    touch("f");
    struct stat st;
    struct timespec ts[2] = {{1000, 5}, {2000, 999999999}};
    CHECK_OK(utimensat(AT_FDCWD, "f", ts, 0));
    CHECK_OK(stat("f", &st));
    CHECK_EQ(st.st_atim.tv_sec, 1000);
    CHECK_EQ(st.st_atim.tv_nsec, 5);
    CHECK_EQ(st.st_mtim.tv_nsec, 999999999);
    ts[0].tv_nsec = UTIME_OMIT;
    ts[1].tv_nsec = UTIME_NOW;
    int fd = CHECK_OK(open("f", O_RDWR));
    CHECK_OK(futimens(fd, ts));
    CHECK_OK(stat("f", &st));
    CHECK_EQ(st.st_atim.tv_sec, 1000);
    CHECK(st.st_mtim.tv_sec > 2000);
    ts[1].tv_nsec = 1000000000;
    CHECK_ERR(utimensat(AT_FDCWD, "f", ts, 0), EINVAL);
    struct timeval tv[2] = {{11, 22}, {33, 44}};
    CHECK_OK(syscall(SYS_utimes, "f", tv));
    CHECK_OK(stat("f", &st));
    CHECK_EQ(st.st_mtim.tv_nsec, 44000);
    tv[0].tv_usec = 1000000;
    CHECK_ERR(syscall(SYS_futimesat, AT_FDCWD, "f", tv), EINVAL);
    struct utimbuf ub = {5, 6};
    CHECK_OK(syscall(SYS_utime, "f", &ub));
    CHECK_OK(stat("f", &st));
    CHECK_EQ(st.st_mtime, 6);
    CHECK_OK(utimensat(AT_FDCWD, "f", NULL, 0));
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_OK(stat("f", &st));
    CHECK(st.st_mtime > 1000000);
}

TEST(attributes)
{
    in_dir();
    touch("f");
    if (setxattr("f", "user.a", "one", 3, 0) < 0) {
        CHECK(errno == EOPNOTSUPP);
        SKIP("no user attributes on this file system");
    }
    char b[64];
    CHECK_ERR(setxattr("f", "user.a", "x", 1, XATTR_CREATE), EEXIST);
    CHECK_ERR(setxattr("f", "user.b", "x", 1, XATTR_REPLACE), ENODATA);
    CHECK_EQ(getxattr("f", "user.a", b, 64), 3);
    CHECK_EQ(lgetxattr("f", "user.a", NULL, 0), 3);
    CHECK_ERR(getxattr("f", "user.a", b, 2), ERANGE);
    CHECK_ERR(getxattr("f", "user.none", b, 2), ENODATA);
    CHECK_ERR(getxattr("f", "nonsense", b, 2), EOPNOTSUPP);
    int fd = CHECK_OK(open("f", O_RDWR));
    CHECK_OK(fsetxattr(fd, "user.c", "", 0, 0));
    CHECK_OK(lsetxattr("f", "user.d", "d", 1, 0));
    CHECK_EQ(fgetxattr(fd, "user.c", b, 64), 0);
    long n = CHECK_OK(listxattr("f", b, 64));
    CHECK(n >= 21);
    CHECK(llistxattr("f", NULL, 0) == n && flistxattr(fd, NULL, 0) == n);
    CHECK_OK(removexattr("f", "user.a"));
    CHECK_ERR(removexattr("f", "user.a"), ENODATA);
    CHECK_OK(lremovexattr("f", "user.c"));
    CHECK_OK(fremovexattr(fd, "user.d"));
}

static int lock(int fd, int cmd, short type, off_t start, off_t len)
{
    struct flock fl = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
    return fcntl(fd, cmd, &fl);
}

TEST(record_locks)
{
    in_dir();
    touch("f");
    int fd = CHECK_OK(open("f", O_RDWR)), p[2], q[2];
    char c;
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 10, 10));
    CHECK_OK(pipe(p));
    CHECK_OK(pipe(q));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        int mine = CHECK_OK(open("f", O_RDWR));
        CHECK_ERR(lock(mine, F_SETLK, F_RDLCK, 19, 1), EAGAIN);
        CHECK_OK(lock(mine, F_SETLK, F_WRLCK, 20, 5));
        struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        CHECK_OK(fcntl(mine, F_GETLK, &fl));
        CHECK_EQ(fl.l_start, 10);
        CHECK_EQ(fl.l_len, 10);
        CHECK_EQ(fl.l_pid, getppid());
        CHECK_EQ(write(p[1], "1", 1), 1);
        CHECK_OK(lock(mine, F_SETLKW, F_WRLCK, 12, 1)); /* waits for the parent */
        CHECK_EQ(write(p[1], "2", 1), 1);
        CHECK_EQ(read(q[0], &c, 1), 1);
        _exit(0);
    }
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_OK(lock(fd, F_SETLK, F_UNLCK, 12, 2));
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(c, '2');
    CHECK_ERR(lock(fd, F_SETLK, F_WRLCK, 22, 1), EAGAIN);
    CHECK_OK(lock(fd, F_OFD_SETLK, F_RDLCK, 100, 1));
    CHECK_ERR(lock(fd, F_SETLK, F_WRLCK, 100, 1), EAGAIN); /* kinds see each other */
    CHECK_EQ(write(q[1], "x", 1), 1);
    check_child(pid, 0);
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 22, 1)); /* the child's end freed it */
    int ro = CHECK_OK(open("f", O_RDONLY));
    CHECK_ERR(lock(ro, F_SETLK, F_WRLCK, 0, 1), EBADF);
    CHECK_ERR(lock(fd, F_SETLK, 9, 0, 1), EINVAL);
}

TEST(lock_deadlock)
{
    in_dir();
    touch("f");
    int fd = CHECK_OK(open("f", O_RDWR)), p[2];
    CHECK_OK(pipe(p));
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 0, 1));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 1, 1));
        CHECK_EQ(write(p[1], "1", 1), 1);
        int r = lock(fd, F_SETLKW, F_WRLCK, 0, 1);
        _exit(r == 0 ? 0 : errno == EDEADLK ? 1 : 2);
    }
    char c;
    CHECK_EQ(read(p[0], &c, 1), 1);
    /* One of the two is told, whichever comes second. */
    int r = lock(fd, F_SETLKW, F_WRLCK, 1, 1);
    int err = errno;
    CHECK_OK(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    check_child(pid, r == 0 ? 1 : 0);
    CHECK(r == 0 || err == EDEADLK);
}

TEST(flocks)
{
    in_dir();
    touch("f");
    int a = CHECK_OK(open("f", O_RDONLY)), b = CHECK_OK(open("f", O_RDONLY)), p[2];
    CHECK_OK(flock(a, LOCK_EX));
    CHECK_ERR(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    CHECK_ERR(flock(b, 0), EINVAL);
    CHECK_ERR(flock(999, LOCK_SH), EBADF);
    CHECK_OK(pipe(p));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        close(a);
        CHECK_EQ(write(p[1], "1", 1), 1);
        CHECK_OK(flock(b, LOCK_EX));
        _exit(0);
    }
    char c;
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_OK(flock(a, LOCK_UN));
    check_child(pid, 0);
    CHECK_ERR(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK); /* b is our open file too */
    close(b);
    CHECK_OK(flock(a, LOCK_EX | LOCK_NB));
}

static volatile int told;
static void on_notify(int sig, siginfo_t *info, void *ctx) { told = info->si_fd; }

TEST(directory_signals)
{
    in_dir();
    CHECK_OK(mkdir("n", 0755));
    int fd = CHECK_OK(open("n", O_RDONLY)), file;
    struct sigaction sa = {.sa_sigaction = on_notify, .sa_flags = SA_SIGINFO};
    CHECK_OK(sigaction(SIGRTMIN, &sa, NULL));
    CHECK_OK(fcntl(fd, F_SETSIG, SIGRTMIN));
    CHECK_OK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
    touch("n/a");
    CHECK_EQ(told, fd);
    told = 0;
    CHECK_OK(unlink("n/a"));
    CHECK_EQ(told, 0);
    CHECK_OK(fcntl(fd, F_NOTIFY, 0));
    CHECK_OK(fcntl(fd, F_NOTIFY, DN_CREATE)); /* once */
    touch("n/b");
    CHECK_EQ(told, fd);
    told = 0;
    touch("n/c");
    CHECK_EQ(told, 0);
    CHECK_OK(fcntl(fd, F_NOTIFY, 0));
    file = CHECK_OK(open("n/b", O_RDONLY));
    CHECK_ERR(fcntl(file, F_NOTIFY, DN_MODIFY), ENOTDIR);
}

TEST(watches)
{
    in_dir();
    CHECK_OK(mkdir("w", 0755));
    int in = CHECK_OK(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
        old = CHECK_OK((int)syscall(SYS_inotify_init));
    close(old);
    int wd = CHECK_OK(inotify_add_watch(in, "w", IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE));
    char buf[4096] __attribute__((aligned(8)));
    CHECK_ERR(read(in, buf, sizeof(buf)), EAGAIN);
    touch("w/a");
    CHECK_OK(rename("w/a", "w/b"));
    CHECK_OK(unlink("w/b"));
    struct pollfd pf = {in, POLLIN, 0};
    CHECK_EQ(poll(&pf, 1, 5000), 1);
    long n = CHECK_OK(read(in, buf, sizeof(buf)));
    uint32_t want[] = {IN_CREATE, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO, IN_DELETE};
    unsigned i = 0;
    uint32_t cookie = 0;
    for (char *q = buf; q < buf + n; i++) {
        struct inotify_event *e = (struct inotify_event *)q;
        CHECK(i < 5);
        CHECK_EQ(e->mask, want[i]);
        CHECK_EQ(e->wd, wd);
        CHECK_STR(e->name, i < 3 ? "a" : "b");
        if (i == 2)
            cookie = e->cookie;
        if (i == 3)
            CHECK_EQ(e->cookie, cookie);
        q += sizeof(*e) + e->len;
    }
    CHECK_EQ(i, 5);
    CHECK_OK(inotify_rm_watch(in, wd));
    n = CHECK_OK(read(in, buf, sizeof(buf)));
    CHECK_EQ(((struct inotify_event *)buf)->mask, IN_IGNORED);
    CHECK_ERR(inotify_rm_watch(in, wd), EINVAL);
    CHECK_ERR(inotify_add_watch(in, "none", IN_CREATE), ENOENT);
    CHECK_ERR(inotify_add_watch(in, "w", 0), EINVAL);
    CHECK_ERR(inotify_add_watch(0, "w", IN_CREATE), EINVAL);
}
