/* POSIX access control lists, on the system's tmpfs. */
#include "guest.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#define ACCESS  "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

struct acl {
    uint32_t version;
    struct {
        uint16_t tag, perm;
        uint32_t id;
    } e[6];
};
enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32 };

static const struct acl named = {2,
                                 {{USER_OBJ, 6, -1u},
                                  {USER, 7, 1000},
                                  {GROUP_OBJ, 4, -1u},
                                  {GROUP, 4, 2000},
                                  {MASK, 4, -1u},
                                  {OTHER, 0, -1u}}};

static void go(void)
{
    char dir[] = "/dev/shm/acl-XXXXXX";
    if (getuid() != 0)
        SKIP("needs root");
    umask(022);
    CHECK(mkdtemp(dir));
    CHECK_OK(chmod(dir, 0755));
    CHECK_OK(chdir(dir));
    CHECK_OK(close(CHECK_OK(open("f", O_CREAT | O_RDWR, 0666))));
}
static void gone(void) { CHECK_EQ(system("rm -rf \"$PWD\""), 0); }

static int as(unsigned uid, unsigned gid, const char *path, int mode)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
            _exit(99);
        _exit(access(path, mode) == 0 ? 0 : errno);
    }
    int st;
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    return WEXITSTATUS(st);
}

TEST(set_and_get)
{
    struct acl back;
    struct stat st;
    char names[200];
    go();
    CHECK_ERR(getxattr("f", ACCESS, &back, sizeof(back)), ENODATA);
    CHECK_OK(setxattr("f", ACCESS, &named, sizeof(named), 0));
    CHECK_EQ(getxattr("f", ACCESS, NULL, 0), sizeof(named));
    CHECK_ERR(getxattr("f", ACCESS, &back, 10), ERANGE);
    CHECK_EQ(getxattr("f", ACCESS, &back, sizeof(back)), sizeof(named));
    CHECK_EQ(memcmp(&back, &named, sizeof(back)), 0);
    CHECK_EQ(listxattr("f", names, sizeof(names)), sizeof(ACCESS));
    CHECK_STR(names, ACCESS);
    CHECK_OK(stat("f", &st));
    CHECK_EQ(st.st_mode & 07777, 0640);
    CHECK_OK(removexattr("f", ACCESS));
    CHECK_ERR(getxattr("f", ACCESS, &back, sizeof(back)), ENODATA);
    gone();
}

TEST(permission)
{
    go();
    CHECK_OK(setxattr("f", ACCESS, &named, sizeof(named), 0));
    CHECK_EQ(as(1000, 5, "f", R_OK), 0);
    CHECK_EQ(as(1000, 5, "f", W_OK), EACCES); /* the mask */
    CHECK_EQ(as(1001, 2000, "f", R_OK), 0);
    CHECK_EQ(as(1001, 5, "f", R_OK), EACCES);
    CHECK_OK(chmod("f", 0670)); /* the group's bits are the mask now */
    CHECK_EQ(as(1000, 5, "f", W_OK), 0);
    CHECK_EQ(as(1001, 2000, "f", W_OK), EACCES);
    gone();
}

TEST(minimal_is_mode)
{
    struct acl a = {2, {{USER_OBJ, 7, -1u}, {GROUP_OBJ, 5, -1u}, {OTHER, 1, -1u}}};
    struct stat st;
    go();
    CHECK_OK(setxattr("f", ACCESS, &a, 4 + 3 * 8, 0));
    CHECK_ERR(getxattr("f", ACCESS, NULL, 0), ENODATA);
    CHECK_OK(stat("f", &st));
    CHECK_EQ(st.st_mode & 07777, 0751);
    gone();
}

TEST(invalid)
{
    struct acl a = named;
    go();
    CHECK_ERR(setxattr("f", ACCESS, &a, 3, 0), EINVAL);
    CHECK_ERR(setxattr("f", ACCESS, &a, sizeof(a) - 1, 0), EINVAL);
    a.version = 3;
    CHECK_ERR(setxattr("f", ACCESS, &a, sizeof(a), 0), EOPNOTSUPP);
    a = named;
    a.e[0].tag = OTHER;
    CHECK_ERR(setxattr("f", ACCESS, &a, sizeof(a), 0), EINVAL);
    a = named;
    a.e[1].perm = 8;
    CHECK_ERR(setxattr("f", ACCESS, &a, sizeof(a), 0), EINVAL);
    CHECK_ERR(setxattr("f", DEFAULT, &named, sizeof(named), 0), EACCES);
    gone();
}

TEST(inherited)
{
    struct acl back;
    struct stat st;
    go();
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(setxattr("d", DEFAULT, &named, sizeof(named), 0));
    CHECK_OK(close(CHECK_OK(open("d/f", O_CREAT | O_RDWR, 0666))));
    CHECK_EQ(getxattr("d/f", ACCESS, &back, sizeof(back)), sizeof(back));
    CHECK_EQ(back.e[1].perm, 7);
    CHECK_EQ(back.e[4].perm, 4);
    CHECK_OK(stat("d/f", &st));
    CHECK_EQ(st.st_mode & 0777, 0640); /* no umask */
    CHECK_OK(mkdir("d/d", 0777));
    CHECK_EQ(getxattr("d/d", DEFAULT, &back, sizeof(back)), sizeof(back));
    CHECK_OK(symlink("f", "d/l"));
    CHECK_ERR(lgetxattr("d/l", ACCESS, &back, sizeof(back)), EOPNOTSUPP);
    gone();
}
