/* Mounts: shared subtrees, expiry, what mountinfo says. In a mount namespace of its own on the host. */
#include "guest.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

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
