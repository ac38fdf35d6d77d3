/* AF_UNIX sockets. */
#include "guest.h"

#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>

static int s[2];

static socklen_t path_addr(struct sockaddr_un *a, const char *name)
{
    memset(a, 0, sizeof(*a));
    a->sun_family = AF_UNIX;
    snprintf(a->sun_path, sizeof(a->sun_path), "%s/%s", guest_dir(), name);
    return sizeof(*a);
}

static socklen_t abstract_addr(struct sockaddr_un *a, const char *name)
{
    memset(a, 0, sizeof(*a));
    a->sun_family = AF_UNIX;
    int n = snprintf(a->sun_path + 1, sizeof(a->sun_path) - 1, "cvisor-%d-%s", getpid(), name);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static short ready(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    CHECK_OK(poll(&p, 1, 0));
    return p.revents;
}

TEST(stream_pair)
{
    char buf[16];
    CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s));
    CHECK_EQ(fcntl(s[0], F_GETFD), FD_CLOEXEC);
    CHECK_EQ(write(s[0], "hello", 5), 5);
    CHECK_EQ(write(s[0], "world", 5), 5);
    int n = 0;
    CHECK_OK(ioctl(s[1], FIONREAD, &n));
    CHECK_EQ(n, 10);
    CHECK_EQ(recv(s[1], buf, 3, MSG_PEEK), 3);
    CHECK_EQ(read(s[1], buf, 7), 7);
    CHECK_EQ(memcmp(buf, "hellowo", 7), 0);
    CHECK_EQ(recv(s[1], buf, 16, MSG_DONTWAIT), 3);
    CHECK_ERR(recv(s[1], buf, 16, MSG_DONTWAIT), EAGAIN);
    CHECK_OK(shutdown(s[0], SHUT_WR));
    CHECK_EQ(read(s[1], buf, 1), 0);
    CHECK_EQ(ready(s[1], POLLIN | POLLRDHUP), POLLIN | POLLRDHUP);
    CHECK_EQ(write(s[1], "x", 1), 1);
    close(s[0]);
    CHECK_ERR(recv(s[1], buf, 1, 0), ECONNRESET); /* it closed with a byte unread */
    CHECK_EQ(recv(s[1], buf, 1, 0), 0);
    CHECK_ERR(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK_EQ(ready(s[1], POLLIN | POLLOUT), POLLIN | POLLOUT | POLLHUP);
}

TEST(kinds_and_errors)
{
    CHECK_ERR(socket(AF_UNIX, SOCK_STREAM, 5), EPROTONOSUPPORT);
    CHECK_ERR(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
    CHECK_ERR(socket(AF_UNIX, 99 | SOCK_STREAM, 0), EINVAL);
    CHECK_ERR(socket(77, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERR(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 8), EFAULT);
    int fd = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_ERR(listen(fd, 1), EINVAL);
    CHECK_ERR(accept(fd, NULL, NULL), EINVAL);
    CHECK_ERR(send(fd, "x", 1, MSG_NOSIGNAL), ENOTCONN);
    CHECK_ERR(recv(fd, s, 1, 0), EINVAL);
    CHECK_ERR(getpeername(fd, (struct sockaddr *)s, (socklen_t[]){8}), ENOTCONN);
    CHECK_ERR(shutdown(fd, 3), EINVAL);
    CHECK_ERR(listen(0, 1), ENOTSOCK);
    CHECK_ERR(listen(999, 1), EBADF);
    CHECK_EQ(ready(fd, POLLOUT), POLLOUT | POLLHUP);
}

TEST(path_names)
{
    struct sockaddr_un a, b;
    socklen_t len = path_addr(&a, "sock"), blen = sizeof(b);
    struct stat st;
    int l = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0)),
        c = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_ERR(connect(c, (struct sockaddr *)&a, len), ENOENT);
    CHECK_OK(bind(l, (struct sockaddr *)&a, len));
    CHECK_OK(stat(a.sun_path, &st));
    CHECK(S_ISSOCK(st.st_mode));
    CHECK_ERR(open(a.sun_path, O_RDWR), ENXIO);
    CHECK_ERR(bind(c, (struct sockaddr *)&a, len), EADDRINUSE);
    CHECK_ERR(bind(l, (struct sockaddr *)&a, len), EADDRINUSE);
    (void)abstract_addr(&b, "other");
    CHECK_ERR(bind(l, (struct sockaddr *)&b, sizeof(b)), EINVAL);
    CHECK_ERR(connect(c, (struct sockaddr *)&a, len), ECONNREFUSED);
    CHECK_OK(listen(l, 4));
    CHECK_OK(connect(c, (struct sockaddr *)&a, len));
    CHECK_ERR(connect(c, (struct sockaddr *)&a, len), EISCONN);
    int d = CHECK_OK(accept4(l, (struct sockaddr *)&b, &blen, SOCK_CLOEXEC));
    CHECK_EQ(blen, 2);
    blen = sizeof(b);
    CHECK_OK(getpeername(c, (struct sockaddr *)&b, &blen));
    CHECK_STR(b.sun_path, a.sun_path);
    CHECK_EQ(blen, offsetof(struct sockaddr_un, sun_path) + strlen(a.sun_path) + 1);
    CHECK_EQ(write(c, "q", 1), 1);
    char ch;
    CHECK_EQ(read(d, &ch, 1), 1);
    CHECK_OK(unlink(a.sun_path));
    int e = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_ERR(connect(e, (struct sockaddr *)&a, len), ENOENT);
    int g = CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0));
    len = path_addr(&a, "two");
    CHECK_OK(bind(e, (struct sockaddr *)&a, len));
    CHECK_ERR(connect(g, (struct sockaddr *)&a, len), EPROTOTYPE);
}

TEST(abstract_names_and_autobind)
{
    struct sockaddr_un a, b;
    socklen_t len = abstract_addr(&a, "x"), blen = sizeof(b);
    int one = CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0)),
        two = CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0));
    CHECK_OK(bind(one, (struct sockaddr *)&a, len));
    CHECK_ERR(bind(two, (struct sockaddr *)&a, len), EADDRINUSE);
    CHECK_OK(bind(two, (struct sockaddr *)&a, sizeof(sa_family_t)));
    CHECK_OK(getsockname(two, (struct sockaddr *)&b, &blen));
    CHECK_EQ(blen, sizeof(sa_family_t) + 6);
    CHECK_EQ(b.sun_path[0], 0);
    CHECK_EQ(sendto(two, "dgram", 5, 0, (struct sockaddr *)&a, len), 5);
    char buf[16];
    struct sockaddr_un from;
    socklen_t flen = sizeof(from);
    CHECK_EQ(recvfrom(one, buf, 3, MSG_TRUNC, (struct sockaddr *)&from, &flen), 5);
    CHECK_EQ(flen, blen);
    CHECK_EQ(memcmp(&from, &b, blen), 0);
    close(one);
    CHECK_ERR(sendto(two, "x", 1, 0, (struct sockaddr *)&a, len), ECONNREFUSED);
    CHECK_ERR(send(two, "x", 1, 0), ENOTCONN);
}

TEST(datagrams_and_packets)
{
    char buf[8];
    CHECK_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
    CHECK_EQ(write(s[0], "abc", 3), 3);
    CHECK_EQ(write(s[0], "defg", 4), 4);
    CHECK_EQ(read(s[1], buf, 2), 2);
    CHECK_EQ(read(s[1], buf, 8), 4);
    close(s[0]);
    CHECK_EQ(read(s[1], buf, 8), 0);
    CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
    CHECK_EQ(send(s[0], "", 0, 0), 0);
    CHECK_EQ(recv(s[1], buf, 8, 0), 0);
    close(s[1]);
    CHECK_ERR(send(s[0], "x", 1, 0), ECONNREFUSED);
}

static ssize_t send_fds(int to, const int *fd, int n)
{
    char byte = 'f', control[CMSG_SPACE(sizeof(int) * 8)] = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n);
    memcpy(CMSG_DATA(c), fd, sizeof(int) * (size_t)n);
    return sendmsg(to, &m, 0);
}

static int recv_fds(int from, int *fd, size_t room, int *flags)
{
    char byte, control[256];
    struct iovec iov = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
    CHECK_EQ(recvmsg(from, &m, MSG_CMSG_CLOEXEC), 1);
    *flags = m.msg_flags;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (!c)
        return 0;
    CHECK_EQ(c->cmsg_type, SCM_RIGHTS);
    int n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(fd, CMSG_DATA(c), (size_t)n * sizeof(int));
    return n;
}

TEST(descriptors_travel)
{
    int p[2], got[8], flags;
    char ch;
    CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    CHECK_OK(pipe(p));
    CHECK_EQ(send_fds(s[0], p, 2), 1);
    close(p[0]);
    close(p[1]);
    CHECK_EQ(recv_fds(s[1], got, CMSG_SPACE(sizeof(int) * 2), &flags), 2);
    CHECK_EQ(fcntl(got[0], F_GETFD), FD_CLOEXEC);
    CHECK_EQ(write(got[1], "w", 1), 1);
    CHECK_EQ(read(got[0], &ch, 1), 1);
    CHECK_EQ(send_fds(s[0], got, 2), 1);
    CHECK_EQ(recv_fds(s[1], got + 2, CMSG_SPACE(sizeof(int)) - 4, &flags), 1);
    CHECK_EQ(flags & MSG_CTRUNC, MSG_CTRUNC);
    CHECK_EQ(send_fds(s[0], got, 2), 1);
    CHECK_EQ(read(s[1], &ch, 1), 1); /* dropped without a trace */
    CHECK_ERR(send_fds(s[0], (int[]){999}, 1), EBADF);
    /* In flight only: closing the sockets closes them. */
    CHECK_OK(pipe(p));
    CHECK_EQ(send_fds(s[0], &p[1], 1), 1);
    close(p[1]);
    close(s[0]);
    close(s[1]);
    CHECK_EQ(read(p[0], &ch, 1), 0);
}

TEST(credentials)
{
    struct ucred cr;
    socklen_t len = sizeof(cr);
    int one = 1;
    CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
    CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cr, &len));
    CHECK_EQ(cr.pid, getpid());
    CHECK_EQ(cr.uid, geteuid());
    CHECK_OK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
    CHECK_EQ(send(s[0], "c", 1, 0), 1);
    char ch, control[CMSG_SPACE(sizeof(cr))];
    struct iovec iov = {&ch, 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    CHECK_EQ(recvmsg(s[1], &m, 0), 1);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    CHECK(c && c->cmsg_type == SCM_CREDENTIALS);
    memcpy(&cr, CMSG_DATA(c), sizeof(cr));
    CHECK_EQ(cr.pid, getpid());
    CHECK_EQ(cr.uid, getuid());
}

TEST(backlog_and_blocking)
{
    struct sockaddr_un a;
    socklen_t len = abstract_addr(&a, "b");
    int l = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_OK(bind(l, (struct sockaddr *)&a, len));
    CHECK_OK(listen(l, 0));
    CHECK_EQ(ready(l, POLLIN), 0);
    int c = CHECK_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    CHECK_OK(connect(c, (struct sockaddr *)&a, len));
    int d = CHECK_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    CHECK_ERR(connect(d, (struct sockaddr *)&a, len), EAGAIN);
    CHECK_EQ(ready(l, POLLIN), POLLIN);
    pid_t pid = fork();
    if (pid == 0) {
        int e = socket(AF_UNIX, SOCK_STREAM, 0);
        char ch;
        _exit(connect(e, (struct sockaddr *)&a, len) == 0 && read(e, &ch, 1) == 1 ? 0 : 1);
    }
    usleep(30000);
    CHECK_OK(accept(l, NULL, NULL));
    int g = CHECK_OK(accept(l, NULL, NULL));
    CHECK_EQ(write(g, "k", 1), 1);
    check_child(pid, 0);
    CHECK_OK(fcntl(l, F_SETFL, O_NONBLOCK));
    CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
}

TEST(full_buffers)
{
    static char big[400000], back[400000];
    int n = 0;
    CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    CHECK_OK(fcntl(s[0], F_SETFL, O_NONBLOCK));
    while (write(s[0], big, 4096) > 0)
        n++;
    CHECK_EQ(errno, EAGAIN);
    CHECK(n > 10);
    CHECK_EQ(ready(s[0], POLLOUT), 0);
    while (recv(s[1], back, sizeof(back), MSG_DONTWAIT) > 0)
        ;
    CHECK_EQ(ready(s[0], POLLOUT), POLLOUT);
    CHECK_OK(fcntl(s[0], F_SETFL, 0));
    pid_t pid = fork();
    if (pid == 0)
        _exit(write(s[0], big, sizeof(big)) == (ssize_t)sizeof(big) ? 0 : 1);
    CHECK_EQ(recv(s[1], back, sizeof(back), MSG_WAITALL), (ssize_t)sizeof(back));
    check_child(pid, 0);
}

TEST(timeouts_and_options)
{
    struct timeval tv = {.tv_usec = 30000};
    char ch;
    int v;
    socklen_t len = sizeof(v);
    CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    CHECK_OK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
    CHECK_ERR(recv(s[0], &ch, 1, 0), EAGAIN);
    CHECK_ERR(read(s[0], &ch, 1), EAGAIN);
    CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &v, &len));
    CHECK_EQ(v, SOCK_STREAM);
    CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_DOMAIN, &v, &len));
    CHECK_EQ(v, AF_UNIX);
    v = 10000;
    CHECK_OK(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof(v)));
    CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, &len));
    CHECK_EQ(v, 20000);
    CHECK_ERR(setsockopt(s[0], SOL_SOCKET, 9999, &v, sizeof(v)), ENOPROTOOPT);
    CHECK_ERR(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, 2), EINVAL);
    CHECK_ERR(getsockopt(s[0], 6, 1, &v, &len), EOPNOTSUPP);
}

TEST(many_messages)
{
    char a[4] = "one", b[4] = "two", out[2][4];
    struct iovec iov[2] = {{a, 3}, {b, 3}}, riov[2] = {{out[0], 4}, {out[1], 4}};
    struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = &iov[0], .msg_iovlen = 1}},
                           {.msg_hdr = {.msg_iov = &iov[1], .msg_iovlen = 1}}};
    CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
    CHECK_EQ(sendmmsg(s[0], m, 2, 0), 2);
    CHECK_EQ(m[1].msg_len, 3);
    m[0].msg_hdr.msg_iov = &riov[0];
    m[1].msg_hdr.msg_iov = &riov[1];
    CHECK_EQ(recvmmsg(s[1], m, 2, MSG_WAITFORONE, NULL), 2);
    CHECK_EQ(memcmp(out[1], "two", 3), 0);
}
