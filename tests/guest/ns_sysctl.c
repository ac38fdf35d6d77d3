/* Sysctls that a namespace has for itself: written, read, and what they govern. Root's business. */
#include "guest.h"

#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

static void apart(int flags)
{
    if (unshare(flags) == -1 && errno == EPERM)
        SKIP("needs CAP_SYS_ADMIN");
    if (access("/proc/sys/kernel/shmmax", W_OK) == -1)
        SKIP("/proc/sys is read-only");
}

static void put(const char *key, const char *value, int want)
{
    char path[128];
    snprintf(path, sizeof(path), "/proc/sys/%s", key);
    int fd = CHECK_OK(open(path, O_WRONLY));
    if (want)
        CHECK_ERR(write(fd, value, strlen(value)), want);
    else
        CHECK_EQ(write(fd, value, strlen(value)), strlen(value));
    close(fd);
}

static const char *get(const char *key)
{
    static char text[64];
    char path[128];
    snprintf(path, sizeof(path), "/proc/sys/%s", key);
    int fd = CHECK_OK(open(path, O_RDONLY));
    ssize_t n = CHECK_OK(read(fd, text, sizeof(text) - 1));
    text[n] = 0;
    close(fd);
    return text;
}

TEST(sizes_of_segments)
{
    apart(CLONE_NEWIPC);
    CHECK_STR(get("kernel/shmmax"), "18446744073692774399\n");
    put("kernel/shmmax", "8192\n", 0);
    CHECK_STR(get("kernel/shmmax"), "8192\n");
    CHECK_ERR(shmget(IPC_PRIVATE, 8193, 0600), EINVAL);
    int id = CHECK_OK(shmget(IPC_PRIVATE, 8192, 0600));
    put("kernel/shmall", "3", 0);
    CHECK_ERR(shmget(IPC_PRIVATE, 4097, 0600), ENOSPC);
    int one = CHECK_OK(shmget(IPC_PRIVATE, 1, 0600));
    CHECK_OK(shmctl(one, IPC_RMID, NULL));
    struct shminfo i;
    CHECK_OK(shmctl(0, IPC_INFO, (struct shmid_ds *)&i));
    CHECK_EQ(i.shmmax, 8192);
    CHECK_EQ(i.shmall, 3);
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
    /* The next namespace begins with the defaults, and this one's stay with it. */
    int old = CHECK_OK(open("/proc/self/ns/ipc", O_RDONLY));
    CHECK_OK(unshare(CLONE_NEWIPC));
    CHECK_STR(get("kernel/shmmax"), "18446744073692774399\n");
    CHECK_OK(setns(old, CLONE_NEWIPC));
    CHECK_STR(get("kernel/shmmax"), "8192\n");
}

TEST(number_of_segments)
{
    apart(CLONE_NEWIPC);
    CHECK_STR(get("kernel/shmmni"), "4096\n");
    put("kernel/shmmni", "2", 0);
    int a = CHECK_OK(shmget(IPC_PRIVATE, 1, 0600));
    int b = CHECK_OK(shmget(IPC_PRIVATE, 1, 0600));
    CHECK_ERR(shmget(IPC_PRIVATE, 1, 0600), ENOSPC);
    put("kernel/shmmni", "200", 0);
    int more[190];
    for (int i = 0; i < 190; i++)
        more[i] = CHECK_OK(shmget(IPC_PRIVATE, 1, 0600));
    for (int i = 0; i < 190; i++) {
        struct shmid_ds d;
        CHECK_OK(shmctl(more[i], IPC_STAT, &d));
        CHECK_OK(shmctl(more[i], IPC_RMID, NULL));
    }
    CHECK(a != b);
    CHECK_OK(shmctl(a, IPC_RMID, NULL));
    CHECK_OK(shmctl(b, IPC_RMID, NULL));
}

TEST(values_out_of_range)
{
    apart(CLONE_NEWIPC | CLONE_NEWNET);
    put("kernel/shmmni", "32769", EINVAL);
    put("kernel/shmmni", "-1", EINVAL);
    put("kernel/shmmni", "many", EINVAL);
    put("kernel/shm_rmid_forced", "2", EINVAL);
    put("net/core/somaxconn", "2147483648", EINVAL);
    CHECK_STR(get("kernel/shmmni"), "4096\n");
    put("kernel/shmmni", "  17 ", 0);
    CHECK_STR(get("kernel/shmmni"), "17\n");
}

/* Runs a child that leaves a segment; attached: it is while it ends. */
static int left_by_child(void)
{
    int p[2], id;
    CHECK_OK(pipe(p));
    pid_t pid = CHECK_OK(fork());
    if (!pid) {
        id = CHECK_OK(shmget(IPC_PRIVATE, 4096, 0600));
        CHECK_EQ(write(p[1], &id, sizeof(id)), sizeof(id));
        _exit(0);
    }
    CHECK_EQ(read(p[0], &id, sizeof(id)), sizeof(id));
    check_child(pid, 0);
    close(p[0]);
    close(p[1]);
    return id;
}

TEST(forced_removal)
{
    struct shmid_ds d;
    apart(CLONE_NEWIPC);
    int orphan = left_by_child(), mine = CHECK_OK(shmget(IPC_PRIVATE, 4096, 0600));
    CHECK_OK(shmctl(orphan, IPC_STAT, &d));
    put("kernel/shm_rmid_forced", "1", 0);
    CHECK_STR(get("kernel/shm_rmid_forced"), "1\n");
    CHECK_ERR(shmctl(orphan, IPC_STAT, &d), EINVAL); /* its maker is gone */
    CHECK_OK(shmctl(mine, IPC_STAT, &d));
    CHECK_ERR(shmctl(left_by_child(), IPC_STAT, &d), EINVAL);
    void *p = shmat(mine, NULL, 0);
    CHECK(p != (void *)-1);
    CHECK_OK(shmctl(mine, IPC_STAT, &d));
    CHECK_OK(shmdt(p)); /* the last attachment */
    CHECK_ERR(shmctl(mine, IPC_STAT, &d), EINVAL);
}

static int bound(int type, const char *name, struct sockaddr_un *a, socklen_t *len)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    strcpy(a->sun_path + 1, name);
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    int fd = CHECK_OK(socket(AF_UNIX, type | SOCK_NONBLOCK, 0));
    CHECK_OK(bind(fd, (struct sockaddr *)a, *len));
    return fd;
}

/* How many connect before one has to wait. */
static int connects(int backlog)
{
    struct sockaddr_un a;
    socklen_t len;
    int l = bound(SOCK_STREAM, "sysctl-listener", &a, &len), n = 0, fds[64];
    CHECK_OK(listen(l, backlog));
    while (n < 64) {
        fds[n] = CHECK_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
        if (connect(fds[n++], (struct sockaddr *)&a, len) == -1)
            break;
    }
    for (int i = 0; i < n; i++)
        close(fds[i]);
    close(l);
    return n - 1;
}

TEST(backlog_of_a_listener)
{
    apart(CLONE_NEWNET);
    CHECK_STR(get("net/core/somaxconn"), "4096\n");
    CHECK_EQ(connects(20), 21);
    put("net/core/somaxconn", "3", 0);
    CHECK_EQ(connects(20), 4);
    CHECK_EQ(connects(1), 2);
    CHECK_EQ(connects(-1), 4);
}

TEST(queue_of_a_datagram_socket)
{
    apart(CLONE_NEWNET);
    struct sockaddr_un a;
    socklen_t len;
    put("net/unix/max_dgram_qlen", "4", 0);
    CHECK_STR(get("net/unix/max_dgram_qlen"), "4\n");
    int to = bound(SOCK_DGRAM, "sysctl-datagram", &a, &len), n = 0;
    int from = CHECK_OK(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    CHECK_OK(connect(from, (struct sockaddr *)&a, len));
    while (n < 64 && send(from, "x", 1, 0) == 1)
        n++;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(n, 5);
    close(to);
    close(from);
}
