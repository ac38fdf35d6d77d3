/* Tests of capabilities over exec: of files, ambient ones, securebits, set-user-ID, no_new_privs. All need root. */
#include "guest.h"

#include <linux/capability.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#define BIT(cap) (1u << (cap))
enum { RAW = CAP_NET_RAW, CHOWN = CAP_CHOWN, KILL = CAP_KILL };

static char copy[200];

static void program_copy(void)
{
    char buf[65536];
    ssize_t n;
    if (getuid() != 0)
        SKIP("not root");
    CHECK_OK(chmod(guest_dir(), 0755));
    snprintf(copy, sizeof(copy), "%s/prog", guest_dir());
    int in = CHECK_OK(open("/proc/self/exe", O_RDONLY));
    int out = CHECK_OK(open(copy, O_WRONLY | O_CREAT | O_EXCL, 0755));
    while ((n = CHECK_OK(read(in, buf, sizeof(buf)))) > 0)
        CHECK_EQ(write(out, buf, (size_t)n), n);
    CHECK_OK(close(out));
    CHECK_OK(close(in));
    CHECK_OK(chmod(copy, 0755));
}

static void file_caps(uint32_t permitted, uint32_t inheritable, bool effective)
{
    struct vfs_cap_data d = {.magic_etc = VFS_CAP_REVISION_2 | effective,
                             .data = {{permitted, inheritable}, {0, 0}}};
    if (setxattr(copy, "security.capability", &d, sizeof(d), 0) == -1) {
        if (errno == ENOTSUP || errno == EPERM)
            SKIP("no file capabilities");
        FAIL("setxattr: %s", strerror(errno));
    }
}

static void get_caps(uint32_t data[6])
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    CHECK_OK(syscall(SYS_capget, &h, data));
}

static void set_caps(uint32_t eff, uint32_t perm, uint32_t inh)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    uint32_t data[6] = {eff, perm, inh, 0, 0, 0};
    CHECK_OK(syscall(SYS_capset, &h, data));
}

/* What the program has is compared with these by the one case that is run in it. */
static void run(uint32_t eff, uint32_t perm, bool secure)
{
    char e[16], p[16];
    snprintf(e, sizeof(e), "%x", eff);
    snprintf(p, sizeof(p), "%x", perm);
    setenv("WANT_EFF", e, 1);
    setenv("WANT_PERM", p, 1);
    setenv("WANT_SECURE", secure ? "1" : "0", 1);
    /* The program's own environment is kept by AT_SECURE too. */
    execl(copy, "prog", "--no-fork", "has_the_wanted_ones", (char *)0);
}

TEST(has_the_wanted_ones)
{
    uint32_t c[6];
    const char *e = getenv("WANT_EFF"), *p = getenv("WANT_PERM"), *s = getenv("WANT_SECURE");
    if (!e || !p || !s)
        return;
    get_caps(c);
    CHECK_EQ(c[0], strtoul(e, NULL, 16));
    CHECK_EQ(c[1], strtoul(p, NULL, 16));
    CHECK_EQ(getauxval(AT_SECURE), strtoul(s, NULL, 10));
}

#define IN_CHILD(statements)                                                                       \
    do {                                                                                           \
        pid_t pid_ = CHECK_OK(fork());                                                             \
        if (pid_ == 0) {                                                                           \
            statements;                                                                            \
            _exit(99);                                                                             \
        }                                                                                          \
        check_child(pid_, 0);                                                                      \
    } while (0)

TEST(permitted_and_effective)
{
    program_copy();
    file_caps(BIT(CHOWN) | BIT(KILL), 0, true);
    IN_CHILD(CHECK_OK(setresuid(65534, 65534, 65534));
             run(BIT(CHOWN) | BIT(KILL), BIT(CHOWN) | BIT(KILL), true));
    file_caps(BIT(CHOWN), 0, false);
    IN_CHILD(CHECK_OK(setresuid(65534, 65534, 65534)); run(0, BIT(CHOWN), true));
}

TEST(inheritable)
{
    program_copy();
    file_caps(0, BIT(CHOWN) | BIT(KILL), true);
    IN_CHILD(CHECK_OK(setresuid(65534, 65534, 65534)); run(0, 0, true));
    IN_CHILD(CHECK_OK(prctl(PR_SET_KEEPCAPS, 1)); CHECK_OK(setresuid(65534, 65534, 65534));
             set_caps(0, BIT(CHOWN), BIT(CHOWN)); run(BIT(CHOWN), BIT(CHOWN), true));
}

TEST(bounding_set_limits_files)
{
    program_copy();
    file_caps(BIT(CHOWN) | BIT(KILL), 0, false);
    IN_CHILD(CHECK_OK(prctl(PR_CAPBSET_DROP, KILL)); CHECK_OK(setresuid(65534, 65534, 65534));
             run(0, BIT(CHOWN), true));
    file_caps(BIT(CHOWN) | BIT(KILL), 0, true); /* all or nothing */
    IN_CHILD(CHECK_OK(prctl(PR_CAPBSET_DROP, KILL)); CHECK_OK(setresuid(65534, 65534, 65534));
             run(0, 0, false); CHECK_EQ(errno, EPERM); _exit(0));
}

TEST(no_new_privs)
{
    program_copy();
    file_caps(BIT(CHOWN), 0, false);
    IN_CHILD(CHECK_OK(setresuid(65534, 65534, 65534));
             CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); run(0, 0, false));
}

TEST(ambient)
{
    program_copy();
    IN_CHILD(CHECK_OK(prctl(PR_SET_KEEPCAPS, 1)); CHECK_OK(setresuid(65534, 65534, 65534));
             set_caps(0, BIT(CHOWN), BIT(CHOWN));
             CHECK_OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CHOWN, 0, 0));
             run(BIT(CHOWN), BIT(CHOWN), false));
    file_caps(BIT(KILL), 0, false); /* a file with capabilities ends them */
    IN_CHILD(CHECK_OK(prctl(PR_SET_KEEPCAPS, 1)); CHECK_OK(setresuid(65534, 65534, 65534));
             set_caps(0, BIT(CHOWN), BIT(CHOWN));
             CHECK_OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CHOWN, 0, 0));
             run(0, BIT(KILL), true));
}

TEST(securebits_noroot)
{
    program_copy();
    IN_CHILD(CHECK_OK(prctl(PR_SET_SECUREBITS, 1 /* NOROOT */)); run(0, 0, false));
}

TEST(spoiled_attribute)
{
    program_copy();
    file_caps(BIT(CHOWN), 0, false);
    char bad[20] = {0};
    if (setxattr(copy, "security.capability", bad, sizeof(bad), 0) == -1)
        CHECK_EQ(errno, EINVAL);
}

/* The one case that is run in the copy: may the world look into it? */
TEST(says_whether_dumpable)
{
    if (!getenv("WANT_DUMPABLE"))
        SKIP("only for exec_of_what_cannot_be_read");
    CHECK_EQ(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), atoi(getenv("WANT_DUMPABLE")));
}

static void run_readable(mode_t mode, const char *dumpable)
{
    CHECK_OK(chmod(copy, mode));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        CHECK_OK(setenv("WANT_DUMPABLE", dumpable, 1));
        CHECK_OK(setresgid(4711, 4711, 4711));
        CHECK_OK(setresuid(4711, 4711, 4711));
        execl(copy, "prog", "--no-fork", "says_whether_dumpable", (char *)0);
        _exit(100);
    }
    check_child(pid, 0);
}

TEST(exec_of_what_cannot_be_read)
{
    program_copy();
    run_readable(0755, "1");
    run_readable(0711, "0");
}
