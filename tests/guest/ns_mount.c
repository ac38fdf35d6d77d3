/* Mount and uts namespaces: unshare, clone, setns, files of nsfs. Root's business. */
#include "guest.h"

#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

/* Outside of what others do: a namespace of its own, nothing of which is seen elsewhere. */
static void apart(void)
{
    if (unshare(CLONE_NEWNS) == -1 && errno == EPERM)
        SKIP("needs CAP_SYS_ADMIN");
    CHECK_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

static char *sub(const char *name)
{
    static char buf[4][256];
    static int n;
    char *b = buf[n++ % 4];
    snprintf(b, sizeof(buf[0]), "%s/%s", guest_dir(), name);
    return b;
}

static void make_dir(const char *name) { CHECK_OK(mkdir(sub(name), 0755)); }

static void mount_tmpfs(const char *name)
{
    make_dir(name);
    CHECK_OK(mount("tmpfs", sub(name), "tmpfs", 0, NULL));
}

static void touch(const char *path) { close(CHECK_OK(open(path, O_CREAT | O_WRONLY, 0644))); }

static ino_t ns_ino(const char *which)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/self/ns/%s", which);
    CHECK_OK(stat(path, &st));
    return st.st_ino;
}

static bool in_mountinfo(const char *needle)
{
    char line[4096];
    bool found = false;
    FILE *f = fopen("/proc/self/mountinfo", "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f))
        found |= strstr(line, needle) != NULL;
    fclose(f);
    return found;
}

TEST(links_name_their_kind_and_inode)
{
    static const char *const names[] = {"mnt", "uts", "pid", "user", "ipc", "net", "cgroup"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[64], text[64] = "", want[64];
        snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
        CHECK_OK(readlink(path, text, sizeof(text) - 1));
        snprintf(want, sizeof(want), "%s:[%lu]", names[i], (unsigned long)ns_ino(names[i]));
        CHECK_STR(text, want);
        struct statfs fs;
        CHECK_OK(statfs(path, &fs));
        CHECK_EQ(fs.f_type, 0x6e736673);
    }
}

TEST(uts_is_ones_own)
{
    struct utsname u;
    ino_t before = ns_ino("uts");
    int old = CHECK_OK(open("/proc/self/ns/uts", O_RDONLY));
    char name[65];
    CHECK_OK(gethostname(name, sizeof(name)));
    if (unshare(CLONE_NEWUTS) == -1 && errno == EPERM)
        SKIP("needs CAP_SYS_ADMIN");
    CHECK(ns_ino("uts") != before);
    CHECK_OK(uname(&u));
    CHECK_STR(u.nodename, name);
    CHECK_OK(sethostname("apart", 5));
    CHECK_OK(uname(&u));
    CHECK_STR(u.nodename, "apart");
    int fd = CHECK_OK(open("/proc/sys/kernel/hostname", O_RDONLY));
    char text[32] = "";
    CHECK_OK(read(fd, text, sizeof(text) - 1));
    CHECK_STR(text, "apart\n");
    CHECK_OK(setns(old, CLONE_NEWUTS));
    CHECK_EQ(ns_ino("uts"), before);
    CHECK_OK(uname(&u));
    CHECK_STR(u.nodename, name);
}

TEST(a_child_shares_or_not)
{
    apart();
    ino_t mine = ns_ino("uts");
    CHECK_OK(unshare(CLONE_NEWUTS));
    CHECK(ns_ino("uts") != mine);
    mine = ns_ino("uts");
    pid_t pid = CHECK_OK(fork());
    if (!pid)
        _exit(ns_ino("uts") == mine ? 0 : 1);
    check_child(pid, 0);
    pid = (pid_t)CHECK_OK(syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0));
    if (!pid)
        _exit(ns_ino("uts") != mine && !sethostname("child", 5) ? 0 : 1);
    check_child(pid, 0);
    struct utsname u;
    CHECK_OK(uname(&u));
    CHECK(strcmp(u.nodename, "child"));
}

TEST(mounts_are_not_seen_elsewhere)
{
    apart();
    make_dir("a");
    touch(sub("a/under"));
    int to_child[2], to_parent[2];
    char c;
    CHECK_OK(pipe(to_child));
    CHECK_OK(pipe(to_parent));
    ino_t mine = ns_ino("mnt");
    pid_t pid = CHECK_OK(fork());
    if (!pid) {
        CHECK_OK(unshare(CLONE_NEWNS));
        CHECK(ns_ino("mnt") != mine);
        CHECK_OK(mount("tmpfs", sub("a"), "tmpfs", 0, NULL));
        touch(sub("a/over"));
        CHECK(in_mountinfo(sub("a")));
        CHECK_EQ(write(to_parent[1], "x", 1), 1);
        CHECK_EQ(read(to_child[0], &c, 1), 1);
        CHECK_ERR(access(sub("a/under"), F_OK), ENOENT);
        CHECK_OK(access(sub("a/over"), F_OK));
        _exit(0);
    }
    CHECK_EQ(read(to_parent[0], &c, 1), 1);
    CHECK_OK(access(sub("a/under"), F_OK));
    CHECK_ERR(access(sub("a/over"), F_OK), ENOENT);
    CHECK(!in_mountinfo(sub("a")));
    /* Into the child's, and back. */
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
    int theirs = CHECK_OK(open(path, O_RDONLY));
    int ours = CHECK_OK(open("/proc/self/ns/mnt", O_RDONLY));
    CHECK_OK(setns(theirs, 0));
    CHECK_OK(access(sub("a/over"), F_OK));
    CHECK_OK(setns(ours, CLONE_NEWNS));
    CHECK_OK(access(sub("a/under"), F_OK));
    CHECK_EQ(write(to_child[1], "x", 1), 1);
    check_child(pid, 0);
}

TEST(copies_of_shared_mounts_are_peers)
{
    apart();
    mount_tmpfs("s");
    CHECK_OK(mount(NULL, sub("s"), NULL, MS_SHARED, NULL));
    make_dir("s/x");
    int p[2];
    char c;
    CHECK_OK(pipe(p));
    pid_t pid = CHECK_OK(fork());
    if (!pid) {
        CHECK_OK(unshare(CLONE_NEWNS));
        CHECK_OK(mount("tmpfs", sub("s/x"), "tmpfs", 0, NULL));
        touch(sub("s/x/here"));
        CHECK_EQ(write(p[1], "x", 1), 1);
        _exit(0);
    }
    CHECK_EQ(read(p[0], &c, 1), 1);
    check_child(pid, 0);
    CHECK_OK(
        access(sub("s/x/here"), F_OK)); /* it came over, and stays after the namespace is gone */
    CHECK_OK(umount(sub("s/x")));
}

/* The field of a line of mountinfo, 0: it is not there. */
static int group_of(const char *place, const char *field)
{
    char line[4096], at[1024];
    int n = 0;
    FILE *f = fopen("/proc/self/mountinfo", "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "%*d %*d %*s %*s %1023s", at) == 1 && !strcmp(at, place)) {
            const char *p = strstr(line, field);
            n = p ? atoi(p + strlen(field)) : 0;
        }
    fclose(f);
    return n;
}

TEST(slaves_of_slaves_receive)
{
    apart();
    mount_tmpfs("m");
    make_dir("m/d");
    make_dir("s");
    make_dir("t");
    CHECK_OK(mount(NULL, sub("m"), NULL, MS_SHARED, NULL));
    int top = group_of(sub("m"), " shared:");
    CHECK(top > 0);
    CHECK_OK(mount(sub("m"), sub("s"), NULL, MS_BIND, NULL));
    CHECK_EQ(group_of(sub("s"), " shared:"), top);
    CHECK_OK(mount(NULL, sub("s"), NULL, MS_SLAVE, NULL));
    CHECK_EQ(group_of(sub("s"), " shared:"), 0);
    CHECK_EQ(group_of(sub("s"), " master:"), top);
    CHECK_OK(mount(NULL, sub("s"), NULL, MS_SHARED, NULL));
    int middle = group_of(sub("s"), " shared:");
    CHECK(middle > 0 && middle != top);
    CHECK_EQ(group_of(sub("s"), " master:"), top);
    CHECK_OK(mount(sub("s"), sub("t"), NULL, MS_BIND, NULL));
    CHECK_OK(mount(NULL, sub("t"), NULL, MS_SLAVE, NULL));
    CHECK_EQ(group_of(sub("t"), " master:"), middle);
    CHECK_OK(mount("tmpfs", sub("m/d"), "tmpfs", 0, NULL));
    touch(sub("m/d/f"));
    CHECK_OK(access(sub("s/d/f"), F_OK));
    CHECK_OK(access(sub("t/d/f"), F_OK));
    int deep = group_of(sub("m/d"), " shared:");
    CHECK_EQ(group_of(sub("s/d"), " master:"), deep);
    CHECK_EQ(group_of(sub("t/d"), " master:"), group_of(sub("s/d"), " shared:"));
    CHECK_OK(umount(sub("s/d"))); /* goes to t, and not to m */
    CHECK_OK(access(sub("m/d/f"), F_OK));
    CHECK_ERR(access(sub("t/d/f"), F_OK), ENOENT);
    /* The one between goes: who received from it receives from its master. */
    CHECK_OK(umount(sub("m/d")));
    CHECK_OK(umount(sub("s")));
    CHECK_EQ(group_of(sub("t"), " master:"), top);
    CHECK_OK(mount("tmpfs", sub("m/d"), "tmpfs", 0, NULL));
    touch(sub("m/d/g"));
    CHECK_OK(access(sub("t/d/g"), F_OK));
}

TEST(a_user_namespace_makes_slaves)
{
    apart();
    mount_tmpfs("u");
    make_dir("u/d");
    CHECK_OK(mount(NULL, sub("u"), NULL, MS_SHARED, NULL));
    int group = group_of(sub("u"), " shared:"), p[2], q[2];
    char c;
    CHECK_OK(pipe(p));
    CHECK_OK(pipe(q));
    pid_t pid = CHECK_OK(fork());
    if (!pid) {
        CHECK_OK(unshare(CLONE_NEWUSER | CLONE_NEWNS));
        CHECK_EQ(group_of(sub("u"), " shared:"), 0);
        CHECK_EQ(group_of(sub("u"), " master:"), group);
        CHECK_OK(mount("tmpfs", sub("u/d"), "tmpfs", 0, NULL)); /* stays here */
        CHECK_EQ(write(p[1], "x", 1), 1);
        CHECK_EQ(read(q[0], &c, 1), 1);
        _exit(in_mountinfo(sub("u/e")) ? 0 : 1);
    }
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK(!in_mountinfo(sub("u/d")));
    make_dir("u/e");
    CHECK_OK(mount("tmpfs", sub("u/e"), "tmpfs", 0, NULL));
    CHECK_EQ(write(q[1], "x", 1), 1);
    check_child(pid, 0);
}

TEST(unbindable_is_left_out)
{
    apart();
    mount_tmpfs("v");
    make_dir("v/x");
    make_dir("v/y");
    make_dir("w");
    CHECK_OK(mount("tmpfs", sub("v/x"), "tmpfs", 0, NULL));
    CHECK_OK(mount("tmpfs", sub("v/y"), "tmpfs", 0, NULL));
    CHECK_OK(mount(NULL, sub("v/x"), NULL, MS_UNBINDABLE, NULL));
    CHECK_ERR(mount(sub("v/x"), sub("w"), NULL, MS_BIND, NULL), EINVAL);
    CHECK_OK(mount(sub("v"), sub("w"), NULL, MS_BIND | MS_REC, NULL));
    CHECK(!in_mountinfo(sub("w/x")));
    CHECK(in_mountinfo(sub("w/y")));
    CHECK_OK(mount(NULL, sub("w"), NULL, MS_SHARED, NULL));
    CHECK_ERR(mount(sub("v/x"), sub("w/x"), NULL, MS_MOVE, NULL), EINVAL);
    CHECK_OK(mount(NULL, sub("v/x"), NULL, MS_PRIVATE, NULL));
    CHECK_OK(mount(sub("v/x"), sub("w/x"), NULL, MS_MOVE, NULL));
    CHECK(group_of(sub("w/x"), " shared:") > 0);
}

TEST(the_end_of_a_namespace_umounts)
{
    apart();
    make_dir("m");
    pid_t pid = (pid_t)CHECK_OK(syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
    if (!pid) {
        CHECK_OK(mount("tmpfs", sub("m"), "tmpfs", 0, NULL));
        CHECK_ERR(rmdir(sub("m")), EBUSY);
        _exit(0);
    }
    check_child(pid, 0);
    CHECK_OK(rmdir(sub("m")));
}

TEST(a_mount_of_message_queues)
{
    apart();
    make_dir("mq");
    CHECK_ERR(mount("mqueue", sub("mq"), "mqueue", 0, "size=1"), EINVAL);
    CHECK_OK(mount("mqueue", sub("mq"), "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
    struct statfs fs;
    struct stat st;
    CHECK_OK(statfs(sub("mq"), &fs));
    CHECK_EQ(fs.f_type, 0x19800202);
    CHECK_OK(stat(sub("mq"), &st));
    CHECK_EQ(st.st_mode, S_IFDIR | 01777);
    CHECK(in_mountinfo(" - mqueue mqueue "));
    CHECK_ERR(access(sub("mq/none"), F_OK), ENOENT);
    CHECK_ERR(mkdir(sub("mq/dir"), 0755), EPERM);
    CHECK_ERR(symlink("x", sub("mq/link")), EPERM);
    CHECK_OK(umount(sub("mq")));
}

TEST(a_file_keeps_a_namespace)
{
    apart();
    make_dir("k");
    int p[2];
    char c;
    CHECK_OK(pipe(p));
    pid_t pid = CHECK_OK(fork());
    if (!pid) {
        CHECK_OK(unshare(CLONE_NEWNS));
        CHECK_OK(mount("tmpfs", sub("k"), "tmpfs", 0, NULL));
        touch(sub("k/f"));
        CHECK_EQ(write(p[1], "x", 1), 1);
        pause();
    }
    CHECK_EQ(read(p[0], &c, 1), 1);
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
    int ns = CHECK_OK(open(path, O_RDONLY));
    CHECK_OK(kill(pid, SIGKILL));
    check_child(pid, 128 + SIGKILL);
    CHECK_OK(setns(ns, CLONE_NEWNS));
    CHECK_OK(access(sub("k/f"), F_OK));
}

TEST(others_mounts_are_not_ours_to_change)
{
    apart();
    mount_tmpfs("o");
    int dir = CHECK_OK(open(sub("o"), O_RDONLY | O_DIRECTORY));
    CHECK_OK(unshare(CLONE_NEWNS));
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", dir); /* in the old tree */
    CHECK_EQ(mount("tmpfs", path, "tmpfs", 0, NULL), -1);  /* EINVAL, ENOENT in later versions */
    CHECK_ERR(umount(path), EINVAL);
    CHECK_ERR(mount(path, sub("o"), NULL, MS_BIND, NULL), EINVAL);
    CHECK_OK(umount(sub("o")));
}

TEST(root_and_cwd_go_over)
{
    apart();
    mount_tmpfs("r");
    make_dir("r/in");
    CHECK_OK(chdir(sub("r/in")));
    CHECK_OK(unshare(CLONE_NEWNS));
    char cwd[256];
    CHECK(getcwd(cwd, sizeof(cwd)));
    CHECK_STR(cwd, sub("r/in"));
    CHECK_ERR(umount(sub("r")), EBUSY);
    CHECK_OK(chdir("/"));
    CHECK_OK(umount(sub("r")));
}

TEST(pivot_root_is_of_one_namespace)
{
    apart();
    mount_tmpfs("new");
    make_dir("new/old");
    touch(sub("new/marker"));
    pid_t pid = CHECK_OK(fork());
    if (!pid) {
        CHECK_OK(unshare(CLONE_NEWNS));
        CHECK_OK(chdir(sub("new")));
        CHECK_OK(syscall(SYS_pivot_root, ".", "old"));
        CHECK_OK(chdir("/"));
        CHECK_OK(access("/marker", F_OK));
        CHECK_OK(umount2("/old", MNT_DETACH));
        CHECK_ERR(access("/etc", F_OK), ENOENT);
        /* A copy of what is left. */
        CHECK_OK(unshare(CLONE_NEWNS));
        CHECK_OK(access("/marker", F_OK));
        _exit(0);
    }
    check_child(pid, 0);
    CHECK_ERR(access("/marker", F_OK), ENOENT);
    CHECK_OK(access("/etc", F_OK));
}

TEST(ioctls)
{
    int fd = CHECK_OK(open("/proc/self/ns/uts", O_RDONLY));
    CHECK_EQ(ioctl(fd, NS_GET_NSTYPE), CLONE_NEWUTS);
    CHECK_ERR(ioctl(fd, NS_GET_PARENT), EINVAL);
    CHECK_ERR(ioctl(fd, NS_GET_OWNER_UID, NULL), EINVAL);
    CHECK_ERR(ioctl(fd, 0x1234), ENOTTY);
    int user = ioctl(fd, NS_GET_USERNS);
    if (user == -1) {
        CHECK_EQ(errno, EPERM); /* it is owned by one above ours */
        return;
    }
    struct stat st;
    CHECK_OK(fstat(user, &st));
    CHECK_EQ(st.st_ino, ns_ino("user"));
    CHECK_EQ(ioctl(user, NS_GET_NSTYPE), CLONE_NEWUSER);
}

TEST(setns_wants_the_right_thing)
{
    int fd = CHECK_OK(open("/proc/self/ns/uts", O_RDONLY));
    CHECK_ERR(setns(fd, CLONE_NEWNS), EINVAL);
    CHECK_ERR(setns(-1, 0), EBADF);
    int file = CHECK_OK(open("/etc/passwd", O_RDONLY));
    CHECK_ERR(setns(file, 0), EINVAL);
    CHECK_ERR(setns(file, CLONE_NEWUTS), EINVAL);
    int user = CHECK_OK(open("/proc/self/ns/user", O_RDONLY));
    CHECK_ERR(setns(user, 0), EINVAL); /* already in it */
}

TEST(setns_by_pidfd)
{
    apart();
    make_dir("p");
    int p[2];
    char c;
    CHECK_OK(pipe(p));
    pid_t pid = CHECK_OK(fork());
    if (!pid) {
        CHECK_OK(unshare(CLONE_NEWNS | CLONE_NEWUTS));
        CHECK_OK(sethostname("there", 5));
        CHECK_OK(mount("tmpfs", sub("p"), "tmpfs", 0, NULL));
        touch(sub("p/f"));
        CHECK_EQ(write(p[1], "x", 1), 1);
        pause();
    }
    CHECK_EQ(read(p[0], &c, 1), 1);
    int fd = (int)CHECK_OK(syscall(SYS_pidfd_open, pid, 0));
    CHECK_ERR(setns(fd, 0), EINVAL);
    CHECK_OK(setns(fd, CLONE_NEWNS | CLONE_NEWUTS));
    struct utsname u;
    CHECK_OK(uname(&u));
    CHECK_STR(u.nodename, "there");
    CHECK_OK(access(sub("p/f"), F_OK));
    CHECK_OK(kill(pid, SIGKILL));
    check_child(pid, 128 + SIGKILL);
}

TEST(without_privilege)
{
    apart();
    int fd = CHECK_OK(open("/proc/self/ns/uts", O_RDONLY));
    CHECK_OK(setgid(65534));
    CHECK_OK(setuid(65534));
    CHECK_ERR(unshare(CLONE_NEWNS), EPERM);
    CHECK_ERR(unshare(CLONE_NEWUTS), EPERM);
    CHECK_ERR(unshare(CLONE_NEWCGROUP), EPERM);
    CHECK_ERR(syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0), EPERM);
    CHECK_ERR(setns(fd, CLONE_NEWUTS), EPERM);
    CHECK_ERR(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0), EINVAL);
}

TEST(no_circles)
{
    apart();
    touch(sub("self"));
    CHECK_ERR(mount("/proc/self/ns/mnt", sub("self"), NULL, MS_BIND, NULL), EINVAL);
    int old = CHECK_OK(open("/proc/self/ns/mnt", O_RDONLY));
    char path[64];
    CHECK_OK(unshare(CLONE_NEWNS));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", old);
    CHECK_ERR(mount(path, sub("self"), NULL, MS_BIND, NULL), EINVAL); /* older than ours */
}

TEST(a_namespace_can_be_mounted)
{
    apart();
    touch(sub("ns"));
    pid_t pid = (pid_t)CHECK_OK(fork());
    if (!pid) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/ns/uts", getpid());
        CHECK_OK(unshare(CLONE_NEWUTS));
        CHECK_OK(sethostname("kept", 4));
        CHECK_OK(mount(path, sub("ns"), NULL, MS_BIND, NULL));
        _exit(0);
    }
    check_child(pid, 0);
    int fd = CHECK_OK(open(sub("ns"), O_RDONLY));
    CHECK_OK(setns(fd, CLONE_NEWUTS));
    struct utsname u;
    CHECK_OK(uname(&u));
    CHECK_STR(u.nodename, "kept");
    CHECK(in_mountinfo("uts:["));
    close(fd);
    CHECK_OK(umount(sub("ns")));
}
