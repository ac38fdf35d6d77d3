/* User and group ids, supplementary groups, capabilities. Cases that change ids need root.
   tests: capget capset setgroups setregid setresgid setresuid setreuid vhangup */
#include "guest.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static void need_root(void)
{
    if (getuid() != 0)
        SKIP("not root");
}

static void caps(uint32_t data[6])
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    CHECK_OK(syscall(SYS_capget, &h, data));
}

TEST(ids_are_consistent)
{
    uid_t r, e, s;
    gid_t rg, eg, sg;
    CHECK_OK(getresuid(&r, &e, &s));
    CHECK_OK(getresgid(&rg, &eg, &sg));
    CHECK_EQ(r, getuid());
    CHECK_EQ(e, geteuid());
    CHECK_EQ(rg, getgid());
    CHECK_EQ(eg, getegid());
}

TEST(setuid_drops_all)
{
    uint32_t c[6];
    need_root();
    CHECK_OK(setgid(1001));
    CHECK_OK(setuid(1000));
    CHECK_EQ(getuid(), 1000);
    CHECK_EQ(geteuid(), 1000);
    CHECK_EQ(getgid(), 1001);
    caps(c);
    CHECK_EQ(c[0], 0);
    CHECK_EQ(c[1], 0);
    CHECK_ERR(setuid(0), EPERM);
    CHECK_ERR(setgid(0), EPERM);
    CHECK_ERR(syscall(SYS_setgroups, 0, NULL), EPERM);
    CHECK_ERR(syscall(SYS_vhangup), EPERM);
    CHECK_ERR(kill(getppid(), 0), EPERM);
}

TEST(seteuid_and_back)
{
    uint32_t c[6], before[6];
    need_root();
    caps(before);
    CHECK_OK(syscall(SYS_setresuid, -1, 1000, -1));
    CHECK_EQ(geteuid(), 1000);
    caps(c);
    CHECK_EQ(c[0], 0);
    CHECK_EQ(c[1], before[1]);
    CHECK_OK(syscall(SYS_setresuid, -1, 0, -1));
    caps(c);
    CHECK_EQ(c[0], before[1]);
}

TEST(setreuid_saved_id)
{
    uid_t r, e, s;
    gid_t rg, eg, sg;
    need_root();
    CHECK_OK(syscall(SYS_setregid, 5, 6));
    CHECK_OK(getresgid(&rg, &eg, &sg));
    CHECK_EQ(rg, 5);
    CHECK_EQ(sg, 6);
    CHECK_OK(syscall(SYS_setresgid, 7, 8, 9));
    CHECK_OK(syscall(SYS_setreuid, 1000, 1001));
    CHECK_OK(getresuid(&r, &e, &s));
    CHECK_EQ(r, 1000);
    CHECK_EQ(e, 1001);
    CHECK_EQ(s, 1001);
    CHECK_ERR(syscall(SYS_setreuid, 0, -1), EPERM);
    CHECK_ERR(syscall(SYS_setresuid, 0, -1, -1), EPERM);
    CHECK_OK(syscall(SYS_setreuid, 1001, 1000));
}

TEST(fsuid)
{
    need_root();
    CHECK_EQ(setfsuid(1000), 0);
    CHECK_EQ(setfsuid((uid_t)-1), 1000);
    CHECK_EQ(setfsgid(1000), 0);
    CHECK_EQ(setfsgid((gid_t)-1), 1000);
    CHECK_OK(setuid(1000));
    CHECK_EQ(setfsuid(0), 1000);
    CHECK_EQ(setfsuid((uid_t)-1), 1000);
}

TEST(groups)
{
    gid_t want[] = {30, 10, 20}, got[8];
    need_root();
    CHECK_OK(syscall(SYS_setgroups, 3, want));
    CHECK_EQ(getgroups(0, NULL), 3);
    CHECK_ERR(getgroups(2, got), EINVAL);
    CHECK_EQ(getgroups(8, got), 3);
    CHECK_EQ(got[0] + got[1] + got[2], 60);
    CHECK_ERR(syscall(SYS_getgroups, -1, got), EINVAL);
    CHECK_ERR(syscall(SYS_setgroups, 65537, want), EINVAL);
    CHECK_OK(syscall(SYS_setgroups, 0, NULL));
    CHECK_EQ(getgroups(8, got), 0);
}

TEST(capset_only_shrinks)
{
    uint32_t c[6], d[6];
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    need_root();
    caps(c);
    memcpy(d, c, sizeof(d));
    d[0] &= ~(1u << CAP_KILL);
    d[1] &= ~(1u << CAP_KILL);
    CHECK_OK(syscall(SYS_capset, &h, d));
    caps(d);
    CHECK_EQ(d[1] & (1u << CAP_KILL), 0);
    if (c[1] & (1u << CAP_KILL))
        CHECK_ERR(syscall(SYS_capset, &h, c), EPERM);
    h.version = 1;
    CHECK_ERR(syscall(SYS_capget, &h, c), EINVAL);
    CHECK_EQ(h.version, _LINUX_CAPABILITY_VERSION_3);
}

TEST(keepcaps_and_bounding)
{
    uint32_t c[6], before[6];
    need_root();
    caps(before);
    CHECK_OK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
    CHECK_EQ(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0), 1);
    CHECK_OK(setuid(1000));
    caps(c);
    CHECK_EQ(c[0], 0);
    CHECK_EQ(c[1], before[1]);
    CHECK_ERR(prctl(PR_CAPBSET_READ, 100, 0, 0, 0), EINVAL);
    CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 100, 0, 0), EINVAL);
    CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), EPERM);
    CHECK_OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
}

TEST(no_new_privs)
{
    CHECK_ERR(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0)
        _exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1);
    check_child(pid, 0);
}
