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

/* The child waits for its maps, which root writes for it, and for the word to go on. */
static pid_t child_with_maps(int *ret_go, void (*fn)(void), const char *uids, const char *gids)
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
    CHECK_OK(put(path, uids));
    snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
    CHECK_OK(put(path, gids));
    *ret_go = go[1];
    return pid;
}

static pid_t child_with_range(int *ret_go, void (*fn)(void))
{
    return child_with_maps(ret_go, fn, "0 1000 10\n20 5000 1\n", "0 1000 10\n");
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

/* What the mount forbids, and what lies under it, is not this namespace's to change; in copies neither. */
TEST(restrictions_of_mounts_stay)
{
    need_root();
    CHECK_OK(chmod(guest_dir(), 0777));
    CHECK_OK(unshare(CLONE_NEWNS));
    CHECK_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    char ro[128], below[256], to[128];
    snprintf(ro, sizeof(ro), "%s/ro", guest_dir());
    snprintf(below, sizeof(below), "%s/below", ro);
    snprintf(to, sizeof(to), "%s/to", guest_dir());
    CHECK_OK(mkdir(ro, 0777));
    CHECK_OK(mkdir(to, 0777));
    CHECK_OK(mount("tmpfs", ro, "tmpfs", 0, "mode=777"));
    CHECK_OK(mkdir(below, 0777));
    CHECK_OK(mount("tmpfs", below, "tmpfs", 0, NULL));
    CHECK_OK(mount(NULL, ro, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL));
    enter_unprivileged();
    map_self();
    CHECK_OK(unshare(CLONE_NEWNS));
    struct mount_attr rw = {.attr_clr = MOUNT_ATTR_RDONLY};
    for (int i = 0; i < 2; i++) {
        CHECK_ERR(mount(NULL, ro, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL), EPERM);
        CHECK_ERR(mount(NULL, ro, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EPERM);
        CHECK_OK(mount(NULL, ro, NULL,
                       MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
        CHECK_ERR(syscall(SYS_mount_setattr, AT_FDCWD, ro, 0, &rw, sizeof(rw)), EPERM);
        CHECK_ERR(mount(ro, to, NULL, MS_BIND, NULL), EINVAL); /* would show what is under below */
        CHECK_ERR(mount(ro, to, NULL, MS_MOVE, NULL), EINVAL);
        CHECK_ERR(umount2(below, MNT_DETACH), EINVAL);
        CHECK_OK(mount(ro, to, NULL, MS_BIND | MS_REC, NULL));
        CHECK_ERR(mount(NULL, to, NULL, MS_REMOUNT | MS_BIND, NULL), EPERM);
        char copy[256];
        snprintf(copy, sizeof(copy), "%s/below", to);
        CHECK_ERR(umount2(copy, MNT_DETACH), EINVAL);
        CHECK_OK(umount2(to, MNT_DETACH));
        CHECK_OK(unshare(CLONE_NEWNS)); /* the copy of the copy */
    }
    int fd = (int)syscall(SYS_fspick, AT_FDCWD, ro, 0);
    if (fd >= 0) {
        CHECK_OK(syscall(SYS_fsconfig, fd, 0 /* SET_FLAG */, "rw", NULL, 0));
        CHECK_ERR(syscall(SYS_fsconfig, fd, 7 /* RECONFIGURE */, NULL, NULL, 0), EPERM);
    }
}

/* The parent has 1000-1001 and 5000 in a row that outside is none. */
static void map_of_parts(void)
{
    char path[64], c;
    int ready[2];
    CHECK_OK(setresgid(0, 0, 0));
    CHECK_OK(setresuid(0, 0, 0));
    CHECK_OK(prctl(PR_SET_DUMPABLE, 1));
    CHECK_OK(pipe(ready));
    pid_t pid = CHECK_OK(fork());
    if (!pid) {
        CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGKILL));
        CHECK_OK(unshare(CLONE_NEWUSER));
        CHECK_EQ(write(ready[1], "x", 1), 1);
        pause();
    }
    CHECK_EQ(read(ready[0], &c, 1), 1);
    snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
    CHECK_ERR(put(path, "0 0 3\n"), EPERM);
    CHECK_ERR(put(path, "0 1 3\n"), EPERM);
    CHECK_OK(put(path, "0 0 1\n1 1 1\n2 2 1\n"));
    CHECK_OK(kill(pid, SIGKILL));
}

TEST(a_range_lies_in_one_of_the_parent)
{
    need_root();
    int go;
    pid_t pid = child_with_maps(&go, map_of_parts, "0 1000 1\n1 5000 1\n2 1002 1\n", "0 1000 1\n");
    CHECK_EQ(write(go, "x", 1), 1);
    check_child(pid, 0);
}

/* A file that somebody without rights has opened gives none to who writes to it for them. */
TEST(maps_need_the_opener)
{
    need_root();
    char c, path[64];
    int ready[2], go[2], pair_of[2];
    CHECK_OK(pipe(ready));
    CHECK_OK(pipe(go));
    CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair_of));
    pid_t pid = CHECK_OK(fork());
    if (!pid) {
        enter_unprivileged();
        int fd = CHECK_OK(open("/proc/self/uid_map", O_RDWR));
        char buf[CMSG_SPACE(sizeof(int))] = {0};
        struct iovec iov = {(char[]){"x"}, 1};
        struct msghdr m = {
            .msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf)};
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        *h = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(h), &fd, sizeof(fd));
        CHECK_EQ(sendmsg(pair_of[1], &m, 0), 1);
        CHECK_EQ(read(go[0], &c, 1), 1);
        _exit(0);
    }
    char buf[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {&c, 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf)};
    close(pair_of[1]);
    if (recvmsg(pair_of[0], &m, 0) != 1)
        SKIP("user namespaces are for root only here");
    int fd;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
    CHECK_ERR(write(fd, "0 0 100", 7), EPERM);
    CHECK_ERR(write(fd, "0 5000 1", 8), EPERM);
    snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
    CHECK_OK(put(path, "0 0 100"));
    CHECK_EQ(write(go[1], "x", 1), 1);
    check_child(pid, 0);
}

/* Root that enters keeps what it has of outside from those who are in there already. */
TEST(who_enters_is_no_target)
{
    need_root();
    char c, path[64], buf[128];
    int ready[2], to_in[2];
    CHECK_OK(pipe(ready));
    CHECK_OK(pipe(to_in));
    CHECK_OK(chmod(guest_dir(), 0777));
    pid_t in = CHECK_OK(fork());
    if (!in) {
        pid_t target;
        enter_unprivileged();
        map_self();
        CHECK_EQ(write(ready[1], "x", 1), 1);
        CHECK_EQ(read(to_in[0], &target, sizeof(target)), sizeof(target));
        snprintf(path, sizeof(path), "/proc/%d/root", target);
        CHECK_ERR(readlink(path, buf, sizeof(buf)), EACCES);
        struct iovec l = {buf, 8}, r = {(void *)(uintptr_t)need_root, 8};
        CHECK_ERR(syscall(SYS_process_vm_readv, target, &l, 1, &r, 1, 0), EPERM);
        CHECK_ERR(syscall(SYS_kcmp, getpid(), target, 2, 0, 0), EPERM);
        _exit(0);
    }
    close(ready[1]);
    if (read(ready[0], &c, 1) != 1)
        SKIP("user namespaces are for root only here");
    int entered[2];
    CHECK_OK(pipe(entered));
    pid_t target = CHECK_OK(fork());
    if (!target) {
        snprintf(path, sizeof(path), "/proc/%d/ns/user", in);
        int fd = CHECK_OK(open(path, O_RDONLY));
        CHECK_OK(setns(fd, CLONE_NEWUSER));
        CHECK_EQ(write(entered[1], "x", 1), 1);
        wait_forever();
    }
    CHECK_EQ(read(entered[0], &c, 1), 1);
    CHECK_EQ(write(to_in[1], &target, sizeof(target)), sizeof(target));
    check_child(in, 0);
    CHECK_OK(kill(target, SIGKILL));
    check_child(target, 128 + SIGKILL);
}

static int mount_made(const char *type, const char *at)
{
    int fd = (int)syscall(SYS_fsopen, type, 0);
    if (fd == -1)
        return -1;
    int m = (int)syscall(SYS_fsconfig, fd, 6 /* CREATE */, NULL, NULL, 0);
    m = m ? m : (int)syscall(SYS_fsmount, fd, 0, 0);
    return m < 0 ? m : (int)syscall(SYS_move_mount, m, "", AT_FDCWD, at, 4 /* EMPTY_PATH */);
}

/* What is covered in the only proc that the namespace sees is covered in a new one: there is none. */
static void proc_mounts(bool covered)
{
    char dir[128];
    need_root();
    snprintf(dir, sizeof(dir), "%s/p", guest_dir());
    CHECK_OK(chmod(guest_dir(), 0777));
    CHECK_OK(mkdir(dir, 0777));
    CHECK_OK(unshare(CLONE_NEWNS));
    CHECK_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    CHECK_OK(mount("proc", "/proc", "proc", 0, NULL)); /* nothing in it is covered */
    if (covered)
        CHECK_OK(mount("/dev/null", "/proc/stat", NULL, MS_BIND, NULL));
    enter_unprivileged();
    map_self();
    CHECK_OK(unshare(CLONE_NEWNS));
    CHECK_ERR(mount("proc", dir, "proc", 0, NULL), EPERM); /* the processes are not its own */
    CHECK_ERR(mount("sysfs", dir, "sysfs", 0, NULL), EPERM);
    CHECK_ERR(mount_made("proc", dir), EPERM);
    CHECK_ERR(mount_made("sysfs", dir), EPERM);
    CHECK_OK(unshare(CLONE_NEWPID));
    pid_t pid = CHECK_OK(fork());
    if (!pid) {
        if (covered) {
            CHECK_ERR(mount("proc", dir, "proc", 0, NULL), EPERM);
            CHECK_ERR(mount_made("proc", dir), EPERM);
            _exit(0);
        }
        CHECK_OK(mount("proc", dir, "proc", 0, NULL));
        CHECK_OK(mount_made("proc", dir));
        char path[256], text[64];
        snprintf(path, sizeof(path), "%s/self", dir);
        CHECK_EQ(CHECK_OK(readlink(path, text, sizeof(text))), 1);
        CHECK_EQ(text[0], '1');
        _exit(0);
    }
    check_child(pid, 0);
}

TEST(proc_of_its_own_processes) { proc_mounts(false); }
TEST(what_is_covered_in_proc_stays_so) { proc_mounts(true); }

/* The one that it sees is read-only, and not by itself. */
TEST(sysfs_is_no_more_writable)
{
    char dir[128];
    need_root();
    snprintf(dir, sizeof(dir), "%s/s", guest_dir());
    CHECK_OK(chmod(guest_dir(), 0777));
    CHECK_OK(mkdir(dir, 0777));
    CHECK_OK(unshare(CLONE_NEWNS));
    CHECK_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    CHECK_OK(umount2("/sys", MNT_DETACH));
    CHECK_OK(mount("sysfs", "/sys", "sysfs", MS_RDONLY, NULL));
    CHECK_OK(mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    enter_unprivileged();
    map_self();
    CHECK_OK(unshare(CLONE_NEWNS | CLONE_NEWNET));
    CHECK_ERR(mount("sysfs", dir, "sysfs", 0, NULL), EPERM);
    CHECK_OK(mount("sysfs", dir, "sysfs", MS_RDONLY, NULL));
    CHECK_ERR(mount(NULL, dir, NULL, MS_REMOUNT | MS_BIND, NULL), EPERM);
}
