/* Calls on names that came late, or that few use. */
#include "guest.h"

#include <sys/stat.h>
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
