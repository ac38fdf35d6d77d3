/* AF_UNIX sockets: what goes beside the bytes, out-of-band data, options, and the corners. */
#include "guest.h"

#include <grp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#define SO_PEERPIDFD 77
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif
#ifndef SIOCATMARK
#define SIOCATMARK 0x8905
#endif
#define SIOCINQ  FIONREAD
#define SIOCOUTQ TIOCOUTQ

static int s[2];

static void pair(int type) { CHECK_OK(socketpair(AF_UNIX, type, 0, s)); }

static int opt(int fd, int name)
{
    int v = -12345;
    socklen_t len = sizeof(v);
    CHECK_OK(getsockopt(fd, SOL_SOCKET, name, &v, &len));
    return v;
}

static void set(int fd, int name, int v)
{
    CHECK_OK(setsockopt(fd, SOL_SOCKET, name, &v, sizeof(v)));
}

static int asked(int fd, unsigned long cmd)
{
    int v = -12345;
    CHECK_OK(ioctl(fd, cmd, &v));
    return v;
}

static short ready(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    CHECK_OK(poll(&p, 1, 0));
    return p.revents;
}

static socklen_t abstract_addr(struct sockaddr_un *a, const char *name)
{
    memset(a, 0, sizeof(*a));
    a->sun_family = AF_UNIX;
    int n = snprintf(a->sun_path + 1, sizeof(a->sun_path) - 1, "cvisor-%d-%s", getpid(), name);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static volatile sig_atomic_t urgent, ios;
static void on_signal(int sig)
{
    if (sig == SIGURG)
        urgent++;
    else
        ios++;
}

TEST(out_of_band)
{
    char buf[16] = {0};
    signal(SIGURG, on_signal);
    pair(SOCK_STREAM);
    CHECK_OK(fcntl(s[1], F_SETOWN, getpid()));
    CHECK_EQ(send(s[0], "ab!", 3, MSG_OOB), 3);
    CHECK_EQ(urgent, 1);
    CHECK_EQ(send(s[0], "cd", 2, 0), 2);
    CHECK_EQ(ready(s[1], POLLPRI | POLLIN), POLLPRI | POLLIN);
    CHECK_EQ(asked(s[1], SIOCATMARK), 0);
    CHECK_EQ(recv(s[1], buf, 1, MSG_OOB | MSG_PEEK), 1);
    CHECK_EQ(buf[0], '!');
    /* A read ends at the mark. */
    CHECK_EQ(recv(s[1], buf, sizeof(buf), 0), 2);
    CHECK_EQ(asked(s[1], SIOCATMARK), 1);
    struct iovec iov = {buf, sizeof(buf)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    CHECK_EQ(recvmsg(s[1], &m, MSG_OOB), 1);
    CHECK_EQ(m.msg_flags, MSG_OOB);
    CHECK_EQ(buf[0], '!');
    CHECK_EQ(asked(s[1], SIOCATMARK), 1);
    CHECK_ERR(recv(s[1], buf, 1, MSG_OOB), EINVAL);
    CHECK_EQ(ready(s[1], POLLPRI | POLLIN), POLLIN);
    CHECK_EQ(recv(s[1], buf, sizeof(buf), 0), 2);
    CHECK_EQ(asked(s[1], SIOCATMARK), 0);
    /* Nobody took it: the next read passes it. */
    CHECK_EQ(send(s[0], "!", 1, MSG_OOB), 1);
    CHECK_EQ(send(s[0], "x", 1, 0), 1);
    CHECK_EQ(recv(s[1], buf, sizeof(buf), MSG_DONTWAIT), 1);
    CHECK_EQ(buf[0], 'x');
    /* A second one takes the place of the first, which becomes data. */
    CHECK_EQ(send(s[0], "1", 1, MSG_OOB), 1);
    CHECK_EQ(send(s[0], "2", 1, MSG_OOB), 1);
    CHECK_EQ(recv(s[1], buf, sizeof(buf), 0), 1);
    CHECK_EQ(buf[0], '1');
    CHECK_EQ(recv(s[1], buf, sizeof(buf), MSG_OOB), 1);
    CHECK_EQ(buf[0], '2');
    CHECK_ERR(recv(s[1], buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
    set(s[1], SO_OOBINLINE, 1);
    CHECK_EQ(send(s[0], "ab", 2, MSG_OOB), 2);
    CHECK_EQ(send(s[0], "c", 1, 0), 1);
    CHECK_ERR(recv(s[1], buf, 1, MSG_OOB), EINVAL);
    CHECK_EQ(recv(s[1], buf, sizeof(buf), 0), 1);
    CHECK_EQ(asked(s[1], SIOCATMARK), 1);
    CHECK_EQ(recv(s[1], buf, sizeof(buf), 0), 2);
    CHECK_EQ(memcmp(buf, "bc", 2), 0);
    CHECK_ERR(send(s[0], "", 0, MSG_OOB), EOPNOTSUPP);
    pair(SOCK_DGRAM);
    CHECK_ERR(send(s[0], "x", 1, MSG_OOB), EOPNOTSUPP);
    CHECK_ERR(recv(s[0], buf, 1, MSG_OOB), EOPNOTSUPP);
}

TEST(peek_offset)
{
    char buf[8] = {0};
    pair(SOCK_STREAM);
    CHECK_EQ(opt(s[1], SO_PEEK_OFF), -1);
    set(s[1], SO_PEEK_OFF, 2);
    CHECK_EQ(send(s[0], "abcdef", 6, 0), 6);
    CHECK_EQ(recv(s[1], buf, 2, MSG_PEEK), 2);
    CHECK_EQ(memcmp(buf, "cd", 2), 0);
    CHECK_EQ(opt(s[1], SO_PEEK_OFF), 4);
    CHECK_EQ(recv(s[1], buf, 3, 0), 3);
    CHECK_EQ(opt(s[1], SO_PEEK_OFF), 1);
    CHECK_EQ(recv(s[1], buf, 8, MSG_PEEK), 2);
    CHECK_EQ(memcmp(buf, "ef", 2), 0);
    CHECK_ERR(recv(s[1], buf, 8, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
    pair(SOCK_DGRAM);
    set(s[1], SO_PEEK_OFF, 0);
    CHECK_EQ(send(s[0], "abc", 3, 0), 3);
    CHECK_EQ(send(s[0], "def", 3, 0), 3);
    CHECK_EQ(recv(s[1], buf, 2, MSG_PEEK), 2);
    CHECK_EQ(recv(s[1], buf, 8, MSG_PEEK), 1);
    CHECK_EQ(buf[0], 'c');
    CHECK_EQ(recv(s[1], buf, 8, MSG_PEEK), 3);
    CHECK_EQ(buf[0], 'd');
    CHECK_EQ(recv(s[1], buf, 8, 0), 3);
    CHECK_EQ(opt(s[1], SO_PEEK_OFF), 3);
}

/* Receives into a control buffer of room bytes; the first message of a type is copied to data. */
static int recv_control(int fd, int flags, size_t room, int type, void *data, size_t len,
                        int *ret_flags)
{
    char byte, control[512] = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
    CHECK_EQ(recvmsg(fd, &m, flags), 1);
    *ret_flags = m.msg_flags;
    int found = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != type)
            continue;
        size_t have = c->cmsg_len - CMSG_LEN(0);
        memcpy(data, CMSG_DATA(c), have < len ? have : len);
        found = (int)have;
    }
    return found;
}

static ssize_t send_control(int fd, int type, const void *data, size_t len)
{
    char byte = 'c', control[CMSG_SPACE(sizeof(int) * 300)] = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = CMSG_SPACE(len)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), data, len);
    return sendmsg(fd, &m, 0);
}

TEST(processes_behind_sockets)
{
    int fd = -1, flags;
    char byte;
    socklen_t len = sizeof(fd);
    pair(SOCK_STREAM);
    if (getsockopt(s[0], SOL_SOCKET, SO_PEERPIDFD, &fd, &len) < 0 && errno == ENOPROTOOPT)
        SKIP("host older than 6.5");
    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    int lone = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    len = sizeof(fd);
    CHECK_ERR(getsockopt(lone, SOL_SOCKET, SO_PEERPIDFD, &fd, &len), ENODATA);
    CHECK_EQ(opt(s[1], SO_PASSPIDFD), 0);
    set(s[1], SO_PASSPIDFD, 1);
    pid_t pid = fork();
    if (pid == 0)
        _exit(send(s[0], "x", 1, 0) == 1 && read(s[0], &byte, 1) == 1 ? 7 : 1);
    CHECK_EQ(recv_control(s[1], 0, CMSG_SPACE(sizeof(int)), SCM_PIDFD, &fd, sizeof(fd), &flags),
             (int)sizeof(fd));
    CHECK(fd >= 0);
    CHECK_EQ(ready(fd, POLLIN), 0);
    CHECK_EQ(write(s[1], "y", 1), 1);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    CHECK_EQ(poll(&p, 1, 5000), 1);
    check_child(pid, 7);
    CHECK_EQ(send(s[0], "x", 1, 0), 1);
    CHECK_EQ(recv_control(s[1], 0, 16, SCM_PIDFD, &fd, sizeof(fd), &flags), 0);
    CHECK_EQ(flags, MSG_CTRUNC);
}

TEST(groups_of_the_peer)
{
    gid_t g[64];
    socklen_t len = sizeof(g);
    pair(SOCK_STREAM);
    CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_PEERGROUPS, g, &len));
    CHECK_EQ(len / sizeof(gid_t), (size_t)CHECK_OK(getgroups(0, NULL)));
    if (geteuid() == 0) {
        gid_t three[] = {5, 6, 7};
        CHECK_OK(setgroups(3, three));
        pair(SOCK_DGRAM);
        len = 4;
        CHECK_ERR(getsockopt(s[0], SOL_SOCKET, SO_PEERGROUPS, g, &len), ERANGE);
        CHECK_EQ(len, 12);
        CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_PEERGROUPS, g, &len));
        CHECK_EQ(g[2], 7);
    }
    len = sizeof(g);
    int lone = CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0));
    CHECK_ERR(getsockopt(lone, SOL_SOCKET, SO_PEERGROUPS, g, &len), ENODATA);
}

TEST(credentials_checked)
{
    struct ucred c = {.pid = getpid(), .uid = getuid(), .gid = getgid()}, got;
    int flags, v;
    pair(SOCK_STREAM);
    CHECK_EQ(send_control(s[0], SCM_CREDENTIALS, &c, sizeof(c)), 1);
    set(s[1], SO_PASSCRED, 1);
    CHECK_EQ(send(s[0], "x", 1, 0), 1);
    /* Different writers (here: told, and noted) are not glued together. */
    char two[8];
    CHECK_EQ(recv(s[1], two, 8, MSG_PEEK), 2);
    CHECK_EQ(recv_control(s[1], 0, 512, SCM_CREDENTIALS, &got, sizeof(got), &flags),
             (int)sizeof(got));
    CHECK_EQ(got.pid, getpid());
    CHECK_EQ(recv(s[1], two, 8, 0), 1);
    CHECK_ERR(send_control(s[0], SCM_CREDENTIALS, &c, sizeof(c) - 4), EINVAL);
    c.pid = 0x3ffffffe;
    CHECK_ERR(send_control(s[0], SCM_CREDENTIALS, &c, sizeof(c)), geteuid() ? EPERM : ESRCH);
    v = 0;
    CHECK_ERR(send_control(s[0], 77, &v, sizeof(v)), EINVAL);
    /* The end of a stream has nobody's. */
    close(s[0]);
    char control[64];
    struct iovec iov = {two, 8};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = 64};
    CHECK_EQ(recvmsg(s[1], &m, 0), 0);
    CHECK_EQ(CMSG_FIRSTHDR(&m)->cmsg_type, SCM_CREDENTIALS);
    memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(got));
    CHECK_EQ(got.pid, 0);
}

TEST(descriptor_limits)
{
    int fds[300], flags, got[253];
    for (int i = 0; i < 300; i++)
        fds[i] = 1;
    pair(SOCK_DGRAM);
    CHECK_EQ(send_control(s[0], SCM_RIGHTS, fds, 253 * sizeof(int)), 1);
    CHECK_ERR(send_control(s[0], SCM_RIGHTS, fds, 254 * sizeof(int)), EINVAL);
    CHECK_EQ(
        recv_control(s[1], 0, CMSG_SPACE(3 * sizeof(int)), SCM_RIGHTS, got, sizeof(got), &flags),
        4 * (int)sizeof(int)); /* the padding holds one */
    CHECK_EQ(flags, MSG_CTRUNC);
    for (int i = 0; i < 4; i++)
        close(got[i]);
    CHECK_EQ(send_control(s[0], SCM_RIGHTS, fds, sizeof(int)), 1);
    CHECK_EQ(recv_control(s[1], 0, 0, SCM_RIGHTS, got, sizeof(got), &flags), 0);
    CHECK_EQ(flags, MSG_CTRUNC);
    /* A table that is full: what fits arrives. */
    struct rlimit l;
    CHECK_EQ(send_control(s[0], SCM_RIGHTS, fds, 3 * sizeof(int)), 1);
    int next = CHECK_OK(dup(0));
    close(next);
    CHECK_OK(getrlimit(RLIMIT_NOFILE, &l));
    l.rlim_cur = (rlim_t)next + 1;
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &l));
    CHECK_EQ(recv_control(s[1], 0, 256, SCM_RIGHTS, got, sizeof(got), &flags), (int)sizeof(int));
    CHECK_EQ(flags, MSG_CTRUNC);
    CHECK_EQ(got[0], next);
}

TEST(sockets_that_hold_each_other)
{
    int p[2];
    char ch;
    CHECK_OK(pipe(p));
    for (int i = 0; i < 3; i++) {
        int a[2], b[2];
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, a));
        CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, b));
        CHECK_EQ(send_control(a[0], SCM_RIGHTS, (int[]){b[0], b[1], p[1]}, 3 * sizeof(int)), 1);
        CHECK_EQ(send_control(b[0], SCM_RIGHTS, a, 2 * sizeof(int)), 1);
        for (int k = 0; k < 2; k++) {
            close(a[k]);
            close(b[k]);
        }
    }
    close(p[1]);
    pair(SOCK_STREAM); /* Linux collects in the background when a socket is released */
    close(s[0]);
    close(s[1]);
    struct pollfd q = {.fd = p[0], .events = POLLIN};
    CHECK_EQ(poll(&q, 1, 10000), 1);
    CHECK_EQ(read(p[0], &ch, 1), 0);
}

TEST(descriptors_end_a_read)
{
    int fd = 1, flags, got[4];
    char buf[8];
    pair(SOCK_STREAM);
    CHECK_EQ(send(s[0], "ab", 2, 0), 2);
    CHECK_EQ(send_control(s[0], SCM_RIGHTS, &fd, sizeof(fd)), 1);
    CHECK_EQ(send(s[0], "de", 2, 0), 2);
    CHECK_EQ(recv(s[1], buf, 8, MSG_PEEK), 3);
    CHECK_EQ(recv(s[1], buf, 2, 0), 2);
    CHECK_EQ(
        recv_control(s[1], MSG_PEEK | MSG_CMSG_CLOEXEC, 256, SCM_RIGHTS, got, sizeof(got), &flags),
        4);
    CHECK_EQ(fcntl(got[0], F_GETFD), FD_CLOEXEC);
    CHECK_EQ(recv(s[1], buf, 8, MSG_WAITALL), 1);
    CHECK_EQ(recv(s[1], buf, 8, 0), 2);
}

TEST(what_a_message_costs)
{
    int n = 0;
    pair(SOCK_DGRAM);
    CHECK_EQ(send(s[0], "x", 1, 0), 1);
    CHECK_EQ(asked(s[0], SIOCOUTQ), 768);
    CHECK_EQ(asked(s[1], SIOCINQ), 1);
    for (n = 1; send(s[0], "x", 1, MSG_DONTWAIT) == 1; n++)
        ;
    CHECK_ERR(send(s[0], "x", 1, MSG_DONTWAIT), EAGAIN);
    CHECK_EQ(n, opt(s[0], SO_SNDBUF) / 768 + 1);
    CHECK_EQ(ready(s[0], POLLOUT), 0);
    static char big[300000];
    CHECK_ERR(send(s[1], big, sizeof(big), 0), EMSGSIZE);
    struct timeval tv = {.tv_usec = 20000};
    CHECK_OK(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
    CHECK_ERR(send(s[0], "x", 1, 0), EAGAIN);
    CHECK_ERR(write(s[0], "x", 1), EAGAIN);
}

TEST(full_receiver)
{
    struct sockaddr_un a;
    socklen_t len = abstract_addr(&a, "full");
    int r = CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0)), w = CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0)),
        n = 0;
    char ch;
    CHECK_OK(bind(r, (struct sockaddr *)&a, len));
    CHECK_OK(connect(w, (struct sockaddr *)&a, len));
    while (send(w, "x", 1, MSG_DONTWAIT) == 1)
        n++;
    CHECK_EQ(n, 11); /* net.unix.max_dgram_qlen + 1 */
    CHECK_EQ(ready(w, POLLOUT), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(send(w, "y", 1, 0) == 1 ? 0 : 1);
    CHECK_EQ(recv(r, &ch, 1, 0), 1);
    check_child(pid, 0);
    while (n-- > 0)
        CHECK_EQ(recv(r, &ch, 1, 0), 1);
    CHECK_EQ(ch, 'y');
    CHECK_EQ(ready(w, POLLOUT), POLLOUT);
    /* Whoever reads somebody's datagrams only takes them from him. */
    int x = CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0));
    struct sockaddr_un b;
    len = abstract_addr(&b, "writer");
    CHECK_OK(bind(w, (struct sockaddr *)&b, len));
    CHECK_OK(connect(r, (struct sockaddr *)&b, len));
    len = abstract_addr(&a, "full");
    CHECK_ERR(sendto(x, "z", 1, 0, (struct sockaddr *)&a, len), EPERM);
    CHECK_ERR(connect(x, (struct sockaddr *)&a, len), EPERM);
    /* Leaving a peer drops what it sent, and tells it. */
    CHECK_EQ(send(w, "x", 1, 0), 1);
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    CHECK_OK(connect(r, &none, sizeof(none)));
    CHECK_ERR(recv(r, &ch, 1, MSG_DONTWAIT), EAGAIN);
    CHECK_EQ(opt(w, SO_ERROR), ECONNRESET);
    CHECK_EQ(opt(w, SO_ERROR), 0);
    CHECK_ERR(connect(r, &none, 1), EINVAL);
}

TEST(ends_of_each_kind)
{
    char buf[4];
    pair(SOCK_SEQPACKET);
    CHECK_EQ(send(s[0], "", 0, 0), 0);
    CHECK_EQ(recv(s[1], buf, 4, 0), 0);
    close(s[0]);
    CHECK_ERR(send(s[1], "x", 1, 0), EPIPE); /* and no signal */
    CHECK_EQ(ready(s[1], POLLIN | POLLOUT | POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
    CHECK_EQ(recv(s[1], buf, 4, MSG_DONTWAIT), 0);
    pair(SOCK_DGRAM);
    CHECK_OK(shutdown(s[1], SHUT_RD));
    CHECK_ERR(send(s[0], "x", 1, 0), EPIPE);
    CHECK_ERR(recv(s[1], buf, 4, MSG_DONTWAIT), EAGAIN);
    CHECK_EQ(recv(s[1], buf, 4, 0), 0);
    pair(SOCK_STREAM);
    CHECK_ERR(recv(s[1], buf, 0, MSG_DONTWAIT), EAGAIN);
    CHECK_EQ(read(s[1], buf, 0), 0);
    CHECK_OK(shutdown(s[0], SHUT_WR));
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERR(send(s[0], "", 0, 0), EPIPE);
    int l = CHECK_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    struct sockaddr_un a;
    socklen_t len = abstract_addr(&a, "end");
    CHECK_OK(bind(l, (struct sockaddr *)&a, len));
    CHECK_OK(listen(l, 1));
    int c = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_OK(connect(c, (struct sockaddr *)&a, len));
    CHECK_EQ(opt(l, SO_ACCEPTCONN), 1);
    close(l); /* nobody accepted */
    CHECK_ERR(recv(c, buf, 1, 0), ECONNRESET);
    CHECK_ERR(connect(CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&a, len),
              ECONNREFUSED);
}

TEST(connect_timeout)
{
    struct sockaddr_un a;
    socklen_t len = abstract_addr(&a, "slow");
    struct timeval tv = {.tv_usec = 20000};
    int l = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0)),
        c = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0)),
        d = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_OK(bind(l, (struct sockaddr *)&a, len));
    CHECK_OK(listen(l, 0));
    CHECK_OK(connect(c, (struct sockaddr *)&a, len));
    CHECK_OK(setsockopt(d, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
    CHECK_ERR(connect(d, (struct sockaddr *)&a, len), EAGAIN);
    CHECK_OK(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
    CHECK_OK(accept(l, NULL, NULL));
    CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
}

TEST(stamps)
{
    struct timeval tv;
    struct timespec ts;
    int flags;
    pair(SOCK_DGRAM);
    set(s[1], SO_TIMESTAMP, 1);
    CHECK_EQ(opt(s[1], SO_TIMESTAMP), 1);
    CHECK_EQ(send(s[0], "x", 1, 0), 1);
    CHECK_EQ(recv_control(s[1], 0, 256, SO_TIMESTAMP, &tv, sizeof(tv), &flags), (int)sizeof(tv));
    CHECK(tv.tv_sec > 1000000000 && tv.tv_usec < 1000000);
    set(s[1], SO_TIMESTAMPNS, 1);
    CHECK_EQ(opt(s[1], SO_TIMESTAMP), 0);
    CHECK_EQ(send(s[0], "x", 1, 0), 1);
    CHECK_EQ(recv_control(s[1], 0, 256, SO_TIMESTAMPNS, &ts, sizeof(ts), &flags), (int)sizeof(ts));
    CHECK(ts.tv_sec >= tv.tv_sec);
}

TEST(options_of_every_socket)
{
    char name[128];
    uint64_t cookie = 0, again = 0;
    socklen_t len = sizeof(cookie);
    struct linger lg = {.l_onoff = 5, .l_linger = 3};
    struct sockaddr_un a;
    pair(SOCK_STREAM);
    CHECK_EQ(opt(s[0], SO_PROTOCOL), 0);
    CHECK_EQ(opt(s[0], SO_SNDLOWAT), 1);
    CHECK_EQ(opt(s[0], SO_RCVLOWAT), 1);
    CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_COOKIE, &cookie, &len));
    CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_COOKIE, &again, &len));
    CHECK(cookie != 0 && cookie == again);
    len = 4;
    CHECK_ERR(getsockopt(s[0], SOL_SOCKET, SO_COOKIE, &cookie, &len), EINVAL);
    CHECK_OK(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &lg, sizeof(lg)));
    len = sizeof(lg);
    CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_LINGER, &lg, &len));
    CHECK_EQ(lg.l_onoff, 1);
    CHECK_ERR(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &lg, 4), EINVAL);
    CHECK_ERR(setsockopt(s[0], SOL_SOCKET, SO_TYPE, &lg, 4), ENOPROTOOPT);
    CHECK_ERR(setsockopt(s[0], SOL_SOCKET, SO_ERROR, &lg, 4), ENOPROTOOPT);
    len = sizeof(name);
    CHECK_ERR(getsockopt(s[0], SOL_SOCKET, SO_PEERSEC, name, &len), ENOPROTOOPT);
    len = 2;
    CHECK_OK(getsockopt(s[0], SOL_SOCKET, 28 /* SO_PEERNAME */, name, &len));
    len = sizeof(name);
    CHECK_ERR(getsockopt(s[0], SOL_SOCKET, 28, name, &len), EINVAL);
    len = (socklen_t)-1;
    CHECK_ERR(getsockopt(s[0], SOL_SOCKET, SO_TYPE, name, &len), EINVAL);
    set(s[0], SO_RCVBUF, 1);
    CHECK_EQ(opt(s[0], SO_RCVBUF), 2304);
    set(s[0], SO_SNDBUF, 1);
    CHECK_EQ(opt(s[0], SO_SNDBUF), 4608);
    set(s[0], SO_SNDBUF, 100000000);
    CHECK(opt(s[0], SO_SNDBUF) < 100000000);
    struct timeval tv = {.tv_usec = 2000000};
    CHECK_ERR(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), EDOM);
    CHECK_ERR(setsockopt(s[0], SOL_SOCKET, SO_BINDTODEVICE, "nosuch0", 8), ENODEV);
    len = abstract_addr(&a, "opt");
    CHECK_OK(bind(s[0], (struct sockaddr *)&a, len));
    CHECK_OK(getsockopt(s[1], SOL_SOCKET, 28, name, &len));
    CHECK_EQ(memcmp(name, &a, len), 0);
}

TEST(low_water_mark)
{
    char buf[8];
    pair(SOCK_STREAM);
    set(s[1], SO_RCVLOWAT, 4);
    CHECK_EQ(send(s[0], "ab", 2, 0), 2);
    CHECK_EQ(ready(s[1], POLLIN), POLLIN); /* Linux looks only at TCP's */
    pid_t pid = fork();
    if (pid == 0) {
        usleep(20000);
        _exit(send(s[0], "cdef", 4, 0) == 4 ? 0 : 1);
    }
    CHECK_EQ(recv(s[1], buf, 8, 0), 6);
    check_child(pid, 0);
}

/* read() as recv(): it waits for so many, and gives what there is at the end, or when it may not wait. */
TEST(low_water_of_reads)
{
    char buf[8];
    pair(SOCK_STREAM);
    set(s[1], SO_RCVLOWAT, 4);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(send(s[0], "ab", 2, 0), 2);
        pid_t pid = fork();
        if (pid == 0) {
            usleep(20000);
            _exit(send(s[0], "cdef", 4, 0) == 4 ? 0 : 1);
        }
        struct iovec v[2] = {{buf, 3}, {buf + 3, 5}};
        CHECK_EQ(i ? readv(s[1], v, 2) : read(s[1], buf, 8), 6);
        CHECK_EQ(memcmp(buf, "abcdef", 6), 0);
        check_child(pid, 0);
    }
    CHECK_EQ(send(s[0], "ab", 2, 0), 2);
    CHECK_EQ(read(s[1], buf, 2), 2);
    CHECK_EQ(send(s[0], "ab", 2, 0), 2);
    CHECK_OK(fcntl(s[1], F_SETFL, O_NONBLOCK));
    CHECK_EQ(read(s[1], buf, 8), 2);
    CHECK_ERR(read(s[1], buf, 8), EAGAIN);
    CHECK_OK(fcntl(s[1], F_SETFL, 0));
    CHECK_EQ(send(s[0], "ab", 2, 0), 2);
    CHECK_OK(shutdown(s[0], SHUT_WR));
    CHECK_EQ(read(s[1], buf, 8), 2);
    CHECK_EQ(read(s[1], buf, 8), 0);
}

TEST(signals_of_readiness)
{
    int one = 1;
    char ch;
    signal(SIGIO, on_signal);
    pair(SOCK_STREAM);
    CHECK_OK(ioctl(s[1], FIOSETOWN, (int[]){getpid()}));
    CHECK_EQ(fcntl(s[1], F_GETOWN), getpid());
    CHECK_OK(ioctl(s[1], FIOASYNC, &one));
    CHECK_EQ(send(s[0], "x", 1, 0), 1);
    CHECK(ios > 0);
    CHECK_EQ(read(s[1], &ch, 1), 1);
    int before = ios;
    close(s[0]);
    CHECK(ios > before);
}

TEST(files_into_sockets)
{
    char name[256], buf[64];
    int p[2];
    snprintf(name, sizeof(name), "%s/f", guest_dir());
    int f = CHECK_OK(open(name, O_RDWR | O_CREAT, 0600));
    CHECK_EQ(write(f, "0123456789", 10), 10);
    off_t off = 2;
    pair(SOCK_STREAM);
    CHECK_EQ(sendfile(s[0], f, &off, 100), 8);
    CHECK_EQ(off, 10);
    CHECK_OK(pipe(p));
    CHECK_EQ(splice(s[1], NULL, p[1], NULL, 5, 0), 5);
    CHECK_EQ(splice(p[0], NULL, s[1], NULL, 100, 0), 5);
    CHECK_EQ(recv(s[0], buf, 64, 0), 5);
    CHECK_EQ(memcmp(buf, "23456", 5), 0);
    CHECK_EQ(recv(s[1], buf, 64, 0), 3);
    CHECK_ERR(splice(s[1], NULL, p[1], NULL, 5, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_OK(shutdown(s[0], SHUT_WR));
    CHECK_EQ(splice(s[1], NULL, p[1], NULL, 5, 0), 0);
}

TEST(bad_memory)
{
    char *bad = (char *)8, buf[8];
    pair(SOCK_DGRAM);
    CHECK_ERR(send(s[0], bad, 4, 0), EFAULT);
    CHECK_EQ(send(s[0], "abcd", 4, 0), 4);
    CHECK_ERR(recv(s[1], bad, 4, MSG_PEEK), EFAULT);
    CHECK_EQ(recv(s[1], buf, 8, MSG_PEEK), 4);
    CHECK_ERR(recv(s[1], bad, 4, 0), EFAULT);
    CHECK_ERR(recv(s[1], buf, 8, MSG_DONTWAIT), EAGAIN); /* it was lost */
    pair(SOCK_STREAM);
    CHECK_EQ(send(s[0], "abcd", 4, 0), 4);
    CHECK_ERR(recv(s[1], bad, 4, 0), EFAULT);
    CHECK_EQ(recv(s[1], buf, 8, 0), 4);
    struct iovec iov[2] = {{buf, 2}, {bad, 2}};
    CHECK_EQ(send(s[0], "abcd", 4, 0), 4);
    CHECK_ERR(readv(s[1], iov, 2), EFAULT);
    CHECK_EQ(recv(s[1], buf, 8, 0), 4);
}
