/* Mounts: shared subtrees, expiry, what mountinfo says. In a mount namespace of its own on the host. */
#include "guest.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void start(void)
{
    if (getuid() != 0)
        SKIP("needs root");
    /* A sandbox has one namespace, which is the case's own. */
    if (unshare(CLONE_NEWNS) == 0)
        CHECK_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    else if (errno != EINVAL)
        SKIP("no mount namespace");
    CHECK_OK(mount("base", guest_dir(), "tmpfs", 0, NULL));
    CHECK_OK(chdir(guest_dir()));
    CHECK_OK(mkdir("a", 0755));
    CHECK_OK(mkdir("b", 0755));
    CHECK_OK(mkdir("c", 0755));
}
static void end(void)
{
    CHECK_OK(chdir("/"));
    CHECK_OK(umount2(guest_dir(), MNT_DETACH));
}

/* A tmpfs with a directory d, shared. */
static void shared_a(void)
{
    CHECK_OK(mount("one", "a", "tmpfs", 0, NULL));
    CHECK_OK(mkdir("a/d", 0755));
    CHECK_OK(mount(NULL, "a", NULL, MS_SHARED, NULL));
}

static bool is_mount(const char *path)
{
    char here[300], line[1000], place[300];
    bool found = false;
    snprintf(here, sizeof(here), "%s/%s", guest_dir(), path);
    FILE *f = fopen("/proc/self/mountinfo", "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "%*d %*d %*s %*s %299s", place) == 1 && strcmp(place, here) == 0)
            found = true;
    fclose(f);
    return found;
}

static bool has_field(const char *path, const char *field)
{
    char here[300], line[1000], place[300];
    bool found = false;
    snprintf(here, sizeof(here), "%s/%s", guest_dir(), path);
    FILE *f = fopen("/proc/self/mountinfo", "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "%*d %*d %*s %*s %299s", place) == 1 && strcmp(place, here) == 0)
            found = strstr(line, field) && strstr(line, field) < strstr(line, " - ");
    fclose(f);
    return found;
}

TEST(peers_receive)
{
    start();
    shared_a();
    CHECK(has_field("a", " shared:"));
    CHECK_OK(mount("a", "b", NULL, MS_BIND, NULL));
    CHECK(has_field("b", " shared:"));
    CHECK_OK(mount("two", "a/d", "tmpfs", 0, NULL));
    CHECK(is_mount("a/d"));
    CHECK(is_mount("b/d"));
    CHECK_OK(mkdir("b/d/x", 0755));
    CHECK_OK(access("a/d/x", F_OK));
    CHECK_OK(umount("b/d"));
    CHECK(!is_mount("a/d"));
    CHECK(!is_mount("b/d"));
    end();
}

TEST(slave_only_receives)
{
    start();
    shared_a();
    CHECK_OK(mount("a", "b", NULL, MS_BIND, NULL));
    CHECK_OK(mount(NULL, "b", NULL, MS_SLAVE, NULL));
    CHECK(has_field("b", " master:"));
    CHECK(!has_field("b", " shared:"));
    CHECK_OK(mount("two", "b/d", "tmpfs", 0, NULL));
    CHECK(is_mount("b/d"));
    CHECK(!is_mount("a/d"));
    CHECK_OK(umount("b/d"));
    CHECK_OK(mount("two", "a/d", "tmpfs", 0, NULL));
    CHECK(is_mount("b/d"));
    CHECK_OK(umount("a/d"));
    CHECK(!is_mount("b/d"));
    CHECK_OK(umount("a")); /* nobody is its master any more */
    CHECK(!has_field("b", " master:"));
    end();
}

TEST(private_and_unbindable)
{
    start();
    shared_a();
    CHECK_OK(mount("a", "b", NULL, MS_BIND, NULL));
    CHECK_OK(mount(NULL, "b", NULL, MS_PRIVATE, NULL));
    CHECK_OK(mount("two", "a/d", "tmpfs", 0, NULL));
    CHECK(!is_mount("b/d"));
    CHECK_OK(mount(NULL, "b", NULL, MS_UNBINDABLE, NULL));
    CHECK(has_field("b", " unbindable"));
    CHECK_ERR(mount("b", "c", NULL, MS_BIND, NULL), EINVAL);
    CHECK_ERR(mount(NULL, "a", NULL, MS_SHARED | MS_PRIVATE, NULL), EINVAL);
    CHECK_OK(mkdir("c/x", 0755));
    CHECK_ERR(mount(NULL, "c/x", NULL, MS_SHARED, NULL), EINVAL);
    end();
}

TEST(move_below_shared)
{
    start();
    shared_a();
    CHECK_OK(mount("a", "b", NULL, MS_BIND, NULL));
    CHECK_OK(mount("two", "c", "tmpfs", 0, NULL));
    CHECK_OK(mount("c", "a/d", NULL, MS_MOVE, NULL));
    CHECK(!is_mount("c"));
    CHECK(is_mount("a/d"));
    CHECK(is_mount("b/d"));
    CHECK_ERR(mount("a/d", "c", NULL, MS_MOVE, NULL), EINVAL); /* its parent is shared */
    end();
}

TEST(trees_are_copied)
{
    start();
    shared_a();
    CHECK_OK(mount("a", "b", NULL, MS_BIND, NULL));
    CHECK_OK(mount("two", "c", "tmpfs", 0, NULL));
    CHECK_OK(mkdir("c/in", 0755));
    CHECK_OK(mount("three", "c/in", "tmpfs", 0, NULL));
    CHECK_OK(mount("c", "a/d", NULL, MS_BIND | MS_REC, NULL));
    CHECK(is_mount("b/d"));
    CHECK(is_mount("b/d/in"));
    CHECK_OK(umount2("a/d", MNT_DETACH));
    CHECK(!is_mount("b/d"));
    CHECK(!is_mount("b/d/in"));
    end();
}

TEST(expiry)
{
    start();
    CHECK_OK(mount("one", "a", "tmpfs", 0, NULL));
    CHECK_ERR(umount2("a", MNT_EXPIRE | MNT_DETACH), EINVAL);
    CHECK_ERR(umount2("a", MNT_EXPIRE), EAGAIN);
    CHECK_OK(umount2("a", MNT_EXPIRE));
    CHECK(!is_mount("a"));
    CHECK_OK(mount("one", "a", "tmpfs", 0, NULL));
    CHECK_ERR(umount2("a", MNT_EXPIRE), EAGAIN);
    CHECK_OK(access("a/.", F_OK)); /* used */
    CHECK_ERR(umount2("a", MNT_EXPIRE), EAGAIN);
    int fd = CHECK_OK(open("a", O_RDONLY));
    CHECK_ERR(umount2("a", MNT_EXPIRE), EBUSY);
    CHECK_OK(close(fd));
    end();
}

TEST(root_of_a_bind)
{
    start();
    char line[1000], root[300], place[300], here[300];
    bool found = false;
    CHECK_OK(mkdir("c/sub", 0755));
    CHECK_OK(mount("c/sub", "b", NULL, MS_BIND, NULL));
    snprintf(here, sizeof(here), "%s/b", guest_dir());
    FILE *f = fopen("/proc/self/mountinfo", "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "%*d %*d %*s %299s %299s", root, place) == 2 && strcmp(place, here) == 0) {
            CHECK_STR(root, "/c/sub");
            found = true;
        }
    fclose(f);
    CHECK(found);
    end();
}

/* ---- mounts as descriptors ---- */

enum { SET_FLAG, SET_STRING, CREATE = 6, RECONFIGURE };
struct attr {
    uint64_t set, clr, propagation, userns;
};
/* Younger than the libc headers. */
enum {
    NR_open_tree = 428,
    NR_move_mount = 429,
    NR_fsopen = 430,
    NR_fsconfig = 431,
    NR_fsmount = 432,
    NR_fspick = 433,
    NR_mount_setattr = 442,
};

#define CLONE_TREE 1
#define RECURSE    0x8000
#define F_EMPTY    4

static int fsopen_(const char *type) { return (int)syscall(NR_fsopen, type, 0); }
static int fsconfig_(int fd, unsigned cmd, const char *key, const void *value)
{
    return (int)syscall(NR_fsconfig, fd, cmd, key, value, 0);
}
static int fsmount_(int fd, unsigned attr) { return (int)syscall(NR_fsmount, fd, 0, attr); }
static int open_tree_(const char *path, unsigned flags)
{
    return (int)syscall(NR_open_tree, AT_FDCWD, path, flags);
}
static int move_(int fd, const char *to)
{
    return (int)syscall(NR_move_mount, fd, "", AT_FDCWD, to, F_EMPTY);
}

TEST(made_in_steps)
{
    struct stat st;
    start();
    CHECK_ERR(fsopen_("nosuchfs"), ENODEV);
    int fs = CHECK_OK(fsopen_("tmpfs"));
    CHECK_ERR(fsmount_(fs, 0), EINVAL); /* not made yet */
    CHECK_OK(fsconfig_(fs, SET_STRING, "source", "mine"));
    CHECK_OK(fsconfig_(fs, SET_STRING, "mode", "0711"));
    CHECK_ERR(fsconfig_(fs, SET_STRING, "mode", NULL), EINVAL);
    CHECK_ERR(fsconfig_(fs, 99, NULL, NULL), EOPNOTSUPP);
    CHECK_OK(fsconfig_(fs, CREATE, NULL, NULL));
    int m = CHECK_OK(fsmount_(fs, 4 /* nodev */));
    CHECK_ERR(fsmount_(fs, 0), EBUSY);
    CHECK_OK(close(fs));
    CHECK_OK(mkdirat(m, "in", 0755)); /* used before it is anywhere */
    CHECK_OK(move_(m, "a"));
    CHECK(is_mount("a"));
    CHECK_OK(close(m));
    CHECK(is_mount("a"));
    CHECK_OK(stat("a", &st));
    CHECK_EQ(st.st_mode & 07777, 0711);
    CHECK_OK(access("a/in", F_OK));
    end();
}

TEST(picked_and_changed)
{
    start();
    CHECK_OK(mount("t", "a", "tmpfs", 0, ""));
    int fs = CHECK_OK(syscall(NR_fspick, AT_FDCWD, "a", 0));
    CHECK_ERR(fsconfig_(fs, CREATE, NULL, NULL), EBUSY); /* it is there */
    CHECK_OK(mkdir("a/before", 0755));
    CHECK_OK(fsconfig_(fs, SET_FLAG, "ro", NULL));
    CHECK_OK(mkdir("a/not_yet", 0755));
    CHECK_OK(fsconfig_(fs, RECONFIGURE, NULL, NULL));
    CHECK_OK(close(fs));
    CHECK_ERR(mkdir("a/x", 0755), EROFS);
    CHECK_ERR(syscall(NR_fspick, AT_FDCWD, "a", 0x40), EINVAL);
    CHECK_ERR(syscall(NR_fspick, AT_FDCWD, "a/before", 0), EINVAL); /* no mount's root */
    CHECK_OK(umount("a"));
    end();
}

TEST(gone_without_a_place)
{
    start();
    int fs = CHECK_OK(fsopen_("tmpfs"));
    CHECK_OK(fsconfig_(fs, CREATE, NULL, NULL));
    int m = CHECK_OK(fsmount_(fs, 0));
    CHECK_OK(mkdirat(m, "d", 0755));
    int d = CHECK_OK(openat(m, "d", O_RDONLY));
    CHECK_OK(close(m));
    CHECK_OK(mkdirat(d, "x", 0755)); /* an open file keeps the file system */
    CHECK_OK(close(d));
    end();
}

TEST(trees_as_descriptors)
{
    start();
    CHECK_OK(mount("one", "a", "tmpfs", 0, NULL));
    CHECK_OK(mkdir("a/d", 0755));
    CHECK_OK(mount("two", "a/d", "tmpfs", 0, NULL));
    CHECK_OK(mkdir("a/d/x", 0755));
    CHECK_ERR(open_tree_("a", RECURSE), EINVAL);
    int plain = CHECK_OK(open_tree_("a", 0));
    CHECK_OK(faccessat(plain, "d/x", F_OK, 0));
    CHECK_OK(close(plain));
    int one = CHECK_OK(open_tree_("a", CLONE_TREE)),
        all = CHECK_OK(open_tree_("a", CLONE_TREE | RECURSE));
    CHECK_ERR(faccessat(one, "d/x", F_OK, 0), ENOENT);
    CHECK_OK(faccessat(all, "d/x", F_OK, 0));
    CHECK_OK(move_(all, "b"));
    CHECK(is_mount("b/d"));
    CHECK_OK(move_(one, "c"));
    CHECK(is_mount("c"));
    CHECK(!is_mount("c/d"));
    int moved = CHECK_OK(open_tree_("c", 0));
    CHECK_OK(move_(moved, "b/d/x")); /* it has a place, and gets another */
    CHECK(!is_mount("c"));
    CHECK(is_mount("b/d/x"));
    end();
}

TEST(attributes)
{
    struct attr ro = {.set = 1}, rw = {.clr = 1}, bad = {.set = 1ULL << 40},
                shared = {.propagation = MS_SHARED};
    start();
    CHECK_OK(mount("one", "a", "tmpfs", 0, NULL));
    CHECK_OK(mkdir("a/d", 0755));
    CHECK_OK(mount("two", "a/d", "tmpfs", 0, NULL));
    CHECK_OK(syscall(NR_mount_setattr, AT_FDCWD, "a", 0, &ro, sizeof(ro)));
    CHECK_ERR(mkdir("a/x", 0755), EROFS);
    CHECK_OK(mkdir("a/d/x", 0755));
    CHECK_OK(syscall(NR_mount_setattr, AT_FDCWD, "a", RECURSE, &ro, sizeof(ro)));
    CHECK_ERR(mkdir("a/d/y", 0755), EROFS);
    CHECK_OK(syscall(NR_mount_setattr, AT_FDCWD, "a", RECURSE, &rw, sizeof(rw)));
    CHECK_OK(mkdir("a/d/y", 0755));
    CHECK_ERR(syscall(NR_mount_setattr, AT_FDCWD, "a", 0, &bad, sizeof(bad)), EINVAL);
    CHECK_ERR(syscall(NR_mount_setattr, AT_FDCWD, "a", 0, &ro, 8), EINVAL);
    CHECK_ERR(syscall(NR_mount_setattr, AT_FDCWD, "c", 0, &ro, sizeof(ro)), EINVAL);
    CHECK_OK(syscall(NR_mount_setattr, AT_FDCWD, "a", 0, &shared, sizeof(shared)));
    CHECK(has_field("a", " shared:"));
    end();
}

/* ---- statmount, listmount ---- */

#define OLDEST_UNIQUE (1ULL << 31)
struct mnt_request {
    uint32_t size, spare;
    uint64_t mnt_id, param, mnt_ns_id;
};
struct mnt_answer {
    uint32_t size, mnt_opts;
    uint64_t mask;
    uint32_t sb_dev_major, sb_dev_minor;
    uint64_t sb_magic;
    uint32_t sb_flags, fs_type;
    uint64_t mnt_id, mnt_parent_id;
    uint32_t mnt_id_old, mnt_parent_id_old;
    uint64_t mnt_attr, mnt_propagation, mnt_peer_group, mnt_master, propagate_from;
    uint32_t mnt_root, mnt_point;
    uint64_t mnt_ns_id;
    uint32_t fs_subtype, sb_source;
    char rest[384];
    char str[8192];
};

static long stat_mount(uint64_t id, uint64_t mask, void *buf, size_t size, unsigned flags)
{
    struct mnt_request q = {.size = 24, .mnt_id = id, .param = mask};
    return syscall(457, &q, buf, size, flags);
}

static long list_mounts(uint64_t id, uint64_t last, uint64_t *ids, size_t n, unsigned flags)
{
    struct mnt_request q = {.size = 24, .mnt_id = id, .param = last};
    return syscall(458, &q, ids, n, flags);
}

static uint64_t unique_id(const char *path)
{
    struct statx x;
    CHECK_OK(statx(AT_FDCWD, path, 0, 0x4000, &x));
    CHECK_EQ(x.stx_mask & 0x5000, 0x4000);
    CHECK(x.stx_mnt_id > OLDEST_UNIQUE);
    return x.stx_mnt_id;
}

static void two_mounts(char *dir, size_t size)
{
    if (getuid() != 0)
        SKIP("needs root");
    struct mnt_request q = {0};
    if (syscall(457, &q, NULL, 0, 0) == -1 && errno == ENOSYS)
        SKIP("an older kernel");
    CHECK_OK(unshare(CLONE_NEWNS));
    CHECK_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    snprintf(dir, size, "%s/sm", guest_dir());
    CHECK_OK(mkdir(dir, 0755));
    CHECK_OK(mount("first", dir, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=700"));
    char below[200];
    snprintf(below, sizeof(below), "%s/a b", dir);
    CHECK_OK(mkdir(below, 0755));
    CHECK_OK(mount("second", below, "tmpfs", MS_NODEV | MS_NOATIME, NULL));
}

TEST(statmount_says_what_mountinfo_does)
{
    static struct mnt_answer s;
    char dir[128], below[200];
    struct statx x;
    two_mounts(dir, sizeof(dir));
    snprintf(below, sizeof(below), "%s/a b", dir);
    CHECK_OK(statx(AT_FDCWD, below, 0, STATX_BASIC_STATS, &x));
    uint64_t id = unique_id(below);
    CHECK_EQ(stat_mount(id, 0x2bb, &s, sizeof(s), 0), 0);
    CHECK_EQ(s.mask & 0x23b, 0x23b);
    CHECK_EQ(s.mnt_id, id);
    CHECK_EQ(s.mnt_parent_id, unique_id(dir));
    CHECK_EQ(s.sb_magic, 0x01021994);
    CHECK_EQ(s.sb_dev_major, x.stx_dev_major);
    CHECK_EQ(s.sb_dev_minor, x.stx_dev_minor);
    CHECK_EQ(s.mnt_attr, 0x4 | 0x10);
    CHECK_EQ(s.mnt_propagation, MS_PRIVATE);
    CHECK_STR(s.str + s.fs_type, "tmpfs");
    CHECK_STR(s.str + s.mnt_root, "/");
    CHECK_STR(s.str + s.mnt_point, below);
    CHECK_STR(s.str + s.sb_source, "second");
    CHECK(s.size > 512 && s.size < sizeof(s));
    char line[600];
    bool found = false;
    FILE *f = fopen("/proc/self/mountinfo", "re");
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f)) {
        unsigned a, b;
        if (sscanf(line, "%u %u", &a, &b) == 2 && a == s.mnt_id_old && b == s.mnt_parent_id_old)
            found = true;
    }
    CHECK(found);
    CHECK_OK(mount(NULL, below, NULL, MS_SHARED, NULL));
    CHECK_OK(mount(NULL, below, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    CHECK_EQ(stat_mount(id, 0x2, &s, 512, 0), 0);
    CHECK_EQ(s.size, 512);
    CHECK_EQ(s.mask, 0x2);
    CHECK_EQ(s.mnt_propagation, MS_SHARED);
    CHECK(s.mnt_peer_group != 0 && (s.mnt_attr & 1));
    CHECK_EQ(stat_mount(id, 0x2, &s, 8, 0), 0);
    CHECK_ERR(stat_mount(id, 0x10, &s, 520, 0), EOVERFLOW);
    CHECK_ERR(stat_mount(id, 0x2, &s, 512, 1), EINVAL);
    CHECK_ERR(stat_mount(s.mnt_id_old, 0x2, &s, 512, 0), EINVAL);
    CHECK_ERR(stat_mount(id + 1000000, 0x2, &s, 512, 0), ENOENT);
    CHECK_ERR(stat_mount(id, 0x2, (void *)8, 512, 0), EFAULT);
    struct mnt_request q = {.size = 20, .mnt_id = id};
    CHECK_ERR(syscall(457, &q, &s, sizeof(s), 0), EINVAL);
    q.size = 5000;
    CHECK_ERR(syscall(457, &q, &s, sizeof(s), 0), E2BIG);
    CHECK_ERR(syscall(457, 8, &s, sizeof(s), 0), EFAULT);
    CHECK_OK(umount(below));
    CHECK_ERR(stat_mount(id, 0x2, &s, 512, 0), ENOENT);
    CHECK_OK(umount(dir));
}

TEST(listmount_lists_what_is_below)
{
    enum { ROOM = 4096 };
    static uint64_t ids[ROOM];
    char dir[128], below[200];
    two_mounts(dir, sizeof(dir));
    snprintf(below, sizeof(below), "%s/a b", dir);
    uint64_t first = unique_id(dir), second = unique_id(below);
    CHECK_EQ(list_mounts(first, 0, ids, ROOM, 0), 1);
    CHECK_EQ(ids[0], second);
    CHECK_EQ(list_mounts(second, 0, ids, ROOM, 0), 0);
    long n = CHECK_OK(list_mounts(~0ULL, 0, ids, ROOM, 0));
    CHECK(n >= 3);
    for (long i = 1; i < n; i++)
        CHECK(ids[i - 1] < ids[i]);
    CHECK_EQ(ids[n - 2], first);
    CHECK_EQ(ids[n - 1], second);
    uint64_t root = unique_id("/");
    bool has_root = false;
    for (long i = 0; i < n; i++)
        has_root |= ids[i] == root;
    CHECK(has_root);
    CHECK_EQ(list_mounts(~0ULL, first, ids, ROOM, 0), 1);
    CHECK_EQ(ids[0], second);
    CHECK_EQ(list_mounts(~0ULL, 0, ids, 1, 1), 1); /* LISTMOUNT_REVERSE */
    CHECK_EQ(ids[0], second);
    CHECK_EQ(list_mounts(~0ULL, second, ids, 1, 1), 1);
    CHECK_EQ(ids[0], first);
    CHECK_EQ(list_mounts(~0ULL, 0, ids, 0, 0), 0);
    CHECK_ERR(list_mounts(~0ULL, 0, ids, ROOM, 2), EINVAL);
    CHECK_ERR(list_mounts(~0ULL, 5, ids, ROOM, 0), EINVAL);
    CHECK_ERR(list_mounts(5, 0, ids, ROOM, 0), EINVAL);
    CHECK_ERR(list_mounts(second + 1000000, 0, ids, ROOM, 0), ENOENT);
    CHECK_ERR(list_mounts(~0ULL, 0, ids, 1000001, 0), EOVERFLOW);
    CHECK_ERR(list_mounts(~0ULL, 0, (void *)8, ROOM, 0), EFAULT);
    CHECK_OK(chroot(dir));
    CHECK_OK(chdir("/"));
    CHECK_EQ(list_mounts(~0ULL, 0, ids, ROOM, 0), 2);
    CHECK_OK(setresuid(4711, 4711, 4711));
    CHECK_ERR(list_mounts(root, 0, ids, ROOM, 0), EPERM);
    CHECK_EQ(list_mounts(first, 0, ids, ROOM, 0), 1);
}
