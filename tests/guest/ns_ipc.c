/* Ipc and network namespaces: segments, abstract names. Root's business. */
#include "guest.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

static void apart(int flags)
{
    if (unshare(flags) == -1 && errno == EPERM)
        SKIP("needs CAP_SYS_ADMIN");
}

TEST(segments_are_of_one_namespace)
{
    apart(CLONE_NEWIPC);
    int id = CHECK_OK(shmget(0x1234, 4096, IPC_CREAT | IPC_EXCL | 0600));
    char *p = shmat(id, NULL, 0);
    CHECK(p != (void *)-1);
    strcpy(p, "old");
    CHECK_OK(unshare(CLONE_NEWIPC));
    CHECK_ERR(shmget(0x1234, 0, 0), ENOENT);
    struct shmid_ds ds;
    CHECK_ERR(shmctl(id, IPC_STAT, &ds), EINVAL);
    int mine = CHECK_OK(shmget(0x1234, 8192, IPC_CREAT | IPC_EXCL | 0600));
    CHECK_OK(shmctl(mine, IPC_STAT, &ds));
    CHECK_EQ(ds.shm_segsz, 8192);
    CHECK_STR(p, "old"); /* the namespace is gone, the memory is not */
    CHECK_OK(shmdt(p));
}

TEST(segments_go_with_the_namespace)
{
    apart(CLONE_NEWIPC);
    int ns = CHECK_OK(open("/proc/self/ns/ipc", O_RDONLY));
    int keep = CHECK_OK(shmget(0x77, 4096, IPC_CREAT | 0600));
    CHECK_OK(unshare(CLONE_NEWIPC));
    CHECK_OK(shmget(0x78, 4096, IPC_CREAT | 0600));
    CHECK_OK(setns(ns, CLONE_NEWIPC));
    CHECK_ERR(shmget(0x78, 0, 0), ENOENT);
    CHECK_EQ(shmget(0x77, 0, 0), keep);
    CHECK_OK(shmctl(keep, IPC_RMID, NULL));
}

static socklen_t abstract(struct sockaddr_un *a, const char *name)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    strcpy(a->sun_path + 1, name);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

static int listener(const char *name)
{
    struct sockaddr_un a;
    socklen_t n = abstract(&a, name);
    int fd = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_OK(bind(fd, (struct sockaddr *)&a, n));
    CHECK_OK(listen(fd, 5));
    return fd;
}

static int dial(int fd, const char *name)
{
    struct sockaddr_un a;
    socklen_t n = abstract(&a, name);
    return connect(fd, (struct sockaddr *)&a, n);
}

TEST(abstract_names_are_of_one_namespace)
{
    apart(CLONE_NEWNET);
    int old = listener("ns-name");
    int early = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_OK(unshare(CLONE_NEWNET));
    int late = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_ERR(dial(late, "ns-name"), ECONNREFUSED);
    CHECK_OK(dial(early, "ns-name")); /* a socket stays where it was made */
    CHECK_OK(accept(old, NULL, NULL));
    listener("ns-name");
    CHECK_OK(dial(late, "ns-name"));
}

TEST(paths_are_of_all)
{
    apart(CLONE_NEWNET);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/sock", guest_dir());
    int fd = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
    CHECK_OK(listen(fd, 5));
    CHECK_OK(unshare(CLONE_NEWNET));
    int c = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_OK(connect(c, (struct sockaddr *)&a, sizeof(a)));
}

TEST(a_new_network_has_only_lo)
{
    apart(CLONE_NEWNET);
    struct if_nameindex *all = if_nameindex();
    int n = 0;
    for (struct if_nameindex *i = all; i && i->if_index; i++, n++)
        CHECK_STR(i->if_name, "lo");
    CHECK_EQ(n, 1);
    int fd = CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    to.sin_addr.s_addr = htonl(0x08080808);
    CHECK_ERR(connect(fd, (struct sockaddr *)&to, sizeof(to)), ENETUNREACH);
}

TEST(flags_that_do_not_go_together)
{
    CHECK_ERR(syscall(SYS_clone, CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0), EINVAL);
}
