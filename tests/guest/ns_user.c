/* User namespaces: maps, capabilities inside and outside, files, mounts. Begins as root and gives that up where it matters. */
#include "guest.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define NOBODY 65534

static void need_root(void)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];
    CHECK_OK(syscall(SYS_capget, &h, d));
    if (getuid() || !(d[0].effective & (1u << CAP_SYS_ADMIN)))
        SKIP("needs root");
}

static int put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    if (fd == -1)
        return -1;
    ssize_t n = write(fd, text, strlen(text));
    int err = errno;
    close(fd);
    errno = err;
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

static void get(const char *path, char *buf, size_t size)
{
    int fd = CHECK_OK(open(path, O_RDONLY));
    ssize_t n = CHECK_OK(read(fd, buf, size - 1));
    buf[n] = 0;
    close(fd);
}

static uint64_t caps(void)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];
    CHECK_OK(syscall(SYS_capget, &h, d));
    return d[0].effective | (uint64_t)d[1].effective << 32;
}

static void become(uid_t uid)
{
    CHECK_OK(setgroups(0, NULL));
    CHECK_OK(setresgid(uid, uid, uid));
    CHECK_OK(setresuid(uid, uid, uid));
    prctl(PR_SET_DUMPABLE, 1);
}

static void enter_unprivileged(void)
{
    become(1234);
    if (unshare(CLONE_NEWUSER) == -1) {
        if (errno == EPERM || errno == ENOSPC)
            SKIP("user namespaces are for root only here");
        FAIL("unshare: %s", strerror(errno));
    }
}

static void map_self(void)
{
    CHECK_OK(put("/proc/self/setgroups", "deny"));
    CHECK_OK(put("/proc/self/uid_map", "0 1234 1"));
    CHECK_OK(put("/proc/self/gid_map", "0 1234 1"));
}

TEST(one_id_without_privilege)
{
    need_root();
    enter_unprivileged();
    CHECK_EQ(getuid(), NOBODY);
    CHECK_EQ(getgid(), NOBODY);
    CHECK(caps() & (1u << CAP_SYS_ADMIN));
    CHECK_ERR(put("/proc/self/gid_map", "0 1234 1"), EPERM); /* not before setgroups is denied */
    CHECK_ERR(put("/proc/self/uid_map", "0 1234 2"), EPERM);
    CHECK_ERR(put("/proc/self/uid_map", "0 0 1"), EPERM);
    CHECK_ERR(put("/proc/self/uid_map", "nonsense"), EINVAL);
    CHECK_ERR(put("/proc/self/uid_map", "0 1234 0"), EINVAL);
    map_self();
    CHECK_EQ(getuid(), 0);
    CHECK_EQ(geteuid(), 0);
    CHECK_EQ(getgid(), 0);
    CHECK_ERR(put("/proc/self/uid_map", "0 1234 1"), EPERM); /* once */
    CHECK_ERR(put("/proc/self/setgroups", "allow"), EPERM);
    char text[128];
    get("/proc/self/uid_map", text, sizeof(text));
    CHECK_STR(text, "         0       1234          1\n");
    get("/proc/self/setgroups", text, sizeof(text));
    CHECK_STR(text, "deny\n");
    CHECK_ERR(setgroups(0, NULL), EPERM);
    CHECK_ERR(setuid(5), EINVAL); /* not mapped */
    CHECK_OK(setuid(0));
}

TEST(capabilities_reach_what_it_owns)
{
    need_root();
    enter_unprivileged();
    map_self();
    CHECK_ERR(sethostname("x", 1), EPERM);
    CHECK_OK(unshare(CLONE_NEWUTS));
    CHECK_OK(sethostname("x", 1));
    CHECK_ERR(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), EPERM);
    CHECK_ERR(kill(getppid(), 0), EPERM);
    CHECK_ERR(syscall(SYS_reboot, 1, 2, 3, NULL), EPERM);
}

TEST(mounts_inside)
{
    need_root();
    CHECK_OK(chmod(guest_dir(), 0777));
    CHECK_OK(unshare(CLONE_NEWNS));
    CHECK_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    char dir[128], file[256], locked[128];
    snprintf(dir, sizeof(dir), "%s/m", guest_dir());
    snprintf(locked, sizeof(locked), "%s/l", guest_dir());
    snprintf(file, sizeof(file), "%s/f", dir);
    CHECK_OK(mkdir(dir, 0777));
    CHECK_OK(mkdir(locked, 0777));
    CHECK_OK(mount("tmpfs", locked, "tmpfs", MS_NOSUID, NULL));
    enter_unprivileged();
    map_self();
    CHECK_OK(unshare(CLONE_NEWNS));
    CHECK_OK(mount("tmpfs", dir, "tmpfs", 0, NULL));
    close(CHECK_OK(open(file, O_CREAT | O_WRONLY, 0600)));
    struct stat st;
    CHECK_OK(stat(file, &st));
    CHECK_EQ(st.st_uid, 0);
    CHECK_OK(stat(dir, &st));
    CHECK_EQ(st.st_uid, 0);
    CHECK_ERR(mknod(file, S_IFCHR | 0600, 0x103), EEXIST);
    CHECK_OK(unlink(file));
    CHECK_ERR(mknod(file, S_IFCHR | 0600, 0x103), EPERM);
    CHECK_OK(umount(dir));
    CHECK_ERR(mount(NULL, locked, NULL, MS_REMOUNT | MS_BIND, NULL), EPERM); /* it was nosuid */
    CHECK_OK(mount(NULL, locked, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_RDONLY, NULL));
    CHECK_ERR(mount(locked, dir, NULL, MS_MOVE, NULL), EINVAL);
    CHECK_ERR(mount(guest_dir(), dir, NULL, MS_BIND, NULL), EINVAL); /* would show what it covers */
    CHECK_OK(mount(guest_dir(), dir, NULL, MS_BIND | MS_REC, NULL));
    CHECK_ERR(umount(locked), EINVAL); /* came with the tree from one that has more rights */
}

/* The child waits for its map: root writes "0 1000 10" for it. */
static pid_t child_with_range(int *ret_go, void (*fn)(void))
{
    int ready[2], go[2];
    char c, path[64];
    CHECK_OK(pipe(ready));
    CHECK_OK(pipe(go));
    pid_t pid = CHECK_OK(fork());
    if (!pid) {
        CHECK_OK(unshare(CLONE_NEWUSER));
        CHECK_EQ(write(ready[1], "x", 1), 1);
        CHECK_EQ(read(go[0], &c, 1), 1);
        fn();
        _exit(0);
    }
    CHECK_EQ(read(ready[0], &c, 1), 1);
    snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
    CHECK_OK(put(path, "0 1000 10\n20 5000 1\n"));
    snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
    CHECK_OK(put(path, "0 1000 10\n"));
    *ret_go = go[1];
    return pid;
}

static void in_range(void)
{
    char path[256];
    struct stat st;
    CHECK_EQ(getuid(), NOBODY); /* uid 0 outside is nobody here */
    CHECK_OK(setgroups(0, NULL));
    gid_t list[2] = {3, 4};
    CHECK_OK(setgroups(2, list));
    CHECK_EQ(getgroups(2, list), 2);
    CHECK_EQ(list[0], 3);
    list[0] = 11;
    CHECK_ERR(setgroups(1, list), EINVAL);
    CHECK_OK(setresgid(0, 0, 0));
    CHECK_OK(setresuid(0, 0, 0));
    CHECK_EQ(getuid(), 0);
    snprintf(path, sizeof(path), "%s/new", guest_dir());
    close(CHECK_OK(open(path, O_CREAT | O_WRONLY, 0600)));
    CHECK_OK(chown(path, 5, 6));
    CHECK_ERR(chown(path, 11, 0), EINVAL);
    CHECK_OK(stat(path, &st));
    CHECK_EQ(st.st_uid, 5);
    CHECK_EQ(st.st_gid, 6);
    snprintf(path, sizeof(path), "%s/roots", guest_dir());
    CHECK_OK(stat(path, &st));
    CHECK_EQ(st.st_uid, NOBODY);
    CHECK_ERR(open(path, O_RDONLY), EACCES); /* CAP_DAC_OVERRIDE is not over that */
    CHECK_ERR(chmod(path, 0777), EPERM);
    CHECK_ERR(chown(path, 0, 0), EPERM);
    CHECK_OK(setresuid(5, 5, 5));
    CHECK_ERR(setuid(0), EPERM);
    CHECK_EQ(caps(), 0);
}

TEST(ranges)
{
    need_root();
    int go;
    char path[256];
    struct stat st;
    CHECK_OK(chmod(guest_dir(), 0777));
    snprintf(path, sizeof(path), "%s/roots", guest_dir());
    close(CHECK_OK(open(path, O_CREAT | O_WRONLY, 0600)));
    pid_t pid = child_with_range(&go, in_range);
    CHECK_EQ(write(go, "x", 1), 1);
    check_child(pid, 0);
    snprintf(path, sizeof(path), "%s/new", guest_dir());
    CHECK_OK(stat(path, &st));
    CHECK_EQ(st.st_uid, 1005);
    CHECK_EQ(st.st_gid, 1006);
}

static void exec_as_root(void)
{
    CHECK_OK(setresgid(0, 0, 0));
    CHECK_OK(setresuid(0, 0, 0));
    execl("/bin/sh", "sh", "-c",
          "grep -q '^CapEff:.*[1-9a-f]' /proc/self/status && "
          "[ \"$(id -u)\" = 0 ] && exit 7",
          (char *)0);
    _exit(1);
}

TEST(exec_gives_its_root_capabilities)
{
    need_root();
    int go;
    pid_t pid = child_with_range(&go, exec_as_root);
    CHECK_EQ(write(go, "x", 1), 1);
    check_child(pid, 7);
}

static void wait_forever(void)
{
    for (;;)
        pause();
}

TEST(setns_and_relations)
{
    need_root();
    int go, type;
    uid_t owner = 99;
    char path[64];
    struct stat a, b;
    pid_t pid = child_with_range(&go, wait_forever);
    snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
    int fd = CHECK_OK(open(path, O_RDONLY));
    type = CHECK_OK(ioctl(fd, NS_GET_NSTYPE));
    CHECK_EQ(type, CLONE_NEWUSER);
    CHECK_OK(ioctl(fd, NS_GET_OWNER_UID, &owner));
    CHECK_EQ(owner, 0);
    int up = CHECK_OK(ioctl(fd, NS_GET_PARENT));
    CHECK_OK(fstat(up, &a));
    CHECK_OK(stat("/proc/self/ns/user", &b));
    CHECK_EQ(a.st_ino, b.st_ino);
    pid_t c = CHECK_OK(fork());
    if (!c) {
        CHECK_OK(setns(fd, CLONE_NEWUSER));
        CHECK_EQ(getuid(), NOBODY);
        CHECK_OK(setresuid(20, 20, 20));
        CHECK_EQ(getuid(), 20);
        CHECK_ERR(setns(up, CLONE_NEWUSER), EPERM); /* not up */
        _exit(0);
    }
    check_child(c, 0);
    CHECK_OK(kill(pid, SIGKILL));
    check_child(pid, 128 + SIGKILL);
}

TEST(with_other_kinds_at_once)
{
    need_root();
    become(1234);
    pid_t pid = (pid_t)syscall(SYS_clone,
                               CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS |
                                   CLONE_NEWIPC | CLONE_NEWNET | SIGCHLD,
                               0, 0, 0, 0);
    if (pid == -1)
        SKIP("user namespaces are for root only here");
    if (!pid) {
        CHECK_EQ(getpid(), 1);
        CHECK_OK(sethostname("all", 3));
        CHECK_EQ(getuid(), NOBODY);
        _exit(0);
    }
    check_child(pid, 0);
}

TEST(not_for_threads_or_with_shared_files)
{
    CHECK_ERR(syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(
        syscall(SYS_clone, CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, 0, 0, 0, 0),
        EINVAL);
}

static int pair[2];
static void send_as_five(void)
{
    CHECK_OK(setresgid(6, 6, 6));
    CHECK_OK(setresuid(5, 5, 5));
    CHECK_EQ(write(pair[1], "x", 1), 1);
}

TEST(credentials_of_messages)
{
    need_root();
    int go, one = 1;
    CHECK_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
    CHECK_OK(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
    pid_t pid = child_with_range(&go, send_as_five);
    CHECK_EQ(write(go, "x", 1), 1);
    char c, buf[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec iov = {&c, 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf)};
    CHECK_EQ(recvmsg(pair[0], &m, 0), 1);
    struct ucred u;
    memcpy(&u, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(u));
    CHECK_EQ(u.uid, 1005);
    CHECK_EQ(u.gid, 1006);
    CHECK_EQ(u.pid, pid);
    check_child(pid, 0);
}
